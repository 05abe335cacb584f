"""The transfer into databases against the sandbox over HTTP."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.providers.sqlite.hooks.sqlite import SqliteHook

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.errors import AuthenticationError, ExportError, InputError, UnsupportedError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.sql.tables import CATALOGUE, LEDGER
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import requests_of
from tests.databases import (
    Place,
    database,
    duckdb_file,
    fields_of,
    mariadb,
    mariadb_pymysql,
    postgres,
    sqlite,
    warehouse,
)

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite", "warehouse"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ALL_OF_VIDINFRA = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]


@pytest.fixture
def load(warehouse: Place, context: dict[str, Any], vidinfra: Any) -> Callable[..., dict[str, Any]]:
    def load(**fields: Any) -> dict[str, Any]:
        given = {
            "conn_id": "vidinfra_default",
            "sql_conn_id": "warehouse",
            "schema": warehouse.schema,
            **fields,
        }
        return SessionsToSqlOperator(task_id="load", **given).execute(context)

    return load


@pytest.fixture
def two_days(vidinfra: Any) -> list[str]:
    """Two sessions that ended on 2 March, one that did late on the day before."""
    return [
        *vidinfra.create("Morning", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9)),
        *vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12)),
        *vidinfra.create("Night", started_at=DAY - timedelta(hours=1), ended_at=DAY - timedelta(minutes=30)),
    ]


def dump(place: Place) -> dict[str, list[str]]:
    """All that there is, by table, but catalogues, which hold when the list was read last."""
    names = place.tables() - {CATALOGUE}
    return {name: sorted(map(repr, place.rows(f"select * from {{schema}}{name}"))) for name in names}


def test_it_loads_all_the_platform_gives_of_the_data_interval(load, two_days, warehouse: Place, caplog) -> None:
    result = load()
    assert result["platform"] == "vidinfra"
    assert result["window"] == {"start": "2026-03-02T00:00:00+00:00", "end": "2026-03-03T00:00:00+00:00"}
    assert list(result["datasets"]) == ALL_OF_VIDINFRA
    assert (result["sessions"], result["unchanged"], result["pending"], result["deleted"]) == (2, 0, {}, 0)
    prefix = f"{warehouse.schema}." if warehouse.schema else ""
    assert result["ledger"] == prefix + LEDGER
    for name in ALL_OF_VIDINFRA:
        count = len(warehouse.rows(f"select * from {{schema}}{name}"))
        assert result["datasets"][name] == {"rows": count, "table": prefix + name}
        assert count > 0
        assert f"{name}: {count} row" in caplog.text
    assert warehouse.column("select session_id from {schema}sessions order by ended_at") == two_days[:2]
    assert json.dumps(result)


def test_a_run_that_finds_all_unchanged_says_so_and_logs_no_zeros(
    load, two_days, context, caplog: pytest.LogCaptureFixture
) -> None:
    load()
    context["ti"].run_id = "manual__2026-03-03"
    caplog.clear()
    caplog.set_level("INFO")
    load()
    assert "2 sessions unchanged since an earlier run exported them" in caplog.messages
    assert not [message for message in caplog.messages if "0 rows" in message or "no new rows" in message]


def test_hours_attended_are_one_query_away(load, two_days, warehouse: Place) -> None:
    load()
    hours = warehouse.rows(
        "select p.participant_key, sum(p.present_seconds) / 3600.0 as hours from {schema}attendance_summary p "
        "join {schema}sessions s on (s.platform, s.account, s.session_id) = (p.platform, p.account, p.session_id) "
        "where not s.deleted group by p.participant_key order by hours desc"
    )
    assert len(hours) > 5
    assert all(0 <= one.hours <= 2 for one in hours)


def test_a_cleared_run_and_one_that_overlaps_write_nothing_twice(load, two_days, context, warehouse: Place) -> None:
    load()
    first = dump(warehouse)
    load()
    assert dump(warehouse) == first
    context["ti"].run_id = "manual__another"
    result = load(start=DAY - timedelta(days=1), end=DAY + timedelta(days=1))
    assert (result["sessions"], result["unchanged"]) == (1, 2)
    assert [row for row in dump(warehouse)["sessions"] if row in first["sessions"]] == first["sessions"]
    assert len(dump(warehouse)["sessions"]) == 3


def test_a_late_recording_is_brought_by_a_later_run(load, vidinfra: Any, context, warehouse: Place, mocker) -> None:
    soon = datetime.now(UTC) - timedelta(hours=3)
    vidinfra.shared.clock.move_to(soon + timedelta(hours=2))
    [late] = vidinfra.create("Late", started_at=soon, ended_at=soon + timedelta(hours=1))
    vidinfra.script(late, artifacts_after={"attendance": 30, "recording": 86400})
    result = load(start=soon - timedelta(days=1), end=soon + timedelta(days=1))
    assert (result["sessions"], result["pending"]) == (1, {"recordings": 1})

    mocker.patch.object(SystemClock, "now", return_value=datetime.now(UTC) + timedelta(days=2))
    vidinfra.shared.clock.advance(2 * 86400)
    context["ti"].run_id = "scheduled__later"
    result = load(start=soon + timedelta(days=1), end=soon + timedelta(days=2))
    assert (result["datasets"]["recordings"]["rows"], result["pending"]) == (1, {})
    assert warehouse.column("select session_id from {schema}recordings") == [late]
    assert warehouse.column("select count(*) from {schema}sessions") == [1]


def test_a_key_that_is_revoked_midway_leaves_whole_sessions_and_a_retry_completes(
    load, two_days, vidinfra: Any, sandbox: Sandbox, warehouse: Place
) -> None:
    sandbox.faults.add("status", status=401, times=None, skip=1, route="list_session_recordings")
    with pytest.raises(AuthenticationError) as failure:
        load()
    assert any("while exporting session" in note for note in failure.value.__notes__)
    attended = set(warehouse.column("select session_id from {schema}attendance"))
    assert attended == set(warehouse.column("select session_id from {schema}sessions"))
    assert attended == set(warehouse.column(f"select session_id from {{schema}}{LEDGER}"))
    assert len(attended) < 2
    sandbox.faults.clear()
    assert load()["sessions"] == 2


def test_what_is_redacted_is_never_there(load, two_days, connect, warehouse: Place) -> None:
    connect("redaction_key", conn_type="generic", password="a key of many letters")
    load(redact={"email": "hash", "name": "drop", "title": "drop"}, redact_conn_id="redaction_key")
    emails = warehouse.column("select email from {schema}participants where email is not null")
    assert emails
    assert not any("@" in email for email in emails)
    assert set(warehouse.column("select name from {schema}attendance")) == {None}
    joined = "select 1 from {schema}participants p join {schema}attendance a on a.participant_key = p.participant_key"
    assert warehouse.rows(joined)


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"sql_conn_id": ""}, InputError, "sql_conn_id"),
        ({"sql_conn_id": "vidinfra_default"}, InputError, r"type 'vidinfra', which has no DbApiHook"),
        ({"sql_conn_id": "plain"}, InputError, r"type 'generic', which has no DbApiHook"),
        ({"sql_conn_id": "vanishing"}, InputError, r"type 'sqlite' and has no file: the tables would be lost"),
        ({"sql_conn_id": "memory"}, InputError, r"type 'sqlite' and has no file: the tables would be lost"),
        ({"sql_conn_id": "strange"}, InputError, r"type 'strange_base', for which a package is missing"),
        ({"sql_conn_id": "erased"}, AirflowNotFoundException, "erased"),
        ({"table_prefix": "a;b"}, InputError, "table_prefix"),
        ({"table_prefix": ["a"]}, InputError, r"table_prefix: \['a'\] is not a text"),
        ({"schema": ["a"]}, InputError, r"schema: \['a'\] is not a text"),
        ({"room_id": True}, InputError, "room_id: True is not a text"),
        ({"case": [1.5]}, InputError, r"case: \[1\.5\] is not a text"),
        ({"title": {}}, InputError, "title: {} is not a text"),
        ({"datasets": ["session"]}, InputError, "'session' is unknown"),
        ({"datasets": 5}, InputError, "datasets: 5 must be a list of names; choose from sessions, "),
        ({"datasets": [5]}, InputError, "datasets: 5 is unknown"),
        ({"datasets": ["transcript_segments"]}, UnsupportedError, "download the recording"),
        ({"start": "2026-03-02", "end": "2026-03-03"}, InputError, "no time zone"),
    ],
)
def test_bad_input_is_refused_before_any_request(
    load, connect, sandbox: Sandbox, warehouse: Place, fields: dict[str, Any], error: type[Exception], reason: str
) -> None:
    connect("strange", conn_type="strange_base", host="somewhere")
    connect("plain", conn_type="generic", host="somewhere")
    connect("vanishing", conn_type="sqlite")
    connect("memory", conn_type="sqlite", host=":memory:")
    with pytest.raises(error, match=reason):
        load(**fields)
    assert requests_of(sandbox) == []
    assert warehouse.tables() == set()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"conn_type": "mssql", "host": "here"}, "the database is mssql, which is not supported: its VARCHAR columns"),
        (
            {"conn_type": "oracle", "host": "here"},
            "the database is oracle, .*: its DATE columns do not store microseconds",
        ),
        ({"conn_type": "clickhousedb", "host": "here"}, "the database is clickhouse, .*: its tables need an engine"),
        (
            {"conn_type": "snowflake", "host": "here"},
            "the database is snowflake, .*: its primary keys",
        ),
        ({"conn_type": "gcpbigquery"}, "the database is bigquery, .*: its primary keys are not enforced"),
        ({"conn_type": "redshift", "host": "here"}, "the database is redshift, .*: its primary keys"),
        ({"conn_type": "duckdb"}, "type 'duckdb' and has no file: the tables would be lost"),
        (
            {"conn_type": "duckdb", "password": "a-token"},
            "the database is motherduck, .*: exports were never",
        ),
        (
            {"conn_type": "duckdb", "host": "/tmp/a.duckdb", "extra": {"read_only": True}},
            "read_only in its extra, but an export writes",
        ),
    ],
    ids=lambda value: value["conn_type"] if isinstance(value, dict) else "",
)
def test_other_databases_are_refused_by_name_before_any_request(
    connect, context, vidinfra, sandbox: Sandbox, fields: dict[str, Any], reason: str
) -> None:
    connect("warehouse", **fields)
    load = SessionsToSqlOperator(task_id="load", conn_id="vidinfra_default", sql_conn_id="warehouse")
    with pytest.raises(InputError, match=reason) as caught:
        load.execute(context)
    assert requests_of(sandbox) == []
    assert "a-token" not in str(caught.value)


@pytest.fixture
def sqlserver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that leads to SQL Server, through a driver that would not get far."""
    driver = SimpleNamespace(paramstyle="pyformat", version="2.3", Error=Exception, __version__="2.3.0")
    engine = sa.create_engine("mssql+pymssql://ada:hunter2@127.0.0.1/x", module=driver)
    monkeypatch.setattr(SqliteHook, "get_sqlalchemy_engine", lambda self, options=None: engine)


