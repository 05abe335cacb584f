"""Items of session lists: mapped to sessions one by one, so that an item that cannot be read never costs the others.

A polling client keeps what it mapped for as long as the response stays the same. So a :class:`ListItem` holds as little
as polls need: whole responses are many times as large, and a thousand new objects at every poll would set off full
garbage collections, which block the event loop that all waiters share.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.errors import MalformedResponseError, SessionsError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

Item = TypeVar("Item")
ListedSession = Session | UnknownStateError
"""A session of a list. If its state is unknown, the error, which holds the rest of the session."""

_MAX_WARNINGS = 10_000
"""Warnings that are remembered, so that polls log each of them once."""


class ReadWarnings:
    """Logs what cannot be read, once for each field of each record.

    :param platform: the connection type.
    """

    def __init__(self, platform: str) -> None:
        self._platform = platform
        self._logged: set[tuple[str, str]] = set()

    def log_fields(self, record: str, unread: Mapping[str, str]) -> None:
        """Log the fields of a record that are left empty.

        :param record: names the record, such as ``session 'abc'``.
        :param unread: the platform's names of the fields, and why they cannot be read.
        """
        for name, reason in unread.items():
            if self._is_new(record, name):
                what = f"{name} of {record}" if name else record
                log.warning("%s: %s cannot be read and is left empty: %s", self._platform, what, reason)

    def check_rows(self, what: str, session_id: str, rows: Iterable[LenientModel]) -> None:
        """Log the fields of a session's rows that are left empty.

        :raises MalformedResponseError: a whole row cannot be read; without it the others would be misleading.
        """
        for number, row in enumerate(rows):
            record = f"{what} {number} of session {session_id!r}"
            if "" in row.unread:
                raise MalformedResponseError(f"{self._platform}: {record} cannot be read: {row.unread['']}")
            self.log_fields(record, row.unread)

    def log_skipped(self, record: str, error: SessionsError) -> None:
        """Log a record that is left out of a list."""
        if self._is_new(record, ""):
            log.warning("%s: %s is left out of the list: %s", self._platform, record, error)

    def _is_new(self, record: str, name: str) -> bool:
        if (record, name) in self._logged:
            return False
        if len(self._logged) >= _MAX_WARNINGS:
            self._logged.clear()
        self._logged.add((record, name))
        return True


@dataclass(frozen=True, slots=True)
class ListItem:
    """An item of a list, mapped to the model.

    :param key: identifies the item in its list; usually the session's id.
    :param result: the session, or why the item cannot be mapped to one.
    :param lacks_state: whether the item leaves out the fields that the session's state depends on.
    """

    key: str
    result: Session | SessionsError
    lacks_state: bool = False

    @property
    def session(self) -> Session:
        """The session.

        :raises SessionsError: the item cannot be mapped to one.
        """
        if isinstance(self.result, SessionsError):
            raise self.result.with_traceback(None)  # else its traceback grows each time it is raised
        return self.result

    @property
    def listed(self) -> ListedSession:
        """The session; if its state is unknown, the error, which holds the rest of it.

        :raises SessionsError: the item has no id, or cannot be mapped to a session for another reason.
        """
        if isinstance(self.result, UnknownStateError) and self.result.session is not None:
            return self.result
        return self.session


I = TypeVar("I", bound=ListItem)  # noqa: E741
OnPage = Callable[[int, Sequence[ListItem]], None]
"""Called with the number of a page, from 1 in each pass through a list, and its items."""


@dataclass(frozen=True, slots=True)
class NumberedList:
    """A list of all sessions whose pages can be requested by their numbers; without a filter.

    :param page_size: items of a full page, if the platform's response does not say how many items there are.
    :param read_page: returns the items of a page by its number, from 1, and how many the list has in all, if known.
    :param read_all: yields the sessions that match a query from all pages, as ``Adapter.sessions_and_errors`` does.
    :param complete: returns an item's session, requested by itself if the list leaves out what its state depends on.
    """

    page_size: int
    read_page: Callable[[int], Awaitable[tuple[Sequence[ListItem], int | None]]]
    read_all: Callable[[SessionQuery, OnPage], AsyncIterator[ListedSession]]
    complete: Callable[[ListItem], Awaitable[ListedSession]]


def item_identity(item: ListItem) -> object:
    """Return what a session keeps while a list is read: two items that differ in it are different sessions."""
    session = item.result
    if isinstance(session, UnknownStateError):
        session = session.session
    if not isinstance(session, Session):
        return None
    return (session.title, session.created_at, session.scheduled_start, session.room_id, session.case)


class SharedSessions:
    """The sessions that are in use somewhere: an equal one need not be kept twice."""

    def __init__(self) -> None:
        self._sessions: WeakValueDictionary[str, Session] = WeakValueDictionary()

    def share(self, session: Session) -> Session:
        """Return the session, or the equal one that is in use already."""
        known = self._sessions.get(session.session_id)
        if known == session:
            return known
        self._sessions[session.session_id] = session
        return session


class ItemMapper(Generic[Item]):
    """Maps items to sessions. An item that maps to an equal session gives the same object.

    :param to_session: maps one item.
    """

    def __init__(self, to_session: Callable[[Item], Session]) -> None:
        self._to_session = to_session
        self._shared = SharedSessions()

    def map(self, item: Item) -> Session | SessionsError:
        """Return the item's session, or the error that says why there is none."""
        try:
            return self._shared.share(self._to_session(item))
        except SessionsError as error:
            return error.with_traceback(None)  # the traceback would keep the item alive


