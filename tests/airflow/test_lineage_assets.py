"""The asset events of an export, and no personal data in the logs and results of a real task run."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.models.asset import AssetEvent, AssetModel
from airflow.utils.session import create_session

from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import Run, RunDag
from tests.connected import Connect

FILE = "assets"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = {"start": "2026-03-02T00:00:00+00:00", "end": "2026-03-03T00:00:00+00:00"}
KEY = "a key that nobody knows"


@pytest.fixture(autouse=True)
def webinars(vidinfra: Any, connect: Connect) -> None:
    connect("pepper", conn_type="generic", password=KEY)
    for hours in (8, 11):
        vidinfra.create(
            "Noon", started_at=DAY + timedelta(hours=hours), ended_at=DAY + timedelta(hours=hours + 1), attendees=9
        )


def events_of(run: Run) -> dict[str, Any]:
    """What the events of a run carry, by the asset's URI."""
    with create_session() as session:
        found = session.query(AssetModel.uri, AssetEvent.extra).join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
        return dict(found.filter(AssetEvent.source_run_id == run.run_id).all())


def test_events_carry_counts_window_and_record(run_dag: RunDag, tmp_path: Path) -> None:
    run = run_dag(FILE, "told_assets", path=str(tmp_path), **WINDOW)

    assert run.state == "success"
    result = run.xcom("export")
    events = events_of(run)
    rows = {name: sums["rows"] for name, sums in result["datasets"].items()}
    about = {name: value for name, value in result.items() if name != "datasets"}
    assert events.pop("file:///warehouse/attended") == {**about, "rows": rows}
    assert about["window"] == WINDOW
    assert about["sessions"] == 2
    assert about["pending"] == {}
    assert Path(about["record"]).exists()
    assert events == {
        f"file://{tmp_path}/{name}": {**about, "dataset": name, "rows": count} for name, count in rows.items() if count
    }


def test_without_outlets_there_are_no_events(run_dag: RunDag, tmp_path: Path) -> None:
    run = run_dag(FILE, "no_assets", path=str(tmp_path), **WINDOW)

    assert run.state == "success"
    assert events_of(run) == {}


def test_neither_files_nor_log_nor_results_name_anybody(
    run_dag: RunDag, sandbox: Sandbox, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    run = run_dag(FILE, "told_assets", path=str(tmp_path), **WINDOW)

    assert run.state == "success"
    said = [json.dumps(run.xcom("export")), json.dumps(events_of(run)), caplog.text, *capfd.readouterr()]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    said += [(gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes()).decode() for path in files]
    people = sandbox.vidinfra.population.people
    assert [one for person in people for one in (person.name, person.email) if one in "\n".join(said)] == []
    assert "Redacting: email hash, name drop" in "\n".join(said)
    assert KEY not in "\n".join(said)


def test_a_missing_key_fails_before_any_request(run_dag: RunDag, sandbox: Sandbox, tmp_path: Path) -> None:
    run = run_dag(FILE, "no_assets", path=str(tmp_path), pepper="", **WINDOW)

    assert run.tasks == {"export": ["failed"]}
    assert not list(sandbox.log.entries())
    assert not list(tmp_path.iterdir())
