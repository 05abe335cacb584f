"""One run of an export: fetch the artifacts of the planned sessions, and let a target write them.

:func:`fetch_artifacts` sends requests on the event loop; an :class:`ExportTarget` writes in the caller's thread. So a
slow target does not delay the requests, and a limited number of sessions is fetched ahead of what has been written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.catalogue import make_catalogue_name, read_catalogue
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.discovery import SessionDiscovery
from airflow_provider_sessions.export.ledger import (
    DueSession,
    EntryStatus,
    EntryUpdate,
    LedgerSession,
    get_give_up_start,
)
from airflow_provider_sessions.export.plan import ExportPlan, add_due_sessions, make_empty_plan, plan_export
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, fetch_session_artifacts
from airflow_provider_sessions.messages import ProgressLog
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
T = TypeVar("T")
DEFAULT_CONCURRENCY = 16
MAX_CONCURRENCY = 32
"""Limits memory, as up to twice as many sessions are fetched ahead, and the load on the platform.

Each session sends one request at a time, so this leaves half of the client's connections to others.
"""


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What a run did.

    :param sessions: number of sessions with rows that this run wrote.
    :param unchanged: number of sessions that were exported before, have not changed since, and have nothing pending.
    :param pending: ``{session id: {dataset: reason}}`` of what is not available yet.
    :param absent: the same of what never became available.
    :param newly_absent: the part of it that is expected and that this run recorded: no other run reports it.
    :param pending_since: by id of each pending session, the time from which ``give_up_after`` counts.
    :param deleted_sessions: ids of sessions that the platform no longer has.
    :param owned: ids of sessions with entries that this run owns: a rerun exports them again, whatever its window.
    """

    sessions: int
    unchanged: int
    pending: Mapping[str, Mapping[str, str]]
    absent: Mapping[str, Mapping[str, str]]
    newly_absent: Mapping[str, Mapping[str, str]]
    pending_since: Mapping[str, datetime]
    deleted_sessions: tuple[str, ...]
    owned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """The result of a completed write.

    :param outcome: what the run did, by session.
    :param datasets: by dataset, the number of ``rows``; with files also ``bytes``, ``files`` and ``paths``, with tables
        ``table``.
    :param locations: with files ``{"record": path}``, with tables ``{"ledger": table}``.
    :param assets: by dataset, the URI of the folder or table that holds its rows, without a secret.
    :param days: the days whose rows this run wrote or replaced, sorted; a session belongs to the day on which it ended.
        If that has changed, the day before the change is one of them, too.
    """

    outcome: ExportOutcome
    datasets: Mapping[str, Mapping[str, Any]]
    locations: Mapping[str, Any]
    assets: Mapping[str, str]
    days: tuple[date, ...] = ()


class AdapterRunner(Protocol):
    """What an export needs of a hook: it runs functions with the platform's adapter."""

    def run(self, function: Callable[[Adapter], Awaitable[T]]) -> T:
        """Run a coroutine function with the adapter and return its result."""

    def stream(self, function: Callable[[Adapter], AsyncIterator[T]]) -> Generator[T, None, None]:
        """Iterate over the items that a function yields, one after the other."""


class ExportTarget(Protocol):
    """Files or tables, and the ledger of what they hold. A target serves one try of a run."""

    def read_ledger(self, plan: ExportPlan) -> dict[str, LedgerSession]:
        """Return what the ledger holds of the plan's account, by session id.

        :raises ExportError: it cannot be read.
        """

    def read_catalogue(self, plan: ExportPlan, name: str) -> bytes | None:
        """Return what earlier runs noted of the account's sessions; None if there is nothing.

        :param name: see :func:`~airflow_provider_sessions.export.catalogue.make_catalogue_name`.
        :raises ExportError: it cannot be read.
        """

    def update_catalogue(self, plan: ExportPlan, name: str, change: Callable[[bytes | None], bytes]) -> None:
        """Replace what is noted of the account's sessions. Of several runs at once, each changes what the last wrote.

        :param change: returns the new content for the present one; it may be called again after a conflict.
        :raises ExportError: it cannot be written.
        """

    def forget(self, plan: ExportPlan, sessions: Mapping[str, LedgerSession]) -> None:
        """Make sessions of the plan's account pending and due, so that the next run exports them again.

        What a run is writing now is left as it is.

        :param sessions: of :meth:`read_ledger`.
        :raises ExportError: the ledger cannot be written.
        """

    def begin(self, plan: ExportPlan) -> dict[str, DueSession]:
        """Recover the entries of killed tries, and return by id the sessions that are due or owned by this run.

        :raises ExportError: the target cannot be written now.
        """

    def write(self, plan: ExportPlan, fetched: Iterable[SessionArtifacts]) -> ExportResult:
        """Write the rows that this run owns, and update the ledger.

        :param plan: the plan, with the due sessions that were added to it.
        :param fetched: the artifacts of ``plan.sessions``, in the same order.
        :raises ExportError: the export is incomplete.
        """


