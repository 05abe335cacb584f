"""Both sensors in Airflow's own task runner, in every mode, against the sandbox over HTTP.

``dag.test`` runs triggers too, up to their first event.
"""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.airflow.conftest import RunDag
from tests.connected import requests_of

FILE = "session_sensors"
MODES = ("deferrable", "poke", "reschedule")


@pytest.fixture
def session_id(vidinfra: Any) -> str:
    """A live session, which leaves a recording as soon as it is over."""
    [made] = vidinfra.create("Launch", script={"artifacts_after": 0})
    vidinfra.start(made)
    return str(made)


def end_at_poll(sandbox: Sandbox, number: int, session_id: str) -> None:
    """End the session with its poll of this number."""

    def count(entry: Any) -> None:
        if entry.route == "get_session" and len(sandbox.log.entries(route="get_session")) == number:
            sandbox.clock.advance(60)
            sandbox.vidinfra.end(session_id)

    sandbox.on_request(count)


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_for_the_end_and_the_recording(
    run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, session_id: str, mode: str
) -> None:
    end_at_poll(sandbox, 2, session_id)

    run = run_dag(FILE, f"wait_{mode}", session_id=session_id)

    assert run.state == "success"
    for task in ("state", "artifact"):
        assert run.xcom(task)["session_id"] == run.xcom(task, "session_id") == session_id
        assert run.xcom(task)["state"] == "ended"
        assert run.xcom(task, "_link_SessionLink") == f"https://live.example.com/sessions/{session_id}"
    assert requests_of(sandbox, route="list_session_recordings") == ["list_session_recordings"]


@pytest.mark.parametrize("mode", MODES)
def test_a_wait_that_takes_too_long(run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, mode: str) -> None:
    [session_id] = vidinfra.create()

    run = run_dag(FILE, f"give_up_{mode}", session_id=session_id)

    assert run.tasks == {"skipped": ["skipped"], "failed": ["failed"]}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("on_unreachable", "became"), [("fail", "failed"), ("skip", "skipped"), ("succeed", "success")]
)
def test_a_wait_whose_condition_is_unreachable(
    run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, session_id: str, mode: str, on_unreachable: str, became: str
) -> None:
    end_at_poll(sandbox, 2, session_id)

    run = run_dag(FILE, f"wait_{mode}", session_id=session_id, state="expired", on_unreachable=on_unreachable)

    assert run.tasks["state"] == [became]
    assert run.xcom("state", "session_id") == session_id


def test_sensors_can_be_mapped(run_dag: RunDag, vidinfra: Any, sandbox: Sandbox, session_id: str) -> None:
    [over] = vidinfra.create()
    vidinfra.start(over)
    vidinfra.end(over)
    end_at_poll(sandbox, 2, session_id)

    run = run_dag(FILE, "wait_for_many", sessions=[session_id, over])

    assert run.tasks == {"state": ["success", "success"]}
    assert [result["session_id"] for result in run.xcom("state")] == run.xcom("state", "session_id")
    assert run.xcom("state", "session_id") == [session_id, over]


def test_an_error_is_not_skipped_over(run_dag: RunDag, vidinfra: Any, sandbox: Sandbox) -> None:
    [session_id] = vidinfra.create()
    sandbox.faults.add("status", status=401, times=None)

    run = run_dag(FILE, "give_up_deferrable", session_id=session_id)

    assert run.tasks == {"skipped": ["failed"], "failed": ["failed"]}
