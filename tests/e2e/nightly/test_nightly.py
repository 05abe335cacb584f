"""The nightly examples in a real Airflow: scheduled runs, a backfill of a month, and deleted connections."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.e2e.exported_rows import (
    ExpectedSessions,
    count_expected,
    count_rows,
)
from tests.e2e.nightly.conftest import (
    DAY,
    EXPORT,
    LOAD,
    LONG_AGO,
    MONTH_AGO,
    PARALLEL_RUNS,
    SESSIONS_OF_DAY,
    SESSIONS_OF_MONTH,
    TODAY,
    YESTERDAY,
    Environment,
    format_iso,
    get_scheduled_run,
    wait_until_parsed,
)

pytestmark = pytest.mark.e2e


def sum_up_hours(expected: ExpectedSessions) -> list[tuple[str, int, float]]:
    """Return each person with the number of sessions and the hours, at most the duration of each session."""
    sessions: defaultdict[str, list[float]] = defaultdict(list)
    labels: dict[str, str] = {}
    for session in expected.values():
        length = datetime.fromisoformat(session["ended_at"]) - datetime.fromisoformat(session["started_at"])
        for row in session["content"]["attendance"]:
            sessions[row["user_id"]].append(min(row["watch_duration"], length.total_seconds()))
            labels[row["user_id"]] = row["email"] or row["username"]
    return sorted((labels[person], len(times), round(sum(times) / 3600, 6)) for person, times in sessions.items())


def test_a_night_is_exported_to_files(environment: Environment) -> None:
    run_id = get_scheduled_run(environment.api, EXPORT)
    environment.wait_for_success(EXPORT, run_id)

    expected = environment.list_expected(YESTERDAY, TODAY)
    assert len(expected) == SESSIONS_OF_MONTH / 31
    assert count_rows(environment.read_files(YESTERDAY, TODAY)) == count_expected(expected)
    result = environment.api.get_xcom(EXPORT, run_id, "export")
    assert (result["sessions"], result["pending"], result["absent"]) == (len(expected), {}, {})
    record = json.loads(Path(result["record"]).read_text())
    assert record["status"] == "complete"
    for file in record["files"]:
        data = (environment.files / file["key"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    log = environment.log(EXPORT, run_id, "export")
    assert f"{len(expected)} sessions of vidinfra ended from {YESTERDAY.isoformat()}" in log
    assert f"record: {result['record']}" in log


def test_a_night_is_loaded_and_its_query_sums_up_hours_per_person(environment: Environment) -> None:
    run_id = get_scheduled_run(environment.api, LOAD)
    environment.wait_for_success(LOAD, run_id)

    expected = environment.list_expected(YESTERDAY, TODAY)
    assert count_rows(environment.read_tables(YESTERDAY, TODAY)) == count_expected(expected)
    result = [row["__data__"] for row in environment.api.get_xcom(LOAD, run_id, "hours")]  # tuples, as XCom has them
    assert [row[2] for row in result] == sorted((row[2] for row in result), reverse=True)
    assert sorted((who, sessions, round(hours, 6)) for who, sessions, hours in result) == sum_up_hours(expected)


@pytest.mark.nightly
def test_a_month_is_backfilled_by_overlapping_runs_over_exported_days(environment: Environment) -> None:
    api, vidinfra = environment.api, environment.sandbox.vidinfra
    nightly = get_scheduled_run(api, EXPORT)
    environment.wait_for_success(EXPORT, nightly)
    before = Path(api.get_xcom(EXPORT, nightly, "export")["record"]).read_bytes()
    month = environment.list_expected(MONTH_AGO, TODAY)
    late = next(iter(environment.list_expected(TODAY - 3 * DAY, TODAY)))
    lost = next(iter(environment.list_expected(TODAY - 20 * DAY, TODAY)))
    vidinfra.script(late, artifacts_after={"recording": 30 * 86400})
    vidinfra.script(lost, artifacts_after={"recording": None})
    wait_until_parsed(environment, EXPORT, MONTH_AGO)

    days = {"from_date": format_iso(MONTH_AGO), "to_date": format_iso(YESTERDAY), "reprocess_behavior": "completed"}
    made = api.request("POST", "backfills", {"dag_id": EXPORT, "max_active_runs": PARALLEL_RUNS, **days})
    api.wait_for("the backfill", lambda: api.request("GET", f"backfills/{made['id']}")["completed_at"], timeout=400)

    runs = api.request("GET", f"dags/{EXPORT}/dagRuns", limit=100)["dag_runs"]
    assert Counter(run["state"] for run in runs if run["run_type"] == "backfill") == {"success": 31}
    assert count_parallel_runs(runs) > 1
    assert count_rows(environment.read_files(MONTH_AGO, TODAY)) == count_expected(
        environment.list_expected(MONTH_AGO, TODAY)
    )
    assert Path(api.get_xcom(EXPORT, nightly, "export")["record"]).read_bytes() == before, "the same bytes again"
    summaries = {run["dag_run_id"]: api.get_xcom(EXPORT, run["dag_run_id"], "export") for run in runs}
    [late_run] = [run_id for run_id, result in summaries.items() if result["pending"]]
    assert summaries[late_run]["pending"] == {"recordings": 1}
    assert [result["absent"] for result in summaries.values() if result["absent"]] == [{"recordings": 1}]
    assert sum(result["sessions"] for result in summaries.values()) == len(month)

    vidinfra.script(late, artifacts_after=0)
    api.clear_task(EXPORT, late_run, "export")
    assert environment.wait_for_try(EXPORT, late_run, "export", 2) == "success"
    assert api.get_xcom(EXPORT, late_run, "export")["pending"] == {}
    assert count_rows(environment.read_files(MONTH_AGO, TODAY)) == count_expected(
        environment.list_expected(MONTH_AGO, TODAY)
    )


def count_parallel_runs(runs: Iterable[Mapping[str, Any]]) -> int:
    """Return the maximum number of runs at the same time."""
    spans = [(run["start_date"], run["end_date"]) for run in runs]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def test_an_export_whose_connection_is_deleted_leaves_no_partial_file_and_continues_later(
    environment: Environment,
) -> None:
    api, task = environment.api, "export"
    run_id = start_failing_run(environment, EXPORT)
    assert environment.wait_for_try(EXPORT, run_id, task, 1) == "failed", "a retry would use the same key"
    assert "AuthenticationError: vidinfra responded with 401" in environment.log(EXPORT, run_id, task, 1)
    assert list(environment.files.rglob(f"dt={LONG_AGO:%Y-%m-%d}/*")) == []

    api.clear_task(EXPORT, run_id, task)
    assert environment.wait_for_try(EXPORT, run_id, task, 2) == "up_for_retry"
    assert "The conn_id `vidinfra_default` isn't defined" in environment.log(EXPORT, run_id, task, 2)
    assert list(environment.files.rglob(f"dt={LONG_AGO:%Y-%m-%d}/*")) == []

    environment.connect()
    api.clear_task(EXPORT, run_id, task)
    assert environment.wait_for_try(EXPORT, run_id, task, 3) == "success", environment.log(EXPORT, run_id, task, 3)
    expected = environment.list_expected(LONG_AGO, LONG_AGO + DAY)
    assert count_rows(environment.read_files(LONG_AGO, LONG_AGO + DAY)) == count_expected(expected)
    assert list(environment.files.glob("_ledger/*/*/open/*")) == []


@pytest.mark.nightly
def test_a_load_whose_connections_are_deleted_leaves_complete_sessions_and_continues_later(
    environment: Environment,
) -> None:
    api, task = environment.api, "load"
    expected = environment.list_expected(LONG_AGO, LONG_AGO + DAY)
    run_id = start_failing_run(environment, LOAD)
    assert environment.wait_for_try(LOAD, run_id, task, 1) == "failed", "a retry would use the same key"
    assert "AuthenticationError: vidinfra responded with 401" in environment.log(LOAD, run_id, task, 1)
    rows = environment.read_tables(LONG_AGO, LONG_AGO + DAY)
    loaded = {row["session_id"]: expected[row["session_id"]] for row in rows["sessions"]}
    assert 0 < len(loaded) < SESSIONS_OF_DAY
    assert count_rows(rows) == count_expected(loaded), "complete sessions"

    environment.disconnect("warehouse")
    api.clear_task(LOAD, run_id, task)
    assert environment.wait_for_try(LOAD, run_id, task, 2) == "up_for_retry"
    assert "The conn_id `vidinfra_default` isn't defined" in environment.log(LOAD, run_id, task, 2)

    environment.connect()
    api.clear_task(LOAD, run_id, task)
    assert environment.wait_for_try(LOAD, run_id, task, 3) == "up_for_retry"
    assert "The conn_id `warehouse` isn't defined" in environment.log(LOAD, run_id, task, 3)

    environment.connect_warehouse()
    api.clear_task(LOAD, run_id, task)
    environment.wait_for_success(LOAD, run_id)
    assert count_rows(environment.read_tables(LONG_AGO, LONG_AGO + DAY)) == count_expected(expected)
    assert environment.api.get_xcom(LOAD, run_id, task)["sessions"] == SESSIONS_OF_DAY


def start_failing_run(environment: Environment, dag_id: str) -> str:
    """Start a run for a day with many sessions; while it runs, the account's key is replaced and Airflow's
    connection is deleted."""
    expected = environment.list_expected(LONG_AGO, LONG_AGO + DAY)
    trigger_id = list(expected)[SESSIONS_OF_DAY * 3 // 4]

    def disconnect_midway(entry: LogEntry) -> None:
        if entry.route == "list_attendance" and trigger_id in entry.path:
            environment.sandbox.listeners.remove(disconnect_midway)
            environment.sandbox.vidinfra.new_api_key()
            environment.disconnect("vidinfra_default")

    environment.sandbox.on_request(disconnect_midway)
    interval = {"data_interval_start": format_iso(LONG_AGO), "data_interval_end": format_iso(LONG_AGO + DAY)}
    run = environment.api.request(
        "POST", f"dags/{dag_id}/dagRuns", {"logical_date": format_iso(datetime.now(UTC)), **interval}
    )
    run_id: str = run["dag_run_id"]
    return run_id
