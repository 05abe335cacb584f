"""The recipes in a real Airflow: partitions, an approval, and checks of loaded rows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.run import list_sessions, run_export
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.hooks.sessions_us import SessionsUsHook
from airflow_provider_sessions.model import SessionQuery, Window, WindowBy
from scripts._airflow_api import AirflowApi
from tests.connected import Connect, close_portal, connect
from tests.e2e.nightly.conftest import DAY, EXAMPLES, TODAY, YESTERDAY, Environment, format_iso

__all__ = ["close_portal", "connect"]

BY_DAY, TALK_TIME, APPROVAL, LOAD = (
    f"sessions_{name}" for name in ("by_day", "talk_time", "approved_deposition", "checked_load")
)

PEOPLE = ["counsel@example.com"]
SETTLING_SECONDS = 8

pytestmark = pytest.mark.e2e


@pytest.fixture
def api(environment: Environment) -> AirflowApi:
    """The API of an Airflow that has the recipes."""
    for dag_id in (BY_DAY, TALK_TIME, APPROVAL, LOAD):
        name = f"{dag_id.removeprefix('sessions_')}.py"
        if not (environment.dags / name).exists():
            shutil.copy(EXAMPLES / "recipes" / name, environment.dags / name)
    for dag_id in (BY_DAY, TALK_TIME, APPROVAL, LOAD):
        environment.api.wait_for(f"the DAG {dag_id}", partial(environment.api.has_dag, dag_id), timeout=60)
    return environment.api


def trigger(api: AirflowApi, dag_id: str, **body: Any) -> str:
    api.unpause_dag(dag_id)
    run_id: str = api.request("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, **body})["dag_run_id"]
    return run_id


def list_runs(api: AirflowApi, dag_id: str) -> list[Mapping[str, Any]]:
    """Return the runs of a DAG, in the order in which they were created."""
    runs: list[Mapping[str, Any]] = api.request("GET", f"dags/{dag_id}/dagRuns", limit=100, order_by="id")["dag_runs"]
    assert all(run["state"] != "failed" for run in runs)
    return runs


# --- partitions -------------------------------------------------------------------------------------------------------


def export_in_past(environment: Environment, day: datetime) -> None:
    """Export a day as the run of its night did, with the clock of that night."""
    query = SessionQuery(window=Window(start=day, end=day + DAY), by=WindowBy.ENDED)
    run = RunId(BY_DAY, f"scheduled__{day + DAY:%Y-%m-%d}", "export")
    target = FileTarget(LocalStore(environment.files / "by_day"), FORMATS["jsonl"], run, clock=VirtualClock(day + DAY))
    hook = SessionsUsHook("sessions_us_default")
    plan = list_sessions(hook, target, query, parse_datasets("sessions,transcript_segments"))
    run_export(hook, plan, target)


def wait_for_days(api: AirflowApi, *days: datetime) -> list[Mapping[str, Any]]:
    """Wait for the runs of the DAG downstream, check that they are of these days alone, and return them."""

    def find_runs() -> list[Mapping[str, Any]] | None:
        runs = list_runs(api, TALK_TIME)
        return runs if len(runs) >= len(days) and all(run["state"] == "success" for run in runs) else None

    runs = api.wait_for("the runs of the days", find_runs, timeout=90)
    assert [run["partition_key"] for run in runs] == [f"{day:%Y-%m-%d}" for day in days]
    return runs


def test_a_late_transcript_starts_the_dag_downstream_for_its_day_and_no_other(
    environment: Environment, api: AirflowApi, connect: Connect
) -> None:
    meetings = environment.sandbox.sessions_us
    meetings.remove_rate_limit()
    connection = meetings.connection() | {"extra": {"rate_limit": "999/second"}}
    api.add_connection("sessions_us_default", connection)
    connect("sessions_us_default", **connection)
    complete, late, newer = (TODAY - number * DAY for number in (4, 3, 2))
    hours = [timedelta(hours=11), timedelta(hours=12)]
    [_], [session_id], [_] = (
        meetings.create("Round table", started_at=day + hours[0], ended_at=day + hours[1])
        for day in (complete, late, newer)
    )
    meetings.script(session_id, artifacts_after={"transcript": None})
    for day in (complete, late):
        export_in_past(environment, day)

    meetings.script(session_id, artifacts_after=0)
    api.unpause_dag(TALK_TIME)
    api.unpause_dag(BY_DAY)
    [nightly] = api.wait_for("the scheduled run", lambda: list_runs(api, BY_DAY), timeout=60)
    assert nightly["partition_key"] == f"{YESTERDAY:%Y-%m-%d}T00:00:00"
    assert api.wait_for_run(BY_DAY, nightly["dag_run_id"], timeout=90) == "success"
    [talk_time] = wait_for_days(api, late)
    result = api.get_xcom(TALK_TIME, talk_time["dag_run_id"], "sum_up")
    assert (result["day"], result["sessions"]) == (f"{late:%Y-%m-%d}", 1)
    assert sum(result["talk_seconds"].values()) > 0

    nothing_new = trigger(api, BY_DAY, partition_key=f"{complete:%Y-%m-%d}T00:00:00")
    assert api.wait_for_run(BY_DAY, nothing_new, timeout=90) == "success"
    assert "No day was written" in "\n".join(api.get_log(BY_DAY, nothing_new, "export"))
    new_day = trigger(api, BY_DAY, partition_key=f"{newer:%Y-%m-%d}T00:00:00")
    assert api.wait_for_run(BY_DAY, new_day, timeout=90) == "success"
    wait_for_days(api, late, newer)


# --- an approval ------------------------------------------------------------------------------------------------------


def test_a_deposition_is_scheduled_and_people_are_emailed_only_if_it_is_approved(
    environment: Environment, api: AirflowApi
) -> None:
    prevail = environment.sandbox.prevail
    api.add_connection("prevail_default", prevail.connection())
    rejected, approved = (trigger(api, APPROVAL, conf={"participants": PEOPLE}) for _ in range(2))

    def find_states() -> list[str | None]:
        return [api.get_task_states(APPROVAL, run_id).get("approve") for run_id in (rejected, approved)]

    api.wait_for("both questions", lambda: find_states() == ["awaiting_input"] * 2, timeout=60)
    began = time.monotonic()
    # Airflow fails a task that is resumed while its scheduler has not seen yet that the process before has ended.
    api.wait_for("the scheduler", lambda: time.monotonic() > began + SETTLING_SECONDS, timeout=60)

    respond(api, rejected, "Reject")
    assert api.wait_for_run(APPROVAL, rejected, timeout=90) == "success"
    assert api.get_task_states(APPROVAL, rejected) == {"approve": "success", "create_deposition": "skipped"}
    assert (prevail.sessions(), prevail.emails()) == ([], [])

    respond(api, approved, "Approve")
    assert api.wait_for_run(APPROVAL, approved, timeout=90) == "success"
    assert api.get_task_states(APPROVAL, approved) == {"approve": "success", "create_deposition": "success"}
    assert [session["title"] for session in prevail.sessions()] == ["Deposition of Malachite Yarrow"]
    assert [mail["to"] for mail in prevail.emails()] == PEOPLE


def respond(api: AirflowApi, run_id: str, option: str) -> None:
    """Respond as the button in the UI does."""
    question = f"dags/{APPROVAL}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    assert PEOPLE[0] in api.request("GET", question)["body"]
    api.request("PATCH", question, {"chosen_options": [option]})


# --- checks -----------------------------------------------------------------------------------------------------------


def test_a_wrong_row_fails_the_check_after_the_load(environment: Environment, api: AirflowApi) -> None:
    tables = environment.tables
    interval = {"data_interval_start": format_iso(YESTERDAY), "data_interval_end": format_iso(TODAY)}
    run_id = trigger(api, LOAD, conf={"schema": tables.schema}, logical_date=format_iso(TODAY), **interval)
    assert api.wait_for_run(LOAD, run_id, timeout=120) == "success"

    tables.run(f"UPDATE {tables.schema}.sessions SET duration_seconds = -1 WHERE ended_at >= '{YESTERDAY}'")
    api.clear_task(LOAD, run_id, "check_sessions")

    def has_failed() -> bool:
        return api.get_task_states(LOAD, run_id)["check_sessions"] == "up_for_retry"

    api.wait_for("the failed check", has_failed, timeout=60)
    log = "\n".join(api.get_log(LOAD, run_id, "check_sessions", 2))
    assert "Column: duration_seconds" in log
    assert "Column: actual_start" not in log
