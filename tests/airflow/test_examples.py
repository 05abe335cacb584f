"""The example DAGs: read without a network, explained, and the nightly one run for a day."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow import settings

from airflow_provider_sessions.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
FILES = sorted(file.stem for file in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_examples_are_read_without_a_network_and_explained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a DAG file that is read must not talk to anybody")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    dag = _bag().dags[name]
    assert dag.doc_md
    assert all(task.retries == 2 for task in dag.tasks)
    assert all(param.schema.get("title") for param in (dag.params.get_param(key) for key in dag.params))


def test_nightly_example_brings_home_one_day(
    sandbox: Sandbox, vidinfra: Any, metadata_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SESSIONS_EXPORT_PATH", tmp_path.as_uri())
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(EXAMPLES))
    monkeypatch.setattr(settings, "DAGS_FOLDER", str(EXAMPLES))
    sandbox.clock.move_to(datetime(2026, 11, 8, 12, tzinfo=UTC))
    vidinfra.create("Of that day", started_at="2026-11-06T22:00:00Z", ended_at="2026-11-06T23:00:00Z")
    vidinfra.create("Of the next", started_at="2026-11-06T23:30:00Z", ended_at="2026-11-07T00:30:00Z")

    run = _bag().dags["nightly_export"].test(logical_date=datetime(2026, 11, 7, tzinfo=UTC))

    assert str(run.state) == "success"
    [sessions] = tmp_path.glob("sessions/**/*.parquet")
    assert sessions.parent.name == "dt=2026-11-06"
    from pyarrow import parquet

    assert parquet.read_table(sessions)["title"].to_pylist() == ["Of that day"]


def _bag() -> Any:
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(EXAMPLES))
    assert bag.import_errors == {}
    return bag
