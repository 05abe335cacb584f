"""dbt builds the project in dbt/ over real exports; its marts are compared with what the sandbox says was held."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.sandbox import SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect, close_portal, connect, sandbox, sandbox_server
from tests.databases import Place, fields_of, file_of, postgres

__all__ = ["close_portal", "connect", "postgres", "sandbox", "sandbox_server"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guides" / "warehouses.md").read_text()
PYTHON = ROOT / ".venv-dbt" / "bin" / "python"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
PLATFORMS = ("prevail", "sessions_us", "vidinfra")

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="dbt has an environment of its own: make test-dbt makes it")


@pytest.fixture
def night(connect: Connect, sandbox_server: SandboxServer, mocker: Any) -> Iterator[Callable[..., None]]:
    """Export of all platforms: ``night(operator, days, **fields)`` runs it so many days after the first night."""
    now = mocker.patch.object(SystemClock, "now", return_value=DAY)
    sandbox_server.sandbox.sessions_us.set_rate_limit(1000, 1)
    for name in PLATFORMS:
        connect(
            f"{name}_here", **sandbox_server.sandbox.platform(name).connection() | {"extra": {"rate_limit": "1000/s"}}
        )

    def night(operator: type, days: int, **fields: Any) -> None:
        now.return_value = DAY + timedelta(days=3 + days)
        for name in PLATFORMS:
            task_instance = SimpleNamespace(dag_id="nightly", run_id=f"{name} {days}", task_id="export", map_index=-1)
            start = DAY + timedelta(days=days)
            interval = {"data_interval_start": start, "data_interval_end": start + timedelta(days=1)}
            operator(task_id="export", conn_id=f"{name}_here", **fields).execute({"ti": task_instance, **interval})

    return night


def hold_sessions(sandbox_server: SandboxServer) -> dict[str, list[str]]:
    """Hold three sessions on each platform; the ids by platform."""
    created: dict[str, list[str]] = {name: [] for name in PLATFORMS}
    for name, hour in product(PLATFORMS, (6, 8, 10)):
        times = {"started_at": DAY + timedelta(hours=hour), "ended_at": DAY + timedelta(hours=hour + 1)}
        created[name] += sandbox_server.sandbox.platform(name).create(f"Hour {hour}", attendees=6, **times)
    return created


def change_sessions(sandbox_server: SandboxServer, ids: Mapping[str, list[str]]) -> None:
    """Revise transcripts, one so that it gets shorter, and delete a session of each platform."""
    prevail, meetings, webinars = map(sandbox_server.sandbox.platform, PLATFORMS)
    prevail.revise(ids["prevail"][0], "transcript")
    [first] = [one for one in meetings.oracle() if one["id"] == ids["sessions_us"][0]]
    meetings.attach_transcript(ids["sessions_us"][0], first["content"]["transcript"][:3])
    for name, platform in zip(PLATFORMS, (prevail, meetings, webinars), strict=True):
        platform.delete(ids[name][2])


def find_hours(sandbox_server: SandboxServer) -> dict[str, float]:
    """The hours of each person: the platform's totals of all devices, but no more than the session lasted: an hour.

    People without an account are other people in each session.
    """
    hours: dict[str, float] = defaultdict(float)
    for session in sandbox_server.sandbox.vidinfra.oracle():
        for row in session["content"]["attendance"] if session["deleted_at"] is None else ():
            hours[row["user_id"] or row["id"]] += min(row["watch_duration"] / 3600, 1)
    return dict(hours)


def find_minutes(sandbox_server: SandboxServer) -> Counter[str]:
    """The minutes of each speaker: by name in a deposition, by account in all meetings."""
    minutes: Counter[str] = Counter()
    for session in sandbox_server.sandbox.prevail.oracle():
        for line in session["content"]["transcript"] if session["deleted_at"] is None else ():
            minutes[f"{session['id']} {line['speaker']}"] += (line["end"] - line["start"]) / 60
    for session in sandbox_server.sandbox.sessions_us.oracle():
        if session["deleted_at"] is not None:
            continue
        people = {one["id"]: (one["user"] or {}).get("id") for one in session["content"]["participants"]}
        lines = session["content"]["transcript"]
        starts = [datetime.fromisoformat(line["sourceTimestamp"]) for line in lines]
        ends = [*starts[1:], datetime.fromisoformat(session["ended_at"])]
        for line, start, end in zip(lines, starts, ends, strict=True):
            minutes[people[line["participantId"]] or line["participantId"]] += (end - start).total_seconds() / 60
    return minutes


class Dbt:
    """dbt with a folder of its own for what it makes."""

    def __init__(self, folder: Path, target: str, **environment: str) -> None:
        self._folder, self._target = folder, target
        self._environment = environment

    def run(self, command: str, **variables: Any) -> list[dict[str, Any]]:
        """Run a command that has to succeed; its results."""
        given = ["--project-dir", ROOT / "dbt", "--profiles-dir", ROOT / "dbt", "--target", self._target]
        done = subprocess.run(
            [PYTHON.parent / "dbt", "--quiet", command, *given, "--vars", json.dumps(variables)],
            env=os.environ
            | {"DBT_TARGET_PATH": str(self._folder), "DBT_LOG_PATH": str(self._folder)}
            | self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return list(json.loads((self._folder / "run_results.json").read_text())["results"])


def check_marts(place: Place, sandbox_server: SandboxServer) -> None:
    """Compare the marts with what was held."""
    rows = place.rows("select participant_key, attendance_hours, sessions from {schema}attendance_hours")
    found = {key.partition(":")[2]: hours for key, hours, _ in rows}
    assert found == pytest.approx(find_hours(sandbox_server), abs=1 / 3600)
    rows = place.rows("select person_id, speaker_key, speaker_name, talk_minutes from {schema}talk_time")
    spoken = {
        f"{person.split('|')[2]} {name}" if key.startswith("name:") else key.partition(":")[2]: minutes
        for person, key, name, minutes in rows
    }
    assert spoken == pytest.approx(find_minutes(sandbox_server), abs=1e-3)


def check_staging(place: Place, ids: Mapping[str, list[str]]) -> None:
    """Compare the staging models: each session once, a deleted one as it was known last, a short transcript short."""
    rows = place.rows("select session_id, deleted, title from {schema}stg_sessions")
    assert Counter(one for one, *_ in rows) == Counter(one for of_platform in ids.values() for one in of_platform)
    assert {one for one, deleted, _ in rows if deleted} == {of_platform[2] for of_platform in ids.values()}
    assert all(title for *_, title in rows)
    query = "select count(*) from {schema}stg_transcript_segments where session_id = :shortened"
    assert place.column(query, shortened=ids["sessions_us"][0]) == [3]


def test_duckdb_over_files(night, sandbox_server: SandboxServer, tmp_path: Path) -> None:
    ids = hold_sessions(sandbox_server)
    night(SessionsToObjectStorageOperator, 0, path=str(tmp_path / "out"), format="parquet")
    change_sessions(sandbox_server, ids)
    night(SessionsToObjectStorageOperator, 2, path=str(tmp_path / "out"), format="parquet")
    place = file_of("duckdb", tmp_path)
    dbt = Dbt(tmp_path / "target", "duckdb", SESSIONS_DUCKDB=place.url.removeprefix("duckdb:///"))

    [latest] = re.findall(r"read_parquet\(.*?\)", PAGE)
    latest = latest.replace("/data/exports", str(tmp_path / "out"))
    versions = latest.replace("/latest/", "/")

    results = dbt.run("build", sessions_files=versions)

    assert {one["status"] for one in results} == {"success", "pass"}
    check_staging(place, ids)
    check_marts(place, sandbox_server)

    dbt.run("run", sessions_files=latest)

    check_staging(place, ids)
    check_marts(place, sandbox_server)


def test_postgres_over_tables(
    night, connect: Connect, sandbox_server: SandboxServer, postgres: Place, tmp_path: Path
) -> None:
    ids = hold_sessions(sandbox_server)
    connect("warehouse", **fields_of(postgres))
    tables = {"sql_conn_id": "warehouse", "schema": postgres.schema}
    night(SessionsToSqlOperator, 0, **tables)
    change_sessions(sandbox_server, ids)
    night(SessionsToSqlOperator, 2, **tables)
    url = sa.make_url(postgres.url)
    server = {"PGHOST": url.host, "PGPORT": str(url.port), "PGUSER": url.username, "PGDATABASE": url.database}
    dbt = Dbt(tmp_path / "target", "postgres", SESSIONS_SCHEMA=str(postgres.schema), **server)

    results = dbt.run("build")

    assert {one["status"] for one in results} == {"success", "pass"}
    check_staging(postgres, ids)
    check_marts(postgres, sandbox_server)


def test_the_data_contract_keeps_to_its_standard() -> None:
    """By the schema that the standard publishes."""
    check = """
import json, sys, yaml, jsonschema, open_data_contract_standard as standard, pathlib
schema = json.loads((pathlib.Path(standard.__file__).parent / "schema.json").read_text())
jsonschema.validate(yaml.safe_load(pathlib.Path(sys.argv[1]).read_text()), schema)
"""
    contract = ROOT / "docs" / "reference" / "data-contract.odcs.yaml"
    done = subprocess.run([PYTHON, "-c", check, contract], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
