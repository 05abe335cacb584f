"""What the tests need that run DAGs: a database, a folder of DAGs, and a way to run one and see what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from airflow import settings
from airflow.models.xcom import XComModel
from airflow.sdk.execution_time import supervisor
from airflow.utils import db
from airflow.utils.session import create_session
from jsonschema import Draft202012Validator

from airflow_provider_sessions.sensors import sessions as sensors
from tests.connected import close_portal, connect, sandbox, sandbox_server, vidinfra

__all__ = ["close_portal", "connect", "sandbox", "sandbox_server", "vidinfra"]

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="session")
def metadata_database() -> None:
    """Airflow's database, in the AIRFLOW_HOME that all tests share."""
    db.initdb()
    # Before 3.3, Airflow makes an API server for each task that dag.test runs, which takes a second or two.
    supervisor.in_process_api_server = lru_cache(maxsize=1)(supervisor.in_process_api_server)
    # For each task, Airflow validates all params of the DAG several times, and jsonschema their schemas each time.
    check_schema = Draft202012Validator.check_schema
    check_text = lru_cache(maxsize=None)(lambda text: check_schema(json.loads(text)))
    Draft202012Validator.check_schema = lambda schema: check_text(json.dumps(schema))


@dataclass(frozen=True)
class Run:
    """What became of a DAG run."""

    dag_id: str
    run_id: str
    state: str
    tasks: dict[str, list[str]]
    """Task id to the states of its instances, by map index."""
    names: dict[str, list[str]]
    """Task id to the names that Airflow shows instead of the map indexes."""

    def xcom(self, task_id: str, key: str = "return_value") -> Any:
        """What a task pushed; a list, by map index, where it was mapped."""
        with create_session() as session:
            rows = session.query(XComModel).filter_by(dag_id=self.dag_id, run_id=self.run_id, task_id=task_id, key=key)
            values = [XComModel.deserialize_value(row) for row in rows.order_by(XComModel.map_index)]
        return values if len(self.tasks[task_id]) > 1 else values[0] if values else None


OpenDagFile = Callable[[Path], Any]
RunDag = Callable[..., Run]


@pytest.fixture
def open_dag_file(
    metadata_database: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> OpenDagFile:
    """Let a DAG file be the only one that Airflow has, and parse it: ``open_dag_file(path).dags["dag_id"].test()``.

    From 3.3 on, each ``test()`` parses all files of the folder and writes all of their DAGs to the database.
    """

    def open_file(file: Path) -> Any:
        folder = tmp_path_factory.getbasetemp() / f"dags-{file.stem}"
        if not folder.exists():
            folder.mkdir()
            (folder / file.name).symlink_to(file.resolve(strict=True))
        monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
        monkeypatch.setattr(settings, "DAGS_FOLDER", str(folder))
        return parse_dags(folder)

    return open_file


def parse_dags(path: Path, *, failing: Collection[str] = ()) -> Any:
    """Return the DAG bag of a file or a folder.

    :param failing: the files that cannot be imported, without their suffix; no other may fail.
    """
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag
    bag = DagBag(str(path))
    assert {Path(file).stem: error for file, error in bag.import_errors.items() if Path(file).stem not in failing} == {}
    return bag


@pytest.fixture
def run_dag(open_dag_file: OpenDagFile, monkeypatch: pytest.MonkeyPatch) -> RunDag:
    """Run a DAG of the folder ``dags`` with a configuration: ``run_dag("file", "dag_id", param=...)``."""
    # A deferral is so long for the scheduler's sake, which must see it before its end; dag.test has none.
    monkeypatch.setattr(sensors, "SETTLING_SECONDS", 0.0)

    def run(file: str, dag_id: str, **conf: Any) -> Run:
        done = open_dag_file(DAGS / f"{file}.py").dags[dag_id].test(run_conf=conf)
        tasks: dict[str, list[str]] = {}
        names: dict[str, list[str]] = {}
        for instance in sorted(done.get_task_instances(), key=lambda one: one.map_index):
            tasks.setdefault(instance.task_id, []).append(str(instance.state))
            names.setdefault(instance.task_id, []).append(str(instance.rendered_map_index))
        return Run(dag_id, done.run_id, str(done.state), tasks, names)

    return run
