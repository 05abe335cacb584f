"""One run of an export: fetch the artifacts of the planned sessions and hand them to a target that writes them.

:func:`~airflow_provider_sessions.export.plan.plan_export`, ``add_due_sessions`` and :func:`fetch_artifacts` call the
platform and belong to an event loop; a :class:`Target` writes in the caller's thread. So a slow target never holds up
the requests, and only a bounded number of sessions is fetched ahead of what has been written. In order:
``plan_export``, ``Target.begin``, ``add_due_sessions`` if that named sessions, ``fetch_artifacts`` into
``Target.write``.
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
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from airflow_provider_sessions.errors import (
    ExportError,
    InputError,
)
from airflow_provider_sessions.export.ledger import DueSession, EntryStatus, EntryUpdate, LedgerSession
from airflow_provider_sessions.export.plan import ExportPlan
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
"""More would not be faster: the client opens no more connections."""


@dataclass(frozen=True, slots=True)
class ExportOutcome:
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
class ExportResult:
    """What a target tells once all is there.

    :param datasets: for each dataset its ``rows``, and what else this kind of target counts.
    :param where: what else helps to find it.
    :param assets: for each dataset the URI of the folder or table that holds its rows, without a secret.
    """

    outcome: ExportOutcome
    datasets: Mapping[str, Mapping[str, Any]]
    where: Mapping[str, Any]
    assets: Mapping[str, str]


class Platform(Protocol):
    """Runs functions with a platform's adapter; a hook does."""

    def run(self, function: Callable[[Adapter], Awaitable[T]]) -> T:
        """Run a coroutine function with the adapter and return its result."""

    def stream(self, function: Callable[[Adapter], AsyncIterator[T]]) -> Generator[T, None, None]:
        """Iterate over the items that a function yields, one after the other."""


class Target(Protocol):
    """What is written into: files or tables. It is made for one try of a run, and keeps the ledger of what it holds."""

    def held(self, work: ExportPlan) -> dict[str, LedgerSession]:
        """Return what the ledger holds of the plan's account, by session id.

        :raises ExportError: it cannot be read.
        """

    def begin(self, work: ExportPlan) -> dict[str, DueSession]:
        """Recover what died, and tell which sessions to look at besides those that were found, by id.

        :raises ExportError: nothing can be written there now.
        """

    def write(self, work: ExportPlan, known: Iterable[SessionArtifacts]) -> ExportResult:
        """Write what belongs to this run, and note it.

        :param work: the plan, with the sessions that :meth:`begin` named.
        :param known: the material of ``work.sessions``, in their order.
        :raises ExportError: it is not complete.
        """


async def fetch_artifacts(
    adapter: Adapter, work: ExportPlan, concurrency: int = DEFAULT_CONCURRENCY
) -> AsyncIterator[SessionArtifacts]:
    """Ask for all that the datasets need, and give it session by session in the plan's order.

    :param concurrency: how many sessions are asked about at once. As many more may wait to be taken.
    :raises SessionsError: a session could not be had; a note says which.
    """
    limit = asyncio.Semaphore(check_concurrency(concurrency))

    async def one(session: Session) -> SessionArtifacts:
        if session.session_id in work.deleted:
            return SessionArtifacts(session, work.account, deleted=True)
        questions = {dataset.question for dataset in work.datasets_for(session.session_id)}
        async with limit:
            return await fetch_session_artifacts(adapter, session, work.account, questions)

    running: deque[asyncio.Task[SessionArtifacts]] = deque()
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


class ExportCounter:
    """Counts what a run did, and tells in the log how far it is.

    :param what: what is counted, for the log.
    :param work: what is to be done.
    """

    def __init__(self, what: str, work: ExportPlan) -> None:
        self._expected = len(work.sessions)
        self._progress = ProgressLog(what, self._expected)
        self._done = self._rows = self._written = self._unchanged = 0
        self._pending: dict[str, dict[str, str]] = {}
        self._absent: dict[str, dict[str, str]] = {}
        self._deleted: list[str] = []
        self._owned: list[str] = []

    def add(self, material: SessionArtifacts, decisions: Mapping[str, EntryUpdate], stem: str, rows: int) -> None:
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

    def note(self, session_id: str, decisions: Mapping[str, EntryUpdate]) -> None:
        """Note why datasets of a session are not there."""
        entries = {name: decision.entry for name, decision in decisions.items()}
        for status, noted in ((EntryStatus.PENDING, self._pending), (EntryStatus.ABSENT, self._absent)):
            found = {name: one.reason or "" for name, one in entries.items() if status in (one.status, one.becomes)}
            if found:
                noted[session_id] = found

    def outcome(self) -> ExportOutcome:
        """What the run did, now that it is over.

        :raises ExportError: not every session of the plan came.
        """
        if self._done != self._expected:
            raise ExportError(f"{self._done} of {self._expected} sessions came: the export is not complete")
        return ExportOutcome(
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


async def _first(running: deque[asyncio.Task[SessionArtifacts]]) -> SessionArtifacts:
    """Wait for the oldest task; it stays in the queue until then, so that it is canceled with the others."""
    material = await running[0]
    running.popleft()
    return material
