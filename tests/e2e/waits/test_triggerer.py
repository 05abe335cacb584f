"""Triggerers that are frozen or killed, and tasks that are marked or cleared while they wait, in a real Airflow."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from scripts._airflow_api import AirflowApi
from scripts._processes import kill, list_process_tree
from scripts._standalone import Standalone

WAITERS = 50
SESSIONS = 3
INTERVAL = 2.0
FREEZE = 25.0
CLEARED_WHILE_FROZEN = range(5)
CLEARED_AFTERWARDS = range(5, 10)
EXTRA_REQUESTS = 25
"""Requests in addition to one per poll, at most: gets of single sessions when a triggerer takes over, and the poll of
each cleared task before it defers. Half of one request per waiter."""

MARKED = {"failed": "failed", "succeeded": "success", "not_asked": "failed", "begun": "failed"}
"""Tasks of the DAG marked_waits to what they are marked as while they wait."""

pytestmark = pytest.mark.e2e


@pytest.mark.needs_airflow("3.3")
def test_only_a_marked_task_cancels_its_session(airflow: Standalone, sandbox: Sandbox) -> None:
    api, dag_id = airflow.api, "marked_waits"
    sessions = dict(zip(MARKED | {"cleared": ""}, create_overdue(sandbox, len(MARKED) + 1), strict=True))
    sandbox.vidinfra.start(sessions["begun"])
    run_id = api.trigger_dag(dag_id, {"sessions": sessions})
    api.wait_for("the deferrals", lambda: states(api, dag_id, run_id)["deferred"] == len(sessions), timeout=120)

    def wait_for_log(task_id: str, text: str, lines: int = 1) -> None:
        api.wait_for_log(dag_id, run_id, task_id, text, lines=lines, timeout=120)

    for task_id in sessions:  # Airflow kills no trigger that no triggerer has begun to run; the worker logs this, too
        wait_for_log(task_id, "; waiting for state 'ended'", lines=2)
    api.clear_task(dag_id, run_id, "cleared")
    for task_id, state in MARKED.items():
        api.mark_task(dag_id, run_id, task_id, state)

    wait_for_log("failed", f"{sessions['failed']} was canceled")
    wait_for_log("succeeded", f"{sessions['succeeded']} was canceled")
    wait_for_log("begun", f"{sessions['begun']} is not canceled: it is live")
    wait_for_log("cleared", "The session is not canceled")
    deleted = {task_id for task_id, id_ in sessions.items() if sandbox.vidinfra.session(id_)["deleted_at"]}
    assert deleted == {"failed", "succeeded"}

    sandbox.vidinfra.start(sessions["cleared"])
    sandbox.vidinfra.end(sessions["cleared"])
    api.wait_for("the cleared one", lambda: api.get_task_states(dag_id, run_id)["cleared"] == "success", timeout=60)


@pytest.mark.matrix
@pytest.mark.spared("3.2")
def test_fifty_waiters_outlive_a_frozen_and_a_killed_triggerer(airflow: Standalone, sandbox: Sandbox) -> None:
    api, vidinfra = airflow.api, sandbox.vidinfra
    sessions, requests_before = create_overdue(sandbox, SESSIONS), sandbox.log.count()
    run_id = api.trigger_dag("many_waiters", {"sessions": sessions})

    def wait_until_deferred(count: int) -> None:
        def deferred() -> bool:
            now = states(api, "many_waiters", run_id)
            assert not now["failed"], now
            return now["deferred"] == count

        api.wait_for(f"{count} deferred tasks", deferred, timeout=180)

    wait_until_deferred(WAITERS)
    first = airflow.list_processes("triggerer")
    second = airflow.start("triggerer")
    with check_requests(sandbox):
        time.sleep(5 * INTERVAL)

    with check_requests(sandbox):
        with frozen(first, FREEZE):
            api.clear_task("many_waiters", run_id, "wait", CLEARED_WHILE_FROZEN)
            wait_for_poll(api, sandbox)
            vidinfra.start(sessions[0])
            wait_until_deferred(WAITERS - len(range(0, WAITERS, SESSIONS)))
        api.clear_task("many_waiters", run_id, "wait", CLEARED_AFTERWARDS)
        time.sleep(5 * INTERVAL)
    vidinfra.start(sessions[1])

    kill(list_process_tree(second.process))
    airflow.start("triggerer")
    with check_requests(sandbox):
        wait_for_poll(api, sandbox)
        time.sleep(5 * INTERVAL)
    vidinfra.start(sessions[2])

    assert api.wait_for_run("many_waiters", run_id, timeout=180) == "success", airflow.read_output()
    assert {entry.method for entry in sandbox.log.entries()[requests_before:]} == {"GET"}, "no session was touched"
    assert vidinfra.api_key not in "\n".join(api.get_log("many_waiters", run_id, "wait", map_index=0))


def create_overdue(sandbox: Sandbox, count: int) -> list[str]:
    """Create sessions with a planned start a minute ago: they are polled every interval, and can be canceled."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    return list(sandbox.vidinfra.create("Board meeting", count=count, scheduled_start=start))


def states(api: AirflowApi, dag_id: str, run_id: str) -> Counter[str]:
    return Counter(api.get_task_states(dag_id, run_id).values())


@contextmanager
def frozen(processes: Sequence[psutil.Process], seconds: float) -> Iterator[None]:
    """Stop processes with SIGSTOP, as a suspended machine does, and resume them at the end."""
    thaw = time.monotonic() + seconds
    for process in processes:
        process.suspend()
    try:
        yield
        time.sleep(max(0.0, thaw - time.monotonic()))
    finally:
        for process in processes:
            process.resume()


def wait_for_poll(api: AirflowApi, sandbox: Sandbox) -> None:
    """Wait until a triggerer polls."""
    before = sandbox.log.count()
    api.wait_for("a poll by another triggerer", lambda: sandbox.log.count() > before, timeout=90)


@contextmanager
def check_requests(sandbox: Sandbox) -> Iterator[None]:
    """Check that there is one request per poll, for any number of waiters."""
    began, before = time.time(), sandbox.log.count()
    yield
    requests = sandbox.log.entries()[before:]
    polls = (time.time() - began) / INTERVAL
    assert len(requests) <= polls + EXTRA_REQUESTS, Counter(str(entry.route) for entry in requests)
