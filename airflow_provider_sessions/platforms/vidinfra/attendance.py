"""Reading attendance lists, and reading each once where both attendance and participants are wanted of a session."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.models import AttendanceResponse

_KEPT_FOR = timedelta(minutes=1)
_KEPT = 32
"""How many lists are kept at most: more sessions are rarely asked about side by side."""


class AttendanceLists:
    """A connection's attendance lists.

    :param client: sends the calls.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[str, tuple[datetime, list[AttendanceResponse]]] = {}

    async def read(self, session_id: str) -> list[AttendanceResponse]:
        """A session's list as it is now. It is kept for a moment, for :meth:`take`."""
        self._kept.pop(session_id, None)
        rows = [row async for row in self._client.pages(endpoints.list_attendance(session_id))]
        now = self._client.clock.now()
        fresh = [(key, kept) for key, kept in self._kept.items() if now - kept[0] <= _KEPT_FOR]
        self._kept = {**dict(fresh[1 - _KEPT :]), session_id: (now, rows)}
        return rows

    async def take(self, session_id: str) -> list[AttendanceResponse]:
        """The list that was read a moment ago, if it was not taken before; else as it is now."""
        read_at, rows = self._kept.pop(session_id, (None, []))
        if read_at is not None and self._client.clock.now() - read_at <= _KEPT_FOR:
            return rows
        return [row async for row in self._client.pages(endpoints.list_attendance(session_id))]
