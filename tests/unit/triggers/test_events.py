"""The trigger for asset watchers: arguments, events against the sandbox over HTTP, and Airflow's asset state store."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from airflow.sdk import Asset, AssetWatcher
from airflow.serialization.serialized_objects import BaseSerialization
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.polling import session_events
from airflow_provider_sessions.polling.emitted_events import EmittedEvents
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.triggers import events
from airflow_provider_sessions.triggers._asset_state_store import AssetStateStore, create_store
from airflow_provider_sessions.triggers.sessions import SessionEventTrigger
from tests.connected import Connect, requests_of


def trigger(**changed: Any) -> SessionEventTrigger:
    given: dict[str, Any] = {"conn_id": "vidinfra_default", "events": ["ended"], "poll_interval": 1}
    return SessionEventTrigger(**given | changed)


def import_class(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class Accessor:
    """A stand-in for Airflow's accessor of one asset's state."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.stored = stored
        self.written: list[str] = []

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.stored[key]) if key in self.stored else default

    async def aset(self, key: str, value: Any) -> None:
        self.written.append(key)
        self.stored[key] = json.dumps(value)


class Accessors(Accessor):
    """A stand-in for the accessors that Airflow gives to a trigger."""

    def __init__(self, **assets: Accessor) -> None:
        super().__init__({})
        self._by_name = assets


# --- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"events": "ended"}, {}),
        ({"events": ("transcript_ready", "ended", "ended")}, {"events": ["ended", "transcript_ready"]}),
        ({"poll_interval": timedelta(minutes=1), "look_back": "PT1H", "ahead": "P90D"}, {}),
        ({"title": "", "room_id": "", "case": ""}, {}),
        ({"title": "Board", "look_back": 0}, {"title": "Board", "look_back": 0.0}),
    ],
)
def test_equal_triggers_have_equal_serializations(given: dict[str, Any], changed: dict[str, Any]) -> None:
    """Airflow creates one trigger for all watchers with equal arguments."""
    made = trigger(**{"poll_interval": 60} | given)
    path, arguments = made.serialize()

    assert import_class(path) is SessionEventTrigger
    assert arguments == {"conn_id": "vidinfra_default", "events": ["ended"]} | changed, "no default is stored"
    assert json.loads(json.dumps(arguments)) == arguments
    assert import_class(path)(**arguments).serialize() == (path, arguments)
    assert BaseEventTrigger.hash(path, arguments) == BaseEventTrigger.hash(*type(made)(**arguments).serialize())
    assert BaseSerialization.deserialize(BaseSerialization.serialize(arguments)) == arguments


def test_asset_watcher_accepts_the_trigger() -> None:
    asset = Asset("webinars-ended", watchers=[AssetWatcher(name="ended", trigger=trigger())])
    assert asset.watchers[0].trigger.serialize()[1]["events"] == ["ended"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"events": ["finished"]}, "events: 'finished' is unknown"),
        ({"events": []}, "names no event"),
        ({"conn_id": ""}, "conn_id"),
        ({"poll_interval": 0.1}, "poll_interval: 0.1 s is too often"),
        ({"look_back": "yesterday"}, "look_back: 'yesterday' is not a duration"),
        ({"ahead": 0}, "ahead: 0 must be longer than zero"),
        ({"give_up_after": -1}, "give_up_after"),
    ],
)
def test_invalid_argument_raises_when_the_dag_file_is_parsed(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        trigger(**given)


# --- events ---------------------------------------------------------------------------------------------------------


class RunningTrigger:
    """Runs a trigger like the triggerer."""

    def __init__(self, trigger_: SessionEventTrigger) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.ensure_future(self._run(trigger_))

    async def _run(self, trigger_: SessionEventTrigger) -> None:
        async with aclosing(cast("Any", trigger_.run())) as events:
            async for event in events:
                assert isinstance(event, TriggerEvent)
                self.events.put_nowait(event.payload)

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), 20)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


@pytest.fixture
async def run_trigger(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Any]:
    caplog.set_level(logging.INFO)
    sandbox.clock.move_to(datetime.now(UTC))  # triggers use the current time
    running: list[RunningTrigger] = []

    def run_trigger(trigger_: SessionEventTrigger) -> RunningTrigger:
        running.append(RunningTrigger(trigger_))
        return running[-1]

    yield run_trigger
    for each in running:
        await each.stop()


async def test_events_of_a_session(run_trigger: Any, vidinfra: Any) -> None:
    [session_id] = vidinfra.create("Launch", script={"artifacts_after": 0})
    running_trigger = run_trigger(trigger(events=["live", "ended", "recording_ready"]))
    vidinfra.start(session_id)
    live = await running_trigger.next()
    vidinfra.end(session_id)
    ended, ready = await running_trigger.next(), await running_trigger.next()

    assert [live["event"], ended["event"], ready["event"]] == ["live", "ended", "recording_ready"]
    assert live["session"]["session_id"] == session_id
    assert live["session"]["url"] == f"https://live.example.com/sessions/{session_id}"
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(ended["at"]) < timedelta(minutes=1)
    assert ended["key"] == f"vidinfra:{session_id}:ended"
    payloads = json.dumps([live, ended, ready])
    assert vidinfra.api_key not in payloads
    assert len(payloads) < 3000


