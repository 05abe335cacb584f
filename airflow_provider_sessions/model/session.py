"""A session, its state, and the query that selects sessions."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from airflow_provider_sessions.model.values import Link, UtcDatetime, Value, Window
from airflow_provider_sessions.safe_text import sanitize_text

StateName = Literal["requested", "scheduled", "live", "ended", "canceled", "expired"]
"""The values of :class:`SessionState`, for type hints of arguments."""


class SessionState(StrEnum):
    """The state of a session, the same for all platforms."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """Whether this state is the last one."""
        return self in (SessionState.ENDED, SessionState.CANCELED, SessionState.EXPIRED)


class Session(Value):
    """One scheduled or held event on a platform.

    ``time_zone`` is the IANA name of the zone in which the session was planned, if the platform stores it.
    ``state_inferred`` is true if the platform has no such state, and a documented rule determined it. ``unreadable``
    names the fields whose values in the response could not be read; they are None. ``mark`` is the marker that a create
    of this package left in the description; ``description`` does not contain it, and it is never exported.
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
        """How long it lasted, or is planned to last; None if unknown, or if its end is before its start."""
        for start, end in ((self.actual_start, self.actual_end), (self.scheduled_start, self.scheduled_end)):
            if start is not None and end is not None and end >= start:
                return (end - start) / timedelta(seconds=1)
        return None

    @property
    def ended_at(self) -> datetime | None:
        """When it ended: the actual end, or the planned end if the session has ended and no actual end is known.

        None if it has not ended, or if its end is unknown.
        """
        if self.actual_end is not None or self.state is not SessionState.ENDED or "actual_end" in self.unreadable:
            return self.actual_end
        return self.scheduled_end

    def summary(self) -> dict[str, Any]:
        """Return the session as operators push it to XCom: small, JSON-serializable, and without secrets."""
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


class WindowBy(StrEnum):
    """The time of a session that a window is compared with."""

    SCHEDULED_START = "scheduled_start"
    ENDED = "ended"
    ENDED_OR_DUE = "ended_or_due"
    """Its end; if it is not known to have ended, its planned end, or else its planned start.

    A live session that started before the end of the window matches, too: it may have ended, and be shown as live yet.
    """
    BEGINNING = "beginning"
    """Its planned start, or else its actual start, or else its creation, which every session has."""


class SessionQuery(Value):
    """Selects sessions by a window of time and by filters.

    :param session_ids: only these sessions; all if empty.
    :param window: None for all sessions.
    :param by: which time of a session must be in the window.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title contains this text, regardless of upper and lower case.
    :param states: only sessions in these states; all if empty.
    """

    session_ids: tuple[str, ...] = ()
    window: Window | None = None
    by: WindowBy = WindowBy.ENDED
    room_id: str | None = None
    case: str | None = None
    title: str | None = None
    states: tuple[SessionState, ...] = ()

    def matches(self, session: Session) -> bool:
        """Return whether a session matches, or might match because a field is unreadable; see :meth:`doubts`."""
        window = self.window
        return (
            (not self.session_ids or session.session_id in self.session_ids)
            and (window is None or bool(self._undated(session)) or self._is_in(window, session))
            and (self.room_id is None or "room_id" in session.unreadable or session.room_id == self.room_id)
            and (self.case is None or "case" in session.unreadable or session.case == self.case)
            and (self.title is None or "title" in session.unreadable or self._has_title(session))
            and (not self.states or session.state in self.states)
        )

    def has_instant(self, session: Session) -> bool:
        """Return whether the time that is compared with the window is known of a session."""
        return _instant(session, self.by) is not None

    def doubts(self, session: Session) -> list[str]:
        """Return the unreadable fields, or ``ended_at``, because of which it is unknown whether a session matches."""
        filtered = [name for name in ("room_id", "case", "title") if getattr(self, name) is not None]
        undated = self._undated(session) if self.window is not None else []
        return undated + [name for name in filtered if name in session.unreadable]

    def _is_in(self, window: Window, session: Session) -> bool:
        if _instant(session, self.by) in window:
            return True
        if self.by is not WindowBy.ENDED_OR_DUE or session.state is not SessionState.LIVE or session.ended_at:
            return False
        started = session.actual_start or session.scheduled_start
        return started is None or started < window.end

    def _has_title(self, session: Session) -> bool:
        return self.title is not None and self.title.casefold() in (session.title or "").casefold()

    def _undated(self, session: Session) -> list[str]:
        """Return the unreadable fields because of which a session's time is unknown.

        A session that has ended must have an end, because without one it would be in no window and never be exported.
        """
        if _instant(session, self.by) is not None:
            return []
        if session.state is SessionState.ENDED and self.by is WindowBy.ENDED_OR_DUE:
            return ["ended_at"]
        return sorted(session.unreadable.intersection(_DATES[self.by]) if _may_have(session, self.by) else ())


_DATES = {
    WindowBy.SCHEDULED_START: ("scheduled_start",),
    WindowBy.ENDED: ("actual_end", "scheduled_end"),
    WindowBy.ENDED_OR_DUE: ("scheduled_end", "scheduled_start"),
    WindowBy.BEGINNING: ("scheduled_start", "actual_start", "created_at"),
}
"""The fields from which a time is taken."""


def _may_have(session: Session, by: WindowBy) -> bool:
    """Return whether a session in its state can have this time."""
    if by is WindowBy.ENDED:
        return session.state is SessionState.ENDED
    return by is not WindowBy.ENDED_OR_DUE or session.state in (SessionState.SCHEDULED, SessionState.LIVE)


def _instant(session: Session, by: WindowBy) -> datetime | None:
    if by is WindowBy.ENDED:
        return session.ended_at
    if by is WindowBy.ENDED_OR_DUE:
        planned = session.scheduled_end or session.scheduled_start
        return session.ended_at or (planned if _may_have(session, by) else None)
    if by is WindowBy.SCHEDULED_START:
        return session.scheduled_start
    return session.scheduled_start or session.actual_start or session.created_at
