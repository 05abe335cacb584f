"""How to poll many sessions with few requests: by a list, or one by one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    NoResponseError,
    NotFoundError,
    RateLimitedError,
    SessionsError,
)
from airflow_provider_sessions.model import Session, SessionQuery, Window, WindowBy
from airflow_provider_sessions.platforms.instants import shifted

T = TypeVar("T")
GetSession = Callable[[str], Awaitable[Session]]
ListSessions = Callable[[SessionQuery], AsyncIterator[Session]]

_CONCURRENT_REQUESTS = 8
"""Sessions that are requested at the same time."""


SHARED_ERRORS = (AuthenticationError, RateLimitedError, NoResponseError)
"""Errors of the account or the host, which every other request of a poll would meet, too."""
_MAX_FAILURES_IN_A_ROW = 5
"""Requests that may fail one after the other, each with its own error, before the platform counts as failing."""
_OVERDUE = 5
"""Sessions that are requested before a list, if an error stopped the list last time."""


class RequestStop:
    """Decides when a poll sends no more requests: after an error that the others would meet, too.

    That is one of :data:`SHARED_ERRORS`, or the last of several error responses (5xx, 403, 400) in a row.
    """

    def __init__(self) -> None:
        self.shared_error: SessionsError | None = None
        self._last_error: SessionsError | None = None
        self._in_a_row = 0

    @property
    def error(self) -> SessionsError | None:
        """The error; None while requests may be sent."""
        return self.shared_error or (self._last_error if self._in_a_row >= _MAX_FAILURES_IN_A_ROW else None)

    def add(self, result: object) -> None:
        """Count the result of a request, or its error."""
        if isinstance(result, SHARED_ERRORS):
            self.shared_error = self.shared_error or result
        elif isinstance(result, ApiError) and not isinstance(result, NotFoundError):
            self._last_error, self._in_a_row = result, self._in_a_row + 1
        else:
            self._in_a_row = 0


async def get_each(
    get: GetSession,
    session_ids: Sequence[str],
    polled: dict[str, Session | SessionsError],
    *,
    concurrent: int = _CONCURRENT_REQUESTS,
) -> None:
    """Get sessions one by one, a few at a time. Add each to ``polled``, or the error of that session alone.

    :param session_ids: ids, in the order of the requests.
    :param polled: results by id.
    :param concurrent: sessions that are requested at the same time.
    :raises SessionsError: the rest would meet this error, too, and was not requested; see :class:`RequestStop`.
    """
    stop = RequestStop()
    for first in range(0, len(session_ids), concurrent):
        batch = session_ids[first : first + concurrent]
        results = await asyncio.gather(*map(get, batch), return_exceptions=True)
        for session_id, result in zip(batch, results, strict=True):
            if not isinstance(result, Session | SessionsError):
                raise result
            stop.add(result)
            if not isinstance(result, SHARED_ERRORS):
                polled[session_id] = result
        if stop.error is not None:
            raise stop.error


async def keep_polled(
    polled: dict[str, Session | SessionsError], wanted: Collection[str], poll: Awaitable[None]
) -> dict[str, Session | SessionsError]:
    """Await a poll that adds to ``polled``, and return that; if the poll stops, the rest gets its error.

    :param polled: results by id.
    :param wanted: ids, in the order of the requests.
    :param poll: adds the results.
    :raises SessionsError: nothing was polled, or a list cannot be read, so that what it held may be wrong.
    """
    try:
        await poll
    except (ApiError, NoResponseError) as error:
        if not polled:
            raise
        polled |= {key: error for key in wanted if key not in polled}
    return polled


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
        self._was_stopped = False

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """See ``Adapter.poll_sessions``. Sessions in a final state are not polled."""
        polled = keep_final(known)
        return await keep_polled(polled, known, self._poll(known, polled))

    async def _poll(self, known: Mapping[str, Session | None], polled: dict[str, Session | SessionsError]) -> None:
        planned = {
            key: session.scheduled_start
            for key, session in known.items()
            if key not in polled and session is not None and session.scheduled_start is not None
        }
        if len(planned) > self._list_cost:
            if self._was_stopped:
                await get_each(self._get, list(planned)[:_OVERDUE], polled)
            await self._poll_list(planned, polled)
        await get_each(self._get, [key for key in known if key not in polled], polled)

    async def _poll_list(self, planned: Mapping[str, datetime], polled: dict[str, Session | SessionsError]) -> None:
        window = Window(start=min(planned.values()), end=shifted(max(planned.values()), timedelta(seconds=1)))
        before, self._was_stopped = self._count_requests(), True
        async for session in self._list_sessions(SessionQuery(window=window, by=WindowBy.SCHEDULED_START)):
            if session.session_id in planned:
                polled[session.session_id] = session
        self._list_cost, self._was_stopped = max(1, self._count_requests() - before), False


class PageSearch:
    """Searches a list, newest first, for sessions; remembers on which page each one was.

    A session that was not searched for yet is expected on the first page. The search reads no more pages in vain than
    requests for the missing sessions would take. So only the first search may cost up to twice as much as needed.

    :param page_size: sessions on a full page.
    :param get: requests a session by itself.
    """

    def __init__(self, page_size: int, get: GetSession) -> None:
        self._page_size, self._get = page_size, get
        self._pages: dict[str, float] = {}
        self._was_stopped = False

    def select_overdue(self, wanted: Sequence[str]) -> Sequence[str]:
        """Return which sessions to request before the next search: some, if an error stopped the last one.

        Otherwise an account that never allows as many requests as the pages take would never get to the last pages.

        :param wanted: ids, the longest unrequested first.
        """
        return wanted[:_OVERDUE] if self._was_stopped else ()

    async def get(self, session_id: str) -> Session:
        """Return a session by a request of its own; if it is gone, no page is searched for it any more."""
        try:
            return await self._get(session_id)
        except NotFoundError:
            self.exclude(session_id)
            raise

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
    ) -> AsyncIterator[tuple[str, T]]:
        """Read pages as long as that takes fewer requests than getting the missing sessions one by one.

        Yield each item that is found, with its id.

        :param items: the list; a page is requested when its first item is read.
        :param wanted: ids.
        :param key_of: returns an item's id.
        """
        _, pages = self._plan(wanted)
        expected = {key for key in wanted if self._pages.get(key, 1) <= pages}
        found: set[str] = set()
        page, in_vain = 0, 0
        while expected and (page < pages or in_vain < len(expected) - 1):
            before = len(found)
            page += 1
            self._was_stopped = True
            for _ in range(self._page_size):
                item = await anext(items, None)
                if item is None:
                    for missing in set(wanted) - found:
                        self.exclude(missing)
                    self._was_stopped = False
                    return
                key = key_of(item)
                if key is not None and key in wanted:
                    found.add(key)
                    expected.discard(key)
                    self._pages[key] = page
                    yield key, item
            self._was_stopped = False
            in_vain += len(found) == before
        for key in expected:
            self._pages[key] = page + 1
