"""The store in Redis, against a real server."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import UNUSED_LIMIT, RetryAfterLimiter, StoreError, WindowLimiter
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisStore
from airflow_provider_sessions.rate_limit.stores import get_account_limiter
from tests.unit.rate_limit.test_state import count_busiest_window

ADDRESS = RedisAddress("127.0.0.1")
LIMIT = RateLimit(5, 60)


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an account that only this test uses, in a real Redis."""
    name = f"test-{os.getpid()}-{request.node.name}"
    with Redis("127.0.0.1", socket_connect_timeout=1) as server:
        try:
            server.ping()
        except RedisError:
            pytest.skip("no Redis answers at 127.0.0.1:6379")
        yield name
        server.delete(key(name))


def key(account: str) -> str:
    return f"airflow-provider-sessions:rate:{account}"


def make_limiter(account: str, limit: RateLimit = LIMIT) -> WindowLimiter:
    return WindowLimiter(RedisStore(ADDRESS, account, limit), limit)


async def reserve(limiter: Any, count: int = 1) -> list[float]:
    waits = [await limiter.reserve(TrafficClass.CALL, max_wait=math.inf) for _ in range(count)]
    return [round(wait) for wait in waits]


async def test_all_workers_share_the_limit(account: str) -> None:
    one, other = make_limiter(account), make_limiter(account)
    assert await reserve(one, 3) + await reserve(other, 3) == [0, 0, 0, 0, 0, 60]
    await one.observe(RateLimitInfo(429, retry_after=300))
    assert await other.admit() == pytest.approx(300, abs=5)


async def test_without_a_limit_all_workers_learn_of_a_refusal(account: str) -> None:
    one, other = (RetryAfterLimiter(RedisStore(ADDRESS, account, UNUSED_LIMIT)) for _ in range(2))
    assert await reserve(one, 50) == [0] * 50
    await one.observe(RateLimitInfo(429, retry_after=300))
    assert await other.reserve(TrafficClass.CALL, max_wait=60) is None
    assert await other.admit() == pytest.approx(300, abs=5)


async def test_reading_changes_nothing(account: str) -> None:
    assert await make_limiter(account).get_wait(TrafficClass.CALL) == 0
    with Redis("127.0.0.1") as server:
        assert not server.exists(key(account))
    assert await reserve(make_limiter(account)) == [0]


async def test_concurrent_requests_get_different_reservations(account: str) -> None:
    limiters = [make_limiter(account, RateLimit(2, 10)) for _ in range(4)]
    waits = await asyncio.gather(*(one.reserve(TrafficClass.CALL, max_wait=1000) for one in limiters * 3))
    assert count_busiest_window([wait for wait in waits if wait is not None], 9) == 2


async def test_damaged_bytes_count_as_a_window_used_up(account: str) -> None:
    with Redis("127.0.0.1") as server:
        server.set(key(account), b"\0torn")
    assert await reserve(make_limiter(account)) == [60]


async def test_a_server_that_lost_its_data_counts_as_a_window_used_up(account: str) -> None:
    shared = make_limiter(account)
    await reserve(shared, 2)
    with Redis("127.0.0.1") as server:
        server.delete(key(account))
    assert await reserve(shared) == [60]


async def test_the_state_of_an_unused_account_expires(account: str) -> None:
    await reserve(make_limiter(account))
    with Redis("127.0.0.1") as server:
        assert 6 * 86400 < server.ttl(key(account)) <= 7 * 86400  # type: ignore[operator]


def test_a_limiter_serves_one_event_loop_after_another(account: str) -> None:
    shared = make_limiter(account)
    assert [asyncio.run(reserve(shared)) for _ in range(3)] == [[0], [0], [0]]


WORKER = """
import asyncio, json, sys, time
from airflow_provider_sessions.rate_limit.limit import TrafficClass, RateLimit
from airflow_provider_sessions.rate_limit.limiter import WindowLimiter
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisStore
skew = float(sys.argv[2])
real = time.time
time.time = lambda: real() + skew

async def main():
    limit = RateLimit(5, 5.0)
    limiter = WindowLimiter(RedisStore(RedisAddress("127.0.0.1"), sys.argv[1], limit), limit)
    times = []
    for _ in range(8):
        times.append(await limiter.reserve(TrafficClass.CALL, max_wait=60) + time.monotonic())
    print(json.dumps(times))

asyncio.run(main())
"""


def test_processes_whose_clocks_differ_keep_to_the_limit_together(account: str) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", WORKER, account, str(skew)], stdout=subprocess.PIPE)
        for skew in (0, 2, -2, 3600)
    ]
    times = sorted(time for process in running for time in json.loads(process.communicate(timeout=60)[0]))
    assert len(times) == 32
    # Half a second for processes that are paused between the reservation and reading the clock.
    assert count_busiest_window(times, 4.5) <= 5


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_a_redis_that_is_down_is_a_store_error() -> None:
    address = RedisAddress("127.0.0.1", free_port(), password="hush")
    with pytest.raises(StoreError, match="Redis: ConnectionError") as caught:
        await WindowLimiter(RedisStore(address, "a", LIMIT), LIMIT).get_wait(TrafficClass.CALL)
    assert "hush" not in str(caught.value) + repr(address)


async def test_requests_that_queued_behind_a_failure_do_not_each_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = RedisStore(RedisAddress("127.0.0.1", free_port()), "a", LIMIT)
    attempts, go_on = [], threading.Event()

    def fail() -> Any:
        attempts.append(1)
        go_on.wait(10)
        raise OSError("down")

    class Turn:
        def __enter__(self) -> None:
            waiting.release()
            lock.acquire()

        def __exit__(self, *raised: object) -> None:
            lock.release()

    lock, waiting = threading.Lock(), threading.Semaphore(0)
    monkeypatch.setattr(store, "_lock", Turn())
    monkeypatch.setattr(store, "_load", fail)
    tasks = [asyncio.create_task(WindowLimiter(store, LIMIT).get_wait(TrafficClass.CALL)) for _ in range(3)]
    for _ in tasks:
        assert await asyncio.to_thread(waiting.acquire, timeout=10)
    go_on.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
    assert len(attempts) == 1


async def test_without_redis_a_host_sends_at_a_quarter_of_the_rate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "rates"))
    caplog.set_level(logging.INFO)
    shared = get_account_limiter("a", RateLimit(10, 60), SYSTEM_CLOCK, RedisAddress("127.0.0.1", free_port()))
    other = get_account_limiter("a", RateLimit(10, 60), SYSTEM_CLOCK, RedisAddress("127.0.0.1", free_port()))
    assert await reserve(shared) + await reserve(other) + await reserve(shared) == [0, 24, 48]
    assert len(caplog.records) == 2  # one from each limiter
    assert "this host sends at most one request every 24 s" in caplog.text
