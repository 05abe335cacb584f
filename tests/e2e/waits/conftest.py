"""One Airflow for all tests of waiting: starting one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._standalone import Standalone
from tests.databases import postgres_database

SETTINGS = {
    # How soon another triggerer takes over from one that is frozen. By default 30 s.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
}
DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    """The platforms that all tests share: each has sessions of its own."""
    sandbox = Sandbox()
    with SandboxServer(sandbox):
        yield sandbox


@pytest.fixture(scope="package")
def airflow(sandbox: Sandbox) -> Iterator[Standalone]:
    """An Airflow with all DAGs of the folder, and the platform's connection."""
    # SQLite has one writer: a triggerer that is frozen while it writes would stop all of Airflow.
    with (
        postgres_database() as database,
        Standalone(
            DAGS, settings=SETTINGS | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}, parallelism=8
        ) as airflow,
    ):
        api = airflow.api
        api.add_connection("vidinfra_default", sandbox.vidinfra.connection())
        for dag_id in [path.stem for path in sorted(DAGS.glob("*.py"))]:
            api.wait_for("the DAG", lambda dag_id=dag_id: api.has_dag(dag_id), timeout=60)
            api.unpause_dag(dag_id)
        yield airflow
