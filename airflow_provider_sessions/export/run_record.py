"""The record of a run: what it wrote, so that its rerun can replace that, and no more.

It is written before the first file, naming every file that may come to exist, and again as the last thing. So after a
crash at any moment the next try of the same run knows what to remove.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.rows import SCHEMA_VERSION
from airflow_provider_sessions.export.store import Store


class WrittenFile(BaseModel):
    """One file of a run.

    ``day`` is the UTC day its sessions ended, ``key`` where it lies below the export's path.
    """

    model_config = ConfigDict(frozen=True)

    dataset: str
    day: date
    key: str
    rows: int
    bytes: int
    sha256: str


class RunRecord(BaseModel):
    """What a run was asked for, and what it wrote. It holds no time of writing: a rerun's is the same.

    ``sessions`` counts those with rows in the run's files. ``pending`` and ``absent`` tell for each session which
    datasets are not there, and why. ``unchanged`` counts the sessions that other runs had written as they are.
    ``owned`` are the sessions that a rerun looks at again, whatever its window says. ``redaction`` tells what became of
    what is personal; ``query`` leaves out filters that are so themselves.
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
    unchanged: int = 0
    owned: tuple[str, ...] = ()
    files: tuple[WrittenFile, ...] = ()
    may_exist: tuple[str, ...] = ()

    @property
    def keys(self) -> set[str]:
        """Every file that may be there because of this run."""
        return {file.key for file in self.files} | set(self.may_exist)


def read_record(store: Store, run: RunId) -> RunRecord | None:
    """What an earlier try of this run recorded; None where there was none.

    :raises ExportError: it cannot be read.
    """
    data = store.read(run.record_key)
    if data is None:
        return None
    try:
        return RunRecord.model_validate_json(data)
    except ValidationError as unreadable:
        raise ExportError(
            f"{store.location(run.record_key)} is no record of a run ({unreadable.error_count()} errors); "
            "files of an earlier try may be left over: look at them, then remove the record"
        ) from None


def write_record(store: Store, run: RunId, record: RunRecord) -> None:
    """Put the record in its place."""
    with store.write(run.record_key) as file:
        file.write(_bytes_of(record))


def create_record(store: Store, run: RunId, record: RunRecord) -> bool:
    """Put the first record of a run in its place, unless there is one; whether there was none."""
    return store.create(run.record_key, _bytes_of(record))


def _bytes_of(record: RunRecord) -> bytes:
    return record.model_dump_json(indent=2).encode() + b"\n"


def remove_stale_files(store: Store, run: RunId, keys: set[str]) -> None:
    """Remove files of an earlier try. What does not bear the run's own name is never touched."""
    for key in sorted(keys):
        if key.rpartition("/")[2].startswith(f"{run.stem}."):
            store.delete(key)
