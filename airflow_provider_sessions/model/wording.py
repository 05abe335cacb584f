"""How counts and instants are told to people: in logs, and in texts of errors."""

from __future__ import annotations

from datetime import datetime


def counted(number: int, noun: str) -> str:
    """A number and what it counts: ``1 session``, ``1,200 sessions``.

    :param noun: in the singular; its plural ends in -s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def to_the_second(instant: datetime) -> str:
    """An instant as ISO 8601, without fractions of a second."""
    return instant.isoformat(timespec="seconds")
