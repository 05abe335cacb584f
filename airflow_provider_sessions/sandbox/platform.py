"""What every stand-in platform is made of: its sessions, its routes, and what people can do to it by hand.

A platform is one folder with one subclass of :class:`Platform`: it names its mount and its table of routes, says who
may call, and puts answers and refusals in its own shape. Sessions, their lives and the control methods are the same
for all and live here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from airflow_provider_sessions.sandbox.asking import Asked, Refusal
from airflow_provider_sessions.sandbox.ids import Ids, dice
from airflow_provider_sessions.sandbox.life import Life, Script, State
from airflow_provider_sessions.sandbox.limits import Judge, RateLimit, Verdict
from airflow_provider_sessions.sandbox.names import TITLES
from airflow_provider_sessions.sandbox.people import Person, Plan, Population, Presence, come_to_pass, plan_crowd
from airflow_provider_sessions.sandbox.routing import Match, Routes
from airflow_provider_sessions.sandbox.world import World, by_hand

USUAL_SECONDS = 2_700.0
"""How long a session is expected to last, where nobody says."""


class NoSuchSessionError(LookupError):
    """No session of this id is known (any more)."""


class Draft(BaseModel):
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
class HeldSession:
    """A session as the sandbox keeps it; platforms add their own fields.

    :param attendees: people besides the host.
    :param expected_seconds: how long everybody thinks it will last, which decides when people come and go.
    """

    id: str
    title: str
    life: Life
    attendees: int
    expected_seconds: float = USUAL_SECONDS
    recording_bytes: int | None = None


S = TypeVar("S", bound=HeldSession)
D = TypeVar("D", bound=Draft)


class Platform(ABC, Generic[S, D]):
    """One stand-in platform."""

    name: ClassVar[str]
    """As in the connection type."""
    mount: ClassVar[str]
    """Path of the base URL."""
    routes: ClassVar[Routes]
    pages: ClassVar[str | None] = None
    """Path below which it answers web pages for people, where those are not below the base URL. Their routes stand in
    the same table, with their whole path."""
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

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids = Ids(world.seed, self.name)
        self.opened_at = world.clock.now()
        self.population = Population(world.seed, self.ids, self.opened_at)
        self.held: dict[str, S] = {}
        self.judge: Judge | None = None
        self._script = Script()
        self._open: dict[str, S] = {}
        self._late: list[tuple[datetime, Asked]] = []
        self._crowds: dict[tuple[str, int], list[Plan]] = {}

    # --- what a platform says for itself ------------------------------------------------------------------------------

    @abstractmethod
    def hold(self, draft: D, life: Life, attendees: int) -> S:
        """Make a session from a draft; the life is ready-made."""

    @abstractmethod
    def admit(self, asked: Asked) -> None:
        """Find out who asks.

        :raises Refusal: the credential is missing or wrong, or does not give the right that the route needs.
        """

    @abstractmethod
    def dress(self, result: Any, asked: Asked) -> Response:
        """Put a result into the platform's envelope."""

    @abstractmethod
    def refuse(self, refusal: Refusal, asked: Asked) -> Response:
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
    def host_of(self, session: S) -> Person:
        """Who holds the session."""

    # --- requests -----------------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """What goes into the connection's host field."""
        return f"{self.world.origin}{self.mount}"

    def answers(self, path: str) -> bool:
        """Whether a path of the sandbox is this platform's."""
        return any(path == own or path.startswith(f"{own}/") for own in (self.mount, self.pages) if own)

    def below(self, path: str) -> str:
        """A path of the sandbox as the table of routes has it: below the base URL; that of a page stays whole."""
        return path[len(self.mount) :] or "/" if path.startswith(self.mount) else path

    def candidates(self, path: str) -> list[Match]:
        """The routes whose path fits, whatever their method."""
        return self.routes.at(path)

    def match(self, method: str, path: str) -> Match | None:
        """The route of a request; None where there is none."""
        return next((match for match in self.candidates(path) if match.route.method == method), None)

    def judge_rate(self, asked: Asked) -> Verdict | None:
        """What the rate limit says to a request that arrives now; None without a limit."""
        if self.judge is None:
            return None
        operation = asked.route.name if asked.route else ""
        return self.judge.judge(self.budget_of(asked), operation, asked.now)

    def budget_of(self, asked: Asked) -> str:
        """What tells one caller's share of the rate limit from another's."""
        return asked.headers.get("x-api-key") or asked.headers.get("authorization") or ""

    def answer(self, asked: Asked) -> Response:
        """Carry out a request. The caller holds the lock."""
        self.settle()
        try:
            if asked.route is None:
                raise self._no_route(asked)
            self.admit(asked)
            result = asked.route.handler(self, asked)
        except Refusal as refusal:
            return self.refuse(refusal, asked)
        return result if isinstance(result, Response) else self.dress(result, asked)

    def answer_later(self, asked: Asked, seconds: float) -> None:
        """Carry out a request when so much time has passed; nobody hears what became of it."""
        with self.world.lock:
            self._late.append((self.world.clock.now() + timedelta(seconds=seconds), asked))

    def _no_route(self, asked: Asked) -> Refusal:
        if self.candidates(asked.path):
            return Refusal(405, "Method not allowed", gateway=True)
        return Refusal(404, "Resource not found", gateway=True)

    # --- sessions -----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that was due by now."""
        now = self.world.clock.now()
        late = sorted(((at, asked) for at, asked in self._late if at <= now), key=lambda one: one[0])
        self._late = [(at, asked) for at, asked in self._late if at > now]
        for at, asked in late:
            asked.now = at
            self.answer(asked)
        for session in list(self._open.values()):
            session.life.settle(now)
            if session.life.is_over:
                del self._open[session.id]

    def id_of(self, session: S) -> str:
        """The id by which clients know a session."""
        return session.id

    def find_ever(self, session_id: str) -> S | None:
        """A session by the id that clients know; also one that is deleted."""
        return self.held.get(session_id)

    def find(self, session_id: str) -> S | None:
        """A session that exists and is not deleted."""
        session = self.find_ever(session_id)
        return session if session and not session.life.deleted_at else None

    def all(self) -> list[S]:
        """All sessions that are not deleted, in the order they came to be."""
        return [session for session in self.held.values() if not session.life.deleted_at]

    def add(self, draft: D, life: Life) -> S:
        """Keep a new session, made by hand or through the platform's API."""
        rng = dice(f"{self.world.seed}:{self.name}:draft:{self.ids.number('draft')}")
        if draft.script is not None:
            life.script = draft.script
        life.script = self._possible(life.script)
        life.script_given_at = self.world.clock.now()
        attendees = rng.randint(8, 16) if draft.attendees is None else draft.attendees
        session = self.hold(draft, life, attendees)
        session.recording_bytes = draft.recording_bytes
        session.expected_seconds = life.script.duration or _length(life) or USUAL_SECONDS
        self.held[session.id] = self._open[session.id] = session
        life.settle(self.world.clock.now())
        return session

    @property
    def script_for_new(self) -> Script:
        """What happens to sessions created from now on."""
        return self._script

    def crowd(self, session: S, revision: int = 0) -> list[Plan]:
        """Who comes to a session. Each revision counts one person more, as when a platform finds a lost row."""
        key = (session.id, revision)
        if key not in self._crowds:
            self._crowds[key] = plan_crowd(
                f"{self.world.seed}:{session.id}",
                self.population,
                self.host_of(session),
                session.attendees,
                revision,
                session.expected_seconds,
            )
        return self._crowds[key]

    def presences(self, session: S, now: datetime) -> list[Presence]:
        """Who has been connected when, by ``now``."""
        life = session.life
        if life.started_at is None:
            return []
        plans = self.crowd(session, len(life.revisions("attendance", now)))
        return come_to_pass(plans, life.started_at, life.stopped_at, now)

    # --- by hand ------------------------------------------------------------------------------------------------------

    @by_hand
    def create(self, title: str | None = None, **fields: Any) -> list[str]:
        """Make sessions as people would, also such as are long over; the ids, oldest first.

        :param title: their title; one of a list if not given.
        :param fields: the fields of the platform's draft; see :class:`Draft`.
        :raises pydantic.ValidationError: a field is unknown or wrong.
        """
        draft = self.draft_type(title=title, **fields)
        return [self.id_of(self._make(draft, number)) for number in range(draft.count)]

    def _make(self, draft: D, number: int) -> S:
        rng = dice(f"{self.world.seed}:{self.name}:life:{self.ids.number('life')}")
        life = Life(created_at=self.world.clock.now(), scheduled_start=draft.scheduled_start, script=self._script)
        duration = draft.duration or float(rng.randint(20 * 60, 75 * 60))
        life.ended_at = _end_of(draft, number, rng)
        life.started_at = draft.started_at or (life.ended_at and life.ended_at - timedelta(seconds=duration))
        if max(life.started_at or life.created_at, life.ended_at or life.created_at) > self.world.clock.now():
            raise ValueError("started_at and ended_at cannot lie in the future; a script says what is to happen")
        if life.started_at:
            life.scheduled_start = life.scheduled_start or _five_minutes(life.started_at)
            life.created_at = min(life.created_at, life.scheduled_start - timedelta(days=3))
        life.created_at = draft.created_at or life.created_at
        title = draft.title or rng.choice(self.titles)
        return self.add(draft.model_copy(update={"title": title}), life)

    @by_hand
    def start(self, session_id: str) -> None:
        """Go live now. One that has ended goes on: it is live again since its first start."""
        session = self._known(session_id)
        life, now = session.life, self.world.clock.now()
        life.started_at = life.started_at or now
        life.ended_at = life.expired_at = life.canceled_at = None
        life.awaits_staff = False
        if life.script.duration is not None and now > life.started_at:
            life.script = life.script.model_copy(update={"duration": None})
        self._open[session.id] = session

    @by_hand
    def end(self, session_id: str) -> None:
        """End now; one that never was live is started and ended at the same moment."""
        life = self._known(session_id).life
        life.started_at = life.started_at or self.world.clock.now()
        life.ended_at = life.ended_at or self.world.clock.now()

    @by_hand
    def expire(self, session_id: str) -> None:
        """Let a session nobody started expire.

        :raises ValueError: it was started, or the platform has no such state.
        """
        if State.EXPIRED not in self.states:
            raise ValueError(f"On {self.name} no session expires")
        life = self._known(session_id).life
        if life.started_at:
            raise ValueError(f"Session {session_id} was started, so it cannot expire")
        life.expired_at = life.expired_at or self.world.clock.now()

    @by_hand
    def cancel(self, session_id: str) -> None:
        """Call a session off.

        :raises ValueError: it is over, or the platform has no such state.
        """
        if State.CANCELED not in self.states:
            raise ValueError(f"{self.name} cannot call a session off; delete it")
        life = self._known(session_id).life
        if life.ended_at:
            raise ValueError(f"Session {session_id} is over, so it cannot be called off")
        life.canceled_at = life.canceled_at or self.world.clock.now()

    @by_hand
    def delete(self, session_id: str) -> None:
        """Delete a session with all it left; the oracle still knows it."""
        life = self._known(session_id).life
        life.deleted_at = self.world.clock.now()

    @by_hand
    def script(self, session_id: str, **changes: Any) -> None:
        """Change what is to happen to a session by itself.

        :param changes: fields of :class:`~airflow_provider_sessions.sandbox.life.Script`; others stay as they are.
        """
        session = self._known(session_id)
        life = session.life
        life.script = self._possible(_changed(life.script, changes))
        life.script_given_at = self.world.clock.now()
        if life.started_at is None:
            session.expected_seconds = life.script.duration or session.expected_seconds

    @by_hand
    def default_script(self, **changes: Any) -> None:
        """Change what happens by itself to the sessions created from now on; arguments as in :meth:`script`."""
        self._script = _changed(self._script, changes)

    @by_hand
    def revise(self, session_id: str, kind: str) -> None:
        """Change the content of an artifact, as when a transcript is corrected.

        :param kind: one of the platform's artifact kinds.
        :raises ValueError: the platform has no such artifact.
        """
        if kind not in self.artifact_kinds:
            raise ValueError(f"{self.name} has no artifact {kind!r}; it has {', '.join(self.artifact_kinds)}")
        life = self._known(session_id).life
        life.revised_at.setdefault(kind, []).append(self.world.clock.now())

    @by_hand
    def limit_rate(self, limit: int, window: float, **rule: Any) -> None:
        """Judge requests from now on.

        :param limit: requests granted in a window.
        :param window: seconds.
        :param rule: further fields of :class:`~airflow_provider_sessions.sandbox.limits.RateLimit`.
        """
        self.judge = Judge(RateLimit(limit=limit, window=window, **rule))

    @by_hand
    def unlimit_rate(self) -> None:
        """Grant every request from now on."""
        self.judge = None

    @by_hand
    def session(self, session_id: str) -> dict[str, Any]:
        """What is known of a session, in this package's words; also of a deleted one.

        :raises NoSuchSessionError: there never was one of this id.
        """
        session = self.find_ever(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return self._told(session)

    @by_hand
    def sessions(self) -> list[dict[str, Any]]:
        """All sessions ever, deleted ones too, in the order they came to be."""
        return [self._told(session) for session in self.held.values()]

    @by_hand
    def oracle(self) -> list[dict[str, Any]]:
        """The whole truth: all sessions ever, with all that each will have left once everything is ready."""
        now = self.world.clock.now()
        return [self._told(session) | {"content": self.content(session, now)} for session in self.held.values()]

    def _known(self, session_id: str) -> S:
        session = self.find(session_id)
        if session is None:
            raise NoSuchSessionError(f"{self.name} has no session {session_id}")
        return session

    def _possible(self, script: Script) -> Script:
        """A script without what cannot happen on this platform."""
        return script if State.EXPIRED in self.states else script.model_copy(update={"expire_after": None})

    def _told(self, session: S) -> dict[str, Any]:
        life, now = session.life, self.world.clock.now()
        instants = {
            name: getattr(life, name)
            for name in ("created_at", "scheduled_start", "started_at", "ended_at", "canceled_at", "expired_at")
        }
        artifacts = {
            kind: {
                "ready": life.is_ready(kind, now),
                "ready_at": _iso(life.ready_at(kind)),
                "revision": len(life.revisions(kind, now)),
            }
            for kind in self.artifact_kinds
        }
        told: dict[str, Any] = {
            "platform": self.name,
            "id": self.id_of(session),
            "title": session.title,
            "state": life.state.value,
        }
        told |= {name: _iso(instant) for name, instant in instants.items()}
        return told | {"deleted_at": _iso(life.deleted_at), "artifacts": artifacts}


def _changed(script: Script, changes: Mapping[str, Any]) -> Script:
    return Script.model_validate(script.model_dump() | dict(changes))


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _length(life: Life) -> float | None:
    """How long a session lasted, where it is over."""
    return (life.ended_at - life.started_at).total_seconds() if life.started_at and life.ended_at else None


def _end_of(draft: Draft, number: int, rng: Random) -> datetime | None:
    """When session ``number`` of a draft ended: spread evenly over the range, a little off by the seed."""
    if draft.ended_between is None:
        return draft.ended_at
    first, last = draft.ended_between
    share = (number + rng.random()) / draft.count
    return (first + (last - first) * share).replace(microsecond=0)


def _five_minutes(instant: datetime) -> datetime:
    """The round time at which a session that began at ``instant`` was probably planned to begin."""
    return instant.replace(minute=instant.minute - instant.minute % 5, second=0, microsecond=0)
