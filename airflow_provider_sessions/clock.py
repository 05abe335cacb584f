"""Clocks: everything that reads the time or waits takes one as an argument, so that tests never sleep."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Reads the time and waits."""

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``; do not wait if they are zero or negative."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        await asyncio.sleep(max(0.0, seconds))


SYSTEM_CLOCK = SystemClock()
"""The clock that is used outside tests."""


async def wait_with_timeout(clock: Clock, seconds: float, coroutine: Coroutine[Any, Any, T]) -> T | None:
    """Return the result of a coroutine, or cancel it after ``seconds`` and return None.

    Unlike ``asyncio.timeout``, it uses a :class:`Clock`.
    """
    tasks = [asyncio.ensure_future(coroutine), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()


class VirtualClock:
    """A clock for tests: :meth:`advance` ends every sleep whose time has come, in order.

    :param start: the initial time, aware; 2026-03-02 15:00 UTC if not given.
    :param auto: whether a sleep advances the clock itself as soon as no other task is ready, so that tests do not wait.
    """

    def __init__(self, start: datetime | None = None, *, auto: bool = False) -> None:
        self._now = start or datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
        self._auto = auto
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the current time as an aware UTC datetime."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has advanced by ``seconds``."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        try:
            if self._auto:
                await self._advance_until(woken)
            await woken
        finally:
            woken.cancel()  # a canceled sleeper must not hold up those after it

    async def _advance_until(self, woken: asyncio.Future[None]) -> None:
        """Advance the clock to a sleeper's time once that is the earliest and no other task is ready."""
        while not woken.done():
            await _run_ready_tasks()
            self._drop_canceled()
            if not woken.done() and self._sleepers[0][2] is woken:
                self._wake_next()

    def _wake_next(self) -> None:
        due, _, woken = heapq.heappop(self._sleepers)
        self._now = max(self._now, due)
        woken.set_result(None)

    def _drop_canceled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Advance by ``seconds``; each sleeper whose time comes runs before the next one is woken."""
        await self.advance_to(self._now + timedelta(seconds=seconds))

    async def advance_to(self, instant: datetime) -> None:
        """Advance to ``instant``; see :meth:`advance`."""
        await _run_ready_tasks()  # tasks that are about to sleep do so at the current time, not at the instant
        self._drop_canceled()
        while self._sleepers and self._sleepers[0][0] <= instant:
            self._wake_next()
            await _run_ready_tasks()
            self._drop_canceled()
        self._now = max(self._now, instant)
        await _run_ready_tasks()

    def jump(self, seconds: float) -> None:
        """Advance by ``seconds`` without waking anyone, for code that only reads the time."""
        self._now += timedelta(seconds=seconds)


async def _run_ready_tasks() -> None:
    """Let every ready task run several times; a chain of awaits needs one time for each link."""
    for _ in range(25):
        await asyncio.sleep(0)
