"""Times in the responses of platforms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from airflow_provider_sessions.model.values import utc

_NEVER = (1, 9999)
"""Years that mean that there is no time."""


def _empty_to_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _to_utc(given: datetime | None) -> datetime | None:
    return None if given is None or given.year in _NEVER else utc(given)


def instant_or_none(given: datetime | None) -> datetime | None:
    """Return a time in UTC; None if it means no time, has no zone or is out of range."""
    try:
        return _to_utc(given)
    except ValueError:
        return None


Instant = Annotated[datetime | None, BeforeValidator(_empty_to_none), AfterValidator(_to_utc)]
"""A time, or None. For no time some servers write an empty text, or the first or last year there is (inferred)."""

_FIRST, _LAST = (one.replace(tzinfo=UTC) for one in (datetime.min, datetime.max))  # noqa: DTZ901


def shifted(instant: datetime, by: timedelta) -> datetime:
    """Return a time plus a duration, or the first or last time of the calendar if it is out of range."""
    try:
        return instant + by
    except OverflowError:
        return _LAST if by > timedelta() else _FIRST
