"""The sensors, called as Airflow calls them, against the sandbox over HTTP."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    PokeReturnValue,
    TaskDeferred,
)

from airflow_provider_sessions.errors import (
    AuthenticationError,
    InputError,
    NotFoundError,
    TooManyFailuresError,
    UnreachableConditionError,
    UnsupportedError,
    WaitError,
)
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sensors import sessions
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.triggers.sessions import ArtifactTrigger, SessionStateTrigger
from tests.connected import Connect, RecordingTaskInstance, requests_of

HTML_RESPONSE: dict[str, Any] = {"kind": "html", "status": 200}
"""A fault that is not retried at once, unlike a 503."""
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"


def state_sensor(session_id: Any, **given: Any) -> SessionStateSensor:
    return SessionStateSensor(**{"task_id": "wait", "conn_id": "vidinfra_default", "session_id": session_id} | given)


def artifact_sensor(session_id: str, artifact: str, **given: Any) -> ArtifactSensor:
    return ArtifactSensor(task_id="wait", conn_id="vidinfra_default", session_id=session_id, artifact=artifact, **given)


@pytest.fixture
def session_id(vidinfra: Any) -> str:
    [made] = vidinfra.create("Launch")
    return str(made)


def test_met_condition_needs_no_deferral(vidinfra: Any, session_id: str, context: dict[str, Any]) -> None:
    vidinfra.start(session_id)

    result = state_sensor(session_id).execute(context)

    assert (result["session_id"], result["state"]) == (session_id, "live")
    assert context["ti"].xcoms["session_url"].endswith(session_id)


def test_rate_limited_poll_is_left_to_the_trigger(
    vidinfra: Any, session_id: str, sandbox: Sandbox, context: dict[str, Any], connect: Connect
) -> None:
    limited = {"rate_limit": "1/30s"}  # sooner than others would give up
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password=vidinfra.api_key, extra=limited)
    hook_for("vidinfra_default").get_session(session_id)
    vidinfra.start(session_id)
    with pytest.raises(TaskDeferred) as deferred:
        state_sensor(session_id).execute(context)

    assert isinstance(deferred.value.trigger, SessionStateTrigger)
    assert requests_of(sandbox) == ["get_session"]


def test_arguments_of_the_trigger(vidinfra: Any, session_id: str, sandbox: Sandbox, context: dict[str, Any]) -> None:
    before = time.time()
    sensor = state_sensor(f" {session_id} ", state="ended", poll_interval="PT30S", timeout=timedelta(hours=2))
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)

    trigger = deferred.value.trigger
    assert isinstance(trigger, SessionStateTrigger)
    _, given = trigger.serialize()
    assert given["session_id"] == session_id
    assert given.keys() == {"conn_id", "session_id", "state", "poll_interval", "deadline", "not_before", "seen"}
    assert (given["state"], given["poll_interval"], given["seen"]) == ("ended", 30.0, True)
    assert 0 <= given["deadline"] - before - 7200 < 5
    assert 6 <= given["not_before"] - before < 11
    assert len(json.dumps(given)) <= 350
    assert deferred.value.method_name == "execute_complete"
    assert timedelta(hours=2, seconds=55) < deferred.value.timeout <= timedelta(hours=2, seconds=61)
    assert context["ti"].xcoms["session_url"].endswith(session_id), "the operator link exists while the task waits"
    assert requests_of(sandbox) == ["get_session"]


@pytest.mark.needs_airflow("3.3")
def test_cancel_on_kill_records_the_waiting_try(session_id: str, context: dict[str, Any]) -> None:
    context["ti"].try_number = 3
    sensor = state_sensor(session_id, cancel_on_kill=True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)

    assert deferred.value.trigger.serialize()[1]["cancel_on_kill"] is True
    assert context["ti"].xcoms["waiting_try"] == 3
    with pytest.raises(UnreachableConditionError):
        sensor.execute_complete(context, event("unreachable"))
    assert context["ti"].xcoms["waiting_try"] == 0, "the wait has ended, so a later on_kill is no kill"


def test_without_cancel_on_kill_no_try_is_recorded(session_id: str, context: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        state_sensor(session_id).execute(context)

    assert "cancel_on_kill" not in deferred.value.trigger.serialize()[1]
    assert "waiting_try" not in context["ti"].xcoms


@pytest.mark.parametrize(
    ("triggers_have_on_kill", "deferrable", "message"),
    [(False, True, "no effect before Airflow 3.3"), (True, False, "no effect with deferrable=False")],
)
def test_warning_if_cancel_on_kill_has_no_effect(
    vidinfra: Any,
    session_id: str,
    context: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    triggers_have_on_kill: bool,
    deferrable: bool,
    message: str,
) -> None:
    monkeypatch.setattr(sessions, "TRIGGERS_HAVE_ON_KILL", triggers_have_on_kill)
    vidinfra.start(session_id)

    state_sensor(session_id, cancel_on_kill=True, deferrable=deferrable).execute(context)

    assert caplog.text.count(message) == 1


def test_sensor_defers_after_a_404(session_id: str, sandbox: Sandbox, context: dict[str, Any]) -> None:
    sandbox.faults.add("status", status=404)
    with pytest.raises(TaskDeferred) as deferred:
        state_sensor(session_id).execute(context)

    assert not deferred.value.trigger.seen
    assert "session_id" not in context["ti"].xcoms


@pytest.mark.parametrize("error", [401, 403])
def test_refused_first_poll_fails_the_task(
    session_id: str, sandbox: Sandbox, context: dict[str, Any], error: int
) -> None:
    sandbox.faults.add("status", status=error)
    with pytest.raises(Exception, match=str(error)) as raised:
        state_sensor(session_id).execute(context)

    assert isinstance(raised.value, AuthenticationError) == (error == 401)


def test_artifact_is_not_polled_before_the_session_has_ended(
    session_id: str, sandbox: Sandbox, context: dict[str, Any]
) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        artifact_sensor(session_id, "attendance").execute(context)

    assert isinstance(deferred.value.trigger, ArtifactTrigger)
    assert deferred.value.trigger.serialize()[1]["artifact"] == "attendance"
    assert requests_of(sandbox) == ["get_session"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_unsupported_artifact_fails_before_any_request(
    session_id: str, sandbox: Sandbox, context: dict[str, Any], deferrable: bool
) -> None:
    with pytest.raises(UnsupportedError, match="download the recording"):
        artifact_sensor(session_id, "transcript", deferrable=deferrable).execute(context)

    assert requests_of(sandbox) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"state": "started"}, "state: 'started' is unknown; expected one of"),
        ({"session_id": ""}, "session_id: '' is not an id"),
        ({"session_id": None}, "session_id: None is not an id"),
        ({"session_id": "../rooms"}, "session_id"),
        ({"poll_interval": 0.5}, r"poll_interval: 0.5 s is too often; expected 1 s or more"),
        ({"poke_interval": 0}, r"poll_interval: 0 s is too often"),
        ({"max_idle": "soon"}, r"max_idle: 'soon'"),
        ({"poll_interval": "soon"}, "poll_interval: 'soon' is not a duration"),
        ({"max_consecutive_failures": 0}, "max_consecutive_failures: 0 is not a whole number above zero"),
        ({"on_unreachable": "ignore"}, "on_unreachable: 'ignore' is unknown; expected one of fail, skip, succeed"),
    ],
)
def test_invalid_argument_fails_before_any_request(
    vidinfra: Any, sandbox: Sandbox, context: dict[str, Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        state_sensor(**{"session_id": UNKNOWN_ID} | given).execute(context)

    assert requests_of(sandbox) == []


@pytest.mark.parametrize("deferrable", [True, False])
def test_unreachable_condition(vidinfra: Any, session_id: str, context: dict[str, Any], deferrable: bool) -> None:
    vidinfra.expire(session_id)

    with pytest.raises(UnreachableConditionError, match=r"is expired: it can no longer be live"):
        state_sensor(session_id, deferrable=deferrable, soft_fail=True).execute(context)
    with pytest.raises(AirflowSkipException, match="is expired"):
        state_sensor(session_id, deferrable=deferrable, on_unreachable="skip").execute(context)
    result = state_sensor(session_id, deferrable=deferrable, on_unreachable="succeed").execute(context)
    assert result["state"] == "expired"
    with pytest.raises(AirflowSkipException, match="is expired"):
        state_sensor(session_id, deferrable=deferrable, never_fail=True).execute(context)


def resume(sensor: SessionStateSensor, event: Any) -> Any:
    """Resume a deferred task like Airflow."""
    context: Any = {"ti": RecordingTaskInstance()}
    return sensor.resume_execution("execute_complete", {"event": event}, context)


def event(status: str) -> dict[str, Any]:
    return {"status": status, "session": {"session_id": "s-1", "state": "ended"}, "message": "the reason"}


def test_trigger_events() -> None:
    assert resume(state_sensor("s-1"), event("success")) == {"session_id": "s-1", "state": "ended"}
    with pytest.raises(AirflowSensorTimeout, match="the reason"):
        resume(state_sensor("s-1"), event("timeout"))
    with pytest.raises(TooManyFailuresError, match="the reason"):
        resume(state_sensor("s-1"), event("failed"))
    with pytest.raises(UnreachableConditionError, match="the reason"):
        resume(state_sensor("s-1"), event("unreachable"))
    with pytest.raises(AirflowSkipException, match="the reason"):
        resume(state_sensor("s-1", on_unreachable="skip"), event("unreachable"))
    assert resume(state_sensor("s-1", on_unreachable="succeed"), event("unreachable"))["session_id"] == "s-1"


@pytest.mark.parametrize("on_unreachable", ["succeed", "fail"])
def test_session_is_deleted_before_the_trigger_polls(
    session_id: str, context: dict[str, Any], on_unreachable: str
) -> None:
    sensor = state_sensor(session_id, on_unreachable=on_unreachable)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)
    assert context["ti"].xcoms["session_id"] == session_id, "known while the task waits"
    deleted = {"status": "unreachable", "session": None, "message": "deleted"}

    def complete() -> Any:
        arguments = (deferred.value.kwargs or {}) | {"event": deleted}
        return sensor.resume_execution("execute_complete", arguments, context)

    if on_unreachable == "succeed":
        assert (complete()["session_id"], complete()["state"]) == (session_id, "scheduled")
    else:
        assert not deferred.value.kwargs, "only what is returned is stored"
        with pytest.raises(UnreachableConditionError):
            complete()


def test_soft_fail_skips_only_timeouts() -> None:
    with pytest.raises(AirflowSkipException):
        resume(state_sensor("s-1", soft_fail=True), event("timeout"))
    with pytest.raises(TooManyFailuresError):
        resume(state_sensor("s-1", soft_fail=True), event("failed"))
    with pytest.raises(UnreachableConditionError):
        resume(state_sensor("s-1", soft_fail=True), event("unreachable"))


@pytest.mark.parametrize("status", ["timeout", "failed", "unreachable"])
def test_never_fail_skips_every_failure(status: str) -> None:
    with pytest.raises(AirflowSkipException):
        resume(state_sensor("s-1", never_fail=True), event(status))


@pytest.mark.parametrize(
    "event_value", [None, "success", {}, {"status": "waiting"}, {"status": "started"}, {"status": []}]
)
def test_invalid_trigger_event(event_value: Any) -> None:
    with pytest.raises(WaitError, match="the trigger's event is invalid"):
        resume(state_sensor("s-1"), event_value)


def test_poke_returns_the_session(vidinfra: Any, session_id: str, context: dict[str, Any]) -> None:
    sensor = state_sensor(session_id, deferrable=False)
    assert sensor.poke(context) is False
    assert context["ti"].xcoms["session_url"].endswith(session_id)
    vidinfra.start(session_id)

    done = sensor.poke(context)

    assert isinstance(done, PokeReturnValue)
    assert done.is_done
    assert done.xcom_value["state"] == "live"


def test_poke_counts_consecutive_failures(session_id: str, sandbox: Sandbox, context: dict[str, Any]) -> None:
    sensor = state_sensor(session_id, deferrable=False, max_consecutive_failures=2)
    for _ in range(2):
        sandbox.faults.add(**HTML_RESPONSE)
        assert sensor.poke(context) is False
        assert sensor.poke(context) is False, "a successful poke resets the count"
    sandbox.faults.add(**HTML_RESPONSE, times=2)
    assert sensor.poke(context) is False
    with pytest.raises(TooManyFailuresError, match="2 polls in a row failed, the last with MalformedResponseError"):
        sensor.poke(context)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_poke_counts_a_connection_that_cannot_be_read(
    vidinfra: Any, session_id: str, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    context["task_state_store"] = Store()
    arguments = {"deferrable": False, "mode": mode, "max_consecutive_failures": 2}
    first = state_sensor(session_id, **arguments)

    def poke() -> Any:
        # Each poke of a rescheduled task is a run of its own.
        result = (first if mode == "poke" else state_sensor(session_id, **arguments)).poke(context)
        context["task_reschedule_count"] = 1
        return result

    connection = os.environ["AIRFLOW_CONN_VIDINFRA_DEFAULT"]
    assert poke() is False
    monkeypatch.delenv("AIRFLOW_CONN_VIDINFRA_DEFAULT")
    assert poke() is False
    monkeypatch.setenv("AIRFLOW_CONN_VIDINFRA_DEFAULT", connection)
    assert poke() is False, "a successful poke resets the count"
    monkeypatch.delenv("AIRFLOW_CONN_VIDINFRA_DEFAULT")
    assert poke() is False
    with pytest.raises(TooManyFailuresError, match="2 polls in a row failed, the last with AirflowNotFoundException"):
        poke()


@pytest.mark.parametrize("fields", [{"deferrable": True}, {"deferrable": False}, {"mode": "reschedule"}], ids=str)
def test_unknown_connection_fails_the_task_at_once(context: dict[str, Any], fields: dict[str, Any]) -> None:
    sensor = state_sensor("s-1", conn_id="no_such_one", **{"deferrable": False} | fields)

    with pytest.raises(AirflowNotFoundException, match="no_such_one"):
        sensor.execute(context) if sensor.deferrable else sensor.poke(context)


def test_poke_returns_the_session_that_was_deleted_to_cancel_it(
    vidinfra: Any, session_id: str, context: dict[str, Any]
) -> None:
    sensor = state_sensor(session_id, state="canceled", deferrable=False)
    assert sensor.poke(context) is False
    vidinfra.delete(session_id)
    assert sensor.poke(context) is False
    assert sensor.poke(context) is False

    done = sensor.poke(context)
    assert (done.xcom_value["session_id"], done.xcom_value["state"]) == (session_id, "canceled")


def test_poke_detects_a_deleted_session(vidinfra: Any, session_id: str, context: dict[str, Any]) -> None:
    sensor = state_sensor(session_id, deferrable=False)
    assert sensor.poke(context) is False
    vidinfra.delete(session_id)
    assert sensor.poke(context) is False
    assert sensor.poke(context) is False
    with pytest.raises(UnreachableConditionError, match="existed before and has been deleted"):
        sensor.poke(context)


def test_rescheduled_sensor_does_not_count_failures_before_airflow_3_3(
    session_id: str, sandbox: Sandbox, context: dict[str, Any]
) -> None:
    def poke() -> Any:
        return state_sensor(session_id, mode="reschedule", deferrable=False, max_consecutive_failures=1).poke(context)

    sandbox.faults.add(**HTML_RESPONSE, times=2)
    assert poke() is False
    assert poke() is False
    sandbox.faults.add("status", status=404)
    with pytest.raises(NotFoundError):
        poke()


class Store:
    """A stand-in for Airflow's task state store."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value


def test_rescheduled_sensor_counts_failures_in_the_task_state_store(session_id: str, sandbox: Sandbox) -> None:
    store = Store()

    def poke(try_number: int) -> Any:
        instance = RecordingTaskInstance()
        instance.try_number = try_number  # type: ignore[attr-defined]
        context: Any = {"ti": instance, "task_state_store": store}
        return state_sensor(session_id, mode="reschedule", deferrable=False).poke(context)

    sandbox.faults.add("status", status=401, times=None)
    assert poke(1) is False
    assert poke(1) is False
    assert poke(2) is False, "a retry starts from zero"
    assert poke(2) is False
    with pytest.raises(TooManyFailuresError, match="3 polls in a row failed, the last with AuthenticationError"):
        poke(2)


def test_template_fields() -> None:
    assert set(SessionStateSensor.template_fields) >= {"conn_id", "session_id", "state", "poll_interval"}
    assert set(ArtifactSensor.template_fields) >= {"conn_id", "session_id", "artifact", "on_unreachable"}
