"""How values, counts, times and progress read in error texts and log lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.safe_text import get_logger

Choice = TypeVar("Choice", bound=StrEnum)

log = get_logger(__name__)
_SIMILARITY = 0.6
"""From 0 to 1, how similar a choice must be to be suggested: one or two letters wrong, or a plural."""
_MAX_QUOTED = 120
"""Characters of a value that an error quotes."""


def quote_value(value: object) -> str:
    """Return the ``repr`` of a value, cut to a length that fits into an error."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a number of too many digits"
    return text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "..."


def format_count(number: int, noun: str) -> str:
    """Return a number and its noun: ``1 session``, ``1,200 sessions``.

    :param noun: in the singular; its plural ends in -s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_instant(instant: datetime) -> str:
    """Return an instant as ISO 8601, without fractions of a second."""
    return instant.isoformat(timespec="seconds")


def unknown_choice_error(
    field: str, words: Sequence[object], choices: Iterable[str], *, says: str = "is unknown; expected one of"
) -> InputError:
    """Return the error for invalid values of an argument: it quotes them, all choices, and the most similar ones.

    :param field: name of the argument.
    :param words: the invalid values, at least one.
    :param choices: the valid values.
    :param says: the text between the values and the choices.
    """
    known = [str(choice) for choice in choices]
    quoted = ", ".join(quote_value(str(word) if isinstance(word, str) else word) for word in words)
    return InputError(f"{field}: {quoted} {says} {', '.join(known)}{suggest_choices(words, known)}")


def parse_choice(kind: type[Choice], value: object, field: str) -> Choice:
    """Return the member of an enum that an argument names.

    :param kind: the enum.
    :param value: the argument.
    :param field: the argument's name.
    :raises InputError: the enum has no such member.
    """
    if value not in tuple(kind):
        raise unknown_choice_error(field, [value], kind)
    return kind(str(value))


def suggest_choices(words: Iterable[object], choices: Iterable[str]) -> str:
    """Return the end of an error that suggests the most similar choices; empty if none is similar.

    :param words: the invalid values.
    :param choices: the valid values.
    """
    from difflib import get_close_matches

    known = {choice.lower(): choice for choice in choices}
    near = [get_close_matches(word.strip().lower(), known, n=1, cutoff=_SIMILARITY) for word in map(str, words)]
    likely = dict.fromkeys(known[match] for matches in near for match in matches)
    return f"; did you mean {', '.join(map(repr, likely))}?" if likely else ""


class ProgressLog:
    """Logs the progress of long work every few seconds.

    :param what: what is counted, in the plural (``sessions``).
    :param total: how many there are; None if unknown.
    :param every: seconds between two lines.
    :param seconds: a monotonic clock.
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
        self._started = self._logged = seconds()

    def update(self, done: int, detail: str = "") -> None:
        """Log a line, unless the last one is too recent.

        :param done: how many of ``what`` are done.
        :param detail: further text for the line.
        """
        now = self._seconds()
        if now - self._logged < self._every:
            return
        self._logged = now
        parts = [f"{done:,} {self._what}" if self._total is None else f"{done:,} of {self._total:,} {self._what}"]
        parts += [detail] if detail else []
        if done > 0:
            rate = done / (now - self._started)
            parts.append(f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute")
            if self._total is not None and done <= self._total:
                parts.append(f"about {_duration((self._total - done) / rate)} left")
        log.info("%s", ", ".join(parts))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
