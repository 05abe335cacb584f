"""A short-lived cache of lists that two methods of an adapter need, one right after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from airflow_provider_sessions.clock import Clock

T = TypeVar("T")

_MAX_LISTS = 32
"""Sessions whose lists are kept: an export rarely works on more at the same time."""


class ListCache(Generic[T]):
    """The last lists of sessions.

    :param fetch: requests the list of a session.
    :param clock: the clock.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[list[T]]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lists: dict[str, tuple[datetime, list[T]]] = {}

    async def get(self, session_id: str, *, max_age: float = 0.0) -> list[T]:
        """Return the list of a session.

        :param max_age: seconds for which the last response may be used; by default the list is requested.
        """
        now = self._clock.now()
        if session_id in self._lists:
            fetched_at, rows = self._lists[session_id]
            if now - fetched_at < timedelta(seconds=max_age):
                return rows
        rows = await self._fetch(session_id)
        self._lists.pop(session_id, None)
        self._lists[session_id] = (self._clock.now(), rows)
        for oldest in list(self._lists)[:-_MAX_LISTS]:
            del self._lists[oldest]
        return rows
