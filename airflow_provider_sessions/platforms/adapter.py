"""What can be asked of any platform.

An adapter answers in the words of :mod:`airflow_provider_sessions.model`, or says
:class:`~airflow_provider_sessions.errors.UnsupportedError` with what to use instead. Operators, sensors and exports
exist once and ask these questions alone; what a platform has beyond them is reached through its endpoints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from io import BytesIO
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.client.call import Endpoints, find_placeholders
from airflow_provider_sessions.client.redact import redact_typed_address
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import InputError, ResponseTooLargeError, SessionsError, UnsupportedError
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
    RecordingStatus,
    Registration,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    Takeaways,
    Transcript,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.defaults import ListOrGet, find_candidates, url_of, with_url
from airflow_provider_sessions.platforms.description_marker import Candidate
from airflow_provider_sessions.platforms.options import NoOptions, options_error
from airflow_provider_sessions.platforms.unread import ListedSession, ReadWarnings, may_match, readable
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter
from airflow_provider_sessions.rate_limit.stores import get_account_limiter
from airflow_provider_sessions.safe_text import sanitize_text

if TYPE_CHECKING:
    from airflow_provider_sessions.client import httpx_api as httpx
    from airflow_provider_sessions.client.client import Client
    from airflow_provider_sessions.client.config import ClientConfig
    from airflow_provider_sessions.client.responses import Dialect

Options = TypeVar("Options", bound=BaseModel)

_SECRETS = 50
"""Of a connection, that no error may quote: its password, and the newest tokens."""


class Feature(StrEnum):
    """What can be asked of a platform. The values are the names of the adapter's methods."""

    CREATE = "create"
    FIND_EXISTING = "find_existing"
    GET = "get"
    POLL_SESSIONS = "poll_sessions"
    UPDATE = "update"
    START = "start"
    END = "end"
    CANCEL = "cancel"
    SESSIONS = "sessions"
    PARTICIPANTS = "participants"
    ATTENDANCE = "attendance"
    TRANSCRIPTS = "transcripts"
    TAKEAWAYS = "takeaways"
    RECORDINGS = "recordings"
    RECORDING_REQUEST = "recording_request"
    POLLS = "polls"
    CHAT_MESSAGES = "chat_messages"
    BOOKINGS = "bookings"
    EVENTS = "events"
    REGISTRATIONS = "registrations"


class Support(StrEnum):
    """How well founded an answer is."""

    YES = "yes"
    """Documented by the vendor."""
    INFERRED = "inferred"
    """Method, path or meaning were inferred, and may be wrong in the field."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a platform answers a question, and what a user should know: for ``no``, what to use instead."""

    support: Support
    note: str = ""


_FOLLOWS = {Feature.CREATE: Feature.FIND_EXISTING, Feature.RECORDINGS: Feature.RECORDING_REQUEST}
"""What the defaults can do where an adapter defines something else."""
_UNMAPPED = Capability(Support.NO, "Its adapter does not map that; call its endpoints with CallApiOperator.")


