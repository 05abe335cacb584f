"""What exports are written into, as a reader finds it afterwards, without the tested code."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.export.datasets import DATASETS
from tests.databases import Place, fields_of
from tests.storage.folders import Folder

Rows = dict[str, list[dict[str, Any]]]
"""Rows by dataset."""


class Target(ABC):
    """A place that exports are written into."""

    operator: str
    """The operator that writes into it, as ``module:name``."""

    @property
    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The arguments of the operator that name the place."""

    @property
    def environment(self) -> dict[str, str]:
        """What its process needs to find the place."""
        return {}

    @abstractmethod
    def rows(self) -> Rows:
        """All rows there are now."""

    def latest_rows(self) -> Rows:
        """The rows that a plain reader is to read."""
        return self.rows()

    @abstractmethod
    def check(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """What must hold at the end of all, besides the rows.

        :param results: by run id: what the last try of each run returned.
        """


class Files(Target):
    """Files, whatever they lie in."""

    operator = "airflow_provider_sessions.transfers.sessions_to_object_storage:SessionsToObjectStorageOperator"

    @abstractmethod
    def everything(self) -> dict[str, bytes]:
        """All files by key."""

    def rows(self) -> Rows:
        """The rows of all files of runs, each by its dataset."""
        return self._read_files(lambda key: None if key.startswith(("_", "latest/")) else key)

    def latest_rows(self) -> Rows:
        """The rows of the latest files. Each session has one version of each dataset."""
        found = self._read_files(lambda key: key.removeprefix("latest/") if key.startswith("latest/") else None)
        found.pop("_state", None)
        for name, rows in found.items():
            versions = {(row["session_id"], row["version"]) for row in rows}
            assert len(versions) == len({session_id for session_id, _ in versions}), f"{name}: several versions"
        return found

    def _read_files(self, get_key: Callable[[str], str | None]) -> Rows:
        found: Rows = defaultdict(list)
        for key, data in self.everything().items():
            if (of_dataset := get_key(key)) is not None:
                found[of_dataset.partition("/")[0]] += [json.loads(line) for line in data.splitlines()]
        return found

    def check(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """Records agree with the files and with the results, every file is in one, and nothing is left open."""
        files = self.everything()
        records = {key: json.loads(data) for key, data in files.items() if key.startswith("_runs/")}
        assert {record["status"] for record in records.values()} <= {"complete"}
        listed = [file for record in records.values() for file in record["files"]]
        held = {key: data for key, data in files.items() if not key.startswith(("_", "latest/"))}
        assert Counter(file["key"] for file in listed) == Counter(held.keys())
        for file in listed:
            data = held[file["key"]]
            assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
            assert file["rows"] == len(data.splitlines())
        by_run = {record["run_id"]: record for record in records.values()}
        for run_id, result in results.items():
            for name, sums in result["datasets"].items():
                own = [file for file in by_run[run_id]["files"] if file["dataset"] == name]
                counted = {
                    "files": len(own),
                    "rows": sum(f["rows"] for f in own),
                    "bytes": sum(f["bytes"] for f in own),
                }
                assert {word: sums[word] for word in counted} == counted
        self._check_ledger(files)

    def _check_ledger(self, files: Mapping[str, bytes]) -> None:
        """Nobody holds a lease, nothing is claimed, and the versions it knows are those that are there."""
        parts = [key.split("/") for key in files if key.startswith("_ledger/")]
        assert not [part for part in parts if part[3] in ("open", "expected")]
        assert {part[5] for part in parts if part[3:5] == ["latest", "changed"]} <= {"complete.json"}
        newest = {}
        for key in sorted("/".join(part) for part in parts if part[3] == "sessions"):
            newest[key.rpartition("/")[0]] = json.loads(files[key])
        there: dict[tuple[str, str], set[int]] = defaultdict(set)
        for name, rows in self.rows().items():
            for row in rows:
                there[row["session_id"], name].add(row["version"])
        for state in newest.values():
            for name, entry in state["entries"].items():
                assert entry["status"] != "writing"
                versions = there.pop((state["session"]["session_id"], name), set())
                assert max(versions, default=0) <= entry["version"]
                if entry.get("file"):
                    assert entry["version"] in versions
        assert there == {}, "rows that the ledger does not know"


class Stored(Files):
    """Files in a store.

    :param folder: where it is.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @property
    def arguments(self) -> dict[str, Any]:
        """The folder, and the connection to use."""
        return {"path": self._folder.path, "object_storage_conn_id": self._folder.conn_id}

    @property
    def environment(self) -> dict[str, str]:
        """The connection."""
        return dict(self._folder.environment)

    def everything(self) -> dict[str, bytes]:
        """All files."""
        return self._folder.everything()


class Tables(Target):
    """A schema of a database.

    :param place: where it is.
    """

    operator = "airflow_provider_sessions.transfers.sessions_to_sql:SessionsToSqlOperator"

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    def arguments(self) -> dict[str, Any]:
        """The schema."""
        return {"sql_conn_id": "warehouse", "schema": self._place.schema}

    @property
    def environment(self) -> dict[str, str]:
        """The connection."""
        return {"AIRFLOW_CONN_WAREHOUSE": json.dumps(fields_of(self._place))}

    def rows(self) -> Rows:
        """The rows of all tables that are there. A session's rows are all of its newest version."""
        there = self._place.tables()
        return {name: self._all_of(name) for name in DATASETS if name in there}

    def _all_of(self, table: str) -> list[dict[str, Any]]:
        found = self._place.rows(f"SELECT * FROM {{schema}}{table}")
        return [{name: _in_utc(value) for name, value in row._mapping.items()} for row in found]

    def check(self, results: Mapping[str, Mapping[str, Any]]) -> None:
        """The ledger knows the versions that are there, and nothing is claimed."""
        ledger = self._all_of("sessions_export_ledger")
        assert {entry["status"] for entry in ledger} <= {"exported", "absent", "deleted", "pending"}
        known = {(entry["session_id"], entry["dataset"]): entry for entry in ledger}
        for name, rows in self.rows().items():
            for row in rows:
                entry = known[row["session_id"], name]
                assert row["version"] == entry["version"] or entry["status"] == "deleted"


def _in_utc(value: Any) -> Any:
    """A value; an instant of MariaDB, which knows no zones, as one of UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def nothing_twice(rows: Rows) -> None:
    """No primary key is there twice in one version."""
    for name, of_dataset in rows.items():
        keys = ["version", *(column.name for column in DATASETS[name].columns if column.key)]
        counts = Counter(tuple(row[key] for key in keys) for row in of_dataset)
        assert {key: count for key, count in counts.items() if count > 1} == {}, f"{name}: rows that are there twice"


def nothing_for_nothing(rows: Rows, stay: set[str]) -> None:
    """Sessions that never change are written once.

    :param stay: their ids.
    """
    for name, of_dataset in rows.items():
        again = {row["session_id"] for row in of_dataset if row["version"] > 1} & stay
        assert not again, f"{name}: written again, though nothing changed"


def newest(rows: Rows) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By dataset and session, the rows of the highest version, as the documentation says how to read them."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name, of_dataset in rows.items():
        top: dict[str, int] = {}
        for row in of_dataset:
            top[row["session_id"]] = max(top.get(row["session_id"], 0), row["version"])
        found[name] = {key: [] for key in top}
        for row in of_dataset:
            if row["version"] == top[row["session_id"]]:
                found[name][row["session_id"]].append(row)
    return found