def test_the_dialect_counts_not_the_type_of_the_connection(
    connect, context, vidinfra, sandbox: Sandbox, sqlserver: None
) -> None:
    connect("warehouse", conn_type="sqlite", host="/tmp/any.db")
    fields = {"task_id": "load", "conn_id": "vidinfra_default", "sql_conn_id": "warehouse"}
    with pytest.raises(InputError, match=r"the database is mssql, .*allow_untested_database=True") as caught:
        SessionsToSqlOperator(**fields).execute(context)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ExportError, match="preparing the tables: the database refused"):
        SessionsToSqlOperator(**fields, allow_untested_database=True).execute(context)
    assert requests_of(sandbox) == []


def test_a_server_that_only_speaks_as_postgresql_does_is_refused_and_can_be_tried_all_the_same(
    connect, context, vidinfra, two_days, sandbox: Sandbox, postgres: Place
) -> None:
    """Redshift is reached through connections of the type postgres, too."""
    postgres.run(
        "CREATE FUNCTION {schema}version() RETURNS text LANGUAGE sql AS "
        "$$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.12103' $$"
    )
    connect("warehouse", **fields_of(postgres), extra={"options": f"-c search_path={postgres.schema},pg_catalog"})
    sandbox.log.clear()
    fields = {"task_id": "load", "conn_id": "vidinfra_default", "sql_conn_id": "warehouse"}
    with pytest.raises(InputError, match="the database is redshift, which is not supported: its primary keys"):
        SessionsToSqlOperator(**fields).execute(context)
    assert requests_of(sandbox) == []
    assert SessionsToSqlOperator(**fields, allow_untested_database=True).execute(context)["sessions"] == 2


