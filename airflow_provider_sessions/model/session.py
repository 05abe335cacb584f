"""A session and its state."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from airflow_provider_sessions.model.values import Link, UtcDatetime, Value
from airflow_provider_sessions.safe_text import sanitize_text

StateName = Literal["requested", "scheduled", "live", "ended", "canceled", "expired"]
"""The words of :class:`SessionState`, for the types of arguments."""


class SessionState(StrEnum):
    """Where a session is in its life: the same six words for every platform."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether no other state can follow."""
        return self in (SessionState.ENDED, SessionState.CANCELED, SessionState.EXPIRED)


class Session(Value):
    """One scheduled or held event on a platform.

    ``time_zone`` is the IANA name the session was planned in, where the platform keeps it. ``state_inferred`` is true
    where the platform has no word for the state and a written rule found it. ``unreadable`` names the fields of this
    class that the platform gave, but not so that they can be read: they are None. ``mark`` is what a create of this
    package left in the description, where ``description`` is given without it; it is never written anywhere.
    """

    platform: str
    session_id: str
    title: str | None
    state: SessionState
    state_inferred: bool = False
    description: str | None = None
    scheduled_start: UtcDatetime | None = None
    scheduled_end: UtcDatetime | None = None
    time_zone: str | None = None
    actual_start: UtcDatetime | None = None
    actual_end: UtcDatetime | None = None
    host_id: str | None = None
    host_name: str | None = None
    room_id: str | None = None
    case: str | None = None
    recording_enabled: bool | None = None
    url: Link = None
    join_url: Link = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime | None = None
    unreadable: frozenset[str] = frozenset()
    mark: str | None = Field(default=None, exclude=True, repr=False)

    @property
    def duration_seconds(self) -> float | None:
        """How long it lasted, or is planned to last, in seconds; an end before its start tells nothing."""
        for start, end in ((self.actual_start, self.actual_end), (self.scheduled_start, self.scheduled_end)):
            if start is not None and end is not None and end >= start:
                return (end - start) / timedelta(seconds=1)
        return None

    @property
    def ended_at(self) -> datetime | None:
        """When it ended: the actual end, else the planned one where the session is over and nobody says more.

        None also where it is over, and nobody can tell since when.
        """
        if self.actual_end is not None or self.state is not SessionState.ENDED or "actual_end" in self.unreadable:
            return self.actual_end
        return self.scheduled_end

    def summary(self) -> dict[str, Any]:
        """What an operator returns through XCom: small, JSON, and free of secrets."""
        return {
            "session_id": self.session_id,
            "platform": self.platform,
            "state": self.state.value,
            "state_inferred": self.state_inferred,
            "title": None if self.title is None else sanitize_text(self.title),
            "scheduled_start": self.scheduled_start.isoformat() if self.scheduled_start else None,
            "url": self.url,
            "join_url": self.join_url,
        }