def list_sessions(
    runner: AdapterRunner,
    target: ExportTarget,
    query: SessionQuery,
    wanted: Sequence[Dataset] | None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
    *,
    sweep_pages: int | None = None,
) -> ExportPlan:
    """List the sessions that ended in a window, by the target's catalogue if there can be one.

    There is none for an export with filters, as it may list something else, and for platforms whose pages have no
    numbers. If it cannot be read, the whole list is.

    :param runner: the hook of the connection.
    :param wanted: the datasets to export; None for all that the platform supports.
    :param sweep_pages: how many pages beyond the newest to read again; None to read the whole list.
    :raises UnsupportedError: the platform does not support one of the datasets. Nothing was sent.
    """

    async def find_catalogue(adapter: Adapter) -> tuple[ExportPlan, str] | None:
        empty = make_empty_plan(adapter, query, wanted, redaction)
        if sweep_pages is None or empty.is_filtered or adapter.numbered_list() is None:
            return None
        config, names = adapter.client.config, sorted(dataset.name for dataset in empty.datasets)
        key = adapter.account.fingerprint(config.base_url)
        return empty, make_catalogue_name(empty.conn_id, key, config.scope or "", *names)

    discovery = None
    if sweep_pages is not None and (found := runner.run(find_catalogue)) is not None:
        empty, name = found
        try:
            base = read_catalogue(target.read_catalogue(empty, name))
        except ExportError as error:
            log.warning("The catalogue of the account's sessions cannot be read, so the whole list is read: %s", error)
        else:
            discovery = SessionDiscovery(name, base, sweep_pages)
    return runner.run(lambda adapter: plan_export(adapter, query, wanted, redaction, discovery))


def run_export(
    runner: AdapterRunner, plan: ExportPlan, target: ExportTarget, concurrency: int = DEFAULT_CONCURRENCY
) -> tuple[ExportPlan, ExportResult]:
    """Export the sessions of a plan and those that the target's ledger names.

    :param runner: the hook of the connection.
    :returns: the plan with the due sessions, and the result.
    :raises NotFoundError: the platform does not have a session that the plan's query names, and this run has never
        exported it.
    """
    due = target.begin(plan)
    if unknown := sorted(plan.not_found.keys() - due.keys()):
        error = plan.not_found[unknown[0]]
        error.add_note(f"session_id names {', '.join(unknown)}, which the platform does not have; nothing was exported")
        raise error
    full_plan = runner.run(lambda adapter: add_due_sessions(adapter, plan, due)) if due else plan
    with open_artifacts(runner, full_plan, concurrency) as fetched:
        result = target.write(full_plan, fetched)
    if full_plan.discovery is not None and (update := full_plan.discovery.update) is not None:
        try:
            target.update_catalogue(full_plan, update.name, update.apply)
        except ExportError as error:
            log.warning("The catalogue of the account's sessions cannot be written: %s", error)
    return full_plan, result


async def fetch_artifacts(
    adapter: Adapter, plan: ExportPlan, concurrency: int = DEFAULT_CONCURRENCY
) -> AsyncIterator[list[SessionArtifacts]]:
    """Fetch what the datasets need, and yield it in the plan's order: each time, all sessions that are ready.

    :param concurrency: how many sessions are fetched in parallel. As many again may wait to be taken.
    :raises SessionsError: a session cannot be fetched; a note names it. Those before it have been yielded.
    """
    limit = asyncio.Semaphore(check_concurrency(concurrency))

    async def fetch(session: Session) -> SessionArtifacts:
        if session.session_id in plan.deleted:
            return SessionArtifacts(session, plan.account, deleted=True)
        features = {dataset.feature for dataset in plan.datasets_for(session.session_id)}
        async with limit:
            return await fetch_session_artifacts(adapter, session, plan.account, features)

    sessions = iter(plan.sessions)
    running: deque[asyncio.Task[SessionArtifacts]] = deque()

    def start(ahead: int) -> None:
        for session in islice(sessions, ahead - len(running)):
            running.append(asyncio.create_task(fetch(session)))

    try:
        start(2 * concurrency)
        while running:
            await asyncio.wait([running[0]])  # it is canceled with the others while this waits
            ready = [running.popleft().result()]
            while running and len(ready) < concurrency and _has_result(running[0]):
                ready.append(running.popleft().result())
            start(2 * concurrency - len(ready))
            yield ready
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@contextmanager
def open_artifacts(
    runner: AdapterRunner, plan: ExportPlan, concurrency: int = DEFAULT_CONCURRENCY
) -> Iterator[Iterator[SessionArtifacts]]:
    """Fetch what the datasets need while a block runs, and iterate over it session by session in the plan's order.

    :param runner: the hook of the connection.
    :param concurrency: see :func:`fetch_artifacts`.
    """
    with closing(runner.stream(lambda adapter: fetch_artifacts(adapter, plan, concurrency))) as fetched:
        yield chain.from_iterable(fetched)


