"""When requests arrive at a platform that counts a strict sliding window, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pytest

from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import ProcessLimiter

api = Endpoints("distant")


@api("GET", "/thing", documented=True)
def thing() -> Call[None]:
    """Get a thing."""
    return call(type(None))


@dataclass
class Platform:
    """A platform that records when requests arrive.

    :param get_delays: returns, for a time, the seconds until a request arrives and until its response arrives.
    """

    clock: VirtualClock
    get_delays: Callable[[float], tuple[float, float]] = lambda now: (0.002, 0.005)
    arrivals: list[datetime] = field(default_factory=list)

    def count_busiest_window(self, seconds: float) -> int:
        times = sorted(moment.timestamp() for moment in self.arrivals)
        return max(sum(begin <= time < begin + seconds for time in times) for begin in times)


class Connection(httpx.AsyncBaseTransport):
    """A transport that connects before its first request.

    :param platform: the platform.
    :param connect_seconds: the time to connect.
    """

    def __init__(self, platform: Platform, connect_seconds: float) -> None:
        self._platform = platform
        self._connect_seconds = connect_seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        clock = self._platform.clock
        to_platform, to_client = self._platform.get_delays(clock.now().timestamp())
        await clock.sleep(self._connect_seconds)
        self._connect_seconds = 0.0
        if trace := request.extensions.get("trace"):
            await trace("http11.send_request_headers.started", {})
        await clock.sleep(to_platform)
        self._platform.arrivals.append(clock.now())
        await clock.sleep(to_client)
        return httpx.Response(200, json={})


async def run(clock: VirtualClock, work: Awaitable[object]) -> None:
    """Run work, advancing the clock to each next sleeper once no task can continue."""
    task = asyncio.ensure_future(work)
    while not task.done():
        for _ in range(6):
            await clock.advance(0)
        if not task.done() and clock._sleepers:
            await clock.advance_to(clock._sleepers[0][0])
    await task


def client(platform: Platform, limiter: ProcessLimiter, connect_seconds: float) -> Client:
    config = ClientConfig(base_url="https://distant.example", retry=RetryPolicy(max_wait=600.0))
    transport = Connection(platform, connect_seconds)
    return Client(config, dialect=Dialect("distant"), limiter=limiter, clock=platform.clock, transport=transport)


@pytest.mark.parametrize("connect_seconds", [0.03, 0.15, 0.5])
@pytest.mark.parametrize("limit", ["3/s", "10/3s"])
async def test_new_connections_bring_no_arrivals_closer_together(connect_seconds: float, limit: str) -> None:
    """As in workers whose tasks are processes: each opens a connection, then sends a second request at once."""
    platform, rate = Platform(VirtualClock()), RateLimit.parse(limit)
    limiter = ProcessLimiter(rate, platform.clock)

    async def task(requests: int) -> None:
        async with client(platform, limiter, connect_seconds) as sender:
            for _ in range(requests):
                await sender.send(thing())

    for _ in range(6):
        await run(
            platform.clock, asyncio.gather(*(task(1) for _ in range(rate.requests + 2)), *(task(3) for _ in range(2)))
        )

    assert platform.count_busiest_window(rate.seconds) <= rate.requests


async def test_a_platform_that_gets_faster_again_receives_no_more_than_its_limit() -> None:
    """Requests that wait in its queue arrive late; the first that does not must not arrive too early."""
    clock = VirtualClock()
    began = clock.now().timestamp()

    def get_delays(now: float) -> tuple[float, float]:
        return (0.15, 0.005) if 20 < now - began < 40 else (0.002, 0.005)

    platform = Platform(clock, get_delays)
    limiter = ProcessLimiter(RateLimit(3, 1), clock)
    async with client(platform, limiter, 0.0) as sender:

        async def work() -> None:
            while clock.now().timestamp() - began < 60:
                await sender.send(thing())

        await run(clock, asyncio.gather(*(work() for _ in range(4))))

    assert platform.count_busiest_window(1) <= 3
    assert len(platform.arrivals) > 60 * 3 * 0.8
