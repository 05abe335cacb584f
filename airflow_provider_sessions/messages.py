"""How values, counts, times and progress read in error texts and log lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
_SIMILARITY = 0.6
"""How alike two words are (0 to 1) before one is proposed for the other: a letter or two wrong, or a plural."""
_SHOWN = 120
"""Characters of a value that an error quotes."""


def quote_value(value: object) -> str:
    """A value as an error quotes it: not at any length."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        text = "a number of too many digits"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def format_count(number: int, noun: str) -> str:
    """A number and what it counts: ``1 session``, ``1,200 sessions``.

    :param noun: in the singular; its plural ends in -s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def format_instant(instant: datetime) -> str:
    """An instant as ISO 8601, without fractions of a second."""
    return instant.isoformat(timespec="seconds")


def unknown_choice_error(
    field: str, words: Sequence[object], choices: Iterable[str], *, says: str = "is unknown; expected one of"
) -> InputError:
    """Return the error for words that an argument does not take: it names them, all choices, and the likely ones.

    :param field: the argument.
    :param words: what was given and is unknown, at least one.
    :param choices: the words that the argument takes.
    :param says: what stands between the words and the choices.
    """
    known = [str(choice) for choice in choices]
    quoted = ", ".join(quote_value(str(word) if isinstance(word, str) else word) for word in words)
    return InputError(f"{field}: {quoted} {says} {', '.join(known)}{suggest_choices(words, known)}")


def suggest_choices(words: Iterable[object], choices: Iterable[str]) -> str:
    """Return the end of an error that proposes the choices that were probably meant; empty if none is near.

    :param words: what was given and is unknown.
    :param choices: the words that would do.
    """
    from difflib import get_close_matches

    known = {choice.lower(): choice for choice in choices}
    near = [get_close_matches(word.strip().lower(), known, n=1, cutoff=_SIMILARITY) for word in map(str, words)]
    likely = dict.fromkeys(known[match] for matches in near for match in matches)
    return f"; did you mean {', '.join(map(repr, likely))}?" if likely else ""


class ProgressLog:
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
