"""What every stand-in platform is made of: its sessions, its routes, and what people can do to it by hand.

A platform is one folder with one subclass of :class:`Platform`: it names its mount and its table of routes, says who
may call, and puts answers and refusals in its own shape. Sessions, their lives and the control methods are the same
for all and live here.
"""

from __future__ import annotations

import functools
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar, Generic, TypeVar, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
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
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.routing import Match, Routes
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.server_rate_limit import RateLimit, RateLimitCounter, RateLimitResult

USUAL_SECONDS = 2_700.0
"""How long a session is expected to last, where nobody says."""


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


class NoSuchSessionError(LookupError):
    """No session of this id is known (any more)."""


class SessionDraft(BaseModel):
    """A session made by hand, as a person would in the platform's own pages; also one that is long over.

    :param count: how many to make.
    :param scheduled_start: the planned start.
    :param started_at: it went live then.
    :param ended_at: it ended then.
    :param ended_between: the ends of ``count`` sessions are spread over this time.
    :param duration: seconds, for a session that is over; 20 to 75 minutes by the seed if not given.
    :param created_at: now, or three days before the start where that is past, if not given.
    :param attendees: people besides the host; 8 to 16 by the seed if not given.
    :param recording_bytes: size of each recording; the platform's setting if not given.
    :param script: what is to happen by itself; the default script if not given.
    """

    model_config = ConfigDict(extra="forbid")

    title: str | None = None
    count: int = Field(default=1, ge=1)
    scheduled_start: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    ended_between: tuple[AwareDatetime, AwareDatetime] | None = None
    duration: float | None = Field(default=None, gt=0)
    created_at: AwareDatetime | None = None
    attendees: int | None = Field(default=None, ge=0)
    recording_bytes: int | None = Field(default=None, ge=0)
    script: Script | None = None


@dataclass(kw_only=True)
class StoredSession:
    """A session as the sandbox keeps it; platforms add their own fields.

    :param attendees: people besides the host.
    :param expected_seconds: how long everybody thinks it will last, which decides when people come and go.
    """

    id: str
    title: str
    lifecycle: Lifecycle
    attendees: int
    expected_seconds: float = USUAL_SECONDS
    recording_bytes: int | None = None


@dataclass
class SharedState:
    """The surroundings of a platform.

    :param origin: scheme, host and port of the sandbox's own address; a placeholder until a server is started.
    :param lock: held while state is read or changed: requests come from the server's thread, tests from another.
    """

    seed: int
    clock: SandboxClock
    origin: str = "http://sandbox.test"
    lock: threading.RLock = field(default_factory=threading.RLock)


def manual_action(method: F) -> F:
    """Mark a method of a platform that people and control routes call: one at a time, on the present state."""

    @functools.wraps(method)
    def held(platform: Any, *args: Any, **kwargs: Any) -> Any:
        with platform.shared.lock:
            platform.apply_due_changes()
            return method(platform, *args, **kwargs)

    return cast("F", held)


S = TypeVar("S", bound=StoredSession)
D = TypeVar("D", bound=SessionDraft)
F = TypeVar("F", bound=Callable[..., Any])


