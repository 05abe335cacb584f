"""The source of session events on each platform's sandbox, with a virtual clock."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import Artifact
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.polling.emitted_events import EmittedEvents
from airflow_provider_sessions.polling.event_detection import parse_events
from airflow_provider_sessions.polling.poller import Poller, get_poller
from airflow_provider_sessions.polling.session_events import (
    SAVE_DELAY,
    EmittedEventsStore,
    EventSettings,
    NullStore,
    SessionEventSource,
)
from airflow_provider_sessions.polling.wait import Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import ArtifactCondition, FailureLimits
from airflow_provider_sessions.sandbox import Sandbox
from tests.unit.polling.conftest import PollerHarness

POLL_INTERVAL = 60.0
HOUR, DAY = 3600.0, 86_400.0


class MemoryStore:
    """A store that outlives its sources, as Airflow's store outlives triggerers."""

    def __init__(self) -> None:
        self.written = "null"
        self.saves = 0
        self.broken: Exception | None = None

    async def load(self) -> EmittedEvents | None:
        return EmittedEvents.from_pages(json.loads(self.written) or {})

    async def save(self, emitted: EmittedEvents) -> None:
        if self.broken:
            raise self.broken
        self.saves += 1
        self.written = json.dumps(emitted.to_pages())


class SourceHarness:
    """Event sources on one connection, and the payloads that they emitted."""

    def __init__(self, sandbox: Sandbox, clock: VirtualClock, name: str) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.name = name
        self.platform = sandbox.platform(name)
        self.platform.remove_rate_limit()
        self.store: EmittedEventsStore = MemoryStore()
        self.payloads: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.advance = PollerHarness(sandbox, clock).advance

    async def connect(self, current: Adapter | None) -> Adapter:
        fields = self.platform.connection()
        extra = {**fields.get("extra", {}), "rate_limit": "1000/second"}
        account = Account(
            self.name,
            self.name,
            host=fields["host"],
            login=fields.get("login"),
            password=fields["password"],
            extra=extra,
        )
        if current is not None and current.account == account:
            return current
        return adapter_class(self.name).open(
            account, clock=self.clock, attempts=1, transport=httpx.ASGITransport(self.sandbox.app)
        )

    def poller(self) -> Poller:
        return get_poller(self.name, self.connect, clock=self.clock)

    def start_source(self, *events: str, store: EmittedEventsStore | None = None, **changed: Any) -> asyncio.Task[None]:
        """Start a source in a task."""
        fields: dict[str, Any] = {
            "ahead": 90 * DAY,
            "look_back": HOUR,
            "give_up_after": 14 * DAY,
            "poll_interval": POLL_INTERVAL,
        } | changed
        settings = EventSettings(events=parse_events(events), **fields)
        source = SessionEventSource(settings, self.name, store or self.store, self.clock)
        task = asyncio.ensure_future(self._consume(source))
        self.tasks.append(task)
        return task

    async def _consume(self, source: SessionEventSource) -> None:
        async with aclosing(source.stream_events(self.poller)) as events:
            async for event in events:
                payload = event.payload()
                assert json.loads(json.dumps(payload)) == payload
                self.payloads.append(payload)

    async def kill(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def pop_events(self, session_id: str | None = None) -> list[str]:
        """Return the names of the events emitted since the last call."""
        wanted = [each for each in self.payloads if session_id in (None, each["session"]["session_id"])]
        self.payloads = [each for each in self.payloads if each not in wanted]
        return [each["event"] for each in wanted]

    def requests(self) -> Counter[str]:
        """Return the requests since the last call."""
        routes = Counter(str(entry.route) for entry in self.sandbox.log.entries())
        self.sandbox.log.clear()
        return routes

    def in_one_hour(self) -> Any:
        return self.clock.now() + timedelta(hours=1)


CreateHarness = Callable[[str], SourceHarness]


@pytest.fixture
async def create_harness(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[CreateHarness]:
    harnesses: list[SourceHarness] = []

    def create_harness(name: str = "vidinfra") -> SourceHarness:
        harnesses.append(SourceHarness(sandbox, clock, name))
        return harnesses[-1]

    yield create_harness
    for harness in harnesses:
        for task in harness.tasks:
            await harness.kill(task)


ALL = {
    "prevail": ("scheduled", "live", "ended", "canceled", "transcript_ready", "recording_ready"),
    "vidinfra": ("scheduled", "live", "ended", "canceled", "recording_ready"),
    "sessions_us": ("scheduled", "live", "ended", "canceled", "transcript_ready"),
}


@pytest.mark.parametrize("name", ALL)
async def test_events_of_a_session_created_elsewhere(create_harness: CreateHarness, name: str) -> None:
    harness = create_harness(name)
    harness.start_source(*ALL[name])
    await harness.advance(POLL_INTERVAL)
    [session_id] = harness.platform.create(
        "Board meeting", scheduled_start=harness.in_one_hour(), script={"artifacts_after": 1200}
    )
    await harness.advance(2 * POLL_INTERVAL)
    assert harness.pop_events() == ["scheduled"]

    await harness.advance(HOUR)
    harness.platform.start(session_id)
    await harness.advance(2 * POLL_INTERVAL)
    [payload] = harness.payloads
    assert (payload["session"]["session_id"], payload["session"]["title"]) == (session_id, "Board meeting")
    assert harness.pop_events() == ["live"]

    await harness.advance(2 * HOUR)
    harness.platform.end(session_id)
    await harness.advance(600)
    early_events = harness.pop_events()
    await harness.advance(3 * HOUR)
    assert early_events + harness.pop_events() == [
        word for word in ALL[name] if word not in ("scheduled", "live", "canceled")
    ]


class SlowStore(MemoryStore):
    """Loads as slowly as Airflow's store, which receives a request per page."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock

    async def load(self) -> EmittedEvents | None:
        await self.clock.sleep(2)
        return await super().load()


async def test_source_loads_its_events_while_the_last_wait_ends(create_harness: CreateHarness) -> None:
    """The poller that the wait used is closed then."""
    harness = create_harness("vidinfra")
    [session_id] = harness.platform.create("Board meeting", scheduled_start=harness.in_one_hour())
    async with harness.poller().subscribe_to_session(session_id, None, POLL_INTERVAL):
        await harness.advance(POLL_INTERVAL)
        harness.start_source("live", store=SlowStore(harness.clock))
        await harness.advance(1)
    await harness.advance(POLL_INTERVAL)
    harness.platform.start(session_id)
    await harness.advance(2 * POLL_INTERVAL)

    assert harness.pop_events() == ["live"]


@pytest.mark.parametrize("name", ALL)
async def test_canceled_session(create_harness: CreateHarness, name: str) -> None:
    harness = create_harness(name)
    harness.start_source("canceled")
    [session_id] = harness.platform.create("Board meeting", scheduled_start=harness.in_one_hour())
    await harness.advance(2 * POLL_INTERVAL)
    assert harness.pop_events() == []

    if name == "prevail":
        harness.platform.cancel(session_id)
    else:
        harness.platform.delete(session_id)
    await harness.advance(5 * POLL_INTERVAL)
    [payload] = harness.payloads
    assert (payload["event"], payload["key"]) == ("canceled", f"{name}:{session_id}:canceled")
    assert payload["session"]["title"] == "Board meeting"


@pytest.mark.parametrize("name", ALL)
async def test_restart_repeats_and_misses_no_event(create_harness: CreateHarness, name: str) -> None:
    harness = create_harness(name)
    wanted = ("scheduled", "live", "ended", "canceled")
    task = harness.start_source(*wanted)
    await harness.advance(POLL_INTERVAL)
    [ended] = harness.platform.create(scheduled_start=harness.in_one_hour())
    canceled, later = harness.platform.create(count=2, scheduled_start=harness.in_one_hour() + timedelta(hours=9))
    await harness.advance(HOUR)
    harness.platform.start(ended)
    await harness.advance(3 * POLL_INTERVAL)
    assert harness.pop_events(ended) == ["scheduled", "live"]
    assert harness.pop_events() == ["scheduled", "scheduled"]

    await harness.kill(task)
    harness.platform.end(ended)
    if name == "prevail":
        harness.platform.cancel(canceled)
    else:
        harness.platform.delete(canceled)
    [made_meanwhile] = harness.platform.create(scheduled_start=harness.in_one_hour() + timedelta(hours=9))
    await harness.advance(5 * HOUR)

    harness.start_source(*wanted)
    await harness.advance(5 * POLL_INTERVAL)
    assert harness.pop_events(ended) == ["ended"]
    assert harness.pop_events(canceled) == ["canceled"]
    assert harness.pop_events(made_meanwhile) == ["scheduled"]
    assert harness.pop_events(later) == []


async def test_kill_right_after_an_event_repeats_it(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    task = harness.start_source("scheduled")
    await harness.advance(POLL_INTERVAL + 10)
    harness.platform.create(scheduled_start=harness.in_one_hour())
    while not harness.payloads:
        await harness.advance(1)
    [first] = harness.payloads
    await harness.kill(task)

    again = harness.start_source("scheduled")
    await harness.advance(POLL_INTERVAL)
    assert [payload["key"] for payload in harness.payloads] == [first["key"]] * 2
    await harness.advance(SAVE_DELAY)
    await harness.kill(again)
    harness.start_source("scheduled")
    await harness.advance(5 * POLL_INTERVAL)
    assert len(harness.payloads) == 2


@pytest.mark.parametrize(("name", "after_end"), [("prevail", "ready"), ("prevail", "gone"), ("vidinfra", None)])
async def test_end_of_a_session_without_artifacts(create_harness: CreateHarness, name: str, after_end: Any) -> None:
    """Prevail has no word for the end: a session that was live and no longer is has ended."""
    harness = create_harness(name)
    if after_end:
        harness.platform.settings = harness.platform.settings.model_copy(update={"after_end": after_end})
    harness.start_source("live", "ended")
    await harness.advance(POLL_INTERVAL)
    [session_id] = harness.platform.create(scheduled_start=harness.in_one_hour(), script={"artifacts_after": None})
    await harness.advance(HOUR)
    harness.platform.start(session_id)
    await harness.advance(3 * POLL_INTERVAL)
    harness.platform.end(session_id)
    await harness.advance(20 * POLL_INTERVAL)
    assert harness.pop_events() == ["live", "ended"]


async def test_without_a_store_each_start_emits_events_within_look_back(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    before = harness.clock.now() - timedelta(hours=2)
    long_ago, lately = (
        harness.platform.create(started_at=before, ended_at=harness.clock.now() - timedelta(minutes=minutes))[0]
        for minutes in (70, 50)
    )
    for _ in range(2):
        task = harness.start_source("ended", "recording_ready", store=NullStore())
        await harness.advance(3 * POLL_INTERVAL)
        assert harness.pop_events(lately) == ["ended", "recording_ready"]
        await harness.kill(task)
    assert harness.pop_events(long_ago) == []


async def test_watchers_of_the_same_sessions_share_one_list(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    harness.platform.create(count=30, scheduled_start=harness.in_one_hour())
    for events in (["live"], ["ended"], ["scheduled", "ended"], ["canceled"]):
        harness.start_source(*events, store=MemoryStore())
    await harness.advance(10 * POLL_INTERVAL)
    assert harness.requests() == {"list_sessions": 11}


async def test_filters(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    harness.start_source("scheduled", title="board")
    await harness.advance(POLL_INTERVAL)
    harness.platform.create("Board meeting", scheduled_start=harness.in_one_hour())
    harness.platform.create("Launch", scheduled_start=harness.in_one_hour())
    await harness.advance(2 * POLL_INTERVAL)
    assert [payload["session"]["title"] for payload in harness.payloads] == ["Board meeting"]


async def test_session_without_planned_start(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    harness.start_source("live", "ended")
    await harness.advance(POLL_INTERVAL)
    [session_id] = harness.platform.create("Right now")
    harness.platform.start(session_id)
    await harness.advance(2 * POLL_INTERVAL)
    harness.platform.end(session_id)
    await harness.advance(2 * POLL_INTERVAL)
    assert harness.pop_events() == ["live", "ended"]


async def test_watcher_and_deferred_task_share_artifact_requests(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    [session_id] = harness.platform.create(
        scheduled_start=harness.in_one_hour(), script={"artifacts_after": 1200, "live_after": 0, "duration": 600}
    )
    request = Wait(
        session_id=session_id,
        condition=ArtifactCondition(Artifact.RECORDING),
        poll_interval=POLL_INTERVAL,
        deadline=harness.clock.now().timestamp() + DAY,
        limits=FailureLimits(),
    )
    wait = asyncio.ensure_future(wait_for(request, harness.poller()))
    await harness.advance(700)
    harness.requests()
    await harness.advance(10 * POLL_INTERVAL)
    alone = harness.requests()["list_session_recordings"]
    harness.start_source("recording_ready")
    await harness.advance(10 * POLL_INTERVAL)
    assert harness.requests()["list_session_recordings"] <= alone + 1
    await harness.advance(20 * POLL_INTERVAL)
    assert wait.done()
    assert harness.pop_events() == ["recording_ready"]


async def test_requests_for_missing_artifacts_are_bounded(create_harness: CreateHarness) -> None:
    harness = create_harness("sessions_us")
    harness.platform.create(
        count=200,
        ended_between=(harness.clock.now() - timedelta(hours=5), harness.clock.now() - timedelta(minutes=1)),
        script={"artifacts_after": None},
    )
    harness.start_source("transcript_ready", look_back=DAY)
    await harness.advance(1)
    harness.requests()
    for _ in range(30):
        await harness.advance(POLL_INTERVAL)
        requests = harness.requests()
        assert requests["get_session"] == 0, "the list shows that they have ended"
        assert requests["get_transcripts"] <= 10


async def test_outage_is_logged_once_and_ends_nothing(
    create_harness: CreateHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness = create_harness("vidinfra")
    harness.start_source("scheduled")
    await harness.advance(POLL_INTERVAL)
    harness.requests()
    harness.sandbox.faults.add("status", status=503, times=5)
    harness.platform.create(scheduled_start=harness.in_one_hour())
    await harness.advance(30 * POLL_INTERVAL)

    assert harness.pop_events() == ["scheduled"]
    assert len(harness.sandbox.log.entries()) <= 31
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(complaints) == 1
    assert "503" in complaints[0].getMessage()


async def test_nothing_is_stored_before_the_first_successful_poll(create_harness: CreateHarness) -> None:
    """Prevail does not say when a session was created: those in the first successful poll are not new."""
    harness = create_harness("prevail")
    harness.platform.create(count=3, scheduled_start=harness.in_one_hour())
    harness.sandbox.faults.add("status", status=503, times=None)
    task = harness.start_source("scheduled")
    await harness.advance(5 * POLL_INTERVAL)
    await harness.kill(task)
    harness.sandbox.faults.clear()
    harness.start_source("scheduled")
    await harness.advance(5 * POLL_INTERVAL)
    assert harness.pop_events() == []


async def test_failed_save_is_retried(create_harness: CreateHarness, caplog: pytest.LogCaptureFixture) -> None:
    harness = create_harness("vidinfra")
    store = MemoryStore()
    store.broken = RuntimeError("the database is away")
    task = harness.start_source("scheduled", store=store)
    await harness.advance(2 * POLL_INTERVAL)
    harness.platform.create(scheduled_start=harness.in_one_hour())
    await harness.advance(3 * POLL_INTERVAL)
    assert harness.pop_events() == ["scheduled"]
    assert "the database is away" in caplog.text

    store.broken = None
    await harness.advance(2 * POLL_INTERVAL)
    await harness.kill(task)
    harness.start_source("scheduled", store=store)
    await harness.advance(2 * POLL_INTERVAL)
    assert harness.pop_events() == []


async def test_unchanged_events_are_not_saved_again(create_harness: CreateHarness) -> None:
    harness = create_harness("vidinfra")
    store = MemoryStore()
    harness.platform.create(count=5, scheduled_start=harness.in_one_hour() + timedelta(days=2))
    harness.start_source("scheduled", store=store)
    await harness.advance(30 * POLL_INTERVAL)
    assert store.saves == 1
