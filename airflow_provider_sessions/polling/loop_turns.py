"""Long work in an event loop, in slices: other tasks take their turns in between."""

from __future__ import annotations

import asyncio
import time

_MAX_WOKEN = 50
"""Tasks that are woken in one turn: they all run in the next one, one after the other."""
_MAX_SECONDS = 0.01
"""Seconds of work in one turn."""


class LoopTurns:
    """Counts the work of one task, and lets the others run whenever it has done enough for one turn."""

    def __init__(self) -> None:
        self._woken = 0
        self._began = time.perf_counter()

    async def count_woken(self) -> None:
        """Count a task that was woken; end the turn after ``_MAX_WOKEN`` of them, or in time."""
        self._woken += 1
        if self._woken >= _MAX_WOKEN:
            await self._end()
        else:
            await self.end_in_time()

    async def end_in_time(self) -> None:
        """End the turn if it has taken ``_MAX_SECONDS``. Call it between two pieces of work."""
        if time.perf_counter() - self._began >= _MAX_SECONDS:
            await self._end()

    async def _end(self) -> None:
        await asyncio.sleep(0)
        self._woken, self._began = 0, time.perf_counter()
