"""What happens in `make up` without Airflow: yesterday's sessions, and meetings that somebody holds by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from scripts._airflow_api import AirflowApi
from scripts._sandbox import SandboxProcess

WATCHING_DAG = "sessions_export_each_session"
DOWNSTREAM_DAG = "sessions_talk_time"
SESSIONS = 6
"""Webinars and meetings of yesterday, for the DAGs that export or load a day."""


def hold_sessions_of_yesterday(sandbox: SandboxProcess) -> None:
    """Let webinars and meetings have ended yesterday, so that there is a day to export."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(today - timedelta(days=1)).isoformat(), today.isoformat()]
    for platform in ("vidinfra", "sessions_us"):
        sandbox.control("POST", f"/{platform}/sessions", {"count": SESSIONS, "ended_between": days})


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
