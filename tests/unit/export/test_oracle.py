"""Nights of exports under random trouble, compared with what the sandbox knows to have happened.

Each example is a schedule: sessions whose artifacts come late or are revised or which are deleted, faults of the
platform, runs that die at any touch of the store and are retried or not, and other exporters in the middle of them,
among them a retry of the run itself while the try before it still lives.
Then it is calm, and what lies in the files must be what was there, each thing once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import SessionQuery, Window
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock
from tests.unit.export.stand_in import fetch_all

FIRST = datetime.fromisoformat("2026-03-02T00:00:00Z")
DAY = timedelta(days=1)
HOUR = 3600.0
KEYS = {
    "sessions": (),
    "participants": ("seq",),
    "attendance": ("participant_key", "seq"),
    "attendance_summary": ("participant_key",),
    "recordings": ("recording_id",),
}


class Killed(BaseException):
    """The exporter is no more: nothing of it catches this."""


class Mortal(LocalStore):
    """A folder as an exporter sees it to which something happens at one of its touches.

    :param at: the number of the touch.
    :param happens: what does; an error that it raises meets every later touch as well.
    """

    def __init__(self, root: Path, at: int | None = None, happens: Callable[[], None] = lambda: None) -> None:
        super().__init__(root)
        self._at, self._happens = at, happens
        self._touches, self._dead = 0, False
        self._lock = threading.Lock()

    def _touch(self) -> None:
        with self._lock:
            self._touches += 1
            now = self._touches == self._at
        if self._dead:
            raise Killed
        if now:
            try:
                self._happens()
            except Killed:
                self._dead = True
                raise

    @contextmanager
    def write(self, key: str) -> Iterator[Any]:
        self._touch()
        with super().write(key) as file:
            yield file
            self._touch()

    def create(self, key: str, data: bytes) -> bool:
        self._touch()
        return super().create(key, data)

    def read(self, key: str) -> bytes | None:
        self._touch()
        return super().read(key)

    def list(self, folder: str) -> Iterator[str]:
        self._touch()
        return super().list(folder)

    def delete(self, key: str) -> None:
        self._touch()
        super().delete(key)


@dataclass(frozen=True)
class Held:
    """A session that is held on a day."""

    recording_after: float
    attendance_revised_after: float | None
    deleted_after: float | None


@dataclass(frozen=True)
class Attempt:
    """One try of a run, and what happens in it."""

    dies_at: int | None = None
    other_at: int | None = None
    other_is_a_retry: bool = False
    fault: dict[str, Any] | None = None


@dataclass(frozen=True)
class Night:
    """One day's sessions, and the run of the night after; an empty list of tries is a night without a run."""

    sessions: list[Held]
    looks_back: int
    tries: list[Attempt]


LATE = st.sampled_from([30.0, HOUR, 20 * HOUR, 26 * HOUR, 8 * 24 * HOUR])
SOME_TIME = st.none() | st.sampled_from([2 * HOUR, 30 * HOUR, 5 * 24 * HOUR])
SESSIONS = st.builds(
    Held, recording_after=LATE, attendance_revised_after=SOME_TIME, deleted_after=st.none() | SOME_TIME
)
ROUTES = st.sampled_from(["list_sessions", "list_attendance", "list_session_recordings", "get_session", None])
FAULTS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["status", "reset", "truncate", "shorten", "html"]),
        "route": ROUTES,
        "times": st.sampled_from([1, 2, 9]),
        "skip": st.integers(0, 6),
    }
)
POINT = st.none() | st.integers(1, 90)
TRIES = st.builds(Attempt, dies_at=POINT, other_at=POINT, other_is_a_retry=st.booleans(), fault=st.none() | FAULTS)
NIGHTS = st.builds(
    Night,
    sessions=st.lists(SESSIONS, max_size=3),
    looks_back=st.sampled_from([1, 1, 2, 3]),
    tries=st.lists(TRIES, max_size=3),
)


