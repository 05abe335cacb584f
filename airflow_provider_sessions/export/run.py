"""One export: which sessions, what is known of them, and what became of them, whatever it is written into.

:func:`plan`, :func:`extend` and :func:`materials` ask the platform and belong to an event loop; a :class:`Target` takes
what they give and writes it, wherever the caller stands. So a slow target never holds up the requests, and the requests
made ahead are bounded by what has been written. In order: ``plan``, ``Target.begin``, ``extend`` if that named
sessions, ``materials`` into ``Target.write``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar

from airflow_provider_sessions.errors import (
    AnswerError,
    ExportError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
    SessionsError,
)
from airflow_provider_sessions.export.columns import Personal
from airflow_provider_sessions.export.datasets import Dataset, Material, account_name, supported
from airflow_provider_sessions.export.ledger import Decision, Late, Status, end_of
from airflow_provider_sessions.export.progress import Progress
from airflow_provider_sessions.export.readiness import ended
from airflow_provider_sessions.export.redaction import Mode, Redaction
from airflow_provider_sessions.export.speakers import named_transcripts
from airflow_provider_sessions.model import (
    ArtifactStatus,
    AttendanceInterval,
    Session,
    SessionQuery,
    SessionState,
    WindowBy,
)
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.platforms.unread import ListedSession
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

T = TypeVar("T")

DEFAULT_CONCURRENCY = 16
MAX_CONCURRENCY = 32
"""More would not be faster: the client opens no more connections."""
_SETTLED: Final = timedelta(hours=1)
"""How long after a session's end its attendance is taken as settled without asking. Source: inferred."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be exported. ``sessions`` are in the order in which they are written.

    :param not_over: sessions that should be over by plan, or were when they were looked at before, and are not; and
        those that wait for another reason.
    :param reasons: by session id: why it waits, if not because it goes on.
    :param only: by session id: the datasets of a session that is not looked at for its own window.
    :param gone: ids of sessions that the platform does not know any more.
    :param redaction: what becomes of what is personal.
    :param conn_id: the connection that the sessions are seen through.
    """

    platform: str
    account: str
    query: SessionQuery
    datasets: tuple[Dataset, ...]
    sessions: tuple[Session, ...]
    not_over: tuple[Session, ...] = ()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)
    conn_id: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether the query leaves out sessions, whatever its window."""
        return self.query.model_copy(update={"window": None}) != SessionQuery(by=self.query.by)

    @property
    def view(self) -> str:
        """Which sessions this export can see at all: what its connection shows, and its query does not leave out.

        What an export has seen, and the platform no longer knows through the same connection, was deleted. What it has
        not seen may be another organization's, or beside its filters.
        """
        if not self.narrowed:
            return self.conn_id
        filters = {name: value for name, value in self.query_told.items() if name not in ("window", "by")}
        return f"{self.conn_id}#{hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:10]}"

    @property
    def views(self) -> frozenset[str]:
        """All views that show what this one shows."""
        return frozenset({self.conn_id, self.view})

    @property
    def query_told(self) -> dict[str, Any]:
        """The query as a record tells it: a filter by what may be personal is left out where that is not kept."""
        kept = self.redaction.mode([Personal.TITLE]) is Mode.KEEP
        return self.query.model_dump(mode="json", exclude_none=True, exclude=set() if kept else {"title", "case"})

    def datasets_of(self, session_id: str) -> tuple[Dataset, ...]:
        """The datasets that are wanted of a session."""
        only = self.only.get(session_id)
        return self.datasets if only is None else tuple(one for one in self.datasets if one.name in only)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did.

    :param sessions: how many have rows that this run wrote.
    :param unchanged: how many other runs had written as they are.
    :param pending: by session and dataset: why it is not there yet.
    :param absent: by session and dataset: why it never comes.
    :param deleted_sessions: ids of those that the platform lost.
    :param owned: ids of those that a rerun looks at again, whatever its window says.
    """

    sessions: int
    unchanged: int
    pending: Mapping[str, Mapping[str, str]]
    absent: Mapping[str, Mapping[str, str]]
    deleted_sessions: tuple[str, ...]
    owned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What a target tells once all is there.

    :param datasets: for each dataset its ``rows``, and what else this kind of target counts.
    :param where: what else helps to find it.
    :param assets: for each dataset the URI of the folder or table that holds its rows, without a secret.
    """

    outcome: Outcome
    datasets: Mapping[str, Mapping[str, Any]]
    where: Mapping[str, Any]
    assets: Mapping[str, str]


