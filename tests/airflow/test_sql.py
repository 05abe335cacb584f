"""Loads into PostgreSQL in Airflow's own task runner, against the sandbox over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.export.sql.tables import LEDGER
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from tests.airflow.conftest import OpenDagFile, Run, RunDag
from tests.airflow.test_examples import open_example
from tests.connected import Connect, requests_of
from tests.databases import Place, fields_of, postgres

__all__ = ["postgres"]

FILE = "loads"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}


@pytest.fixture
def warehouse(postgres: Place, connect: Connect) -> Place:
    connect("warehouse", **fields_of(postgres))
    return postgres


@pytest.fixture
def meetings(sandbox: Sandbox, sandbox_server: SandboxServer, connect: Connect) -> Any:
    """Sessions' sandbox, behind the connection ``sessions_us_default``."""
    place = sandbox.platform("sessions_us")
    place.remove_rate_limit()
    connect("sessions_us_default", **place.connection() | {"extra": {"rate_limit": "1000/second"}})
    return place


def test_nightly_example_loads_a_day_and_sums_up_hours_per_person(
    sandbox: Sandbox, vidinfra: Any, warehouse: Place, open_dag_file: OpenDagFile
) -> None:
    sandbox.clock.move_to(datetime(2026, 11, 8, 12, tzinfo=UTC))
    for number in range(2):
        start = datetime(2026, 11, 6, 8 + 2 * number, tzinfo=UTC)
        vidinfra.create(f"Of that day {number}", started_at=start, ended_at=start + timedelta(hours=1), attendees=4)
    vidinfra.create("Of the next", started_at="2026-11-06T23:30:00Z", ended_at="2026-11-07T00:30:00Z")

    dag = open_example(open_dag_file, "sessions_nightly_load")
    for task in dag.tasks:
        task.retries = 0  # which the test would wait for
    done = dag.test(logical_date=datetime(2026, 11, 7, tzinfo=UTC), run_conf={"schema": warehouse.schema})

    assert str(done.state) == "success"
    run = Run("sessions_nightly_load", done.run_id, "success", {"hours": ["success"], "load": ["success"]}, names={})
    assert (run.xcom("load")["sessions"], run.xcom("load")["pending"]) == (2, {})
    rows = [row["__data__"] if isinstance(row, dict) else row for row in run.xcom("hours")]  # tuples, as XCom has them
    hours = [row[2] for row in rows]
    assert hours == sorted(hours, reverse=True)
    attended = warehouse.column("select sum(present_seconds) from {schema}attendance_summary group by participant_key")
    assert sorted(hours) == pytest.approx(sorted(seconds / 3600 for seconds in attended))
    assert 0 < hours[0] <= 2
    assert sum(row[1] for row in rows) == len(warehouse.rows("select * from {schema}attendance_summary"))


def test_late_revised_and_deleted_sessions_are_exported_by_later_runs(
    run_dag: RunDag, sandbox: Sandbox, meetings: Any, warehouse: Place, mocker: Any
) -> None:
    begin = datetime.now(UTC) - timedelta(hours=4)
    sandbox.clock.move_to(begin + timedelta(hours=3))
    made = {"started_at": begin, "ended_at": begin + timedelta(hours=1)}
    [late] = meetings.create("Late", **made, script={"artifacts_after": {"transcript": 86400.0}})
    [gone] = meetings.create("Gone", **made)
    what = {"schema": warehouse.schema, "datasets": "sessions,transcript_segments"}
    window = {"start": begin.isoformat(), "end": (begin + timedelta(hours=3)).isoformat()}

    first = run_dag(FILE, "load_window", **what, **window)
    assert first.xcom("load")["pending"] == {"transcript_segments": 1}
    assert set(warehouse.column("select session_id from {schema}transcript_segments")) == {gone}

    meetings.delete(gone)
    sandbox.clock.move_to(begin + timedelta(days=3))
    mocker.patch.object(SystemClock, "now", return_value=begin + timedelta(days=3))
    later = {"start": (begin + timedelta(days=2)).isoformat(), "end": (begin + timedelta(days=3)).isoformat()}
    second = run_dag(FILE, "load_window", **what, **later)
    assert second.state == "success"
    assert (second.xcom("load")["pending"], second.xcom("load")["deleted"]) == ({}, 1)
    assert set(warehouse.column("select session_id from {schema}transcript_segments")) == {late, gone}
    assert warehouse.rows("select session_id, title, deleted from {schema}sessions order by title") == [
        (gone, "Gone", True),
        (late, "Late", False),
    ]


def test_mapped_tasks_of_two_platforms_share_the_tables(
    run_dag: RunDag, vidinfra: Any, meetings: Any, warehouse: Place
) -> None:
    for place in (vidinfra, meetings):
        place.create("Morning", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9))
    run = run_dag(
        FILE,
        "load_two",
        schema=warehouse.schema,
        connections=["vidinfra_default", "sessions_us_default"],
        **WINDOW,
    )
    assert run.tasks == {"load": ["success", "success"]}
    assert warehouse.column("select platform from {schema}sessions order by 1") == ["sessions_us", "vidinfra"]
    assert {one["ledger"] for one in run.xcom("load")} == {f"{warehouse.schema}.{LEDGER}"}


def test_a_deleted_connection_fails_the_task_before_any_request_or_write(
    run_dag: RunDag, sandbox: Sandbox, meetings: Any, warehouse: Place
) -> None:
    run = run_dag(FILE, "load_window", schema=warehouse.schema, sql_conn_id="erased", **WINDOW)
    assert run.tasks == {"load": ["failed"]}
    assert requests_of(sandbox) == []
    assert warehouse.tables() == set()
