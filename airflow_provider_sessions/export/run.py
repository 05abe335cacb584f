"""One run of an export: fetch the artifacts of the planned sessions, and let a target write them.

:func:`fetch_artifacts` sends requests on the event loop; a :class:`Target` writes in the caller's thread. So a slow
target never holds up the requests, and only a bounded number of sessions is fetched ahead of what has been written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
)
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from airflow_provider_sessions.errors import (
    ExportError,
    InputError,
)
from airflow_provider_sessions.export.ledger import DueSession, EntryStatus, EntryUpdate, LedgerSession
from airflow_provider_sessions.export.plan import ExportPlan, add_due_sessions
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, fetch_session_artifacts
from airflow_provider_sessions.messages import ProgressLog
from airflow_provider_sessions.model import (
    Session,
)
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

T = TypeVar("T")
log = get_logger(__name__)
DEFAULT_CONCURRENCY = 16
MAX_CONCURRENCY = 32
"""The number of connections that the client opens; a higher value would not be faster."""


@dataclass(frozen=True, slots=True)
class ExportOutcome:
    """What a run did.

    :param sessions: number of sessions of which this run wrote rows.
    :param unchanged: number of sessions that other runs had exported and that did not change.
    :param pending: by session and dataset, why it is not available yet.
    :param absent: by session and dataset, why it never will be.
    :param deleted_sessions: ids of sessions that the platform no longer has.
    :param owned: ids of sessions that a rerun exports again, whatever its window.
    """

    sessions: int
    unchanged: int
    pending: Mapping[str, Mapping[str, str]]
    absent: Mapping[str, Mapping[str, str]]
    deleted_sessions: tuple[str, ...]
    owned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What a target has written.

    :param datasets: by dataset, the number of ``rows``, and what else this kind of target reports.
    :param locations: where further information is, such as ``{"record": path}`` or ``{"ledger": table}``.
    :param assets: by dataset, the URI of the folder or table that holds its rows, without a secret.
    """

    outcome: ExportOutcome
    datasets: Mapping[str, Mapping[str, Any]]
    locations: Mapping[str, Any]
    assets: Mapping[str, str]


class Platform(Protocol):
    """Runs functions with a platform's adapter; a hook does."""

    def run(self, function: Callable[[Adapter], Awaitable[T]]) -> T:
        """Run a coroutine function with the adapter and return its result."""

    def stream(self, function: Callable[[Adapter], AsyncIterator[T]]) -> Generator[T, None, None]:
        """Iterate over the items that a function yields, one after the other."""


class Target(Protocol):
    """Files or tables, and the ledger of what they hold. A target serves one try of a run."""

    def read_ledger(self, plan: ExportPlan) -> dict[str, LedgerSession]:
        """Return what the ledger holds of the plan's account, by session id.

        :raises ExportError: it cannot be read.
        """

    def begin(self, plan: ExportPlan) -> dict[str, DueSession]:
        """Recover what failed runs left, and return the sessions that are due, by id.

        :raises ExportError: the target cannot be written now.
        """

    def write(self, plan: ExportPlan, fetched: Iterable[SessionArtifacts]) -> ExportResult:
        """Write the rows that belong to this run, and record them in the ledger.

        :param plan: the plan, with the sessions that :meth:`begin` returned.
        :param fetched: the artifacts of ``plan.sessions``, in the same order.
        :raises ExportError: the export is incomplete.
        """


def run_export(
    platform: Platform, plan: ExportPlan, target: Target, concurrency: int = DEFAULT_CONCURRENCY
) -> tuple[ExportPlan, ExportResult]:
    """Export the sessions of a plan and those that the target's ledger names.

    :param platform: the hook of the connection.
    :returns: the plan with the sessions that were added, and what was written.
    """
    due = target.begin(plan)
    whole = platform.run(lambda adapter: add_due_sessions(adapter, plan, due)) if due else plan
    with closing(platform.stream(lambda adapter: fetch_artifacts(adapter, whole, concurrency))) as fetched:
        return whole, target.write(whole, fetched)


async def fetch_artifacts(
    adapter: Adapter, plan: ExportPlan, concurrency: int = DEFAULT_CONCURRENCY
) -> AsyncIterator[SessionArtifacts]:
    """Fetch what the datasets need, and yield it session by session in the plan's order.

    :param concurrency: how many sessions are fetched in parallel. As many again may wait to be taken.
    :raises SessionsError: a session cannot be fetched; a note names it.
    """
    limit = asyncio.Semaphore(check_concurrency(concurrency))

    async def fetch(session: Session) -> SessionArtifacts:
        if session.session_id in plan.deleted:
            return SessionArtifacts(session, plan.account, deleted=True)
        features = {dataset.feature for dataset in plan.datasets_for(session.session_id)}
        async with limit:
            return await fetch_session_artifacts(adapter, session, plan.account, features)

    running: deque[asyncio.Task[SessionArtifacts]] = deque()
    try:
        for session in plan.sessions:
            running.append(asyncio.create_task(fetch(session)))
            if len(running) >= 2 * concurrency:
                yield await _first(running)
        while running:
            yield await _first(running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class ExportCounter:
    """Counts what a run does, and logs its progress.

    :param what: what is counted, for the log, such as ``sessions exported``.
    """

    def __init__(self, what: str, plan: ExportPlan) -> None:
        self._expected = len(plan.sessions)
        self._progress = ProgressLog(what, self._expected)
        self._done = self._rows = self._written = self._unchanged = 0
        self._pending: dict[str, dict[str, str]] = {}
        self._absent: dict[str, dict[str, str]] = {}
        self._deleted: list[str] = []
        self._owned: list[str] = []

    def add(self, artifacts: SessionArtifacts, updates: Mapping[str, EntryUpdate], stem: str, rows: int) -> None:
        """Count one session.

        :param stem: the stem of the run.
        :param rows: number of rows written.
        """
        key = artifacts.session.session_id
        self._done += 1
        self._rows += rows
        self.note(key, updates)
        self._deleted += [key] if artifacts.deleted else []
        self._owned += [key] if any(update.entry.run == stem for update in updates.values()) else []
        if any(update.write for update in updates.values()):
            self._written += 1
        elif key not in self._pending:
            self._unchanged += 1
        counts = {"rows": self._rows, "unchanged": self._unchanged, "pending": len(self._pending)}
        self._progress.update(self._done, ", ".join(f"{count:,} {what}" for what, count in counts.items() if count))

    def note(self, session_id: str, updates: Mapping[str, EntryUpdate]) -> None:
        """Note why datasets of a session are pending or absent."""
        entries = {name: update.entry for name, update in updates.items()}
        for status, noted in ((EntryStatus.PENDING, self._pending), (EntryStatus.ABSENT, self._absent)):
            found = {name: one.reason or "" for name, one in entries.items() if status in (one.status, one.becomes)}
            if found:
                noted[session_id] = found

    def outcome(self) -> ExportOutcome:
        """Return what the run did.

        :raises ExportError: sessions of the plan are missing.
        """
        if self._done != self._expected:
            raise ExportError(f"only {self._done} of {self._expected} sessions were exported")
        return ExportOutcome(
            sessions=self._written,
            unchanged=self._unchanged,
            pending=dict(sorted(self._pending.items())),
            absent=dict(sorted(self._absent.items())),
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


async def _first(running: deque[asyncio.Task[SessionArtifacts]]) -> SessionArtifacts:
    """Return the result of the oldest task, which stays in the queue until then to be canceled with the others."""
    artifacts = await running[0]
    running.popleft()
    return artifacts