def test_duckdb_is_opened_as_the_extra_of_its_connection_says(
    connect, context, vidinfra, two_days, duckdb_file: Place
) -> None:
    load = SessionsToSqlOperator(task_id="load", conn_id="vidinfra_default", sql_conn_id="warehouse")
    connect("warehouse", **fields_of(duckdb_file), extra={"memory_limit": "as I like it"})
    with pytest.raises(ExportError, match=r"preparing the tables: the database refused: .*Memory must have a number"):
        load.execute(context)
    settings = {"memory_limit": "200MB", "threads": 1, "settings": {"preserve_insertion_order": False}}
    connect("warehouse", **fields_of(duckdb_file), extra=settings)
    assert load.execute(context)["sessions"] == 2


@pytest.mark.parametrize(
    ("fields", "module", "extra"),
    [
        ({"conn_type": "postgres", "host": "here"}, "airflow.providers.postgres.hooks.postgres", "postgres"),
        ({"conn_type": "mysql", "host": "here"}, "MySQLdb", "mysql"),
        ({"conn_type": "duckdb", "host": "/tmp/a.duckdb"}, "duckdb_engine", "duckdb"),
    ],
    ids=["postgres", "mysql", "duckdb"],
)
def test_what_is_not_installed_is_reported_with_the_extra_of_that_database(
    connect, context, vidinfra, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], module: str, extra: str
) -> None:
    connect("warehouse", **fields)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("sqlalchemy.dialects.registry.impls", {})
    load = SessionsToSqlOperator(task_id="load", conn_id="vidinfra_default", sql_conn_id="warehouse")
    with pytest.raises(InputError, match=rf"package is missing .*pip install 'airflow-provider-sessions\[{extra}\]'"):
        load.execute(context)


