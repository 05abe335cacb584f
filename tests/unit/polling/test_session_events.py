"""A watcher of everybody's sessions, on each platform's sandbox and with a clock that is moved by hand."""

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
from airflow_provider_sessions.polling.emitted_events import Memory
from airflow_provider_sessions.polling.event_detection import read_events
from airflow_provider_sessions.polling.poller import Poller, poller_for
from airflow_provider_sessions.polling.session_events import HANDING_OVER, Interest, NoStore, Reporter, Store
from airflow_provider_sessions.polling.wait import Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import ArtifactGoal, Tolerance
from airflow_provider_sessions.sandbox import Sandbox
from tests.unit.polling.conftest import Room

EVERY = 60.0
HOUR, DAY = 3600.0, 86_400.0


class Shelf:
    """A store that outlives reporters, as Airflow's outlives triggerers."""

    def __init__(self) -> None:
        self.written = "null"
        self.saves = 0
        self.broken: Exception | None = None

    async def load(self) -> Memory | None:
        return Memory.read(json.loads(self.written) or {})

    async def save(self, memory: Memory) -> None:
        if self.broken:
            raise self.broken
        self.saves += 1
        self.written = json.dumps(memory.write())


class Newsroom:
    """Reporters on one connection to one platform, and what they reported."""

    def __init__(self, sandbox: Sandbox, clock: VirtualClock, name: str) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.name = name
        self.platform = sandbox.platform(name)
        self.platform.remove_rate_limit()
        self.shelf: Store = Shelf()
        self.reported: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._room = Room(sandbox, clock)
        self.passes = self._room.passes

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
        return poller_for(self.name, self.connect, clock=self.clock)

    def watch(self, *events: str, store: Store | None = None, **changed: Any) -> asyncio.Task[None]:
        """Begin to watch."""
        fields: dict[str, Any] = {
            "ahead": 90 * DAY,
            "look_back": HOUR,
            "give_up_after": 14 * DAY,
            "poll_interval": EVERY,
        } | changed
        interest = Interest(events=read_events(events), **fields)
        reporter = Reporter(interest, self.name, store or self.shelf, self.clock)
        task = asyncio.ensure_future(self._report(reporter))
        self.tasks.append(task)
        return task

    async def _report(self, reporter: Reporter) -> None:
        async with aclosing(reporter.report(self.poller())) as happenings:
            async for happening in happenings:
                payload = happening.payload()
                assert json.loads(json.dumps(payload)) == payload
                self.reported.append(payload)

    async def kill(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def words(self, session_id: str | None = None) -> list[str]:
        """What was reported since it was last asked for."""
        told = [each for each in self.reported if session_id in (None, each["session"]["session_id"])]
        self.reported = [each for each in self.reported if each not in told]
        return [each["event"] for each in told]

    def requests(self) -> Counter[str]:
        """What was asked since it was last asked for."""
        asked = Counter(str(entry.route) for entry in self.sandbox.log.entries())
        self.sandbox.log.clear()
        return asked

    def in_an_hour(self) -> Any:
        return self.clock.now() + timedelta(hours=1)


Opens = Callable[[str], Newsroom]


@pytest.fixture
async def newsroom(sandbox: Sandbox, clock: VirtualClock) -> AsyncIterator[Opens]:
    opened: list[Newsroom] = []

    def opens(name: str = "vidinfra") -> Newsroom:
        opened.append(Newsroom(sandbox, clock, name))
        return opened[-1]

    yield opens
    for room in opened:
        for task in room.tasks:
            await room.kill(task)


ALL = {
    "prevail": ("scheduled", "live", "ended", "canceled", "transcript_ready", "recording_ready"),
    "vidinfra": ("scheduled", "live", "ended", "canceled", "recording_ready"),
    "sessions_us": ("scheduled", "live", "ended", "canceled", "transcript_ready"),
}


@pytest.mark.parametrize("name", ALL)
async def test_the_life_of_a_session_that_people_made_by_hand(newsroom: Opens, name: str) -> None:
    room = newsroom(name)
    room.watch(*ALL[name])
    await room.passes(EVERY)
    [session_id] = room.platform.create(
        "Board meeting", scheduled_start=room.in_an_hour(), script={"artifacts_after": 1200}
    )
    await room.passes(2 * EVERY)
    assert room.words() == ["scheduled"]

    await room.passes(HOUR)
    room.platform.start(session_id)
    await room.passes(2 * EVERY)
    [told] = room.reported
    assert (told["session"]["session_id"], told["session"]["title"]) == (session_id, "Board meeting")
    assert room.words() == ["live"]

    await room.passes(2 * HOUR)
    room.platform.end(session_id)
    await room.passes(600)
    told_at_once = room.words()
    await room.passes(3 * HOUR)
    assert told_at_once + room.words() == [word for word in ALL[name] if word not in ("scheduled", "live", "canceled")]


@pytest.mark.parametrize("name", ALL)
async def test_a_session_that_is_called_off(newsroom: Opens, name: str) -> None:
    room = newsroom(name)
    room.watch("canceled")
    [session_id] = room.platform.create("Board meeting", scheduled_start=room.in_an_hour())
    await room.passes(2 * EVERY)
    assert room.words() == []

    if name == "prevail":
        room.platform.cancel(session_id)
    else:
        room.platform.delete(session_id)
    await room.passes(5 * EVERY)
    [told] = room.reported
    assert (told["event"], told["key"]) == ("canceled", f"{name}:{session_id}:canceled")
    assert told["session"]["title"] == "Board meeting"


@pytest.mark.parametrize("name", ALL)
async def test_who_is_killed_and_comes_back_repeats_nothing_and_misses_nothing(newsroom: Opens, name: str) -> None:
    room = newsroom(name)
    wanted = ("scheduled", "live", "ended", "canceled")
    watcher = room.watch(*wanted)
    await room.passes(EVERY)
    [ended] = room.platform.create(scheduled_start=room.in_an_hour())
    canceled, later = room.platform.create(count=2, scheduled_start=room.in_an_hour() + timedelta(hours=9))
    await room.passes(HOUR)
    room.platform.start(ended)
    await room.passes(3 * EVERY)
    assert room.words(ended) == ["scheduled", "live"]
    assert room.words() == ["scheduled", "scheduled"]

    await room.kill(watcher)
    room.platform.end(ended)
    if name == "prevail":
        room.platform.cancel(canceled)
    else:
        room.platform.delete(canceled)
    [made_meanwhile] = room.platform.create(scheduled_start=room.in_an_hour() + timedelta(hours=9))
    await room.passes(5 * HOUR)

    room.watch(*wanted)
    await room.passes(5 * EVERY)
    assert room.words(ended) == ["ended"]
    assert room.words(canceled) == ["canceled"]
    assert room.words(made_meanwhile) == ["scheduled"]
    assert room.words(later) == []


async def test_who_is_killed_right_after_an_event_repeats_it_rather_than_losing_it(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    watcher = room.watch("scheduled")
    await room.passes(EVERY + 10)
    room.platform.create(scheduled_start=room.in_an_hour())
    while not room.reported:
        await room.passes(1)
    [first] = room.reported
    await room.kill(watcher)

    again = room.watch("scheduled")
    await room.passes(EVERY)
    assert [told["key"] for told in room.reported] == [first["key"]] * 2
    await room.passes(HANDING_OVER)
    await room.kill(again)
    room.watch("scheduled")
    await room.passes(5 * EVERY)
    assert len(room.reported) == 2


@pytest.mark.parametrize(("name", "after_end"), [("prevail", "ready"), ("prevail", "gone"), ("vidinfra", None)])
async def test_the_end_of_a_session_that_leaves_nothing_behind(newsroom: Opens, name: str, after_end: Any) -> None:
    """Prevail has no word for it: what was live, and is not any more, has ended."""
    room = newsroom(name)
    if after_end:
        room.platform.settings = room.platform.settings.model_copy(update={"after_end": after_end})
    room.watch("live", "ended")
    await room.passes(EVERY)
    [session_id] = room.platform.create(scheduled_start=room.in_an_hour(), script={"artifacts_after": None})
    await room.passes(HOUR)
    room.platform.start(session_id)
    await room.passes(3 * EVERY)
    room.platform.end(session_id)
    await room.passes(20 * EVERY)
    assert room.words() == ["live", "ended"]


async def test_without_a_store_each_start_tells_what_happened_within_look_back(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    before = room.clock.now() - timedelta(hours=2)
    long_ago, lately = (
        room.platform.create(started_at=before, ended_at=room.clock.now() - timedelta(minutes=minutes))[0]
        for minutes in (70, 50)
    )
    for _ in range(2):
        watcher = room.watch("ended", "recording_ready", store=NoStore())
        await room.passes(3 * EVERY)
        assert room.words(lately) == ["ended", "recording_ready"]
        await room.kill(watcher)
    assert room.words(long_ago) == []


async def test_watchers_of_the_same_sessions_share_one_list(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    room.platform.create(count=30, scheduled_start=room.in_an_hour())
    for events in (["live"], ["ended"], ["scheduled", "ended"], ["canceled"]):
        room.watch(*events, store=Shelf())
    await room.passes(10 * EVERY)
    assert room.requests() == {"list_sessions": 11}


async def test_filters(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    room.watch("scheduled", title="board")
    await room.passes(EVERY)
    room.platform.create("Board meeting", scheduled_start=room.in_an_hour())
    room.platform.create("Launch", scheduled_start=room.in_an_hour())
    await room.passes(2 * EVERY)
    assert [told["session"]["title"] for told in room.reported] == ["Board meeting"]


async def test_a_session_that_nobody_planned(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    room.watch("live", "ended")
    await room.passes(EVERY)
    [session_id] = room.platform.create("Right now")
    room.platform.start(session_id)
    await room.passes(2 * EVERY)
    room.platform.end(session_id)
    await room.passes(2 * EVERY)
    assert room.words() == ["live", "ended"]


async def test_an_artifact_is_asked_for_once_for_a_watcher_and_a_deferred_task(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    [session_id] = room.platform.create(
        scheduled_start=room.in_an_hour(), script={"artifacts_after": 1200, "live_after": 0, "duration": 600}
    )
    wait = Wait(
        session_id=session_id,
        goal=ArtifactGoal(Artifact.RECORDING),
        poll_interval=EVERY,
        deadline=room.clock.now().timestamp() + DAY,
        tolerance=Tolerance(),
    )
    waiter = asyncio.ensure_future(wait_for(wait, room.poller()))
    await room.passes(700)
    room.requests()
    await room.passes(10 * EVERY)
    alone = room.requests()["list_session_recordings"]
    room.watch("recording_ready")
    await room.passes(10 * EVERY)
    assert room.requests()["list_session_recordings"] <= alone + 1
    await room.passes(20 * EVERY)
    assert waiter.done()
    assert room.words() == ["recording_ready"]


async def test_the_cost_of_artifacts_that_never_come_is_bounded(newsroom: Opens) -> None:
    room = newsroom("sessions_us")
    room.platform.create(
        count=200,
        ended_between=(room.clock.now() - timedelta(hours=5), room.clock.now() - timedelta(minutes=1)),
        script={"artifacts_after": None},
    )
    room.watch("transcript_ready", look_back=DAY)
    await room.passes(1)
    room.requests()
    for _ in range(30):
        await room.passes(EVERY)
        asked = room.requests()
        assert asked["get_session"] == 0, "the list has told that they are over"
        assert asked["get_transcripts"] <= 10


async def test_an_outage_ends_nothing_and_is_logged_once(newsroom: Opens, caplog: pytest.LogCaptureFixture) -> None:
    room = newsroom("vidinfra")
    room.watch("scheduled")
    await room.passes(EVERY)
    room.requests()
    room.sandbox.faults.add("status", status=503, times=5)
    room.platform.create(scheduled_start=room.in_an_hour())
    await room.passes(30 * EVERY)

    assert room.words() == ["scheduled"]
    assert len(room.sandbox.log.entries()) <= 31
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(complaints) == 1
    assert "503" in complaints[0].getMessage()


async def test_who_never_saw_anything_has_nothing_to_remember(newsroom: Opens) -> None:
    """Prevail does not say when a session was made: what is there at the first look that sees anything is not new."""
    room = newsroom("prevail")
    room.platform.create(count=3, scheduled_start=room.in_an_hour())
    room.sandbox.faults.add("status", status=503, times=None)
    watcher = room.watch("scheduled")
    await room.passes(5 * EVERY)
    await room.kill(watcher)
    room.sandbox.faults.clear()
    room.watch("scheduled")
    await room.passes(5 * EVERY)
    assert room.words() == []


async def test_a_store_that_fails_is_tried_again(newsroom: Opens, caplog: pytest.LogCaptureFixture) -> None:
    room = newsroom("vidinfra")
    shelf = Shelf()
    shelf.broken = RuntimeError("the database is away")
    watcher = room.watch("scheduled", store=shelf)
    await room.passes(2 * EVERY)
    room.platform.create(scheduled_start=room.in_an_hour())
    await room.passes(3 * EVERY)
    assert room.words() == ["scheduled"]
    assert "the database is away" in caplog.text

    shelf.broken = None
    await room.passes(2 * EVERY)
    await room.kill(watcher)
    room.watch("scheduled", store=shelf)
    await room.passes(2 * EVERY)
    assert room.words() == []


async def test_what_does_not_change_is_not_written_again(newsroom: Opens) -> None:
    room = newsroom("vidinfra")
    shelf = Shelf()
    room.platform.create(count=5, scheduled_start=room.in_an_hour() + timedelta(days=2))
    room.watch("scheduled", store=shelf)
    await room.passes(30 * EVERY)
    assert shelf.saves == 1
