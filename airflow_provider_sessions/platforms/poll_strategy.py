"""How to poll many sessions with few requests: by a list, or one by one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from airflow_provider_sessions.errors import NotFoundError, ResponseError, SessionsError
from airflow_provider_sessions.model import Session, SessionQuery, Window, WindowBy
from airflow_provider_sessions.platforms.instants import shifted

T = TypeVar("T")
GetSession = Callable[[str], Awaitable[Session]]
ListSessions = Callable[[SessionQuery], AsyncIterator[Session]]

_CONCURRENT_REQUESTS = 8
"""Sessions that are requested at the same time."""


async def get_each(get: GetSession, session_ids: Sequence[str]) -> dict[str, Session | SessionsError]:
    """Get sessions one by one, a few at a time.

    :returns: for each id the session, or the error of this session alone: it is gone, or cannot be read.
    :raises SessionsError: another failure, which would meet the other sessions, too.
    """
    found: dict[str, Session | SessionsError] = {}
    for first in range(0, len(session_ids), _CONCURRENT_REQUESTS):
        batch = session_ids[first : first + _CONCURRENT_REQUESTS]
        results = await asyncio.gather(*map(get, batch), return_exceptions=True)
        for session_id, result in zip(batch, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, NotFoundError | ResponseError):
                raise result
            found[session_id] = result
    return found


def keep_final(known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
    """Return the sessions that need not be polled: they are in a final state."""
    return {key: session for key, session in known.items() if session is not None and session.state.is_final}


class ListOrGet:
    """Polls sessions by a list of the days on which they are planned, if that takes fewer requests than one for each.

    The list is expected to take as many requests as last time. A session that is unknown, has no planned start or is
    not listed is requested by itself.

    :param get: returns one session.
    :param list_sessions: lists the sessions of a query.
    :param count_requests: returns how many requests were sent so far.
    """

    def __init__(self, get: GetSession, list_sessions: ListSessions, count_requests: Callable[[], int]) -> None:
        self._get = get
        self._list_sessions = list_sessions
        self._count_requests = count_requests
        self._list_cost = 1

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """See ``Adapter.poll_sessions``. Sessions in a final state are not polled."""
        polled = keep_final(known)
        planned = {
            key: session.scheduled_start
            for key, session in known.items()
            if key not in polled and session is not None and session.scheduled_start is not None
        }
        if len(planned) > self._list_cost:
            polled |= await self._poll_list(planned)
        return polled | await get_each(self._get, [key for key in known if key not in polled])

    async def _poll_list(self, planned: Mapping[str, datetime]) -> dict[str, Session | SessionsError]:
        window = Window(start=min(planned.values()), end=shifted(max(planned.values()), timedelta(seconds=1)))
        before = self._count_requests()
        listed = self._list_sessions(SessionQuery(window=window, by=WindowBy.SCHEDULED_START))
        found: dict[str, Session | SessionsError] = {
            session.session_id: session async for session in listed if session.session_id in planned
        }
        self._list_cost = max(1, self._count_requests() - before)
        return found


class PageSearch:
    """Searches a list, newest first, for sessions; remembers on which page each one was.

    A session that was not searched for yet is expected on the first page. The search reads no more pages in vain than
    requests for the missing sessions would take. So only the first search may cost up to twice as much as needed.

    :param page_size: sessions on a full page.
    """

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._pages: dict[str, float] = {}

    def exclude(self, session_id: str) -> None:
        """Do not search for a session any more: the list does not show it, or not enough of it."""
        self._pages[session_id] = math.inf

    def estimate_requests(self, wanted: Collection[str]) -> int:
        """Return how many requests the sessions take: for pages, and for each session that is on none of them."""
        return self._plan(wanted)[0]

    def _plan(self, wanted: Collection[str]) -> tuple[int, int]:
        """Return the least number of requests, and how many of them are pages."""
        pages = sorted(self._pages.get(key, 1) for key in wanted)
        plans = [
            (int(page) + len(pages) - number, int(page)) for number, page in enumerate(pages, 1) if page < math.inf
        ]
        return min([(len(pages), 0), *plans])

    async def search(
        self, items: AsyncIterator[T], wanted: Collection[str], key_of: Callable[[T], str | None]
    ) -> dict[str, T]:
        """Read pages as long as that takes fewer requests than getting the missing sessions one by one.

        :param items: the list; a page is requested when its first item is read.
        :param wanted: ids.
        :param key_of: returns an item's id.
        :returns: the items that were found, by id.
        """
        _, pages = self._plan(wanted)
        expected = {key for key in wanted if self._pages.get(key, 1) <= pages}
        found: dict[str, T] = {}
        page, in_vain = 0, 0
        while expected and (page < pages or in_vain < len(expected) - 1):
            before = len(found)
            page += 1
            for _ in range(self._page_size):
                item = await anext(items, None)
                if item is None:
                    for missing in set(wanted) - found.keys():
                        self.exclude(missing)
                    return found
                key = key_of(item)
                if key is not None and key in wanted:
                    found[key] = item
                    expected.discard(key)
                    self._pages[key] = page
            in_vain += len(found) == before
        for key in expected:
            self._pages[key] = page + 1
        return found
