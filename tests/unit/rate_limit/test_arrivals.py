"""When requests arrive at a platform that counts a strict sliding window, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import pytest

from airflow_provider_sessions.client.answers import Dialect
from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
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
class Judge:
    """A platform, and when requests arrived there.

    :param way: seconds from a request's being written to its arrival, and from there to its answer, by the present.
    """

    clock: VirtualClock
    way: Callable[[float], tuple[float, float]] = lambda now: (0.002, 0.005)
    arrivals: list[datetime] = field(default_factory=list)

    def most_within(self, seconds: float) -> int:
        times = sorted(moment.timestamp() for moment in self.arrivals)
        return max(sum(begin <= time < begin + seconds for time in times) for begin in times)


class Connection(httpx.AsyncBaseTransport):
    """What a client sends over: it connects before its first request.

    :param judge: the platform.
    :param connecting: seconds that connecting takes.
    """

    def __init__(self, judge: Judge, connecting: float) -> None:
        self._judge = judge
        self._connecting = connecting

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        clock, (there, back) = self._judge.clock, self._judge.way(self._judge.clock.now().timestamp())
        await clock.sleep(self._connecting)
        self._connecting = 0.0
        if trace := request.extensions.get("trace"):
            await trace("http11.send_request_headers.started", {})
        await clock.sleep(there)
        self._judge.arrivals.append(clock.now())
        await clock.sleep(back)
        return httpx.Response(200, json={})


async def run(clock: VirtualClock, work: Awaitable[object]) -> None:
    """Do work while time passes, from one sleeper to the next: each request gets all the turns that it needs."""
    task = asyncio.ensure_future(work)
    while not task.done():
        for _ in range(6):
            await clock.advance(0)
        if not task.done() and clock._sleepers:
            await clock.advance_to(clock._sleepers[0][0])
    await task


def client(judge: Judge, limiter: ProcessLimiter, connecting: float) -> Client:
    config = ClientConfig(base_url="https://distant.example", retry=RetryPolicy(max_wait=600.0))
    transport = Connection(judge, connecting)
    return Client(config, dialect=Dialect("distant"), limiter=limiter, clock=judge.clock, transport=transport)


@pytest.mark.parametrize("connecting", [0.03, 0.15, 0.5])
@pytest.mark.parametrize("limit", ["3/s", "10/3s"])
async def test_connections_that_have_to_be_made_bring_no_arrivals_closer_together(
    connecting: float, limit: str
) -> None:
    """As in workers whose tasks are processes: each connects anew, then sends a second request at once."""
    judge, rate = Judge(VirtualClock()), RateLimit.parse(limit)
    limiter = ProcessLimiter(rate, judge.clock)

    async def task(requests: int) -> None:
        async with client(judge, limiter, connecting) as sender:
            for _ in range(requests):
                await sender.send(thing())

    for _ in range(6):
        await run(
            judge.clock, asyncio.gather(*(task(1) for _ in range(rate.requests + 2)), *(task(3) for _ in range(2)))
        )

    assert judge.most_within(rate.seconds) <= rate.requests


async def test_a_platform_that_was_busy_and_is_not_any_more_gets_no_more_than_its_limit() -> None:
    """Requests that lie in its queue for a while arrive late; the first that does not is not to come too early."""
    clock = VirtualClock()
    began = clock.now().timestamp()

    def way(now: float) -> tuple[float, float]:
        return (0.15, 0.005) if 20 < now - began < 40 else (0.002, 0.005)

    judge = Judge(clock, way)
    limiter = ProcessLimiter(RateLimit(3, 1), clock)
    async with client(judge, limiter, 0.0) as sender:

        async def work() -> None:
            while clock.now().timestamp() - began < 60:
                await sender.send(thing())

        await run(clock, asyncio.gather(*(work() for _ in range(4))))

    assert judge.most_within(1) <= 3
    assert len(judge.arrivals) > 60 * 3 * 0.8
