"""What an answer's headers say of the rate limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_sessions.client.header_values import read_date

UNKNOWN_LIMIT_WAIT = 10.0
"""Seconds to leave a platform alone that refused for too many requests and did not say for how long."""
LONGEST_CLOSURE = 86400.0
"""Seconds: no header closes an account for longer. A misread number must not close it for years."""
_EPOCH = 1_000_000_000
_EPOCH_MILLISECONDS = 100_000_000_000
_PREFIXES = ("x-ratelimit-", "ratelimit-", "x-rate-limit-")
_LONGEST_WAIT = 366 * 86400.0
"""Seconds. What a header names beyond is taken as that: code that computes with it must not meet the calendar's end."""
_NUMBER = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]+)?)\s*(?:[,;].*)?", re.DOTALL)
_MEMBERS = {"limit": ("limit", "q"), "remaining": ("remaining", "r"), "reset": ("reset", "t")}


@dataclass(frozen=True, slots=True)
class RateNews:
    """What a platform said of its limit with one answer.

    :param status: HTTP status.
    :param limit: requests a window.
    :param remaining: requests left in this window.
    :param reset: seconds until the window is over.
    :param retry_after: seconds after which to ask again.
    :param lag: seconds from the request's slot to its answer; no header, but what the transport measured.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None
    lag: float | None = None

    @property
    def closed_for(self) -> float:
        """Seconds for which the platform will refuse everything; 0 if it does not say so."""
        closed = 0.0
        if self.status == 429:
            closed = UNKNOWN_LIMIT_WAIT if self.wanted_wait is None else self.wanted_wait
        elif self.status == 503 and self.retry_after is not None:
            closed = self.retry_after
        elif self.remaining == 0 and self.reset is not None:
            closed = self.reset
        return min(closed, LONGEST_CLOSURE)

    @property
    def wanted_wait(self) -> float | None:
        """Seconds after which the platform wants to be asked again; None if it did not say."""
        if self.retry_after is not None:
            return self.retry_after
        return self.reset if self.status == 429 else None


def read_rate_headers(status: int, headers: Mapping[str, str], now: datetime) -> RateNews:
    """Read ``Retry-After``, ``X-RateLimit-*``, ``RateLimit-*`` and ``RateLimit``, whatever their case.

    ``Retry-After`` and ``Reset`` are seconds or a date; ``Reset`` is taken as an epoch time, of seconds or of
    milliseconds, where it is too large for seconds. What cannot be read is taken as not said.

    Source: RFC 9110 10.2.3 for ``Retry-After``; the drafts of "RateLimit header fields for HTTP", and vendors' habits
    (inferred) for the others.
    """
    lower = {name.lower(): value for name, value in headers.items()}

    def first(member: str) -> str | None:
        found = (lower.get(prefix + member) for prefix in _PREFIXES)
        return next((text for text in found if text), _member(lower.get("ratelimit"), _MEMBERS[member]))

    limit, remaining = _number(first("limit")), _number(first("remaining"))
    return RateNews(
        status=status,
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset=_seconds_until(first("reset"), now),
        retry_after=_seconds_until(lower.get("retry-after"), now),
    )


def _number(text: str | None) -> float | None:
    """A number that is not negative, perhaps with a policy behind it (``10, 10;w=60``)."""
    found = _NUMBER.fullmatch(text) if text else None
    return float(found[1]) if found else None


def _member(text: str | None, names: tuple[str, ...]) -> str | None:
    """A member of the one-line form: ``limit=10, remaining=0, reset=30`` or ``"default";r=0;t=30``."""
    for name in names:
        if text and (found := re.search(rf"(?:^|[,;\s]){name}\s*=\s*(\d+)", text)):
            return found[1]
    return None


def _seconds_until(text: str | None, now: datetime) -> float | None:
    number = _number(text)
    if number is None:
        date = read_date(text)
        number = None if date is None else (date - now).total_seconds()
    elif number > _EPOCH:
        number = (number / 1000 if number >= _EPOCH_MILLISECONDS else number) - now.timestamp()
    return None if number is None else min(max(0.0, number), _LONGEST_WAIT)
