"""Sleeping until something happens or its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from airflow_provider_sessions.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, seconds: float, happening: Coroutine[Any, Any, T]) -> T | None:
    """What ``happening`` returns, or None if it has not happened after ``seconds`` of the clock's time.

    ``asyncio.timeout`` would do, if it asked the clock that tests move by hand.
    """
    tasks = [asyncio.ensure_future(happening), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()
