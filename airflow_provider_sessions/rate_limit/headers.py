"""What an answer's headers say of the rate limit.

A platform may count in several windows at once (3 a second and 100 a minute) and say so in one answer: each is one
:class:`Quota`. What is said of one window says nothing of another: a limit is one of the window whose length stands
beside it, and a reset is what is left of a window, not its length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from airflow_provider_sessions.header_values import read_date

T = TypeVar("T")

UNKNOWN_LIMIT_WAIT = 10.0
"""Seconds to leave a platform alone that refused for too many requests and did not say for how long."""
LONGEST_CLOSURE = 86400.0
"""Seconds: no header closes an account for longer. A misread number must not close it for years."""
_EPOCH = 1_000_000_000
_EPOCH_MILLISECONDS = 100_000_000_000
_LONGEST_WAIT = 366 * 86400.0
"""Seconds. What a header names beyond is taken as that: code that computes with it must not meet the calendar's end."""
_LONGEST_HEADER = 4096
"""Characters of a header that are read."""
_NUMBER = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*")
_NAME = re.compile(r"(x-ratelimit|ratelimit|x-rate-limit)-(limit|remaining|reset)(-.+)?")
_RETRY_AFTER = "retry-after"
_WORDS = {"limit": "limit", "q": "limit", "remaining": "remaining", "r": "remaining", "reset": "reset", "t": "reset"}


@dataclass(frozen=True, slots=True)
class Quota:
    """What a platform said of one of its windows.

    :param limit: requests a window.
    :param window: the window's length in seconds, where the platform names it.
    :param remaining: requests left in this window.
    :param reset: seconds until the window is over: never longer than it, and mostly shorter.
    """

    limit: int | None = None
    window: float | None = None
    remaining: int | None = None
    reset: float | None = None

    @property
    def is_policy(self) -> bool:
        """Whether nothing is said of how far it is used up."""
        return self.remaining is None and self.reset is None

    @property
    def closed_for(self) -> float:
        """Seconds for which it lets nothing through."""
        return self.reset if self.remaining == 0 and self.reset is not None else 0.0


