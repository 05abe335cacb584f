"""The free slots of a booking page: its weekly schedule, without what is booked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_sessions.sandbox.sessions_us.state import BookingPage

Slot = tuple[datetime, datetime]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OFFICE_HOURS = {day: [{"from": "09:00", "to": "17:00"}] for day in WEEKDAYS[:5]}


def free(page: BookingPage, first: datetime, last: datetime, now: datetime, taken: Sequence[Slot]) -> list[Slot]:
    """The slots between ``first`` and ``last`` that can be booked at ``now``.

    :param taken: bookings; each keeps the page's buffer free behind it.
    """
    earliest = max(first, now + timedelta(minutes=page.minimum_notice))
    return [slot for slot in _all(page, first, last) if slot[0] >= earliest and not overlaps(page, slot, taken)]


def overlaps(page: BookingPage, slot: Slot, taken: Sequence[Slot]) -> bool:
    """Whether a slot, with the buffer behind it, meets a booking."""
    buffer = timedelta(minutes=page.buffer)
    return any(slot[0] < end + buffer and start < slot[1] + buffer for start, end in taken)


def _all(page: BookingPage, first: datetime, last: datetime) -> Iterator[Slot]:
    """The slots of the schedule, in order; days are those of the page's zone."""
    zone = ZoneInfo(page.time_zone)
    day, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= end:
        for part in page.schedule.get(WEEKDAYS[day.weekday()], []):
            for slot in _split(page, _instant(day, part["from"], zone), _instant(day, part["to"], zone)):
                if first <= slot[0] and slot[1] <= last:
                    yield slot
        day += timedelta(days=1)


def _split(page: BookingPage, start: datetime, end: datetime) -> Iterator[Slot]:
    """A stretch of time in pieces as long as a booking; the elapsed time counts, also where clocks are changed."""
    length = timedelta(minutes=page.duration)
    while start + length <= end:
        yield start, start + length
        start += length


def _instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
