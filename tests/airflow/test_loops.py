"""Task loops in Airflow's own task runner: each iteration makes a session of its own and writes files of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import RunDag

pytestmark = pytest.mark.needs_airflow("3.4.0b1")

ITERATIONS = 3


def test_each_iteration_creates_one_session_and_writes_its_own_files(
    run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, tmp_path: Path
) -> None:
    morning = datetime(2026, 3, 2, 8, tzinfo=UTC)
    for index in range(ITERATIONS):
        vidinfra.create(f"Morning {index}", started_at=morning, ended_at=morning + timedelta(hours=1))
    options = {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}
    run = run_dag("loops", "loops", path=str(tmp_path), options=options)

    assert run.state == "success"
    assert run.tasks["iteration.create"] == ["success"] * ITERATIONS
    assert sandbox.log.count(route="create_session") == ITERATIONS, "though each create was tried twice"
    made = {session["id"] for session in vidinfra.sessions() if session["title"] == "Town hall"}
    assert {result["session_id"] for result in run.xcom("iteration.create")} == made
    assert len(made) == ITERATIONS
    assert set(run.xcom("iteration.create", "_link_SessionLink")) == {
        f"https://live.example.com/sessions/{session_id}" for session_id in made
    }
    exports = [result["datasets"]["sessions"] for result in run.xcom("iteration.export")]
    written = [Path(path) for export in exports for path in export["paths"]]
    assert sorted(written) == sorted((tmp_path / "sessions").rglob("*.jsonl"))
    titles = {json.loads(line)["title"] for path in written for line in path.read_text().splitlines()}
    assert titles == {f"Morning {index}" for index in range(ITERATIONS)}
