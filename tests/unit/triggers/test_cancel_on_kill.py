"""``cancel_on_kill``: when a session is called off, and all the times when Airflow's ``on_kill`` is no reason for it.

Airflow's side of the talk is played here; tests/e2e/test_triggerer.py has the real one.
"""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetTaskStates, GetXCom, TaskStatesResult, XComResult

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.triggers.sessions import SessionStateTrigger
from tests.connected import Connect, requests_of

TRY = 2


class Supervisor:
    """What a trigger may ask Airflow: the states of task instances, and an XCom."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {"wait": "failed"}
        self.waiting_try: Any = TRY
        self.asked: list[Any] = []
        self.was_asked = asyncio.Event()

    async def asend(self, message: Any) -> Any:
        self.asked.append(message)
        self.was_asked.set()
        if isinstance(message, GetTaskStates):
            return TaskStatesResult(task_states={"run-1": self.states})
        if isinstance(message, GetXCom):
            return XComResult(key=message.key, value=self.waiting_try)
        return None


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def session_id(vidinfra: Any) -> str:
    [made] = vidinfra.create("Deposition of Mr. Doe")
    return str(made)


def trigger_for(session_id: str, map_index: int = -1, **given: Any) -> SessionStateTrigger:
    trigger = SessionStateTrigger(
        conn_id="vidinfra_default",
        session_id=session_id,
        **{"state": "live", "poll_interval": 60.0, "deadline": time.time() + 3600, "cancel_on_kill": True} | given,
    )
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", task_id="wait", run_id="run-1", map_index=map_index, try_number=TRY
    )
    return trigger


def is_there(vidinfra: Any, session_id: str) -> bool:
    """VidInfra has no canceled state: a session that is called off is deleted."""
    return vidinfra.session(session_id)["deleted_at"] is None


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
async def test_a_marked_task_calls_its_session_off(
    vidinfra: Any, session_id: str, supervisor: Supervisor, state: str
) -> None:
    supervisor.states = {"wait": state}

    await trigger_for(session_id).on_kill()

    assert not is_there(vidinfra, session_id)


async def test_a_triggerer_that_stops_the_trigger_again_does_not_stop_it_halfway(
    vidinfra: Any, session_id: str, supervisor: Supervisor
) -> None:
    killing = asyncio.ensure_future(trigger_for(session_id).on_kill())
    await supervisor.was_asked.wait()
    while not killing.done():
        killing.cancel()
        await asyncio.sleep(0)

    assert not is_there(vidinfra, session_id)


async def test_nothing_is_asked_where_nothing_was_ordered(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox
) -> None:
    await trigger_for(session_id, cancel_on_kill=False).on_kill()

    assert supervisor.asked == []
    assert requests_of(sandbox) == []


@pytest.mark.parametrize(
    "state",
    ["deferred", "queued", "scheduled", "running", "restarting", "up_for_retry", "up_for_reschedule", "removed", None],
)
async def test_a_freeze_and_a_clear_call_nothing_off(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, state: str | None
) -> None:
    caplog.set_level("INFO")
    supervisor.states = {"wait": state}

    await trigger_for(session_id).on_kill()

    assert requests_of(sandbox) == []
    assert "Nothing is canceled" in caplog.text


@pytest.mark.parametrize(("map_index", "became"), [(0, "left"), (1, "canceled")])
async def test_each_mapped_task_stands_for_itself(
    vidinfra: Any, session_id: str, supervisor: Supervisor, map_index: int, became: str
) -> None:
    supervisor.states = {"wait_0": "deferred", "wait_1": "failed", "wait": "failed"}

    await trigger_for(session_id, map_index).on_kill()

    assert is_there(vidinfra, session_id) == (became == "left")
    assert {message.map_index for message in supervisor.asked if hasattr(message, "map_index")} == {map_index}


@pytest.mark.parametrize("noted", [0, TRY + 1], ids=["the wait is over", "another try waits"])
async def test_a_task_that_ended_by_itself_was_not_killed(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, noted: int
) -> None:
    supervisor.waiting_try = noted

    await trigger_for(session_id).on_kill()

    assert requests_of(sandbox) == []


async def test_a_task_of_somebody_elses_makes_no_note(vidinfra: Any, session_id: str, supervisor: Supervisor) -> None:
    supervisor.waiting_try = None

    await trigger_for(session_id).on_kill()

    assert not is_there(vidinfra, session_id)


async def test_what_cannot_be_found_out_is_no_reason(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.states = {"another_task": "failed"}
    await trigger_for(session_id).on_kill()

    without_task = trigger_for(session_id)
    without_task.task_instance = None
    await without_task.on_kill()

    assert requests_of(sandbox) == []
    assert caplog.text.count("the state of the task cannot be found out") == 2


async def test_no_supervisor_is_no_reason(session_id: str, sandbox: Sandbox) -> None:
    await trigger_for(session_id).on_kill()

    assert requests_of(sandbox) == []


@pytest.mark.parametrize("state", ["live", "ended"])
async def test_a_session_that_has_begun_is_left_alone(
    vidinfra: Any, session_id: str, supervisor: Supervisor, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    caplog.set_level("INFO")
    vidinfra.start(session_id)
    if state == "ended":
        vidinfra.end(session_id)

    await trigger_for(session_id, state="ended").on_kill()

    assert vidinfra.session(session_id)["state"] == state
    assert f"Session {session_id} is {state} and left alone" in caplog.text


async def test_a_failure_is_told(
    vidinfra: Any, session_id: str, supervisor: Supervisor, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password="wrong")

    await trigger_for(session_id).on_kill()

    assert is_there(vidinfra, session_id)
    assert f"Session {session_id} was not canceled: AuthenticationError" in caplog.text


async def test_a_session_that_is_gone_needs_no_canceling(
    vidinfra: Any, session_id: str, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    vidinfra.delete(session_id)

    await trigger_for(session_id).on_kill()

    assert f"Session {session_id} was not canceled: NotFoundError" in caplog.text
