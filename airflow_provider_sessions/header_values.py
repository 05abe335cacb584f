"""Values of headers that others wrote: numbers and dates of any length, or nothing that can be read."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DIGITS = 18
"""Digits that a number may have: no file, limit or wait needs more, and every reader of it can compute with it."""
_WHOLE = re.compile(rf"[0-9]{{1,{_DIGITS}}}")
_DATE_LENGTH = 100


def read_whole_number(text: str | None) -> int | None:
    """Return a number that is not negative; None for anything else, and for one that is larger than any may be.

    :param text: the header's value, such as that of ``Content-Length``.
    """
    found = _WHOLE.fullmatch(text.strip()) if text else None
    return int(found[0]) if found else None


def read_date(text: str | None) -> datetime | None:
    """Return a date in UTC; None for what is none, or lies outside the calendar.

    :param text: the header's value, such as that of ``Date``, in any form that RFC 9110 5.6.7 wants to be read.
    """
    if not text or len(text) > _DATE_LENGTH:
        return None
    try:
        date = parsedate_to_datetime(text)
        # One of the forms has no zone: it is always UTC.
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
