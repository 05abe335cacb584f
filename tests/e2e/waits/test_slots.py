"""More tasks than the rate limit allows, in a real Airflow: they are deferred and keep the limit."""

from __future__ import annotations

import pytest

from airflow_provider_sessions.sandbox import Sandbox
from scripts._standalone import Standalone

DAG_ID = "many_creates"
TASKS = 8
REQUESTS, SECONDS = 6, 20

pytestmark = pytest.mark.e2e


def test_tasks_beyond_the_rate_limit_are_deferred_and_each_creates_one_session(
    airflow: Standalone, sandbox: Sandbox
) -> None:
    api, vidinfra, before = airflow.api, sandbox.vidinfra, sandbox.log.count()
    limited = {"rate_limit": f"{REQUESTS}/{SECONDS}s"}
    api.add_connection("vidinfra_limited", vidinfra.connection() | {"extra": limited})
    options = {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}
    run_id = api.trigger_dag(DAG_ID, {"options": options})
    deferred: set[str] = set()
    for states in api.poll_task_states(DAG_ID, run_id, timeout=300):
        deferred |= {task for task, state in states.items() if state == "deferred"}

    assert api.get_run_state(DAG_ID, run_id) == "success", airflow.read_output()
    assert len(deferred) >= TASKS / 2
    logs = ["\n".join(api.get_log(DAG_ID, run_id, "create", map_index=index)) for index in range(TASKS)]
    deferrals = [log.count("Deferred for") for log in logs]
    titles = sorted(session["title"] for session in vidinfra.sessions())
    assert [title for title in titles if title.startswith("Town hall")] == [f"Town hall {n}" for n in range(TASKS)]
    requests = sandbox.log.entries()[before:]
    assert sum(entry.route == "create_session" for entry in requests) == TASKS
    assert sum(deferrals) <= 2 * TASKS
    assert f"the account allows {REQUESTS} requests per {SECONDS} s; the next request can be sent at" in "".join(logs)
    arrivals = sorted(entry.wall for entry in requests)
    closest = min(later - earlier for earlier, later in zip(arrivals, arrivals[REQUESTS:], strict=False))
    assert closest >= SECONDS