class ExportCounter:
    """Counts what a run does, and logs its progress.

    :param label: plural noun for the log, such as ``sessions exported``.
    :param plan: the plan with the due sessions.
    """

    def __init__(self, label: str, plan: ExportPlan) -> None:
        self._expected = len(plan.sessions)
        self._progress = ProgressLog(label, self._expected)
        self._done = self._rows = self._written = self._unchanged = 0
        self._pending: dict[str, dict[str, str]] = {}
        self._absent: dict[str, dict[str, str]] = {}
        self._newly_absent: dict[str, dict[str, str]] = {}
        self._pending_since: dict[str, datetime] = {}
        self._deleted: list[str] = []
        self._owned: list[str] = []
        self._days: set[date] = set()

    def add(
        self, artifacts: SessionArtifacts, updates: Mapping[str, EntryUpdate], run_stem: str, rows: int, day: date
    ) -> None:
        """Count one session.

        :param updates: its updated entries, by dataset.
        :param run_stem: see :attr:`~airflow_provider_sessions.export.layout.RunId.stem`.
        :param rows: number of its rows that were written.
        :param day: the day to which it belongs.
        """
        key = artifacts.session.session_id
        self._done += 1
        self._rows += rows
        self.add_reasons(artifacts.session, updates)
        if artifacts.deleted:
            self._deleted.append(key)
        if any(update.entry.run == run_stem for update in updates.values()):
            self._owned.append(key)
        written = [update for update in updates.values() if update.write]
        # A later version without rows replaces those of the version before.
        if rows or any(update.entry.version > 1 for update in written):
            self._days.add(day)
        if written:
            self._written += 1
        elif key not in self._pending:
            self._unchanged += 1
        counts = {"rows": self._rows, "unchanged": self._unchanged, "pending": len(self._pending)}
        self._progress.update(self._done, ", ".join(f"{count:,} {noun}" for noun, count in counts.items() if count))

    def add_reasons(self, session: Session, updates: Mapping[str, EntryUpdate]) -> None:
        """Record why datasets of a session are pending or absent, and since when it is pending."""
        for name, update in updates.items():
            entry = update.entry
            reason = {name: entry.reason or ""}
            if entry.status is EntryStatus.PENDING:
                self._pending.setdefault(session.session_id, {}).update(reason)
                self._pending_since[session.session_id] = get_give_up_start(session, entry.first_seen, entry)
            elif EntryStatus.ABSENT in (entry.status, entry.becomes):
                self._absent.setdefault(session.session_id, {}).update(reason)
            if update.is_newly_absent:
                self._newly_absent.setdefault(session.session_id, {}).update(reason)

    def add_day(self, day: date) -> None:
        """Count a day whose rows this run replaces without new ones: of a session that is on another day now."""
        self._days.add(day)

    def days(self) -> tuple[date, ...]:
        """Return the days whose rows the run wrote or replaced, sorted."""
        return tuple(sorted(self._days))

    def outcome(self) -> ExportOutcome:
        """Return what the run did.

        :raises ExportError: the artifacts of sessions of the plan are missing.
        """
        if self._done != self._expected:
            raise ExportError(f"export incomplete: received {self._done} of {self._expected} sessions; retry the task")
        return ExportOutcome(
            sessions=self._written,
            unchanged=self._unchanged,
            pending=dict(sorted(self._pending.items())),
            absent=dict(sorted(self._absent.items())),
            newly_absent=dict(sorted(self._newly_absent.items())),
            pending_since=dict(sorted(self._pending_since.items())),
            deleted_sessions=tuple(self._deleted),
            owned=tuple(sorted(self._owned)),
        )


def check_concurrency(concurrency: int) -> int:
    """Return the number of sessions to fetch in parallel.

    :raises InputError: it is out of range.
    """
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InputError(f"concurrency: {concurrency!r} must be from 1 to {MAX_CONCURRENCY}")
    return concurrency


def _has_result(task: asyncio.Task[SessionArtifacts]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
