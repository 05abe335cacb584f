"""What a rate limit is, and what requests are for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from airflow_provider_sessions.errors import InputError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WORDS = {1.0: "a second", 60.0: "a minute", 3600.0: "an hour", 86400.0: "a day"}
_LIMIT = re.compile(
    r"(\d{1,9})\s*(?:/|per)\s*(?:(\d{1,9}(?:\.\d{1,9})?)\s*)?([smhd]|(?:sec|second|min|minute|hour|day)s?)"
)
_MANY = 1000
_SHORTEST_PART = 10.0


class Lane(StrEnum):
    """What a request is for: waiting and other work must not starve each other."""

    CALL = "call"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``requests`` in any ``seconds``."""

    requests: int
    seconds: float

    def __str__(self) -> str:
        """In words, for people: ``10 requests a minute``."""
        requests = "1 request" if self.requests == 1 else f"{self.requests} requests"
        return f"{requests} {_WORDS.get(self.seconds) or f'in {self.seconds:.3g} s'}"

    @classmethod
    def read(cls, text: str) -> RateLimit:
        """Read ``10/minute``, ``10/60s``, ``5/second`` or ``100 per hour``.

        :raises InputError: it cannot be read.
        """
        found = _LIMIT.fullmatch(text.strip().lower())
        if found is None or int(found[1]) < 1 or float(found[2] or 1) <= 0:
            raise InputError(f"rate_limit: {text!r} cannot be read; write for example '10/minute' or '10/3s'")
        return cls(int(found[1]), float(found[2] or 1) * _UNITS[found[3][0]])

    def in_parts(self) -> RateLimit:
        """The same rate over a part of the window, where that holds very many requests.

        Who keeps to 1,000 in any 36 seconds keeps to 100,000 in any hour, and has less to remember.
        """
        parts = min(math.ceil(self.requests / _MANY), int(self.seconds / _SHORTEST_PART))
        return RateLimit(self.requests // parts, self.seconds / parts) if parts > 1 else self
