"""The example that runs for what happens to sessions, in a real Airflow whose triggerer is killed meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._airflow_api import AirflowApi, AirflowApiError
from scripts._standalone import Standalone
from tests.databases import postgres_database

DAG_ID = "sessions_export_each_session"
EXAMPLES = Path(__file__).parents[2] / "dags_examples"
INTERVAL = 2
TIMEOUT = 240.0
"""Seconds. An unpaused DAG is parsed again before its watchers start: half a minute, and more on a busy machine."""

# Before, Airflow has no store for the emitted events of a watcher.
pytestmark = [pytest.mark.e2e, pytest.mark.needs_airflow("3.3.2")]


def test_sessions_created_elsewhere_start_runs_once_and_a_killed_triggerer_changes_nothing(tmp_path: Path) -> None:
    sandbox = Sandbox()
    meetings = sandbox.sessions_us
    meetings.remove_rate_limit()
    settings = {"SESSIONS_EXPORT_PATH": tmp_path.as_uri(), "SESSIONS_POLL_INTERVAL": str(INTERVAL)}
    # SQLite has one writer: an API server that cannot write what it must answers 500.
    with (
        postgres_database() as database,
        SandboxServer(sandbox),
        Standalone(EXAMPLES, settings=settings | {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}) as airflow,
    ):
        api = airflow.api
        api.add_connection("sessions_us_default", meetings.connection() | {"extra": {"rate_limit": "1000/second"}})
        api.wait_for("the DAG", lambda: api.has_dag(DAG_ID), timeout=TIMEOUT)
        api.unpause_dag(DAG_ID)
        wait_for_polls(api, sandbox)

        first = hold(meetings, "Board meeting")
        api.wait_for("the events of the first", lambda: count_emitted(api) == once(first), timeout=TIMEOUT, interval=2)
        api.wait_for("its files", lambda: has_files(tmp_path, first), timeout=TIMEOUT)
        wait_for_polls(api, sandbox)

        airflow.kill("triggerer")
        second = hold(meetings, "Customer round table")
        airflow.start("triggerer")
        api.wait_for(
            "the events of the second", lambda: count_emitted(api) >= once(second), timeout=TIMEOUT, interval=2
        )
        api.wait_for("its files", lambda: has_files(tmp_path, second), timeout=TIMEOUT)
        wait_for_polls(api, sandbox)

        assert count_emitted(api) == once(first) + once(second), "nothing is repeated"
        assert consumed(api) == once(first) + once(second), "each event is in exactly one run"
        assert {run["state"] for run in runs(api)} == {"success"}
        assert {entry.method for entry in sandbox.log.entries()} == {"GET"}, "no session was touched"


def hold(meetings: Any, title: str) -> str:
    """What people do without Airflow: schedule a session, hold it, and leave."""
    begin = datetime.now(UTC) + timedelta(minutes=5)
    [session_id] = meetings.create(title, scheduled_start=begin, script={"artifacts_after": 1})
    meetings.start(session_id)
    time.sleep(3 * INTERVAL)
    meetings.end(session_id)
    return str(session_id)


def wait_for_polls(api: AirflowApi, sandbox: Sandbox) -> None:
    """Wait for a few polls of the watcher: after them, its emitted events are stored."""
    before = sandbox.log.count()
    api.wait_for("some polls", lambda: sandbox.log.count() >= before + 5, timeout=TIMEOUT)


EventCounts = Counter[tuple[str, str]]


def once(session_id: str) -> EventCounts:
    """The events that a session must cause."""
    return Counter({(session_id, "ended"): 1, (session_id, "transcript_ready"): 1})


def count_events(events: list[dict[str, Any]]) -> EventCounts:
    payloads = [event["extra"]["payload"] for event in events]
    return Counter((payload["session"]["session_id"], payload["event"]) for payload in payloads)


def events(api: AirflowApi, path: str, **query: Any) -> list[dict[str, Any]]:
    """Asset events. Airflow answers 500 while a run that one of them started is queued: its schema wants a start."""

    def fetch() -> Any:
        try:
            return api.request("GET", path, **query)
        except AirflowApiError as broken:
            if ": 500 " not in str(broken):
                raise
            return None

    found: list[dict[str, Any]] = api.wait_for(path, fetch, timeout=TIMEOUT)["asset_events"]
    return found


def count_emitted(api: AirflowApi) -> EventCounts:
    """All emitted asset events."""
    return count_events(events(api, "assets/events", limit=100))


def runs(api: AirflowApi) -> list[dict[str, Any]]:
    """All runs of the example."""
    found: list[dict[str, Any]] = api.request("GET", f"dags/{DAG_ID}/dagRuns", limit=100)["dag_runs"]
    return found


def consumed(api: AirflowApi) -> EventCounts:
    """What the runs were started for."""
    total: EventCounts = Counter()
    for run in runs(api):
        path = f"dags/{DAG_ID}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents"
        total += count_events(events(api, path))
    return total


def has_files(folder: Path, session_id: str) -> bool:
    """Whether a session was exported: its row and its transcript."""
    rows = "".join(file.read_text() for file in folder.glob("sessions/**/*.csv"))
    return session_id in rows and (folder / "transcripts" / session_id / "transcript.vtt").exists()
