"""Finding, and mending, what a target lacks although its ledger takes it for done or forgot it.

An export looks at a session until ``give_up_after`` has passed, and trusts its ledger afterwards. If a session was read
wrongly meanwhile (by an earlier version of this package, say), its rows stay wrong, or never come. :func:`verify`
compares the ledger with what the platform says now of every session in it; :func:`repair` writes what differs, as a run
of its own, by the same rules as every run: a changed session becomes the next version, others stay as they are.

Both ask one question for all sessions, and further ones only for datasets that are compared or still pending. A session
that the platform no longer knows is left as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from airflow_provider_sessions.export.checks import check_datasets
from airflow_provider_sessions.export.datasets import Dataset, account_name, list_available_datasets, select_datasets
from airflow_provider_sessions.export.ledger import EntryStatus, LedgerEntry, LedgerSession
from airflow_provider_sessions.export.plan import ExportPlan, sort_sessions
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.run import DEFAULT_CONCURRENCY, ExportResult, Platform, Target, fetch_artifacts
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import Session, SessionQuery
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
DEFAULT_COMPARED = ("sessions",)
"""Datasets that are compared if nobody says which: their rows cost no further requests."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A dataset of a session that is not in the target as it should be.

    :param status: what the ledger says: ``exported`` where rows differ from what the platform says now, ``pending``
        where they never came although they are there.
    :param reason: in a sentence.
    """

    session_id: str
    dataset: str
    status: EntryStatus
    reason: str


def read_ledger(platform: Platform, target: Target) -> dict[str, LedgerSession]:
    """Return what a target's ledger holds of the account, by session id.

    :param platform: the hook of the connection that was exported.
    :param target: what was written into.
    :raises ExportError: the ledger cannot be read.
    """
    return target.held(_plan_all(platform, SessionQuery(), None, Redaction()))


def verify(
    platform: Platform,
    target: Target,
    *,
    query: SessionQuery = SessionQuery(),  # noqa: B008 - frozen
    datasets: Sequence[Dataset] | None = None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> list[Finding]:
    """Find what a target lacks, or holds differently from what the platform says now. Nothing is written.

    :param platform: the hook of the connection that was exported.
    :param target: what was written into.
    :param query: the export's filters; its window counts nothing.
    :param datasets: whose rows are compared; ``sessions`` if not given. Of others only what is pending is looked at.
    :param redaction: the export's.
    :returns: in the order of the sessions' ends.
    :raises UnsupportedError: a dataset cannot be had from the platform.
    :raises ExportError: the ledger cannot be read.
    """
    work, held = _compared(platform, target, query, datasets, redaction)
    return [finding for _, findings in _compare(platform, work, held) for finding in findings]


def repair(
    platform: Platform,
    target: Target,
    *,
    query: SessionQuery = SessionQuery(),  # noqa: B008 - frozen
    datasets: Sequence[Dataset] | None = None,
    redaction: Redaction = Redaction(),  # noqa: B008 - frozen
) -> ExportResult:
    """Write what :func:`verify` finds, and nothing else.

    The target is that of a run of its own: give it a run id that no other run has. Parameters and errors are those of
    :func:`verify`.

    :raises ExportError: the target cannot be written.
    """
    work, held = _compared(platform, target, query, datasets, redaction)
    found = {key: findings for key, findings in _compare(platform, work, held) if findings}
    for finding in (one for findings in found.values() for one in findings):
        log.info("repairing %s of session %s: %s", finding.dataset, finding.session_id, finding.reason)
    wrong = replace(
        work,
        sessions=tuple(one for one in work.sessions if one.session_id in found),
        only_datasets={key: frozenset(one.dataset for one in findings) for key, findings in found.items()},
    )
    target.begin(wrong)
    with closing(platform.stream(lambda adapter: fetch_artifacts(adapter, wrong, DEFAULT_CONCURRENCY))) as known:
        return target.write(wrong, known)


def _compared(
    platform: Platform,
    target: Target,
    query: SessionQuery,
    datasets: Sequence[Dataset] | None,
    redaction: Redaction,
) -> tuple[ExportPlan, dict[str, LedgerSession]]:
    """What is to be compared: the sessions of the ledger that are over, as they are now."""
    compared = frozenset(DEFAULT_COMPARED) if datasets is None else frozenset(one.name for one in datasets)

    work = _plan_all(platform, query, datasets, redaction)
    held = target.held(work)
    noted = {name for one in held.values() for name in one.entries}
    work = replace(work, datasets=tuple(one for one in work.datasets if not one.opt_in or one.name in noted))
    only = {key: _to_compare(one, compared) for key, one in held.items()}
    seen = platform.run(
        lambda adapter: _as_they_are(adapter, work, held, [key for key, names in only.items() if names])
    )
    return replace(work, sessions=sort_sessions(seen), only_datasets=only), held


def _plan_all(
    platform: Platform, query: SessionQuery, datasets: Sequence[Dataset] | None, redaction: Redaction
) -> ExportPlan:
    """Return the plan of all datasets that the platform supports, without sessions."""

    async def make_plan(adapter: Adapter) -> ExportPlan:
        select_datasets(adapter, datasets)
        supported = list_available_datasets(adapter)
        account, conn_id = account_name(adapter), adapter.account.conn_id
        return ExportPlan(adapter.platform, account, query, supported, (), redaction=redaction, conn_id=conn_id)

    return platform.run(make_plan)


def _to_compare(held: LedgerSession, compared: frozenset[str]) -> frozenset[str]:
    """The datasets of a session that are compared: what is exported, and what is pending in any case."""
    return frozenset(
        name
        for name, entry in held.entries.items()
        if entry.status is EntryStatus.PENDING or (entry.status is EntryStatus.EXPORTED and name in compared)
    )


async def _as_they_are(
    adapter: Adapter, work: ExportPlan, held: Mapping[str, LedgerSession], keys: Collection[str]
) -> list[Session]:
    """Sessions of the ledger that are over, and that the export's filters do not leave out."""
    anywhere = work.query.model_copy(update={"window": None})
    seen = await adapter.poll_sessions(dict.fromkeys(keys)) if keys else {}
    return [
        session
        for key, session in seen.items()
        if isinstance(session, Session)
        and session.ended_at is not None
        and (work.view in held[key].seen_by or anywhere.matches(session))
    ]


def _compare(
    platform: Platform, work: ExportPlan, held: Mapping[str, LedgerSession]
) -> Iterator[tuple[str, list[Finding]]]:
    """Findings by session."""
    with closing(platform.stream(lambda adapter: fetch_artifacts(adapter, work, DEFAULT_CONCURRENCY))) as known:
        for material in known:
            key = material.session.session_id
            yield key, [] if material.deleted else _findings(material, work, held[key].entries)


def _findings(material: SessionArtifacts, work: ExportPlan, entries: Mapping[str, LedgerEntry]) -> list[Finding]:
    key = material.session.session_id
    _, seen = check_datasets(material, work.datasets_for(key), work.redaction)
    findings = []
    for name, one in seen.items():
        entry = entries[name]
        if one.status is not EntryStatus.EXPORTED or (entry.status, entry.content) == (
            EntryStatus.EXPORTED,
            one.content,
        ):
            continue
        is_late = entry.status is EntryStatus.PENDING
        reason = "it is there, but was never written" if is_late else "its rows differ from what the platform says"
        findings.append(Finding(key, name, entry.status, reason))
    return findings
