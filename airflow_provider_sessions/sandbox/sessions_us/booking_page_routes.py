"""Routes for booking pages, their free slots, and their collaborators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, routes
from airflow_provider_sessions.sandbox.sessions_us.state import WEEKDAYS, Booking, BookingPage, Collaborator

Slot = tuple[datetime, datetime]

MAX_DAYS = 62
"""The longest period for which free slots are computed."""


@routes("GET", "/booking-pages", documented=True, access="user")
def list_booking_pages(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 booking pages for the current user, paginated."""
    mine = [
        page for page in platform.booking_pages.values() if page.owner == lookup.caller(request) and not page.deleted
    ]
    return [response_bodies.booking_page(platform, page, request) for page in lookup.page(platform, request, mine)]


@routes("POST", "/booking-pages", documented=True, access="user", status=201)
def create_booking_page(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a booking page."""
    body = lookup.body(platform, request, request_bodies.CreateBookingPage)
    user, taken = lookup.caller(request), _taken_slugs(platform, request)
    _check_slug(body, taken)
    slug = body.slug or platform.find_free_slug(body.name, taken)
    page = platform.add_booking_page(user, body.name, slug, request.now)
    _apply(page, body)
    return response_bodies.booking_page(platform, page, request)


def _taken_slugs(platform: SessionsUs, request: ApiRequest) -> set[str]:
    pages = platform.booking_pages.values()
    return {page.slug for page in pages if page.owner == lookup.caller(request) and not page.deleted}


def _check_slug(body: request_bodies.UpdateBookingPage, taken: set[str]) -> None:
    if body.slug in taken:
        raise lookup.conflict("A booking page with this slug already exists")


def _apply(page: BookingPage, body: request_bodies.UpdateBookingPage) -> None:
    for name, value in lookup.given_fields(body).items():
        if name != "schedule":
            setattr(page, name, value)
    if body.schedule is not None:
        days = body.schedule.items()
        page.schedule = {day: [period.model_dump(by_alias=True) for period in periods] for day, periods in days}


@routes("GET", "/booking-pages/{id}", documented=True, access="user")
def get_booking_page(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns a specific booking page."""
    return response_bodies.booking_page(platform, lookup.booking_page(platform, request), request)


@routes("PUT", "/booking-pages/{id}", documented=True, access="user")
def update_booking_page(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a booking page."""
    page, body = (
        lookup.booking_page(platform, request),
        lookup.body(platform, request, request_bodies.UpdateBookingPage),
    )
    _check_slug(body, _taken_slugs(platform, request) - {page.slug})
    _apply(page, body)
    page.updated_at = request.now
    return response_bodies.booking_page(platform, page, request)


@routes("DELETE", "/booking-pages/{id}", documented=True, access="user")
def delete_booking_page(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete a booking page; its bookings stay."""
    page = lookup.booking_page(platform, request)
    page.deleted = True
    return platform.build_delete_response(response_bodies.booking_page(platform, page, request))


@routes("POST", "/booking-pages/{id}/slots", documented=True, access="user", status=201)
def compute_slots(platform: SessionsUs, request: ApiRequest) -> Any:
    """Compute a specific booking page's available time slots between 2 dates."""
    page, body = lookup.booking_page(platform, request), lookup.body(platform, request, request_bodies.ComputeSlots)
    if body.end_at <= body.start_at:
        raise lookup.invalid("endAt", "must be after startAt")
    if (body.end_at - body.start_at).days > MAX_DAYS:
        raise lookup.invalid("endAt", f"must not be more than {MAX_DAYS} days after startAt")
    booked = booked_times(platform, page)
    free = find_free_slots(page, body.start_at, body.end_at, request.now, booked)
    return [{"startAt": rfc3339(start), "endAt": rfc3339(end)} for start, end in free]


@routes("GET", "/booking-pages/{id}/bookings", documented=True, access="user")
def list_booking_page_bookings(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 not started bookings for the booking page, paginated."""
    page = lookup.booking_page(platform, request)
    upcoming = [
        booking
        for booking in platform.bookings.values()
        if booking.page_id == page.id and platform.booking_exists(booking) and not booking.canceled_at
        if platform.all_sessions[booking.session_id].lifecycle.started_at is None and booking.planned_end > request.now
    ]
    return [response_bodies.booking(platform, booking) for booking in lookup.page(platform, request, upcoming)]


# --- slots ------------------------------------------------------------------------------------------------------------


def booked_times(platform: SessionsUs, page: BookingPage, ignored: Booking | None = None) -> list[Slot]:
    """Return the times of a page's bookings.

    :param ignored: a booking that does not count.
    """
    return [
        (booking.start_at, booking.planned_end)
        for booking in platform.bookings.values()
        if platform.booking_exists(booking) and not booking.canceled_at
        if booking.page_id == page.id and booking is not ignored
    ]


def find_free_slots(
    page: BookingPage, first: datetime, last: datetime, now: datetime, booked: Sequence[Slot]
) -> list[Slot]:
    """Return the slots between ``first`` and ``last`` that can be booked at ``now``.

    :param booked: times of bookings; the page's buffer follows each.
    """
    earliest = max(first, now + timedelta(minutes=page.minimum_notice))
    return [
        slot
        for slot in _scheduled_slots(page, first, last)
        if slot[0] >= earliest and not overlaps_booking(page, slot, booked)
    ]


def overlaps_booking(page: BookingPage, slot: Slot, booked: Sequence[Slot]) -> bool:
    """Return whether a slot and the buffer after it overlap a booking."""
    buffer = timedelta(minutes=page.buffer)
    return any(slot[0] < end + buffer and start < slot[1] + buffer for start, end in booked)


def _scheduled_slots(page: BookingPage, first: datetime, last: datetime) -> Iterator[Slot]:
    """Yield the slots of the schedule in order; days are those of the page's time zone."""
    zone = ZoneInfo(page.time_zone)
    day, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= end:
        for period in page.schedule.get(WEEKDAYS[day.weekday()], []):
            for slot in _split(page, _instant(day, period["from"], zone), _instant(day, period["to"], zone)):
                if first <= slot[0] and slot[1] <= last:
                    yield slot
        day += timedelta(days=1)


def _split(page: BookingPage, start: datetime, end: datetime) -> Iterator[Slot]:
    """Split a period into slots as long as a booking, measured in elapsed time even when the clocks change."""
    length = timedelta(minutes=page.duration)
    while start + length <= end:
        yield start, start + length
        start += length


def _instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)


# --- collaborators ----------------------------------------------------------------------------------------------------


def _find_collaborator(page: BookingPage, wanted: request_bodies.NameCollaborator) -> Collaborator:
    """Return the collaborator that a body names.

    :raises ApiError: 400, it names none; 404.
    """
    if wanted.id is None and wanted.user_id is None:
        raise lookup.invalid("id", "should not be empty")
    for collaborator in page.collaborators:
        if collaborator.id == str(wanted.id) or collaborator.user.id == str(wanted.user_id):
            return collaborator
    raise lookup.not_found("Collaborator")


@routes("GET", "/booking-pages/{id}/collaborators", documented=True, access="user")
def list_collaborators(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 booking pages collaborators for the booking page, paginated."""
    page = lookup.booking_page(platform, request)
    return [
        response_bodies.collaborator(collaborator)
        for collaborator in lookup.page(platform, request, page.collaborators)
    ]


@routes("POST", "/booking-pages/{id}/collaborators", documented=True, access="user", status=201)
def add_collaborator(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a booking page collaborator."""
    page, body = lookup.booking_page(platform, request), lookup.body(platform, request, request_bodies.AddCollaborator)
    if body.user_id is None and body.email is None:
        raise lookup.invalid("userId", "should not be empty")
    user = platform.population.by_id.get(str(body.user_id)) or platform.find_user(body.email or "")
    if user is None:
        raise lookup.not_found("User")
    if any(collaborator.user == user for collaborator in page.collaborators):
        raise lookup.conflict("The user is already a collaborator")
    collaborator = Collaborator(platform.ids.new("collaborator"), user, body.priority, body.permission)
    page.collaborators.append(collaborator)
    return response_bodies.collaborator(collaborator)


@routes("PUT", "/booking-pages/{id}/collaborators", documented=True, access="user")
def update_collaborator(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a booking page collaborator; the body names which."""
    page, body = (
        lookup.booking_page(platform, request),
        lookup.body(platform, request, request_bodies.UpdateCollaborator),
    )
    collaborator = _find_collaborator(page, body)
    collaborator.priority = collaborator.priority if body.priority is None else body.priority
    collaborator.permission = body.permission or collaborator.permission
    return response_bodies.collaborator(collaborator)


@routes("DELETE", "/booking-pages/{id}/collaborators", documented=True, access="user")
def remove_collaborator(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete a booking page collaborator; the body or the query names which."""
    page = lookup.booking_page(platform, request)
    if request.body:
        wanted = lookup.body(platform, request, request_bodies.NameCollaborator)
    else:
        wanted = request.validate(request_bodies.NameCollaborator, dict(request.query))
    collaborator = _find_collaborator(page, wanted)
    page.collaborators.remove(collaborator)
    return platform.build_delete_response(response_bodies.collaborator(collaborator))
