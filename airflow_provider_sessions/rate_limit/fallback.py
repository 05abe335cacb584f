"""A limiter to fall back on while the shared store is down: slow and safe, never without a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter, StoreError
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""Seconds until a store that failed is tried again: a store that hangs must not delay every request."""


class FallbackLimiter:
    """A limiter with a shared store, and another one while that store is down.

    One warning is logged when the store fails, and one line when it works again.

    :param primary: the limiter with the store.
    :param fallback: the other limiter.
    :param clock: the time.
    :param consequence: for the warning, what the fallback means: "this host sends at most ...".
    """

    def __init__(self, primary: RateLimiter, fallback: RateLimiter, clock: Clock, *, consequence: str) -> None:
        self._primary = primary
        self._fallback = fallback
        self._clock = clock
        self._consequence = consequence
        self._is_down = False
        self._retry_at = 0.0
        self.store_error: StoreError | None = None
        """Why the store failed the last time that it was used; None if it did not."""

    @property
    def limit(self) -> RateLimit | None:
        """The account's limit; None if it is unknown."""
        return self._primary.limit

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Reserve the next free time for a request."""
        return await self._call(lambda limiter: limiter.reserve(traffic_class, max_wait=max_wait))

    async def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the next free time, without reserving it."""
        return await self._call(lambda limiter: limiter.get_wait(traffic_class))

    async def admit(self) -> float:
        """Admit a request whose reserved time has come."""
        return await self._call(lambda limiter: limiter.admit())

    async def observe(self, info: RateLimitInfo) -> None:
        """Record what a response said of the limit."""
        if info.blocked_for and not self._is_down:
            await self._fallback.observe(info)  # the store may fail before the platform accepts requests again
        await self._call(lambda limiter: limiter.observe(info))

    async def _call(self, method: Callable[[RateLimiter], Awaitable[T]]) -> T:
        if self._clock.now().timestamp() < self._retry_at:
            return await method(self._fallback)
        try:
            result = await method(self._primary)
        except StoreError as error:
            if not self._is_down:
                log.warning(
                    "Rate limit store unavailable (%s); until it is available again, %s", error, self._consequence
                )
            self._is_down, self.store_error = True, error
            self._retry_at = self._clock.now().timestamp() + RETRY_SECONDS
            return await method(self._fallback)
        if self._is_down:
            log.info("Rate limit store available again")
            self._is_down, self._retry_at, self.store_error = False, 0.0, None
        return result
