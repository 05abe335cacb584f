"""Find and repair what a target lacks although its ledger considers it exported or absent.

An export rechecks a session until ``give_up_after`` has passed, and trusts its ledger from then on. If a session was
read wrongly until then, by an earlier version of this package for example, its rows stay wrong or missing.
:func:`verify` compares every session in the ledger with what the platform reports now; :func:`repair` writes what
differs, in a run of its own and by the same rules as every run: a changed session gets a new version, others stay as
they are.

Both send one request for all sessions, and further ones only for datasets that are compared or pending. A session that
the platform no longer has is left as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from airflow_provider_sessions.errors import InputError, NotFoundError, ResponseError
from airflow_provider_sessions.export.checks import check_datasets
from airflow_provider_sessions.export.datasets import Dataset, account_name, list_available_datasets, select_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.ledger import EntryStatus, LedgerEntry, LedgerSession
from airflow_provider_sessions.export.plan import ExportPlan, sort_sessions
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.run import (
    AdapterRunner,
    ExportResult,
    ExportTarget,
    open_artifacts,
)
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
DEFAULT_COMPARED = ("sessions",)
"""The datasets that are compared by default: their rows need no further requests."""
_REASONS: Final = {
    EntryStatus.PENDING: "is available, but was never exported",
    EntryStatus.ABSENT: "is available, but was recorded as absent",
}
"""Why there are no rows, by the status in the ledger."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A dataset of a session whose rows in the target are wrong or missing.

    :param status: the status in the ledger: ``exported`` if rows differ from what the platform reports now,
        ``pending`` or ``absent`` if they are missing although they are available.
    :param reason: the same in words.
    """

    session_id: str
    dataset: str
    status: EntryStatus
    reason: str


def read_ledger(runner: AdapterRunner, target: ExportTarget) -> dict[str, LedgerSession]:
    """Return what a target's ledger holds of the account, by session id.

    :param runner: the hook of the connection that was exported.
    :param target: what was written into.
    :raises ExportError: the ledger cannot be read.
    """
    return target.read_ledger(_plan_all(runner, SessionQuery(), None, Redaction()))


def forget(
    runner: AdapterRunner, target: ExportTarget, session_ids: Collection[str], *, dry_run: bool
) -> dict[str, LedgerSession]:
    """Let the next run export sessions again, as their next version, whatever its window. Their rows stay until then.

    :param runner: the hook of the connection that was exported.
    :param target: what was written into.
    :param dry_run: whether to change nothing.
    :returns: what the ledger held of these sessions, by id. What is ``writing`` is left.
    :raises InputError: the ledger does not contain one of the sessions.
    :raises ExportError: the ledger cannot be read or written.
    """
    plan = _plan_all(runner, SessionQuery(), None, Redaction())
    ledger = target.read_ledger(plan)
    unknown = sorted(set(session_ids) - ledger.keys())
    if unknown:
        raise InputError(f"not in the ledger of {plan.account}: {', '.join(unknown)}; nothing was changed")
    found = {key: ledger[key] for key in sorted(session_ids)}
    if not dry_run:
        target.forget(plan, found)
    return found


def rebuild_latest(runner: AdapterRunner, target: FileTarget) -> int:
    """Build the latest files of all days again, from the files of all runs and from the ledger.

    :param runner: the hook of the connection that was exported.
    :param target: a target of a run of its own, with a run id that no other run has.
    :returns: the number of days.
    :raises ExportError: the store allows one writer at a time, and another one is active.
    """
    return target.build_latest(_plan_all(runner, SessionQuery(), None, Redaction()))


def verify(
    runner: AdapterRunner,
    target: ExportTarget,
    *,
    query: SessionQuery = SessionQuery(),  # noqa: B008 - frozen
    datasets: Sequence[Dataset] | None = None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> list[Finding]:
    """Find what a target lacks, or what differs from what the platform reports now. Nothing is written.

    :param runner: the hook of the connection that was exported.
    :param query: the export's filters; its window is ignored.
    :param datasets: the datasets to compare, by default ``sessions``: what is exported, and what was recorded as
        absent. Of all others only what is pending is checked.
    :param redaction: the export's.
    :returns: the findings, in the order of the sessions' ends.
    :raises UnsupportedError: the platform does not support a dataset.
    :raises ExportError: the ledger cannot be read.
    """
    plan, ledger = _plan_comparison(runner, target, query, datasets, redaction)
    return [finding for _, findings in _compare(runner, plan, ledger) for finding in findings]


def repair(
    runner: AdapterRunner,
    target: ExportTarget,
    *,
    query: SessionQuery = SessionQuery(),  # noqa: B008 - frozen
    datasets: Sequence[Dataset] | None = None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> ExportResult:
    """Write what :func:`verify` finds, and nothing else. The parameters are the same.

    :param target: a target of a run of its own, with a run id that no other run has.
    :raises ExportError: the target cannot be written.
    """
    plan, ledger = _plan_comparison(runner, target, query, datasets, redaction)
    found = {key: findings for key, findings in _compare(runner, plan, ledger) if findings}
    for finding in (one for findings in found.values() for one in findings):
        log.info("Repairing %s of session %s: %s", finding.dataset, finding.session_id, finding.reason)
    wrong = replace(
        plan,
        sessions=tuple(one for one in plan.sessions if one.session_id in found),
        only_datasets={key: frozenset(one.dataset for one in findings) for key, findings in found.items()},
    )
    target.begin(wrong)
    with open_artifacts(runner, wrong) as fetched:
        return target.write(wrong, fetched)


def _plan_comparison(
    runner: AdapterRunner,
    target: ExportTarget,
    query: SessionQuery,
    datasets: Sequence[Dataset] | None,
    redaction: Redaction,
) -> tuple[ExportPlan, dict[str, LedgerSession]]:
    """Return the ledger, and a plan with its sessions that have ended, as they are now."""
    names = frozenset(DEFAULT_COMPARED) if datasets is None else frozenset(one.name for one in datasets)

    plan = _plan_all(runner, query, datasets, redaction)
    ledger = target.read_ledger(plan)
    exported = {name for one in ledger.values() for name in one.entries}
    plan = replace(plan, datasets=tuple(one for one in plan.datasets if not one.opt_in or one.name in exported))
    only = {key: _datasets_to_compare(one, names) for key, one in ledger.items()}
    seen = runner.run(
        lambda adapter: _poll_ended_sessions(adapter, plan, ledger, [key for key, names in only.items() if names])
    )
    return replace(plan, sessions=sort_sessions(seen), only_datasets=only), ledger


def _plan_all(
    runner: AdapterRunner, query: SessionQuery, datasets: Sequence[Dataset] | None, redaction: Redaction
) -> ExportPlan:
    """Return the plan of all datasets that the platform supports, without sessions."""

    async def make_plan(adapter: Adapter) -> ExportPlan:
        select_datasets(adapter, datasets)
        supported = list_available_datasets(adapter)
        account, conn_id = account_name(adapter), adapter.account.conn_id
        return ExportPlan(adapter.platform, account, query, supported, (), redaction=redaction, conn_id=conn_id)

    return runner.run(make_plan)


def _datasets_to_compare(session: LedgerSession, names: frozenset[str]) -> frozenset[str]:
    """Return the datasets of a session to compare: those that are exported or absent, and all that are pending."""
    return frozenset(
        name
        for name, entry in session.entries.items()
        if entry.status is EntryStatus.PENDING
        or (entry.status in (EntryStatus.EXPORTED, EntryStatus.ABSENT) and name in names)
    )


async def _poll_ended_sessions(
    adapter: Adapter, plan: ExportPlan, ledger: Mapping[str, LedgerSession], keys: Collection[str]
) -> list[Session]:
    """Return the sessions of the ledger that have ended and match the export's filters.

    :raises SessionsError: a session cannot be requested; a note names it.
    """
    anywhere = plan.query.model_copy(update={"window": None})
    seen = await adapter.poll_sessions(dict.fromkeys(keys)) if keys else {}
    for key, one in seen.items():
        if not isinstance(one, Session | NotFoundError | ResponseError):
            one.add_note(f"while comparing session {key}")
            raise one
    return [
        session
        for key, session in seen.items()
        if isinstance(session, Session)
        and session.ended_at is not None
        and (plan.view in ledger[key].seen_by or anywhere.matches(session))
    ]


def _compare(
    runner: AdapterRunner, plan: ExportPlan, ledger: Mapping[str, LedgerSession]
) -> Iterator[tuple[str, list[Finding]]]:
    """Yield the findings of each session."""
    with open_artifacts(runner, plan) as fetched:
        for artifacts in fetched:
            key = artifacts.session.session_id
            yield key, [] if artifacts.deleted else _find_differences(artifacts, plan, ledger[key].entries)


def _find_differences(
    artifacts: SessionArtifacts, plan: ExportPlan, entries: Mapping[str, LedgerEntry]
) -> list[Finding]:
    key = artifacts.session.session_id
    _, seen = check_datasets(artifacts, plan.datasets_for(key), plan.redaction)
    findings = []
    for name, one in seen.items():
        entry = entries[name]
        if one.status is not EntryStatus.EXPORTED or (entry.status, entry.content) == (
            EntryStatus.EXPORTED,
            one.content,
        ):
            continue
        reason = _REASONS.get(entry.status, "has rows that differ from the platform")
        findings.append(Finding(key, name, entry.status, reason))
    return findings
