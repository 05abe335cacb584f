"""The store in a file: exact for many processes, safe against crashes and other users."""

# ruff: noqa: ASYNC240 - these files are small
from __future__ import annotations

import asyncio
import fcntl
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.rate_limit import file_store
from airflow_provider_sessions.rate_limit.file_store import FileLimiter, FileStore, read_host_clock, shared_folder
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import StoreError
from airflow_provider_sessions.rate_limit.state import RateLimitState
from tests.unit.rate_limit.test_state import count_busiest_window

LIMIT = RateLimit(5, 10)


class Time:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rates" / "account.rate"


@pytest.fixture
def now() -> Time:
    return Time()


def make_limiter(path: Path, now: Time, limit: RateLimit = LIMIT) -> FileLimiter:
    return FileLimiter(path, limit, clock=now)


async def reserve(limiter: FileLimiter, count: int = 1, traffic_class: TrafficClass = TrafficClass.CALL) -> list[float]:
    waits = [await limiter.reserve(traffic_class, max_wait=math.inf) for _ in range(count)]
    return [round(wait, 6) for wait in waits if wait is not None]


async def test_all_limiters_on_a_file_share_its_state(path: Path, now: Time) -> None:
    one, other = make_limiter(path, now), make_limiter(path, now)
    assert await reserve(one, 3) + await reserve(other, 3) == [0, 0, 0, 0, 0, 10.05]
    assert await one.get_wait(TrafficClass.CALL) == pytest.approx(10.05)


async def test_what_one_limiter_observes_applies_to_all(path: Path, now: Time) -> None:
    one, other = make_limiter(path, now), make_limiter(path, now)
    await one.observe(RateLimitInfo(429, retry_after=30))
    assert await other.admit() == pytest.approx(30)
    assert await reserve(other) == [30]
    await one.observe(RateLimitInfo(200, limit=2, window=10))
    now.seconds += 100
    assert (await reserve(other, 3))[2] == pytest.approx(10.1, abs=0.003)  # the 429 doubled the margin, for all


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 8), st.sampled_from(TrafficClass), st.sampled_from([0.0, 5.0, 1e6])),
        max_size=50,
    )
)
def test_no_window_holds_more_than_the_limit_with_several_limiters(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, TrafficClass, float]]
) -> None:
    now = Time()
    path = tmp_path_factory.mktemp("shared") / "account.rate"
    limiters = [make_limiter(path, now) for _ in range(4)]

    async def run() -> list[float]:
        sent = []
        for who, pause, traffic_class, max_wait in steps:
            now.seconds += pause
            wait = await limiters[who].reserve(traffic_class, max_wait=max_wait)
            if wait is not None:
                sent.append(now.seconds + wait)
        return sent

    assert count_busiest_window(asyncio.run(run()), LIMIT.seconds) <= LIMIT.requests


def count_arrivals(path: Path) -> int:
    state = RateLimitState.from_bytes(path.read_bytes(), LIMIT)
    return len(state.arrivals) if state else -1


async def test_a_request_that_may_be_sent_at_once_is_admitted_with_its_reservation(path: Path, now: Time) -> None:
    limiter = make_limiter(path, now)
    assert await reserve(limiter) == [0]
    assert count_arrivals(path) == 1
    assert await limiter.admit() == 0
    assert count_arrivals(path) == 1

    await reserve(limiter)
    now.seconds += 1
    assert await limiter.admit() == 0
    assert count_arrivals(path) == 3, "one that comes late counts from when it came, and from before"


async def test_a_request_that_has_to_wait_is_admitted_when_its_time_has_come(path: Path, now: Time) -> None:
    limiter = make_limiter(path, now)
    for wait in [0, 0, 0, 0, 0, 10.05]:
        assert await reserve(limiter) == [wait]
        now.seconds += wait
        assert await limiter.admit() == 0
    assert count_arrivals(path) == 5


async def test_responses_wait_only_for_requests_that_follow(path: Path, now: Time) -> None:
    limiter = make_limiter(path, now)
    for _ in range(2):
        await reserve(limiter)
        await limiter.admit()
    sent_at = now.seconds
    now.seconds += 0.5
    before = path.read_bytes()
    await limiter.observe(RateLimitInfo(200, elapsed=0.5, send_delay=0.3))
    assert path.read_bytes() == before
    await limiter.observe(RateLimitInfo(200, elapsed=0.5, send_delay=0.3))
    state = RateLimitState.from_bytes(path.read_bytes(), LIMIT)
    assert state
    assert all(arrival >= sent_at + 0.3 for arrival in state.arrivals)


