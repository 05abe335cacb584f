"""Time as a value that can be handed in.

Everything that asks for the time or waits takes a :class:`Clock`, so that tests never sleep: client, budget,
poller and sandbox.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """What code may ask of time."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``; not at all where they are zero or fewer."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        await asyncio.sleep(max(0.0, seconds))


SYSTEM_CLOCK = SystemClock()
"""The one clock of a running process."""


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
    """A clock that tests move by hand: :meth:`advance` wakes every sleeper whose time has come, in order.

    :param start: the first instant, aware; 2026-03-02 15:00 UTC if not given.
    :param auto: where true, a sleep moves the clock itself once every other task has had its turn, so that code
        under test runs through hours of waiting at once.
    """

    def __init__(self, start: datetime | None = None, *, auto: bool = False) -> None:
        self._now = start or datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
        self._auto = auto
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The present as an aware UTC datetime."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on by ``seconds``."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        try:
            if self._auto:
                await self._move_on_to(woken)
            await woken
        finally:
            woken.cancel()  # who was cancelled while asleep holds up nobody behind it

    async def _move_on_to(self, woken: asyncio.Future[None]) -> None:
        """Once every other task has had its turn, and where this sleeper is the next, move the clock to its time."""
        while not woken.done():
            await _let_others_run()
            self._forget_the_gone()
            if not woken.done() and self._sleepers[0][2] is woken:
                self._wake_next()

    def _wake_next(self) -> None:
        due, _, woken = heapq.heappop(self._sleepers)
        self._now = max(self._now, due)
        woken.set_result(None)

    def _forget_the_gone(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, waking sleepers on the way and letting each run before the next one is woken."""
        await self.advance_to(self._now + timedelta(seconds=seconds))

    async def advance_to(self, instant: datetime) -> None:
        """Move on to ``instant``, waking sleepers on the way."""
        await _let_others_run()  # who has yet to fall asleep does so at the present, not at the instant
        self._forget_the_gone()
        while self._sleepers and self._sleepers[0][0] <= instant:
            self._wake_next()
            await _let_others_run()
            self._forget_the_gone()
        self._now = max(self._now, instant)
        await _let_others_run()

    def jump(self, seconds: float) -> None:
        """Move on by ``seconds`` without waking anybody: for code that only reads the time."""
        self._now += timedelta(seconds=seconds)


async def _let_others_run() -> None:
    """Give every ready task several turns; a chain of awaits needs one turn a link."""
    for _ in range(25):
        await asyncio.sleep(0)
