"""An Airflow with the nightly examples and the recipes, which the tests of this folder share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._airflow_api import AirflowApi
from scripts._standalone import Standalone
from tests.databases import Place, fields_of, postgres_database, postgres_schema
from tests.e2e.exported_rows import (
    DATASETS,
    Rows,
    list_expected,
    read_tables,
)

EXAMPLES = Path(__file__).parents[3] / "dags_examples"
EXPORT, LOAD = "sessions_nightly_export", "sessions_nightly_load"
FILES = {EXPORT: EXAMPLES / "nightly_export.py", LOAD: EXAMPLES / "recipes" / "nightly_load.py"}
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
YESTERDAY = TODAY - DAY
MONTH_AGO = TODAY - 31 * DAY
LONG_AGO = TODAY - 60 * DAY
PARALLEL_RUNS = 4
SESSIONS_OF_MONTH = 124
"""Sessions of the month, four per day."""
SESSIONS_OF_DAY = 60
"""Sessions of the day that is exported while its connection is deleted."""

SLOW_MACHINE_SETTINGS = {
    # On a busy machine, the first task of an Airflow may wait 40 s for a response; the default is 5 s.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
}
FINAL_TRY_STATES = {"success", "failed", "up_for_retry"}


@dataclass(frozen=True)
class Environment:
    """An Airflow with the nightly examples, its platform, and the targets of the exports."""

    airflow: Standalone
    sandbox: Sandbox
    files: Path
    tables: Place
    dags: Path

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

    def connect(self) -> None:
        """Create the platform's connection, with the current key."""
        self.api.add_connection("vidinfra_default", self.sandbox.vidinfra.connection())

    def connect_warehouse(self) -> None:
        """Create the database's connection."""
        self.api.add_connection("warehouse", fields_of(self.tables))

    def disconnect(self, conn_id: str) -> None:
        self.api.request("DELETE", f"connections/{conn_id}")

    def wait_for_success(self, dag_id: str, run_id: str, *, timeout: float = 180) -> None:
        """Wait until a run has ended, and check that it succeeded."""
        state = self.api.wait_for_run(dag_id, run_id, timeout=timeout)
        assert state == "success", "\n".join(self.log(dag_id, run_id, task) for task in ("export", "load", "hours"))

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        if task_id not in self.api.get_task_states(dag_id, run_id):
            return ""
        text = "\n".join(self.api.get_log(dag_id, run_id, task_id, try_number))
        assert self.sandbox.vidinfra.api_key not in text
        return text

    def wait_for_try(self, dag_id: str, run_id: str, task_id: str, number: int) -> str:
        """Wait until a try of a task has ended, and return its state."""

        def over() -> str | None:
            [task] = [task for task in self.api.list_tasks(dag_id, run_id) if task["task_id"] == task_id]
            return task["state"] if task["try_number"] == number and task["state"] in FINAL_TRY_STATES else None

        try:
            state = self.api.wait_for(f"try {number} of {task_id}", over, timeout=240)
        except TimeoutError as error:
            error.add_note(f"Tasks: {self.api.list_tasks(dag_id, run_id)}")
            raise
        if state == "failed":  # a clear is lost if the scheduler ends the run at the same moment
            self.api.wait_for_run(dag_id, run_id, timeout=60)
        return state

    def list_expected(self, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
        """Return the sessions that ended in a window, in order of their end, as the sandbox has them."""
        return list_expected(self.sandbox, start, end)

    def read_files(self, start: datetime, end: datetime) -> Rows:
        """Return the rows of all files of the days of a window, by dataset."""
        days = {f"dt={start + number * DAY:%Y-%m-%d}" for number in range((end - start).days)}
        return {
            dataset: [
                row
                for file in sorted(self.files.glob(f"{dataset}/*/*"))
                if file.parent.name in days
                for row in parquet.ParquetFile(file).read().to_pylist()
            ]
            for dataset in DATASETS
        }

    def read_tables(self, start: datetime, end: datetime) -> Rows:
        """Return the rows of the sessions that ended in a window, by dataset."""
        return read_tables(self.tables, start, end)


@pytest.fixture(scope="package")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    sandbox = Sandbox()
    vidinfra = sandbox.vidinfra
    vidinfra.create(count=SESSIONS_OF_MONTH, ended_between=(MONTH_AGO, TODAY))
    vidinfra.create(count=SESSIONS_OF_DAY, ended_between=(LONG_AGO, LONG_AGO + DAY))
    dags, files = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("files")
    with ExitStack() as stack:
        # With SQLite, Airflow creates no backfill while another process writes.
        settings = SLOW_MACHINE_SETTINGS | {
            "SESSIONS_EXPORT_PATH": files.as_uri(),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": stack.enter_context(postgres_database()),
        }
        tables = stack.enter_context(postgres_schema())
        stack.enter_context(SandboxServer(sandbox))
        airflow = stack.enter_context(Standalone(dags, settings=settings, parallelism=PARALLEL_RUNS))
        environment = Environment(airflow, sandbox, files, tables, dags)
        environment.connect()
        environment.connect_warehouse()
        for dag_id in (EXPORT, LOAD):
            install_dag(environment, dag_id, YESTERDAY)
        for dag_id in (EXPORT, LOAD):
            wait_until_parsed(environment, dag_id, YESTERDAY)
            environment.api.unpause_dag(dag_id)
        get_scheduled_run(environment.api, EXPORT)
        # Airflow creates no runs before the first day, and does not catch up on days before existing runs.
        install_dag(environment, EXPORT, MONTH_AGO)
        yield environment


def install_dag(environment: Environment, dag_id: str, first_day: datetime) -> None:
    """Change the examples as users do: set the first day, the format and the schema."""
    text = FILES[dag_id].read_text().replace('format="csv"', 'format="parquet"')
    given = f"start_date=datetime({first_day.year}, {first_day.month}, {first_day.day}, tzinfo=UTC)"
    text, replaced = re.subn(r"start_date=datetime\(.*\)", given, text)
    assert replaced == 1
    text = text.replace('"public"', f'"{environment.tables.schema}"')
    (environment.dags / f"{dag_id}.py").write_text(text)


def wait_until_parsed(environment: Environment, dag_id: str, first_day: datetime) -> None:
    def is_read() -> bool:
        if not environment.api.has_dag(dag_id):
            return False
        start = environment.api.request("GET", f"dags/{dag_id}/details")["start_date"]
        return datetime.fromisoformat(start) == first_day

    environment.api.wait_for(f"the DAG {dag_id} from {first_day}", is_read, timeout=90)


def get_scheduled_run(api: AirflowApi, dag_id: str) -> str:
    """Return the run that the scheduler creates for yesterday."""

    def made() -> str | None:
        runs = api.request("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return next((run["dag_run_id"] for run in runs if run["data_interval_start"] == format_iso(YESTERDAY)), None)

    return api.wait_for("the scheduled run", made, timeout=60)


def format_iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
