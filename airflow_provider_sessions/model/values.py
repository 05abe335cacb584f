"""The base class of values, UTC times, and the parsing of users' times and durations."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import quote_value
from airflow_provider_sessions.model.time_zones import warn_if_outdated
from airflow_provider_sessions.safe_text import sanitize_link

_CENTURY = 100 * 365.25 * 86400
_FIRST_YEAR, _LAST_YEAR = 102, 9897
"""At least a century from both ends of the calendar, so that adding a duration never overflows."""
_UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_EPOCH = re.compile(r"-?\d{9,}(?:\.\d+)?")
_AMOUNT = r"\d+(?:\.\d+)?"
_ISO_DURATION = re.compile(
    rf"P(?!$)(?:(?P<weeks>{_AMOUNT})W)?(?:(?P<days>{_AMOUNT})D)?"
    rf"(?:T(?!$)(?:(?P<hours>{_AMOUNT})H)?(?:(?P<minutes>{_AMOUNT})M)?(?:(?P<seconds>{_AMOUNT})S)?)?"
)
_CLOCK_DURATION = re.compile(r"(?P<hours>\d+):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?")


class Value(BaseModel):
    """A frozen model that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def utc(instant: datetime) -> datetime:
    """Return an instant in UTC, as a plain datetime and not, for example, a pendulum one.

    :raises ValueError: it has no time zone, or its year is out of range.
    """
    plain = instant
    if instant.tzinfo is not UTC or type(instant) is not datetime:  # most are that already, so it is looked at first
        if instant.utcoffset() is None:
            raise ValueError(f"{instant.isoformat()} has no time zone")
        try:
            there = instant.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{instant.isoformat()} is out of range") from None
        plain = datetime.combine(there.date(), there.time(), UTC)
    if not _FIRST_YEAR <= plain.year <= _LAST_YEAR:
        raise ValueError(f"{instant.isoformat()} is out of range")
    return plain


UtcDatetime = Annotated[datetime, AfterValidator(utc)]
"""An aware datetime, converted to UTC. Years are from 102 to 9897, so that durations can be added."""
Link = Annotated[str | None, AfterValidator(sanitize_link)]
"""An http(s) URL that is safe to show as a link; anything else is None."""


class Window(Value):
    """A half-open interval of time: ``start`` is included, ``end`` is not. It is never empty."""

    start: UtcDatetime
    end: UtcDatetime

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"end: {self.end.isoformat()} is not after the start, {self.start.isoformat()}")
        return self

    @classmethod
    def read(
        cls, start: datetime | str | float, end: datetime | str | float, *, time_zone: str | None = None
    ) -> Window:
        """Parse a user's window; see :func:`parse_instant`.

        :raises InputError: one of the two is not a time, or the end is not after the start.
        """
        starts_at = parse_instant(start, "start", time_zone=time_zone)
        ends_at = parse_instant(end, "end", time_zone=time_zone)
        if ends_at <= starts_at:
            raise InputError(f"end: {quote_value(end)} is not after the start, {quote_value(start)}")
        return cls(start=starts_at, end=ends_at)

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, datetime) and self.start <= instant < self.end


def is_given(value: object) -> bool:
    """Return whether an optional field was given: it is neither None nor a template that rendered to nothing.

    Templates render None as the text ``None``, and a missing default as an empty text.
    """
    return value is not None and not (isinstance(value, str) and value.strip() in ("", "None"))


def as_text(value: object) -> str | None:
    """Return a text or number as text, and None for anything else, including booleans.

    Numbers are accepted because native template rendering turns a text of digits into one.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return str(value) if math.isfinite(value) else None
        except (OverflowError, ValueError):  # too many digits to be intended
            return None
    return value if isinstance(value, str) else None


def find_zone(name: str, field: str = "time_zone") -> ZoneInfo:
    """Return the time zone of an IANA name, and log a warning if the system's data of it is outdated.

    :param field: the name for an error.
    :raises InputError: the zone does not exist.
    """
    try:
        found = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError, AttributeError):
        raise InputError(
            f"{field}: {quote_value(name)} is not an IANA time zone; use for example 'Europe/Berlin'"
        ) from None
    warn_if_outdated(name)
    return found


def parse_instant(value: datetime | date | str | float, field: str, *, time_zone: str | None = None) -> datetime:
    """Parse a user's time to an aware UTC datetime.

    :param value: an aware datetime, an ISO 8601 string with an offset or ``Z``, or seconds since 1970 (a number, or a
        string of one with at least nine digits, as templates render it). A value without a zone is a local time in
        ``time_zone``; one that occurs twice is the first one, unless its ``fold`` is 1. A date is its midnight.
    :param field: the name for an error.
    :param time_zone: IANA name for values without a zone.
    :raises InputError: it is not a time, has no zone, or does not exist in ``time_zone`` because the clocks skip it.
    """
    instant = _to_datetime(value, field)
    try:
        return utc(instant if instant.utcoffset() is not None else _from_wall_clock(instant, value, field, time_zone))
    except (ValueError, OverflowError) as error:
        raise (
            error if isinstance(error, InputError) else InputError(f"{field}: {quote_value(value)} is out of range")
        ) from None


def _from_wall_clock(instant: datetime, value: object, field: str, time_zone: str | None) -> datetime:
    if time_zone is None:
        raise InputError(
            f"{field}: {quote_value(value)} has no time zone; give an offset ('2026-03-02T15:00:00+01:00', '...Z'), "
            f"an aware datetime, or set time_zone where there is such an argument"
        )
    naive = datetime.combine(instant.date(), instant.time())
    aware = naive.replace(tzinfo=find_zone(time_zone))
    if aware.astimezone(UTC).astimezone(aware.tzinfo).replace(tzinfo=None) != naive:
        raise InputError(f"{field}: {quote_value(value)} does not exist in {time_zone}: the clocks skip it")
    return aware


def _to_datetime(value: object, field: str) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, date):
            return datetime.combine(value, time.min)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            text = value.strip()
            return datetime.fromtimestamp(float(text), UTC) if _EPOCH.fullmatch(text) else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        pass  # raised below, like values of other types
    raise InputError(
        f"{field}: {quote_value(value)} is not a time; give ISO 8601 such as '2026-03-02T15:00:00Z', or epoch seconds"
    )


def parse_seconds(value: timedelta | str | float, field: str, *, allow_zero: bool = False) -> float:
    """Parse a user's duration to seconds.

    :param value: a timedelta, a number of seconds, or a string: of a number, ISO 8601 (``PT1H30M``) or
        ``hours:minutes[:seconds]``.
    :param field: the name for an error.
    :param allow_zero: whether to allow zero.
    :raises InputError: it is not a duration, negative, zero if that is not allowed, not finite, or over a century.
    """
    seconds = _to_seconds(value)
    if seconds is None or not math.isfinite(seconds):
        raise InputError(
            f"{field}: {quote_value(value)} is not a duration; give a timedelta, seconds, or ISO 8601 such as 'PT1H30M'"
        )
    if seconds < 0 or (seconds == 0 and not allow_zero):
        raise InputError(f"{field}: {quote_value(value)} must be longer than zero")
    if seconds > _CENTURY:
        raise InputError(f"{field}: {quote_value(value)} is longer than a century")
    return seconds


def _to_seconds(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        pass  # not a plain number, but maybe one of the notations below
    text = value.strip().upper() if isinstance(value, str) else ""
    found = _ISO_DURATION.fullmatch(text) or _CLOCK_DURATION.fullmatch(text)
    if found is None:
        return None
    return sum(float(amount) * _UNITS[unit] for unit, amount in found.groupdict().items() if amount)
