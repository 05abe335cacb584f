"""What holds while the store of a budget is down."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock
from airflow_provider_sessions.rate_limit.fallback import Sheltered, StoreError
from airflow_provider_sessions.rate_limit.file_store import FileShelf
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limiter import BookBudget, Lane, ProcessBudget, RateLimit, Unlimited


class Fragile(ProcessBudget):
    """A budget whose store can be taken down."""

    down = False
    asked = 0

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        self._fail()
        return await super().reserve(lane, max_wait=max_wait)

    async def closed_for(self) -> float:
        self._fail()
        return await super().leave()

    async def observe(self, news: RateNews) -> None:
        self._fail()
        await super().observe(news)

    def _fail(self) -> None:
        self.asked += 1
        if self.down:
            raise StoreError("the store is down")


class Scene:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = Fragile(RateLimit(100, 10), self.clock, margin=0)
        self.refuge = ProcessBudget(RateLimit(1, 24), self.clock, margin=0)
        self.budget = Sheltered(self.store, self.refuge, self.clock, meanwhile="one request every 24 s")

    async def reserve(self, count: int) -> list[Any]:
        return [await self.budget.reserve(Lane.CALL, max_wait=1000) for _ in range(count)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_without_its_store_a_budget_is_slow_and_never_unlimited(scene: Scene) -> None:
    assert await scene.reserve(3) == [0, 0, 0]
    scene.store.down = True
    assert await scene.reserve(3) == [0, 24, 48]


async def test_one_outage_is_one_warning(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene.store.down = True
    for _ in range(10):
        await scene.reserve(1)
        scene.clock.jump(3)
    [warning] = caplog.records
    assert warning.levelname == "WARNING"
    assert warning.getMessage() == (
        "the rate limit's store cannot be used (the store is down); until it can, one request every 24 s"
    )


async def test_a_store_that_is_back_is_used_again(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene.store.down = True
    await scene.reserve(2)
    scene.store.down = False
    assert await scene.reserve(1) == [48]
    scene.clock.jump(6)
    assert await scene.reserve(5) == [0] * 5
    assert caplog.messages[-1] == "the rate limit's store can be used again"


async def test_a_store_that_is_down_does_not_hold_up_every_request(scene: Scene) -> None:
    scene.store.down = True
    await scene.reserve(50)
    assert scene.store.asked == 1


async def test_a_platform_that_closed_before_the_outage_stays_closed(scene: Scene) -> None:
    await scene.budget.observe(RateNews(429, retry_after=100))
    scene.store.down = True
    assert await scene.budget.leave() == pytest.approx(100)
    assert await scene.reserve(1) == [pytest.approx(100)]


async def test_a_platform_that_closes_during_the_outage_is_heard(scene: Scene) -> None:
    scene.store.down = True
    await scene.budget.observe(RateNews(429, retry_after=100))
    assert await scene.budget.next_slot(Lane.POLL) == pytest.approx(100)


async def test_what_tells_the_account_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither where the folder of the files is open to others, nor where a file is none."""
    limit = RateLimit(10, 60)
    closed, odd = tmp_path / "closed", tmp_path / "odd"
    closed.mkdir(mode=0o755)
    odd.mkdir(mode=0o700)
    (odd / "fingerprint.rate").mkdir()
    for folder in (closed, odd):
        shelf = FileShelf(folder / "fingerprint.rate", limit)
        budget = Sheltered(BookBudget(shelf, limit), Unlimited(SYSTEM_CLOCK), SYSTEM_CLOCK, meanwhile="it waits")
        await budget.reserve(Lane.CALL, max_wait=1)
    assert caplog.text.count("the rate limit's store cannot be used") == 2
    assert "fingerprint" not in caplog.text