async def test_a_response_is_recorded_in_time_if_no_request_follows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = FileLimiter(path, RateLimit(5, 0.8))
    for _ in range(2):
        await limiter.reserve(TrafficClass.CALL, max_wait=1)
        await limiter.admit()
    before, recorded, record = path.read_bytes(), asyncio.Event(), limiter._record

    async def record_and_tell() -> None:
        await record()
        recorded.set()

    monkeypatch.setattr(limiter, "_record", record_and_tell)
    await limiter.observe(RateLimitInfo(200, elapsed=0.0, send_delay=0.3))
    assert path.read_bytes() == before
    await asyncio.wait_for(recorded.wait(), 5)
    assert path.read_bytes() != before


async def test_a_refusal_is_recorded_at_once(path: Path, now: Time) -> None:
    limiter = make_limiter(path, now)
    for _ in range(2):
        await reserve(limiter)
        await limiter.admit()
    await limiter.observe(RateLimitInfo(429, retry_after=30))
    assert await make_limiter(path, now).get_wait(TrafficClass.CALL) == 30


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 200, None])
async def test_a_damaged_file_counts_as_a_window_used_up(path: Path, now: Time, content: bytes | None) -> None:
    await reserve(make_limiter(path, now), 2)
    path.write_bytes(path.read_bytes()[:-5] if content is None else content)
    assert await make_limiter(path, now).get_wait(TrafficClass.CALL) == pytest.approx(10.05)
    now.seconds += 6  # the read repaired the file, so the wait does not start again
    assert await reserve(make_limiter(path, now), 6) == [4.05] * 5 + [14.1]


async def test_a_file_that_was_deleted_is_created_again(path: Path, now: Time) -> None:
    shared = make_limiter(path, now)
    await reserve(shared)
    path.unlink()
    path.parent.rmdir()
    assert await reserve(shared) == [0]


async def test_a_clock_that_is_set_back_or_restarts_delays_no_request(path: Path, now: Time) -> None:
    await reserve(make_limiter(path, now), 5)
    now.seconds = 3
    assert await make_limiter(path, now).get_wait(TrafficClass.CALL) == pytest.approx(10.05)


def test_the_host_clock_is_not_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_host_clock()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= read_host_clock() - before < 60


async def test_only_this_user_has_access(path: Path, now: Time) -> None:
    await reserve(make_limiter(path, now))
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_folder_that_others_can_open_is_refused(path: Path, now: Time) -> None:
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match="closed to others"):
        await reserve(make_limiter(path, now))


async def test_a_link_instead_of_the_folder_or_file_is_refused(path: Path, now: Time, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    path.parent.symlink_to(elsewhere)
    with pytest.raises(StoreError):
        await reserve(make_limiter(path, now))
    path.parent.unlink()
    path.parent.mkdir(mode=0o700)
    (elsewhere / "precious").write_text("precious")
    path.symlink_to(elsewhere / "precious")
    with pytest.raises(StoreError):
        await reserve(make_limiter(path, now))
    assert (elsewhere / "precious").read_text() == "precious"


async def test_a_folder_that_cannot_be_created_is_a_store_error(tmp_path: Path, now: Time) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        await reserve(make_limiter(tmp_path / "file" / "rates" / "a.rate", now))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def test_waiting_for_the_lock_does_not_block_the_event_loop(path: Path, now: Time) -> None:
    shared = make_limiter(path, now)
    await reserve(shared)
    with locked(path):
        waiting = asyncio.create_task(reserve(shared))
        for _ in range(20):
            await asyncio.sleep(0.001)  # other tasks run
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 1) == [0]


async def test_a_lock_that_is_never_released_is_a_store_error(
    path: Path, now: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = make_limiter(path, now)
    await reserve(shared)
    monkeypatch.setattr(file_store, "_LOCK_TIMEOUT", 0.02)
    with locked(path), pytest.raises(StoreError, match="has been locked"):
        await reserve(shared)


def test_the_folder_is_the_users_own_unless_one_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path))
    assert shared_folder() == tmp_path
    monkeypatch.delenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR")
    assert shared_folder().name == f"airflow-provider-sessions-{os.getuid()}"


