"""The rate budget under a judge who counts a strict sliding window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limiter import (
    NO_LIMIT,
    Lane,
    OpenBudget,
    ProcessBudget,
    RateLimit,
    Unlimited,
    process_budget,
)
from airflow_provider_sessions.rate_limit.state import Book

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
def test_limits_are_read(text: str, requests: int, seconds: float) -> None:
    assert RateLimit.read(text) == RateLimit(requests, seconds)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10/minute", "10 requests a minute"),
        ("1/s", "1 request a second"),
        ("2/hour", "2 requests an hour"),
        ("3/day", "3 requests a day"),
        ("10/3s", "10 requests in 3 s"),
        ("10/90s", "10 requests in 90 s"),
    ],
)
def test_limits_are_told_in_words(text: str, words: str) -> None:
    assert str(RateLimit.read(text)) == words


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
def test_limits_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"rate_limit: .*write for example '10/minute'"):
        RateLimit.read(text)


def most_in_a_window(times: list[float], seconds: float) -> int:
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


@given(
    limit=st.integers(1, 7),
    seconds=st.floats(0.5, 100),
    steps=st.lists(
        st.tuples(
            st.floats(0, 120),  # time that passes before the request
            st.sampled_from([0.0, 1.0, 30.0, 1e6]),  # how long it would wait
            st.sampled_from([None, None, None, RateNews(429, retry_after=17.0), RateNews(200, remaining=0, reset=9.0)]),
        ),
        max_size=60,
    ),
)
def test_no_window_ever_holds_more_than_the_limit(
    limit: int, seconds: float, steps: list[tuple[float, float, RateNews | None]]
) -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(limit, seconds), clock)
    began = clock.now().timestamp()

    async def run() -> list[float]:
        sent = []
        for pause, patience, news in steps:
            clock.jump(pause)
            if news is not None:
                await budget.observe(news)
            present = clock.now().timestamp() - began
            later = await budget.next_slot(Lane.CALL)
            wait = await budget.reserve(Lane.CALL, max_wait=patience)
            assert (wait is None) == (later > patience)
            if wait is not None:
                assert wait == later
                assert news is None or wait >= news.closed_for - 1e-6
                sent.append(present + wait)
        return sent

    sent = asyncio.run(run())
    assert sent == sorted(sent)
    assert most_in_a_window(sent, seconds) <= limit


async def test_the_limit_is_used_up() -> None:
    clock = VirtualClock()
    budget, began = ProcessBudget(RateLimit(10, 3), clock, margin=0), clock.now()
    for _ in range(200):
        clock.jump(await budget.reserve(Lane.CALL, max_wait=1000) or 0)
    assert (clock.now() - began).total_seconds() == pytest.approx(57)  # the ideal


async def test_many_waiters_get_slots_of_their_own() -> None:
    clock = VirtualClock(auto=True)
    budget = ProcessBudget(RateLimit(3, 10), clock)
    began, sent = clock.now(), []

    async def work() -> None:
        wait = await budget.reserve(Lane.CALL, max_wait=1000)
        assert wait is not None
        await clock.sleep(wait)
        sent.append((clock.now() - began).total_seconds())

    await asyncio.gather(*(work() for _ in range(20)))
    assert len(sent) == 20
    assert most_in_a_window(sent, 10) == 3


async def test_a_wait_that_is_too_long_reserves_nothing() -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(1, 60), clock, margin=0)
    assert await budget.reserve(Lane.CALL, max_wait=0) == 0
    assert [await budget.reserve(Lane.CALL, max_wait=59) for _ in range(5)] == [None] * 5
    assert await budget.next_slot(Lane.CALL) == 60
    assert await budget.reserve(Lane.CALL, max_wait=60) == 60


@pytest.mark.parametrize(
    ("news", "closed"),
    [
        (RateNews(429, retry_after=30), 30),
        (RateNews(429, reset=20), 20),
        (RateNews(429, retry_after=30, reset=20), 30),
        (RateNews(429), 10),
        (RateNews(429, retry_after=0), 0),
        (RateNews(503, retry_after=5), 5),
        (RateNews(503), 0),
        (RateNews(200, remaining=0, reset=7), 7),
        (RateNews(200, remaining=1, reset=7), 0),
        (RateNews(200, remaining=0), 0),
        (RateNews(429, retry_after=1e12), 86400),
    ],
)
async def test_what_the_platform_says_holds_everybody_back(news: RateNews, closed: float) -> None:
    for budget in (ProcessBudget(RateLimit(100, 1), VirtualClock()), Unlimited(VirtualClock())):
        await budget.observe(news)
        assert await budget.leave() == pytest.approx(closed)
        assert await budget.next_slot(Lane.POLL) == pytest.approx(closed)
        assert await budget.reserve(Lane.POLL, max_wait=closed + 1) == pytest.approx(closed)
        if closed:
            assert await budget.reserve(Lane.POLL, max_wait=closed - 1) is None


async def test_a_shorter_closure_does_not_shorten_a_longer_one() -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(1, 1), clock)
    await budget.observe(RateNews(429, retry_after=100))
    await budget.observe(RateNews(429, retry_after=1))
    assert await budget.next_slot(Lane.CALL) == pytest.approx(100)
    clock.jump(100)
    assert await budget.next_slot(Lane.CALL) == 0


async def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    clock = VirtualClock()
    budget = ProcessBudget(RateLimit(2, 10), clock, margin=0)
    for _ in range(2):
        await budget.reserve(Lane.CALL, max_wait=0)
    clock.jump(-3600)
    assert await budget.next_slot(Lane.CALL) == pytest.approx(10)


def test_one_account_has_one_budget() -> None:
    clock = VirtualClock()
    limit = RateLimit(1, 1)
    assert process_budget("a", limit, clock) is process_budget("a", RateLimit(1, 1), clock)
    assert process_budget("a", limit, clock) is not process_budget("b", limit, clock)
    assert process_budget("a", limit, clock) is not process_budget("a", RateLimit(2, 1), clock)
    assert process_budget("a", limit, clock) is not process_budget("a", limit, VirtualClock())
    assert isinstance(process_budget("a", None, clock), Unlimited)


class _CountedShelf:
    """A book that is not shared, and how often it was opened."""

    def __init__(self) -> None:
        self.book = Book(NO_LIMIT)
        self.looks = 0

    async def look(self, work: Callable[[Book], T]) -> T:
        self.looks += 1
        return await self.write(work)

    async def write(self, work: Callable[[Book], T]) -> T:
        self.book.turn_to(0.0)
        return work(self.book)


async def test_an_account_without_a_limit_does_not_open_its_book_for_every_request() -> None:
    shelf = _CountedShelf()
    budget = OpenBudget(shelf, good_for=3600.0)
    for _ in range(100):
        assert await budget.reserve(Lane.CALL, max_wait=1.0) == 0
        assert await budget.leave() == 0
    assert shelf.looks == 1

    await budget.observe(RateNews(429, retry_after=30.0))
    assert await budget.reserve(Lane.CALL, max_wait=1.0) is None
    assert 29 < await budget.next_slot(Lane.CALL) <= 30
