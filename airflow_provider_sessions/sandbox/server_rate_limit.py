"""The strict judge of a platform's rate limit: it counts arrivals, and what is too much is refused."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RateLimit(BaseModel):
    """How many requests a platform grants.

    :param limit: requests granted in any ``window``.
    :param window: seconds, on the sandbox's clock.
    :param style: ``sliding``: any stretch of ``window`` seconds; ``fixed``: stretches that begin with a first request.
    :param per: what has a budget of its own: each credential, each operation of each credential, or all callers
        together.
    :param headers: names of the headers that tell limit, remaining and seconds to the reset.
    :param on_refusal: whether a 429 carries these headers too.
    :param retry_after: how a 429 says when to come back.
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
    """Whether a request is granted, and the headers that go with the answer."""

    granted: bool
    headers: dict[str, str]


class RateLimitCounter:
    """Applies one :class:`RateLimit` and keeps count."""

    def __init__(self, rule: RateLimit) -> None:
        self.rule = rule
        self.granted = 0
        self.refused = 0
        self._arrivals: dict[str, deque[datetime]] = {}

    def judge(self, credential: str, operation: str, now: datetime) -> RateLimitResult:
        """Grant or refuse the request that arrives now. Refused ones use up nothing."""
        rule = self.rule
        shares = {"credential": credential, "operation": f"{credential} {operation}", "all": ""}
        arrivals = self._arrivals.setdefault(shares[rule.per], deque())
        self._forget(arrivals, now)
        granted = len(arrivals) < rule.limit
        if granted:
            arrivals.append(now)
            self.granted += 1
        else:
            self.refused += 1
        window = timedelta(seconds=rule.window)
        until = max(0.0, (arrivals[0] + window - now).total_seconds())
        headers = self._count_headers(rule.limit - len(arrivals), until) if granted or rule.on_refusal else {}
        return RateLimitResult(granted, headers if granted else headers | self._come_back(now, until))

    def _forget(self, arrivals: deque[datetime], now: datetime) -> None:
        """Drop the arrivals that no longer count: one by one, or the whole stretch where stretches are fixed."""
        window = timedelta(seconds=self.rule.window)
        if self.rule.style == "fixed":
            if arrivals and arrivals[0] + window <= now:
                arrivals.clear()
            return
        while arrivals and arrivals[0] + window <= now:
            arrivals.popleft()

    def _count_headers(self, remaining: int, until: float) -> dict[str, str]:
        prefix = {"x-ratelimit": "X-RateLimit", "ratelimit": "RateLimit"}.get(self.rule.headers)
        if prefix is None:
            return {}
        values = {"Limit": self.rule.limit, "Remaining": remaining, "Reset": math.ceil(until)}
        return {f"{prefix}-{name}": str(value) for name, value in values.items()}

    def _come_back(self, now: datetime, until: float) -> dict[str, str]:
        if self.rule.retry_after == "none":
            return {}
        if self.rule.retry_after == "seconds":
            return {"Retry-After": str(max(1, math.ceil(until)))}
        # The date has whole seconds; rounding down would invite the caller back too early.
        moment = (now + timedelta(seconds=until + 1)).replace(microsecond=0)
        return {"Retry-After": format_datetime(moment, usegmt=True)}
