"""A rate limit, and the classes of traffic that share it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_sessions.errors import InputError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT_NAMES = {1.0: "second", 60.0: "minute", 3600.0: "hour", 86400.0: "day"}
_LIMIT = re.compile(
    r"(\d{1,9})\s*(?:/|per)\s*(?:(\d{1,9}(?:\.\d{1,9})?)\s*)?([smhd]|(?:sec|second|min|minute|hour|day)s?)"
)
_MAX_REQUESTS = 1000
_MIN_WINDOW = 10.0
"""Beyond so many requests, a window is split into windows of no fewer seconds."""


class TrafficClass(StrEnum):
    """What a request is for. Each class has its own share of the limit, so that none starves the other."""

    CALL = "call"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``requests`` in any ``seconds``."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        """Return the limit as a message shows it: ``10 requests per minute``."""
        requests = "1 request" if self.requests == 1 else f"{self.requests} requests"
        return f"{requests} per {_UNIT_NAMES.get(self.seconds) or f'{self.seconds:.3g} s'}"

    @classmethod
    def parse(cls, text: str) -> RateLimit:
        """Parse ``10/minute``, ``10/60s``, ``5/second`` or ``100 per hour``.

        :raises InputError: the text has another form.
        """
        found = _LIMIT.fullmatch(text.strip().lower())
        if found is None or int(found[1]) < 1 or float(found[2] or 1) <= 0:
            raise InputError(f"rate_limit: invalid value {text!r}; use a form such as '10/minute' or '10/3s'")
        return cls(int(found[1]), float(found[2] or 1) * _UNITS[found[3][0]])

    def split_window(self) -> RateLimit:
        """Return the same rate over a shorter window if the window holds very many requests.

        At most 1,000 requests in any 36 seconds are at most 100,000 in any hour, and take less memory to count.
        """
        parts = min(math.ceil(self.requests / _MAX_REQUESTS), int(self.seconds / _MIN_WINDOW))
        return RateLimit(self.requests // parts, self.seconds / parts) if parts > 1 else self
