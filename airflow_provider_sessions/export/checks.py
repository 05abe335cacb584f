"""Checks each dataset of a session: whether its artifact is available, and what its rows are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import replace

from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.ledger import CheckResult, EntryStatus, EntryUpdate, checksum_rows
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.rows import Column, Kind, RecordingRow, Row, get_columns
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, get_end
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session
from airflow_provider_sessions.platforms.adapter import Feature, recordings_status
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
Rows = Mapping[str, Sequence[Row]]
"""Rows of one session by dataset."""


def check_datasets(
    artifacts: SessionArtifacts, datasets: Sequence[Dataset], redaction: Redaction
) -> tuple[Rows, dict[str, CheckResult]]:
    """Make the rows of a session, and check each dataset.

    A dataset whose response is unreadable, or whose numbers cannot be stored, has no rows and is pending.

    :raises ExportError: the session has no end.
    """
    rows: dict[str, Sequence[Row]] = {}
    invalid: dict[str, str] = {}
    for dataset in datasets:
        reason = artifacts.unreadable.get(dataset.feature)
        if reason is None:
            try:
                made = make_rows(artifacts, [dataset], redaction)
                reason = _find_unstorable(dataset, made.get(dataset.name, ()))
            except ArithmeticError as error:
                reason = f"its rows cannot be computed: {error}"
        if reason is None:
            rows |= made
            continue
        invalid[dataset.name] = reason
        log.warning("Session %s: %s is pending: %s", artifacts.session.session_id, dataset.name, reason)
    seen = check_rows(artifacts, datasets, rows)
    return rows, seen | {name: _make_unreadable(reason) for name, reason in invalid.items()}


def make_rows(artifacts: SessionArtifacts, datasets: Sequence[Dataset], redaction: Redaction) -> Rows:
    """Make the redacted rows of a session, as version 1. Of a deleted session only the row in ``sessions`` is made."""
    made = {
        dataset.name: dataset.make(artifacts)
        for dataset in datasets
        if not artifacts.deleted or dataset.feature is Feature.SESSIONS
    }
    return redaction.rows(made)


def check_rows(artifacts: SessionArtifacts, datasets: Sequence[Dataset], rows: Rows) -> dict[str, CheckResult]:
    """Check each dataset of a session.

    :raises ExportError: the session has no end.
    """
    end = get_end(artifacts.session)
    seen = {}
    for dataset in datasets:
        if dataset.feature in artifacts.unreadable:
            continue
        of_dataset = rows.get(dataset.name, ())
        status, reason = _check_dataset(dataset.feature, artifacts, of_dataset)
        content = checksum_rows(list(map(_get_content_getter(dataset.row), of_dataset)), end, status)
        seen[dataset.name] = CheckResult(
            status, content, reason=reason, is_expected=_is_expected(dataset.feature, artifacts)
        )
    return seen


def check_unfinished(
    session: Session, datasets: Sequence[Dataset], reason: str | None = None
) -> dict[str, CheckResult]:
    """Return the results for a session that should have ended but has not, or that waits for another reason.

    :param reason: why it waits, if not for its end: what is known of it cannot be read.
    """
    if reason is not None:
        seen = _make_unreadable(reason)
    elif session.state.is_final:
        seen = CheckResult(
            EntryStatus.ABSENT,
            content="",
            reason=f"the session did not take place; its state is {session.state.value}",
            is_expected=False,
        )
    else:
        seen = CheckResult(
            EntryStatus.PENDING, content="", reason=f"the session has not ended; its state is {session.state.value}"
        )
    return {dataset.name: seen for dataset in datasets}


def _make_unreadable(reason: str) -> CheckResult:
    return CheckResult(EntryStatus.PENDING, content="", reason=reason, is_readable=False)


def select_rows_to_write(rows: Rows, updates: Mapping[str, EntryUpdate]) -> Rows:
    """Return the rows to write, with their versions."""
    return {
        name: [
            one if (version := update.entry.version) == one.version else replace(one, version=version)
            for one in rows.get(name, ())
        ]
        for name, update in updates.items()
        if update.write
    }


@cache
def _get_content_getter(row: type[Row]) -> Callable[[Row], tuple[Any, ...]]:
    """Return a function that returns a row's values without its version."""
    return attrgetter(*(column.name for column in get_columns(row) if column.name != "version"))


def _check_dataset(
    feature: Feature, artifacts: SessionArtifacts, rows: Sequence[Row]
) -> tuple[EntryStatus, str | None]:
    if artifacts.deleted:
        return EntryStatus.DELETED, None
    if feature in artifacts.absent:
        return EntryStatus.ABSENT, artifacts.absent[feature]
    status = _get_artifact_status(feature, artifacts, rows)
    if status is None or status.ready:
        return EntryStatus.EXPORTED, None
    if status.absent is not None:
        return EntryStatus.ABSENT, status.absent
    return EntryStatus.PENDING, status.detail or f"there is no {status.artifact.value} yet"


def _is_expected(feature: Feature, artifacts: SessionArtifacts) -> bool:
    is_switched_off = feature is Feature.RECORDINGS and artifacts.session.recording_enabled is False
    return feature not in artifacts.absent and not is_switched_off


def _get_artifact_status(feature: Feature, artifacts: SessionArtifacts, rows: Sequence[Row]) -> ArtifactStatus | None:
    """Return the status of a dataset's artifact; None if it is available as soon as the session has ended.

    :param rows: the redacted rows of the dataset; a reason quotes no more than they hold.
    """
    if feature is Feature.ATTENDANCE:
        return artifacts.attendance_status
    if feature is Feature.TRANSCRIPTS:
        segments = sum(len(one.segments) for one in artifacts.transcripts)
        return ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=segments > 0, count=segments)
    if feature is Feature.TAKEAWAYS:
        return ArtifactStatus(
            artifact=Artifact.TAKEAWAYS,
            ready=artifacts.takeaways is not None,
            detail="there are no takeaways yet",
        )
    if feature is Feature.RECORDINGS:
        errors = {row.recording_id: row.error for row in rows if isinstance(row, RecordingRow)}
        recordings = [
            one.model_copy(update={"error": errors.get(one.recording_id)}) if one.error else one
            for one in artifacts.recordings
        ]
        return recordings_status(recordings, artifacts.session)
    return None


def _find_unstorable(dataset: Dataset, rows: Sequence[Row]) -> str | None:
    """Return why rows fit neither Parquet nor tables: a number that exceeds 64 bits; None if all fit."""
    for column in _list_numbers(dataset.row):
        values = [value for row in rows if (value := getattr(row, column.name)) is not None]
        try:
            can_store = all(map(_FITS[column.kind], values))
        except OverflowError:
            can_store = False
        if not can_store:
            return f"{column.name} holds a number that does not fit into 64 bits"
    return None


@cache
def _list_numbers(row: type[Row]) -> list[Column]:
    """Return the columns of numbers that a platform gives."""
    return [column for column in get_columns(row) if column.kind in _FITS and not column.key]


def _fits_64_bits(value: int) -> bool:
    return -_LARGEST <= value < _LARGEST


_LARGEST: Final = 2**63
_FITS: Final[Mapping[Kind, Callable[[Any], bool]]] = {Kind.INTEGER: _fits_64_bits, Kind.NUMBER: math.isfinite}
