"""Lines in the log while long work goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)


class Progress:
    """Says every few seconds how far the work is.

    :param what: what is counted, in the plural (``sessions``).
    :param total: how many there are; None while that is not known.
    :param every: seconds between two lines.
    :param seconds: a clock that never goes back.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        *,
        every: float = 5.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._total = total
        self._every = every
        self._seconds = seconds
        self._began = self._said = seconds()

    def at(self, done: int, detail: str = "") -> None:
        """Tell how much is done; a line is logged if it is time for one.

        :param done: how many of ``what``.
        :param detail: more words for the line.
        """
        now = self._seconds()
        if now - self._said < self._every:
            return
        self._said = now
        parts = [f"{done:,} {self._what}" if self._total is None else f"{done:,} of {self._total:,} {self._what}"]
        parts += [detail] if detail else []
        if done > 0:  # before, there is nothing to estimate from
            rate = done / (now - self._began)
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute")
            if self._total is not None and done <= self._total:
                parts.append(f"about {_duration((self._total - done) / rate)} left")
        log.info("%s", ", ".join(parts))


def _duration(seconds: float) -> str:
    """A duration as people say it, with two digits or three."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
