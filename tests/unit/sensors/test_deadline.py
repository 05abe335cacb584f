"""The deadline of sensors that poke or are rescheduled: the final poke is at the deadline, not an interval later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred, timezone
from airflow.sdk.bases.sensor import AirflowRescheduleException

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from tests.connected import RecordingTaskInstance, requests_of

SENSORS = "airflow.sdk.bases.sensor"


class Time:
    """Replaces the module ``time`` in Airflow's sensors: sleeping advances it and runs the planned actions."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.plans: list[tuple[float, Any]] = []

    def monotonic(self) -> float:
        self.now += 0.001  # a poke takes some time
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for at, action in self.plans:
            if 1000 + at <= self.now:
                action()
        self.plans = [(at, action) for at, action in self.plans if 1000 + at > self.now]


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    replacement = Time()
    monkeypatch.setattr(f"{SENSORS}.time", replacement)
    return replacement


def sensor(session_id: str, **given: Any) -> SessionStateSensor:
    fields = {"task_id": "wait", "conn_id": "vidinfra_default", "session_id": session_id, "deferrable": False}
    return SessionStateSensor(**fields | given)


@pytest.fixture
def session_id(vidinfra: Any) -> str:
    [session_id] = vidinfra.create("Launch")
    return str(session_id)


@pytest.mark.parametrize("more", [{}, {"exponential_backoff": True}], ids=["plain", "exponential_backoff"])
@pytest.mark.parametrize(("poll_interval", "timeout"), [(60, 20), (3600, 100), (15, 20)])
def test_final_poke_is_at_the_deadline(
    vidinfra: Any, time: Time, session_id: str, context: dict[str, Any], poll_interval: float, timeout: float, more: Any
) -> None:
    time.plans.append((timeout - 1, lambda: vidinfra.start(session_id)))

    result = sensor(session_id, poll_interval=poll_interval, timeout=timeout, **more).execute(context)

    assert result["state"] == "live"
    assert time.now - 1000 <= timeout + 1


def test_no_poke_after_the_deadline(time: Time, session_id: str, sandbox: Sandbox, context: dict[str, Any]) -> None:
    with pytest.raises(AirflowSensorTimeout):
        sensor(session_id, poll_interval=3600, timeout=20).execute(context)

    assert time.now - 1000 < 21
    assert requests_of(sandbox) == ["get_session"] * 2


def test_artifact_is_poked_at_the_deadline(vidinfra: Any, time: Time, context: dict[str, Any]) -> None:
    [session_id] = vidinfra.create("Launch", script={"artifacts_after": 3600, "recording": "completed"})
    vidinfra.start(session_id)
    vidinfra.end(session_id)
    time.plans.append((19, lambda: vidinfra.script(session_id, artifacts_after=0, recording="completed")))

    wait = ArtifactSensor(
        task_id="wait",
        conn_id="vidinfra_default",
        session_id=session_id,
        artifact="recording",
        deferrable=False,
        poke_interval=600,
        timeout=20,
    )
    assert wait.execute(context)["session_id"] == session_id


class Rescheduled(RecordingTaskInstance):
    """A task instance that was rescheduled before.

    :param first: the time of the first reschedule.
    """

    def __init__(self, first: datetime) -> None:
        super().__init__()
        self.first = first

    def get_first_reschedule_date(self, context: Any) -> datetime:
        return self.first


def test_sensor_is_rescheduled_to_its_deadline(session_id: str) -> None:
    now = timezone.utcnow()
    context: Any = {"ti": Rescheduled(now - timedelta(seconds=70))}
    wait = sensor(session_id, mode="reschedule", poll_interval=600, timeout=100)
    with pytest.raises(AirflowRescheduleException) as rescheduled:
        wait.execute(context)

    assert abs((rescheduled.value.reschedule_date - now).total_seconds() - 30) < 5


def test_sensor_rescheduled_beyond_its_deadline_pokes_once(vidinfra: Any, session_id: str) -> None:
    context: Any = {"ti": Rescheduled(timezone.utcnow() - timedelta(seconds=120))}
    wait = sensor(session_id, mode="reschedule", poll_interval=60, timeout=100)
    with pytest.raises(AirflowSensorTimeout):
        wait.execute(context)
    vidinfra.start(session_id)
    assert wait.execute(context)["state"] == "live"


def test_deferral_timeout_leaves_time_for_the_final_poll(session_id: str, context: dict[str, Any]) -> None:

    with pytest.raises(TaskDeferred) as deferred:
        sensor(session_id, deferrable=True, timeout=20).execute(context)

    backstop = deferred.value.timeout
    assert backstop is not None
    assert backstop > timedelta(seconds=20 + 45 + 10), "Airflow's own timeout is after the final poll"
