"""What holds while the store of a rate budget cannot be reached: slow and safe, never without a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.rate_limit.headers import RateNews
from airflow_provider_sessions.rate_limit.limit import Lane, RateLimit
from airflow_provider_sessions.rate_limit.limiter import RateBudget
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""Seconds until a store that failed is tried again: a store that hangs must not hold up every request."""


class StoreError(Exception):
    """The store of a budget cannot be used now. It never leaves this room."""


class Sheltered:
    """A budget in a store, and a slow one to fall back on while the store is down.

    One warning is logged when the store goes down, and one line when it is back.

    :param store: raises StoreError where it cannot be used.
    :param refuge: what holds meanwhile.
    :param clock: the time.
    :param meanwhile: what holds without the store, for the log: "this host sends ...".
    """

    def __init__(self, store: RateBudget, refuge: RateBudget, clock: Clock, *, meanwhile: str) -> None:
        self._store = store
        self._refuge = refuge
        self._clock = clock
        self._meanwhile = meanwhile
        self._down = False
        self._retry_at = 0.0

    @property
    def limit(self) -> RateLimit | None:
        """What the account may send, if that is known."""
        return self._store.limit

    async def reserve(self, lane: Lane, *, max_wait: float) -> float | None:
        """Reserve the next free slot."""
        return await self._ask(lambda budget: budget.reserve(lane, max_wait=max_wait))

    async def next_slot(self, lane: Lane) -> float:
        """Seconds until the next free slot, without reserving it."""
        return await self._ask(lambda budget: budget.next_slot(lane))

    async def leave(self) -> float:
        """Ask to send a request whose slot has come."""
        return await self._ask(lambda budget: budget.leave())

    async def observe(self, news: RateNews) -> None:
        """Learn what the platform said of its limit."""
        if news.closed_for and not self._down:
            await self._refuge.observe(news)  # should the store go down before the platform opens again
        await self._ask(lambda budget: budget.observe(news))

    async def _ask(self, question: Callable[[RateBudget], Awaitable[T]]) -> T:
        if self._clock.now().timestamp() < self._retry_at:
            return await question(self._refuge)
        try:
            answer = await question(self._store)
        except StoreError as failure:
            self._note_failure(failure)
            return await question(self._refuge)
        if self._down:
            log.info("the rate limit's store can be used again")
            self._down, self._retry_at = False, 0.0
        return answer

    def _note_failure(self, failure: StoreError) -> None:
        if not self._down:
            log.warning("the rate limit's store cannot be used (%s); until it can, %s", failure, self._meanwhile)
        self._down = True
        self._retry_at = self._clock.now().timestamp() + RETRY_SECONDS