class Platform(ABC, Generic[S, D]):
    """One stand-in platform."""

    name: ClassVar[str]
    """As in the connection type."""
    mount: ClassVar[str]
    """Path of the base URL."""
    routes: ClassVar[Routes]
    other_paths: ClassVar[tuple[str, ...]] = ()
    """Paths below which it answers besides its base URL: web pages for people, another API. Their routes stand in the
    same table, with their whole path."""
    controls: ClassVar[Routes] = Routes()
    """What only this platform lets tests do, below ``/_sandbox/<name>``; handlers get the platform."""
    titles: ClassVar[tuple[str, ...]] = TITLES
    """Titles of sessions made by hand without one."""
    artifact_kinds: ClassVar[tuple[str, ...]]
    states: ClassVar[frozenset[State]]
    """The states it can show."""
    draft_type: type[D]
    settings: BaseModel
    """How it behaves where its documentation is silent."""

    def __init__(self, shared: SharedState) -> None:
        self.shared = shared
        self.ids = IdGenerator(shared.seed, self.name)
        self.opened_at = shared.clock.now()
        self.population = Population(shared.seed, self.ids, self.opened_at)
        self.all_sessions: dict[str, S] = {}
        self.rate_limit_counter: RateLimitCounter | None = None
        self._script = Script()
        self._open: dict[str, S] = {}
        self._late: list[tuple[datetime, PlatformRequest]] = []
        self._planned_presences: dict[tuple[str, int], list[PlannedPresence]] = {}

    # --- what a platform says for itself ------------------------------------------------------------------------------

    @abstractmethod
    def hold(self, draft: D, lifecycle: Lifecycle, attendees: int) -> S:
        """Make a session from a draft; the lifecycle is ready-made."""

    @abstractmethod
    def authenticate(self, asked: PlatformRequest) -> None:
        """Find out who asks.

        :raises ApiError: the credential is missing or wrong, or does not give the right that the route needs.
        """

    @abstractmethod
    def build_response(self, result: Any, asked: PlatformRequest) -> Response:
        """Put a result into the platform's envelope."""

    @abstractmethod
    def refuse(self, refusal: ApiError, asked: PlatformRequest) -> Response:
        """Put a refusal into the platform's shape."""

    @abstractmethod
    def credentials(self) -> dict[str, str]:
        """What a client needs to connect, and the ids of what is there from the start."""

    @abstractmethod
    def connection(self) -> dict[str, Any]:
        """An Airflow connection to this platform: ``AIRFLOW_CONN_<ID>`` takes it as JSON."""

    @abstractmethod
    def new_api_key(self) -> str:
        """Replace the API key; the old one is worth nothing from now on."""

    def revoke_tokens(self) -> None:
        """End all logins, where there are such.

        :raises ValueError: the platform knows none.
        """
        raise ValueError(f"{self.name} has no logins to end")

    @abstractmethod
    def content(self, session: S, now: datetime) -> dict[str, Any]:
        """What a session has left behind by ``now``, by artifact kind, as the platform will say it when it is ready."""

    @abstractmethod
    def session_host(self, session: S) -> Person:
        """Who holds the session."""

    # --- requests -----------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """What goes into the connection's host field."""
        return f"{self.shared.origin}{self.mount}"

    def answers(self, path: str) -> bool:
        """Whether a path of the sandbox is this platform's."""
        return any(path == own or path.startswith(f"{own}/") for own in (self.mount, *self.other_paths))

    def below(self, path: str) -> str:
        """A path of the sandbox as the table of routes has it: below the base URL; others stay whole."""
        return path[len(self.mount) :] or "/" if path.startswith(self.mount) else path

    def candidates(self, path: str) -> list[Match]:
        """The routes whose path fits, whatever their method."""
        return self.routes.at(path)

    def match(self, method: str, path: str) -> Match | None:
        """The route of a request; None where there is none."""
        return next((match for match in self.candidates(path) if match.route.method == method), None)

    def check_rate_limit(self, asked: PlatformRequest) -> RateLimitResult | None:
        """What the rate limit says to a request that arrives now; None without a limit."""
        if self.rate_limit_counter is None:
            return None
        operation = asked.route.name if asked.route else ""
        return self.rate_limit_counter.judge(self.rate_limit_key(asked), operation, asked.now)

    def rate_limit_key(self, asked: PlatformRequest) -> str:
        """What tells one caller's share of the rate limit from another's."""
        return asked.headers.get("x-api-key") or asked.headers.get("authorization") or ""

    def answer(self, asked: PlatformRequest) -> Response:
        """Carry out a request. The caller holds the lock."""
        self.apply_due_changes()
        try:
            if asked.route is None:
                raise self._no_route(asked)
            self.authenticate(asked)
            result = asked.route.handler(self, asked)
        except ApiError as refusal:
            return self.refuse(refusal, asked)
        return result if isinstance(result, Response) else self.build_response(result, asked)

    def respond_later(self, asked: PlatformRequest, seconds: float) -> None:
        """Carry out a request when so much time has passed; nobody hears what became of it."""
        with self.shared.lock:
            self._late.append((self.shared.clock.now() + timedelta(seconds=seconds), asked))

    def _no_route(self, asked: PlatformRequest) -> ApiError:
        if self.candidates(asked.path):
            return ApiError(405, "Method not allowed", gateway=True)
        return ApiError(404, "Resource not found", gateway=True)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def apply_due_changes(self) -> None:
        """Let everything happen that was due by now."""
        now = self.shared.clock.now()
        late = sorted(((at, asked) for at, asked in self._late if at <= now), key=lambda one: one[0])
        self._late = [(at, asked) for at, asked in self._late if at > now]
        for at, asked in late:
            asked.now = at
            self.answer(asked)
        for session in list(self._open.values()):
            session.lifecycle.apply_due_changes(now)
            if session.lifecycle.is_over:
                del self._open[session.id]

    def public_id(self, session: S) -> str:
        """The id by which clients know a session."""
        return session.id

    def find_including_deleted(self, session_id: str) -> S | None:
        """A session by the id that clients know; also one that is deleted."""
        return self.all_sessions.get(session_id)

    def find(self, session_id: str) -> S | None:
        """A session that exists and is not deleted."""
        session = self.find_including_deleted(session_id)
        return session if session and not session.lifecycle.deleted_at else None

    def all(self) -> list[S]:
        """All sessions that are not deleted, in the order they came to be."""
        return [session for session in self.all_sessions.values() if not session.lifecycle.deleted_at]

    def add(self, draft: D, lifecycle: Lifecycle) -> S:
        """Keep a new session, made by hand or through the platform's API."""
        rng = seeded_random(f"{self.shared.seed}:{self.name}:draft:{self.ids.number('draft')}")
        if draft.script is not None:
            lifecycle.script = draft.script
        lifecycle.script = self._possible(lifecycle.script)
        lifecycle.script_set_at = self.shared.clock.now()
        attendees = rng.randint(8, 16) if draft.attendees is None else draft.attendees
        session = self.hold(draft, lifecycle, attendees)
        session.recording_bytes = draft.recording_bytes
        session.expected_seconds = lifecycle.script.duration or _length(lifecycle) or USUAL_SECONDS
        self.all_sessions[session.id] = self._open[session.id] = session
        lifecycle.apply_due_changes(self.shared.clock.now())
        return session

    @property
    def new_session_script(self) -> Script:
        """What happens to sessions created from now on."""
        return self._script

    def planned_presences(self, session: S, revision: int = 0) -> list[PlannedPresence]:
        """Who comes to a session. Each revision counts one person more, as when a platform finds a lost row."""
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
        """Who has been connected when, by ``now``."""
        lifecycle = session.lifecycle
        if lifecycle.started_at is None:
            return []
        plans = self.planned_presences(session, len(lifecycle.revisions("attendance", now)))
        return presences_at(plans, lifecycle.started_at, lifecycle.stopped_at, now)

    # --- by hand ------------------------------------------------------------------------------------------------------

    @manual_action
    def create(self, title: str | None = None, **fields: Any) -> list[str]:
        """Make sessions as people would, also such as are long over; the ids, oldest first.

        :param title: their title; one of a list if not given.
        :param fields: the fields of the platform's draft; see :class:`SessionDraft`.
        :raises pydantic.ValidationError: a field is unknown or wrong.
        """
        draft = self.draft_type(title=title, **fields)
        return [self.public_id(self._make(draft, number)) for number in range(draft.count)]

    def _make(self, draft: D, number: int) -> S:
        rng = seeded_random(f"{self.shared.seed}:{self.name}:life:{self.ids.number('life')}")
        lifecycle = Lifecycle(
            created_at=self.shared.clock.now(), scheduled_start=draft.scheduled_start, script=self._script
        )
        duration = draft.duration or float(rng.randint(20 * 60, 75 * 60))
        lifecycle.ended_at = _end_of(draft, number, rng)
        lifecycle.started_at = draft.started_at or (
            lifecycle.ended_at and lifecycle.ended_at - timedelta(seconds=duration)
        )
        if (
            max(lifecycle.started_at or lifecycle.created_at, lifecycle.ended_at or lifecycle.created_at)
            > self.shared.clock.now()
        ):
            raise ValueError("started_at and ended_at cannot lie in the future; a script says what is to happen")
        if lifecycle.started_at:
            lifecycle.scheduled_start = lifecycle.scheduled_start or _five_minutes(lifecycle.started_at)
            lifecycle.created_at = min(lifecycle.created_at, lifecycle.scheduled_start - timedelta(days=3))
        lifecycle.created_at = draft.created_at or lifecycle.created_at
        title = draft.title or rng.choice(self.titles)
        return self.add(draft.model_copy(update={"title": title}), lifecycle)

    @manual_action
    def start(self, session_id: str) -> None:
        """Go live now. One that has ended goes on: it is live again since its first start."""
        session = self._known(session_id)
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        lifecycle.started_at = lifecycle.started_at or now
        lifecycle.ended_at = lifecycle.expired_at = lifecycle.canceled_at = None
        lifecycle.awaits_staff = False
        if lifecycle.script.duration is not None and now > lifecycle.started_at:
            lifecycle.script = lifecycle.script.model_copy(update={"duration": None})
        self._open[session.id] = session

    @manual_action
    def end(self, session_id: str) -> None:
        """End now; one that never was live is started and ended at the same moment."""
        lifecycle = self._known(session_id).lifecycle
        lifecycle.started_at = lifecycle.started_at or self.shared.clock.now()
        lifecycle.ended_at = lifecycle.ended_at or self.shared.clock.now()

    @manual_action
    def expire(self, session_id: str) -> None:
        """Let a session nobody started expire.

        :raises ValueError: it was started, or the platform has no such state.
        """
        if State.EXPIRED not in self.states:
            raise ValueError(f"On {self.name} no session expires")
        lifecycle = self._known(session_id).lifecycle
        if lifecycle.started_at:
            raise ValueError(f"Session {session_id} was started, so it cannot expire")
        lifecycle.expired_at = lifecycle.expired_at or self.shared.clock.now()

    @manual_action
    def cancel(self, session_id: str) -> None:
        """Call a session off.

        :raises ValueError: it is over, or the platform has no such state.
        """
        if State.CANCELED not in self.states:
            raise ValueError(f"{self.name} cannot call a session off; delete it")
        lifecycle = self._known(session_id).lifecycle
        if lifecycle.ended_at:
            raise ValueError(f"Session {session_id} is over, so it cannot be called off")
        lifecycle.canceled_at = lifecycle.canceled_at or self.shared.clock.now()

    @manual_action
    def delete(self, session_id: str) -> None:
        """Delete a session with all it left; the oracle still knows it."""
        lifecycle = self._known(session_id).lifecycle
        lifecycle.deleted_at = self.shared.clock.now()

    @manual_action
    def script(self, session_id: str, **changes: Any) -> None:
        """Change what is to happen to a session by itself.

        :param changes: fields of :class:`~airflow_provider_sessions.sandbox.lifecycle.Script`; others stay as they are.
        """
        session = self._known(session_id)
        lifecycle = session.lifecycle
        lifecycle.script = self._possible(_changed(lifecycle.script, changes))
        lifecycle.script_set_at = self.shared.clock.now()
        if lifecycle.started_at is None:
            session.expected_seconds = lifecycle.script.duration or session.expected_seconds

    @manual_action
    def default_script(self, **changes: Any) -> None:
        """Change what happens by itself to the sessions created from now on; arguments as in :meth:`script`."""
        self._script = _changed(self._script, changes)

    @manual_action
    def revise(self, session_id: str, kind: str) -> None:
        """Change the content of an artifact, as when a transcript is corrected.

        :param kind: one of the platform's artifact kinds.
        :raises ValueError: the platform has no such artifact.
        """
        if kind not in self.artifact_kinds:
            raise ValueError(f"{self.name} has no artifact {kind!r}; it has {', '.join(self.artifact_kinds)}")
        lifecycle = self._known(session_id).lifecycle
        lifecycle.revised_at.setdefault(kind, []).append(self.shared.clock.now())

    @manual_action
    def set_rate_limit(self, limit: int, window: float, **rule: Any) -> None:
        """RateLimitCounter requests from now on.

        :param limit: requests granted in a window.
        :param window: seconds.
        :param rule: further fields of :class:`~airflow_provider_sessions.sandbox.server_rate_limit.RateLimit`.
        """
        self.rate_limit_counter = RateLimitCounter(RateLimit(limit=limit, window=window, **rule))

    @manual_action
    def remove_rate_limit(self) -> None:
        """Grant every request from now on."""
        self.rate_limit_counter = None

    @manual_action
    def session(self, session_id: str) -> dict[str, Any]:
        """What is known of a session, in this package's words; also of a deleted one.

        :raises NoSuchSessionError: there never was one of this id.
        """
        session = self.find_including_deleted(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return self._told(session)

    @manual_action
    def sessions(self) -> list[dict[str, Any]]:
        """All sessions ever, deleted ones too, in the order they came to be."""
        return [self._told(session) for session in self.all_sessions.values()]

    @manual_action
    def oracle(self) -> list[dict[str, Any]]:
        """The whole truth: all sessions ever, with all that each will have left once everything is ready."""
        now = self.shared.clock.now()
        return [self._told(session) | {"content": self.content(session, now)} for session in self.all_sessions.values()]

    def _known(self, session_id: str) -> S:
        session = self.find(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return session

    def _possible(self, script: Script) -> Script:
        """A script without what cannot happen on this platform."""
        return script if State.EXPIRED in self.states else script.model_copy(update={"expire_after": None})

    def _told(self, session: S) -> dict[str, Any]:
        lifecycle, now = session.lifecycle, self.shared.clock.now()
        instants = {
            name: getattr(lifecycle, name)
            for name in ("created_at", "scheduled_start", "started_at", "ended_at", "canceled_at", "expired_at")
        }
        artifacts = {
            kind: {
                "ready": lifecycle.is_ready(kind, now),
                "ready_at": _iso(lifecycle.ready_at(kind)),
                "revision": len(lifecycle.revisions(kind, now)),
            }
            for kind in self.artifact_kinds
        }
        told: dict[str, Any] = {
            "platform": self.name,
            "id": self.public_id(session),
            "title": session.title,
            "state": lifecycle.state.value,
        }
        told |= {name: _iso(instant) for name, instant in instants.items()}
        return told | {"deleted_at": _iso(lifecycle.deleted_at), "artifacts": artifacts}


def _changed(script: Script, changes: Mapping[str, Any]) -> Script:
    return Script.model_validate(script.model_dump() | dict(changes))


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _length(lifecycle: Lifecycle) -> float | None:
    """How long a session lasted, where it is over."""
    return (
        (lifecycle.ended_at - lifecycle.started_at).total_seconds()
        if lifecycle.started_at and lifecycle.ended_at
        else None
    )


def _end_of(draft: SessionDraft, number: int, rng: Random) -> datetime | None:
    """When session ``number`` of a draft ended: spread evenly over the range, a little off by the seed."""
    if draft.ended_between is None:
        return draft.ended_at
    first, last = draft.ended_between
    share = (number + rng.random()) / draft.count
    return (first + (last - first) * share).replace(microsecond=0)


def _five_minutes(instant: datetime) -> datetime:
    """The round time at which a session that began at ``instant`` was probably planned to begin."""
    return instant.replace(minute=instant.minute - instant.minute % 5, second=0, microsecond=0)
