"""What an answer's headers say of the rate limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

_EPOCH = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RateNews:
    """What a platform said of its limit with one answer.

    :param status: HTTP status.
    :param limit: requests a window.
    :param remaining: requests left in this window.
    :param reset: seconds until the window is over.
    :param retry_after: seconds after which to ask again.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None

    @property
    def closed_for(self) -> float:
        """Seconds for which the platform will refuse everything; 0 if it does not say so."""
        if self.status == 429:
            return self.retry_after or self.reset or 0.0
        if self.status == 503 and self.retry_after:
            return self.retry_after
        if self.remaining == 0 and self.reset:
            return self.reset
        return 0.0


def read_rate_headers(status: int, headers: Mapping[str, str], now: datetime) -> RateNews:
    """Read ``Retry-After`` (seconds or HTTP date), ``X-RateLimit-*`` and ``RateLimit-*``, whatever their case.

    ``Reset`` is taken as an epoch time where it is too large to be seconds.
    Source: RFC 9110 10.2.3; the others are vendors' habits (inferred).
    """
    lower = {name.lower(): value for name, value in headers.items()}

    def first(suffix: str) -> float | None:
        for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
            if (number := _number(lower.get(prefix + suffix))) is not None:
                return number
        return None

    limit, remaining, reset = first("limit"), first("remaining"), first("reset")
    if reset is not None and reset > _EPOCH:
        reset = max(0.0, reset - now.timestamp())
    return RateNews(
        status=status,
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset=reset,
        retry_after=_retry_after(lower.get("retry-after"), now),
    )


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and number >= 0 else None


def _retry_after(text: str | None, now: datetime) -> float | None:
    if text is None or (seconds := _number(text)) is not None:
        return None if text is None else seconds
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
