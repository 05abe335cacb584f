"""What happens in `make up` without Airflow: yesterday's sessions, and meetings that somebody holds by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from scripts._airflow_api import AirflowApi
from scripts._platforms import DAGS
from scripts._sandbox import SandboxProcess

WATCHING_DAG = "sessions_export_each_session"
DOWNSTREAM_DAG = "sessions_talk_time"
SESSIONS = 6
"""Webinars and meetings of yesterday, for the DAGs that export or load a day."""


def hold_sessions_of_yesterday(sandbox: SandboxProcess) -> None:
    """Let webinars and meetings have ended yesterday, so that there is a day to export."""
    for platform in ("vidinfra", "sessions_us"):
        sandbox.control("POST", f"/{platform}/sessions", {"count": SESSIONS, "ended_on": "yesterday"})


def hold_meeting(sandbox: SandboxProcess) -> str:
    """Let somebody schedule a meeting, which begins and ends by itself, and return its id."""
    now = datetime.now(UTC)
    meeting = {"title": f"Meeting of {now:%H:%M} UTC", "scheduled_start": (now + timedelta(seconds=5)).isoformat()}
    [session_id] = sandbox.control("POST", "/sessions_us/sessions", meeting)["ids"]
    return str(session_id)


def start_watching(api: AirflowApi) -> None:
    """Unpause the DAGs that are started by events, and let Airflow start the watcher of session events now.

    An event starts no DAG that is paused. Airflow starts the watchers of an asset when it parses a file whose DAG is
    not paused.
    """
    for dag_id in (WATCHING_DAG, DOWNSTREAM_DAG):
        api.wait_for(f"the DAG {dag_id}", partial(api.has_dag, dag_id), timeout=60)
        api.unpause_dag(dag_id)
    api.parse_dag_file(WATCHING_DAG)


def unpause_manual_dags(api: AirflowApi) -> None:
    """Unpause the examples without a schedule, which start no run by that.

    The trigger form unpauses a DAG, too, but Airflow's SQLite refuses that while it is busy. The run then stays queued.
    """
    for dag_id in (f"sessions_{file.stem}" for file in sorted(DAGS.glob("*.py"))):
        api.wait_for(f"the DAG {dag_id}", partial(api.has_dag, dag_id), timeout=60)
        if api.request("GET", f"dags/{dag_id}")["timetable_summary"] is None:
            api.unpause_dag(dag_id)
