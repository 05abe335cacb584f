"""The state of a platform: its sessions, how requests to it are answered, and the manual actions on it.

Each platform is one package with a subclass of :class:`Platform`, which names its base path and its routes, decides
who may call them, and formats responses and errors. Sessions, their lifecycles and the manual actions are the same on
all platforms and are defined here.
"""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from airflow_provider_sessions.sandbox.attendees import (
    Person,
    PlannedPresence,
    Population,
    Presence,
    plan_presences,
    presences_at,
)
from airflow_provider_sessions.sandbox.identifiers import IdGenerator, seeded_random
from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, Script, State
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.routing import Match, Routes
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.server_rate_limit import RateLimit, RateLimitCounter, RateLimitResult

DEFAULT_SECONDS = 2_700.0
"""How long a session is expected to last if nothing says otherwise."""
TITLES = (
    "Product update for customers",
    "Onboarding: first steps",
    "Security review, open questions",
    "Partner enablement session",
    "Release walkthrough",
    "Quarterly results, explained",
    "Compliance training",
    "Ask the engineers",
    "Data platform office hours",
    "Customer story: Brightwater",
)


@dataclass
class SharedState:
    """What all platforms of one sandbox share.

    :param origin: scheme, host and port of the sandbox; a placeholder until a server is started.
    :param lock: held while state is read or changed: requests come from the server's thread, tests from another.
    """

    seed: int
    clock: SandboxClock
    origin: str = "http://sandbox.test"
    lock: threading.RLock = field(default_factory=threading.RLock)


class NoSuchSessionError(LookupError):
    """No session with this id exists."""


