"""What happens in `make up` without Airflow: last night's webinars, and meetings that somebody holds by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from scripts._airflow_api import AirflowApi
from scripts._sandbox import SandboxProcess

WATCHING_DAG = "sessions_export_each_session"
WEBINARS = 6
"""Webinars of yesterday, for the DAGs that export or load a day."""


def hold_webinars(sandbox: SandboxProcess) -> None:
    """Let webinars have ended yesterday, so that there is a day to export."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [(today - timedelta(days=1)).isoformat(), today.isoformat()]
    sandbox.control("POST", "/vidinfra/sessions", {"count": WEBINARS, "ended_between": days})


def hold_meeting(sandbox: SandboxProcess) -> str:
    """Let somebody schedule a meeting, which begins and ends by itself, and return its id."""
    now = datetime.now(UTC)
    meeting = {"title": f"Meeting of {now:%H:%M} UTC", "scheduled_start": (now + timedelta(seconds=5)).isoformat()}
    [session_id] = sandbox.control("POST", "/sessions_us/sessions", meeting)["ids"]
    return str(session_id)


def start_watching(api: AirflowApi) -> None:
    """Unpause the DAG that is started by session events, and let Airflow start its watcher now.

    Airflow starts the watchers of an asset when it parses a file whose DAG is not paused.
    """
    api.wait_for(f"the DAG {WATCHING_DAG}", partial(api.has_dag, WATCHING_DAG), timeout=60)
    api.unpause_dag(WATCHING_DAG)
    api.parse_dag_file(WATCHING_DAG)
