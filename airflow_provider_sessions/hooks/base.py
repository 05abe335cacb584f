"""The base class of all hooks, and the function that returns the hook of a connection."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_sessions.client.call import Call, Paged, raw_call
from airflow_provider_sessions.errors import InputError, SessionsError
from airflow_provider_sessions.hooks.connections import aresolve_connection, resolve_connection
from airflow_provider_sessions.hooks.masking import mask_in_background
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.hooks.portal import RequestLimits, get_process_portal
from airflow_provider_sessions.model import (
    Artifact,
    ArtifactStatus,
    AttendanceInterval,
    Booking,
    ChatMessage,
    Event,
    Participant,
    Poll,
    Recording,
    Registration,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    Takeaways,
    Transcript,
    parse_seconds,
)
from airflow_provider_sessions.model.time_zones import describe_outdated_zones
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.rate_limit.reservations import ReservationLimiter

if TYPE_CHECKING:
    from airflow_provider_sessions.client.client import Client

T = TypeVar("T")

_TEST_MAX_WAIT = 5.0
"""Seconds that a connection test waits for a retry or for the rate limit: a person waits for its result."""


class SessionsHook(BaseHook):
    """A connection to a platform, for code without an event loop. See also :func:`hook_for`.

    A subclass accepts the connections of one platform. This class accepts those of any platform; its ``conn_type`` is
    that of the connection, and empty until the connection is read.

    The methods block. In an event loop use :meth:`acall`, :meth:`apages` or :meth:`get_conn` instead. The constructor
    does not read the connection; the first request does.

    :param conn_id: id of the connection; defaults to the class's ``default_conn_name``.
    :param max_wait: how long a request may wait for the account's rate limit, or for a retry: a timedelta, seconds, or
        ISO 8601. A request that would wait longer raises a
        :class:`~airflow_provider_sessions.errors.RateLimitedError` that says when to try again. Defaults to the
        connection's ``max_wait``: 60 s, on Sessions 300 s.
    :param logger_name: see Airflow's BaseHook.
    """

    conn_name_attr = "conn_id"
    default_conn_name: ClassVar[str] = "sessions_default"
    conn_type: str = ""
    hook_name: ClassVar[str] = "Sessions provider"

    def __init__(
        self,
        conn_id: str | None = None,
        *,
        max_wait: timedelta | float | str | None = None,
        logger_name: str | None = None,
    ) -> None:
        super().__init__(logger_name=logger_name)
        self.conn_id = conn_id if conn_id is not None else self.default_conn_name
        self.max_wait = max_wait
        self._reservations: ReservationLimiter | None = None

    @cached_property
    def account(self) -> Account:
        """The settings of the connection, which is read once, on the thread that first uses them.

        :raises AirflowNotFoundException: there is no such connection.
        :raises ConnectionConfigError: the connection's extra is invalid.
        :raises InputError: the connection is one of another platform.
        """
        return self._check_platform(resolve_connection(self.conn_id))

    @property
    def _limits(self) -> RequestLimits:
        """How long the requests of this hook may wait.

        :raises InputError: ``max_wait`` is not a duration.
        """
        max_wait = None if self.max_wait is None else parse_seconds(self.max_wait, "max_wait")
        return RequestLimits(max_wait, self._reservations)

    @contextmanager
    def use_reservations(self, count: int, max_wait: float) -> Iterator[ReservationLimiter]:
        """Send the requests of a block with the reservations that a task made before it was deferred.

        The adapter that is opened for them is closed at the end of the block: no other task can use it.

        :param count: the number of reservations.
        :param max_wait: seconds that the first request may wait if it has no reservation.
        """
        limiter = adapter_class(self.account.conn_type).get_limiter(self.account)
        self._reservations = ReservationLimiter(limiter, count, max_wait)
        try:
            yield self._reservations
        finally:
            get_process_portal().close_adapters(self._reservations)
            self._reservations = None

    def run(self, function: Callable[[Adapter], Awaitable[T]]) -> T:
        """Run a coroutine function with the platform's adapter and return its result.

        ``hook.run(lambda adapter: adapter.get(session_id))``

        Secrets that are created meanwhile (tokens, presigned URLs) are masked before this returns. If the caller is
        interrupted, the function is canceled and sends no further request.

        :param function: receives the adapter. It runs in another thread, and must not read connections, Variables or
            XCom there: read them before.
        """
        return get_process_portal().run_with_adapter(self.account, function, self._limits)

    def stream(self, function: Callable[[Adapter], AsyncIterator[T]]) -> Generator[T, None, None]:
        """Iterate over the items that an adapter yields. A page is requested when the one before it is used up.

        :param function: receives the adapter; see :meth:`run`.
        """
        return get_process_portal().stream(self.account, function, self._limits)

    def call(self, call: Call[T]) -> T:
        """Send the call that an endpoint function returned, and return its parsed response.

        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        return self.run(lambda adapter: adapter.client.send(call))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        base: str | None = None,
    ) -> Any:
        """Send a request that no endpoint function describes, with the usual credential, rate limit and retries.

        :param method: GET, POST, PUT, PATCH or DELETE. GET, PUT and DELETE are retried.
        :param path: relative to the base URL, such as ``/rooms/my``.
        :param query: query parameters.
        :param body: JSON body.
        :param base: the name of another base URL of the connection (VidInfra: ``live``, ``video``, or one of its field
            ``base_urls``).
        :returns: the body of the response: JSON with its envelope, a text, or None if it is empty.
        :raises InputError: the method or the path is invalid; nothing was sent.
        """
        return self.call(raw_call(method, path, query=query, body=body, base=base))

    def pages(self, call: Paged[T]) -> Generator[T, None, None]:
        """Iterate over all items of all pages of a list.

        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        return self.stream(lambda adapter: adapter.client.pages(call))

    async def acall(self, call: Call[T]) -> T:
        """:meth:`call` for code in an event loop."""
        async with await self._aopen() as adapter:
            return await adapter.client.send(call)

    async def apages(self, call: Paged[T]) -> AsyncIterator[T]:
        """:meth:`pages` for code in an event loop."""
        async with await self._aopen() as adapter:
            async for item in adapter.client.pages(call):
                yield item

    def get_conn(self) -> Client:
        """Return a new asynchronous client of the platform, to be used and closed in one event loop.

        The first use of the hook reads the connection, and blocks. Call it before you enter the event loop.

        ``async with hook.get_conn() as client: await client.send(call)``
        """
        return self._open().client

    def test_connection(self) -> tuple[bool, str]:
        """Send one cheap request that needs the credential, for the button *Test Connection* of Airflow's connections.

        The message also names time zones whose data on this system are older than those of the package ``tzdata``.
        """

        async def check() -> str:
            opened = adapter_class(account.conn_type).open(
                account,
                metrics=make_metrics(account),
                on_secret=get_process_portal().add_secret,
                max_wait=_TEST_MAX_WAIT,
            )
            async with opened as adapter:
                return await adapter.check()

        try:
            account = self.account
            result = get_process_portal().run(check)
        except (SessionsError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, ". ".join(filter(None, (result, describe_outdated_zones())))

    def create_session(
        self,
        *,
        title: str,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        end: datetime | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        participants: Sequence[str | Mapping[str, Any]] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Session:
        """Create a session and add its participants.

        Each call creates another session. ``CreateSessionOperator`` finds the one of an earlier try. The parameters are
        those of the operator.

        :param title: the session's title.
        :param start: planned start; a time without an offset is a local time of ``time_zone``.
        :param duration: planned duration: a timedelta, seconds, or ISO 8601.
        :param end: planned end, instead of ``duration``.
        :param time_zone: IANA name of the zone in which the session is planned.
        :param description: text for the session's page.
        :param participants: who is invited: addresses, or mappings with ``email`` and optionally ``name`` and ``role``.
        :param options: options of the platform.
        :raises InputError: an argument is invalid, or the platform cannot create the session; nothing was sent.
        :raises UnsupportedError: the platform does not support this; nothing was sent.
        """
        draft = SessionDraft.read(
            title=title,
            start=start,
            duration=duration,
            end=end,
            time_zone=time_zone,
            description=description,
            participants=participants,
            options=options,
        )

        async def create(adapter: Adapter) -> Session:
            adapter.validate(draft)
            return await adapter.finish_create(await adapter.create(draft), draft)

        return self.run(create)

    def get_session(self, session_id: str) -> Session:
        """Return a session as it is now.

        :raises NotFoundError: there is no session with this id.
        """
        return self.run(lambda adapter: adapter.get(session_id))

    def list_sessions(self, query: SessionQuery | None = None) -> Generator[Session, None, None]:
        """Iterate over the sessions that match a query, page by page; by default over all sessions."""
        return self.stream(lambda adapter: adapter.list_sessions(query or SessionQuery()))

    def update_session(
        self,
        session_id: str,
        *,
        title: str | None = None,
        start: datetime | str | float | None = None,
        duration: timedelta | str | float | None = None,
        time_zone: str | None = None,
        description: str | None = None,
        add_participants: Sequence[str | Mapping[str, Any]] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Session:
        """Update a session. Fields that are None stay unchanged. The parameters are those of the operator.

        :raises InputError: an argument is invalid, or none is given; nothing was sent.
        :raises UnsupportedError: the platform does not support this; nothing was sent.
        """
        changes = SessionChanges.read(
            title=title,
            start=start,
            duration=duration,
            time_zone=time_zone,
            description=description,
            add_participants=add_participants,
            options=options,
        )
        return self.run(lambda adapter: adapter.update(session_id, changes))

    def start_session(self, session_id: str) -> Session:
        """Start a session.

        :raises UnsupportedError: the platform does not support this; nothing was sent.
        """
        return self.run(lambda adapter: adapter.start(session_id))

    def end_session(self, session_id: str) -> Session:
        """End a live session.

        :raises UnsupportedError: the platform does not support this; nothing was sent.
        """
        return self.run(lambda adapter: adapter.end(session_id))

    def cancel_session(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not started.

        :param notify: whether to notify participants, if the platform offers the choice.
        :raises UnsupportedError: the platform does not support this; nothing was sent.
        """
        return self.run(lambda adapter: adapter.cancel(session_id, notify=notify))

    def participants(self, session: Session | str) -> list[Participant]:
        """Return the people who were invited, registered, present, or given a role.

        :param session: the session or its id.
        :raises UnsupportedError: the platform has no participants.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.participants(found))

    def attendance(self, session: Session | str) -> list[AttendanceInterval]:
        """Return the intervals in which people were present, as reported by the platform.

        :raises UnsupportedError: the platform has no attendance.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.attendance(found))

    def transcripts(self, session: Session | str) -> list[Transcript]:
        """Return the transcript and its translations, the original first; an empty list if there is none yet.

        :raises UnsupportedError: the platform has no transcripts.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.transcripts(found))

    def takeaways(self, session: Session | str) -> Takeaways | None:
        """Return the platform's summary of the session; None if there is none yet.

        :raises UnsupportedError: the platform has no takeaways.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.takeaways(found))

    def recordings(self, session: Session | str) -> list[Recording]:
        """Return the session's recordings, including unfinished ones.

        :raises UnsupportedError: the platform has no recordings.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.recordings(found))

    def polls(self, session: Session | str) -> list[Poll]:
        """Return the session's polls, with the votes of each option.

        :raises UnsupportedError: the platform has no polls.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.polls(found))

    def chat_messages(self, session: Session | str) -> list[ChatMessage]:
        """Return the messages of the session's chat.

        :raises UnsupportedError: the platform has no chat messages.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.chat_messages(found))

    def bookings(self, session: Session | str) -> list[Booking]:
        """Return the booking that the session was made for.

        :raises UnsupportedError: the platform has no bookings.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.bookings(found))

    def events(self, session: Session | str) -> list[Event]:
        """Return the event that the session is held for.

        :raises UnsupportedError: the platform has no events.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.events(found))

    def registrations(self, session: Session | str) -> list[Registration]:
        """Return the registrations for the session's event.

        :raises UnsupportedError: the platform has no registrations.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.registrations(found))

    def artifact_status(self, session: Session | str, artifact: Artifact) -> ArtifactStatus:
        """Return whether an artifact of a session is ready.

        :raises UnsupportedError: the platform has no such artifact.
        """
        return self._run_for_session(session, lambda adapter, found: adapter.artifact_status(found, artifact))

    def _run_for_session(self, session: Session | str, function: Callable[[Adapter, Session], Awaitable[T]]) -> T:
        async def get_and_run(adapter: Adapter) -> T:
            found = session if isinstance(session, Session) else await adapter.get(session)
            return await function(adapter, found)

        return self.run(get_and_run)

    async def _aopen(self) -> Adapter:
        # Sets the cached property, which would read the connection with a blocking call.
        if "account" not in self.__dict__:
            self.__dict__["account"] = self._check_platform(await aresolve_connection(self.conn_id))
        return self._open()

    def _open(self) -> Adapter:
        return adapter_class(self.account.conn_type).open(
            self.account,
            metrics=make_metrics(self.account),
            on_secret=mask_in_background,
            max_wait=self._limits.max_wait,
            limiter=self._reservations,
        )

    def _check_platform(self, account: Account) -> Account:
        if not self.conn_type:
            self.conn_type = account.conn_type
        if account.conn_type != self.conn_type:
            raise InputError(
                f"connection {self.conn_id!r} has the type {account.conn_type!r}; "
                f"{type(self).__name__} needs one of type {self.conn_type!r}"
            )
        return account


