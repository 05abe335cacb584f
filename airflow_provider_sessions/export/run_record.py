"""The record of a run: which files it wrote, so that a rerun replaces exactly these.

It is written before the first file, with all files that the run may write, and again at the end. So after a crash at
any moment the next try of the run knows what to delete.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId, make_record_key
from airflow_provider_sessions.export.rows import SCHEMA_VERSION
from airflow_provider_sessions.export.store import Store


class WrittenFile(BaseModel):
    """One file of a run.

    :param day: the day on which its sessions ended, in the export's ``day_zone``.
    :param key: its key in the store.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    day: date
    key: str
    rows: int
    bytes: int
    sha256: str


class WrittenOriginal(BaseModel):
    """A transcript as the platform gave it; see :mod:`~airflow_provider_sessions.export.original_transcripts`.

    :param version: of the session's rows in ``transcript_segments``.
    :param key: its key in the store.
    """

    model_config = ConfigDict(frozen=True)

    session_id: str
    version: int
    key: str
    bytes: int
    sha256: str
    media_type: str | None


class RunRecord(BaseModel):
    """What a run exported. It contains no time of writing, so that the record of a rerun is the same.

    :param query: the query, without filters that are personal and not kept.
    :param redaction: what happens to personal data.
    :param sessions: number of sessions with rows in the run's files.
    :param pending: by session and dataset, why it is not available yet; ``absent``: why it never will be.
    :param newly_absent: the part of ``absent`` that is expected and that this run recorded.
    :param pending_since: by id of each pending session, the time from which ``give_up_after`` counts.
    :param unchanged: number of sessions that other runs had exported and that did not change.
    :param owned: ids of sessions that a rerun exports again, whatever its window.
    :param keep_original: whether transcripts were also written as the platform gave them.
    :param may_exist: while ``running``, keys of all files that the run may have written.
    :param former: while ``running``, other accounts and formats that such files may be of.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = SCHEMA_VERSION
    status: Literal["running", "complete"]
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    loop_index: int = -1
    platform: str
    account: str
    query: dict[str, Any]
    redaction: dict[str, str] = {}
    format: str
    datasets: tuple[str, ...]
    sessions: int = 0
    deleted_sessions: tuple[str, ...] = ()
    pending: dict[str, dict[str, str]] = {}
    absent: dict[str, dict[str, str]] = {}
    newly_absent: dict[str, dict[str, str]] = {}
    pending_since: dict[str, datetime] = {}
    unchanged: int = 0
    owned: tuple[str, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    keep_original: bool = False
    originals: tuple[WrittenOriginal, ...] = ()
    may_exist: tuple[str, ...] = ()
    former: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> set[str]:
        """Keys of all files that may exist because of this run."""
        written = {file.key for file in self.files} | {original.key for original in self.originals}
        return written | set(self.may_exist)


def read_record(store: Store, run: RunId) -> RunRecord | None:
    """Return the record of a run, or None if there is none.

    :raises ExportError: it is invalid.
    """
    data = store.read(run.record_key)
    if data is None:
        return None
    try:
        return RunRecord.model_validate_json(data)
    except ValidationError as unreadable:
        raise ExportError(
            f"{store.location(run.record_key)} is no record of a run ({unreadable.error_count()} errors); files of an "
            "earlier try may be left: check them, then delete the record"
        ) from None


class RecordSummary(BaseModel):
    """The fields of a :class:`RunRecord` that say which files the run has."""

    account: str
    format: str
    files: tuple[WrittenFile, ...] = ()
    former: tuple[tuple[str, str], ...] = ()


def read_summary(store: Store, stem: str) -> RecordSummary | None:
    """Return what the record of any run says of its files; None if there is no valid one.

    :param stem: the run's.
    """
    data = store.read(make_record_key(stem))
    try:
        return None if data is None else RecordSummary.model_validate_json(data)
    except ValidationError:
        return None


def write_record(store: Store, run: RunId, record: RunRecord) -> None:
    """Write or replace the record of a run."""
    with store.write(run.record_key) as file:
        file.write(_bytes_of(record))


def create_record(store: Store, run: RunId, record: RunRecord) -> bool:
    """Create the record of a run; return False if there is one."""
    return store.create(run.record_key, _bytes_of(record))


def _bytes_of(record: RunRecord) -> bytes:
    return record.model_dump_json(indent=2).encode() + b"\n"


def remove_stale_files(store: Store, run: RunId, keys: set[str]) -> None:
    """Delete files of an earlier try. Files that are not named after the run are never touched."""
    for key in sorted(keys):
        if key.rpartition("/")[2].startswith(f"{run.stem}.") or f"/{run.stem}/" in key:
            store.delete(key)
