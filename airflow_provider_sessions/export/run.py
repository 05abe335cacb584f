"""One export: which sessions, what is known of them, and writing it.

:func:`plan` and :func:`materials` ask the platform and belong to an event loop; :func:`write` takes what they give
and writes it, wherever the caller stands. So a slow store never holds up the requests, and the requests made ahead are
bounded by what has been written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, Final

from airflow_provider_sessions.errors import ExportError, InputError, NotFoundError, SessionsError
from airflow_provider_sessions.export.datasets import Dataset, Material, account_name, supported
from airflow_provider_sessions.export.files import day_files
from airflow_provider_sessions.export.formats import Format
from airflow_provider_sessions.export.layout import RunId, data_key, day_of
from airflow_provider_sessions.export.ledger import Decision, Late, Ledger, Seen, Status
from airflow_provider_sessions.export.ledger_objects import ObjectLedger
from airflow_provider_sessions.export.progress import Progress
from airflow_provider_sessions.export.readiness import Rows, as_decided, rows_of, seen_of
from airflow_provider_sessions.export.record import (
    RunRecord,
    WrittenFile,
    read_record,
    remove_left_over,
    write_record,
)
from airflow_provider_sessions.export.store import Store
from airflow_provider_sessions.export.transcripts.speakers import named_transcripts
from airflow_provider_sessions.model import ArtifactStatus, Session, SessionQuery
from airflow_provider_sessions.platforms.base import Adapter, Question

log = logging.getLogger(__name__)

DEFAULT_CONCURRENCY = 16
MAX_CONCURRENCY = 32
"""More would not be faster: the client opens no more connections."""
_BATCH: Final = 16
"""Sessions that are claimed side by side."""
_SETTLED: Final = timedelta(hours=1)
"""How long after a session's end its attendance is taken as settled without asking. Source: inferred."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be exported. ``sessions`` are in the order in which they are written.

    :param not_over: sessions that were over when they were looked at before, and go on again.
    :param only: by session id: the datasets of a session that is not looked at for its own window.
    :param gone: ids of sessions that the platform does not know any more.
    """

    platform: str
    account: str
    query: SessionQuery
    datasets: tuple[Dataset, ...]
    sessions: tuple[Session, ...]
    not_over: tuple[Session, ...] = ()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()

    def datasets_of(self, session_id: str) -> tuple[Dataset, ...]:
        """The datasets that are wanted of a session."""
        only = self.only.get(session_id)
        return self.datasets if only is None else tuple(one for one in self.datasets if one.name in only)


async def plan(adapter: Adapter, query: SessionQuery, wanted: Sequence[Dataset] | None) -> Plan:
    """Find the sessions that are meant.

    The list is read to its end before anything else is asked, because page tokens expire while a slow consumer works.

    :param query: must be about the time at which sessions ended.
    :param wanted: datasets that were named; None for all that the platform can give.
    :raises UnsupportedError: a dataset that was named cannot be had. Nothing was sent.
    """
    datasets = supported(adapter, wanted)
    found: dict[str, Session] = {}
    progress = Progress("sessions listed")
    async for session in adapter.sessions(query):
        found[session.session_id] = session
        progress.at(len(found))
    return Plan(adapter.platform, account_name(adapter), query, datasets, _in_order(found.values()))


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


def begin(store: Store, run: RunId, work: Plan, form: Format, ledger: Ledger) -> dict[str, Late]:
    """Recover what died, and tell which sessions to look at besides those that were found, by id.

    What an earlier try of this run owned in another format, of another account or of datasets that are not wanted any
    more is given up: :func:`write` removes those files.

    :raises ExportError: the record of an earlier try cannot be read, or the store takes one writer at a time.
    """
    before = read_record(store, run)
    same = before is not None and (before.format, before.account) == (form.name, work.account)
    late = ledger.begin(before.owned if before is not None and same else ())
    if before is not None:
        former = ledger if same else ObjectLedger(store, before.account, before.format, run)
        former.release(before.owned, keep=[dataset.name for dataset in work.datasets] if same else ())
    return late


async def extend(
    adapter: Adapter, work: Plan, late: Mapping[str, Late], concurrency: int = DEFAULT_CONCURRENCY
) -> Plan:
    """Add the sessions that the ledger names, as they are now.

    Pending ones that the query would leave out, whatever its window, are left to other exports.
    """
    listed = {session.session_id for session in work.sessions}
    wanted = {dataset.name for dataset in work.datasets}
    meant = [one for key, one in late.items() if key not in listed and one.datasets & wanted]
    limit = asyncio.Semaphore(check_concurrency(concurrency))

    async def now(one: Late) -> Session | None:
        async with limit:
            try:
                return await adapter.get(one.session.session_id)
            except NotFoundError:
                return None

    anywhere = work.query.model_copy(update={"window": None})
    narrowed = anywhere != SessionQuery(by=work.query.by)
    sessions, not_over, only, gone = list(work.sessions), [], {}, set()
    for one, session in zip(meant, await asyncio.gather(*map(now, meant)), strict=True):
        if not one.owned and (narrowed if session is None else not anywhere.matches(session)):
            continue
        key = one.session.session_id
        only[key] = one.datasets & wanted
        if session is None:
            gone.add(key)
            sessions.append(one.session)
        elif session.ended_at is None:
            not_over.append(session)
        else:
            sessions.append(session)
    return replace(work, sessions=_in_order(sessions), not_over=tuple(not_over), only=only, gone=frozenset(gone))


def write(store: Store, run: RunId, work: Plan, form: Format, known: Iterable[Material], ledger: Ledger) -> RunRecord:
    """Write the files of a run, day by day, and its record.

    Files of an earlier try of the same run are replaced; those that are not written again are removed.

    :param known: the material of ``work.sessions``, in their order.
    :param ledger: decides what belongs to this run; see :mod:`~airflow_provider_sessions.export.ledger`.
    :raises ExportError: the record of an earlier try cannot be read, or the lease is lost.
    """
    before = read_record(store, run)
    left_over = (before.keys if before else set()) | _planned(run, work, form)
    owned = {session.session_id for session in (*work.sessions, *work.not_over)}
    ledger.expect(owned)
    record = _record(run, work, form)
    running = {"status": "running", "may_exist": tuple(sorted(left_over)), "owned": tuple(sorted(owned))}
    write_record(store, run, record.model_copy(update=running))
    tally = RunTally()
    files: list[WrittenFile] = []
    progress = Progress("sessions exported", len(work.sessions))
    _put_off(ledger, work, tally)
    for day, of_day in groupby(known, key=lambda material: day_of(ended(material.session))):
        with day_files(store, day, run.stem, form) as open_files:
            for batch in _batches(of_day):
                for material, rows, decisions in _decided(ledger, batch, work, run, form):
                    tally.add(material, decisions, run.stem, open_files.add(rows))
                    progress.at(tally.done, f"{tally.rows:,} rows, {len(tally.pending):,} pending")
            written = open_files.finish()
            ledger.intend(written)
        ledger.settle()
        files += written
    if tally.done != len(work.sessions):
        raise ExportError(f"{tally.done} of {len(work.sessions)} sessions came: the export is not complete")
    ledger.intend(())
    remove_left_over(store, run, left_over - {file.key for file in files})
    whole = record.model_copy(update={**tally.told(), "files": tuple(sorted(files, key=lambda f: f.key))})
    write_record(store, run, whole)
    ledger.finish()
    return whole


class RunTally:
    """Counts what a run did."""

    def __init__(self) -> None:
        self.done = self.rows = self.written = self.unchanged = 0
        self.pending: dict[str, dict[str, str]] = {}
        self._absent: dict[str, dict[str, str]] = {}
        self._deleted: list[str] = []
        self._owned: list[str] = []

    def add(self, material: Material, decisions: Mapping[str, Decision], stem: str, rows: int) -> None:
        """Count one session."""
        key = material.session.session_id
        self.done += 1
        self.rows += rows
        self.note(key, decisions)
        self._deleted += [key] if material.deleted else []
        self._owned += [key] if any(decision.entry.run == stem for decision in decisions.values()) else []
        if any(decision.write for decision in decisions.values()):
            self.written += 1
        elif key not in self.pending:
            self.unchanged += 1

    def note(self, session_id: str, decisions: Mapping[str, Decision]) -> None:
        """Note why datasets of a session are not there."""
        entries = {name: decision.entry for name, decision in decisions.items()}
        for status, noted in ((Status.PENDING, self.pending), (Status.ABSENT, self._absent)):
            found = {name: one.reason or "" for name, one in entries.items() if status in (one.status, one.becomes)}
            if found:
                noted[session_id] = found

    def told(self) -> dict[str, Any]:
        """The fields of a record."""
        return {
            "sessions": self.written,
            "unchanged": self.unchanged,
            "pending": dict(sorted(self.pending.items())),
            "absent": dict(sorted(self._absent.items())),
            "deleted_sessions": tuple(self._deleted),
            "owned": tuple(sorted(self._owned)),
        }


def ended(session: Session) -> datetime:
    """When a session ended.

    :raises ExportError: it has not.
    """
    if session.ended_at is None:
        raise ExportError(f"session {session.session_id!r} is to be exported, but has no time at which it ended")
    return session.ended_at


def check_concurrency(concurrency: int) -> int:
    """A bound that is allowed.

    :raises InputError: it is not.
    """
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InputError(f"concurrency: {concurrency!r} is not a number from 1 to {MAX_CONCURRENCY}")
    return concurrency


def totals(record: RunRecord) -> dict[str, dict[str, int]]:
    """Rows, bytes and files of each dataset; zeros where nothing was written."""
    sums: dict[str, dict[str, int]] = {name: {"rows": 0, "bytes": 0, "files": 0} for name in record.datasets}
    for file in record.files:
        sums[file.dataset]["rows"] += file.rows
        sums[file.dataset]["bytes"] += file.bytes
        sums[file.dataset]["files"] += 1
    return sums


def _in_order(sessions: Iterable[Session]) -> tuple[Session, ...]:
    return tuple(sorted(sessions, key=lambda session: (ended(session), session.session_id)))


def _planned(run: RunId, work: Plan, form: Format) -> set[str]:
    """The keys of all files that may come to exist."""
    return {
        data_key(dataset.name, day_of(ended(session)), run.stem, form.extension)
        for session in work.sessions
        for dataset in work.datasets
    }


def _batches(known: Iterable[Material]) -> Iterator[list[Material]]:
    iterator = iter(known)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _decided(
    ledger: Ledger, batch: Sequence[Material], work: Plan, run: RunId, form: Format
) -> Iterator[tuple[Material, Rows, dict[str, Decision]]]:
    """Claim what a batch of sessions brings; for each what is to be written."""
    made = []
    for material in batch:
        datasets = work.datasets_of(material.session.session_id)
        rows = rows_of(material, datasets)
        made.append((material, rows, seen_of(material, datasets, rows, run.stem, form.extension)))
    decided = ledger.claim([(material.session, seen) for material, _, seen in made])
    for (material, rows, _), decisions in zip(made, decided, strict=True):
        yield material, as_decided(rows, decisions), decisions


def _put_off(ledger: Ledger, work: Plan, tally: RunTally) -> None:
    """Let wait what goes on again."""
    seen = Seen(Status.PENDING, content="", reason="the session was over, and goes on again")
    batch = [(session, {one.name: seen for one in work.datasets_of(session.session_id)}) for session in work.not_over]
    for session, decisions in zip(work.not_over, ledger.claim(batch), strict=True):
        tally.note(session.session_id, decisions)


def _record(run: RunId, work: Plan, form: Format) -> RunRecord:
    return RunRecord(
        status="complete",
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=run.task_id,
        map_index=run.map_index,
        platform=work.platform,
        account=work.account,
        query=work.query.model_dump(mode="json", exclude_none=True),
        format=form.name,
        datasets=tuple(dataset.name for dataset in work.datasets),
    )


async def _first(running: deque[asyncio.Task[Material]]) -> Material:
    """Wait for the oldest task; it stays in the queue until then, so that it is canceled with the others."""
    material = await running[0]
    running.popleft()
    return material


async def _material(adapter: Adapter, session: Session, account: str, questions: set[Question]) -> Material:
    try:
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


async def _asked(adapter: Adapter, session: Session, account: str, questions: set[Question]) -> Material:
    """Ask what is needed, one question after the other: sessions are asked about at once, not questions."""
    status = await _attendance_status(adapter, session) if Question.ATTENDANCE in questions else None
    # Before the participants: where these are read from the same list, the platform's adapter reads it once.
    attendance = await adapter.attendance(session) if Question.ATTENDANCE in questions else ()
    participants = await adapter.participants(session) if Question.PARTICIPANTS in questions else None
    return Material(
        session,
        account,
        participants=participants or (),
        attendance_status=status,
        attendance=attendance,
        transcripts=(
            await named_transcripts(adapter, session, participants) if Question.TRANSCRIPTS in questions else ()
        ),
        takeaways=await adapter.takeaways(session) if Question.TAKEAWAYS in questions else None,
        recordings=await adapter.recordings(session) if Question.RECORDINGS in questions else (),
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
