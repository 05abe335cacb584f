"""The clock that tests move by hand, or that moves itself."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock


def passed(clock: VirtualClock, began: datetime) -> float:
    return (clock.now() - began).total_seconds()


@pytest.mark.parametrize("auto", [False, True])
async def test_sleepers_wake_in_the_order_of_their_times(auto: bool) -> None:
    clock = VirtualClock(auto=auto)
    began = clock.now()
    woken: list[tuple[int, float]] = []

    async def sleeper(number: int, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((number, passed(clock, began)))

    delays = [30.0, 10.0, 20.0, 10.0, 0.0, -5.0, 0.5]
    tasks = [asyncio.create_task(sleeper(number, seconds)) for number, seconds in enumerate(delays)]
    if not auto:
        await asyncio.sleep(0)
        await clock.advance(100)
    await asyncio.gather(*tasks)
    assert woken == [(4, 0), (5, 0), (6, 0.5), (1, 10), (3, 10), (2, 20), (0, 30)]
    assert passed(clock, began) == (30 if auto else 100)


async def test_what_a_sleeper_does_next_is_at_its_own_time() -> None:
    clock = VirtualClock()
    began = clock.now()
    seen: list[float] = []

    async def ticker() -> None:
        for _ in range(5):
            await clock.sleep(10)
            seen.append(passed(clock, began))

    task = asyncio.create_task(ticker())
    await asyncio.sleep(0)
    await clock.advance(35)
    assert seen == [10, 20, 30]
    await clock.advance(15)
    await task
    assert seen == [10, 20, 30, 40, 50]


async def test_a_clock_that_moves_itself_runs_through_hours_at_once() -> None:
    clock = VirtualClock(auto=True)
    began, real = clock.now(), time.monotonic()

    async def worker(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(20):
            due = clock.now() + timedelta(seconds=(seconds := chance.uniform(1, 600)))
            await clock.sleep(seconds)
            assert clock.now() == due  # nobody oversleeps because somebody else moved the clock on

    await asyncio.gather(*(worker(seed) for seed in range(5)))
    assert passed(clock, began) > 3600
    assert time.monotonic() - real < 5


@pytest.mark.parametrize("auto", [False, True])
async def test_who_is_cancelled_while_asleep_holds_up_nobody(auto: bool) -> None:
    clock = VirtualClock(auto=auto)
    first = asyncio.create_task(clock.sleep(10))
    for _ in range(3):
        await asyncio.sleep(0)
    first.cancel()
    second = asyncio.create_task(clock.sleep(20))
    await asyncio.sleep(0)
    if not auto:
        await clock.advance(20)
    await asyncio.wait_for(second, 2)
    assert first.cancelled()


async def test_a_clock_that_moves_itself_goes_on_though_sleepers_are_cancelled_at_any_turn() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    for turns in range(40):
        gone = [asyncio.create_task(clock.sleep(seconds)) for seconds in (5, 10, 50)]
        stays = asyncio.create_task(clock.sleep(30))
        for _ in range(turns):
            await asyncio.sleep(0)
        for sleeper in gone:
            sleeper.cancel()
        await asyncio.wait_for(stays, 2)
        assert stays.done()
    assert passed(clock, began) >= 40 * 25


async def test_time_does_not_go_back_by_advancing() -> None:
    clock = VirtualClock()
    began = clock.now()
    await clock.advance_to(began - timedelta(hours=1))
    assert clock.now() == began


async def test_a_jump_wakes_nobody_until_the_clock_is_advanced() -> None:
    clock = VirtualClock()
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.jump(60)
    await asyncio.sleep(0)
    assert not task.done()
    await clock.advance(0)
    assert task.done()


def test_it_starts_at_the_given_time() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    assert VirtualClock(start).now() == start
    assert VirtualClock().now().tzinfo is UTC


async def test_the_real_clock() -> None:
    before = datetime.now(UTC)
    await SYSTEM_CLOCK.sleep(-1)
    assert before <= SYSTEM_CLOCK.now() <= before + timedelta(seconds=5)
