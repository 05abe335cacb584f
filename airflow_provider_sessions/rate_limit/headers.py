"""Parse what a response's headers say of the rate limit.

A platform may count in several windows at once (3 per second and 100 per minute) and report all of them in one
response: each is a :class:`Quota`. The windows are independent: a limit belongs to the window whose length is named
beside it, and a reset is the rest of a window, not its length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from airflow_provider_sessions.header_values import parse_http_date

T = TypeVar("T")

DEFAULT_RETRY_AFTER = 10.0
"""Seconds to wait after a 429 that does not say for how long."""
MAX_BLOCK_SECONDS = 86400.0
"""Seconds: no header blocks an account, nor delays a retry, for longer. A misread number must not do so for years."""
_EPOCH = 1_000_000_000
_EPOCH_MILLISECONDS = 100_000_000_000
_MAX_SECONDS = 366 * 86400.0
"""Seconds. Larger values are cut to this, so that a date computed from them stays within the calendar."""
_MAX_CHARACTERS = 4096
"""Characters of a header that are parsed."""
_NUMBER = re.compile(r"\s*[0-9]{1,18}(?:\.[0-9]{1,18})?\s*", re.ASCII)
_NAME = re.compile(r"(x-ratelimit|ratelimit|x-rate-limit)-(limit|remaining|reset)(-.+)?")
_RETRY_AFTER = "retry-after"
_PARAMETERS = ("limit", "remaining", "reset")


@dataclass(frozen=True, slots=True)
class Quota:
    """What a platform said of one of its windows.

    :param limit: requests per window.
    :param window: the window's length in seconds.
    :param remaining: requests left in this window.
    :param reset: seconds until the window ends: at most its length, usually less.
    """

    limit: int | None = None
    window: float | None = None
    remaining: int | None = None
    reset: float | None = None

    @property
    def is_policy(self) -> bool:
        """Whether this says nothing of how much of the window is used."""
        return self.remaining is None and self.reset is None

    @property
    def blocked_for(self) -> float:
        """Seconds for which the window allows no further request."""
        return self.reset if self.remaining == 0 and self.reset is not None else 0.0


@dataclass(frozen=True, slots=True)
class RateLimitInfo:
    """What one response said of the limit, and how long its request took.

    :param status: HTTP status.
    :param limit: requests per window. This, ``remaining``, ``reset`` and ``window`` describe the tightest of the
        platform's windows; see :class:`Quota`.
    :param remaining: requests left in this window.
    :param reset: seconds until the window ends.
    :param retry_after: seconds after which to retry.
    :param elapsed: seconds from the request's admission to its response, as the client measured them.
    :param send_delay: those of them until the request was written, such as the time to connect.
    :param window: the window's length in seconds.
    :param other_quotas: what the response said of the platform's other windows.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None
    elapsed: float | None = None
    send_delay: float = 0.0
    window: float | None = None
    other_quotas: tuple[Quota, ...] = ()

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What the response said of each of the platform's windows."""
        return (Quota(self.limit, self.window, self.remaining, self.reset), *self.other_quotas)

    @property
    def blocked_for(self) -> float:
        """Seconds for which the platform will refuse all requests; 0 if it does not say so."""
        if self.status == 429:
            blocked = DEFAULT_RETRY_AFTER if self.retry_delay is None else self.retry_delay
        elif self.status == 503 and self.retry_after is not None:
            blocked = self.retry_after
        else:
            blocked = max(quota.blocked_for for quota in self.quotas)
        return min(blocked, MAX_BLOCK_SECONDS)

    @property
    def retry_delay(self) -> float | None:
        """Seconds after which the platform says to retry, at most ``MAX_BLOCK_SECONDS``; None if it does not say.

        If a 429 has no ``Retry-After``, these are the seconds until all windows end that are used up, or all windows if
        none is reported as used up.
        """
        delays = [] if self.retry_after is None else [self.retry_after]
        if self.status == 429 and not delays:
            used_up = [quota for quota in self.quotas if quota.remaining == 0]
            delays = [quota.reset for quota in used_up or self.quotas if quota.reset is not None]
        return min(max(delays), MAX_BLOCK_SECONDS) if delays else None


