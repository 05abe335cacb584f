"""A client of a server with throttlers: their headers and windows, on a virtual clock."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

import httpx
import pytest

from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.limiter import ProcessLimiter

api = Endpoints("throttled")


@api("GET", "/thing", documented=True)
def thing() -> Call[None]:
    """Get a thing."""
    return call(type(None))


@dataclass
class Throttler:
    """A window that starts with its first request, as in @nestjs/throttler and express-rate-limit."""

    name: str
    limit: int
    seconds: float
    hits: int = 0
    ends: float = -math.inf

    def hit(self, now: float) -> bool:
        if now >= self.ends:
            self.hits, self.ends = 0, now + self.seconds
        self.hits += 1
        return self.hits <= self.limit

    def get_remaining(self, now: float) -> tuple[int, int]:
        return max(0, self.limit - self.hits), math.ceil(self.ends - now)


@dataclass
class Server(httpx.AsyncBaseTransport):
    """A server that checks throttlers one after the other and reports them in headers.

    :param style: ``suffixes``, ``members`` (one ``RateLimit`` header) or ``plain``.
    """

    clock: VirtualClock
    throttlers: tuple[Throttler, ...]
    style: str
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = self.clock.now().timestamp()
        self.arrivals.append(now)
        headers: list[tuple[str, str]] = []
        for throttler in self.throttlers:
            suffix = f"-{throttler.name}" if self.style == "suffixes" else ""
            accepted = throttler.hit(now)
            remaining, reset = throttler.get_remaining(now)
            if self.style == "members":
                headers.append(("RateLimit", f'"{throttler.name}";r={remaining};t={reset}'))
                headers.append(
                    ("RateLimit-Policy", f'"{throttler.name}";q={throttler.limit};w={throttler.seconds:.0f}')
                )
            elif accepted:
                values = {"Limit": throttler.limit, "Remaining": remaining, "Reset": reset}
                headers += [(f"X-RateLimit-{name}{suffix}", str(value)) for name, value in values.items()]
            if not accepted:
                self.refused += 1
                return httpx.Response(429, headers=[*headers, (f"Retry-After{suffix}", str(reset))])
        return httpx.Response(200, headers=headers, json={})


async def send(server: Server, limit: str, count: int, concurrency: int) -> float:
    """Send requests and return the seconds that this took."""
    clock = server.clock
    config = ClientConfig(base_url="https://throttled.example", retry=RetryPolicy(max_wait=120.0))
    limiter = ProcessLimiter(RateLimit.parse(limit), clock)
    began = clock.now()
    async with Client(config, dialect=Dialect("throttled"), limiter=limiter, clock=clock, transport=server) as client:

        async def work(number: int) -> None:
            for _ in range(number, count, concurrency):
                await client.send(thing())

        await asyncio.gather(*(work(number) for number in range(concurrency)))
    return (clock.now() - began).total_seconds()


def named() -> tuple[Throttler, ...]:
    return (Throttler("short", 3, 1), Throttler("medium", 20, 10), Throttler("long", 100, 60))


@pytest.mark.parametrize("style", ["suffixes", "members"])
@pytest.mark.parametrize(("concurrency", "most"), [(1, 0), (4, 3)])
async def test_named_throttlers_refuse_few_requests(style: str, concurrency: int, most: int) -> None:
    server = Server(VirtualClock(auto=True), named(), style)
    took = await send(server, "600/minute", 75, concurrency)

    assert server.refused <= most
    assert len(server.arrivals) == 75 + server.refused
    assert took < 50, "75 of 20 in ten seconds take 30 s at the least"


async def test_a_limit_per_second_does_not_slow_a_minute_for_longer() -> None:
    server = Server(VirtualClock(auto=True), (Throttler("default", 30, 1),), "plain")
    took = await send(server, "600/minute", 600, 1)

    assert server.refused == 0
    assert took < 25


async def test_a_lower_limit_of_the_same_window_applies_before_it_is_used_up() -> None:
    server = Server(VirtualClock(auto=True), (Throttler("default", 20, 60),), "members")
    took = await send(server, "600/minute", 60, 4)

    assert server.refused == 0
    assert 119 < took < 130


@pytest.mark.parametrize("limit", ["600/minute", "1000/s"])
@pytest.mark.parametrize("wait", [0.05, 0.4, 0.95])
async def test_a_refusal_of_less_than_a_second_delays_all_requests(limit: str, wait: float) -> None:
    clock = VirtualClock()
    server = Server(clock, (), "plain")
    config = ClientConfig(base_url="https://throttled.example")
    limiter = ProcessLimiter(RateLimit.parse(limit), clock)
    began = clock.now().timestamp()
    await limiter.observe(RateLimitInfo(200, remaining=0, reset=wait))
    async with Client(config, dialect=Dialect("throttled"), limiter=limiter, clock=clock, transport=server) as client:
        sending = [asyncio.ensure_future(client.send(thing())) for _ in range(3)]
        await clock.advance(wait - 0.01)
        assert server.arrivals == []
        await clock.advance(0.02)
        await asyncio.gather(*sending)

    assert [arrival - began for arrival in server.arrivals] == pytest.approx([wait] * 3, abs=0.02)
