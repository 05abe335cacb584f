"""What OpenLineage's provider makes of an export: events in a file, as a catalogue would receive them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.connected import close_portal, connect, sandbox, sandbox_server, vidinfra

__all__ = ["close_portal", "connect", "sandbox", "sandbox_server", "vidinfra"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_an_export_has_inputs_and_outputs(vidinfra: Any, tmp_path: Path) -> None:
    vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12), attendees=3)
    events = tmp_path / "events"
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent),
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(events), "append": True}),
    }
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "nightly.py"), str(tmp_path / "out")],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    completed = [
        event for line in events.read_text().splitlines() if (event := json.loads(line))["eventType"] == "COMPLETE"
    ]
    [export] = [event for event in completed if event["job"]["name"] == "nightly.export"]
    assert [(one["namespace"], one["name"]) for one in export["inputs"]] == [
        ("vidinfra://127.0.0.1", feature) for feature in ("sessions", "participants", "attendance", "recordings")
    ]
    assert [(one["namespace"], one["name"]) for one in export["outputs"]] == [
        ("file", f"{tmp_path}/out/{name}")
        for name in ("sessions", "participants", "attendance", "attendance_summary", "recordings")
    ]