def hook_for(conn_id: str, *, max_wait: timedelta | float | str | None = None) -> SessionsHook:
    """Return the hook of a connection of any platform. The connection is read on the caller's thread.

    :param conn_id: id of a connection to one of the platforms: see :mod:`airflow_provider_sessions.platforms.registry`.
    :param max_wait: how long a request may wait; see :class:`SessionsHook`.
    :returns: an instance of the platform's hook class, or of :class:`SessionsHook` if it has none.
    :raises InputError: the connection is of no platform's type, or its platform cannot be loaded.
    :raises AirflowNotFoundException: there is no such connection.
    """
    account = resolve_connection(conn_id)
    try:
        kind = _hook_class(account.conn_type)
    except InputError as error:
        raise InputError(f"connection {conn_id!r}: {error}") from error.__cause__
    hook = kind(conn_id, max_wait=max_wait)
    # Sets the cached property, so that the connection is not read again.
    hook.__dict__["account"] = hook._check_platform(account)
    return hook


def _hook_class(conn_type: str) -> type[SessionsHook]:
    path = adapter_class(conn_type).hook_class
    if path is None:
        return SessionsHook
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"the hook {path!r} of the platform {conn_type!r} cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, SessionsHook)):
        raise InputError(f"the hook {path!r} of the platform {conn_type!r} is not a subclass of SessionsHook")
    return found
