"""More tasks than an account has slots for, in a real Airflow: they are deferred until theirs and keep to the limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from scripts._standalone import Standalone

DAG_ID = "many_creates"
TASKS = 8
REQUESTS, SECONDS = 6, 20

pytestmark = pytest.mark.e2e


def test_tasks_without_a_slot_are_deferred_and_each_makes_its_one_session() -> None:
    sandbox = Sandbox()
    vidinfra = sandbox.vidinfra
    with SandboxServer(sandbox), Standalone(Path(__file__).parent / "dags", parallelism=4) as airflow:
        api = airflow.api
        limited = {"rate_limit": f"{REQUESTS}/{SECONDS}s"}
        api.add_connection(
            "vidinfra_default",
            {"conn_type": "vidinfra", "host": vidinfra.base_url, "password": vidinfra.api_key, "extra": limited},
        )
        api.wait_for("the DAG", lambda: api.knows_dag(DAG_ID), timeout=60)
        api.unpause(DAG_ID)
        options = {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}
        run_id = api.trigger(DAG_ID, {"options": options})
        deferred: set[str] = set()
        for states in api.follow(DAG_ID, run_id, timeout=300):
            deferred |= {task for task, state in states.items() if state == "deferred"}

        assert api.run_state(DAG_ID, run_id) == "success", airflow.output()
        assert len(deferred) >= TASKS / 2
        logs = ["\n".join(api.log(DAG_ID, run_id, "create", map_index=index)) for index in range(TASKS)]

    deferrals = [log.count("Deferred for") for log in logs]
    assert sorted(session["title"] for session in vidinfra.sessions()) == [f"Town hall {n}" for n in range(TASKS)]
    assert sandbox.log.count(route="create_session") == TASKS
    assert sum(deferrals) <= 2 * TASKS
    assert f"the account allows {REQUESTS} requests in {SECONDS} s; the next free slot is at" in "".join(logs)
    arrivals = sorted(entry.wall for entry in sandbox.log.entries())
    closest = min(later - earlier for earlier, later in zip(arrivals, arrivals[REQUESTS:], strict=False))
    assert closest >= SECONDS
