"""The nightly examples in a real Airflow: scheduled runs, a backfill of a month, and deleted connections."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.request_log import LogEntry
from scripts._airflow_api import AirflowApi
from scripts._standalone import Standalone
from tests.databases import Place, fields_of, postgres_database, postgres_schema
from tests.e2e.exported_rows import (
    DATASETS,
    ExpectedSessions,
    Rows,
    count_expected,
    count_rows,
    list_expected,
    read_tables,
)

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
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

pytestmark = pytest.mark.e2e


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


@pytest.fixture(scope="module")
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
