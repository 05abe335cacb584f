"""What cannot be read of a platform's records: it is left out, with a warning, and never costs more than itself."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import TypeVar

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.errors import MalformedResponseError, SessionsError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.platforms.list_items import Reading, Readings
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

R = TypeVar("R", bound=Reading)
T = TypeVar("T")
ListedSession = Session | UnknownStateError
"""What a list tells of a session: of one in a state that nobody knows the error, with what else is known of it."""

_KEPT = 10_000
"""Warnings that are remembered, so that who polls is told of each field once."""


class ReadWarnings:
    """Warns of what cannot be read, once for each field of each record.

    :param platform: the connection type.
    """

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._warned: set[tuple[str, str]] = set()

    def fields(self, of: str, unread: Mapping[str, str]) -> None:
        """Warn of fields that are left out.

        :param of: the record, such as ``session 'abc'``.
        :param unread: the fields, in the platform's words, and why they cannot be read.
        """
        for name, reason in unread.items():
            if self._is_new(of, name):
                what = f"{name} of {of}" if name else of
                log.warning("%s: %s cannot be read and is left empty: %s", self._platform, what, reason)

    def rows(self, what: str, session_id: str, rows: Iterable[LenientModel]) -> None:
        """Warn of fields of a session's rows that are left out.

        :raises MalformedResponseError: a row cannot be read at all: without it the others would tell something else.
        """
        for number, row in enumerate(rows):
            of = f"{what} {number} of session {session_id!r}"
            if "" in row.unread:
                raise MalformedResponseError(f"{self._platform}: {of} cannot be read: {row.unread['']}")
            self.fields(of, row.unread)

    def unlisted(self, of: str, error: SessionsError) -> None:
        """Warn of a record that a list leaves out."""
        if self._is_new(of, ""):
            log.warning("%s: %s is left out of the list: %s", self._platform, of, error)

    def _is_new(self, of: str, name: str) -> bool:
        if (of, name) in self._warned:
            return False
        if len(self._warned) >= _KEPT:
            self._warned.clear()
        self._warned.add((of, name))
        return True


async def skip_items_without_id(
    readings: AsyncIterable[R], unread: ReadWarnings
) -> AsyncIterator[tuple[R, ListedSession]]:
    """The sessions of a list, and those in a state that nobody knows. An item without an id is left out.

    :raises MalformedResponseError: no item has one: it is another list.
    """
    nameless: SessionsError | None = None
    has_sessions = False
    async for reading in readings:
        outcome = reading.outcome
        if isinstance(outcome, Session) or (isinstance(outcome, UnknownStateError) and outcome.session is not None):
            has_sessions = True
            yield reading, outcome
        elif isinstance(outcome, MalformedResponseError):
            nameless = outcome
            unread.unlisted("an item without an id", outcome)
        else:
            raise outcome.with_traceback(None)
    if nameless is not None and not has_sessions:
        raise nameless.with_traceback(None)


async def map_items(
    items: AsyncIterable[T], read: Callable[[T], Session], unread: ReadWarnings
) -> AsyncIterator[ListedSession]:
    """Read the items of a list as sessions. One that cannot be read never costs the others.

    :param items: what the platform lists.
    :param read: reads one; raises :class:`~airflow_provider_sessions.errors.MalformedResponseError` if it has no id.
    :returns: sessions; of one in a state that nobody knows the error. An item without an id is left out.
    """
    known = Readings(read)
    readings = (Reading("", known.outcome(item)) async for item in items)
    async for _, outcome in skip_items_without_id(readings, unread):
        yield outcome


async def readable(outcomes: AsyncIterable[ListedSession], unread: ReadWarnings) -> AsyncIterator[Session]:
    """The sessions of a list, without those in a state that nobody knows; they are warned of."""
    async for outcome in outcomes:
        if isinstance(outcome, Session):
            yield outcome
        else:
            unread.unlisted(f"session {outcome.session.session_id!r}", outcome)


def may_match(query: SessionQuery, outcome: ListedSession) -> bool:
    """Whether a query means a session.

    Where nobody knows the state, it may be any; and where nothing tells when the session is, it may be in the window.
    """
    if isinstance(outcome, Session):
        return query.matches(outcome)
    anywhere = {} if query.has_instant(outcome.session) else {"window": None}
    return query.model_copy(update={"states": (), **anywhere}).matches(outcome.session)


def fields_of(unread: Iterable[str], names: Mapping[str, str]) -> frozenset[str]:
    """Our names of a session's fields that cannot be read.

    :param unread: the platform's names, those of parts with a dot (``room.id``).
    :param names: the platform's name to ours; a part counts as the whole where only that is named.
    """
    return frozenset(ours for name in unread if (ours := names.get(name) or names.get(name.partition(".")[0])))


def without(session: Session, unreadable: frozenset[str]) -> Session:
    """A session without the fields that cannot be read, unless another field of the platform told them."""
    lost = {name for name in unreadable if name == "title" or getattr(session, name) is None}
    title = {"title": None} if "title" in lost else {}
    return session.model_copy(update={**title, "unreadable": frozenset(lost)})
