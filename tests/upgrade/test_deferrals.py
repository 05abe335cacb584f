"""Tasks that an older version deferred resume: Airflow makes their triggers of what it stored, and calls them again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk._shared.module_loading import import_string
from airflow.sdk.execution_time.task_runner import _defer_task
from airflow.sdk.serde import deserialize
from structlog import get_logger

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from tests.upgrade.world import HOUR, NOON, Time, stored, task

POLLED = {"conn_id": "vidinfra_default", "poll_interval": 30}


def resume(operator: Any, deferred: dict[str, Any], context: dict[str, Any]) -> Any:
    """Run the trigger that Airflow stored, and the operator with the method and the arguments beside it."""
    row = Trigger(classpath=deferred["classpath"], kwargs={})
    row.encrypted_kwargs = json.dumps(deferred["trigger_kwargs"])  # as the API server keeps what a worker serialized
    trigger = import_string(row.classpath)(**row.kwargs)

    async def first_event() -> Any:
        return await anext(trigger.run())

    event = asyncio.run(first_event())
    arguments = deserialize(deferred["next_kwargs"]) | {"event": event.payload}
    return operator.resume_execution(deferred["next_method"], arguments, context)


def deferral(work: Callable[..., Any], context: dict[str, Any]) -> dict[str, Any]:
    """What Airflow stores of a task that is deferred now."""
    with pytest.raises(TaskDeferred) as deferred:
        work(context)
    message, _ = _defer_task(deferred.value, context["ti"], get_logger())
    return dict(json.loads(message.model_dump_json()))


@pytest.fixture
def sessions(platforms: Sandbox, time: Time) -> dict[str, str]:
    """The sessions that were waited for: one starts in an hour, one is over and its recording is to come."""
    time.at = NOON
    script = {"live_after": 0, "counted_from": "scheduled_start", "duration": 1800}
    [launch] = platforms.vidinfra.create("Launch", scheduled_start=NOON + HOUR, script=script)
    over = {"started_at": NOON - HOUR, "ended_at": NOON, "script": {"artifacts_after": 1800}, "attendees": 2}
    [recorded] = platforms.vidinfra.create("Over", **over)
    return {"state sensor": launch, "artifact sensor": recorded}


def sensor(name: str, sessions: dict[str, str]) -> Any:
    if name == "state sensor":
        waited = {"session_id": sessions[name], "state": "ended", "cancel_on_kill": True}
        return SessionStateSensor(task_id="state", **waited, **POLLED)
    return ArtifactSensor(task_id="artifact", session_id=sessions[name], artifact="recording", **POLLED)


@pytest.mark.parametrize("name", ["state sensor", "artifact sensor"])
def test_a_sensor_that_was_deferred_resumes(name: str, sessions: dict[str, str], time: Time) -> None:
    old, context = stored("deferrals")[name], task("a_task")
    assert old["deferred"]["trigger_kwargs"]["session_id"] == sessions[name]

    time.run(3600)
    result = resume(sensor(name, sessions), old["deferred"], context)

    assert result["session_id"] == sessions[name]
    assert result["state"] == "ended"
    assert result.keys() == old["deferred"]["trigger_kwargs"]["last_seen"].keys()
    assert context["ti"].xcoms["session_id"] == sessions[name]
    if name == "state sensor":  # the trigger reads there that nobody killed it
        assert context["ti"].xcoms["waiting_try"] == 0
        assert old["xcoms"]["waiting_try"] == 1


@pytest.mark.parametrize("name", ["state sensor", "artifact sensor"])
def test_a_sensor_is_deferred_with_less_than_before(name: str, sessions: dict[str, str]) -> None:
    """The trigger waits for the same, and its arguments take less room."""
    old, context = stored("deferrals")[name], task("a_task")

    deferred = deferral(sensor(name, sessions).execute, context)

    assert context["ti"].xcoms == old["xcoms"] | {"session_id": sessions[name]}
    new_arguments, old_arguments = deferred.pop("trigger_kwargs"), old["deferred"].pop("trigger_kwargs")
    assert deferred == old["deferred"]
    assert len(json.dumps(new_arguments)) <= 350 < len(json.dumps(old_arguments))
    kind = import_string(deferred["classpath"])
    new, before = vars(kind(**new_arguments)), vars(kind(**old_arguments))
    assert {key for key in new if new[key] != before[key]} == {"last_seen", "seen"}
    assert new["seen"]


@pytest.fixture
def town_hall(platforms: Sandbox, time: Time) -> CreateSessionOperator:
    time.at = NOON
    return CreateSessionOperator(
        task_id="create",
        conn_id="vidinfra_default",
        title="Town hall",
        start="2026-03-04T09:00:00+00:00",
        description="All are welcome.",
        options={"room_id": platforms.vidinfra.room_id, "preset_id": platforms.vidinfra.preset_id},
    )


def test_a_create_that_waited_for_its_slot_makes_its_one_session(
    town_hall: CreateSessionOperator, platforms: Sandbox
) -> None:
    old = stored("deferrals")["create that waits for its slot"]

    made = resume(town_hall, old["deferred"], task("create"))

    assert [one["id"] for one in platforms.vidinfra.sessions()] == [made["session_id"]]
    assert town_hall.execute(task("create", try_number=2)) == made
    assert platforms.log.count(route="create_session") == 1


def test_a_create_without_a_response_finds_what_it_made(town_hall: CreateSessionOperator, platforms: Sandbox) -> None:
    old = stored("deferrals")["create that was not answered"]
    fields = {"scheduled_start": NOON + 45 * HOUR, "description": old["sent"]["description"]}
    [there] = platforms.vidinfra.create(old["sent"]["title"], **fields)

    made = resume(town_hall, old["deferred"], task("create"))

    assert made["session_id"] == there
    assert platforms.log.count(route="create_session") == 0


def test_a_create_is_deferred_with_what_it_was_and_more(town_hall: CreateSessionOperator, platforms: Sandbox) -> None:
    busy = {"status": 503, "headers": {"Retry-After": "120"}, "carried_out": True}
    platforms.faults.add("status", route="create_session", **busy)

    deferred = deferral(town_hall.execute, task("create"))

    old = stored("deferrals")["create that was not answered"]["deferred"]
    assert (deferred["classpath"], deferred["next_method"]) == (old["classpath"], old["next_method"])
    assert old["next_kwargs"].items() <= deferred["next_kwargs"].items()
    assert deferred["next_kwargs"].keys() - old["next_kwargs"] == {"sends"}
