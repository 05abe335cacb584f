"""Lists of sessions that are looked at again and again, and what a look at one gave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_sessions.model import Session, SessionQuery, Window, WindowBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which sessions to list, in a window that moves with time. Equal ones are looked at once for all who ask.

    :param back: how far before each look the window begins.
    :param ahead: how far after each look it ends.
    :param by: which instant of a session shall lie in the window.
    :param room_id: only sessions of this room.
    :param case: only sessions of this case.
    :param title: only sessions whose title holds this text, whatever its case.
    """

    back: timedelta
    ahead: timedelta
    by: WindowBy = WindowBy.SCHEDULED_START
    room_id: str | None = None
    case: str | None = None
    title: str | None = None

    def window(self, at: datetime) -> Window:
        """The window of a look that begins at ``at``."""
        return Window(start=at - self.back, end=at + self.ahead)

    def query(self, at: datetime) -> SessionQuery:
        """What a look asks for that begins at ``at``."""
        return SessionQuery(
            window=self.window(at),
            by=self.by,
            room_id=self.room_id,
            case=self.case,
            title=self.title,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """What one look at a list gave.

    :param sessions: all that were meant; None where the look failed.
    :param error: why it failed.
    :param at: when the look began: ``listing.query(at)`` is what it asked for.
    """

    sessions: tuple[Session, ...] | None
    error: Exception | None
    at: datetime
