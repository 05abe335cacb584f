"""Rate limiters: before each request, the client reserves a time to send it and learns how long to wait.

A limiter computes nothing itself. It applies functions to the account's
:class:`~airflow_provider_sessions.rate_limit.state.RateLimitState`, which a :class:`RateLimitStore` keeps in this
process, in a file on this host or in Redis.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.state import MARGIN_SECONDS, RateLimitState

T = TypeVar("T")

UNUSED_LIMIT = RateLimit(1, 1.0)
"""The limit of the state of a :class:`RetryAfterLimiter`. A state must have one, but this limiter reserves nothing."""


class StoreError(Exception):
    """A store cannot be used now. It is handled in :mod:`airflow_provider_sessions.rate_limit.fallback`."""


class RateLimiter(Protocol):
    """Says when each request of an account may be sent.

    For each request, the client calls :meth:`reserve`, waits for the returned time, and calls :meth:`admit`. If that
    returns a delay, it waits and calls it again, or, if the delay is long, begins with a new reservation. It sends the
    request after a 0, and passes the response's headers to :meth:`observe`.

    Each method may raise :class:`StoreError`, unless a
    :class:`~airflow_provider_sessions.rate_limit.fallback.FallbackLimiter` handles it.
    """

    @property
    def limit(self) -> RateLimit | None:
        """The account's limit; None if it is unknown."""

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Reserve the next free time for a request.

        :param max_wait: seconds that the caller is ready to wait.
        :returns: seconds until the reserved time, 0 for now; None, with nothing reserved, if it is later than that.
        """

    async def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the next free time, without reserving it."""

    async def admit(self) -> float:
        """Admit a request whose reserved time has come, right before it is sent.

        :returns: seconds to wait before calling this again; 0 if the request may be sent now, which is then recorded.
        """

    async def observe(self, info: RateLimitInfo) -> None:
        """Record what a response said of the limit."""


class RateLimitStore(Protocol):
    """Keeps the state of an account. All who use the same store see the same state."""

    async def read(self, function: Callable[[RateLimitState], T]) -> T:
        """Return what a function reads from the current state.

        :raises StoreError: the store cannot be used now.
        """

    async def update(self, function: Callable[[RateLimitState], T]) -> T:
        """Change the current state by a function and return its result. Nobody else changes the state meanwhile.

        :raises StoreError: the store cannot be used now.
        """


class WindowLimiter:
    """Keeps the requests of all who share a store within a limit.

    :param store: the store, which was made for the same limit.
    :param limit: the limit.
    """

    def __init__(self, store: RateLimitStore, limit: RateLimit) -> None:
        self._store = store
        self.limit = limit

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Reserve the next free time for a request."""
        return await self._store.update(lambda state: state.reserve(traffic_class, max_wait))

    async def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the next free time, without reserving it."""
        return await self._store.read(lambda state: state.get_wait(traffic_class))

    async def admit(self) -> float:
        """Admit a request whose reserved time has come."""
        return await self._store.update(RateLimitState.admit)

    async def observe(self, info: RateLimitInfo) -> None:
        """Record what a response said of the limit, as of now, however long the store takes."""
        observed_at = time.monotonic()
        await self._store.update(lambda state: state.observe(info, age=time.monotonic() - observed_at))


class ProcessLimiter(WindowLimiter):
    """A :class:`WindowLimiter` for one process.

    :param limit: the limit.
    :param clock: the time.
    :param margin: seconds added to each window to begin with.
    :param initial_delay: seconds until the first request may be sent.
    """

    def __init__(
        self, limit: RateLimit, clock: Clock, *, margin: float = MARGIN_SECONDS, initial_delay: float = 0.0
    ) -> None:
        blocked_until = clock.now().timestamp() + initial_delay
        super().__init__(MemoryStore(RateLimitState(limit, margin, blocked_until=blocked_until), clock), limit)


class RetryAfterLimiter:
    """Knows no limit, and delays requests only while the platform refuses them, as 429 and ``Retry-After`` say.

    :param store: the store; its state holds nothing but the time until which the platform refuses requests.
    :param cache_seconds: seconds for which that time is taken from memory, so that not each of hundreds of requests per
        second reads a file or Redis. If another process receives a refusal, this one notices it up to so much later,
        and may send requests until then.
    """

    limit = None

    def __init__(self, store: RateLimitStore, *, cache_seconds: float = 0.0) -> None:
        self._store = store
        self._cache_seconds = cache_seconds
        self._read_at = -math.inf
        # Monotonic, unlike the state's time: the cache must not last longer if the system's time is set back.
        self._cached_until_monotonic = 0.0

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Return the seconds until the platform accepts requests, or None if these are more than ``max_wait``."""
        wait = await self.admit()
        return wait if wait <= max_wait else None

    async def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the platform accepts requests."""
        return await self.admit()

    async def admit(self) -> float:
        """Return the seconds until the platform accepts requests."""
        now = time.monotonic()
        if now - self._read_at >= self._cache_seconds:
            self._read_at, self._cached_until_monotonic = now, now + await self._store.read(RateLimitState.blocked_for)
        return max(0.0, self._cached_until_monotonic - now)

    async def observe(self, info: RateLimitInfo) -> None:
        """Record for how long the platform refuses requests, if the response said so."""
        if info.blocked_for:
            await self._store.update(lambda state: state.block_for(info.blocked_for))
            self._read_at = -math.inf


class ProcessRetryAfterLimiter(RetryAfterLimiter):
    """A :class:`RetryAfterLimiter` for one process.

    :param clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(MemoryStore(RateLimitState(UNUSED_LIMIT), clock))


class MemoryStore:
    """Keeps a state in the memory of this process.

    :param state: the initial state.
    :param clock: the time.
    """

    def __init__(self, state: RateLimitState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()

    async def read(self, function: Callable[[RateLimitState], T]) -> T:
        """Return what a function reads from the current state."""
        return await self.update(function)  # reading, too, advances the state to the current time

    async def update(self, function: Callable[[RateLimitState], T]) -> T:
        """Change the current state by a function and return its result."""
        with self._lock:
            self._state.advance_to(self._clock.now().timestamp())
            return function(self._state)