WORKER = """
import asyncio, json, math, sys
from pathlib import Path
from typing import Any
from airflow_provider_sessions.rate_limit.limit import TrafficClass, RateLimit
from airflow_provider_sessions.rate_limit.file_store import FileStore

async def main():
    store = FileStore(Path(sys.argv[1]), RateLimit(5, 0.5))
    reserved, admitted = [], []
    for _ in range(8):
        wait, now = await store.update(lambda state: (state.reserve(TrafficClass.CALL, math.inf), state.now))
        reserved.append(now + wait)
        await asyncio.sleep(wait)
        hold = True
        while hold:
            hold, now = await store.update(lambda state: (state.admit(), state.now))
            await asyncio.sleep(hold)
        admitted.append(now)
    print(json.dumps([reserved, admitted]))

asyncio.run(main())
"""


def test_concurrent_processes_keep_to_the_limit_together(path: Path) -> None:
    """4 processes x 8 requests at 5 per 0.5 s, by the times in the file."""
    running = [subprocess.Popen([sys.executable, "-c", WORKER, path], stdout=subprocess.PIPE) for _ in range(4)]
    results = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    for kind in (0, 1):
        times = sorted(time for result in results for time in result[kind])
        assert len(times) == 32
        assert count_busiest_window(times, 0.5) <= 5


def test_a_killed_process_leaves_the_file_intact_and_unlocked(path: Path, now: Time) -> None:
    hammer = WORKER.replace("range(8)", "range(10**9)").replace("asyncio.sleep(wait)", "asyncio.sleep(0)")
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", hammer, path])
        ends = time.monotonic() + 20
        while not path.exists() and time.monotonic() < ends:
            os.sched_yield()
        process.kill()
        process.wait()
        assert RateLimitState.from_bytes(path.read_bytes(), LIMIT) is not None
        assert asyncio.run(FileStore(path, LIMIT).read(lambda state: state.get_wait(TrafficClass.CALL))) >= 0


GENEROUS = RateLimit(100, 1)
"""A limit at which times are taken in batches of up to 10."""


class Sender:
    """A process that sends requests, up to 8 at the same time, and may be killed."""

    def __init__(self, path: Path, now: Time, limit: RateLimit = GENEROUS) -> None:
        self._now = now
        self.limiter = FileLimiter(path, limit, clock=now)
        self._sent: list[float] = []

    async def send(self, traffic_class: TrafficClass = TrafficClass.CALL) -> float | None:
        """Send a request if it may be sent now; return when."""
        if len(self._sent) >= 8:
            await self.respond(200)
        if await self.limiter.reserve(traffic_class, max_wait=0) is None or await self.limiter.admit():
            return None
        self._sent.append(self._now.seconds)
        return self._now.seconds

    async def respond(self, status: int) -> None:
        """Receive the response to the oldest request."""
        elapsed = self._now.seconds - self._sent.pop(0) if self._sent else 0.0
        await self.limiter.observe(RateLimitInfo(status, elapsed=elapsed, retry_after=5 if status == 429 else None))


async def send(sender: Sender, count: int, now: Time) -> list[float]:
    """Send requests, a millisecond apart, as long as they may be sent at once."""
    sent = []
    for _ in range(count):
        now.seconds += 0.001
        if (sent_at := await sender.send()) is not None:
            sent.append(sent_at)
    return sent


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from(["send", "send", "send", "send", "killed", "refused", "lower limit"]),
            st.integers(1, 40),
            st.sampled_from([0.0, 0.02, 0.15, 0.97, 6.0]),
            st.sampled_from(TrafficClass),
        ),
        min_size=10,
        max_size=40,
    )
)
def test_batches_of_processes_that_die_keep_to_the_limit(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int, float, TrafficClass]]
) -> None:
    now = Time()
    path = tmp_path_factory.mktemp("shared") / "account.rate"
    senders = [Sender(path, now) for _ in range(4)]

    async def run() -> None:
        sent: list[float] = []
        refused_at = -math.inf
        for who, what, count, pause, traffic_class in steps:
            now.seconds += pause
            if what == "killed":
                senders[who] = Sender(path, now)
            elif what == "lower limit":
                senders[who] = Sender(path, now, RateLimit(40, 1))
            elif what == "refused":
                await senders[who].respond(429)
                refused_at = now.seconds
            for _ in range(count):
                now.seconds += 0.001
                if (sent_at := await senders[who].send(traffic_class)) is not None:
                    sent.append(sent_at)
                    assert not 0.01 < sent_at - refused_at < 5, "what one process hears of applies to all, soon"
                    if what == "lower limit":
                        assert sum(time > sent_at - 1 for time in sent) <= 40
        assert count_busiest_window(sent, GENEROUS.seconds) <= GENEROUS.requests

    asyncio.run(run())


