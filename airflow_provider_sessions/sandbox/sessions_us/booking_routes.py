"""Bookings, by users and by guests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies, slots
from airflow_provider_sessions.sandbox.sessions_us.nest import conflict, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import Booking, BookingPage, SessionsUsDraft
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


@routes("GET", "/bookings", documented=True, access="user")
def list_bookings(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 bookings for the current user, paginated; canceled ones too."""
    mine = [
        booking
        for booking in platform.bookings.values()
        if platform.is_kept(booking) and platform.booking_pages[booking.page_id].owner == lookup.caller(asked)
    ]
    return [response_bodies.booking(platform, booking) for booking in lookup.page(platform, asked, mine)]


@routes("POST", "/bookings", documented=True, access="user", status=201)
def create_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a booking."""
    body = lookup.body(platform, asked, request_bodies.CreateBooking)
    page = _page(platform, body)
    if page.owner == lookup.caller(asked) and not platform.settings.book_own_page:
        raise ApiError(403, "You cannot book on your own booking page")
    return response_bodies.booking(platform, _book(platform, asked, page, body))


@routes("POST", "/guests/bookings", documented=True, access="guest", status=201)
def create_guest_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a booking as guest."""
    body = lookup.body(platform, asked, request_bodies.CreateBooking)
    return response_bodies.booking(platform, _book(platform, asked, _page(platform, body), body))


def _page(platform: SessionsUs, body: request_bodies.CreateBooking) -> BookingPage:
    page = platform.booking_pages.get(str(body.booking_page_id))
    if page is None or page.deleted:
        raise not_found("Booking page")
    return page


def _book(
    platform: SessionsUs, asked: PlatformRequest, page: BookingPage, body: request_bodies.CreateBooking
) -> Booking:
    """Keep a new booking and its session: the page's owner holds it, who booked and their guests take part.

    :raises ApiError: 409, the time is not free.
    """
    end = _end_of(platform, page, body.start_at, asked.now)
    draft = SessionsUsDraft(title=page.name, planned_end=end, time_zone=body.time_zone)
    session = platform.plan(draft, page.owner, body.start_at, 0)
    booking = Booking(
        id=platform.ids.new("booking"),
        page_id=page.id,
        session_id=session.id,
        name=page.name,
        participant_name=body.participant_name,
        participant_email=body.participant_email,
        guests=list(body.guests),
        form=[answer.model_dump() for answer in body.form],
        start_at=body.start_at,
        planned_end=end,
        time_zone=body.time_zone,
        created_at=asked.now,
    )
    session.booking_id = booking.id
    platform.bookings[booking.id] = booking
    _invite(platform, booking, asked.now)
    return booking


def _invite(platform: SessionsUs, booking: Booking, now: datetime) -> None:
    """Let who booked and their guests be participants. The whole name goes into one field, as webhooks showed."""
    session = platform.all_sessions[booking.session_id]
    platform.invite(session, now, email=booking.participant_email, first_name=booking.participant_name)
    for email in booking.guests:
        platform.invite(session, now, email=email)


def _end_of(
    platform: SessionsUs, page: BookingPage, start: datetime, now: datetime, moved: Booking | None = None
) -> datetime:
    """The end of a booking that starts then.

    :param moved: a booking that may be in its own way.
    :raises ApiError: 409, the time is not free.
    """
    end = start + timedelta(minutes=page.duration)
    taken = platform.taken_times(page, but=moved)
    check = platform.settings.booking_check
    if check == "overlap" and slots.overlaps(page, (start, end), taken):
        raise conflict("The time slot is already booked")
    if check == "slots" and (start, end) not in slots.free(page, start, end, now, taken):
        raise conflict("The time slot is not available")
    return end


@routes("PUT", "/bookings/{id}", documented=True, access="user")
def update_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a booking: its time, or who takes part."""
    return _update(platform, asked, lookup.booking(platform, asked))


@routes("PUT", "/guests/bookings/{id}", documented=True, access="guest")
def update_guest_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a booking as guest."""
    return _update(platform, asked, lookup.booking(platform, asked, own=False))


def _update(platform: SessionsUs, asked: PlatformRequest, booking: Booking) -> dict[str, Any]:
    body = lookup.body(platform, asked, request_bodies.UpdateBooking)
    if booking.canceled_at:
        raise conflict("The booking is cancelled")
    session = platform.all_sessions[booking.session_id]
    if body.start_at is not None:
        page = platform.booking_pages[booking.page_id]
        booking.planned_end = _end_of(platform, page, body.start_at, asked.now, moved=booking)
        booking.start_at = body.start_at
        session.lifecycle.scheduled_start, session.planned_end = booking.start_at, booking.planned_end
    for name, value in lookup.given(body).items():
        setattr(booking, name, value)
    session.time_zone = booking.time_zone
    _invite(platform, booking, asked.now)
    return response_bodies.booking(platform, booking)


@routes("POST", "/bookings/{id}", documented=True, access="user", status=201)
def cancel_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Cancel a booking; its session is deleted, and its time is free again."""
    return _cancel(platform, asked, lookup.booking(platform, asked))


@routes("POST", "/guests/bookings/{id}", documented=True, access="guest", status=201)
def cancel_guest_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Cancel a booking as guest."""
    return _cancel(platform, asked, lookup.booking(platform, asked, own=False))


def _cancel(platform: SessionsUs, asked: PlatformRequest, booking: Booking) -> dict[str, Any]:
    session = platform.all_sessions[booking.session_id]
    if session.lifecycle.started_at and not booking.canceled_at:
        raise conflict("The booking has already started")
    booking.canceled_at = booking.canceled_at or asked.now
    session.lifecycle.deleted_at = session.lifecycle.deleted_at or asked.now
    return response_bodies.booking(platform, booking)


@routes("DELETE", "/bookings/{id}", documented=True, access="user")
def delete_booking(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete a booking and its session."""
    booking = lookup.booking(platform, asked)
    booking.deleted = True
    session = platform.all_sessions[booking.session_id]
    session.lifecycle.deleted_at = session.lifecycle.deleted_at or asked.now
    return platform.deleted(response_bodies.booking(platform, booking))


@routes("POST", "/bookings/{id}/collaborator", documented=True, access="user", status=201)
def change_booking_collaborator(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Change the booking collaborator on a booking: who of the page's collaborators takes it."""
    booking, body = lookup.booking(platform, asked), lookup.body(platform, asked, request_bodies.ChangeCollaborator)
    helpers = platform.booking_pages[booking.page_id].collaborators
    helper = next((held for held in helpers if held.id == str(body.collaborator_id)), None)
    if helper is None:
        raise not_found("Collaborator")
    booking.collaborator_id = helper.id
    platform.invite(platform.all_sessions[booking.session_id], asked.now, email=helper.user.email or "")
    return response_bodies.booking(platform, booking)
