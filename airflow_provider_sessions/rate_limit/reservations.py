"""Slots that a piece of work has reserved before it begins, so that it may wait for them elsewhere than here.

A ticket is no more than the right to pass over the plan: its slot was taken there when it was reserved. When a request
may leave is still for the record to say (see :mod:`airflow_provider_sessions.rate_limit.state`), so nothing goes wrong
where somebody comes late, or not at all: then a slot was not used, and that is all.
"""

from __future__ import annotations

from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limit import Lane, RateLimit
from airflow_provider_sessions.rate_limit.limiter import RateBudget

_PATIENCE = 60.0
"""Seconds that a request with a ticket may be held: others that came late as well go before it."""

_SHORTEST_HOLD = 0.01
"""Seconds: a hold that is too short for the clock to move on would be asked for again and again."""


class Tickets:
    """An account's budget, for one piece of work that may have reserved slots.

    :param budget: the account's.
    :param held: how many slots were reserved whose time has come.
    :param patience: seconds that the work's first request may wait for its slot.
    """

    def __init__(self, budget: RateBudget, held: int, patience: float) -> None:
        self._budget = budget
        self._held = held
        self._patience = patience
        self._hold = 0.0
        self.sent = 0
        """Requests that have left so far."""

    @property
    def limit(self) -> RateLimit | None:
        """What the account may send, if that is known."""
        return self._budget.limit

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """The slot of a ticket, while there are any; else the next free slot."""
        if self._held:
            return self._hold if self._hold <= _PATIENCE else None
        return await self._budget.reserve(lane, max_wait=max_wait if self.sent else min(max_wait, self._patience))

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""
        return await self._budget.next_slot(lane)

    async def leave(self) -> float:
        """Ask to send a request whose slot has come. Only then is a ticket used up."""
        hold = await self._budget.leave()
        self._hold = max(hold, _SHORTEST_HOLD) if hold > 0 else 0.0
        if not self._hold:
            self.sent += 1
            self._held = max(0, self._held - 1)
        return self._hold

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        await self._budget.observe(news)

    async def reserve_ahead(self, count: int, max_wait: float) -> float | None:
        """Reserve slots for whoever does the work next.

        :param count: how many.
        :param max_wait: seconds that it would wait.
        :returns: seconds until the last of them has come; None where that is too far.
        """
        wait = 0.0
        for _ in range(count):
            slot = await self._budget.reserve(Lane.CALL, max_wait=max_wait)
            if slot is None:
                return None
            wait = max(wait, slot)
        return wait
