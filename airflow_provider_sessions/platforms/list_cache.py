"""Reading a list once where two questions about a session need it, one right after the other.

Where one list shows both transcripts and recordings, an adapter reads it for the transcripts, which an export asks for
first, and takes what was read for the recordings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from airflow_provider_sessions.clock import Clock

T = TypeVar("T")

_KEPT_FOR = timedelta(minutes=1)
_KEPT = 32
"""How many lists are kept at most: more sessions are rarely asked about side by side."""


class ListCache(Generic[T]):
    """Lists of sessions, kept for a moment.

    :param fetch: asks for the list of a session.
    :param clock: time.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[list[T]]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._kept: dict[str, tuple[datetime, list[T]]] = {}

    async def read(self, session_id: str) -> list[T]:
        """A session's list as it is now. It is kept for a moment, for :meth:`take`."""
        self._kept.pop(session_id, None)
        rows = await self._fetch(session_id)
        now = self._clock.now()
        fresh = [(key, kept) for key, kept in self._kept.items() if now - kept[0] <= _KEPT_FOR]
        self._kept = {**dict(fresh[1 - _KEPT :]), session_id: (now, rows)}
        return rows

    async def take(self, session_id: str) -> list[T]:
        """The list that was read a moment ago, if it was not taken before; else as it is now."""
        read_at, rows = self._kept.pop(session_id, (None, []))
        if read_at is not None and self._clock.now() - read_at <= _KEPT_FOR:
            return rows
        return await self._fetch(session_id)
