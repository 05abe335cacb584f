"""Exports and downloads in Airflow's own task runner, against the sandbox over HTTP."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import RunDag
from tests.connected import requests_of

FILE = "exports"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-03T00:00:00Z"}
VIDINFRA = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]


@pytest.fixture
def webinars(vidinfra: Any) -> list[str]:
    """Two sessions that ended on 2 March, and one that did on the day before."""
    return [
        *vidinfra.create("Morning", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9)),
        *vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12)),
        *vidinfra.create("Before", started_at=DAY - timedelta(hours=2), ended_at=DAY - timedelta(hours=1)),
    ]


def data_files(folder: Path) -> list[Path]:
    others = {"_runs", "latest"}
    return sorted(path for path in folder.rglob("*") if path.is_file() and others.isdisjoint(path.parts))


def test_a_window_is_exported(run_dag: RunDag, webinars: list[str], tmp_path: Path) -> None:
    run = run_dag(FILE, "export_window", path=str(tmp_path), **WINDOW)

    assert run.state == "success"
    result = run.xcom("export")
    assert list(result["datasets"]) == VIDINFRA
    assert result["sessions"] == 2
    sessions = [json.loads(line) for line in Path(result["datasets"]["sessions"]["paths"][0]).read_text().splitlines()]
    assert [row["session_id"] for row in sessions] == webinars[:2]
    record = json.loads(Path(result["record"]).read_text())
    assert (record["dag_id"], record["run_id"], record["status"]) == ("export_window", run.run_id, "complete")
    for file in record["files"]:
        assert hashlib.sha256((tmp_path / file["key"]).read_bytes()).hexdigest() == file["sha256"]


def test_only_the_named_datasets_cost_requests(
    run_dag: RunDag, webinars: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_dag(FILE, "export_window", path=str(tmp_path), datasets=["sessions"], title="noon", **WINDOW)

    assert run.state == "success"
    assert set(requests_of(sandbox)) == {"list_sessions"}
    assert run.xcom("export")["datasets"]["sessions"]["rows"] == 1


def test_a_manual_run_without_a_window_fails_and_writes_nothing(
    run_dag: RunDag, webinars: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_dag(FILE, "export_window", path=str(tmp_path), start="", end="")

    assert run.tasks == {"export": ["failed"]}
    assert requests_of(sandbox) == []
    assert data_files(tmp_path) == []


def test_all_formats_have_the_same_rows_and_mapped_tasks_write_separate_files(
    run_dag: RunDag, webinars: list[str], tmp_path: Path
) -> None:
    run = run_dag(FILE, "export_formats", path=str(tmp_path), **WINDOW)

    assert run.tasks == {"export": ["success"] * 3}
    counts = [{name: sums["rows"] for name, sums in one["datasets"].items()} for one in run.xcom("export")]
    assert counts[0] == counts[1] == counts[2]
    for dataset in VIDINFRA:
        jsonl, comma, parquet = (one["datasets"][dataset]["paths"][0] for one in run.xcom("export"))
        lines = [json.loads(line) for line in Path(jsonl).read_text().splitlines()]
        with Path(comma).open(newline="", encoding="utf-8") as file:
            cells = list(csv.DictReader(file))
        keys = "platform, account, session_id"
        table = duckdb.sql(f"select {keys} from read_parquet('{parquet}')").fetchall()
        assert [(row["platform"], row["account"], row["session_id"]) for row in lines] == table
        assert [row["session_id"] for row in cells] == [row[2] for row in table]


def test_hours_per_person_are_one_query_away(run_dag: RunDag, webinars: list[str], tmp_path: Path) -> None:
    run = run_dag(FILE, "export_window", path=str(tmp_path), format="parquet", **WINDOW)

    rows = duckdb.sql(
        f"select participant_key, sum(present_seconds) / 3600 as hours, max(dt) as day from "
        f"read_parquet('{tmp_path}/attendance_summary/*/*.parquet', hive_partitioning = true) group by all"
    ).fetchall()
    assert len(rows) > 5
    assert all(0 <= hours <= 2 for _, hours, _ in rows)
    assert {str(day) for *_, day in rows} == {"2026-03-02"}
    assert run.xcom("export")["datasets"]["attendance_summary"]["rows"] >= len(rows)


def test_recordings_of_many_sessions_are_downloaded(run_dag: RunDag, webinars: list[str], tmp_path: Path) -> None:
    run = run_dag(FILE, "download_all", path=str(tmp_path), sessions=webinars[:2])

    assert run.tasks == {"download": ["success"] * 2}
    for session_id, results in zip(webinars, run.xcom("download"), strict=False):
        for result in results:
            path = Path(result["path"])
            assert path.parent == tmp_path / "media" / session_id
            assert hashlib.sha256(path.read_bytes()).hexdigest() == result["sha256"]
    assert run.xcom("download", "_link_SessionLink") == [
        f"https://live.example.com/sessions/{session_id}" for session_id in webinars[:2]
    ]


def test_a_download_that_fails_fails_its_task_and_leaves_no_file(
    run_dag: RunDag, webinars: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("status", status=404, times=None, route="get_recording_file")
    run = run_dag(FILE, "download_all", path=str(tmp_path), sessions=webinars[:2])

    assert run.tasks == {"download": ["failed"] * 2}
    assert data_files(tmp_path) == []


def test_transcripts_of_a_platform_without_them_fail_before_any_request(
    run_dag: RunDag, webinars: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    run = run_dag(FILE, "fetch_transcript", path=str(tmp_path), sessions=webinars, format="srt")

    assert run.tasks == {"fetch": ["failed"]}
    assert requests_of(sandbox) == []