def parse_rate_limit_headers(status: int, headers: Mapping[str, str], now: datetime) -> RateLimitInfo:
    """Parse ``Retry-After``, ``X-RateLimit-*``, ``RateLimit-*``, ``RateLimit`` and ``RateLimit-Policy``.

    ==============================================  ================================================================
    header                                          meaning
    ==============================================  ================================================================
    ``Retry-After: 5``, or a date                   the longest of all, including those of named throttlers
    ``Retry-After-short: 5``
    ``X-RateLimit-Limit: 10`` (``-Remaining``,      one window; with a suffix, that of a named throttler
    ``-Reset``), ``X-RateLimit-Limit-short: 3``     (``@nestjs/throttler``)
    ``X-RateLimit-Remaining: 0, 40``                several windows, one per number, in this order
    ``RateLimit-Limit: 10, 10;w=1, 900;w=60``       the first number; its window is that of the equal one after it
    ``RateLimit: limit=10, remaining=0, reset=3``   one window; its length is that of the equal limit in the policy
    ``RateLimit-Policy: 10;w=1, 900;w=60``
    ``RateLimit: "a";r=0;t=3, "b";r=9;t=30``        several windows; limit and length are those of the policy so named
    ``RateLimit-Policy: "a";q=10;w=1, "b";q=9``
    ==============================================  ================================================================

    A reset is a number of seconds or a date; a number too large for that is an epoch time in seconds or milliseconds.
    A value that cannot be parsed is ignored.

    Source: RFC 9110 10.2.3 for ``Retry-After``; the drafts 02 to 10 of "RateLimit header fields for HTTP"; common
    practice of vendors (inferred) for the others.
    """
    rate_headers = {
        name: text[:_MAX_CHARACTERS] for key, text in headers.items() if _is_rate_header(name := key.lower())
    }
    if not rate_headers:
        return RateLimitInfo(status)
    waits = [_parse_seconds_until(text, now) for name, text in rate_headers.items() if name.startswith(_RETRY_AFTER)]
    policies = [_Item.parse(text) for text in _split(rate_headers.get("ratelimit-policy", ""), ",")]
    quotas = (
        *_parse_separate_headers(rate_headers, policies, now),
        *_parse_combined_header(rate_headers.get("ratelimit", ""), policies, now),
    )
    known = {(quota.limit, quota.window) for quota in quotas if not quota.is_policy}
    quotas = tuple(quota for quota in quotas if not quota.is_policy or (quota.limit, quota.window) not in known)
    tightest, *other_quotas = sorted(dict.fromkeys(quotas), key=_sort_key) or [Quota()]
    return RateLimitInfo(
        status=status,
        limit=tightest.limit,
        window=tightest.window,
        remaining=tightest.remaining,
        reset=tightest.reset,
        retry_after=max((wait for wait in waits if wait is not None), default=None),
        other_quotas=tuple(other for other in other_quotas if other != Quota()),
    )


def _sort_key(quota: Quota) -> tuple[float, bool, float]:
    """Sort the quota first that allows no request for longest, or else the one with the fewest requests left."""
    return -quota.blocked_for, quota == Quota(), math.inf if quota.remaining is None else quota.remaining


