"""Parse numbers and dates in headers, which may be of any length, or invalid."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_DIGITS = 18
"""No size, limit or duration has more digits, and such a number can be stored and computed with everywhere."""
_WHOLE = re.compile(rf"[0-9]{{1,{_MAX_DIGITS}}}")
_MAX_DATE_LENGTH = 100


def parse_whole_number(text: str | None) -> int | None:
    """Parse a non-negative whole number; None for anything else, and for more than 18 digits.

    :param text: the value of a header such as ``Content-Length``.
    """
    found = _WHOLE.fullmatch(text.strip()) if text else None
    return int(found[0]) if found else None


def parse_http_date(text: str | None) -> datetime | None:
    """Parse a date to UTC; None for anything else, and for a date outside the calendar.

    :param text: the value of a header such as ``Date``, in any form that RFC 9110 5.6.7 requires to be accepted.
    """
    if not text or len(text) > _MAX_DATE_LENGTH:
        return None
    try:
        date = parsedate_to_datetime(text)
        # One of the forms has no time zone; it is always UTC.
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
