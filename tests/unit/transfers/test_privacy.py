"""What is personal leaves no trace where it is not kept, neither in what an export writes nor in what it says."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_sessions.errors import ConnectionConfigError, InputError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.rows import PersonalData
from airflow_provider_sessions.platforms.adapter import Support
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_state import PLATFORMS
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect, requests_of
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite, warehouse

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite", "warehouse"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
FORMATS = ("jsonl", "csv", "parquet")
KEY = "a key that nobody knows"
TITLE = "Marisol Ueda <marisol.ueda@brightwater.example>, reviewed"
OPT_IN = {"vidinfra": {"polls": 2, "chat_messages": 9}, "sessions_us": {"booked": True, "is_event": True}}
"""What the sessions have besides, for the datasets that are opt-in."""

Export = Callable[..., dict[str, Any]]


def datasets_for(platform: str) -> list[str]:
    """All datasets of a platform."""
    able = adapter_class(platform).capabilities
    return [name for name, one in DATASETS.items() if able[one.feature].support is not Support.NO]


@pytest.fixture
def export(tmp_path: Path, context: dict[str, Any], connect: Connect, sandbox_server: SandboxServer) -> Export:
    """Export the day from a platform: one session of many people, titled after somebody."""
    connect("pepper", conn_type="generic", password=KEY)
    sandbox_server.sandbox.sessions_us.set_rate_limit(1000, 1)
    for name in PLATFORMS:
        platform = sandbox_server.sandbox.platform(name)
        connect(f"{name}_here", **platform.connection() | {"extra": {"rate_limit": "1000/s"}})
        times = {"started_at": DAY + timedelta(hours=8), "ended_at": DAY + timedelta(hours=9)}
        platform.create(TITLE, **times, attendees=12, **OPT_IN.get(name, {}))

    def export(platform: str, folder: str = "out", **fields: Any) -> dict[str, Any]:
        given = {
            "conn_id": f"{platform}_here",
            "datasets": datasets_for(platform),
            "path": str(tmp_path / folder),
            "redact_conn_id": "pepper",
            **fields,
        }
        return SessionsToObjectStorageOperator(task_id="export", **given).execute(context)

    return export


def rows(folder: Path, dataset: str) -> list[dict[str, Any]]:
    """What any format holds of a dataset."""
    found = []
    for file in sorted(folder.glob(f"{dataset}/*/*")):
        source = f"read_csv('{file}', all_varchar = true)" if file.suffix == ".csv" else f"'{file}'"
        table = duckdb.sql(f"from {source}")
        found += [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()]
    return found


def personal(folder: Path) -> set[str]:
    """Every personal value of an export, and what the keys of people are made of."""
    return {
        str(row[column.name]).rpartition(":")[2] if column.person else str(row[column.name])
        for name, dataset in DATASETS.items()
        for row in rows(folder, name)
        for column in dataset.columns
        if column.personal and row[column.name]
    }


@pytest.mark.parametrize("mode", ["drop", "hash"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_personal_is_left_anywhere(
    export: Export, platform: str, mode: str, sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    export(platform, "plain")
    people = sandbox.platform(platform).population.people
    known = {person.name for person in people} | {person.email for person in people if person.email}
    personal_values = personal(tmp_path / "plain")
    assert TITLE in personal_values
    assert len(personal_values & known) > 4
    caplog.clear()
    caplog.set_level(logging.DEBUG, "airflow_provider_sessions")

    redact = dict.fromkeys(PersonalData, mode)
    results = [
        export(platform, format=form, redact=json.dumps(redact), title="marisol ueda", path=str(tmp_path / "out"))
        for form in FORMATS
    ]

    written = b"\n".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    names = "\n".join(str(path) for path in (tmp_path / "out").rglob("*"))
    tables = "\n".join(str(row) for name in DATASETS for row in rows(tmp_path / "out", name))
    said = "\n".join([written.decode("utf-8", "replace"), names, tables, json.dumps(results), caplog.text])
    assert [value for value in sorted(known | personal_values) if value in said and len(value) > 3] == []
    assert "marisol ueda" not in said
    assert KEY not in said
    assert [result["sessions"] for result in results] == [1] * 3
    assert json.loads(Path(results[0]["record"]).read_text())["redaction"] == redact


def test_nothing_personal_is_left_in_a_database(
    export: Export, sandbox: Sandbox, context: dict[str, Any], warehouse: Place, tmp_path: Path
) -> None:
    def load(**fields: Any) -> str:
        """All that the database holds after a load."""
        given = {"sql_conn_id": "warehouse", "schema": warehouse.schema, "redact_conn_id": "pepper", **fields}
        for name in PLATFORMS:
            datasets = datasets_for(name)
            SessionsToSqlOperator(task_id="load", conn_id=f"{name}_here", datasets=datasets, **given).execute(context)
        rows = [row for name in warehouse.tables() for row in warehouse.rows(f"select * from {{schema}}{name}")]
        return "\n".join(map(str, rows))

    people = {one for name in PLATFORMS for one in sandbox.platform(name).population.people}
    known = {person.name for person in people} | {person.email for person in people} | {TITLE}
    held = load()
    assert sum(one in held for one in known) > 10
    for redact in (dict.fromkeys(PersonalData, "hash"), dict.fromkeys(PersonalData, "drop")):
        held = load(redact=redact)
        assert [one for one in sorted(known) if one in held] == []
        joined = "select count(*) from {schema}attendance join {schema}participants using (session_id, participant_key)"
        assert warehouse.column(joined) == warehouse.column("select count(*) from {schema}attendance")
    assert KEY not in held


def test_people_join_across_platforms_by_the_hash_that_anybody_with_the_key_can_make(
    export: Export, sandbox: Sandbox, tmp_path: Path
) -> None:
    for platform in ("vidinfra", "sessions_us"):
        export(platform, platform, redact={"email": "hash", "name": "drop"})
    hashes = {
        platform: {row["email"] for row in rows(tmp_path / platform, "participants") if row["email"]}
        for platform in ("vidinfra", "sessions_us")
    }
    emails = {
        hmac.new(KEY.encode(), person.email.encode(), hashlib.sha256).hexdigest(): person.email
        for name in hashes
        for person in sandbox.platform(name).population.people
        if person.email
    }
    assert all(hashes.values())
    assert set.union(*hashes.values()) <= set(emails)
    keys = {row["participant_key"] for row in rows(tmp_path / "vidinfra", "attendance_summary")}
    assert keys == {row["participant_key"] for row in rows(tmp_path / "vidinfra", "attendance")}


def test_figures_are_those_of_an_export_that_keeps_everything(export: Export, tmp_path: Path) -> None:
    export("vidinfra", "plain")
    export("vidinfra", "hidden", redact=dict.fromkeys(PersonalData, "drop"), redact_conn_id=None)
    figures = ("attribution", "present_seconds", "connected_seconds", "rejoins", "is_guest")
    plain, hidden = (
        sorted(str([row[name] for name in figures]) for row in rows(tmp_path / folder, "attendance_summary"))
        for folder in ("plain", "hidden")
    )
    assert len(plain) > 5
    assert hidden == plain


def test_another_redaction_is_a_new_version_and_a_cleared_run_leaves_nothing_of_the_old(
    export: Export, context: dict[str, Any], sandbox: Sandbox, tmp_path: Path
) -> None:
    export("vidinfra")
    before = personal(tmp_path / "out")
    export("vidinfra", redact={"email": "drop", "name": "drop"})
    emails = {person.email for person in sandbox.vidinfra.population.people}
    assert before & emails
    assert not personal(tmp_path / "out") & emails
    assert {row["version"] for row in rows(tmp_path / "out", "participants")} == {2}


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"redact": {"phone": "drop"}}, InputError, "redact: 'phone' is unknown; expected one of email, name"),
        (
            {"redact": {"email": "mask"}},
            InputError,
            "redact: email: 'mask' is unknown; expected one of keep, hash, drop",
        ),
        ({"redact": {"email": "hash"}, "redact_conn_id": ""}, InputError, "set redact_conn_id"),
        ({"redact": {"email": "hash"}, "redact_conn_id": "empty"}, ConnectionConfigError, "has no password"),
        ({"redact": {"email": "hash"}, "redact_conn_id": "none"}, Exception, "none"),
    ],
)
def test_what_cannot_be_redacted_fails_before_any_request(
    export: Export, connect: Connect, sandbox: Sandbox, fields: Any, error: type[Exception], reason: str, tmp_path: Path
) -> None:
    connect("empty", conn_type="generic")
    with pytest.raises(error) as refused:
        export("vidinfra", **fields)
    assert reason in str(refused.value)
    assert requests_of(sandbox) == []
    assert not (tmp_path / "out").exists()
