"""The rate limit of a platform: counts arriving requests and rejects those beyond the limit."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RateLimit(BaseModel):
    """How many requests a platform allows.

    :param limit: requests allowed per ``window``.
    :param window: seconds, on the sandbox's clock.
    :param style: ``sliding``: in any ``window`` seconds; ``fixed``: in windows that each begin with a first request.
    :param per: what has its own count: each credential, each operation of each credential, or all callers together.
    :param headers: the family of headers that carry limit, remaining requests and seconds to the reset.
    :param on_refusal: whether a 429 response carries these headers too.
    :param retry_after: the form of ``Retry-After`` in a 429 response.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(ge=1)
    window: float = Field(gt=0)
    style: Literal["sliding", "fixed"] = "sliding"
    per: Literal["credential", "operation", "all"] = "credential"
    headers: Literal["x-ratelimit", "ratelimit", "none"] = "x-ratelimit"
    on_refusal: bool = False
    retry_after: Literal["seconds", "date", "none"] = "seconds"


@dataclass(frozen=True)
class RateLimitResult:
    """Whether a request is allowed, and the rate-limit headers of its response."""

    granted: bool
    headers: dict[str, str]


class RateLimitCounter:
    """Counts requests against one :class:`RateLimit`."""

    def __init__(self, rule: RateLimit) -> None:
        self.rule = rule
        self.granted = 0
        self.refused = 0
        self._arrivals: dict[str, deque[datetime]] = {}

    def check(self, credential: str, operation: str, now: datetime) -> RateLimitResult:
        """Allow or reject the request that arrives now. Rejected requests do not count against the limit."""
        rule = self.rule
        keys = {"credential": credential, "operation": f"{credential} {operation}", "all": ""}
        arrivals = self._arrivals.setdefault(keys[rule.per], deque())
        self._drop_expired(arrivals, now)
        granted = len(arrivals) < rule.limit
        if granted:
            arrivals.append(now)
            self.granted += 1
        else:
            self.refused += 1
        window = timedelta(seconds=rule.window)
        until_reset = max(0.0, (arrivals[0] + window - now).total_seconds())
        show_counts = granted or rule.on_refusal
        headers = self._count_headers(rule.limit - len(arrivals), until_reset) if show_counts else {}
        return RateLimitResult(granted, headers if granted else headers | self._retry_after(now, until_reset))

    def _drop_expired(self, arrivals: deque[datetime], now: datetime) -> None:
        """Drop the arrivals that no longer count: one by one, or all at once for fixed windows."""
        window = timedelta(seconds=self.rule.window)
        if self.rule.style == "fixed":
            if arrivals and arrivals[0] + window <= now:
                arrivals.clear()
            return
        while arrivals and arrivals[0] + window <= now:
            arrivals.popleft()

    def _count_headers(self, remaining: int, until_reset: float) -> dict[str, str]:
        prefix = {"x-ratelimit": "X-RateLimit", "ratelimit": "RateLimit"}.get(self.rule.headers)
        if prefix is None:
            return {}
        values = {"Limit": self.rule.limit, "Remaining": remaining, "Reset": math.ceil(until_reset)}
        return {f"{prefix}-{name}": str(value) for name, value in values.items()}

    def _retry_after(self, now: datetime, until_reset: float) -> dict[str, str]:
        if self.rule.retry_after == "none":
            return {}
        if self.rule.retry_after == "seconds":
            return {"Retry-After": str(max(1, math.ceil(until_reset)))}
        # The date has whole seconds; rounding down would invite the caller back too early.
        instant = (now + timedelta(seconds=until_reset + 1)).replace(microsecond=0)
        return {"Retry-After": format_datetime(instant, usegmt=True)}
