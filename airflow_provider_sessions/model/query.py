"""Which sessions are meant, when many are asked for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from airflow_provider_sessions.model.session import Session, SessionState
from airflow_provider_sessions.model.values import Value, Window


class WindowBy(StrEnum):
    """The instant of a session that a window is about."""

    SCHEDULED_START = "scheduled_start"
    ENDED = "ended"
    ENDED_OR_DUE = "ended_or_due"
    """When it ended; of one that is not known to be over its planned end, or its start where that is not planned."""
    BEGINNING = "beginning"
    """Its planned start; where nobody planned one, the actual start, or else its creation: every session has this."""


class SessionQuery(Value):
    """Sessions of a window, narrowed down.

    :param window: None for all there are.
    :param by: whether sessions planned to start in the window are meant, those that begin, those that ended in it, or
        also those that should have.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title holds this text, whatever its case.
    :param states: only sessions in these states; all if empty.
    """

    window: Window | None = None
    by: WindowBy = WindowBy.ENDED
    room_id: str | None = None
    case: str | None = None
    title: str | None = None
    states: tuple[SessionState, ...] = ()

    def matches(self, session: Session) -> bool:
        """Whether a session is meant. What the platform filtered already passes here too."""
        return (
            (self.window is None or _instant(session, self.by) in self.window)
            and (self.room_id is None or session.room_id == self.room_id)
            and (self.case is None or session.case == self.case)
            and (self.title is None or self.title.casefold() in session.title.casefold())
            and (not self.states or session.state in self.states)
        )


def _instant(session: Session, by: WindowBy) -> datetime | None:
    if by is WindowBy.ENDED:
        return session.ended_at
    if by is WindowBy.ENDED_OR_DUE:
        is_open = session.state in (SessionState.SCHEDULED, SessionState.LIVE)
        return session.ended_at or ((session.scheduled_end or session.scheduled_start) if is_open else None)
    if by is WindowBy.SCHEDULED_START:
        return session.scheduled_start
    return session.scheduled_start or session.actual_start or session.created_at
