"""What lists tell of sessions: as little of each item as looks need.

A polling client keeps what it read for as long as the answer stays the same, since a thousand new values at every look
would set off full garbage collections, which hold up the event loop that all waiters share. Whole answers are many
times as large as the sessions in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from airflow_provider_sessions.errors import SessionsError, UnknownStateError
from airflow_provider_sessions.model import Session

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an item of a list was read as.

    :param key: tells it from the other items: its id, as a rule.
    :param outcome: the session; or why the item cannot be read as one.
    :param is_silent: whether the item leaves out what would tell the session's state.
    """

    key: str
    outcome: Session | SessionsError
    is_silent: bool = False

    @property
    def session(self) -> Session:
        """The session.

        :raises SessionsError: the item cannot be read as one.
        """
        if isinstance(self.outcome, SessionsError):
            raise self.outcome.with_traceback(None)  # raised again and again, it would become longer each time
        return self.outcome


def identity(reading: Reading) -> object:
    """What no session changes while a list is read: another one that has its id is another session."""
    session = reading.outcome
    if isinstance(session, UnknownStateError):
        session = session.session
    if not isinstance(session, Session):
        return None
    return (session.title, session.created_at, session.scheduled_start, session.room_id, session.case)


class Held:
    """The sessions that somebody holds: one that is equal to one of them need not be held twice."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[str, Session] = WeakValueDictionary()

    def same(self, session: Session) -> Session:
        """The session, or the equal one that is held already."""
        held = self._held.get(session.session_id)
        if held == session:
            return held
        self._held[session.session_id] = session
        return session


class Readings(Generic[Answer]):
    """Reads items as sessions. One that reads as it did before is the same object, whatever pages tell of it.

    :param read: reads an item.
    """

    def __init__(self, read: Callable[[Answer], Session]) -> None:
        self._read = read
        self._held = Held()

    def outcome(self, item: Answer) -> Session | SessionsError:
        """The session that an item tells of, or the error that says why it cannot be read as one."""
        try:
            return self._held.same(self._read(item))
        except SessionsError as unfit:
            return unfit.with_traceback(None)  # which would keep the item
