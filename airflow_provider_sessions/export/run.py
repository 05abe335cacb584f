"""One export: which sessions, what is known of them, and writing it.

:func:`plan` and :func:`materials` ask the platform and belong to an event loop; :func:`write` takes what they give
and writes it, wherever the caller stands. So a slow store never holds up the requests, and the requests made ahead are
bounded by what has been written.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from airflow_provider_sessions.errors import ExportError, InputError, NotFoundError, SessionsError
from airflow_provider_sessions.export.datasets import Dataset, Material, account_name, supported
from airflow_provider_sessions.export.files import day_files
from airflow_provider_sessions.export.formats import Format
from airflow_provider_sessions.export.layout import RunId, data_key, day_of
from airflow_provider_sessions.export.progress import Progress
from airflow_provider_sessions.export.record import (
    RunRecord,
    WrittenFile,
    read_record,
    remove_left_over,
    write_record,
)
from airflow_provider_sessions.export.store import Store
from airflow_provider_sessions.export.transcripts.speakers import named_transcripts
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.platforms.base import Adapter, Question

log = logging.getLogger(__name__)

DEFAULT_CONCURRENCY = 16
MAX_CONCURRENCY = 32
"""More would not be faster: the client opens no more connections."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be exported. ``sessions`` are in the order in which they are written."""

    platform: str
    account: str
    query: SessionQuery
    datasets: tuple[Dataset, ...]
    sessions: tuple[Session, ...]


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
    ordered = sorted(found.values(), key=lambda session: (ended(session), session.session_id))
    return Plan(adapter.platform, account_name(adapter), query, datasets, tuple(ordered))


async def materials(adapter: Adapter, work: Plan, concurrency: int = DEFAULT_CONCURRENCY) -> AsyncIterator[Material]:
    """Ask for all that the datasets need, and give it session by session in the plan's order.

    :param concurrency: how many sessions are asked about at once. As many more may wait to be taken.
    :raises SessionsError: a session could not be had; a note says which.
    """
    limit = asyncio.Semaphore(check_concurrency(concurrency))
    questions = {dataset.question for dataset in work.datasets}

    async def one(session: Session) -> Material:
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


def write(store: Store, run: RunId, work: Plan, form: Format, known: Iterable[Material]) -> RunRecord:
    """Write the files of a run, day by day, and its record.

    Files of an earlier try of the same run are replaced; those that are not written again are removed.

    :param known: the material of ``work.sessions``, in their order.
    :raises ExportError: the record of an earlier try cannot be read.
    """
    before = read_record(store, run)
    planned = {
        data_key(dataset.name, day_of(ended(session)), run.stem, form.extension)
        for session in work.sessions
        for dataset in work.datasets
    }
    left_over = (before.keys if before else set()) | planned
    record = _record(run, work, form)
    write_record(store, run, record.model_copy(update={"status": "running", "may_exist": tuple(sorted(left_over))}))
    files: list[WrittenFile] = []
    deleted: list[str] = []
    progress = Progress("sessions exported", len(work.sessions))
    done = rows = 0
    for day, of_day in groupby(known, key=lambda material: day_of(ended(material.session))):
        with day_files(store, day, run.stem, form) as open_files:
            for material in of_day:
                rows += open_files.add(material, work.datasets)
                done += 1
                progress.at(done, f"{rows:,} rows")
                deleted += [material.session.session_id] if material.deleted else []
            written = open_files.finish()
        files += written
    if done != len(work.sessions):
        raise ExportError(f"{done} of {len(work.sessions)} sessions came: the export is not complete")
    remove_left_over(store, run, left_over - {file.key for file in files})
    whole = record.model_copy(
        update={
            "sessions": done,
            "deleted_sessions": tuple(deleted),
            "files": tuple(sorted(files, key=lambda f: f.key)),
        }
    )
    write_record(store, run, whole)
    return whole


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
    participants = await adapter.participants(session) if Question.PARTICIPANTS in questions else None
    return Material(
        session,
        account,
        participants=participants or (),
        attendance=await adapter.attendance(session) if Question.ATTENDANCE in questions else (),
        transcripts=(
            await named_transcripts(adapter, session, participants) if Question.TRANSCRIPTS in questions else ()
        ),
        takeaways=await adapter.takeaways(session) if Question.TAKEAWAYS in questions else None,
        recordings=await adapter.recordings(session) if Question.RECORDINGS in questions else (),
    )


async def _is_gone(adapter: Adapter, session: Session) -> bool:
    try:
        await adapter.get(session.session_id)
    except NotFoundError:
        return True
    return False
