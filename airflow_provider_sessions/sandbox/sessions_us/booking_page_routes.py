"""Booking pages, their free slots, and their collaborators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies, slots
from airflow_provider_sessions.sandbox.sessions_us.nest import conflict, invalid, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import BookingPage, Collaborator
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs

LONGEST_SEARCH = 62
"""Days for which free slots are computed at once."""


@routes("GET", "/booking-pages", documented=True, access="user")
def list_booking_pages(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 booking pages for the current user, paginated."""
    mine = [page for page in platform.booking_pages.values() if page.owner == lookup.caller(asked) and not page.deleted]
    return [response_bodies.booking_page(platform, page, asked) for page in lookup.page(platform, asked, mine)]


@routes("POST", "/booking-pages", documented=True, access="user", status=201)
def create_booking_page(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a booking page."""
    body = lookup.body(platform, asked, request_bodies.CreateBookingPage)
    user, taken = lookup.caller(asked), _taken(platform, asked)
    _check_slug(body, taken)
    slug = body.slug or platform.free_slug(body.name, taken)
    page = platform.new_booking_page(user, body.name, slug, asked.now)
    _change(page, body)
    return response_bodies.booking_page(platform, page, asked)


def _taken(platform: SessionsUs, asked: PlatformRequest) -> set[str]:
    pages = platform.booking_pages.values()
    return {page.slug for page in pages if page.owner == lookup.caller(asked) and not page.deleted}


def _check_slug(body: request_bodies.UpdateBookingPage, taken: set[str]) -> None:
    if body.slug in taken:
        raise conflict("A booking page with this slug already exists")


def _change(page: BookingPage, body: request_bodies.UpdateBookingPage) -> None:
    for name, value in lookup.given(body).items():
        if name != "schedule":
            setattr(page, name, value)
    if body.schedule is not None:
        days = body.schedule.items()
        page.schedule = {day: [part.model_dump(by_alias=True) for part in parts] for day, parts in days}


@routes("GET", "/booking-pages/{id}", documented=True, access="user")
def get_booking_page(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns a specific booking page."""
    return response_bodies.booking_page(platform, lookup.booking_page(platform, asked), asked)


@routes("PUT", "/booking-pages/{id}", documented=True, access="user")
def update_booking_page(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a booking page."""
    page, body = lookup.booking_page(platform, asked), lookup.body(platform, asked, request_bodies.UpdateBookingPage)
    _check_slug(body, _taken(platform, asked) - {page.slug})
    _change(page, body)
    page.updated_at = asked.now
    return response_bodies.booking_page(platform, page, asked)


@routes("DELETE", "/booking-pages/{id}", documented=True, access="user")
def delete_booking_page(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete a booking page; its bookings stay."""
    page = lookup.booking_page(platform, asked)
    page.deleted = True
    return platform.deleted(response_bodies.booking_page(platform, page, asked))


@routes("POST", "/booking-pages/{id}/slots", documented=True, access="user", status=201)
def compute_slots(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Compute a specific booking page's available time slots between 2 dates."""
    page, body = lookup.booking_page(platform, asked), lookup.body(platform, asked, request_bodies.ComputeSlots)
    if body.end_at <= body.start_at:
        raise invalid("endAt", "must be after startAt")
    if (body.end_at - body.start_at).days > LONGEST_SEARCH:
        raise invalid("endAt", f"must not be more than {LONGEST_SEARCH} days after startAt")
    taken = platform.taken_times(page)
    free = slots.free(page, body.start_at, body.end_at, asked.now, taken)
    return [{"startAt": rfc3339(start), "endAt": rfc3339(end)} for start, end in free]


@routes("GET", "/booking-pages/{id}/bookings", documented=True, access="user")
def list_booking_page_bookings(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 not started bookings for the booking page, paginated."""
    page = lookup.booking_page(platform, asked)
    waiting = [
        booking
        for booking in platform.bookings.values()
        if booking.page_id == page.id and platform.is_kept(booking) and not booking.canceled_at
        if platform.all_sessions[booking.session_id].lifecycle.started_at is None and booking.planned_end > asked.now
    ]
    return [response_bodies.booking(platform, booking) for booking in lookup.page(platform, asked, waiting)]


# --- collaborators ----------------------------------------------------------------------------------------------------


def _named(page: BookingPage, wanted: request_bodies.NameCollaborator) -> Collaborator:
    """The collaborator that a body names.

    :raises ApiError: 400, it names none; 404.
    """
    if wanted.id is None and wanted.user_id is None:
        raise invalid("id", "should not be empty")
    for held in page.collaborators:
        if held.id == str(wanted.id) or held.user.id == str(wanted.user_id):
            return held
    raise not_found("Collaborator")


@routes("GET", "/booking-pages/{id}/collaborators", documented=True, access="user")
def list_collaborators(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 booking pages collaborators for the booking page, paginated."""
    page = lookup.booking_page(platform, asked)
    return [response_bodies.collaborator(held) for held in lookup.page(platform, asked, page.collaborators)]


@routes("POST", "/booking-pages/{id}/collaborators", documented=True, access="user", status=201)
def add_collaborator(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a booking page collaborator."""
    page, body = lookup.booking_page(platform, asked), lookup.body(platform, asked, request_bodies.AddCollaborator)
    if body.user_id is None and body.email is None:
        raise invalid("userId", "should not be empty")
    user = platform.population.by_id.get(str(body.user_id)) or platform.user_by_email(body.email or "")
    if user is None:
        raise not_found("User")
    if any(held.user == user for held in page.collaborators):
        raise conflict("The user is already a collaborator")
    held = Collaborator(platform.ids.new("collaborator"), user, body.priority, body.permission)
    page.collaborators.append(held)
    return response_bodies.collaborator(held)


@routes("PUT", "/booking-pages/{id}/collaborators", documented=True, access="user")
def update_collaborator(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a booking page collaborator; the body names which."""
    page, body = lookup.booking_page(platform, asked), lookup.body(platform, asked, request_bodies.UpdateCollaborator)
    held = _named(page, body)
    held.priority = held.priority if body.priority is None else body.priority
    held.permission = body.permission or held.permission
    return response_bodies.collaborator(held)


@routes("DELETE", "/booking-pages/{id}/collaborators", documented=True, access="user")
def remove_collaborator(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete a booking page collaborator; the body or the query names which."""
    page = lookup.booking_page(platform, asked)
    if asked.body:
        wanted = lookup.body(platform, asked, request_bodies.NameCollaborator)
    else:
        wanted = asked.check(request_bodies.NameCollaborator, dict(asked.query))
    held = _named(page, wanted)
    page.collaborators.remove(held)
    return platform.deleted(response_bodies.collaborator(held))