async def test_stored_events_are_not_emitted_again(
    vidinfra: Any, run_trigger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_events, "SAVE_DELAY", 0.0)
    webinars, copy = Accessor({}), Accessor({})
    first, second = vidinfra.create(count=2)
    vidinfra.start(first)
    vidinfra.end(first)

    def with_store(**assets: Accessor) -> SessionEventTrigger:
        made = trigger()
        cast("Any", made).asset_state_store = Accessors(**assets)
        return made

    running_trigger = run_trigger(with_store(webinars=webinars))
    assert (await running_trigger.next())["session"]["session_id"] == first
    await until(lambda: webinars.stored)
    await running_trigger.stop()
    vidinfra.start(second)
    vidinfra.end(second)

    running_trigger = run_trigger(with_store(copy=copy, webinars=webinars))  # two assets share the watcher now
    assert (await running_trigger.next())["session"]["session_id"] == second
    assert running_trigger.events.empty()
    await until(lambda: set(copy.stored) >= {key for key in webinars.stored if key.endswith(".head")})


async def until(condition: Any) -> None:
    """Wait until a condition is true."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition did not become true")


async def test_watchers_of_one_asset_have_different_prefixes() -> None:
    names = {
        trigger(**changed)._store_prefix()
        for changed in ({}, {"events": "live"}, {"title": "a"}, {"room_id": "a"}, {"case": "a"}, {"conn_id": "other"})
    }
    assert len(names) == 6
    assert trigger(poll_interval=30, look_back=5)._store_prefix() == trigger()._store_prefix()


async def test_only_changed_pages_are_written() -> None:
    accessor = Accessor({})
    store = AssetStateStore([accessor], "sessions.x")
    await store.save(EmittedEvents(since=1.0))
    assert accessor.written[-1] == "sessions.x.head", "without it the other pages are ignored, so it is written last"
    accessor.written.clear()
    await store.save(EmittedEvents(since=1.0))
    assert accessor.written == []
    assert await AssetStateStore([accessor], "sessions.x").load() == EmittedEvents(since=1.0, is_fresh=False)
    assert await AssetStateStore([accessor], "sessions.y").load() is None


@pytest.mark.needs_airflow("3.3.2")
def test_store_accesses_every_asset_of_a_shared_trigger() -> None:
    """The accessors by asset are private attributes; a single accessor refuses to serve two assets."""
    context = importlib.import_module("airflow.sdk.execution_time.context")
    accessors = context.AssetStateStoreAccessors(inlets=[Asset("a"), Asset("b")])
    store = create_store(accessors, "sessions.x")
    assert isinstance(store, AssetStateStore)
    assert {repr(each) for each in store._accessors} == {repr(accessors[Asset(name)]) for name in "ab"}


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "event", "message"),
    [
        ("vidinfra", "transcript_ready", "vidinfra does not support 'transcripts'"),
        ("sessions_us", "recording_ready", "sessions_us does not support 'recordings'"),
    ],
)
async def test_unsupported_event_is_logged_before_any_request(
    connect: Connect,
    sandbox_server: SandboxServer,
    run_trigger: Any,
    caplog: pytest.LogCaptureFixture,
    platform: str,
    event: str,
    message: str,
) -> None:
    connect("the_platform", **sandbox_server.sandbox.platform(platform).connection())
    running_trigger = run_trigger(trigger(conn_id="the_platform", events=["ended", event]))
    await until(lambda: message in caplog.text)

    assert requests_of(sandbox_server.sandbox) == []
    assert not running_trigger.task.done()


async def test_connection_that_is_fixed(
    vidinfra: Any, connect: Connect, run_trigger: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MAX_RETRY_DELAY", 0.1)
    connect("vidinfra_default", conn_type="vidinfra", host="http://127.0.0.1:1")
    running_trigger = run_trigger(trigger(events=["scheduled"]))
    await until(lambda: "password is empty" in caplog.text)
    connect("vidinfra_default", **vidinfra.connection())
    await until(lambda: "Watching for session events" in caplog.text)
    [session_id] = vidinfra.create("Launch")

    assert (await running_trigger.next())["session"]["session_id"] == session_id


async def test_replaced_api_key(
    connect: Connect, sandbox_server: SandboxServer, run_trigger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    prevail = sandbox_server.sandbox.prevail
    connect("prevail_default", **prevail.connection())
    run_trigger(trigger(conn_id="prevail_default", events=["scheduled"]))
    await until(lambda: requests_of(sandbox_server.sandbox))
    prevail.new_api_key()
    await until(lambda: "AuthenticationError" in caplog.text)
    connect("prevail_default", **prevail.connection())
    await until(lambda: "Watching works again" in caplog.text)


async def test_stopped_trigger_changes_no_session_and_logs_no_secret(
    vidinfra: Any, sandbox: Sandbox, run_trigger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    [session_id] = vidinfra.create("Launch")
    vidinfra.start(session_id)
    trigger_ = trigger(events=["live"])
    running_trigger = run_trigger(trigger_)
    await running_trigger.next()
    await running_trigger.stop()
    await trigger_.cleanup()

    assert vidinfra.session(session_id)["state"] == "live"
    assert set(requests_of(sandbox)) == {"list_sessions"}
    assert vidinfra.api_key not in caplog.text + repr(trigger_)
