"""The book in a file: exact for many processes, safe against crashes and strangers."""

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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.rate_limit import file_store
from airflow_provider_sessions.rate_limit.fallback import StoreError
from airflow_provider_sessions.rate_limit.file_store import FileShelf, host_time, rate_folder
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limiter import BookBudget, Lane, RateLimit
from airflow_provider_sessions.rate_limit.state import Book
from tests.unit.rate_limit.test_state import most_in_a_window

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


def budget(path: Path, now: Time, limit: RateLimit = LIMIT) -> BookBudget:
    return BookBudget(FileShelf(path, limit, now=now), limit)


async def reserve(budget: BookBudget, count: int = 1, lane: Lane = Lane.CALL) -> list[float]:
    waits = [await budget.reserve(lane, max_wait=math.inf) for _ in range(count)]
    return [round(wait, 6) for wait in waits if wait is not None]


async def test_all_who_open_the_file_share_the_budget(path: Path, now: Time) -> None:
    one, other = budget(path, now), budget(path, now)
    assert await reserve(one, 3) + await reserve(other, 3) == [0, 0, 0, 0, 0, 10.05]
    assert await one.next_slot(Lane.CALL) == pytest.approx(10.05)


async def test_what_the_platform_told_one_holds_for_all(path: Path, now: Time) -> None:
    one, other = budget(path, now), budget(path, now)
    await one.observe(RateNews(429, retry_after=30))
    assert await other.leave() == pytest.approx(30)
    assert await reserve(other) == [30]
    await one.observe(RateNews(200, limit=2, window=10))
    now.seconds += 100
    assert (await reserve(other, 3))[2] == pytest.approx(10.1, abs=0.003)  # the 429 doubled the margin, for all


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0, 8), st.sampled_from(Lane), st.sampled_from([0.0, 5.0, 1e6])),
        max_size=50,
    )
)
def test_no_window_holds_more_than_the_limit_however_many_share_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, float, Lane, float]]
) -> None:
    now = Time()
    path = tmp_path_factory.mktemp("shared") / "account.rate"
    budgets = [budget(path, now) for _ in range(4)]

    async def run() -> list[float]:
        sent = []
        for who, pause, lane, patience in steps:
            now.seconds += pause
            wait = await budgets[who].reserve(lane, max_wait=patience)
            if wait is not None:
                sent.append(now.seconds + wait)
        return sent

    assert most_in_a_window(asyncio.run(run()), LIMIT.seconds) <= LIMIT.requests


@pytest.mark.parametrize("content", [b"", b"x", b"\0" * 200, None])
async def test_a_file_that_is_not_whole_counts_as_a_window_used_up(
    path: Path, now: Time, content: bytes | None
) -> None:
    await reserve(budget(path, now), 2)
    path.write_bytes(path.read_bytes()[:-5] if content is None else content)
    assert await budget(path, now).next_slot(Lane.CALL) == pytest.approx(10.05)
    now.seconds += 6  # looking has mended the file: one does not begin to wait anew
    assert await reserve(budget(path, now), 6) == [4.05] * 5 + [14.1]


async def test_a_file_that_was_deleted_is_made_again(path: Path, now: Time) -> None:
    shared = budget(path, now)
    await reserve(shared)
    path.unlink()
    path.parent.rmdir()
    assert await reserve(shared) == [0]


async def test_a_clock_that_is_set_back_or_begins_anew_holds_nobody_up(path: Path, now: Time) -> None:
    await reserve(budget(path, now), 5)
    now.seconds = 3
    assert await budget(path, now).next_slot(Lane.CALL) == pytest.approx(10.05)


def test_its_time_is_not_that_of_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    before = host_time()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= host_time() - before < 60


async def test_only_this_user_can_get_at_it(path: Path, now: Time) -> None:
    await reserve(budget(path, now))
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_folder_that_others_can_write_to_is_refused(path: Path, now: Time) -> None:
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)
    with pytest.raises(StoreError, match="closed to others"):
        await reserve(budget(path, now))


async def test_a_link_in_the_place_of_folder_or_file_is_refused(path: Path, now: Time, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    path.parent.symlink_to(elsewhere)
    with pytest.raises(StoreError):
        await reserve(budget(path, now))
    path.parent.unlink()
    path.parent.mkdir(mode=0o700)
    (elsewhere / "precious").write_text("precious")
    path.symlink_to(elsewhere / "precious")
    with pytest.raises(StoreError):
        await reserve(budget(path, now))
    assert (elsewhere / "precious").read_text() == "precious"


async def test_a_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path: Path, now: Time) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        await reserve(budget(tmp_path / "file" / "rates" / "a.rate", now))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


async def test_waiting_for_the_lock_does_not_hold_up_the_event_loop(path: Path, now: Time) -> None:
    shared = budget(path, now)
    await reserve(shared)
    with locked(path):
        waiting = asyncio.create_task(reserve(shared))
        for _ in range(20):
            await asyncio.sleep(0.001)  # others have their turns
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 1) == [0]


async def test_a_lock_that_is_never_let_go_is_an_error_of_the_store(
    path: Path, now: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = budget(path, now)
    await reserve(shared)
    monkeypatch.setattr(file_store, "_PATIENCE", 0.02)
    with locked(path), pytest.raises(StoreError, match="has been locked"):
        await reserve(shared)


def test_the_folder_is_the_users_own_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path))
    assert rate_folder() == tmp_path
    monkeypatch.delenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR")
    assert rate_folder().name == f"airflow-provider-sessions-{os.getuid()}"


WORKER = """
import asyncio, json, math, sys
from pathlib import Path
from airflow_provider_sessions.rate_limit.limiter import Lane, RateLimit
from airflow_provider_sessions.rate_limit.file_store import FileShelf

async def main():
    shelf = FileShelf(Path(sys.argv[1]), RateLimit(5, 0.5))
    slots, departures = [], []
    for _ in range(8):
        wait, slot = await shelf.write(lambda book: ((wait := book.reserve(Lane.CALL, math.inf)), book.present + wait))
        slots.append(slot)
        await asyncio.sleep(wait)
        held = True
        while held:
            held, left = await shelf.write(lambda book: (book.leave(), book.present))
            await asyncio.sleep(held)
        departures.append(left)
    print(json.dumps([slots, departures]))

asyncio.run(main())
"""


def test_processes_that_ask_at_once_keep_to_the_limit_together(path: Path) -> None:
    """4 processes x 8 requests at 5 per 0.5 s, judged by the time that stands in the file."""
    running = [subprocess.Popen([sys.executable, "-c", WORKER, path], stdout=subprocess.PIPE) for _ in range(4)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    for kind in (0, 1):
        instants = sorted(instant for answer in answers for instant in answer[kind])
        assert len(instants) == 32
        assert most_in_a_window(instants, 0.5) <= 5


def test_a_process_that_is_killed_leaves_the_file_whole_and_unlocked(path: Path, now: Time) -> None:
    hammer = WORKER.replace("range(8)", "range(10**9)").replace("asyncio.sleep(wait)", "asyncio.sleep(0)")
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", hammer, path])
        ends = time.monotonic() + 20
        while not path.exists() and time.monotonic() < ends:
            os.sched_yield()
        process.kill()
        process.wait()
        assert Book.from_page(path.read_bytes(), LIMIT) is not None
        assert asyncio.run(FileShelf(path, LIMIT).look(lambda book: book.next_slot(Lane.CALL))) >= 0
