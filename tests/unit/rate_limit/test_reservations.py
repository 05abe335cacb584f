"""Slots that were reserved before: a hundred tasks that wait for theirs elsewhere, under a judge."""

from __future__ import annotations

import asyncio
import math
import random

import httpx
import pytest

from airflow_provider_sessions.client.answers import Dialect
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limiter import Lane, ProcessBudget, RateBudget, RateLimit
from airflow_provider_sessions.rate_limit.reservations import Tickets
from tests.unit.client.things import get_thing
from tests.unit.rate_limit.test_state import most_in_a_window

LIMIT = RateLimit(10, 60)
SHORT_WAIT = 10.0


class Platform:
    """A platform that notes when requests arrive, and tasks that send some to it."""

    def __init__(self) -> None:
        self.clock = VirtualClock(auto=True)
        self.budget = ProcessBudget(LIMIT, self.clock)
        self.arrivals: list[float] = []
        self.deferrals: list[int] = []

    def client(self, budget: RateBudget) -> Client:
        def answer(request: httpx.Request) -> httpx.Response:
            self.arrivals.append(self.clock.now().timestamp())
            return httpx.Response(200, json={"data": {"id": "t1"}})

        return Client(
            ClientConfig(base_url="http://platform.example.com", retry=RetryPolicy(max_wait=SHORT_WAIT)),
            dialect=Dialect("testing"),
            budget=budget,
            clock=self.clock,
            transport=httpx.MockTransport(answer),
        )

    async def task(self, requests: int, usual: int, latest: float) -> None:
        """Send some requests; where a slot is far, wait for reserved ones, and come up to ``latest`` seconds late."""
        slots, deferrals = 0, 0
        while True:
            tickets = Tickets(self.budget, slots, SHORT_WAIT)
            try:
                async with self.client(tickets) as client:
                    for _ in range(requests):
                        await client.send(get_thing("t1"))
            except RateLimitedError:
                slots = max(usual, tickets.sent + 1)
                wait = await tickets.reserve_ahead(slots, math.inf)
                assert wait is not None
                await self.clock.sleep(max(6.0, wait) + random.uniform(1, latest))
                deferrals += 1
            else:
                self.deferrals.append(deferrals)
                return


async def test_a_hundred_tasks_wait_a_hundred_times_and_keep_to_the_limit() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=1, usual=1, latest=8) for _ in range(100)))

    assert len(platform.arrivals) == 100
    assert most_in_a_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests
    assert sum(platform.deferrals) <= 100
    assert platform.arrivals[-1] - platform.arrivals[0] < 13 * 60  # a fifth of later windows is kept for polling


async def test_tasks_of_several_requests_get_all_their_slots_at_once() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=3, usual=3, latest=8) for _ in range(30)))

    assert most_in_a_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests
    assert max(platform.deferrals) <= 2
    assert len(platform.arrivals) <= 30 * 3 + 10  # those that began before it was full did some of it twice


async def test_tasks_that_need_more_than_usual_come_further_each_time() -> None:
    platform = Platform()
    await asyncio.gather(*(platform.task(requests=5, usual=2, latest=3) for _ in range(10)))

    assert len(platform.deferrals) == 10
    assert max(platform.deferrals) <= 4
    assert most_in_a_window(platform.arrivals, LIMIT.seconds) <= LIMIT.requests


async def test_a_ticket_is_for_whoever_comes_late_as_well_and_only_once() -> None:
    clock = VirtualClock()
    budget = ProcessBudget(LIMIT, clock, margin=0)
    for _ in range(10):
        await budget.reserve(Lane.CALL, max_wait=0)
        await budget.leave()
    ahead = await Tickets(budget, 0, SHORT_WAIT).reserve_ahead(2, math.inf)
    assert ahead == 60
    clock.jump(75)
    tickets = Tickets(budget, 2, SHORT_WAIT)
    for sent in (1, 2):
        assert await tickets.reserve(Lane.CALL, max_wait=SHORT_WAIT) == 0
        assert await tickets.leave() == 0
        assert tickets.sent == sent
    assert [await budget.reserve(Lane.CALL, max_wait=0) for _ in range(8)] == [0] * 8
    assert await tickets.reserve(Lane.CALL, max_wait=SHORT_WAIT) is None


async def test_a_ticket_is_kept_until_its_request_may_leave_and_is_worth_nothing_where_that_is_far() -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(1, 20), clock, margin=0)
    assert await budget.leave() == 0
    tickets = Tickets(budget, 1, SHORT_WAIT)
    assert await tickets.reserve(Lane.CALL, max_wait=SHORT_WAIT) == 0
    assert await tickets.leave() == 20
    assert await tickets.reserve(Lane.CALL, max_wait=SHORT_WAIT) == 20  # longer than others wait: it has been reserved
    await tickets.observe(RateNews(429, retry_after=300))
    assert await tickets.leave() == 300
    assert await tickets.reserve(Lane.CALL, max_wait=SHORT_WAIT) is None
    assert await tickets.next_slot(Lane.CALL) == 300


@pytest.mark.parametrize(("wait", "ahead"), [(59, None), (61, 60)])
async def test_slots_that_are_too_far_are_not_reserved(wait: float, ahead: float | None) -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(1, 60), clock, margin=0)
    assert await budget.reserve(Lane.CALL, max_wait=0) == 0
    assert await Tickets(budget, 0, SHORT_WAIT).reserve_ahead(1, wait) == ahead
    assert await budget.next_slot(Lane.CALL) == (60 if ahead is None else 120)