async def skip_items_without_id(
    items: AsyncIterable[I], warnings: ReadWarnings
) -> AsyncIterator[tuple[I, ListedSession]]:
    """Yield the items that hold a session, also one in an unknown state. Items without an id are logged.

    :raises MalformedResponseError: no item has an id: it is another kind of list.
    """
    malformed: SessionsError | None = None
    has_sessions = False
    async for item in items:
        result = item.result
        if isinstance(result, Session) or (isinstance(result, UnknownStateError) and result.session is not None):
            has_sessions = True
            yield item, result
        elif isinstance(result, MalformedResponseError):
            malformed = result
            warnings.log_skipped("an item without an id", result)
        else:
            raise result.with_traceback(None)
    if malformed is not None and not has_sessions:
        raise malformed.with_traceback(None)


async def map_items(
    items: AsyncIterable[Item], to_session: Callable[[Item], Session], warnings: ReadWarnings
) -> AsyncIterator[ListedSession]:
    """Map the items of a list to sessions. An item that cannot be read never costs the others.

    :param items: the platform's list.
    :param to_session: maps one item; raises a :class:`~airflow_provider_sessions.errors.MalformedResponseError` if it
        has no id.
    :returns: the sessions; an error for a session in an unknown state. An item without an id is left out.
    """
    mapper = ItemMapper(to_session)
    mapped = (ListItem("", mapper.map(item)) async for item in items)
    async for _, session in skip_items_without_id(mapped, warnings):
        yield session


async def skip_unknown_states(sessions: AsyncIterable[ListedSession], warnings: ReadWarnings) -> AsyncIterator[Session]:
    """Yield the sessions of a list whose state is known. The others are logged."""
    async for session in sessions:
        if isinstance(session, Session):
            yield session
        else:
            warnings.log_skipped(f"session {session.session.session_id!r}", session)


def may_match(query: SessionQuery, session: ListedSession) -> bool:
    """Whether a session matches a query, as far as it can be read.

    An unknown state may be any state, and a session without any time may be in the window.
    """
    if isinstance(session, Session):
        return query.matches(session)
    any_time = {} if query.has_instant(session.session) else {"window": None}
    return query.model_copy(update={"states": (), **any_time}).matches(session.session)


def rename_fields(unread: Iterable[str], names: Mapping[str, str]) -> frozenset[str]:
    """Return the model's names of fields that cannot be read.

    :param unread: the platform's names; parts of an object have a dot (``room.id``).
    :param names: the platform's name to the model's. A part counts as the whole object if only that has a name.
    """
    return frozenset(ours for name in unread if (ours := names.get(name) or names.get(name.partition(".")[0])))


def mark_unreadable(session: Session, unreadable: frozenset[str]) -> Session:
    """Return a session that names its unreadable fields, without those that another field of the platform gave."""
    lost = {name for name in unreadable if name == "title" or getattr(session, name) is None}
    title = {"title": None} if "title" in lost else {}
    return session.model_copy(update={**title, "unreadable": frozenset(lost)})
