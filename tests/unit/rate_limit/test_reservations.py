"""Reservations made before a deferral: a hundred tasks, checked by counting requests in a sliding window."""

from __future__ import annotations

import asyncio
import math
import random

import httpx
import pytest

from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import ProcessLimiter, RateLimiter
from airflow_provider_sessions.rate_limit.reservations import ReservationLimiter
from tests.unit.client.things import get_thing
from tests.unit.rate_limit.test_state import count_busiest_window

LIMIT = RateLimit(10, 60)
SHORT_WAIT = 10.0


class Platform:
    """A platform that records when requests arrive, and tasks that send them."""

    def __init__(self) -> None:
        self.clock = VirtualClock(auto=True)
        self.limiter = ProcessLimiter(LIMIT, self.clock)
        self.arrivals: list[float] = []
        self.deferrals: list[int] = []

    def client(self, limiter: RateLimiter) -> Client:
        def respond(request: httpx.Request) -> httpx.Response:
            self.arrivals.append(self.clock.now().timestamp())
            return httpx.Response(200, json={"data": {"id": "t1"}})

        return Client(
            ClientConfig(base_url="http://platform.example.com", retry=RetryPolicy(max_wait=SHORT_WAIT)),
            dialect=Dialect("testing"),
            limiter=limiter,
            clock=self.clock,
            transport=httpx.MockTransport(respond),
        )

    async def task(self, requests: int, usual: int, max_late: float) -> None:
        """Send requests. If the wait is long, reserve, wait elsewhere, and resume up to ``max_late`` seconds late."""
        reserved, deferrals = 0, 0
        while True:
            reservations = ReservationLimiter(self.limiter, reserved, SHORT_WAIT)
            try:
                async with self.client(reservations) as client:
                    for _ in range(requests):
                        await client.send(get_thing("t1"))
            except RateLimitedError:
                reserved = max(usual, reservations.sent + 1)
                wait = await reservations.reserve_ahead(reserved, math.inf)
                assert wait is not None
                await self.clock.sleep(max(6.0, wait) + random.uniform(1, max_late))
                deferrals += 1
            else:
                self.deferrals.append(deferrals)
                return


async def test_a_hundred_tasks_keep_to_the_limit_with_a_hundred_deferrals() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=1, usual=1, max_late=8) for _ in range(100)))

    assert len(platform.arrivals) == 100
    assert count_busiest_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests
    assert sum(platform.deferrals) <= 100
    assert platform.arrivals[-1] - platform.arrivals[0] < 13 * 60  # from the second window on, a fifth is for polling


async def test_tasks_of_several_requests_reserve_all_of_them_at_once() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=3, usual=3, max_late=8) for _ in range(30)))

    assert count_busiest_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests
    assert max(platform.deferrals) <= 2
    assert len(platform.arrivals) <= 30 * 3 + 10  # tasks that were deferred halfway repeat some requests


async def test_tasks_of_more_requests_than_usual_get_further_each_time() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=5, usual=2, max_late=3) for _ in range(10)))

    assert len(platform.deferrals) == 10
    assert max(platform.deferrals) <= 4
    assert count_busiest_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests


async def test_a_reservation_is_valid_late_and_only_once() -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(LIMIT, clock, margin=0)
    for _ in range(10):
        await limiter.reserve(TrafficClass.CALL, max_wait=0)
        await limiter.admit()
    ahead = await ReservationLimiter(limiter, 0, SHORT_WAIT).reserve_ahead(2, math.inf)
    assert ahead == 60
    clock.jump(75)
    reservations = ReservationLimiter(limiter, 2, SHORT_WAIT)
    for sent in (1, 2):
        assert await reservations.reserve(TrafficClass.CALL, max_wait=SHORT_WAIT) == 0
        assert await reservations.admit() == 0
        assert reservations.sent == sent
    assert [await limiter.reserve(TrafficClass.CALL, max_wait=0) for _ in range(8)] == [0] * 8
    assert await reservations.reserve(TrafficClass.CALL, max_wait=SHORT_WAIT) is None


async def test_a_reservation_is_kept_until_its_request_is_admitted_unless_that_is_far() -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(1, 20), clock, margin=0)
    assert await limiter.admit() == 0
    reservations = ReservationLimiter(limiter, 1, SHORT_WAIT)
    assert await reservations.reserve(TrafficClass.CALL, max_wait=SHORT_WAIT) == 0
    assert await reservations.admit() == 20
    assert await reservations.reserve(TrafficClass.CALL, max_wait=SHORT_WAIT) == 20
    await reservations.observe(RateLimitInfo(429, retry_after=300))
    assert await reservations.admit() == 300
    assert await reservations.reserve(TrafficClass.CALL, max_wait=SHORT_WAIT) is None
    assert await reservations.get_wait(TrafficClass.CALL) == 300


@pytest.mark.parametrize(("wait", "ahead"), [(59, None), (61, 60)])
async def test_reservations_too_far_ahead_are_not_made(wait: float, ahead: float | None) -> None:
    clock = VirtualClock()
    limiter = ProcessLimiter(RateLimit(1, 60), clock, margin=0)
    assert await limiter.reserve(TrafficClass.CALL, max_wait=0) == 0
    assert await ReservationLimiter(limiter, 0, SHORT_WAIT).reserve_ahead(1, wait) == ahead
    assert await limiter.get_wait(TrafficClass.CALL) == (60 if ahead is None else 120)
