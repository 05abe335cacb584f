"""The nightly examples in a real Airflow: scheduled runs, a backfill of a month, and connections that are erased."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
EXPORT, LOAD = "nightly_export", "nightly_load"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
YESTERDAY = TODAY - DAY
MONTH_AGO = TODAY - 31 * DAY
LONG_AGO = TODAY - 60 * DAY
SIDE_BY_SIDE = 4
MONTH = 124
"""Sessions of the month, four a day."""
MANY = 60
"""Sessions of the day that is exported while its connection is deleted."""

PATIENT = {
    # The first task of an Airflow waits for up to 40 s where the machine has much to do; 5 s are too few then.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
}
DATASETS = ("sessions", "participants", "attendance", "attendance_summary", "recordings")
OVER = {"success", "failed", "up_for_retry"}
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Truth = Mapping[str, Mapping[str, Any]]

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Setting:
    """An Airflow with the nightly examples, the platform behind its connection, and where the examples write to."""

    airflow: Standalone
    sandbox: Sandbox
    files: Path
    tables: Place
    dags: Path

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

    def connect(self) -> None:
        """Register the platform's connection, with the key that it takes now."""
        self.api.add_connection("vidinfra_default", self.sandbox.vidinfra.connection())

    def connect_warehouse(self) -> None:
        """Register the database's connection."""
        self.api.add_connection("warehouse", fields_of(self.tables))

    def disconnect(self, conn_id: str) -> None:
        self.api.request("DELETE", f"connections/{conn_id}")

    def end_well(self, dag_id: str, run_id: str, *, timeout: float = 180) -> None:
        """Wait until a run has ended, and ended well."""
        state = self.api.wait_for_run(dag_id, run_id, timeout=timeout)
        assert state == "success", "\n".join(self.log(dag_id, run_id, task) for task in ("export", "load", "hours"))

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> str:
        if task_id not in self.api.get_task_states(dag_id, run_id):
            return ""
        text = "\n".join(self.api.get_log(dag_id, run_id, task_id, try_number))
        assert self.sandbox.vidinfra.api_key not in text
        return text

    def tries(self, dag_id: str, run_id: str, task_id: str, number: int) -> str:
        """Wait until a try of a task is over; what became of it."""

        def over() -> str | None:
            [task] = [task for task in self.api.list_tasks(dag_id, run_id) if task["task_id"] == task_id]
            return task["state"] if task["try_number"] == number and task["state"] in OVER else None

        try:
            state = self.api.wait_for(f"try {number} of {task_id}", over, timeout=240)
        except TimeoutError as error:
            error.add_note(f"Tasks: {self.api.list_tasks(dag_id, run_id)}")
            raise
        if state == "failed":  # a clear is lost if the scheduler ends the run at the same moment
            self.api.wait_for_run(dag_id, run_id, timeout=60)
        return state

    def truth(self, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
        """What the platform knows of the sessions that ended from one moment to another, in that order."""
        ended = sorted(self.sandbox.vidinfra.oracle(), key=lambda session: session["ended_at"])
        return {
            session["id"]: session for session in ended if start <= datetime.fromisoformat(session["ended_at"]) < end
        }

    def in_files(self, start: datetime, end: datetime) -> Rows:
        """The rows of all files below the days from one moment to another, by dataset."""
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

    def in_tables(self, start: datetime, end: datetime) -> Rows:
        """The rows of the sessions that ended from one moment to another, by dataset."""
        query = """SELECT one.* FROM {schema}%s AS one JOIN {schema}sessions AS session USING (session_id)
            WHERE session.ended_at >= :start AND session.ended_at < :end"""
        return {
            dataset: [dict(row._mapping) for row in self.tables.rows(query % dataset, start=start, end=end)]
            for dataset in DATASETS
        }


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    sandbox = Sandbox()
    vidinfra = sandbox.vidinfra
    vidinfra.create(count=MONTH, ended_between=(MONTH_AGO, TODAY))
    vidinfra.create(count=MANY, ended_between=(LONG_AGO, LONG_AGO + DAY))
    dags, files = tmp_path_factory.mktemp("dags"), tmp_path_factory.mktemp("files")
    with ExitStack() as stack:
        # Airflow makes no backfill in SQLite while anything else goes on.
        settings = PATIENT | {
            "SESSIONS_EXPORT_PATH": files.as_uri(),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": stack.enter_context(postgres_database()),
        }
        tables = stack.enter_context(postgres_schema())
        stack.enter_context(SandboxServer(sandbox))
        airflow = stack.enter_context(Standalone(dags, settings=settings, parallelism=SIDE_BY_SIDE))
        setting = Setting(airflow, sandbox, files, tables, dags)
        setting.connect()
        setting.connect_warehouse()
        for dag_id in (EXPORT, LOAD):
            put_in(setting, dag_id, YESTERDAY)
        for dag_id in (EXPORT, LOAD):
            wait_until_read(setting, dag_id, YESTERDAY)
            setting.api.unpause_dag(dag_id)
        first_run(setting.api, EXPORT)
        # Airflow runs nothing of before the first day. Nor does it catch up on what is before the runs that there are.
        put_in(setting, EXPORT, MONTH_AGO)
        yield setting


def put_in(setting: Setting, dag_id: str, first_day: datetime) -> None:
    """Change the examples as users do: set the first day, and here a schema, too."""
    text = (EXAMPLES / f"{dag_id}.py").read_text()
    given = f"start_date=datetime({first_day.year}, {first_day.month}, {first_day.day}, tzinfo=UTC)"
    text, replaced = re.subn(r"start_date=datetime\(.*\)", given, text)
    assert replaced == 1
    text = text.replace('Param("public"', f'Param("{setting.tables.schema}"')
    (setting.dags / f"{dag_id}.py").write_text(text)


def wait_until_read(setting: Setting, dag_id: str, first_day: datetime) -> None:
    def is_read() -> bool:
        if not setting.api.has_dag(dag_id):
            return False
        start = setting.api.request("GET", f"dags/{dag_id}/details")["start_date"]
        return datetime.fromisoformat(start) == first_day

    setting.api.wait_for(f"the DAG {dag_id} from {first_day}", is_read, timeout=90)


def first_run(api: AirflowApi, dag_id: str) -> str:
    """The run that the scheduler makes for yesterday."""

    def made() -> str | None:
        runs = api.request("GET", f"dags/{dag_id}/dagRuns", limit=100)["dag_runs"]
        return next((run["dag_run_id"] for run in runs if run["data_interval_start"] == iso(YESTERDAY)), None)

    return api.wait_for("the scheduled run", made, timeout=60)


def iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def each_once(truth: Truth) -> Counter[tuple[str, str, str]]:
    """Sessions, people's time and recordings as they are to be found: each once."""
    found: Counter[tuple[str, str, str]] = Counter()
    for session_id, session in truth.items():
        found["session", session_id, session["title"]] += 1
        for row in session["content"]["attendance"]:
            found["attendance", row["id"], str(row["watch_duration"])] += 1
        for one in session["content"]["recording"]:
            found["recording", one["id"], session_id] += one["status"] == "completed"
    return +found


def found_in(rows: Rows) -> Counter[tuple[str, str, str]]:
    """The same as :func:`each_once`, as it was written."""
    return (
        Counter(("session", row["session_id"], row["title"]) for row in rows["sessions"])
        + Counter(("attendance", row["source_id"], f"{row['reported_seconds']:g}") for row in rows["attendance"])
        + Counter(
            # What never got ready is noted as absent, with its row as it was last.
            ("recording", row["recording_id"], row["session_id"])
            for row in rows["recordings"]
            if row["status"] == "ready"
        )
    )


def hours_attended(truth: Truth) -> list[tuple[str, int, float]]:
    """Of each person: who it is, the number of sessions, and hours; a session's length at most for each."""
    sessions: defaultdict[str, list[float]] = defaultdict(list)
    labels: dict[str, str] = {}
    for session in truth.values():
        length = datetime.fromisoformat(session["ended_at"]) - datetime.fromisoformat(session["started_at"])
        for row in session["content"]["attendance"]:
            sessions[row["user_id"]].append(min(row["watch_duration"], length.total_seconds()))
            labels[row["user_id"]] = row["email"] or row["username"]
    return sorted((labels[person], len(times), round(sum(times) / 3600, 6)) for person, times in sessions.items())


def test_a_night_is_exported_to_files(setting: Setting) -> None:
    run_id = first_run(setting.api, EXPORT)
    setting.end_well(EXPORT, run_id)

    truth = setting.truth(YESTERDAY, TODAY)
    assert len(truth) == MONTH / 31
    assert found_in(setting.in_files(YESTERDAY, TODAY)) == each_once(truth)
    result = setting.api.get_xcom(EXPORT, run_id, "export")
    assert (result["sessions"], result["pending"], result["absent"]) == (len(truth), {}, {})
    record = json.loads(Path(result["record"]).read_text())
    assert record["status"] == "complete"
    for file in record["files"]:
        data = (setting.files / file["key"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    log = setting.log(EXPORT, run_id, "export")
    assert f"{len(truth)} sessions of vidinfra ended from {YESTERDAY.isoformat()}" in log
    assert f"record: {result['record']}" in log


def test_a_night_is_loaded_and_its_query_sums_up_hours_per_person(setting: Setting) -> None:
    run_id = first_run(setting.api, LOAD)
    setting.end_well(LOAD, run_id)

    truth = setting.truth(YESTERDAY, TODAY)
    assert found_in(setting.in_tables(YESTERDAY, TODAY)) == each_once(truth)
    result = [row["__data__"] for row in setting.api.get_xcom(LOAD, run_id, "hours")]  # tuples, as XCom has them
    assert [row[2] for row in result] == sorted((row[2] for row in result), reverse=True)
    assert sorted((who, sessions, round(hours, 6)) for who, sessions, hours in result) == hours_attended(truth)


@pytest.mark.nightly
def test_a_month_is_backfilled_side_by_side_over_what_is_there(setting: Setting) -> None:
    api, vidinfra = setting.api, setting.sandbox.vidinfra
    nightly = first_run(api, EXPORT)
    setting.end_well(EXPORT, nightly)
    before = Path(api.get_xcom(EXPORT, nightly, "export")["record"]).read_bytes()
    month = setting.truth(MONTH_AGO, TODAY)
    late = next(iter(setting.truth(TODAY - 3 * DAY, TODAY)))
    lost = next(iter(setting.truth(TODAY - 20 * DAY, TODAY)))
    vidinfra.script(late, artifacts_after={"recording": 30 * 86400})
    vidinfra.script(lost, artifacts_after={"recording": None})
    wait_until_read(setting, EXPORT, MONTH_AGO)

    days = {"from_date": iso(MONTH_AGO), "to_date": iso(YESTERDAY), "reprocess_behavior": "completed"}
    made = api.request("POST", "backfills", {"dag_id": EXPORT, "max_active_runs": SIDE_BY_SIDE, **days})
    api.wait_for("the backfill", lambda: api.request("GET", f"backfills/{made['id']}")["completed_at"], timeout=400)

    runs = api.request("GET", f"dags/{EXPORT}/dagRuns", limit=100)["dag_runs"]
    assert Counter(run["state"] for run in runs if run["run_type"] == "backfill") == {"success": 31}
    assert most_at_once(runs) > 1
    assert found_in(setting.in_files(MONTH_AGO, TODAY)) == each_once(setting.truth(MONTH_AGO, TODAY))
    assert Path(api.get_xcom(EXPORT, nightly, "export")["record"]).read_bytes() == before, "the same bytes again"
    summaries = {run["dag_run_id"]: api.get_xcom(EXPORT, run["dag_run_id"], "export") for run in runs}
    [of_late] = [run_id for run_id, result in summaries.items() if result["pending"]]
    assert summaries[of_late]["pending"] == {"recordings": 1}
    assert [result["absent"] for result in summaries.values() if result["absent"]] == [{"recordings": 1}]
    assert sum(result["sessions"] for result in summaries.values()) == len(month)

    vidinfra.script(late, artifacts_after=0)
    api.clear_task(EXPORT, of_late, "export")
    assert setting.tries(EXPORT, of_late, "export", 2) == "success"
    assert api.get_xcom(EXPORT, of_late, "export")["pending"] == {}
    assert found_in(setting.in_files(MONTH_AGO, TODAY)) == each_once(setting.truth(MONTH_AGO, TODAY))


def most_at_once(runs: Iterable[Mapping[str, Any]]) -> int:
    """How many runs went on at the same time."""
    spans = [(run["start_date"], run["end_date"]) for run in runs]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def test_an_export_whose_connection_is_deleted_leaves_no_stub_and_goes_on_when_it_is_back(setting: Setting) -> None:
    api, task = setting.api, "export"
    run_id = run_of_long_ago(setting, EXPORT)
    assert setting.tries(EXPORT, run_id, task, 1) == "failed", "another try has no other key"
    assert "AuthenticationError: vidinfra responded with 401" in setting.log(EXPORT, run_id, task, 1)
    assert list(setting.files.rglob(f"dt={LONG_AGO:%Y-%m-%d}/*")) == []

    api.clear_task(EXPORT, run_id, task)
    assert setting.tries(EXPORT, run_id, task, 2) == "up_for_retry"
    assert "The conn_id `vidinfra_default` isn't defined" in setting.log(EXPORT, run_id, task, 2)
    assert list(setting.files.rglob(f"dt={LONG_AGO:%Y-%m-%d}/*")) == []

    setting.connect()
    api.clear_task(EXPORT, run_id, task)
    assert setting.tries(EXPORT, run_id, task, 3) == "success", setting.log(EXPORT, run_id, task, 3)
    truth = setting.truth(LONG_AGO, LONG_AGO + DAY)
    assert found_in(setting.in_files(LONG_AGO, LONG_AGO + DAY)) == each_once(truth)
    assert list(setting.files.glob("_ledger/*/*/open/*")) == []


@pytest.mark.nightly
def test_a_load_whose_connections_are_deleted_leaves_whole_sessions_and_goes_on_when_they_are_back(
    setting: Setting,
) -> None:
    api, task = setting.api, "load"
    truth = setting.truth(LONG_AGO, LONG_AGO + DAY)
    run_id = run_of_long_ago(setting, LOAD)
    assert setting.tries(LOAD, run_id, task, 1) == "failed", "another try has no other key"
    assert "AuthenticationError: vidinfra responded with 401" in setting.log(LOAD, run_id, task, 1)
    rows = setting.in_tables(LONG_AGO, LONG_AGO + DAY)
    loaded = {row["session_id"]: truth[row["session_id"]] for row in rows["sessions"]}
    assert 0 < len(loaded) < MANY
    assert found_in(rows) == each_once(loaded), "whole sessions"

    setting.disconnect("warehouse")
    api.clear_task(LOAD, run_id, task)
    assert setting.tries(LOAD, run_id, task, 2) == "up_for_retry"
    assert "The conn_id `vidinfra_default` isn't defined" in setting.log(LOAD, run_id, task, 2)

    setting.connect()
    api.clear_task(LOAD, run_id, task)
    assert setting.tries(LOAD, run_id, task, 3) == "up_for_retry"
    assert "The conn_id `warehouse` isn't defined" in setting.log(LOAD, run_id, task, 3)

    setting.connect_warehouse()
    api.clear_task(LOAD, run_id, task)
    setting.end_well(LOAD, run_id)
    assert found_in(setting.in_tables(LONG_AGO, LONG_AGO + DAY)) == each_once(truth)
    assert setting.api.get_xcom(LOAD, run_id, task)["sessions"] == MANY


def run_of_long_ago(setting: Setting, dag_id: str) -> str:
    """Start a run for a day with many sessions; in the midst of it the account gets another key, and Airflow's
    connection is erased."""
    truth = setting.truth(LONG_AGO, LONG_AGO + DAY)
    fatal = list(truth)[MANY * 3 // 4]

    def erase(entry: LogEntry) -> None:
        if entry.route == "list_attendance" and fatal in entry.path:
            setting.sandbox.listeners.remove(erase)
            setting.sandbox.vidinfra.new_api_key()
            setting.disconnect("vidinfra_default")

    setting.sandbox.on_request(erase)
    interval = {"data_interval_start": iso(LONG_AGO), "data_interval_end": iso(LONG_AGO + DAY)}
    run = setting.api.request("POST", f"dags/{dag_id}/dagRuns", {"logical_date": iso(datetime.now(UTC)), **interval})
    run_id: str = run["dag_run_id"]
    return run_id
