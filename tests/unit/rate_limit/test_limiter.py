"""Rate limiters, checked by counting requests in a strict sliding window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import (
    UNUSED_LIMIT,
    MemoryStore,
    ProcessLimiter,
    ProcessRetryAfterLimiter,
    RetryAfterLimiter,
    WindowLimiter,
)
from airflow_provider_sessions.rate_limit.state import RateLimitState
from airflow_provider_sessions.rate_limit.stores import get_process_limiter

T = TypeVar("T")


@pytest.mark.parametrize(
    ("text", "requests", "seconds"),
    [
        ("10/minute", 10, 60),
        ("10/60s", 10, 60),
        (" 5 / second ", 5, 1),
        ("100 per hour", 100, 3600),
        ("10/3s", 10, 3),
        ("1/0.5 seconds", 1, 0.5),
        ("600/10 Minutes", 600, 600),
        ("1000/day", 1000, 86400),
        ("3/min", 3, 60),
    ],
)
def test_limits_are_parsed(text: str, requests: int, seconds: float) -> None:
    assert RateLimit.parse(text) == RateLimit(requests, seconds)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10/minute", "10 requests per minute"),
        ("1/s", "1 request per second"),
        ("2/hour", "2 requests per hour"),
        ("3/day", "3 requests per day"),
        ("10/3s", "10 requests per 3 s"),
        ("10/90s", "10 requests per 90 s"),
    ],
)
def test_limits_are_shown_in_words(text: str, shown: str) -> None:
    assert str(RateLimit.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10",
        "10/",
        "/minute",
        "0/minute",
        "-1/minute",
        "10/0s",
        "10/fortnight",
        "1.5/s",
        "10/ms",
        "10 minute",
        "1e9/s",
        "9" * 40 + "/s",
        "10/" + "9" * 400 + "s",
        "ten/minute",
        "10/minute, 5/s",
    ],
)
def test_invalid_limits_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"rate_limit: invalid value .*; use a form such as '10/minute'"):
        RateLimit.parse(text)


def count_busiest_window(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


@given(
    limit=st.integers(1, 7),
    seconds=st.floats(0.5, 100),
    steps=st.lists(
        st.tuples(
            st.floats(0, 120),  # time that passes before the request
            st.sampled_from([0.0, 1.0, 30.0, 1e6]),  # how long it may wait
            st.sampled_from(
                [None, None, None, RateLimitInfo(429, retry_after=17.0), RateLimitInfo(200, remaining=0, reset=9.0)]
            ),
        ),
        max_size=60,
    ),
)
def test_no_window_holds_more_than_the_limit(
    limit: int, seconds: float, steps: list[tuple[float, float, RateLimitInfo | None]]
) -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(limit, seconds), clock)
    began = clock.now().timestamp()

    async def run() -> list[float]:
        sent = []
        for pause, max_wait, info in steps:
            clock.jump(pause)
            if info is not None:
                await limiter.observe(info)
            now = clock.now().timestamp() - began
            later = await limiter.get_wait(TrafficClass.CALL)
            wait = await limiter.reserve(TrafficClass.CALL, max_wait=max_wait)
            assert (wait is None) == (later > max_wait)
            if wait is not None:
                assert wait == later
                assert info is None or wait >= info.blocked_for - 1e-6
                sent.append(now + wait)
        return sent

    sent = asyncio.run(run())
    assert sent == sorted(sent)
    assert count_busiest_window(sent, seconds) <= limit


async def test_the_limit_is_fully_used() -> None:
    clock = VirtualClock()
    limiter, began = ProcessLimiter(RateLimit(10, 3), clock, margin=0), clock.now()
    for _ in range(200):
        clock.jump(await limiter.reserve(TrafficClass.CALL, max_wait=1000) or 0)
    assert (clock.now() - began).total_seconds() == pytest.approx(57)  # the minimum


async def test_concurrent_requests_get_different_reservations() -> None:
    clock = VirtualClock(auto=True)
    limiter = ProcessLimiter(RateLimit(3, 10), clock)
    began, sent = clock.now(), []

    async def function() -> None:
        wait = await limiter.reserve(TrafficClass.CALL, max_wait=1000)
        assert wait is not None
        await clock.sleep(wait)
        sent.append((clock.now() - began).total_seconds())

    await asyncio.gather(*(function() for _ in range(20)))
    assert len(sent) == 20
    assert count_busiest_window(sent, 10) == 3


async def test_a_wait_that_is_too_long_reserves_nothing() -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(1, 60), clock, margin=0)
    assert await limiter.reserve(TrafficClass.CALL, max_wait=0) == 0
    assert [await limiter.reserve(TrafficClass.CALL, max_wait=59) for _ in range(5)] == [None] * 5
    assert await limiter.get_wait(TrafficClass.CALL) == 60
    assert await limiter.reserve(TrafficClass.CALL, max_wait=60) == 60


@pytest.mark.parametrize(
    ("info", "blocked"),
    [
        (RateLimitInfo(429, retry_after=30), 30),
        (RateLimitInfo(429, reset=20), 20),
        (RateLimitInfo(429, retry_after=30, reset=20), 30),
        (RateLimitInfo(429), 10),
        (RateLimitInfo(429, retry_after=0), 0),
        (RateLimitInfo(503, retry_after=5), 5),
        (RateLimitInfo(503), 0),
        (RateLimitInfo(200, remaining=0, reset=7), 7),
        (RateLimitInfo(200, remaining=1, reset=7), 0),
        (RateLimitInfo(200, remaining=0), 0),
        (RateLimitInfo(429, retry_after=1e12), 86400),
    ],
)
async def test_a_refusal_of_the_platform_delays_all_requests(info: RateLimitInfo, blocked: float) -> None:
    for limiter in (ProcessLimiter(RateLimit(100, 1), VirtualClock()), ProcessRetryAfterLimiter(VirtualClock())):
        await limiter.observe(info)
        assert await limiter.admit() == pytest.approx(blocked)
        assert await limiter.get_wait(TrafficClass.POLL) == pytest.approx(blocked)
        assert await limiter.reserve(TrafficClass.POLL, max_wait=blocked + 1) == pytest.approx(blocked)
        if blocked:
            assert await limiter.reserve(TrafficClass.POLL, max_wait=blocked - 1) is None


async def test_a_shorter_refusal_does_not_shorten_a_longer_one() -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(1, 1), clock)
    await limiter.observe(RateLimitInfo(429, retry_after=100))
    await limiter.observe(RateLimitInfo(429, retry_after=1))
    assert await limiter.get_wait(TrafficClass.CALL) == pytest.approx(100)
    clock.jump(100)
    assert await limiter.get_wait(TrafficClass.CALL) == 0


async def test_a_clock_that_is_set_back_delays_no_request() -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(2, 10), clock, margin=0)
    for _ in range(2):
        await limiter.reserve(TrafficClass.CALL, max_wait=0)
    clock.jump(-3600)
    assert await limiter.get_wait(TrafficClass.CALL) == pytest.approx(10)


def test_an_account_has_one_limiter() -> None:
    clock = VirtualClock()
    limit = RateLimit(1, 1)
    assert get_process_limiter("a", limit, clock) is get_process_limiter("a", RateLimit(1, 1), clock)
    assert get_process_limiter("a", limit, clock) is not get_process_limiter("b", limit, clock)
    assert get_process_limiter("a", limit, clock) is not get_process_limiter("a", RateLimit(2, 1), clock)
    assert get_process_limiter("a", limit, clock) is not get_process_limiter("a", limit, VirtualClock())
    assert isinstance(get_process_limiter("a", None, clock), ProcessRetryAfterLimiter)


class _CountingStore:
    """A store that counts how often it is read."""

    def __init__(self) -> None:
        self.state = RateLimitState(UNUSED_LIMIT)
        self.reads = 0

    async def read(self, function: Callable[[RateLimitState], T]) -> T:
        self.reads += 1
        return await self.update(function)

    async def update(self, function: Callable[[RateLimitState], T]) -> T:
        self.state.advance_to(0.0)
        return function(self.state)


async def test_without_a_limit_the_store_is_not_read_for_every_request() -> None:
    store = _CountingStore()
    limiter = RetryAfterLimiter(store, cache_seconds=3600.0)
    for _ in range(100):
        assert await limiter.reserve(TrafficClass.CALL, max_wait=1.0) == 0
        assert await limiter.admit() == 0
    assert store.reads == 1

    await limiter.observe(RateLimitInfo(429, retry_after=30.0))
    assert await limiter.reserve(TrafficClass.CALL, max_wait=1.0) is None
    assert 29 < await limiter.get_wait(TrafficClass.CALL) <= 30


async def test_a_store_that_is_slow_does_not_confuse_when_requests_arrived(mocker: Any) -> None:
    """Redis is, if the machine is busy. It must not take a request that was sent later for the one that was delayed."""
    clock = VirtualClock()
    start = clock.now().timestamp()
    monotonic = SimpleNamespace(monotonic=lambda: clock.now().timestamp())
    mocker.patch("airflow_provider_sessions.rate_limit.limiter.time", monotonic)

    class SlowStore(MemoryStore):
        async def update(self, function: Callable[[RateLimitState], T]) -> T:
            clock.jump(0.3)
            return await super().update(function)

    limit, state = RateLimit(2, 2), RateLimitState(RateLimit(2, 2))
    limiter = WindowLimiter(MemoryStore(state, clock), limit)
    assert await limiter.admit() == 0
    clock.jump(0.3)
    assert await limiter.admit() == 0  # arrives at once
    clock.jump(0.4)
    # The first may have arrived only now.
    await WindowLimiter(SlowStore(state, clock), limit).observe(RateLimitInfo(200, elapsed=0.7))
    hold = await limiter.admit()
    assert clock.now().timestamp() + hold >= start + 0.3 + limit.seconds
