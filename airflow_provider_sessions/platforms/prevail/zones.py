"""Time zones as Prevail's API names them, and times as it writes them.

The API takes friendly names (``Pacific Time (US & Canada)``), a date and a 12-hour time. Source: Prevail API, Schedule
Sessions (documented for six names). Inferred are: the other names are those of Ruby on Rails, an IANA name is accepted
for a zone without a friendly one, and a local time is parsed as Rails does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model.values import find_zone, utc
from airflow_provider_sessions.platforms.prevail.zone_names import FRIENDLY, IANA, OTHER_NAMES

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?(?:\s*([AP])\.?M\.?)?", re.IGNORECASE)


def friendly_name(iana: str) -> str:
    """Return the API's name of a zone, or of one with the same clock; the IANA name if there is none."""
    return FRIENDLY.get(iana, iana)


def iana_name(name: str) -> str:
    """Return the IANA name of a zone from the API's name, which may be either."""
    return IANA.get(name) or OTHER_NAMES.get(name, name)


def format_time(instant: datetime, iana: str) -> dict[str, str]:
    """Return ``start_date``, ``start_time`` and ``time_zone`` of a time: the API takes all three or none.

    The API takes whole minutes; seconds are cut off. A local time that occurs twice is ambiguous, so it is written in
    UTC.

    :param instant: an aware time.
    :param iana: the IANA name of the zone to write it in.
    """
    name = friendly_name(iana)
    local = instant.astimezone(find_zone(iana_name(name)))
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        name, local = "UTC", instant.astimezone(UTC)
    # strftime's %p depends on the locale, and is empty in many.
    return {
        "start_date": local.date().isoformat(),
        "start_time": f"{(local.hour - 1) % 12 + 1:02}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}",
        "time_zone": name,
    }


def parse_time(date: str | None, time: str | None, time_zone: str | None) -> datetime | None:
    """Return the time of the API's three fields, in UTC; None if date or time is missing.

    :param date: such as ``2026-03-02``.
    :param time: such as ``09:05 AM``; also ``9:05am`` and ``21:05``, with or without seconds.
    :param time_zone: friendly or IANA name; UTC if empty.
    :raises MalformedResponseError: they cannot be read, or the zone is unknown.
    """
    if not date or not time:
        return None
    day, hours = _DATE.fullmatch(date.strip()), _TIME.fullmatch(time.strip())
    try:
        if day is None or hours is None:
            raise ValueError(f"{date[:40]!r} and {time[:40]!r}")
        hour = int(hours[1])
        if hours[4]:
            if hour > 12:
                raise ValueError(f"{time[:40]!r}")
            hour = hour % 12 + (12 if hours[4] in "pP" else 0)
        year, month, date_ = map(int, day.groups())
        local = datetime(year, month, date_, hour, int(hours[2]), int(hours[3] or 0))  # noqa: DTZ001
        return utc(_resolve_local(local, find_zone(iana_name(time_zone or "UTC"))))
    except (ValueError, OverflowError) as unreadable:
        raise MalformedResponseError(f"prevail gave a start that cannot be read: {unreadable}") from None


def _resolve_local(local: datetime, there: tzinfo) -> datetime:
    """Return a local time as Rails resolves it: of two the daylight saving time, else the last; of none an hour later.

    Source: ``TimeZone#period_for_local`` and ``TimeWithZone#utc`` of ActiveSupport.
    """
    first, last = (local.replace(tzinfo=there, fold=fold) for fold in (0, 1))
    early, late = first.utcoffset(), last.utcoffset()
    if early is None or late is None or early == late:
        return first
    if early < late:  # the clocks skip it
        return _resolve_local(local + timedelta(hours=1), there)
    return first if first.dst() and not last.dst() else last


def format_hours(seconds: float) -> float:
    """Return ``estimated_duration`` for a duration: hours (inferred), rounded to at least one whole minute."""
    return round(max(1, int(seconds / 60 + 0.5)) / 60, 4)


def add_hours(start: datetime | None, estimated_hours: float | None) -> datetime | None:
    """Return the planned end, rounded to whole minutes, which decimal hours only approximate.

    :raises MalformedResponseError: the duration is negative or out of range.
    """
    if start is None or estimated_hours is None:
        return None
    try:
        end = utc(start + timedelta(minutes=round(estimated_hours * 60)))
    except (OverflowError, ValueError):
        end = None
    if end is None or estimated_hours < 0:
        raise MalformedResponseError(
            f"prevail gave an estimated_duration of {estimated_hours} hours, which is out of range"
        )
    return end
