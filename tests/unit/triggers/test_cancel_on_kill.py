"""``cancel_on_kill``: when a session is canceled, and the calls of ``on_kill`` that do not cancel it.

Airflow's supervisor is simulated here; tests/e2e/waits/test_triggerer.py uses a real one.
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
    """A supervisor that responds to requests for task states and XComs."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {"wait": "failed"}
        self.waiting_try: Any = TRY
        self.requests: list[Any] = []
        self.request_received = asyncio.Event()

    async def asend(self, message: Any) -> Any:
        self.requests.append(message)
        self.request_received.set()
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


def create_trigger(session_id: str, map_index: int = -1, **given: Any) -> SessionStateTrigger:
    trigger = SessionStateTrigger(
        conn_id="vidinfra_default",
        session_id=session_id,
        **{"state": "live", "poll_interval": 60.0, "deadline": time.time() + 3600, "cancel_on_kill": True} | given,
    )
    trigger.task_instance = SimpleNamespace(
        dag_id="a_dag", task_id="wait", run_id="run-1", map_index=map_index, try_number=TRY
    )
    return trigger


def exists(vidinfra: Any, session_id: str) -> bool:
    """VidInfra has no canceled state: a canceled session is deleted."""
    return vidinfra.session(session_id)["deleted_at"] is None


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
async def test_marked_task_cancels_its_session(
    vidinfra: Any, session_id: str, supervisor: Supervisor, state: str
) -> None:
    supervisor.states = {"wait": state}

    await create_trigger(session_id).on_kill()

    assert not exists(vidinfra, session_id)


async def test_repeated_cancellation_does_not_interrupt_on_kill(
    vidinfra: Any, session_id: str, supervisor: Supervisor
) -> None:
    on_kill = asyncio.ensure_future(create_trigger(session_id).on_kill())
    await supervisor.request_received.wait()
    while not on_kill.done():
        on_kill.cancel()
        await asyncio.sleep(0)

    assert not exists(vidinfra, session_id)


async def test_without_cancel_on_kill_nothing_is_requested(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox
) -> None:
    await create_trigger(session_id, cancel_on_kill=False).on_kill()

    assert supervisor.requests == []
    assert requests_of(sandbox) == []


@pytest.mark.parametrize(
    "state",
    ["deferred", "queued", "scheduled", "running", "restarting", "up_for_retry", "up_for_reschedule", "removed", None],
)
async def test_unmarked_task_does_not_cancel_its_session(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, caplog: pytest.LogCaptureFixture, state: str | None
) -> None:
    caplog.set_level("INFO")
    supervisor.states = {"wait": state}

    await create_trigger(session_id).on_kill()

    assert requests_of(sandbox) == []
    assert "The session is not canceled" in caplog.text


@pytest.mark.parametrize(("map_index", "is_canceled"), [(0, False), (1, True)])
async def test_state_of_the_mapped_task_instance_decides(
    vidinfra: Any, session_id: str, supervisor: Supervisor, map_index: int, is_canceled: bool
) -> None:
    supervisor.states = {"wait_0": "deferred", "wait_1": "failed", "wait": "failed"}

    await create_trigger(session_id, map_index).on_kill()

    assert exists(vidinfra, session_id) != is_canceled
    assert {message.map_index for message in supervisor.requests if hasattr(message, "map_index")} == {map_index}


@pytest.mark.parametrize("recorded_try", [0, TRY + 1], ids=["wait ended", "another try waits"])
async def test_task_whose_wait_ended_does_not_cancel_its_session(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, recorded_try: int
) -> None:
    supervisor.waiting_try = recorded_try

    await create_trigger(session_id).on_kill()

    assert requests_of(sandbox) == []


async def test_session_is_canceled_without_a_recorded_try(
    vidinfra: Any, session_id: str, supervisor: Supervisor
) -> None:
    supervisor.waiting_try = None

    await create_trigger(session_id).on_kill()

    assert not exists(vidinfra, session_id)


async def test_unknown_task_state_does_not_cancel_the_session(
    session_id: str, supervisor: Supervisor, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor.states = {"another_task": "failed"}
    await create_trigger(session_id).on_kill()

    without_task = create_trigger(session_id)
    without_task.task_instance = None
    await without_task.on_kill()

    assert requests_of(sandbox) == []
    assert caplog.text.count("the state of the task is unknown") == 2


async def test_without_supervisor_nothing_is_canceled(session_id: str, sandbox: Sandbox) -> None:
    await create_trigger(session_id).on_kill()

    assert requests_of(sandbox) == []


@pytest.mark.parametrize("state", ["live", "ended"])
async def test_started_session_is_not_canceled(
    vidinfra: Any, session_id: str, supervisor: Supervisor, caplog: pytest.LogCaptureFixture, state: str
) -> None:
    caplog.set_level("INFO")
    vidinfra.start(session_id)
    if state == "ended":
        vidinfra.end(session_id)

    await create_trigger(session_id, state="ended").on_kill()

    assert vidinfra.session(session_id)["state"] == state
    assert f"Session {session_id} is not canceled: it is {state}" in caplog.text


async def test_failed_cancellation_is_logged(
    vidinfra: Any, session_id: str, supervisor: Supervisor, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password="wrong")

    await create_trigger(session_id).on_kill()

    assert exists(vidinfra, session_id)
    assert f"Session {session_id} was not canceled: AuthenticationError" in caplog.text


async def test_deleted_session_is_not_canceled(
    vidinfra: Any, session_id: str, supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    vidinfra.delete(session_id)

    await create_trigger(session_id).on_kill()

    assert f"Session {session_id} was not canceled: NotFoundError" in caplog.text
