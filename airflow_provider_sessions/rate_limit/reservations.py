"""Use reservations that a task made before it was deferred.

A reservation lets a request skip :meth:`RateLimiter.reserve`: its time was reserved before. It still has to be admitted
(see :mod:`airflow_provider_sessions.rate_limit.state`), so a task that resumes late cannot exceed the limit. A
reservation that is never used costs a request's time and nothing else.
"""

from __future__ import annotations

from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter

_MAX_HOLD = 60.0
"""Seconds that a request with a reservation may be held: others that are late as well are admitted before it."""

_MIN_HOLD = 0.01
"""Seconds: a shorter hold would end before the clock moves on, and be repeated."""


class ReservationLimiter:
    """The limiter of one task, which may hold reservations.

    :param limiter: the account's limiter.
    :param held: how many reservations the task holds; their time has come.
    :param max_wait: seconds that the task's first request may wait without one.
    :ivar sent: how many requests were sent so far.
    """

    def __init__(self, limiter: RateLimiter, held: int, max_wait: float) -> None:
        self._limiter = limiter
        self._held = held
        self._max_wait = max_wait
        self._hold = 0.0
        self.sent = 0

    @property
    def limit(self) -> RateLimit | None:
        """The account's limit; None if it is unknown."""
        return self._limiter.limit

    async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
        """Use a reservation that the task holds, or else reserve the next free time."""
        if self._held:
            return self._hold if self._hold <= _MAX_HOLD else None
        max_wait = max_wait if self.sent else min(max_wait, self._max_wait)
        return await self._limiter.reserve(traffic_class, max_wait=max_wait)

    async def get_wait(self, traffic_class: TrafficClass) -> float:
        """Return the seconds until the next free time, without reserving it."""
        return await self._limiter.get_wait(traffic_class)

    async def admit(self) -> float:
        """Admit a request whose reserved time has come. This uses up a reservation if the request may be sent."""
        hold = await self._limiter.admit()
        self._hold = max(hold, _MIN_HOLD) if hold > 0 else 0.0
        if not self._hold:
            self.sent += 1
            self._held = max(0, self._held - 1)
        return self._hold

    async def observe(self, info: RateLimitInfo) -> None:
        """Record what a response said of the limit."""
        await self._limiter.observe(info)

    async def reserve_ahead(self, count: int, max_wait: float) -> float | None:
        """Make reservations for the task's next attempt.

        :param count: how many.
        :param max_wait: seconds that the attempt may be delayed.
        :returns: seconds until the last of them; None if that is later.
        """
        last = 0.0
        for _ in range(count):
            wait = await self._limiter.reserve(TrafficClass.CALL, max_wait=max_wait)
            if wait is None:
                return None
            last = max(last, wait)
        return last
