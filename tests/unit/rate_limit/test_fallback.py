"""The limiter to fall back on while a store is down."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock
from airflow_provider_sessions.rate_limit.fallback import FallbackLimiter
from airflow_provider_sessions.rate_limit.file_store import FileStore
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import (
    ProcessLimiter,
    ProcessRetryAfterLimiter,
    StoreError,
    WindowLimiter,
)


class UnreliableLimiter(ProcessLimiter):
    """A limiter whose store can be taken down."""

    down = False
    calls = 0

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        self._fail()
        return await super().reserve(traffic_class, max_wait=max_wait)

    async def admit(self) -> float:
        self._fail()
        return await super().admit()

    async def observe(self, info: RateLimitInfo) -> None:
        self._fail()
        await super().observe(info)

    def _fail(self) -> None:
        self.calls += 1
        if self.down:
            raise StoreError("the store is down")


class Limiters:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.primary = UnreliableLimiter(RateLimit(100, 10), self.clock, margin=0)
        self.fallback = ProcessLimiter(RateLimit(1, 24), self.clock, margin=0)
        self.combined = FallbackLimiter(self.primary, self.fallback, self.clock, consequence="one request every 24 s")

    async def reserve(self, count: int) -> list[Any]:
        return [await self.combined.reserve(TrafficClass.CALL, max_wait=1000) for _ in range(count)]


@pytest.fixture
def limiters() -> Limiters:
    return Limiters()


async def test_without_its_store_a_limiter_is_slow_and_never_unlimited(limiters: Limiters) -> None:
    assert await limiters.reserve(3) == [0, 0, 0]
    limiters.primary.down = True
    assert await limiters.reserve(3) == [0, 24, 48]


async def test_an_outage_logs_one_warning(limiters: Limiters, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    limiters.primary.down = True
    for _ in range(10):
        await limiters.reserve(1)
        limiters.clock.jump(3)
    [warning] = caplog.records
    assert warning.levelname == "WARNING"
    assert warning.getMessage() == (
        "Rate limit store unavailable (the store is down); until it is available again, one request every 24 s"
    )


async def test_a_store_that_works_again_is_used_again(limiters: Limiters, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    limiters.primary.down = True
    await limiters.reserve(2)
    limiters.primary.down = False
    assert await limiters.reserve(1) == [48]
    limiters.clock.jump(6)
    assert await limiters.reserve(5) == [0] * 5
    assert caplog.messages[-1] == "Rate limit store available again"


async def test_a_store_that_is_down_does_not_delay_every_request(limiters: Limiters) -> None:
    limiters.primary.down = True
    await limiters.reserve(50)
    assert limiters.primary.calls == 1


async def test_a_refusal_before_the_outage_is_respected(limiters: Limiters) -> None:
    await limiters.combined.observe(RateLimitInfo(429, retry_after=100))
    limiters.primary.down = True
    assert await limiters.combined.admit() == pytest.approx(100)
    assert await limiters.reserve(1) == [pytest.approx(100)]


async def test_a_refusal_during_the_outage_is_respected(limiters: Limiters) -> None:
    limiters.primary.down = True
    await limiters.combined.observe(RateLimitInfo(429, retry_after=100))
    assert await limiters.combined.get_wait(TrafficClass.POLL) == pytest.approx(100)


async def test_no_log_contains_the_accounts_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither if the folder is open to others, nor if there is a folder instead of the file."""
    limit = RateLimit(10, 60)
    public, occupied = tmp_path / "public", tmp_path / "occupied"
    public.mkdir(mode=0o755)
    occupied.mkdir(mode=0o700)
    (occupied / "fingerprint.rate").mkdir()
    for folder in (public, occupied):
        primary = FileStore(folder / "fingerprint.rate", limit)
        limiter = FallbackLimiter(
            WindowLimiter(primary, limit), ProcessRetryAfterLimiter(SYSTEM_CLOCK), SYSTEM_CLOCK, consequence="it waits"
        )
        await limiter.reserve(TrafficClass.CALL, max_wait=1)
    assert caplog.text.count("Rate limit store unavailable") == 2
    assert "fingerprint" not in caplog.text