@dataclass
class World:
    """The platform, the folder, and the time of both."""

    root: Path
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(FIRST, auto=True))
    runs: dict[RunId, Window] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(clock=SandboxClock(follow=self.clock))
        self.deletions: list[tuple[datetime, str]] = []

    def hold(self, held: Held, number: int) -> None:
        """Let a session have been held on the day that is over."""
        start = self.clock.now() - timedelta(hours=2 + 3 * number)
        revised = held.attendance_revised_after
        [key] = self.sandbox.vidinfra.create(
            f"Session {number}",
            started_at=start,
            ended_at=start + timedelta(minutes=45),
            attendees=2,
            recording_bytes=1000,
            script={
                "artifacts_after": {"attendance": 30, "recording": held.recording_after},
                "revisions": {} if revised is None else {"attendance": [revised]},
            },
        )
        if held.deleted_after is not None:
            self.deletions.append((self.clock.now() + timedelta(seconds=held.deleted_after), key))

    def move_to(self, instant: datetime) -> None:
        """Let time pass, and sessions be deleted in it."""
        self.clock.jump(max(0.0, (instant - self.clock.now()).total_seconds()))
        for due, key in list(self.deletions):
            if due <= self.clock.now():
                self.sandbox.vidinfra.delete(key)
                self.deletions.remove((due, key))

    def export(self, run: RunId, window: Window, store: LocalStore | None = None) -> None:
        """One try of a run, in a thread and an event loop of its own."""
        self.runs[run] = window
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(self._export(run, window, store or LocalStore(self.root)))).result()

    async def _export(self, run: RunId, window: Window, store: LocalStore) -> None:
        account = Account(
            "vidinfra_default",
            "vidinfra",
            host=self.sandbox.vidinfra.base_url,
            password=self.sandbox.vidinfra.api_key,
        )
        transport = httpx.ASGITransport(self.sandbox.app)
        async with VidInfraAdapter.open(account, clock=self.clock, transport=transport, attempts=2) as adapter:
            plan = await plan_export(adapter, SessionQuery(window=window), None)
            target = FileTarget(store, FORMATS["jsonl"], run, clock=self.clock)
            plan = await add_due_sessions(adapter, plan, target.begin(plan))
            target.write(plan, await fetch_all(adapter, plan))

    def attempt(self, run: RunId, window: Window, what: Attempt) -> bool:
        """One try with what happens in it; whether it came to its end."""
        if what.fault is not None:
            more = {"status": {"status": 503}, "truncate": {"after_bytes": 40}, "shorten": {"after_bytes": 40}}
            fault = {name: value for name, value in what.fault.items() if value is not None and name != "kind"}
            self.sandbox.faults.add(what.fault["kind"], **fault, **more.get(what.fault["kind"], {}))

        def happens() -> None:
            if what.other_at is not None:
                other, with_us = run, window
                if not what.other_is_a_retry:
                    other = RunId("another", f"{run.run_id}, beside", "export")
                    with_us = Window(start=window.start - DAY, end=window.end)
                with contextlib.suppress(SessionsError, OSError):  # the fault met this one; nobody retries it
                    self.export(other, with_us)
            if what.dies_at is not None:
                raise Killed

        point = what.other_at if what.other_at is not None else what.dies_at
        try:
            self.export(run, window, Mortal(self.root, point, happens))
        except (SessionsError, OSError, Killed):
            return False
        finally:
            self.sandbox.faults.clear()
        return True

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        """All rows of a dataset that a reader of the folder finds."""
        files = sorted((self.root / dataset).rglob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def newest(self, dataset: str) -> dict[str, list[dict[str, Any]]]:
        """The rows of the highest version of each session."""
        rows = self.rows(dataset)
        top: dict[str, int] = {}
        for row in rows:
            top[row["session_id"]] = max(top.get(row["session_id"], 0), row["version"])
        return {
            key: [row for row in rows if row["session_id"] == key and row["version"] == version]
            for key, version in top.items()
        }

    def nothing_twice(self) -> None:
        """No row is there twice in one version."""
        for dataset, columns in KEYS.items():
            names = ("session_id", "version", *columns)
            counts = Counter(tuple(row[name] for name in names) for row in self.rows(dataset))
            assert {key: count for key, count in counts.items() if count > 1} == {}, dataset

    def nothing_lost(self, *, revisions: bool) -> None:
        """What there is at the source is there; the latest of it, if ``revisions``."""
        truth = {one["id"]: one for one in self.sandbox.vidinfra.oracle() if one["deleted_at"] is None}
        sessions, attendance, recordings = (self.newest(name) for name in ("sessions", "attendance", "recordings"))
        assert set(truth) <= set(sessions)
        for key, one in truth.items():
            assert not any(row["deleted"] for row in sessions[key])
            found = {row["recording_id"]: row["status"] for row in recordings.get(key, [])}
            assert found == {take["id"]: "ready" for take in one["content"]["recording"]}
            people = len(attendance[key])
            expected = len(one["content"]["attendance"])
            assert people == expected or (not revisions and people == expected - 1)


@settings(max_examples=30, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
@given(nights=st.lists(NIGHTS, min_size=2, max_size=4))
def test_whatever_happens_nothing_is_lost_and_nothing_is_there_twice(nights: list[Night]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for number, night in enumerate(nights, 1):
            midnight = FIRST + number * DAY
            world.move_to(midnight)
            for place, held in enumerate(night.sessions):
                world.hold(held, place)
            world.move_to(midnight + timedelta(hours=1))
            window = Window(start=midnight - night.looks_back * DAY, end=midnight)
            for attempt in night.tries:
                if world.attempt(RunId("nightly", f"night {number}", "export"), window, attempt):
                    break
                world.nothing_twice()
                world.clock.jump(600)
            world.nothing_twice()

        # Calm: nights go on, and what never ran, or broke off, is made up for.
        for number in range(len(nights) + 1, len(nights) + 12):
            world.move_to(FIRST + number * DAY + timedelta(hours=1))
            window = Window(start=FIRST + (number - 1) * DAY, end=FIRST + number * DAY)
            world.export(RunId("nightly", f"night {number}", "export"), window)
        everything = Window(start=FIRST - DAY, end=FIRST + 20 * DAY)
        backfill = RunId("backfill", "all", "export")
        world.export(backfill, everything)
        world.nothing_twice()
        world.nothing_lost(revisions=True)

        # Clearing everything changes nothing, but that deletions are found.
        for run, window in list(world.runs.items()):
            world.export(run, window)
        world.nothing_twice()
        world.nothing_lost(revisions=True)
        deleted = {one["id"] for one in world.sandbox.vidinfra.oracle() if one["deleted_at"] is not None}
        for key, rows in world.newest("sessions").items():
            assert [row["deleted"] for row in rows] == [key in deleted]
        for folder_of in ("open", "expected"):
            assert not list((world.root / "_ledger").rglob(f"{folder_of}/*.json"))
        world.sandbox.close()
