"""Times in the answers of platforms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from airflow_provider_sessions.model.values import utc

_NEVER = (1, 9999)
"""Years of times that stand for none."""


def _without_blanks(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _instant(given: datetime | None) -> datetime | None:
    return None if given is None or given.year in _NEVER else utc(given)


def instant_or_none(given: datetime | None) -> datetime | None:
    """A time as an aware UTC datetime; None where it stands for none, has no zone or leads out of the calendar."""
    try:
        return _instant(given)
    except ValueError:
        return None


Instant = Annotated[datetime | None, BeforeValidator(_without_blanks), AfterValidator(_instant)]
"""A time, or none: an empty text, or a time in the first or last year of the calendar, is how servers in some languages
write that (inferred)."""

_FIRST, _LAST = (one.replace(tzinfo=UTC) for one in (datetime.min, datetime.max))  # noqa: DTZ901


def shifted(instant: datetime, by: timedelta) -> datetime:
    """An instant moved in time, as far as the calendar goes."""
    try:
        return instant + by
    except OverflowError:
        return _LAST if by > timedelta() else _FIRST