def _is_rate_header(name: str) -> bool:
    return "ratelimit" in name or "rate-limit" in name or name.startswith(_RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class _Item:
    """A member of a list in a header: ``10;w=60`` or ``"burst";q=10;w=1``.

    :param head: the text before its parameters, without quotes.
    :param parameters: the parameters by name, without quotes.
    """

    head: str
    parameters: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> _Item:
        head, *rest = _split(text, ";") or [""]
        pairs = (part.partition("=") for part in rest)
        return cls(_unquote(head), {_unquote(name).lower(): _unquote(value) for name, _, value in pairs})

    @property
    def quota(self) -> int | None:
        """The requests that a policy allows per window."""
        return _parse_int(self.parameters.get("q", self.head))

    @property
    def window(self) -> float | None:
        """The seconds of a policy's window."""
        return _parse_number(self.parameters.get("w"))

    @property
    def is_of_requests(self) -> bool:
        """Whether the policy counts requests, not bytes."""
        return self.parameters.get("qu", "requests") == "requests"


def _parse_separate_headers(rate_headers: Mapping[str, str], policies: list[_Item], now: datetime) -> Iterator[Quota]:
    """Yield the windows whose limit, remaining and reset are in three headers."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name, text in rate_headers.items():
        if found := _NAME.fullmatch(name):
            groups.setdefault((found[1], found[3] or ""), {})[found[2]] = text
    for group in groups.values():
        limits = [_Item.parse(text) for text in _split(group.get("limit", ""), ",")]
        remaining = [_parse_int(text) for text in _split(group.get("remaining", ""), ",")]
        date = _parse_seconds_until(group.get("reset"), now)
        resets = [_parse_seconds_until(text, now) for text in _split(group.get("reset", ""), ",")]
        if date is not None and None in resets:  # a date contains a comma
            resets = [date]
        without_window = [item for item in limits if item.window is None]
        with_window = [item for item in limits if item.window is not None]
        for index in range(max(1, len(remaining), len(resets))):
            limit = _get_value(without_window or limits, index)
            yield Quota(
                None if limit is None else limit.quota,
                None if limit is None else _get_window(limit, [*with_window, *policies]),
                _get_value(remaining, index),
                _get_value(resets, index),
            )
        yield from (Quota(item.quota, item.window) for item in with_window if without_window)


def _parse_combined_header(text: str, policies: list[_Item], now: datetime) -> Iterator[Quota]:
    """Yield the windows in ``RateLimit``, and those that only ``RateLimit-Policy`` names."""
    items = [_Item.parse(part) for part in _split(text, ",")]
    parameters = dict(_find_parameters(items))
    if "limit" in parameters or not any("r" in item.parameters for item in items):
        limit = _Item(parameters.get("limit", ""), {})
        reset = _parse_seconds_until(parameters.get("reset"), now)
        yield Quota(limit.quota, _get_window(limit, policies), _parse_int(parameters.get("remaining")), reset)
        items = []
    named = {item.head: item for item in policies}
    for item in items:
        policy = named.get(item.head, item)
        if policy.is_of_requests and item.is_of_requests:
            yield Quota(
                policy.quota,
                policy.window,
                _parse_int(item.parameters.get("r")),
                _parse_seconds_until(item.parameters.get("t"), now),
            )
    heads = {item.head for item in items}
    for policy in policies:
        if policy.is_of_requests and policy.window is not None and policy.head not in heads:
            yield Quota(policy.quota, policy.window)


def _find_parameters(items: Iterable[_Item]) -> Iterator[tuple[str, str]]:
    """Yield the parameters of ``limit=10, remaining=0, reset=30``, separated by commas or semicolons."""
    for item in items:
        name, _, value = item.head.partition("=")
        for parameter, text in ((name.strip().lower(), value), *item.parameters.items()):
            if parameter in _PARAMETERS:
                yield parameter, text


def _get_window(limit: _Item, policies: Iterable[_Item]) -> float | None:
    """Return the window of a limit: its own, or that of the policies with as many requests if they have only one."""
    if limit.window is not None or limit.quota is None:
        return limit.window
    windows = {policy.window for policy in policies if policy.quota == limit.quota and policy.is_of_requests}
    return windows.pop() if len(windows) == 1 else None


def _get_value(values: Sequence[T], index: int) -> T | None:
    """Return the value at an index; a single value counts for every index."""
    return values[index] if index < len(values) else (values[0] if len(values) == 1 else None)


def _split(text: str, separator: str) -> list[str]:
    """Split a list at separators outside quotes, without empty parts."""
    parts, quoted, start = [], False, 0
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[start:position])
            start = position + 1
    return [part for part in (*parts, text[start:]) if part.strip()]


def _unquote(text: str) -> str:
    return text.strip().strip('"')


def _parse_number(text: str | None) -> float | None:
    """Parse a number that is not negative."""
    return float(text) if text and _NUMBER.fullmatch(text) else None


def _parse_int(text: str | None) -> int | None:
    number = _parse_number(text)
    return None if number is None else int(number)


def _parse_seconds_until(text: str | None, now: datetime) -> float | None:
    number = _parse_number(text)
    if number is None:
        date = parse_http_date(text)
        number = None if date is None else (date - now).total_seconds()
    elif number > _EPOCH:
        number = (number / 1000 if number >= _EPOCH_MILLISECONDS else number) - now.timestamp()
    return None if number is None else min(max(0.0, number), _MAX_SECONDS)
