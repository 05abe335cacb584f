"""The rate budget: who wants to send a request asks for the next free slot and learns how long to wait.

Nobody polls a limiter. A budget is exact for a strict sliding window: between slot *n* and slot *n + limit* there is at
least one window and a margin, because a platform judges when requests arrive, not when they were reserved.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from airflow_provider_sessions.client.rate_headers import RateNews
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import InputError

MARGIN_SECONDS = 0.05
_SET_BACK = 1.0
"""Seconds by which a clock has to go back to be taken as set back."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LIMIT = re.compile(r"(\d{1,9})\s*(?:/|per)\s*(\d{1,9}(?:\.\d{1,9})?)?\s*([smhd]|(?:sec|second|min|minute|hour|day)s?)")


class Lane(StrEnum):
    """What a request is for: waiting and other work must not starve each other."""

    CALL = "call"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``requests`` in any ``seconds``."""

    requests: int
    seconds: float

    @classmethod
    def read(cls, text: str) -> RateLimit:
        """Read ``10/minute``, ``10/60s``, ``5/second`` or ``100 per hour``.

        :raises InputError: it cannot be read.
        """
        found = _LIMIT.fullmatch(text.strip().lower())
        if found is None or int(found[1]) < 1 or float(found[2] or 1) <= 0:
            raise InputError(f"rate_limit: {text!r} cannot be read; write for example '10/minute' or '10/3s'")
        return cls(int(found[1]), float(found[2] or 1) * _UNITS[found[3][0]])


class RateBudget(Protocol):
    """What the transport asks before and tells after each request."""

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot.

        :param lane: what the request is for.
        :param max_wait: seconds the caller would wait; where the next slot is later, nothing is reserved.
        :returns: seconds until the slot (0: now), or None with nothing reserved.
        """

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""

    async def closed_for(self) -> float:
        """Seconds until the platform takes requests again, by what it said last; 0 if it does now.

        Asked after waiting for a slot: a slot reserved before the platform closed is worth nothing.
        """

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""


class Unlimited:
    """No limit of our own; what the platform says still holds everybody back.

    :param clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closed_until = 0.0

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot."""
        wait = await self.next_slot(lane)
        return wait if wait <= max_wait else None

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""
        return await self.closed_for()

    async def closed_for(self) -> float:
        """Seconds until the platform takes requests again."""
        return max(0.0, self._closed_until - self._clock.now().timestamp())

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.closed_for:
            self._closed_until = max(self._closed_until, self._clock.now().timestamp() + news.closed_for)


class ProcessBudget:
    """A budget for all clients of one process.

    :param limit: requests a window.
    :param clock: the time.
    :param margin: seconds added to each window.
    """

    def __init__(self, limit: RateLimit, clock: Clock, *, margin: float = MARGIN_SECONDS) -> None:
        self._limit = limit
        self._clock = clock
        self._margin = margin
        self._slots: deque[float] = deque(maxlen=limit.requests)
        self._closed_until = 0.0
        self._last_present = 0.0
        self._lock = threading.Lock()

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot."""
        with self._lock:
            present = self._present()
            slot = self._free_at(present)
            if slot - present > max_wait:
                return None
            self._slots.append(slot)
            return slot - present

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""
        with self._lock:
            present = self._present()
            return self._free_at(present) - present

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.closed_for:
            with self._lock:
                self._closed_until = max(self._closed_until, self._present() + news.closed_for)

    async def closed_for(self) -> float:
        """Seconds until the platform takes requests again."""
        with self._lock:
            return max(0.0, self._closed_until - self._present())

    def _present(self) -> float:
        """The time. Where the clock was set back, what was noted moves with it: else nobody got a slot for so long."""
        present = self._clock.now().timestamp()
        if (back := self._last_present - present) > _SET_BACK:
            self._slots = deque((slot - back for slot in self._slots), maxlen=self._slots.maxlen)
            self._closed_until -= back
        self._last_present = present
        return present

    def _free_at(self, present: float) -> float:
        free = max(present, self._closed_until)
        if len(self._slots) == self._limit.requests:
            free = max(free, self._slots[0] + self._limit.seconds + self._margin)
        return max(free, self._slots[-1]) if self._slots else free


_budgets: dict[tuple[str, RateLimit | None, Clock], RateBudget] = {}
_budgets_lock = threading.Lock()


def process_budget(account: str, limit: RateLimit | None, clock: Clock) -> RateBudget:
    """The one budget of an account in this process.

    :param account: what tells accounts apart; never a credential itself.
    :param limit: None where the platform has no known limit.
    :param clock: the time; budgets of different clocks have nothing to do with each other.
    """
    with _budgets_lock:
        key = (account, limit, clock)
        if key not in _budgets:
            _budgets[key] = Unlimited(clock) if limit is None else ProcessBudget(limit, clock)
        return _budgets[key]
