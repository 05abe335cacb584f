"""The triggers, against the sandbox over HTTP: arguments, events, and that they change no session."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.triggers import _connector
from airflow_provider_sessions.triggers.sessions import ArtifactTrigger, SessionStateTrigger, WaitTrigger
from airflow_provider_sessions.triggers.videos import VideoTrigger
from tests.connected import Connect, requests_of


def arguments(session_id: str, **changed: Any) -> dict[str, Any]:
    return {
        "conn_id": "vidinfra_default",
        "session_id": session_id,
        "poll_interval": 1.0,
        "deadline": time.time() + 3600,
    } | changed


async def event_of(trigger: WaitTrigger) -> dict[str, Any]:
    [event] = [event async for event in trigger.run()]
    assert isinstance(event, TriggerEvent)
    payload: dict[str, Any] = event.payload
    assert json.loads(json.dumps(payload)) == payload
    return payload


@pytest.mark.parametrize(
    "trigger",
    [
        SessionStateTrigger(state="ended", **arguments("s-1")),
        SessionStateTrigger(state="live", cancel_on_kill=True, **arguments("s-1")),
        ArtifactTrigger(
            artifact="recording",
            **arguments("s-1", not_before=1.5, max_consecutive_failures=4, last_seen={"session_id": "s-1"}),
        ),
    ],
    ids=lambda trigger: type(trigger).__name__,
)
def test_trigger_can_be_created_from_its_serialization(trigger: WaitTrigger) -> None:
    path, given = trigger.serialize()

    assert path == f"airflow_provider_sessions.triggers.sessions.{type(trigger).__name__}"
    assert json.loads(json.dumps(given)) == given
    assert type(trigger)(**given).serialize() == (path, given)


@pytest.mark.parametrize(
    ("kind", "condition"), [(SessionStateTrigger, {"state": "live"}), (ArtifactTrigger, {"artifact": "recording"})]
)
def test_task_deferred_by_the_first_release_resumes(kind: type[WaitTrigger], condition: dict[str, str]) -> None:
    stored = {
        "conn_id": "vidinfra_default",
        "session_id": "s-1",
        "poll_interval": 30.0,
        "deadline": 1767225600.0,
        "not_before": 1767139206.0,
        "max_consecutive_failures": 10,
        "last_seen": {"session_id": "s-1", "state": "scheduled"},
        **condition,
    }

    trigger = kind(**stored)
    path, given = trigger.serialize()

    assert path == f"airflow_provider_sessions.triggers.sessions.{kind.__name__}"
    assert stored.items() <= vars(trigger).items()
    assert given == {key: value for key, value in stored.items() if key != "max_consecutive_failures"}


@pytest.mark.parametrize("poll_interval", [0, 0.5, -1, float("nan"), None])
def test_trigger_refuses_an_interval_below_a_second(poll_interval: Any) -> None:
    with pytest.raises(InputError, match="poll_interval: "):
        SessionStateTrigger(state="live", **arguments("s-1", poll_interval=poll_interval))
    with pytest.raises(InputError, match="poll_interval: "):
        VideoTrigger(conn_id="v", library_id="l", video_id="v-1", poll_interval=poll_interval, deadline=0.0)


async def test_condition_is_already_met(vidinfra: Any) -> None:
    [session_id] = vidinfra.create("Launch")
    vidinfra.start(session_id)

    event = await event_of(SessionStateTrigger(state="live", **arguments(session_id)))

    assert event["status"] == "success"
    assert event["message"] == f"Session {session_id} is live"
    assert event["session"]["title"] == "Launch"
    assert set(event) == {"status", "session", "message"}


async def test_artifact_trigger(vidinfra: Any, sandbox: Sandbox) -> None:
    [session_id] = vidinfra.create(script={"artifacts_after": 0})
    vidinfra.start(session_id)
    sandbox.clock.advance(60)
    vidinfra.end(session_id)

    event = await event_of(ArtifactTrigger(artifact="recording", **arguments(session_id)))

    assert event["status"] == "success"
    assert requests_of(sandbox) == ["get_session", "list_session_recordings"]


async def test_unreachable_condition(vidinfra: Any) -> None:
    [session_id] = vidinfra.create()
    vidinfra.expire(session_id)

    event = await event_of(SessionStateTrigger(state="live", **arguments(session_id)))

    assert event["status"] == "unreachable"
    assert event["session"]["state"] == "expired"


async def test_deadline_in_the_past(vidinfra: Any, sandbox: Sandbox) -> None:
    last_seen = {"session_id": "s-1", "state": "scheduled"}
    event = await event_of(
        SessionStateTrigger(state="live", **arguments("s-1", deadline=time.time() - 1, last_seen=last_seen))
    )

    assert event["status"] == "timeout"
    assert event["session"] == last_seen, "the summary from before the deferral"
    assert requests_of(sandbox) == ["get_session"], "a trigger that starts after its deadline polls once"


async def test_event_is_not_before_not_before(vidinfra: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    monkeypatch.setattr(WaitTrigger, "clock", clock)
    now = clock.now().timestamp()
    trigger = SessionStateTrigger(state="live", **arguments("s-1", deadline=now, not_before=now + 6))

    event = asyncio.ensure_future(event_of(trigger))
    await clock.advance(5.9)
    assert not event.done()
    await clock.advance(0.1)
    assert (await event)["status"] == "timeout"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "vidinfra", "host": "http://127.0.0.1:1"}, "password is empty"),
        ({"conn_type": "http"}, "connection type 'http' is no platform of this provider"),
        (None, "no connection 'vidinfra_default'"),
    ],
)
async def test_invalid_connection_fails_with_a_clear_event(
    connect: Connect, fields: dict[str, Any] | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fields is not None:
        connect("vidinfra_default", **fields)
    else:
        monkeypatch.setattr(_connector, "aresolve_connection", _no_connection)
    event = await event_of(SessionStateTrigger(state="live", **arguments("s-1", max_consecutive_failures=1)))

    assert event["status"] == "failed"
    assert message in event["message"]


async def test_connection_that_cannot_be_read_counts_as_any_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secrets backend may be unavailable for minutes, and Airflow reports that as a missing connection."""
    monkeypatch.setattr(_connector, "aresolve_connection", _no_connection)
    clock = VirtualClock()
    monkeypatch.setattr(WaitTrigger, "clock", clock)
    given = arguments("s-1", deadline=clock.now().timestamp() + 3600, max_consecutive_failures=5)
    event = asyncio.ensure_future(event_of(SessionStateTrigger(state="live", **given)))
    await clock.advance(300)

    message = (await event)["message"]
    assert message.startswith("5 polls in a row failed, the last with ConnectionNotFoundError: there is no connection")
    assert "or no secrets backend could be read" in message