async def test_times_are_taken_in_batches_where_the_limit_is_generous(
    path: Path, now: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    accesses = 0
    access = FileStore._try

    def count(*arguments: Any, **options: Any) -> Any:
        nonlocal accesses
        accesses += 1
        return access(*arguments, **options)

    monkeypatch.setattr(FileStore, "_try", count)
    assert len(await send(Sender(path, now), 60, now)) == 60
    assert accesses < 20
    slow = Sender(path.with_name("slow.rate"), now, RateLimit(10, 60))
    accesses = 0
    assert len(await send(slow, 8, now)) == 8
    assert accesses >= 8


async def send_at_once(sender: Sender, count: int) -> int:
    """Send requests without a pause; return how many may be sent."""
    return sum([await sender.send() is not None for _ in range(count)])


async def test_times_that_were_taken_count_until_they_may_be_used_last(path: Path, now: Time) -> None:
    dying = Sender(path, now)
    await send(dying, 20, now)
    now.seconds += 0.07
    used = await send(dying, 3, now)
    del dying
    now.seconds = used[0] + 0.99
    assert len(used) + await send_at_once(Sender(path, now), 110) <= 100


async def test_a_batch_is_not_used_after_its_end(path: Path, now: Time) -> None:
    frozen = Sender(path, now)
    await send(frozen, 20, now)
    now.seconds += 3
    assert await send_at_once(Sender(path, now), 110) == 100
    assert await frozen.limiter.reserve(TrafficClass.CALL, max_wait=0) is None


async def test_a_batch_is_not_used_after_a_refusal_that_another_process_received(path: Path, now: Time) -> None:
    sender = Sender(path, now)
    await send(sender, 20, now)
    await Sender(path, now).respond(429)
    now.seconds += 0.01
    assert await send_at_once(sender, 5) == 0
    now.seconds += 5
    assert await send_at_once(sender, 5) == 5


async def test_a_process_that_sends_one_request_takes_no_batch(path: Path, now: Time) -> None:
    assert sum([len(await send(Sender(path, now), 1, now)) for _ in range(80)]) == 80


async def test_what_a_batch_did_not_need_is_given_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter, recorded = FileLimiter(path, GENEROUS), asyncio.Event()
    record = limiter._record

    async def record_and_tell() -> None:
        await record()
        recorded.set()

    monkeypatch.setattr(limiter, "_record", record_and_tell)
    for _ in range(12):
        await limiter.reserve(TrafficClass.CALL, max_wait=0)
        await limiter.admit()
    store = FileStore(path, GENEROUS)
    assert await store.read(lambda state: len(state.arrivals)) > 12
    await asyncio.wait_for(recorded.wait(), 5)
    assert await store.read(lambda state: len(state.arrivals)) == 12
    assert await store.read(lambda state: len(state.reservations[TrafficClass.CALL])) == 12


BATCH_WORKER = """
import asyncio, sys
from pathlib import Path
from typing import Any
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import TrafficClass, RateLimit
from airflow_provider_sessions.rate_limit.file_store import FileLimiter, read_host_clock

async def send(limiter, requests):
    for _ in range(requests):
        await asyncio.sleep(await limiter.reserve(TrafficClass.CALL, max_wait=60))
        while hold := await limiter.admit():
            await asyncio.sleep(hold)
        print(read_host_clock(), flush=True)
        await asyncio.sleep(0.01)
        await limiter.observe(RateLimitInfo(200, elapsed=0.01))

async def main():
    limiter = FileLimiter(Path(sys.argv[1]), RateLimit(60, 0.5))
    await asyncio.gather(*(send(limiter, int(sys.argv[2])) for _ in range(8)))

asyncio.run(main())
"""


def test_processes_killed_with_batches_never_exceed_the_limit(path: Path) -> None:
    """3 processes x 32 requests at 60 per 0.5 s, and 3 more that are killed while they send."""

    def start(requests: int) -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", BATCH_WORKER, str(path), str(requests)]
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    running = [start(4) for _ in range(3)]
    killed = [start(10**6) for _ in range(3)]
    times = []
    for number, process in enumerate(killed):
        assert process.stdout
        times += [float(process.stdout.readline()) for _ in range(10 + 7 * number)]
        process.kill()
        times += [float(line) for line in process.stdout.read().split("\n")[:-1]]
        process.wait()
    times += [float(line) for process in running for line in process.communicate(timeout=60)[0].split()]
    assert len(times) >= 3 * 32 + 3 * 10
    assert count_busiest_window(sorted(times), 0.5) <= 60
