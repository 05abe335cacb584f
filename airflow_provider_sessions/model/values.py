"""What all values share: frozen models, UTC times, and reading times and durations as users write them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict

from airflow_provider_sessions.errors import InputError


class Value(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _utc(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    return instant.astimezone(UTC)


UtcDatetime = Annotated[datetime, AfterValidator(_utc)]
"""An aware datetime, turned to UTC."""


class Window(Value):
    """A half-open span of time: ``start`` belongs to it, ``end`` does not."""

    start: UtcDatetime
    end: UtcDatetime

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, datetime) and self.start <= instant < self.end


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    :raises InputError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"time_zone: {name!r} is not an IANA time zone; write for example 'Europe/Berlin'") from None


def parse_instant(value: datetime | str | float, field: str, *, time_zone: str | None = None) -> datetime:
    """Read an instant as users write it, as an aware UTC datetime.

    :param value: an aware datetime, an ISO 8601 string with an offset or ``Z``, or seconds since 1970 (a number or a
        string of one, as templates give them). A value without a zone is taken as a wall clock time of ``time_zone``
        where that is given.
    :param field: the name that an error quotes.
    :param time_zone: IANA name for values without a zone.
    :raises InputError: not a time, or naive without ``time_zone``, or a wall clock time that daylight saving skips.
    """
    instant = _read_instant(value, field)
    if instant.tzinfo is not None:
        return instant.astimezone(UTC)
    if time_zone is None:
        raise InputError(
            f"{field}: {value!r} has no time zone; give an offset ('2026-03-02T15:00:00+01:00', '...Z'), "
            f"an aware datetime, or set time_zone"
        )
    aware = instant.replace(tzinfo=zone(time_zone))
    if aware.astimezone(UTC).astimezone(aware.tzinfo).replace(tzinfo=None) != instant:
        raise InputError(f"{field}: {value!r} does not exist in {time_zone}: the clocks skip it")
    return aware.astimezone(UTC)


def _read_instant(value: datetime | str | float, field: str) -> datetime:
    if isinstance(value, datetime):
        return value
    expected = f"{field}: {value!r} is not a time; give ISO 8601 such as '2026-03-02T15:00:00Z', or epoch seconds"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(expected)
    text = str(value).strip()
    try:
        if re.fullmatch(r"-?\d+(\.\d+)?", text) and not re.fullmatch(r"\d{8}", text):
            return datetime.fromtimestamp(float(text), UTC)
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise InputError(expected) from None


_ISO_DURATION = re.compile(
    r"P(?!$)(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_CLOCK_DURATION = re.compile(r"(?P<hours>\d+):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?")


def parse_seconds(value: timedelta | str | float, field: str, *, allow_zero: bool = False) -> float:
    """Read a duration as users write it, in seconds.

    :param value: a timedelta, a number of seconds, or a string: of a number, ISO 8601 (``PT1H30M``) or
        ``hours:minutes[:seconds]``.
    :param field: the name that an error quotes.
    :param allow_zero: whether zero is a duration.
    :raises InputError: not a duration, negative, not finite, or zero where that makes no sense.
    """
    seconds = _read_seconds(value)
    if seconds is None or not math.isfinite(seconds):
        raise InputError(
            f"{field}: {value!r} is not a duration; give a timedelta, seconds, or ISO 8601 such as 'PT1H30M'"
        )
    if seconds < 0 or (seconds == 0 and not allow_zero):
        raise InputError(f"{field}: {value!r} must be longer than zero")
    return seconds


def _read_seconds(value: object) -> float | None:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return float(text)
    except ValueError:
        pass  # not a plain number: one of the two notations below
    found = _ISO_DURATION.fullmatch(text) or _CLOCK_DURATION.fullmatch(text)
    if found is None:
        return None
    return timedelta(**{unit: float(amount) for unit, amount in found.groupdict().items() if amount}).total_seconds()
