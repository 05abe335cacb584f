"""Fifty deferred waiters in a real Airflow: one poll for all of them, and a triggerer that is killed meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._airflow_api import AirflowApi
from scripts._standalone import Standalone

DAG_ID = "many_waiters"
WAITERS = 50
INTERVAL = 2.0

pytestmark = pytest.mark.e2e


def test_fifty_waiters_share_one_poll_and_outlive_a_killed_triggerer() -> None:
    sandbox = Sandbox()
    vidinfra = sandbox.vidinfra
    began = datetime.now(UTC) - timedelta(minutes=1)
    sessions = vidinfra.create("Board meeting", count=3, started_at=began)
    with SandboxServer(sandbox), Standalone(Path(__file__).parent / "dags", parallelism=8) as airflow:
        api = airflow.api
        api.add_connection(
            "vidinfra_default",
            {"conn_type": "vidinfra", "host": vidinfra.base_url, "password": vidinfra.api_key},
        )
        api.wait_for("the DAG", lambda: api.knows_dag(DAG_ID), timeout=60)
        api.unpause(DAG_ID)
        run_id = api.trigger(DAG_ID, {"sessions": sessions})
        api.wait_for("the deferrals", lambda: deferred(api, run_id) == WAITERS, timeout=180)
        assert_one_poll(sandbox)

        airflow.kill("triggerer")
        sandbox.log.clear()
        time.sleep(3 * INTERVAL)
        assert sandbox.log.count() == 0, "nobody looks while there is no triggerer"
        vidinfra.end(sessions[0])
        airflow.start("triggerer")
        third = WAITERS - len(range(0, WAITERS, len(sessions)))
        api.wait_for("the waiters of the first session", lambda: deferred(api, run_id) == third, timeout=120)
        assert_one_poll(sandbox)

        for session_id in sessions[1:]:
            vidinfra.end(session_id)
        assert api.wait_for_run(DAG_ID, run_id, timeout=180) == "success", airflow.output()
        assert {entry.method for entry in sandbox.log.entries()} == {"GET"}, "no session was touched"
        assert vidinfra.api_key not in "\n".join(api.log(DAG_ID, run_id, "wait", map_index=0))


def deferred(api: AirflowApi, run_id: str) -> int:
    states = Counter(api.task_states(DAG_ID, run_id).values())
    assert not states["failed"], states
    return states["deferred"]


def assert_one_poll(sandbox: Sandbox) -> None:
    """Watch a while: one list a look, now and then a close look, and nothing that grows with the waiters."""
    sandbox.log.clear()
    looks = 10
    time.sleep(looks * INTERVAL)
    asked = Counter(str(entry.route) for entry in sandbox.log.entries())
    assert looks / 2 <= asked["list_live_sessions"] + asked["get_session"] <= looks + 5, asked