@dataclass(frozen=True, slots=True)
class RateNews:
    """What a platform said of its limit with one answer.

    :param status: HTTP status.
    :param limit: requests a window, as all up to ``window`` of the tightest of its windows; see :class:`Quota`.
    :param remaining: requests left in this window.
    :param reset: seconds until the window is over.
    :param retry_after: seconds after which to ask again.
    :param lag: seconds from the request's slot to its answer; no header, but what the transport measured.
    :param delay: those of them until the request was written: connecting, say, took so long.
    :param window: the window's length in seconds, where the platform names it.
    :param others: what it said of its other windows.
    """

    status: int
    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None
    lag: float | None = None
    delay: float = 0.0
    window: float | None = None
    others: tuple[Quota, ...] = ()

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What the platform said of each of its windows."""
        return (Quota(self.limit, self.window, self.remaining, self.reset), *self.others)

    @property
    def closed_for(self) -> float:
        """Seconds for which the platform will refuse everything; 0 if it does not say so."""
        if self.status == 429:
            closed = UNKNOWN_LIMIT_WAIT if self.wanted_wait is None else self.wanted_wait
        elif self.status == 503 and self.retry_after is not None:
            closed = self.retry_after
        else:
            closed = max(quota.closed_for for quota in self.quotas)
        return min(closed, LONGEST_CLOSURE)

    @property
    def wanted_wait(self) -> float | None:
        """Seconds after which the platform wants to be asked again; None if it did not say.

        Where a 429 does not name them, those until the last of the windows that are used up is over; where it names
        none that is, all count.
        """
        if self.retry_after is not None or self.status != 429:
            return self.retry_after
        used_up = [quota for quota in self.quotas if quota.remaining == 0]
        resets = [quota.reset for quota in used_up or self.quotas if quota.reset is not None]
        return max(resets, default=None)


def read_rate_headers(status: int, headers: Mapping[str, str], now: datetime) -> RateNews:
    """Read ``Retry-After``, ``X-RateLimit-*``, ``RateLimit-*``, ``RateLimit`` and ``RateLimit-Policy``.

    ==============================================  ================================================================
    header                                          is read as
    ==============================================  ================================================================
    ``Retry-After: 5``, or a date                   the longest of all, those of named throttlers included
    ``Retry-After-short: 5``
    ``X-RateLimit-Limit: 10`` (``-Remaining``,      one window; with a suffix, that of a named throttler
    ``-Reset``), ``X-RateLimit-Limit-short: 3``     (``@nestjs/throttler``)
    ``X-RateLimit-Remaining: 0, 40``                several windows, as many as there are numbers, in their order
    ``RateLimit-Limit: 10, 10;w=1, 900;w=60``       the first number; its window is that of the equal one behind it
    ``RateLimit: limit=10, remaining=0, reset=3``   one window; its length is that of the equal one in the policy
    ``RateLimit-Policy: 10;w=1, 900;w=60``
    ``RateLimit: "a";r=0;t=3, "b";r=9;t=30``        several windows; limit and length are those of the same name
    ``RateLimit-Policy: "a";q=10;w=1, "b";q=9``
    ==============================================  ================================================================

    A reset is seconds or a date; an epoch time, of seconds or of milliseconds, where it is too large for seconds. What
    cannot be read is taken as not said.

    Source: RFC 9110 10.2.3 for ``Retry-After``; the drafts 02 to 10 of "RateLimit header fields for HTTP"; vendors'
    habits (inferred) for the others.
    """
    told = {name: text[:_LONGEST_HEADER] for key, text in headers.items() if _is_rate_header(name := key.lower())}
    if not told:
        return RateNews(status)
    waits = [_seconds_until(text, now) for name, text in told.items() if name.startswith(_RETRY_AFTER)]
    policies = [_Item.read(text) for text in _split(told.get("ratelimit-policy", ""), ",")]
    quotas = (
        *_read_separate_headers(told, policies, now),
        *_read_combined_header(told.get("ratelimit", ""), policies, now),
    )
    known = {(quota.limit, quota.window) for quota in quotas if not quota.is_policy}
    quotas = tuple(quota for quota in quotas if not quota.is_policy or (quota.limit, quota.window) not in known)
    tightest, *others = sorted(dict.fromkeys(quotas), key=_tightness) or [Quota()]
    return RateNews(
        status=status,
        limit=tightest.limit,
        window=tightest.window,
        remaining=tightest.remaining,
        reset=tightest.reset,
        retry_after=max((wait for wait in waits if wait is not None), default=None),
        others=tuple(other for other in others if other != Quota()),
    )


def _tightness(quota: Quota) -> tuple[float, bool, float]:
    """The first of several is the one that is closed for longest, else the one that lets the fewest through."""
    return -quota.closed_for, quota == Quota(), math.inf if quota.remaining is None else quota.remaining


def _is_rate_header(name: str) -> bool:
    return "ratelimit" in name or "rate-limit" in name or name.startswith(_RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class _Item:
    """A member of a list in a header: ``10;w=60`` or ``"burst";q=10;w=1``.

    :param head: what stands before its parameters, without quotes.
    :param parameters: the parameters by name, without quotes.
    """

    head: str
    parameters: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> _Item:
        head, *rest = _split(text, ";") or [""]
        pairs = (part.partition("=") for part in rest)
        return cls(_unquote(head), {_unquote(name).lower(): _unquote(value) for name, _, value in pairs})

    @property
    def quota(self) -> int | None:
        """Requests that a policy allows."""
        return _read_int(self.parameters.get("q", self.head))

    @property
    def window(self) -> float | None:
        """Seconds of a policy's window."""
        return _number(self.parameters.get("w"))

    @property
    def is_of_requests(self) -> bool:
        """Whether requests are counted, and no bytes."""
        return self.parameters.get("qu", "requests") == "requests"


