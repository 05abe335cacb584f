"""Nightly exports that an older version began go on: what was late comes, and what did not change is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect
from tests.databases import Place, fields_of, postgres_schema
from tests.upgrade.world import DAY, FIRST, HOUR, PLATFORMS, STORED, Time, hold, run_of, stored

NIGHTS = (3, 4, 5, 8, 17)
CHANGED = {
    "prevail": {("sessions", "Old")},  # f11c62e lost its case when it checked it again
    "vidinfra": {("attendance", "Late")},  # the platform learns only then when people left
    "sessions_us": set[tuple[str, str]](),
}
"""What gets a new version after all, because it changed or had been written wrongly."""
COME = {
    "prevail": {(name, "Late") for name in ("sessions", "participants", "transcript_segments", "recordings")},
    "vidinfra": {("recordings", "Late")},
    "sessions_us": {("transcript_segments", "Late"), ("takeaways", "Late")},
}
"""What was pending."""
Rows = dict[str, list[dict[str, Any]]]


class Files:
    """A folder as the older version left it."""

    def __init__(self, platform: str, folder: Path) -> None:
        self._platform, self._folder = platform, folder

    def restore(self) -> None:
        for key, text in stored(f"files_of_{self._platform}").items():
            path = self._folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def export(self, night: int, **window: Any) -> dict[str, Any]:
        operator = SessionsToObjectStorageOperator(
            task_id="export", conn_id=f"{self._platform}_default", path=str(self._folder), **window
        )
        return operator.execute(run_of(night))

    def count_rechecks(self, session_id: str) -> int:
        """How often the ledger says that a session's participants were checked again."""
        states = self._folder.glob(f"_ledger/jsonl/*/sessions/*/{session_id}*/*.json")
        last = max(states, key=lambda path: path.name)
        return int(json.loads(last.read_text())["entries"]["participants"]["looks"])

    def rows(self) -> Rows:
        return {
            name: [
                json.loads(line)
                for path in sorted(self._folder.glob(f"{name}/dt=*/*.jsonl"))
                for line in path.read_text().splitlines()
            ]
            for name in DATASETS
        }


class Tables:
    """PostgreSQL's tables as the older version left them."""

    def __init__(self, platform: str, place: Place) -> None:
        self._platform, self._place = platform, place

    def restore(self) -> None:
        dump = (STORED / "tables.sql").read_text().replace("CREATE SCHEMA written;\n", "")
        with self._place.engine().begin() as connection:
            connection.connection.cursor().execute(dump.replace("written.", f"{self._place.schema}."))

    def export(self, night: int, **window: Any) -> dict[str, Any]:
        operator = SessionsToSqlOperator(
            task_id="export",
            conn_id=f"{self._platform}_default",
            sql_conn_id="warehouse",
            schema=self._place.schema,
            **window,
        )
        return operator.execute(run_of(night))

    def count_rechecks(self, session_id: str) -> int:
        """How often the ledger says that a session's participants were checked again."""
        query = "SELECT looks FROM {schema}sessions_export_ledger WHERE session_id = :id AND dataset = 'participants'"
        [(count,)] = self._place.rows(query, id=session_id)
        return int(count)

    def rows(self) -> Rows:
        there = self._place.tables()
        return {
            name: [
                {key: _plain(value) for key, value in row._mapping.items()}
                for row in self._place.rows(f"SELECT * FROM {{schema}}{name} WHERE platform = '{self._platform}'")
            ]
            for name in DATASETS
            if name in there
        }


def _plain(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def latest(rows: Rows) -> dict[tuple[str, str], list[str]]:
    """The rows of the newest version of each session, without their version, by dataset and session."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, of_dataset in rows.items():
        for row in of_dataset:
            found.setdefault((name, row["session_id"]), []).append(row)
    return {
        key: sorted(
            json.dumps(row | {"version": 0}, sort_keys=True)
            for row in versions
            if row["version"] == max(one["version"] for one in versions)
        )
        for key, versions in found.items()
    }


def versions(rows: Rows) -> set[tuple[str, str, int]]:
    """Which version of which session is there, by dataset."""
    return {(name, row["session_id"], row["version"]) for name, of_dataset in rows.items() for row in of_dataset}


@pytest.fixture(params=["files", "tables"])
def place(request: pytest.FixtureRequest, connect: Connect, tmp_path: Path) -> Iterator[Callable[..., Files | Tables]]:
    """A place to export into: ``place(platform, "name")``."""
    with ExitStack() as stack:

        def place(platform: str, name: str) -> Files | Tables:
            if request.param == "files":
                return Files(platform, tmp_path / name)
            schema = stack.enter_context(postgres_schema())
            connect("warehouse", **fields_of(schema))
            return Tables(platform, schema)

        yield place


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest, platforms: Sandbox, time: Time) -> str:
    """A platform that holds what it held when the older version exported it."""
    for night in (1, 2):
        time.at = FIRST + night * DAY + HOUR / 2
        hold(platforms, request.param, night)
    return str(request.param)


def test_nights_go_on_from_the_ledger(platform: str, time: Time, place: Callable[..., Files | Tables]) -> None:
    target = place(platform, "exports")
    target.restore()
    before = target.rows()
    ids = {row["title"]: row["session_id"] for row in before["sessions"]}
    rechecks = {title: target.count_rechecks(ids[title]) for title in ("Old", "Early")}
    assert rechecks == {"Old": 1, "Early": 0}

    time.at = FIRST + 3 * DAY + HOUR / 4
    target.export(98, start=FIRST, end=FIRST + 2 * DAY)  # another DAG's run, of all that was exported before
    for night in NIGHTS:
        time.at = FIRST + night * DAY + HOUR / 2
        result = target.export(night)

    assert result["pending"] == {}
    after, fresh = target.rows(), place(platform, "fresh")
    fresh.export(99, start=FIRST, end=FIRST + 3 * DAY)
    assert latest(after) == latest(fresh.rows())
    titles = {row["session_id"]: row["title"] for row in after["sessions"]}
    changed = {(name, titles[key]) for name, key, version in versions(after) - versions(before) if version > 1}
    assert changed == CHANGED[platform]
    assert {(name, titles[key]) for name, key in latest(after).keys() - latest(before).keys()} == COME[platform]
    assert {title: target.count_rechecks(ids[title]) for title in rechecks} == {"Old": 3, "Early": 3}