class PlatformSettings(BaseModel):
    """How a platform behaves where its documentation is silent; each platform adds fields.

    :param sorted_by: what lists of sessions are sorted by.
    :param newest_first: whether lists begin with the latest, otherwise they begin with the earliest.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    sorted_by: Literal["creation", "planned_start", "title"] = "creation"
    newest_first: bool = True


class SessionDraft(BaseModel):
    """A session that a test creates, as a person would in the platform's own web pages; it may lie in the past.

    :param count: how many sessions to create.
    :param scheduled_start: the planned start.
    :param started_at: when it went live.
    :param ended_at: when it ended.
    :param ended_between: the ends of ``count`` sessions are spread over this time.
    :param ended_on: the same for a day in UTC: a date, or ``yesterday``.
    :param duration: seconds, for a session that has ended; by default 20 to 75 minutes, depending on the seed.
    :param created_at: by default now, or three days before a start in the past.
    :param listed_at: the time of creation by which lists sort it, if that differs from the one that they show.
    :param attendees: people besides the host; by default 8 to 16, depending on the seed.
    :param recording_bytes: size of each recording; by default as the platform's settings say.
    :param script: what happens without any request; by default the platform's default script.
    """

    model_config = ConfigDict(extra="forbid")

    title: str | None = None
    count: int = Field(default=1, ge=1)
    scheduled_start: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    ended_between: tuple[AwareDatetime, AwareDatetime] | None = None
    ended_on: date | Literal["yesterday"] | None = None
    duration: float | None = Field(default=None, gt=0)
    created_at: AwareDatetime | None = None
    listed_at: AwareDatetime | None = None
    attendees: int | None = Field(default=None, ge=0)
    recording_bytes: int | None = Field(default=None, ge=0)
    script: Script | None = None

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        ends = ("ended_at", "ended_between", "ended_on")
        given = [name for name in ends if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} say when it ended; give one of them")
        return self


@dataclass(kw_only=True)
class StoredSession:
    """A session as the sandbox stores it; each platform adds fields.

    :param attendees: people besides the host.
    :param expected_seconds: how long it is expected to last, which decides when people join and leave.
    :param listed_at: see :class:`SessionDraft`.
    """

    id: str
    title: str
    lifecycle: Lifecycle
    attendees: int
    expected_seconds: float = DEFAULT_SECONDS
    recording_bytes: int | None = None
    listed_at: datetime | None = None


_SORT_KEYS: Mapping[str, Callable[[StoredSession], Any]] = {
    "creation": lambda session: session.listed_at or session.lifecycle.created_at,
    "planned_start": lambda session: session.lifecycle.scheduled_start or session.lifecycle.created_at,
    "title": lambda session: session.title,
}
S = TypeVar("S", bound=StoredSession)
D = TypeVar("D", bound=SessionDraft)
F = TypeVar("F", bound=Callable[..., Any])


def manual_action(method: F) -> F:
    """Decorate a method of a platform that tests and control routes call: take the lock and apply due changes first."""

    @functools.wraps(method)
    def locked(platform: Any, *args: Any, **kwargs: Any) -> Any:
        with platform.shared.lock:
            platform.apply_due_changes()
            return method(platform, *args, **kwargs)

    return cast("F", locked)


class Platform(ABC, Generic[S, D]):
    """One stand-in platform."""

    name: ClassVar[str]
    """The connection type."""
    mount: ClassVar[str]
    """Path of the base URL."""
    routes: ClassVar[Routes]
    other_paths: ClassVar[tuple[str, ...]] = ()
    """Paths besides that of the base URL: of web pages for people, or of a second API. Their routes are in the same
    table, with their whole path."""
    controls: ClassVar[Routes] = Routes()
    """Control routes of this platform alone, below ``/_sandbox/<name>``; their handlers receive the platform."""
    titles: ClassVar[tuple[str, ...]] = TITLES
    """Titles of sessions that are created without one."""
    artifact_kinds: ClassVar[tuple[str, ...]]
    states: ClassVar[frozenset[State]]
    """The states that it knows."""
    draft_type: type[D]
    settings: PlatformSettings

    def __init__(self, shared: SharedState) -> None:
        self.shared = shared
        self.ids = IdGenerator(shared.seed, self.name)
        self.opened_at = shared.clock.now()
        self.population = Population(shared.seed, self.name, self.opened_at)
        self.all_sessions: dict[str, S] = {}
        """All sessions by their internal id, deleted ones too, in the order of creation."""
        self.rate_limit_counter: RateLimitCounter | None = None
        self._script = Script()
        self._open: dict[str, S] = {}
        self._lists: dict[str | None, list[S]] = {}
        self._list_order: tuple[str, bool] | None = None
        self._late: list[tuple[datetime, ApiRequest]] = []
        self._planned_presences: dict[tuple[str, int], list[PlannedPresence]] = {}

    # --- what each platform defines -----------------------------------------------------------------------------------

    @abstractmethod
    def build_session(self, draft: D, lifecycle: Lifecycle, attendees: int) -> S:
        """Build a session from a draft; its lifecycle is complete."""

    @abstractmethod
    def authenticate(self, request: ApiRequest) -> None:
        """Identify the caller and set ``request.caller``.

        :raises ApiError: the credential is missing or invalid, or does not allow this route.
        """

    @abstractmethod
    def build_response(self, result: Any, request: ApiRequest) -> Response:
        """Format the result of a handler."""

    @abstractmethod
    def build_error_response(self, error: ApiError, request: ApiRequest) -> Response:
        """Format an error."""

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """Return what a client needs to connect, and the ids of the objects that exist from the start."""

    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """Return an Airflow connection to this platform: ``AIRFLOW_CONN_<ID>`` takes it as JSON."""

    @abstractmethod
    def new_api_key(self) -> str:
        """Replace the API key and return the new one; the old one is no longer valid."""

    def revoke_tokens(self) -> None:
        """Revoke the tokens of all logins.

        :raises ValueError: the platform has no logins.
        """
        raise ValueError(f"{self.name} has no logins to revoke")

    @abstractmethod
    def artifact_content(self, session: S, now: datetime) -> dict[str, Any]:
        """Return a session's artifacts by kind, as the API returns them once they are ready."""

    @abstractmethod
    def list_owner(self, session: S) -> str:
        """Return the id of the user, organization or library in whose list a session is."""

    @abstractmethod
    def session_host(self, session: S) -> Person:
        """Return the host of a session."""

    # --- requests -----------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The value of the connection's host field."""
        return f"{self.shared.origin}{self.mount}"

    def serves(self, path: str) -> bool:
        """Return whether a path of the sandbox belongs to this platform."""
        return any(path == own or path.startswith(f"{own}/") for own in (self.mount, *self.other_paths))

    def relative_path(self, path: str) -> str:
        """Return a path as the routes have it: below the base URL; other paths stay whole."""
        return path[len(self.mount) :] or "/" if path.startswith(self.mount) else path

    def matching_routes(self, path: str) -> list[Match]:
        """Return the routes that match a path, with any method."""
        return self.routes.find_all(path)

    def find_route(self, method: str, path: str) -> Match | None:
        """Return the route of a request, or None if there is none."""
        return next((match for match in self.matching_routes(path) if match.route.method == method), None)

    def check_rate_limit(self, request: ApiRequest) -> RateLimitResult | None:
        """Count a request that arrives now against the rate limit; None without a limit."""
        if self.rate_limit_counter is None:
            return None
        operation = request.route.name if request.route else ""
        return self.rate_limit_counter.check(self.rate_limit_key(request), operation, request.now)

    def rate_limit_key(self, request: ApiRequest) -> str:
        """Return the caller whose requests are counted together."""
        return request.headers.get("x-api-key") or request.headers.get("authorization") or ""

    def respond(self, request: ApiRequest) -> Response:
        """Handle a request. The caller holds the lock."""
        self.apply_due_changes()
        try:
            if request.route is None:
                raise self._route_error(request)
            self.authenticate(request)
            result = request.route.handler(self, request)
        except ApiError as error:
            return self.build_error_response(error, request)
        return result if isinstance(result, Response) else self.build_response(result, request)

    def respond_later(self, request: ApiRequest, seconds: float) -> None:
        """Handle a request after ``seconds`` and discard the response."""
        with self.shared.lock:
            self._late.append((self.shared.clock.now() + timedelta(seconds=seconds), request))

    def _route_error(self, request: ApiRequest) -> ApiError:
        if self.matching_routes(request.path):
            return ApiError(405, "Method not allowed", gateway=True)
        return ApiError(404, "Resource not found", gateway=True)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def apply_due_changes(self) -> None:
        """Handle delayed requests and apply the changes of all sessions that are due by now."""
        now = self.shared.clock.now()
        due = sorted(((at, request) for at, request in self._late if at <= now), key=lambda late: late[0])
        self._late = [(at, request) for at, request in self._late if at > now]
        for at, request in due:
            request.now = at
            self.respond(request)
        for session in list(self._open.values()):
            session.lifecycle.apply_due_changes(now)
            if session.lifecycle.is_over:
                del self._open[session.id]

    def public_id(self, session: S) -> str:
        """Return the id by which clients know a session."""
        return session.id

    def find_including_deleted(self, session_id: str) -> S | None:
        """Return a session by the id that clients know, even if it is deleted."""
        return self.all_sessions.get(session_id)

    def find(self, session_id: str) -> S | None:
        """Return a session by the id that clients know, unless it is deleted."""
        session = self.find_including_deleted(session_id)
        return session if session and not session.lifecycle.deleted_at else None

    def existing_sessions(self) -> list[S]:
        """Return all sessions that are not deleted, in the order of creation."""
        return [session for session in self.all_sessions.values() if not session.lifecycle.deleted_at]

    def listed_sessions(self, owner: str | None = None) -> Sequence[S]:
        """Return the sessions that are not deleted, in the order of the lists.

        The order by creation is kept until a session is added or deleted: a long list is read in thousands of pages.

        :param owner: only those with this :meth:`list_owner`.
        """
        order = (self.settings.sorted_by, self.settings.newest_first)
        if order != self._list_order or self.settings.sorted_by != "creation":
            self._lists.clear()
            self._list_order = order
        if owner not in self._lists:
            found = [one for one in self.existing_sessions() if owner is None or self.list_owner(one) == owner]
            found.sort(key=_SORT_KEYS[self.settings.sorted_by])
            self._lists[owner] = found[::-1] if self.settings.newest_first else found
        return self._lists[owner]

    def delete_session(self, session: S, at: datetime) -> None:
        """Delete a session with all its artifacts, unless it is deleted."""
        session.lifecycle.deleted_at = session.lifecycle.deleted_at or at
        self._lists.clear()

    def add_session(self, draft: D, lifecycle: Lifecycle) -> S:
        """Store a new session, whether a test or a client creates it."""
        rng = seeded_random(f"{self.shared.seed}:{self.name}:draft:{self.ids.number('draft')}")
        if draft.script is not None:
            lifecycle.script = draft.script
        lifecycle.script = self._supported_script(lifecycle.script)
        lifecycle.script_set_at = self.shared.clock.now()
        attendees = rng.randint(8, 16) if draft.attendees is None else draft.attendees
        session = self.build_session(draft, lifecycle, attendees)
        session.recording_bytes = draft.recording_bytes
        session.listed_at = draft.listed_at
        session.expected_seconds = lifecycle.script.duration or lifecycle.live_seconds or DEFAULT_SECONDS
        self.all_sessions[session.id] = self._open[session.id] = session
        self._lists.clear()
        lifecycle.apply_due_changes(self.shared.clock.now())
        return session

    @property
    def new_session_script(self) -> Script:
        """The script of sessions that are created from now on."""
        return self._script

    def planned_presences(self, session: S, revision: int = 0) -> list[PlannedPresence]:
        """Return who will attend a session. Each revision adds one person, as when a platform finds a lost row."""
        key = (session.id, revision)
        if key not in self._planned_presences:
            self._planned_presences[key] = plan_presences(
                f"{self.shared.seed}:{session.id}",
                self.population,
                self.session_host(session),
                session.attendees,
                revision,
                session.expected_seconds,
            )
        return self._planned_presences[key]

    def presences(self, session: S, now: datetime) -> list[Presence]:
        """Return who has been connected by ``now``, and when."""
        lifecycle = session.lifecycle
        if lifecycle.started_at is None:
            return []
        plans = self.planned_presences(session, len(lifecycle.revisions("attendance", now)))
        return presences_at(plans, lifecycle.started_at, lifecycle.stopped_at, now)

    # --- manual actions -----------------------------------------------------------------------------------------------

    @manual_action
    def create(self, title: str | None = None, **fields: Any) -> list[str]:
        """Create sessions, which may lie in the past, and return their ids, oldest first.

        :param title: their title; by default one from a list.
        :param fields: the fields of the platform's draft; see :class:`SessionDraft`.
        :raises pydantic.ValidationError: a field is unknown or invalid.
        """
        draft = self.draft_type(title=title, **fields)
        return [self.public_id(self._create_one(draft, number)) for number in range(draft.count)]

    def _create_one(self, draft: D, number: int) -> S:
        rng = seeded_random(f"{self.shared.seed}:{self.name}:life:{self.ids.number('life')}")
        now = self.shared.clock.now()
        lifecycle = Lifecycle(created_at=now, scheduled_start=draft.scheduled_start, script=self._script)
        length = timedelta(seconds=draft.duration or float(rng.randint(20 * 60, 75 * 60)))
        lifecycle.ended_at = _choose_end(draft, number, rng, now)
        lifecycle.started_at = draft.started_at or (lifecycle.ended_at and lifecycle.ended_at - length)
        if max(lifecycle.started_at or now, lifecycle.ended_at or now) > now:
            raise ValueError("started_at and ended_at cannot lie in the future; set a script instead")
        if lifecycle.started_at:
            lifecycle.scheduled_start = lifecycle.scheduled_start or _floor_to_five_minutes(lifecycle.started_at)
            lifecycle.created_at = min(now, lifecycle.scheduled_start - timedelta(days=3))
        lifecycle.created_at = draft.created_at or lifecycle.created_at
        title = draft.title or rng.choice(self.titles)
        return self.add_session(draft.model_copy(update={"title": title}), lifecycle)

    @manual_action
    def start(self, session_id: str) -> None:
        """Start a session now. One that has ended continues: it is live again since its first start."""
        session = self._require_session(session_id)
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        lifecycle.started_at = lifecycle.started_at or now
        lifecycle.ended_at = lifecycle.expired_at = lifecycle.canceled_at = None
        lifecycle.awaits_staff = False
        if lifecycle.script.duration is not None and now > lifecycle.started_at:
            lifecycle.script = lifecycle.script.model_copy(update={"duration": None})
        self._open[session.id] = session

    @manual_action
    def end(self, session_id: str) -> None:
        """End a session now; one that was never live starts and ends at the same instant."""
        lifecycle = self._require_session(session_id).lifecycle
        lifecycle.started_at = lifecycle.started_at or self.shared.clock.now()
        lifecycle.ended_at = lifecycle.ended_at or self.shared.clock.now()

    @manual_action
    def expire(self, session_id: str) -> None:
        """Expire a session that was not started.

        :raises ValueError: it was started, or the platform has no such state.
        """
        if State.EXPIRED not in self.states:
            raise ValueError(f"Sessions on {self.name} do not expire")
        lifecycle = self._require_session(session_id).lifecycle
        if lifecycle.started_at:
            raise ValueError(f"Session {session_id} was started, so it cannot expire")
        lifecycle.expired_at = lifecycle.expired_at or self.shared.clock.now()

    @manual_action
    def cancel(self, session_id: str) -> None:
        """Cancel a session.

        :raises ValueError: it has ended, or the platform has no such state.
        """
        if State.CANCELED not in self.states:
            raise ValueError(f"{self.name} cannot cancel a session; delete it")
        lifecycle = self._require_session(session_id).lifecycle
        if lifecycle.ended_at:
            raise ValueError(f"Session {session_id} has ended, so it cannot be canceled")
        lifecycle.canceled_at = lifecycle.canceled_at or self.shared.clock.now()

    @manual_action
    def delete(self, session_id: str) -> None:
        """Delete a session with all its artifacts; :meth:`oracle` still lists it."""
        self.delete_session(self._require_session(session_id), self.shared.clock.now())

    @manual_action
    def script(self, session_id: str, **changes: Any) -> None:
        """Change what happens to a session without any request.

        :param changes: fields of :class:`~airflow_provider_sessions.sandbox.lifecycle.Script`; others stay unchanged.
        """
        session = self._require_session(session_id)
        lifecycle = session.lifecycle
        lifecycle.script = self._supported_script(_update_script(lifecycle.script, changes))
        lifecycle.script_set_at = self.shared.clock.now()
        if lifecycle.started_at is None:
            session.expected_seconds = lifecycle.script.duration or session.expected_seconds

    @manual_action
    def default_script(self, **changes: Any) -> None:
        """Change the script of sessions that are created from now on; arguments as in :meth:`script`."""
        self._script = _update_script(self._script, changes)

    @manual_action
    def revise(self, session_id: str, kind: str) -> None:
        """Change the content of an artifact, as when a transcript is corrected.

        :param kind: one of the platform's artifact kinds.
        :raises ValueError: the platform has no such artifact.
        """
        if kind not in self.artifact_kinds:
            raise ValueError(f"{self.name} has no artifact {kind!r}; it has {', '.join(self.artifact_kinds)}")
        lifecycle = self._require_session(session_id).lifecycle
        lifecycle.revised_at.setdefault(kind, []).append(self.shared.clock.now())

    @manual_action
    def set_rate_limit(self, limit: int, window: float, **rule: Any) -> None:
        """Limit requests from now on.

        :param limit: requests allowed per window.
        :param window: seconds.
        :param rule: further fields of :class:`~airflow_provider_sessions.sandbox.server_rate_limit.RateLimit`.
        """
        self.rate_limit_counter = RateLimitCounter(RateLimit(limit=limit, window=window, **rule))

    @manual_action
    def remove_rate_limit(self) -> None:
        """Allow every request from now on."""
        self.rate_limit_counter = None

    @manual_action
    def session(self, session_id: str) -> dict[str, Any]:
        """Return a session in this package's terms, even if it is deleted.

        :raises NoSuchSessionError: there never was one with this id.
        """
        session = self.find_including_deleted(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return self._describe(session)

    @manual_action
    def sessions(self) -> list[dict[str, Any]]:
        """Return all sessions, deleted ones too, in the order of creation."""
        return [self._describe(session) for session in self.all_sessions.values()]

    @manual_action
    def oracle(self) -> list[dict[str, Any]]:
        """Return all sessions, deleted ones too, with all artifacts that each will have once everything is ready."""
        now = self.shared.clock.now()
        return [
            self._describe(session) | {"content": self.artifact_content(session, now)}
            for session in self.all_sessions.values()
        ]

    def _require_session(self, session_id: str) -> S:
        session = self.find(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return session

    def _supported_script(self, script: Script) -> Script:
        """Remove from a script what cannot happen on this platform."""
        return script if State.EXPIRED in self.states else script.model_copy(update={"expire_after": None})

    def _describe(self, session: S) -> dict[str, Any]:
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        times = ("created_at", "scheduled_start", "started_at", "ended_at", "canceled_at", "expired_at", "deleted_at")
        return {
            "platform": self.name,
            "id": self.public_id(session),
            "title": session.title,
            "state": lifecycle.state.value,
            **{name: _isoformat(getattr(lifecycle, name)) for name in times},
            "artifacts": {
                kind: {
                    "ready": lifecycle.is_ready(kind, now),
                    "ready_at": _isoformat(lifecycle.ready_at(kind)),
                    "revision": len(lifecycle.revisions(kind, now)),
                }
                for kind in self.artifact_kinds
            },
        }


def _update_script(script: Script, changes: Mapping[str, Any]) -> Script:
    return Script.model_validate(script.model_dump() | dict(changes))


def _isoformat(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _choose_end(draft: SessionDraft, number: int, rng: Random, now: datetime) -> datetime | None:
    """Choose the end of session ``number`` of a draft: evenly spread over the range, with a seeded offset."""
    if draft.ended_on is not None:
        day = now.astimezone(UTC).date() - timedelta(days=1) if draft.ended_on == "yesterday" else draft.ended_on
        first = datetime.combine(day, time(), UTC)
        last = first + timedelta(days=1)
    elif draft.ended_between is not None:
        first, last = draft.ended_between
    else:
        return draft.ended_at
    share = (number + rng.random()) / draft.count
    return (first + (last - first) * share).replace(microsecond=0)


def _floor_to_five_minutes(instant: datetime) -> datetime:
    """Round down to five minutes, which gives a plausible planned start."""
    return instant.replace(minute=instant.minute - instant.minute % 5, second=0, microsecond=0)