def _read_separate_headers(told: Mapping[str, str], policies: list[_Item], now: datetime) -> Iterator[Quota]:
    """Windows of which limit, remaining and reset stand in three headers."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name, text in told.items():
        if found := _NAME.fullmatch(name):
            groups.setdefault((found[1], found[3] or ""), {})[found[2]] = text
    for group in groups.values():
        limits = [_Item.read(text) for text in _split(group.get("limit", ""), ",")]
        remaining = [_read_int(text) for text in _split(group.get("remaining", ""), ",")]
        date = _seconds_until(group.get("reset"), now)
        resets = [_seconds_until(text, now) for text in _split(group.get("reset", ""), ",")]
        if date is not None and None in resets:  # a date has a comma in it
            resets = [date]
        plain = [item for item in limits if item.window is None]
        behind = [*(item for item in limits if item.window is not None), *policies]
        for number in range(max(1, len(remaining), len(resets))):
            limit = _value_at(plain or limits, number)
            yield Quota(
                None if limit is None else limit.quota,
                None if limit is None else _window_of(limit, behind),
                _value_at(remaining, number),
                _value_at(resets, number),
            )
        yield from (Quota(item.quota, item.window) for item in limits if item.window is not None and plain)


def _read_combined_header(text: str, policies: list[_Item], now: datetime) -> Iterator[Quota]:
    """Windows that stand in ``RateLimit``, and those of which nothing but the policy is known."""
    items = [_Item.read(part) for part in _split(text, ",")]
    whole = dict(_read_parameters(items))
    if "limit" in whole or not any("r" in item.parameters for item in items):
        limit = _Item(whole.get("limit", ""), {})
        reset = _seconds_until(whole.get("reset"), now)
        yield Quota(limit.quota, _window_of(limit, policies), _read_int(whole.get("remaining")), reset)
        items = []
    named = {item.head: item for item in policies}
    for item in items:
        policy = named.get(item.head, item)
        if policy.is_of_requests and item.is_of_requests:
            yield Quota(
                policy.quota,
                policy.window,
                _read_int(item.parameters.get("r")),
                _seconds_until(item.parameters.get("t"), now),
            )
    heads = {item.head for item in items}
    for policy in policies:
        if policy.is_of_requests and policy.window is not None and policy.head not in heads:
            yield Quota(policy.quota, policy.window)


def _read_parameters(items: Iterable[_Item]) -> Iterator[tuple[str, str]]:
    """The parts of ``limit=10, remaining=0, reset=30``, whatever stands between them."""
    for item in items:
        name, _, value = item.head.partition("=")
        for word, text in ((name.strip().lower(), value), *item.parameters.items()):
            if word in _WORDS and len(word) > 1:
                yield _WORDS[word], text


def _window_of(limit: _Item, policies: Iterable[_Item]) -> float | None:
    """The window of a limit: its own, else that of the policies with as many requests, where it is but one."""
    if limit.window is not None or limit.quota is None:
        return limit.window
    windows = {policy.window for policy in policies if policy.quota == limit.quota and policy.is_of_requests}
    return windows.pop() if len(windows) == 1 else None


def _value_at(found: Sequence[T], number: int) -> T | None:
    """One of several in their order; the only one stands for all."""
    return found[number] if number < len(found) else (found[0] if len(found) == 1 else None)


def _split(text: str, separator: str) -> list[str]:
    """The parts of a list that are not empty; a separator between quotes is none."""
    parts, quoted, begins = [], False, 0
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begins:at])
            begins = at + 1
    return [part for part in (*parts, text[begins:]) if part.strip()]


def _unquote(text: str) -> str:
    return text.strip().strip('"')


def _number(text: str | None) -> float | None:
    """A number that is not negative."""
    found = _NUMBER.fullmatch(text) if text else None
    return float(found[1]) if found else None


def _read_int(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _seconds_until(text: str | None, now: datetime) -> float | None:
    number = _number(text)
    if number is None:
        date = read_date(text)
        number = None if date is None else (date - now).total_seconds()
    elif number > _EPOCH:
        number = (number / 1000 if number >= _EPOCH_MILLISECONDS else number) - now.timestamp()
    return None if number is None else min(max(0.0, number), _LONGEST_WAIT)