class Adapter(ABC):
    """One connection to one platform, speaking the model. It belongs to one event loop.

    A subclass sets ``platform`` and ``endpoints``, and defines :meth:`auth`, :meth:`get`, :meth:`sessions` and what
    else it can; all the rest has a default. A session's id is an opaque text to all callers. Each occurrence of a
    recurring session is a session of its own, with the id ``{series}:{occurrence}`` that only the adapter takes apart.

    :cvar platform: the connection type.
    :cvar endpoints: the platform's endpoint functions and their table.
    :cvar create_options: what ``options`` of a create may hold; none by default.
    :cvar change_options: what ``options`` of an update may hold; none by default.
    :cvar dialect: how its errors are explained; by status alone by default.
    :cvar filters: which of ``room_id`` and ``case`` its sessions have, so that lists can be narrowed down by it.
    :cvar capabilities: one entry for every :class:`Feature`. A subclass gives those of which there is something to
        tell; else what it defines is supported.
    :cvar default_base_url: where the connection names no host; None where there is none.
    :cvar default_rate_limit: where the connection names none.
    :cvar category_limits: limits of categories of endpoints, where the connection names none: they hold beside the
        account's limit for the endpoints that were entered with ``api(..., category="exports")``.
    :cvar default_max_wait: seconds that a request may wait for a retry or for the rate limit, where nobody
        says. More than a window of the limit, or a burst that used up the window fails instead of waiting.
    :cvar keeps_canceled: whether a canceled session can still be got; False where canceling deletes it.
    :cvar hook_class: ``module:class`` of the hook for its connections, a subclass of ``hooks.base.SessionsHook``; that
        class itself where None.
    """

    platform: ClassVar[str]
    endpoints: ClassVar[Endpoints]
    create_options: ClassVar[type[BaseModel]] = NoOptions
    change_options: ClassVar[type[BaseModel]] = NoOptions
    dialect: ClassVar[Dialect | None] = None
    filters: ClassVar[frozenset[str]] = frozenset()
    capabilities: ClassVar[Mapping[Feature, Capability]] = dict.fromkeys(Feature, _UNMAPPED) | dict.fromkeys(
        (Feature.GET, Feature.POLL_SESSIONS, Feature.SESSIONS), Capability(Support.YES)
    )
    default_base_url: ClassVar[str | None] = None
    default_rate_limit: ClassVar[RateLimit | None] = None
    category_limits: ClassVar[Mapping[str, RateLimit]] = {}
    default_max_wait: ClassVar[float] = 60.0
    keeps_canceled: ClassVar[bool] = True
    hook_class: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Work out the capabilities."""
        super().__init_subclass__(**kwargs)
        inherited = next(base.capabilities for base in cls.__mro__[1:] if issubclass(base, Adapter))
        told = cls.__dict__.get("capabilities", {})
        defined = {question for question in Feature if question.value in cls.__dict__}
        defined |= {follows for question, follows in _FOLLOWS.items() if question in defined}
        cls.capabilities = {**inherited, **dict.fromkeys(defined, Capability(Support.YES)), **told}

    def __init__(self, account: Account, client: Client) -> None:
        self.account = account
        self.client = client
        self._poll = ListOrGet(self.get, self.list_sessions, lambda: client.response_count)
        self.unread = ReadWarnings(self.platform)
        self._page = _page_template(account)

    @classmethod
    def open(
        cls,
        account: Account,
        *,
        clock: Clock = SYSTEM_CLOCK,
        on_secret: Callable[[str], None] = lambda secret: None,
        limiter: RateLimiter | None = None,
        traffic_class: TrafficClass = TrafficClass.CALL,
        attempts: int = 4,
        max_wait: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Make an adapter for a connection. Nothing is sent.

        :param account: the connection.
        :param clock: time.
        :param on_secret: told each secret as it comes to exist (tokens), so that it can be masked.
        :param limiter: a rate limiter; by default the account's, which all processes of this host share, or all
            workers if the connection names a store.
        :param traffic_class: what its requests are for: polling uses an adapter of its own.
        :param attempts: how often a request is sent at most; whoever looks again anyway needs one.
        :param max_wait: seconds that a request may wait for a retry or for the rate limit; by default what the
            connection says, or the platform's ``default_max_wait``.
        :param transport: what sends bytes, for tests in one process.
        :raises ConnectionConfigError: a field of the connection is missing or wrong.
        """
        # Imported here, as operators import this module: with each parse of a DAG file.
        from airflow_provider_sessions.client.client import Client
        from airflow_provider_sessions.client.config import ClientConfig
        from airflow_provider_sessions.client.responses import MAX_ITEMS, Dialect
        from airflow_provider_sessions.client.retry import RetryPolicy

        secrets: deque[str] = deque(account.secrets, maxlen=_SECRETS)

        def note(secret: str) -> None:
            secrets.append(secret)
            on_secret(secret)

        base_url = account.base_url(cls.default_base_url)
        config = ClientConfig(
            base_url=base_url,
            paths=account.paths(cls.endpoints.table),
            timeout=account.seconds("timeout", 30.0),
            proxy=account.text("proxy"),
            ca_bundle=account.text("ca_bundle"),
            allow_private=account.flag("allow_private_addresses"),
            max_items=account.number("max_items", MAX_ITEMS),
            retry=RetryPolicy(
                attempts=attempts,
                max_wait=account.seconds("max_wait", cls.default_max_wait) if max_wait is None else max_wait,
            ),
        )
        config = cls.configure(account, config)
        client = Client(
            config,
            dialect=(cls.dialect or Dialect(cls.platform)).with_connection(account.conn_id),
            auth=cls.auth(account, config, clock, note),
            limiter=limiter or cls.get_limiter(account, clock),
            category_limiters=cls.get_category_limiters(account, clock),
            traffic_class=traffic_class,
            clock=clock,
            transport=transport,
            secrets=lambda: tuple(secrets),  # a function, so that no repr shows them
        )
        return cls(account, client)

    @classmethod
    def fingerprint(cls, account: Account) -> str:
        """What tells the account from others; see :meth:`Account.fingerprint`. The first time it may take a while.

        :raises ConnectionConfigError: the connection's host cannot be read.
        """
        return account.fingerprint(account.base_url(cls.default_base_url), cls.account_name(account))

    @classmethod
    def account_name(cls, account: Account) -> str | None:
        """Return what names the vendor's account, to whose connections one rate limit applies; by default the log-in.

        None where nothing names it: then all connections with the same credential share a limit.
        """
        return account.login

    @classmethod
    def get_limiter(cls, account: Account, clock: Clock = SYSTEM_CLOCK) -> RateLimiter:
        """Return the rate limiter of an account.

        :raises ConnectionConfigError: a field that says which is wrong, or the package ``redis`` is missing.
        """
        return cls._limiter_of(account, cls.fingerprint(account), account.rate_limit(cls.default_rate_limit), clock)

    @classmethod
    def get_category_limiters(cls, account: Account, clock: Clock = SYSTEM_CLOCK) -> dict[str, RateLimiter]:
        """Return the rate limiters of those categories of endpoints that have a limit of their own.

        :raises ConnectionConfigError: a field that says which is wrong, or the package ``redis`` is missing.
        """
        limits = account.category_limits(cls.category_limits, cls.endpoints.categories)
        return {
            category: cls._limiter_of(account, f"{cls.fingerprint(account)}.{category}", limit, clock)
            for category, limit in limits.items()
        }

    @classmethod
    def _limiter_of(cls, account: Account, name: str, limit: RateLimit | None, clock: Clock) -> RateLimiter:
        try:
            return get_account_limiter(name, limit, clock, account.rate_store)
        except ImportError:
            raise account.wrong(
                "rate_store_conn_id", "needs the package redis: pip install 'airflow-provider-sessions[redis]'"
            ) from None

    @classmethod
    @abstractmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """What puts the credential on requests.

        :raises ConnectionConfigError: the credential is missing.
        """

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Return the client's settings with what connections of this platform alone have; by default as they are.

        :param account: the connection.
        :param config: what all connections have.
        :raises ConnectionConfigError: a field of the connection is wrong.
        """
        return config

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self.client.aclose()

    async def check(self) -> str:
        """Send one cheap request that needs the credential, and return a sentence that says what answered.

        By default the list of the coming day is read as far as its first session.
        """
        now = self.client.clock.now()
        window = Window(start=now, end=now + timedelta(days=1))
        async for _ in self.sessions(SessionQuery(window=window, by=WindowBy.SCHEDULED_START)):
            break
        return f"{self.platform} at {urlsplit(self.client.config.base_url).hostname} accepted the credential"

    def validate(self, draft: SessionDraft) -> None:
        """Refuse a draft that this platform cannot make, before any request; by default wrong options alone.

        :raises InputError: the text names the field.
        """
        self.options(self.create_options, draft.options)

    async def create(self, draft: SessionDraft) -> Session:
        """Make a session. It is never made twice by this call itself: no blind retry.

        :raises InputError: see :meth:`validate`.
        """
        raise self.unsupported(Feature.CREATE)

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Do what :meth:`create` could not do in its one request (adding people, say); harmless to repeat.

        :param session: what was made now, or found as made by an earlier attempt.
        """
        return session

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Sessions that an earlier attempt at the draft may have left, and those that look like it.

        They have its mark, that of another create of the same task, or its title and times; canceled and expired ones
        may be among them.

        By default sessions are listed that are planned within a day of the draft's start, and the mark is looked for in
        their descriptions: :meth:`create` must send ``format_description(draft)`` as the description.

        :param everywhere: also where such a session is not to be expected, whatever that costs.
        """
        return await find_candidates(self.get, self.list_sessions, draft, everywhere=everywhere)

    def has_unique_names(self, draft: SessionDraft) -> bool:
        """Whether the platform itself refuses to make the draft a second time, so that twins need not be looked for."""
        return False

    def with_other_name(self, draft: SessionDraft) -> SessionDraft | None:
        """The draft under another name, where a session that was called off may still hold the first.

        None where the platform knows no such names, or none is left.
        """
        return None

    @abstractmethod
    async def get(self, session_id: str) -> Session:
        """One session as it is now.

        :raises NotFoundError: there is none with that id.
        """

    async def get_details(self, session: Session) -> Session:
        """A session with all that :meth:`get` tells of it, where a list that it came from may tell less.

        Who exports it asks for this once, so that its rows do not hang on where it came from.

        :raises NotFoundError: it is gone.
        """
        return session

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """See how many sessions are, with the fewest requests there are.

        By default by one list of the days on which they are planned, or by a request for each, whichever costs less.

        :param known: id to what the last look saw; None where nothing is known or it is time to look closely.
        :returns: for every id the session, or the error that this one session alone met (``NotFoundError``).
        :raises SessionsError: the look as a whole failed.
        """
        return await self._poll.poll(known)

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change a session.

        :raises InputError: a field that this platform cannot change is set.
        """
        raise self.unsupported(Feature.UPDATE)

    async def start(self, session_id: str) -> Session:
        """Make a session live."""
        raise self.unsupported(Feature.START)

    async def end(self, session_id: str) -> Session:
        """End a live session."""
        raise self.unsupported(Feature.END)

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not begun.

        :param notify: whether participants are told, where the platform leaves a choice.
        """
        raise self.unsupported(Feature.CANCEL)

    @abstractmethod
    def sessions(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """All sessions that are meant, page by page, and perhaps others: see :meth:`list_sessions`.

        Of one in a state that nobody knows, the error: :func:`.unread.map_items` makes such a list. A platform may also
        leave it out here, and define :meth:`sessions_and_errors`.

        :param query: what can be asked of the platform saves pages; the rest of it may be passed over.
        """

    async def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """All sessions that are meant; of one in a state that nobody knows the error, with what else is known of it.

        By default :meth:`sessions`, without those that the query does not mean.

        :raises InputError: see :meth:`check_query`.
        """
        self.check_query(query)
        async for outcome in self.sessions(query):
            if may_match(query, outcome):
                yield outcome

    def list_sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """All sessions that are meant, and no others: what hooks and waits ask for.

        :raises InputError: see :meth:`check_query`.
        """
        return readable(self.sessions_and_errors(query), self.unread)

    @classmethod
    def check_query(cls, query: SessionQuery) -> None:
        """Refuse a filter that no session of this platform could pass.

        :raises InputError: the platform has no rooms, or no cases.
        """
        usable = [*sorted(cls.filters), "title"]
        for name, what in (("room_id", "rooms"), ("case", "cases")):
            if getattr(query, name) is not None and name not in cls.filters:
                raise InputError(f"{name}: {cls.platform} knows no {what}; filter by {' or '.join(usable)}")

    async def participants(self, session: Session) -> list[Participant]:
        """People invited, registered, present or given a role, as the platform knows them."""
        raise self.unsupported(Feature.PARTICIPANTS)

    async def attendance(self, session: Session) -> list[AttendanceInterval]:
        """Presence of people, as the platform gives it."""
        raise self.unsupported(Feature.ATTENDANCE)

    async def transcripts(self, session: Session) -> list[Transcript]:
        """The transcript and its translations, the original first; empty while there is none."""
        raise self.unsupported(Feature.TRANSCRIPTS)

    async def takeaways(self, session: Session) -> Takeaways | None:
        """What the platform sums the session up to; None while there is nothing."""
        raise self.unsupported(Feature.TAKEAWAYS)

    async def recordings(self, session: Session) -> list[Recording]:
        """The session's recordings, finished or not."""
        raise self.unsupported(Feature.RECORDINGS)

    async def polls(self, session: Session) -> list[Poll]:
        """Return the session's polls, with the votes of each option."""
        raise self.unsupported(Feature.POLLS)

    async def chat_messages(self, session: Session) -> list[ChatMessage]:
        """Return the messages of the session's chat."""
        raise self.unsupported(Feature.CHAT_MESSAGES)

    async def bookings(self, session: Session) -> list[Booking]:
        """Return the booking that the session was made for; an empty list where it was made otherwise."""
        raise self.unsupported(Feature.BOOKINGS)

    async def events(self, session: Session) -> list[Event]:
        """Return the event that the session is held for; an empty list where there is none."""
        raise self.unsupported(Feature.EVENTS)

    async def registrations(self, session: Session) -> list[Registration]:
        """Return the registrations for the session's event; an empty list where there is none."""
        raise self.unsupported(Feature.REGISTRATIONS)

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """Return the absolute address of a recording's file, and headers to send with the request for it.

        The connection's credential goes to its own hosts by itself. Address and headers are secrets. Where the address
        was refused, the caller asks again with a recording that has no ``download_url``.

        By default the recording's ``download_url``; where it has none, the one that :meth:`recordings` gives now.

        :raises NotFoundError: the recording is gone.
        """
        if recording.download_url is None:
            listed = await self.recordings(await self.get(recording.session_id))
            recording = with_url(recording, listed)
        return url_of(recording), {}

    async def read_file(self, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """Fetch a file that the platform gives an address of, and that is small, such as a transcript.

        :param url: its absolute address; the connection's credential goes to its own hosts alone.
        :param headers: headers to send.
        :raises ResponseTooLargeError: it is larger than an answer may be.
        :raises SessionsError: see :class:`~airflow_provider_sessions.client.download.Download`.
        """
        from airflow_provider_sessions.client.download import Download

        file, most = BytesIO(), self.client.config.max_json_bytes

        async def request() -> tuple[str, Mapping[str, str]]:
            return url, headers

        def check_size(size: int, _: int | None) -> None:
            if size > most:
                raise ResponseTooLargeError(f"{self.platform}: a file to be read is larger than {most} bytes")

        await Download(self.client, request, file, on_progress=check_size).run()
        return file.getvalue()

    async def artifact_status(self, session: Session, artifact: Artifact) -> ArtifactStatus:
        """Whether an artifact of a session is ready: the one rule for all platforms.

        Attendance is ready when the session is over (see :meth:`attendance_status`); transcript and takeaways when
        there is one that is not empty; recordings when there is at least one, none is in progress, and at least one
        has not failed.

        :raises UnsupportedError: this platform has no such artifact.
        """
        if artifact is Artifact.ATTENDANCE:
            self.require(Feature.ATTENDANCE)
            return await self.attendance_status(session)
        if artifact is Artifact.TRANSCRIPT:
            segments = sum(len(transcript.segments) for transcript in await self.transcripts(session))
            return ArtifactStatus(artifact=artifact, ready=segments > 0, count=segments)
        if artifact is Artifact.TAKEAWAYS:
            takeaways = await self.takeaways(session)
            return ArtifactStatus(artifact=artifact, ready=takeaways is not None, count=int(takeaways is not None))
        return recordings_status(await self.recordings(session), session)

    async def attendance_status(self, session: Session) -> ArtifactStatus:
        """Whether a session's attendance is ready: when the session is over, and the platform has closed its books."""
        return ArtifactStatus(artifact=Artifact.ATTENDANCE, ready=session.state.is_final)

    def page(self, session_id: str) -> str | None:
        """The address of a session's page, where the connection's ``session_url`` says how it is made up.

        For :attr:`Session.url` of platforms that name no page themselves.
        """
        return None if self._page is None else self._page.format(session_id=quote(session_id, safe=""))

    @classmethod
    def require(cls, question: Feature) -> None:
        """Refuse a question that this platform cannot answer, before any request.

        :raises UnsupportedError: it cannot.
        """
        if cls.capabilities[question].support is Support.NO:
            raise cls.unsupported(question)

    @classmethod
    def unsupported(cls, question: Feature) -> UnsupportedError:
        """The error for a question that this platform cannot answer."""
        return UnsupportedError(cls.platform, question.value, cls.capabilities[question].note)

    def options(self, model: type[Options], given: Mapping[str, object]) -> Options:
        """Check ``options`` against the platform's model of them.

        :raises OptionsError: names the field, what was given, and which fields there are.
        """
        try:
            return model.model_validate(dict(given))
        except ValidationError as misfit:
            raise options_error(self.platform, model, misfit.errors(include_url=False)) from None


def recordings_status(recordings: Sequence[Recording], session: Session) -> ArtifactStatus:
    """Whether a session's recordings are ready, as :meth:`Adapter.artifact_status` has it.

    :param recordings: all of the session's recordings, finished or not.
    """
    by_status = {status: [r for r in recordings if r.status is status] for status in RecordingStatus}
    ready, failed = by_status[RecordingStatus.READY], by_status[RecordingStatus.FAILED]
    absent = None
    if recordings and len(failed) == len(recordings):
        absent = f"all {len(failed)} recordings failed: {sanitize_text(failed[0].error or 'no reason given')}"
    elif not recordings and session.recording_enabled is False:
        absent = "recording is switched off for this session"
    return ArtifactStatus(
        artifact=Artifact.RECORDING,
        ready=bool(ready) and not by_status[RecordingStatus.IN_PROGRESS],
        count=len(ready),
        absent=absent,
        detail=f"{len(failed)} failed" if failed else None,
    )


def _page_template(account: Account) -> str | None:
    """The connection's ``session_url``, checked."""
    template = account.text("session_url")
    if template is None:
        return None
    try:
        fits = template.startswith(("http://", "https://")) and find_placeholders(template) == {"session_id"}
    except ValueError:
        fits = False  # a lone brace
    if not fits:
        raise account.wrong(
            "session_url",
            f"is {redact_typed_address(template)!r}; expected an address such as 'https://example.com/sessions/{{session_id}}'",
        )
    return template
