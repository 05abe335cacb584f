"""Routes for bookings, by users and by guests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.booking_page_routes import (
    booked_times,
    find_free_slots,
    overlaps_booking,
)
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, routes
from airflow_provider_sessions.sandbox.sessions_us.state import Booking, BookingPage, SessionsUsDraft


@routes("GET", "/bookings", documented=True, access="user")
def list_bookings(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 bookings for the current user, paginated; canceled ones too."""
    mine = [
        booking
        for booking in platform.bookings.values()
        if platform.booking_exists(booking) and platform.booking_pages[booking.page_id].owner == lookup.caller(request)
    ]
    return [response_bodies.booking(platform, booking) for booking in lookup.page(platform, request, mine)]


@routes("POST", "/bookings", documented=True, access="user", status=201)
def create_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a booking."""
    body = lookup.body(platform, request, request_bodies.CreateBooking)
    page = _page(platform, body)
    if page.owner == lookup.caller(request) and not platform.settings.book_own_page:
        raise ApiError(403, "You cannot book on your own booking page")
    return response_bodies.booking(platform, _book(platform, request, page, body))


@routes("POST", "/guests/bookings", documented=True, access="guest", status=201)
def create_guest_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a booking as guest."""
    body = lookup.body(platform, request, request_bodies.CreateBooking)
    return response_bodies.booking(platform, _book(platform, request, _page(platform, body), body))


def _page(platform: SessionsUs, body: request_bodies.CreateBooking) -> BookingPage:
    page = platform.booking_pages.get(str(body.booking_page_id))
    if page is None or page.deleted:
        raise lookup.not_found("Booking page")
    return page


def _book(platform: SessionsUs, request: ApiRequest, page: BookingPage, body: request_bodies.CreateBooking) -> Booking:
    """Store a new booking and its session, owned by the page's owner.

    :raises ApiError: 409, the slot is not free.
    """
    end = _check_slot(platform, page, body.start_at, request.now)
    draft = SessionsUsDraft(title=page.name, planned_end=end, time_zone=body.time_zone)
    session = platform.add_planned_session(draft, page.owner, body.start_at, 0)
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
        created_at=request.now,
    )
    session.booking_id = booking.id
    platform.bookings[booking.id] = booking
    _invite(platform, booking, request.now)
    return booking


def _invite(platform: SessionsUs, booking: Booking, now: datetime) -> None:
    """Add the person who booked and the guests as participants. One field holds the whole name, as in webhooks."""
    session = platform.all_sessions[booking.session_id]
    platform.invite(session, now, email=booking.participant_email, first_name=booking.participant_name)
    for email in booking.guests:
        platform.invite(session, now, email=email)


def _check_slot(
    platform: SessionsUs, page: BookingPage, start: datetime, now: datetime, moved: Booking | None = None
) -> datetime:
    """Check that a booking may start at ``start``, and return its end.

    :param moved: a booking that is being moved; its own time counts as free.
    :raises ApiError: 409, the slot is not free.
    """
    end = start + timedelta(minutes=page.duration)
    booked = booked_times(platform, page, ignored=moved)
    check = platform.settings.booking_check
    if check == "overlap" and overlaps_booking(page, (start, end), booked):
        raise lookup.conflict("The time slot is already booked")
    if check == "slots" and (start, end) not in find_free_slots(page, start, end, now, booked):
        raise lookup.conflict("The time slot is not available")
    return end


@routes("PUT", "/bookings/{id}", documented=True, access="user")
def update_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a booking: its time or its people."""
    return _update(platform, request, lookup.booking(platform, request))


@routes("PUT", "/guests/bookings/{id}", documented=True, access="guest")
def update_guest_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a booking as guest."""
    return _update(platform, request, lookup.booking(platform, request, own=False))


def _update(platform: SessionsUs, request: ApiRequest, booking: Booking) -> dict[str, Any]:
    body = lookup.body(platform, request, request_bodies.UpdateBooking)
    if booking.canceled_at:
        raise lookup.conflict("The booking is cancelled")
    session = platform.all_sessions[booking.session_id]
    if body.start_at is not None:
        page = platform.booking_pages[booking.page_id]
        booking.planned_end = _check_slot(platform, page, body.start_at, request.now, moved=booking)
        booking.start_at = body.start_at
        session.lifecycle.scheduled_start, session.planned_end = booking.start_at, booking.planned_end
    for name, value in lookup.given_fields(body).items():
        setattr(booking, name, value)
    session.time_zone = booking.time_zone
    _invite(platform, booking, request.now)
    return response_bodies.booking(platform, booking)


@routes("POST", "/bookings/{id}", documented=True, access="user", status=201)
def cancel_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Cancel a booking; its session is deleted, and its slot becomes free."""
    return _cancel(platform, request, lookup.booking(platform, request))


@routes("POST", "/guests/bookings/{id}", documented=True, access="guest", status=201)
def cancel_guest_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Cancel a booking as guest."""
    return _cancel(platform, request, lookup.booking(platform, request, own=False))


def _cancel(platform: SessionsUs, request: ApiRequest, booking: Booking) -> dict[str, Any]:
    session = platform.all_sessions[booking.session_id]
    if session.lifecycle.started_at and not booking.canceled_at:
        raise lookup.conflict("The booking has already started")
    booking.canceled_at = booking.canceled_at or request.now
    platform.delete_session(session, request.now)
    return response_bodies.booking(platform, booking)


@routes("DELETE", "/bookings/{id}", documented=True, access="user")
def delete_booking(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete a booking and its session."""
    booking = lookup.booking(platform, request)
    booking.deleted = True
    session = platform.all_sessions[booking.session_id]
    platform.delete_session(session, request.now)
    return platform.build_delete_response(response_bodies.booking(platform, booking))


@routes("POST", "/bookings/{id}/collaborator", documented=True, access="user", status=201)
def change_booking_collaborator(platform: SessionsUs, request: ApiRequest) -> Any:
    """Change the booking collaborator on a booking, to one of the page's collaborators."""
    booking, body = lookup.booking(platform, request), lookup.body(platform, request, request_bodies.ChangeCollaborator)
    wanted = str(body.collaborator_id)
    collaborators = platform.booking_pages[booking.page_id].collaborators
    collaborator = next((candidate for candidate in collaborators if candidate.id == wanted), None)
    if collaborator is None:
        raise lookup.not_found("Collaborator")
    booking.collaborator_id = collaborator.id
    platform.invite(platform.all_sessions[booking.session_id], request.now, email=collaborator.user.email or "")
    return response_bodies.booking(platform, booking)