class Target(Protocol):
    """What is written into: files or tables. It is made for one try of a run, and keeps the ledger of what it holds."""

    def begin(self, work: Plan) -> dict[str, Late]:
        """Recover what died, and tell which sessions to look at besides those that were found, by id.

        :raises ExportError: nothing can be written there now.
        """

    def write(self, work: Plan, known: Iterable[Material]) -> Written:
        """Write what belongs to this run, and note it.

        :param work: the plan, with the sessions that :meth:`begin` named.
        :param known: the material of ``work.sessions``, in their order.
        :raises ExportError: it is not complete.
        """


async def plan(
    adapter: Adapter,
    query: SessionQuery,
    wanted: Sequence[Dataset] | None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> Plan:
    """Find the sessions that are meant.

    The list is read to its end before anything else is asked, because page tokens expire while a slow consumer works.
    Sessions that should have ended in the window, as far as anybody knows, are meant too: where a platform has no word
    for the end, it may become known only when the window of no other run holds it.

    :param query: must be about the time at which sessions ended.
    :param wanted: datasets that were named; None for all that the platform can give.
    :param redaction: what becomes of what is personal.
    :raises UnsupportedError: a dataset that was named cannot be had. Nothing was sent.
    """
    datasets = supported(adapter, wanted)
    found: dict[str, Session] = {}
    reasons: dict[str, str] = {}
    meant = query.model_copy(update={"by": WindowBy.ENDED_OR_DUE})
    progress = Progress("sessions listed")
    async for outcome in adapter.sessions_and_errors(meant):
        session, reason = _read(outcome, meant)
        found[session.session_id] = session
        reasons |= {} if reason is None else {session.session_id: reason}
        progress.at(len(found))
    now = adapter.client.clock.now()
    waiting = {key: one for key, one in found.items() if key in reasons or one.ended_at is None}
    _warn_of(reasons)
    return Plan(
        adapter.platform,
        account_name(adapter),
        query,
        datasets,
        in_order(one for key, one in found.items() if key not in waiting),
        not_over=tuple(one for one in waiting.values() if end_of(one, now) <= now),
        reasons=reasons,
        redaction=redaction,
        conn_id=adapter.account.conn_id,
    )


def _read(outcome: ListedSession, query: SessionQuery) -> tuple[Session, str | None]:
    """A session of a list, and why it has to wait, if it cannot be told whether its time has come."""
    if not isinstance(outcome, Session):
        return outcome.session, str(outcome)
    return outcome, _doubt(query, outcome)


def _doubt(query: SessionQuery, session: Session) -> str | None:
    if session.state is SessionState.ENDED and session.ended_at is None:
        return "the session is over, but since when cannot be told"
    doubts = query.doubts(session)
    return f"whether the session is meant cannot be told: {', '.join(doubts)} cannot be read" if doubts else None


def _warn_of(reasons: Mapping[str, str]) -> None:
    for key, reason in reasons.items():
        log.warning("session %s is not exported yet, but pending: %s", key, reason)


async def materials(adapter: Adapter, work: Plan, concurrency: int = DEFAULT_CONCURRENCY) -> AsyncIterator[Material]:
    """Ask for all that the datasets need, and give it session by session in the plan's order.

    :param concurrency: how many sessions are asked about at once. As many more may wait to be taken.
    :raises SessionsError: a session could not be had; a note says which.
    """
    limit = asyncio.Semaphore(check_concurrency(concurrency))

    async def one(session: Session) -> Material:
        if session.session_id in work.gone:
            return Material(session, work.account, deleted=True)
        questions = {dataset.question for dataset in work.datasets_of(session.session_id)}
        async with limit:
            return await _material(adapter, session, work.account, questions)

    running: deque[asyncio.Task[Material]] = deque()
    try:
        for session in work.sessions:
            running.append(asyncio.create_task(one(session)))
            if len(running) >= 2 * concurrency:
                yield await _first(running)
        while running:
            yield await _first(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def extend(adapter: Adapter, work: Plan, late: Mapping[str, Late]) -> Plan:
    """Add the sessions that the ledger names, as they are now; they are asked for together.

    Those that the query would leave out, whatever its window, are left to other exports, and so are those that the
    platform does not know and that this export never saw. Of one that is gone all datasets are looked at, whichever
    was due: each is to say so.
    """
    listed = {session.session_id for session in (*work.sessions, *work.not_over)}
    wanted = {dataset.name for dataset in work.datasets}
    meant = {key: one for key, one in late.items() if key not in listed and one.datasets & wanted}
    anywhere = work.query.model_copy(update={"window": None})
    sessions, not_over = list(work.sessions), list(work.not_over)
    only, gone = dict[str, frozenset[str]](), set[str]()
    reasons: dict[str, str] = {}
    for key, session in (await _as_they_are(adapter, meant, work.conn_id)).items():
        one = meant[key]
        if not (one.owned or work.view in one.seen_by or (isinstance(session, Session) and anywhere.matches(session))):
            continue
        if isinstance(session, AnswerError):
            only[key], reasons[key] = one.datasets & wanted, str(session)
            not_over.append(one.session)
            continue
        if session is None and one.session.ended_at is None:
            # It was never known to be over, so nothing of it was exported: for us it was called off.
            not_over.append(one.session.model_copy(update={"state": SessionState.CANCELED}))
            continue
        if session is None:
            gone.add(key)
            sessions.append(one.session)
            continue
        only[key] = one.datasets & wanted
        if reason := _doubt(anywhere, session):
            reasons[key] = reason
        (not_over if session.ended_at is None or reason else sessions).append(session)
    _warn_of(reasons)
    return replace(
        work,
        sessions=in_order(sessions),
        not_over=tuple(not_over),
        only=only,
        gone=frozenset(gone),
        reasons={**work.reasons, **reasons},
    )


async def _as_they_are(
    adapter: Adapter, late: Mapping[str, Late], conn_id: str
) -> dict[str, Session | AnswerError | None]:
    """Sessions by id; the error of one that cannot be read.

    None where the platform does not know one any more, or never showed it to this connection.
    """
    seen = await adapter.poll_sessions(dict.fromkeys(late)) if late else {}
    found: dict[str, Session | AnswerError | None] = {}
    for key, one in late.items():
        session = seen[key]
        refused = isinstance(session, PermissionDeniedError) and not one.owned and conn_id not in one.seen_by
        if isinstance(session, SessionsError) and not isinstance(session, NotFoundError | AnswerError) and not refused:
            session.add_note(f"while exporting session {key}")
            raise session
        found[key] = session if isinstance(session, Session | AnswerError) else None
    return found


class RunTally:
    """Counts what a run did, and tells in the log how far it is.

    :param what: what is counted, for the log.
    :param work: what is to be done.
    """

    def __init__(self, what: str, work: Plan) -> None:
        self._expected = len(work.sessions)
        self._progress = Progress(what, self._expected)
        self._done = self._rows = self._written = self._unchanged = 0
        self._pending: dict[str, dict[str, str]] = {}
        self._absent: dict[str, dict[str, str]] = {}
        self._deleted: list[str] = []
        self._owned: list[str] = []

    def add(self, material: Material, decisions: Mapping[str, Decision], stem: str, rows: int) -> None:
        """Count one session.

        :param stem: the run's.
        :param rows: how many were written.
        """
        key = material.session.session_id
        self._done += 1
        self._rows += rows
        self.note(key, decisions)
        self._deleted += [key] if material.deleted else []
        self._owned += [key] if any(decision.entry.run == stem for decision in decisions.values()) else []
        if any(decision.write for decision in decisions.values()):
            self._written += 1
        elif key not in self._pending:
            self._unchanged += 1
        counts = {"rows": self._rows, "unchanged": self._unchanged, "pending": len(self._pending)}
        self._progress.at(self._done, ", ".join(f"{count:,} {what}" for what, count in counts.items() if count))

    def note(self, session_id: str, decisions: Mapping[str, Decision]) -> None:
        """Note why datasets of a session are not there."""
        entries = {name: decision.entry for name, decision in decisions.items()}
        for status, noted in ((Status.PENDING, self._pending), (Status.ABSENT, self._absent)):
            found = {name: one.reason or "" for name, one in entries.items() if status in (one.status, one.becomes)}
            if found:
                noted[session_id] = found

    def outcome(self) -> Outcome:
        """What the run did, now that it is over.

        :raises ExportError: not every session of the plan came.
        """
        if self._done != self._expected:
            raise ExportError(f"{self._done} of {self._expected} sessions came: the export is not complete")
        return Outcome(
            sessions=self._written,
            unchanged=self._unchanged,
            pending=dict(sorted(self._pending.items())),
            absent=dict(sorted(self._absent.items())),
            deleted_sessions=tuple(self._deleted),
            owned=tuple(sorted(self._owned)),
        )


def check_concurrency(concurrency: int) -> int:
    """A bound that is allowed.

    :raises InputError: it is not.
    """
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InputError(f"concurrency: {concurrency!r} is not a number from 1 to {MAX_CONCURRENCY}")
    return concurrency


def in_order(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Sessions in the order in which they are written: that of their ends."""
    return tuple(sorted(sessions, key=lambda session: (ended(session), session.session_id)))


async def _first(running: deque[asyncio.Task[Material]]) -> Material:
    """Wait for the oldest task; it stays in the queue until then, so that it is canceled with the others."""
    material = await running[0]
    running.popleft()
    return material


async def _material(adapter: Adapter, session: Session, account: str, questions: set[Feature]) -> Material:
    try:
        whole = await adapter.get_details(session)
        # What it is written as hangs on its end; if that has just changed, the next run looks at it again.
        session = whole if whole.ended_at == session.ended_at else session
        return await _asked(adapter, session, account, questions)
    except NotFoundError as missing:
        if not await _is_gone(adapter, session):
            missing.add_note(f"while exporting session {session.session_id}, which is there")
            raise
        log.warning("session %s was deleted while it was exported; its row says so", session.session_id)
        return Material(session, account, deleted=True)
    except SessionsError as error:
        error.add_note(f"while exporting session {session.session_id}")
        raise


async def _asked(adapter: Adapter, session: Session, account: str, questions: set[Feature]) -> Material:
    """Ask what is needed, one question after the other: sessions are asked about at once, not questions."""
    unreadable: dict[Feature, str] = {}

    async def ask(question: Feature, answer: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """An answer; where it cannot be read, what hangs on it has to wait, and nothing else."""
        try:
            return await answer() if question in questions else otherwise
        except AnswerError as unfit:
            unreadable[question] = str(unfit)
            return otherwise

    status = await ask(Feature.ATTENDANCE, lambda: _attendance_status(adapter, session), None)
    # Before the participants: where these are read from the same list, the platform's adapter reads it once.
    attendance = await ask(Feature.ATTENDANCE, lambda: adapter.attendance(session), list[AttendanceInterval]())
    participants = await ask(Feature.PARTICIPANTS, lambda: adapter.participants(session), None)
    known = () if Feature.PARTICIPANTS in unreadable else participants
    return Material(
        session,
        account,
        participants=participants or (),
        attendance_status=status,
        attendance=attendance,
        transcripts=await ask(Feature.TRANSCRIPTS, lambda: named_transcripts(adapter, session, known), []),
        takeaways=await ask(Feature.TAKEAWAYS, lambda: adapter.takeaways(session), None),
        recordings=await ask(Feature.RECORDINGS, lambda: adapter.recordings(session), []),
        unreadable=unreadable,
    )


async def _attendance_status(adapter: Adapter, session: Session) -> ArtifactStatus | None:
    """Whether the attendance is settled, asked before it is read. Long after the end it is, and nobody is asked."""
    if adapter.client.clock.now() - ended(session) > _SETTLED:
        return None
    return await adapter.attendance_status(session)


async def _is_gone(adapter: Adapter, session: Session) -> bool:
    try:
        await adapter.get(session.session_id)
    except NotFoundError:
        return True
    return False