async def _no_connection(conn_id: str) -> Any:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")


async def test_bug_fails_with_an_event_and_a_logged_traceback(vidinfra: Any, caplog: pytest.LogCaptureFixture) -> None:
    event = await event_of(SessionStateTrigger(state="no such state", **arguments("s-1")))

    assert event["status"] == "failed"
    assert "'no such state' is unknown" in event["message"]
    assert any(record.exc_info for record in caplog.records)


async def test_stopped_trigger_changes_no_session(vidinfra: Any, sandbox: Sandbox) -> None:
    [session_id] = vidinfra.create()
    vidinfra.start(session_id)
    polled = asyncio.Event()
    loop = asyncio.get_running_loop()
    sandbox.on_request(lambda entry: loop.call_soon_threadsafe(polled.set))
    trigger = SessionStateTrigger(state="ended", **arguments(session_id, poll_interval=3600.0))
    task = asyncio.ensure_future(event_of(trigger))
    await polled.wait()
    task.cancel()
    await asyncio.wait({task})
    await trigger.cleanup()

    assert vidinfra.session(session_id)["state"] == "live"
    assert set(requests_of(sandbox)) == {"get_session"}


async def test_no_secret_in_event_or_log(vidinfra: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    [session_id] = vidinfra.create()
    vidinfra.start(session_id)
    trigger = SessionStateTrigger(state="live", **arguments(session_id))

    event = await event_of(trigger)

    assert vidinfra.api_key not in json.dumps(event) + caplog.text + repr(trigger)


async def test_new_secrets_are_masked_before_the_event(
    vidinfra: Any, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[str] = []

    async def amask(secrets: Any) -> None:
        masked.extend(secrets)

    monkeypatch.setattr(_connector, "amask", amask)
    connect(
        "vidinfra_default",
        conn_type="vidinfra",
        host=vidinfra.base_url,
        login=vidinfra.host_email,
        password=vidinfra.host_password,
        extra={"auth_mode": "login"},
    )
    [session_id] = vidinfra.create()
    vidinfra.start(session_id)
    trigger = SessionStateTrigger(state="live", **arguments(session_id))

    async for event in trigger.run():
        assert event.payload["status"] == "success"
        assert len(masked) >= 2, "the access token and the refresh token"