@pytest.mark.parametrize("module", ["sqlalchemy.exc", "airflow.providers.common.sql.hooks.sql"])
def test_a_missing_package_is_reported_with_the_extra(load, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"pip install 'airflow-provider-sessions\[sql\]'"):
        load()


def test_a_database_that_does_not_respond_is_reported(load, connect, vidinfra, two_days) -> None:
    connect("warehouse", conn_type="postgres", host="127.0.0.1", port=1, login="ada", password="hunter2", schema="x")
    with pytest.raises(ExportError, match="preparing the tables: the database refused") as failure:
        load(schema="x")
    assert "hunter2" not in str(failure.value)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"sslmode": "as I like it"}, "sslmode"),
        ({"options": "-c default_transaction_read_only=on"}, "cannot execute CREATE TABLE in a read-only transaction"),
    ],
)
def test_the_driver_receives_the_extra_of_a_postgres_connection(
    vidinfra, context, connect, postgres: Place, extra: dict[str, str], reason: str
) -> None:
    load = SessionsToSqlOperator(
        task_id="load", conn_id="vidinfra_default", sql_conn_id="warehouse", schema=postgres.schema
    )
    connect("warehouse", **fields_of(postgres), extra=extra)
    with pytest.raises(ExportError, match=rf"preparing the tables: the database refused: .*{reason}"):
        load.execute(context)
    connect("warehouse", **fields_of(postgres), extra={"application_name": "load", "cursor": "dictcursor"})
    load.execute(context)


def test_values_come_as_templates_render_them(load, two_days, warehouse: Place) -> None:
    result = load(
        datasets='["sessions", "attendance"]',
        schema=warehouse.schema or "None",
        table_prefix="None",
        title="None",
        start="None",
        end="",
    )
    assert list(result["datasets"]) == ["sessions", "attendance"]
    assert warehouse.tables() == {"sessions", "attendance", LEDGER, CATALOGUE}
    assert set(DATASETS) > warehouse.tables() - {LEDGER, CATALOGUE}


def test_a_number_of_native_rendering_is_the_text_it_was(load, vidinfra: Any, warehouse: Place) -> None:
    vidinfra.create("Review of 2025", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9))
    vidinfra.create("Other", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9))
    assert load(title=2025, table_prefix=2026, datasets="sessions")["sessions"] == 1
    assert warehouse.column(f"select title from {{schema}}{warehouse.quoted('2026sessions')}") == ["Review of 2025"]


def test_template_fields_are_those_a_user_may_template() -> None:
    assert set(SessionsToSqlOperator.template_fields) == {
        "conn_id",
        "sql_conn_id",
        "schema",
        "table_prefix",
        "datasets",
        "session_id",
        "discovery",
        "day_zone",
        "partition_length",
        "start",
        "end",
        "room_id",
        "case",
        "title",
        "give_up_after",
        "on_absent",
        "redact",
        "redact_conn_id",
    }
