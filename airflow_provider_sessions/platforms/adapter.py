"""The interface of a platform: what operators, sensors and exports may call.

An adapter maps a platform's API to :mod:`airflow_provider_sessions.model`. What its platform does not have raises
:class:`~airflow_provider_sessions.errors.UnsupportedError`, which says what to use instead. What a platform has beyond
this interface can be called through its endpoints.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from io import BytesIO
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_sessions.client.call import Endpoints, find_placeholders
from airflow_provider_sessions.client.redact import redact_typed_address
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import (
    InputError,
    NotFoundError,
    OptionsError,
    ResponseTooLargeError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.messages import suggest_choices
from airflow_provider_sessions.metrics import NO_METRICS, Metrics
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
    SessionState,
    Takeaways,
    Transcript,
    TranscriptFile,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.description_marker import Candidate, find_candidates, has_title_and_start
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import (
    ListedSession,
    NumberedList,
    ReadWarnings,
    may_match,
    skip_unknown_states,
)
from airflow_provider_sessions.platforms.poll_strategy import ListOrGet
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter
from airflow_provider_sessions.rate_limit.stores import get_account_limiter
from airflow_provider_sessions.safe_text import sanitize_text

if TYPE_CHECKING:
    from airflow_provider_sessions.client import httpx_api as httpx
    from airflow_provider_sessions.client.client import Client
    from airflow_provider_sessions.client.config import ClientConfig
    from airflow_provider_sessions.client.responses import Body, Dialect

Options = TypeVar("Options", bound=BaseModel)

_MAX_SECRETS = 50
"""Secrets of a connection that no error may quote: its password, and the newest tokens."""
_DAY = timedelta(days=1)


class Feature(StrEnum):
    """What an adapter may support. The values are the names of its methods."""

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
    """Whether a feature is supported."""

    YES = "yes"
    """Yes, and documented by the vendor."""
    INFERRED = "inferred"
    """Yes, but method, path or meaning are inferred, and may be wrong in practice."""
    NO = "no"


@dataclass(frozen=True, slots=True)
class Capability:
    """How well a platform supports a feature.

    :param support: whether it does.
    :param note: what a user should know; if the feature is not supported, what to use instead.
    """

    support: Support
    note: str = ""


_DEFAULTS_OF = {Feature.CREATE: Feature.FIND_EXISTING, Feature.RECORDINGS: Feature.RECORDING_REQUEST}
"""Features that the default implementation supports once an adapter defines another."""
_NOT_MAPPED = Capability(Support.NO, "Its adapter does not map that; call its endpoints with CallApiOperator.")
_ERROR_PRIORITY = {"extra_forbidden": 0, "missing": 2}
"""Of several errors in ``options``, an unknown name comes before a missing one: it is probably that one, misspelled."""


class NoOptions(BaseModel):
    """``options`` of a platform that has none."""

    model_config = ConfigDict(extra="forbid")


class Adapter(ABC):
    """One connection to one platform, mapped to the model. It belongs to one event loop.

    A subclass sets ``platform`` and ``endpoints``, and defines :meth:`auth`, :meth:`get`, :meth:`sessions` and what
    else its platform supports; everything else has a default. Callers do not parse a session's id. Each occurrence of
    a recurring session is a session of its own, with the id ``{series}:{occurrence}`` that only the adapter parses.

    :cvar platform: the connection type.
    :cvar endpoints: the platform's endpoint functions and their table.
    :cvar create_options: the model of a create's ``options``; by default there are none.
    :cvar change_options: the model of an update's ``options``; by default there are none.
    :cvar dialect: explains the platform's errors; by default their status alone does.
    :cvar filters: which of ``room_id`` and ``case`` its sessions have, so that lists can be filtered by it.
    :cvar capabilities: one entry for every :class:`Feature`. A subclass gives those that need a note; any other method
        that it defines is supported.
    :cvar default_base_url: used if the connection names no host; None if there is no default.
    :cvar default_rate_limit: used if the connection names no limit.
    :cvar category_limits: limits of categories of endpoints, used if the connection names none. They hold besides the
        account's limit, for endpoints declared with ``api(..., category="exports")``.
    :cvar default_max_wait: seconds that a request may wait for a retry or for the rate limit. It should be more than
        a window of the limit, or a burst that uses up the window fails instead of waiting.
    :cvar keeps_canceled: whether :meth:`get` still returns a canceled session; False if canceling deletes it.
    :cvar keeps_original_transcripts: whether :meth:`transcripts` returns them with
        :attr:`~airflow_provider_sessions.model.Transcript.original`.
    :cvar hook_class: ``module:class`` of the hook for its connections, a subclass of ``hooks.base.SessionsHook``; None
        for that class itself.
    """

    platform: ClassVar[str]
    endpoints: ClassVar[Endpoints]
    create_options: ClassVar[type[BaseModel]] = NoOptions
    change_options: ClassVar[type[BaseModel]] = NoOptions
    dialect: ClassVar[Dialect | None] = None
    filters: ClassVar[frozenset[str]] = frozenset()
    capabilities: ClassVar[Mapping[Feature, Capability]] = dict.fromkeys(Feature, _NOT_MAPPED) | dict.fromkeys(
        (Feature.GET, Feature.POLL_SESSIONS, Feature.SESSIONS), Capability(Support.YES)
    )
    default_base_url: ClassVar[str | None] = None
    default_rate_limit: ClassVar[RateLimit | None] = None
    category_limits: ClassVar[Mapping[str, RateLimit]] = {}
    default_max_wait: ClassVar[float] = 60.0
    keeps_canceled: ClassVar[bool] = True
    keeps_original_transcripts: ClassVar[bool] = False
    hook_class: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Complete the capabilities."""
        super().__init_subclass__(**kwargs)
        inherited = next(base.capabilities for base in cls.__mro__[1:] if issubclass(base, Adapter))
        declared = cls.__dict__.get("capabilities", {})
        defined = {feature for feature in Feature if feature.value in cls.__dict__}
        defined |= {default for feature, default in _DEFAULTS_OF.items() if feature in defined}
        cls.capabilities = {**inherited, **dict.fromkeys(defined, Capability(Support.YES)), **declared}

    def __init__(self, account: Account, client: Client) -> None:
        self.account = account
        self.client = client
        self.warnings = ReadWarnings(self.platform)
        self._list_or_get = ListOrGet(self.get, self.list_sessions, lambda: client.response_count)
        self._session_url = _parse_url_template(account)

    @classmethod
    def open(
        cls,
        account: Account,
        *,
        clock: Clock = SYSTEM_CLOCK,
        metrics: Metrics = NO_METRICS,
        on_secret: Callable[[str], None] = lambda secret: None,
        limiter: RateLimiter | None = None,
        traffic_class: TrafficClass = TrafficClass.CALL,
        attempts: int = 4,
        max_wait: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Return an adapter for a connection. Nothing is sent.

        :param account: the connection.
        :param clock: the clock.
        :param metrics: reports its requests and waits.
        :param on_secret: called with each new secret (such as a token), so that it can be masked.
        :param limiter: a rate limiter; by default the account's, which all processes of this host share, or all
            workers if the connection names a store.
        :param traffic_class: what its requests are for: polling uses an adapter of its own.
        :param attempts: how often a request is sent at most.
        :param max_wait: seconds that a request may wait for a retry or for the rate limit; by default the
            connection's ``max_wait``, or the platform's ``default_max_wait``.
        :param transport: sends the requests, for tests in one process.
        :raises ConnectionConfigError: a field of the connection is missing or wrong.
        """
        # Imported here because operators import this module whenever a DAG file is parsed.
        from airflow_provider_sessions.client.client import Client
        from airflow_provider_sessions.client.config import ClientConfig
        from airflow_provider_sessions.client.responses import MAX_ITEMS, Dialect
        from airflow_provider_sessions.client.retry import RetryPolicy

        secrets: deque[str] = deque(account.secrets, maxlen=_MAX_SECRETS)

        def add_secret(secret: str) -> None:
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
            auth=cls.auth(account, config, clock, add_secret),
            limiter=limiter or cls.get_limiter(account, clock),
            category_limiters=cls.get_category_limiters(account, clock),
            traffic_class=traffic_class,
            clock=clock,
            metrics=metrics,
            transport=transport,
            secrets=lambda: tuple(secrets),  # a function, so that no repr shows them
        )
        return cls(account, client)

    @classmethod
    def fingerprint(cls, account: Account) -> str:
        """Return a text that identifies the account; see :meth:`Account.fingerprint`. The first call may be slow.

        :raises ConnectionConfigError: the connection's host cannot be read.
        """
        return account.fingerprint(account.base_url(cls.default_base_url), cls.account_name(account))

    @classmethod
    def account_name(cls, account: Account) -> str | None:
        """Return the name of the vendor's account, whose connections share one rate limit; by default the login.

        None if it has no name: then all connections with the same credential share a limit.
        """
        return account.login

    @classmethod
    def get_limiter(cls, account: Account, clock: Clock = SYSTEM_CLOCK) -> RateLimiter:
        """Return the rate limiter of an account.

        :raises ConnectionConfigError: one of the connection's fields is wrong, or the package ``redis`` is missing.
        """
        return cls._get_limiter(account, cls.fingerprint(account), account.rate_limit(cls.default_rate_limit), clock)

    @classmethod
    def get_category_limiters(cls, account: Account, clock: Clock = SYSTEM_CLOCK) -> dict[str, RateLimiter]:
        """Return the rate limiters of the categories of endpoints that have a limit of their own.

        :raises ConnectionConfigError: one of the connection's fields is wrong, or the package ``redis`` is missing.
        """
        limits = account.category_limits(cls.category_limits, cls.endpoints.categories)
        return {
            category: cls._get_limiter(account, f"{cls.fingerprint(account)}.{category}", limit, clock)
            for category, limit in limits.items()
        }

    @classmethod
    def _get_limiter(cls, account: Account, name: str, limit: RateLimit | None, clock: Clock) -> RateLimiter:
        try:
            return get_account_limiter(name, limit, clock, account.rate_store)
        except ImportError:
            raise account.make_field_error(
                "rate_store_conn_id", "needs the package redis: pip install 'airflow-provider-sessions[redis]'"
            ) from None

    @classmethod
    @abstractmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """Return the object that adds the credential to requests.

        :raises ConnectionConfigError: the credential is missing.
        """

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Return the client's settings, with those that only this platform has; by default there are none.

        :param account: the connection.
        :param config: the settings that all platforms have.
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
        """Send one cheap request that needs the credential, and return a sentence about the response.

        By default the first session of the coming day is listed.
        """
        now = self.client.clock.now()
        window = Window(start=now, end=now + _DAY)
        async for _ in self.sessions(SessionQuery(window=window, by=WindowBy.SCHEDULED_START)):
            break
        return f"{self.platform} at {urlsplit(self.client.config.base_url).hostname} accepted the credential"

    def validate(self, draft: SessionDraft) -> None:
        """Check that the platform can create a session, before any request; by default the options are checked.

        :raises InputError: it cannot; the text names the field.
        """
        self.options(self.create_options, draft.options)

    async def create(self, draft: SessionDraft) -> Session:
        """Create a session. The request is sent once: a lost response is not retried.

        :raises InputError: see :meth:`validate`.
        """
        raise self.unsupported(Feature.CREATE)

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Do what :meth:`create` could not do in its one request, such as adding people. Can be repeated.

        :param session: the session that was created now, or by an earlier attempt.
        """
        return session

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Return the sessions that an earlier attempt at the draft may have created, and similar ones.

        They have the draft's marker, one of another create of the same task, or its title and times. Some may be
        canceled or expired.

        By default the sessions planned within a day of the draft's start are searched, and the marker is expected in
        the description: :meth:`create` must send ``format_description(draft)`` as the description.

        :param everywhere: search all sessions, however many requests that takes.
        """
        query = SessionQuery()
        if draft.start is not None and not everywhere:
            window = Window(start=shifted(draft.start, -_DAY), end=shifted(draft.start, _DAY))
            query = SessionQuery(window=window, by=WindowBy.SCHEDULED_START)

        def is_similar(session: Session) -> bool:
            is_open = session.state in (SessionState.SCHEDULED, SessionState.LIVE)
            return has_title_and_start(draft, session.title, session.scheduled_start, is_open=is_open)

        return await find_candidates(
            self.list_sessions(query),
            draft,
            is_similar=is_similar,
            get_description=lambda session: session.description if session.mark is None else session.mark,
            get_item=lambda session: self.get(session.session_id),
            to_session=lambda session: session,
        )

    def has_unique_names(self, draft: SessionDraft) -> bool:
        """Whether the platform itself refuses to create the draft twice, so that no duplicates are searched for."""
        return False

    def with_other_name(self, draft: SessionDraft) -> SessionDraft | None:
        """Return the draft with another unique name, for when a canceled session may still have the first one.

        None if the platform has no such names, or none is left.
        """
        return None

    @abstractmethod
    async def get(self, session_id: str) -> Session:
        """Return one session, as it is now.

        :raises NotFoundError: there is none with that id.
        """

    async def get_details(self, session: Session) -> Session:
        """Return a session with every field that :meth:`get` gives, as a list may give fewer.

        An export calls this once for each session, so that rows do not depend on where the session was read.

        :raises NotFoundError: it is gone.
        """
        return session

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """Return sessions as they are now, with as few requests as possible.

        By default with one list of the days on which they are planned, or one request for each, whichever takes fewer.

        :param known: ids, and what the last poll returned; None for a session that is new, or is to be polled in full.
            Those that are requested one by one are requested in this order.
        :returns: for every id the session, or the error of this session alone (such as ``NotFoundError``). If an error
            of the account or the host (such as ``RateLimitedError``) stops a poll that has read some sessions, it is
            the error of all others.
        :raises SessionsError: the whole poll failed.
        """
        return await self._list_or_get.poll_sessions(known)

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change a session.

        :raises InputError: the platform cannot change one of the fields.
        """
        raise self.unsupported(Feature.UPDATE)

    async def start(self, session_id: str) -> Session:
        """Start a session."""
        raise self.unsupported(Feature.START)

    async def end(self, session_id: str) -> Session:
        """End a live session."""
        raise self.unsupported(Feature.END)

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not started.

        :param notify: whether participants are notified, if the platform leaves a choice.
        """
        raise self.unsupported(Feature.CANCEL)

    @abstractmethod
    def sessions(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Yield the sessions that match a query, and perhaps others, page by page; callers use :meth:`list_sessions`.

        For a session in an unknown state the error is yielded; :func:`.list_items.map_items` does that. An adapter may
        also leave it out, and define :meth:`sessions_and_errors`.

        :param query: filters that the platform does not have can be ignored.
        """

    async def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Yield the sessions that match a query; for one in an unknown state the error, which holds the rest of it.

        By default :meth:`sessions`, without those that do not match.

        :raises InputError: see :meth:`check_query`.
        """
        self.check_query(query)
        async for session in self.sessions(query):
            if may_match(query, session):
                yield session

    def list_sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """Yield the sessions that match a query.

        :raises InputError: see :meth:`check_query`.
        """
        return skip_unknown_states(self.sessions_and_errors(query), self.warnings)

    def numbered_list(self) -> NumberedList | None:
        """Return the list of all sessions by its pages, so that an export need not read the whole list each time.

        None if its pages have no numbers: then every export reads all of it.
        """
        return None

    @classmethod
    def check_query(cls, query: SessionQuery) -> None:
        """Refuse a filter that no session of this platform can match.

        :raises InputError: the platform has no rooms, or no cases.
        """
        usable = [*sorted(cls.filters), "title"]
        for name, what in (("room_id", "rooms"), ("case", "cases")):
            if getattr(query, name) is not None and name not in cls.filters:
                raise InputError(f"{name}: {cls.platform} has no {what}; filter by {' or '.join(usable)}")

    async def participants(self, session: Session) -> list[Participant]:
        """Return the people who are invited, registered, present or have a role."""
        raise self.unsupported(Feature.PARTICIPANTS)

    async def attendance(self, session: Session) -> list[AttendanceInterval]:
        """Return when people were present."""
        raise self.unsupported(Feature.ATTENDANCE)

    async def transcripts(self, session: Session) -> list[Transcript]:
        """Return the transcript and its translations, the original first; empty while there is none."""
        raise self.unsupported(Feature.TRANSCRIPTS)

    async def takeaways(self, session: Session) -> Takeaways | None:
        """Return the platform's summary of the session; None while there is none."""
        raise self.unsupported(Feature.TAKEAWAYS)

    async def recordings(self, session: Session) -> list[Recording]:
        """Return the session's recordings, finished or not."""
        raise self.unsupported(Feature.RECORDINGS)

    async def polls(self, session: Session) -> list[Poll]:
        """Return the session's polls, with the votes of each option."""
        raise self.unsupported(Feature.POLLS)

    async def chat_messages(self, session: Session) -> list[ChatMessage]:
        """Return the messages of the session's chat."""
        raise self.unsupported(Feature.CHAT_MESSAGES)

    async def bookings(self, session: Session) -> list[Booking]:
        """Return the booking that the session was made for, if there is one."""
        raise self.unsupported(Feature.BOOKINGS)

    async def events(self, session: Session) -> list[Event]:
        """Return the event that the session is held for, if there is one."""
        raise self.unsupported(Feature.EVENTS)

    async def registrations(self, session: Session) -> list[Registration]:
        """Return the registrations for the session's event, if it has one."""
        raise self.unsupported(Feature.REGISTRATIONS)

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """Return the URL of a recording's file, and headers to send with the request for it. Both are secrets.

        The connection's credential is sent to its own hosts only. If the URL is refused, the caller tries again with a
        recording that has no ``download_url``.

        By default the recording's ``download_url``; if it has none, the one that :meth:`recordings` gives now.

        :raises NotFoundError: the recording is gone.
        """
        if recording.download_url is None:
            recording = find_listed(recording, await self.recordings(await self.get(recording.session_id)))
        return get_download_url(recording), {}

    async def read_file(self, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
        """Download a small file, such as a transcript.

        :param url: its absolute URL; the connection's credential is sent to its own hosts only.
        :param headers: headers to send.
        :raises ResponseTooLargeError: it is larger than a response may be.
        :raises SessionsError: see :class:`~airflow_provider_sessions.client.download.Download`.
        """
        from airflow_provider_sessions.client.download import Download

        file, max_bytes = BytesIO(), self.client.config.max_json_bytes

        async def request() -> tuple[str, Mapping[str, str]]:
            return url, headers

        def check_size(size: int, _: int | None) -> None:
            if size > max_bytes:
                raise ResponseTooLargeError(f"{self.platform}: the file is larger than {max_bytes} bytes")

        await Download(self.client, request, file, on_progress=check_size).run()
        return file.getvalue()

    async def artifact_status(self, session: Session, artifact: Artifact) -> ArtifactStatus:
        """Return whether an artifact of a session is ready, by the same rule for all platforms.

        Attendance is ready when the session is over (see :meth:`attendance_status`); transcript and takeaways when
        they are not empty; recordings when at least one is ready and none is in progress.

        :raises UnsupportedError: the platform has no such artifact.
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
        """Return whether a session's attendance is ready: the session is over, and its attendance is final."""
        return ArtifactStatus(artifact=Artifact.ATTENDANCE, ready=session.state.is_final)

    def page(self, session_id: str) -> str | None:
        """Return the URL of a session's page from the connection's ``session_url``; None if that is empty.

        For :attr:`Session.url` of platforms whose responses hold no such URL.
        """
        return None if self._session_url is None else self._session_url.format(session_id=quote(session_id, safe=""))

    @classmethod
    def require(cls, feature: Feature) -> None:
        """Check that the platform supports a feature, before any request.

        :raises UnsupportedError: it does not.
        """
        if cls.capabilities[feature].support is Support.NO:
            raise cls.unsupported(feature)

    @classmethod
    def require_original_transcripts(cls) -> None:
        """Check that transcripts come with the platform's own form of them, before any request.

        :raises UnsupportedError: the platform has no transcripts, or its adapter does not keep them as received.
        """
        cls.require(Feature.TRANSCRIPTS)
        if not cls.keeps_original_transcripts:
            note = f"The adapter of {cls.platform} does not keep transcripts as they were received"
            raise UnsupportedError(cls.platform, "keep_original", note)

    @classmethod
    def unsupported(cls, feature: Feature) -> UnsupportedError:
        """Return the error for a feature that the platform does not support."""
        return UnsupportedError(cls.platform, feature.value, cls.capabilities[feature].note)

    def options(self, model: type[Options], given: Mapping[str, object]) -> Options:
        """Parse ``options`` with the platform's model of them.

        :raises OptionsError: names the field, the value, and the fields that exist.
        """
        try:
            return model.model_validate(dict(given))
        except ValidationError as invalid:
            raise make_options_error(self.platform, model, invalid.errors(include_url=False)) from None


def add_original(transcripts: Sequence[Transcript], body: Body) -> list[Transcript]:
    """Return the transcripts of one response, the first with the response's body as its original.

    :param body: of :meth:`~airflow_provider_sessions.client.client.Client.send_for_body`.
    """
    original = TranscriptFile(content=body.content, media_type=body.media_type)
    return [
        one.model_copy(update={"original": original}) if not number else one for number, one in enumerate(transcripts)
    ]


def make_options_error(platform: str, model: type[BaseModel], errors: Sequence[Mapping[str, Any]]) -> OptionsError:
    """Return the error for ``options``: it names a field, its value, and the fields that exist.

    :param errors: those of pydantic's ``ValidationError.errors()``, at least one.
    """
    error = min(errors, key=lambda one: _ERROR_PRIORITY.get(one["type"], 1))
    where = ".".join(str(part) for part in error["loc"]) or "options"
    near = suggest_choices([where], model.model_fields) if error["type"] == "extra_forbidden" else ""
    known = f"has the options {', '.join(model.model_fields)}" if model.model_fields else "has no options"
    return OptionsError(
        f"options.{where} for {platform}: {error['msg']} (given: {error.get('input')!r}); {platform} {known}{near}"
    )


def find_listed(recording: Recording, listed: Iterable[Recording]) -> Recording:
    """Return a recording as the platform lists it now, with its ``download_url``.

    :raises NotFoundError: it is not listed, or without a URL.
    """
    for one in listed:
        if one.recording_id == recording.recording_id and one.download_url is not None:
            return one
    raise NotFoundError(f"{recording.session_id} has no recording {recording.recording_id} any more", status=404)


def get_download_url(recording: Recording) -> str:
    """Return a recording's ``download_url``; an empty text if it has none."""
    return "" if recording.download_url is None else recording.download_url.get_secret_value()


def recordings_status(recordings: Sequence[Recording], session: Session) -> ArtifactStatus:
    """Return whether a session's recordings are ready; see :meth:`Adapter.artifact_status`.

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


def _parse_url_template(account: Account) -> str | None:
    """Return the connection's ``session_url``.

    :raises ConnectionConfigError: it is no URL with a place for the session's id.
    """
    template = account.text("session_url")
    if template is None:
        return None
    try:
        is_valid = template.startswith(("http://", "https://")) and find_placeholders(template) == {"session_id"}
    except ValueError:
        is_valid = False  # a single brace
    if not is_valid:
        raise account.make_field_error(
            "session_url",
            f"is {redact_typed_address(template)!r}; expected an address such as 'https://example.com/sessions/{{session_id}}'",
        )
    return template
