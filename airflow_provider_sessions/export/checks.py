"""Whether what was asked of a session is all there is to come, dataset by dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from msgspec.structs import replace

from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.ledger import CheckResult, EntryStatus, EntryUpdate, checksum_rows
from airflow_provider_sessions.export.redaction import Redaction
from airflow_provider_sessions.export.rows import Kind, RecordingRow, Row
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts, get_end
from airflow_provider_sessions.model import Artifact, ArtifactStatus, Session
from airflow_provider_sessions.platforms.adapter import Feature, recordings_status
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
Rows = Mapping[str, Sequence[Row]]
"""Rows of one session by dataset."""


def check_datasets(
    material: SessionArtifacts, datasets: Sequence[Dataset], redaction: Redaction
) -> tuple[Rows, dict[str, CheckResult]]:
    """The rows that a session would have, and what was seen of each dataset.

    A dataset whose rows cannot be written, or would not be true, has none: it waits, and says why.

    :raises ExportError: the session has no end.
    """
    rows: dict[str, Sequence[Row]] = {}
    unfit: dict[str, str] = {}
    for dataset in datasets:
        reason = material.unreadable.get(dataset.question)
        if reason is None:
            try:
                made = make_rows(material, [dataset], redaction)
                reason = _unwritable(dataset, made.get(dataset.name, ()))
            except ArithmeticError as unfitting:
                reason = f"no rows can be made of it: {unfitting}"
        if reason is None:
            rows |= made
            continue
        unfit[dataset.name] = reason
        log.warning("session %s: %s is pending: %s", material.session.session_id, dataset.name, reason)
    seen = check_rows(material, datasets, rows)
    return rows, seen | {
        name: CheckResult(EntryStatus.PENDING, content="", reason=reason) for name, reason in unfit.items()
    }


def make_rows(material: SessionArtifacts, datasets: Sequence[Dataset], redaction: Redaction) -> Rows:
    """The rows that a session would have, redacted, of version 1. Of a deleted one only the row that says so is left.

    :param redaction: what becomes of what is personal.
    """
    made = {
        dataset.name: dataset.make(material)
        for dataset in datasets
        if not material.deleted or dataset.question is Feature.SESSIONS
    }
    return redaction.rows(made)


def check_rows(material: SessionArtifacts, datasets: Sequence[Dataset], rows: Rows) -> dict[str, CheckResult]:
    """What was seen of each dataset of a session.

    :raises ExportError: the session has no end.
    """
    end = get_end(material.session)
    seen = {}
    for dataset in datasets:
        if dataset.question in material.unreadable:
            continue
        of_dataset = rows.get(dataset.name, ())
        status, reason = _status(dataset.question, material, of_dataset)
        content = checksum_rows(_values(dataset, of_dataset), end, status)
        seen[dataset.name] = CheckResult(status, content, reason=reason)
    return seen


def check_unfinished(
    session: Session, datasets: Sequence[Dataset], reason: str | None = None
) -> dict[str, CheckResult]:
    """What is seen of a session that should be over, or was, and is not.

    :param reason: why it waits for something else than its end.
    """
    if reason is not None:
        seen = CheckResult(EntryStatus.PENDING, content="", reason=reason)
    elif session.state.is_final:
        seen = CheckResult(
            EntryStatus.ABSENT, content="", reason=f"the session was not held: it is {session.state.value}"
        )
    else:
        seen = CheckResult(
            EntryStatus.PENDING, content="", reason=f"the session is not known to be over: {session.state.value}"
        )
    return {dataset.name: seen for dataset in datasets}


def select_rows_to_write(rows: Rows, decisions: Mapping[str, EntryUpdate]) -> Rows:
    """The rows that are to be written, with their versions."""
    return {
        name: [
            one if (version := decision.entry.version) == one.version else replace(one, version=version)
            for one in rows.get(name, ())
        ]
        for name, decision in decisions.items()
        if decision.write
    }


def _values(dataset: Dataset, rows: Sequence[Row]) -> list[Any]:
    """What the rows say, whatever their version is."""
    told = attrgetter(*(column.name for column in dataset.columns if column.name != "version"))
    return [told(row) for row in rows]


def _status(question: Feature, material: SessionArtifacts, rows: Sequence[Row]) -> tuple[EntryStatus, str | None]:
    if material.deleted:
        return EntryStatus.DELETED, None
    if question in material.absent:
        return EntryStatus.ABSENT, material.absent[question]
    status = _artifact(question, material, rows)
    if status is None or status.ready:
        return EntryStatus.EXPORTED, None
    if status.absent is not None:
        return EntryStatus.ABSENT, status.absent
    return EntryStatus.PENDING, status.detail or f"there is no {status.artifact.value} yet"


def _artifact(question: Feature, material: SessionArtifacts, rows: Sequence[Row]) -> ArtifactStatus | None:
    """The state of what a dataset is made of; None where it is there as soon as the session is over.

    :param rows: the dataset's, redacted: a reason quotes no more than they tell.
    """
    if question is Feature.ATTENDANCE:
        return material.attendance_status
    if question is Feature.TRANSCRIPTS:
        segments = sum(len(one.segments) for one in material.transcripts)
        return ArtifactStatus(artifact=Artifact.TRANSCRIPT, ready=segments > 0, count=segments)
    if question is Feature.TAKEAWAYS:
        return ArtifactStatus(
            artifact=Artifact.TAKEAWAYS,
            ready=material.takeaways is not None,
            detail="there are no takeaways yet",
        )
    if question is Feature.RECORDINGS:
        told = {row.recording_id: row.error for row in rows if isinstance(row, RecordingRow)}
        recordings = [
            one.model_copy(update={"error": told.get(one.recording_id)}) if one.error else one
            for one in material.recordings
        ]
        return recordings_status(recordings, material.session)
    return None


def _unwritable(dataset: Dataset, rows: Sequence[Row]) -> str | None:
    """Why rows can be written neither as Parquet nor into tables: a number has no place in 64 bits."""
    for column in dataset.columns:
        if column.kind not in _FITS or column.key or not rows:
            continue
        values = [value for value in map(attrgetter(column.name), rows) if value is not None]
        fits = _FITS[column.kind]
        try:
            is_fit = all(map(fits, values))
        except OverflowError:
            is_fit = False
        if not is_fit:
            return f"{column.name} holds a number that does not fit into 64 bits"
    return None


def _is_short(value: int) -> bool:
    return -_LARGEST <= value < _LARGEST


_LARGEST: Final = 2**63
_FITS: Final[Mapping[Kind, Callable[[Any], bool]]] = {Kind.INTEGER: _is_short, Kind.NUMBER: math.isfinite}
