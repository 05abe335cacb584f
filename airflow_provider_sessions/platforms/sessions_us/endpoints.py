"""Sessions' endpoints, as functions that return calls: the 45 operations that the vendor's help page lists.

Methods, paths and one-line descriptions are documented; bodies and responses are not. The fields of a body were seen in
public clients (observed) or are inferred, as each docstring says. ``extra`` adds or replaces fields of the body, with
the vendor's names.

Times are ISO 8601 texts, best in UTC with milliseconds: ``2026-03-02T16:00:00.000Z``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.paging import NumberedPages
from airflow_provider_sessions.platforms.sessions_us.models import (
    BookingItem,
    BookingPageItem,
    CollaboratorItem,
    EventItem,
    ParticipantItem,
    RoomItem,
    SessionItem,
    SlotItem,
    TakeawaysResponse,
    TranscriptResponse,
)

api = Endpoints("sessions_us")

PAGES = NumberedPages(size=20)
"""Lists hold 20 items (documented) and take ``page`` (observed); that pages count from 1 is inferred."""


def _body(extra: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a body of the fields that are not None; the fields of ``extra`` replace them."""
    return {name: value for name, value in fields.items() if value is not None} | dict(extra or {})


# Sessions


@api("GET", "/sessions", documented=True)
def list_sessions() -> Paged[SessionItem]:
    """List the key's user's sessions, planned and ended; newest first (observed). Source: Public API help page."""
    return paged(SessionItem, PAGES, unwrap=("data",))


@api("POST", "/sessions", documented=True)
def create_session(
    name: str,
    start_at: str,
    planned_end: str,
    time_zone: str,
    description: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Call[SessionItem]:
    """Create a session.

    :param name: its title.
    :param start_at: planned start.
    :param planned_end: planned end.
    :param time_zone: IANA name.
    :param description: text (inferred).
    :param extra: further fields of the body.
    Source: path documented; the first four fields observed in a public client.
    """
    fields = {"startAt": start_at, "plannedEnd": planned_end, "timeZone": time_zone, "description": description}
    return call(SessionItem, body=_body(extra, name=name, **fields), unwrap=("data",))


@api("GET", "/sessions/{session_id}", documented=True)
def get_session(session_id: str) -> Call[SessionItem]:
    """Get one session. Source: Public API help page (documented)."""
    return call(SessionItem, unwrap=("data",))


@api("PUT", "/sessions/{session_id}", documented=True)
def update_session(session_id: str, fields: Mapping[str, Any]) -> Call[object]:
    """Update a session.

    :param fields: name, startAt, plannedEnd, timeZone, description (inferred).
    Source: path documented.
    """
    return call(object, body=dict(fields))


@api("DELETE", "/sessions/{session_id}", documented=True)
def delete_session(session_id: str) -> Call[object]:
    """Delete a session. Source: Public API help page (documented)."""
    return call(object)


@api("GET", "/sessions/{session_id}/participants", documented=True)
def list_participants(session_id: str) -> Call[list[ParticipantItem]]:
    """List a session's participants. Source: path documented, shape observed."""
    return call(list[ParticipantItem], unwrap=("data", "participants"))


@api("POST", "/sessions/{session_id}/participants", documented=True)
def add_participants(session_id: str, participants: Sequence[Mapping[str, Any]]) -> Call[object]:
    """Add participants to a session.

    :param participants: objects with ``email`` and perhaps ``firstName``, ``lastName``, ``role`` (inferred).
    Source: path documented.
    """
    return call(object, body={"participants": [dict(person) for person in participants]})


@api("PUT", "/sessions/{session_id}/participants", documented=True)
def update_participants(session_id: str, participants: Sequence[Mapping[str, Any]]) -> Call[object]:
    """Update participants of a session.

    :param participants: objects with ``id`` and what is to change (inferred).
    Source: path documented.
    """
    return call(object, body={"participants": [dict(person) for person in participants]})


@api("DELETE", "/sessions/{session_id}/participants", documented=True)
def remove_participants(session_id: str, participants: Sequence[str]) -> Call[object]:
    """Remove participants from a session; the ids go in the body.

    :param participants: participants' ids (inferred).
    Source: path documented.
    """
    return call(object, body={"participants": list(participants)})


@api("GET", "/sessions/{session_id}/takeaways", documented=True)
def get_takeaways(session_id: str) -> Call[TakeawaysResponse]:
    """Get a session's takeaways. Source: path documented; field names observed in a webhook."""
    return call(TakeawaysResponse, unwrap=("data", "session"))


@api("GET", "/sessions/{session_id}/transcripts", documented=True)
def get_transcripts(session_id: str) -> Call[TranscriptResponse]:
    """Get a session's transcripts. Source: path documented; field names observed in a webhook."""
    return call(TranscriptResponse, unwrap=("data", "session", "transcripts"))


# Rooms


@api("GET", "/rooms", documented=True)
def list_rooms() -> Paged[RoomItem]:
    """List the key's user's rooms. Source: Public API help page (documented)."""
    return paged(RoomItem, PAGES, unwrap=("data",))


@api("POST", "/rooms", documented=True)
def create_room(
    name: str,
    slug: str | None = None,
    description: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Call[RoomItem]:
    """Create a room.

    :param name: its name (inferred).
    :param slug: the end of its address (inferred).
    :param description: text (inferred).
    :param extra: further fields of the body.
    :raises ConflictError: the slug is taken (inferred).
    Source: path documented.
    """
    return call(RoomItem, body=_body(extra, name=name, slug=slug, description=description), unwrap=("data",))


@api("GET", "/rooms/{room_id}", documented=True)
def get_room(room_id: str) -> Call[RoomItem]:
    """Get one room. Source: Public API help page (documented)."""
    return call(RoomItem, unwrap=("data",))


@api("PUT", "/rooms/{room_id}", documented=True)
def update_room(room_id: str, fields: Mapping[str, Any]) -> Call[object]:
    """Update a room.

    :param fields: name, description, settings (inferred).
    Source: path documented.
    """
    return call(object, body=dict(fields))


@api("DELETE", "/rooms/{room_id}", documented=True)
def delete_room(room_id: str) -> Call[object]:
    """Delete a room. Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/rooms/{room_id}/clone", documented=True)
def clone_room(
    room_id: str, name: str | None = None, slug: str | None = None, extra: Mapping[str, Any] | None = None
) -> Call[RoomItem]:
    """Clone a room.

    :param name: of the copy (inferred); by default the platform chooses one.
    :param slug: of the copy (inferred); by default the platform chooses one.
    :param extra: further fields of the body.
    Source: path documented.
    """
    return call(RoomItem, body=_body(extra, name=name, slug=slug), unwrap=("data",))


@api("POST", "/rooms/{room_id}/share", documented=True)
def share_room(room_id: str, emails: Sequence[str], extra: Mapping[str, Any] | None = None) -> Call[object]:
    """Share a room with people of the team.

    :param emails: their addresses (inferred).
    :param extra: further fields of the body.
    Source: path documented.
    """
    return call(object, body=_body(extra, emails=list(emails)))


# Events


@api("GET", "/events", documented=True)
def list_events() -> Paged[EventItem]:
    """List the key's user's events. Source: Public API help page (documented)."""
    return paged(EventItem, PAGES, unwrap=("data",))


@api("POST", "/events", documented=True)
def create_event(
    name: str, slug: str, start_at: str, planned_end: str, time_zone: str, extra: Mapping[str, Any] | None = None
) -> Call[EventItem]:
    """Create an event, a draft until it is published.

    :param name: its title.
    :param slug: the end of its address.
    :param start_at: planned start.
    :param planned_end: planned end.
    :param time_zone: IANA name.
    :param extra: further fields of the body.
    :raises ConflictError: the slug is taken (inferred).
    Source: path documented, body observed.
    """
    times = {"startAt": start_at, "plannedEnd": planned_end, "timeZone": time_zone}
    return call(EventItem, body=_body(extra, name=name, slug=slug, **times), unwrap=("data",))


@api("POST", "/events/{event_or_session_id}/publish", documented=True, repeatable=True)
def publish_event(event_or_session_id: str) -> Call[object]:
    """Publish an event; this can be repeated (observed). Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/events/{event_or_session_id}/toggle-public", documented=True)
def toggle_event_public(event_or_session_id: str) -> Call[object]:
    """Make a public event not public, or the reverse: read its state first. Source: documented."""
    return call(object)


@api("POST", "/events/{event_or_session_id}/clone", documented=True)
def clone_event(event_or_session_id: str, fields: Mapping[str, Any] | None = None) -> Call[EventItem]:
    """Clone an event.

    :param fields: name, slug, startAt, plannedEnd, timeZone of the copy, if they differ (inferred).
    Source: path documented.
    """
    return call(EventItem, body=dict(fields or {}), unwrap=("data",))


@api("POST", "/events/{event_or_session_id}/register", documented=True)
def register_participant(event_or_session_id: str, registration: Mapping[str, Any]) -> Call[object]:
    """Register somebody to an event, as the key's user.

    :param registration: ``email``, ``firstName``, perhaps ``lastName`` and ``form``, a list of ``question`` and
        ``answer`` (inferred from a webhook).
    Source: path documented.
    """
    return call(object, body=dict(registration))


# Booking pages


@api("GET", "/booking-pages", documented=True)
def list_booking_pages() -> Paged[BookingPageItem]:
    """List the key's user's booking pages. Source: Public API help page (documented)."""
    return paged(BookingPageItem, PAGES, unwrap=("data",))


@api("POST", "/booking-pages", documented=True)
def create_booking_page(name: str, extra: Mapping[str, Any] | None = None) -> Call[BookingPageItem]:
    """Create a booking page.

    :param name: its name (inferred).
    :param extra: further fields: slug, description, duration in minutes, timeZone, schedule, ... (inferred).
    Source: path documented.
    """
    return call(BookingPageItem, body=_body(extra, name=name), unwrap=("data",))


@api("GET", "/booking-pages/{booking_page_id}", documented=True)
def get_booking_page(booking_page_id: str) -> Call[BookingPageItem]:
    """Get one booking page. Source: Public API help page (documented)."""
    return call(BookingPageItem, unwrap=("data",))


@api("PUT", "/booking-pages/{booking_page_id}", documented=True)
def update_booking_page(booking_page_id: str, fields: Mapping[str, Any]) -> Call[object]:
    """Update a booking page.

    :param fields: the same as for :func:`create_booking_page` (inferred).
    Source: path documented.
    """
    return call(object, body=dict(fields))


@api("DELETE", "/booking-pages/{booking_page_id}", documented=True)
def delete_booking_page(booking_page_id: str) -> Call[object]:
    """Delete a booking page. Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/booking-pages/{booking_page_id}/slots", documented=True, repeatable=True)
def compute_slots(
    booking_page_id: str,
    start_at: str,
    end_at: str,
    time_zone: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Call[list[SlotItem]]:
    """Compute a booking page's free time slots between two dates. It changes nothing.

    :param start_at: from when (a date is documented, its name is inferred).
    :param end_at: until when (the same).
    :param time_zone: IANA name (inferred).
    :param extra: further fields of the body.
    Source: path documented.
    """
    body = _body(extra, startAt=start_at, endAt=end_at, timeZone=time_zone)
    return call(list[SlotItem], body=body, unwrap=("data", "slots"))


@api("GET", "/booking-pages/{booking_page_id}/bookings", documented=True)
def list_booking_page_bookings(booking_page_id: str) -> Paged[BookingItem]:
    """List a booking page's bookings that have not started. Source: Public API help page (documented)."""
    return paged(BookingItem, PAGES, unwrap=("data",))


@api("GET", "/booking-pages/{booking_page_id}/collaborators", documented=True)
def list_collaborators(booking_page_id: str) -> Paged[CollaboratorItem]:
    """List a booking page's collaborators. Source: Public API help page (documented)."""
    return paged(CollaboratorItem, PAGES, unwrap=("data",))


@api("POST", "/booking-pages/{booking_page_id}/collaborators", documented=True)
def add_collaborator(booking_page_id: str, collaborator: Mapping[str, Any]) -> Call[CollaboratorItem]:
    """Add a collaborator to a booking page.

    :param collaborator: ``email`` or ``userId``, perhaps ``priority`` and ``permission`` (inferred).
    Source: path documented.
    """
    return call(CollaboratorItem, body=dict(collaborator), unwrap=("data",))


@api("PUT", "/booking-pages/{booking_page_id}/collaborators", documented=True)
def update_collaborator(booking_page_id: str, collaborator: Mapping[str, Any]) -> Call[object]:
    """Update a collaborator of a booking page. The path does not name one, so the body must.

    :param collaborator: ``id`` or ``userId``, and what is to change (inferred).
    Source: path documented.
    """
    return call(object, body=dict(collaborator))


@api("DELETE", "/booking-pages/{booking_page_id}/collaborators", documented=True)
def remove_collaborator(booking_page_id: str, collaborator: Mapping[str, Any]) -> Call[object]:
    """Remove a collaborator from a booking page. The path does not name one, so the body must.

    :param collaborator: ``id`` or ``userId`` (inferred).
    Source: path documented.
    """
    return call(object, body=dict(collaborator))


# Bookings


@api("GET", "/bookings", documented=True)
def list_bookings() -> Paged[BookingItem]:
    """List the key's user's bookings. Source: Public API help page (documented)."""
    return paged(BookingItem, PAGES, unwrap=("data",))


@api("POST", "/bookings", documented=True)
def create_booking(
    booking_page_id: str,
    start_at: str,
    time_zone: str,
    participant_name: str,
    participant_email: str,
    guests: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> Call[BookingItem]:
    """Book a time on a booking page; the platform creates a session for it.

    :param booking_page_id: the page (inferred, as are the other parameters).
    :param start_at: when; one of the page's free slots.
    :param time_zone: IANA name of the person's zone.
    :param participant_name: the person who books.
    :param participant_email: the person's address.
    :param guests: addresses of the guests.
    :param extra: further fields of the body, such as ``form``.
    :raises ConflictError: the time is not free (inferred).
    Source: path documented.
    """
    body = _booking(booking_page_id, start_at, time_zone, participant_name, participant_email, guests, extra)
    return call(BookingItem, body=body, unwrap=("data",))


def _booking(
    booking_page_id: str,
    start_at: str,
    time_zone: str,
    participant_name: str,
    participant_email: str,
    guests: Sequence[str],
    extra: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the body of a booking; the same for users and guests (inferred)."""
    return _body(
        extra,
        bookingPageId=booking_page_id,
        startAt=start_at,
        timeZone=time_zone,
        participantName=participant_name,
        participantEmail=participant_email,
        guests=list(guests),
    )


@api("PUT", "/bookings/{booking_id}", documented=True)
def update_booking(booking_id: str, fields: Mapping[str, Any]) -> Call[object]:
    """Update a booking: another time, or other people.

    :param fields: startAt, timeZone, participantName, participantEmail, guests, form (inferred).
    Source: path documented.
    """
    return call(object, body=dict(fields))


@api("POST", "/bookings/{booking_id}", documented=True)
def cancel_booking(booking_id: str) -> Call[object]:
    """Cancel a booking. Source: Public API help page (documented)."""
    return call(object)


@api("DELETE", "/bookings/{booking_id}", documented=True)
def delete_booking(booking_id: str) -> Call[object]:
    """Delete a booking. Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/bookings/{booking_id}/collaborator", documented=True)
def change_booking_collaborator(
    booking_id: str, collaborator_id: str, extra: Mapping[str, Any] | None = None
) -> Call[object]:
    """Hand a booking to another collaborator of its page.

    :param collaborator_id: the new collaborator (inferred).
    :param extra: further fields of the body.
    Source: path documented.
    """
    return call(object, body=_body(extra, collaboratorId=collaborator_id))


# Guests: the requests that a key of role GUEST may make


@api("POST", "/guests/bookings", documented=True)
def create_guest_booking(
    booking_page_id: str,
    start_at: str,
    time_zone: str,
    participant_name: str,
    participant_email: str,
    guests: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> Call[BookingItem]:
    """Book a time as a guest; parameters, all inferred, are those of :func:`create_booking`.

    Source: path documented.
    """
    body = _booking(booking_page_id, start_at, time_zone, participant_name, participant_email, guests, extra)
    return call(BookingItem, body=body, unwrap=("data",))


@api("PUT", "/guests/bookings/{booking_id}", documented=True)
def update_guest_booking(booking_id: str, fields: Mapping[str, Any]) -> Call[object]:
    """Update a booking as a guest.

    :param fields: those of :func:`update_booking` (inferred).
    Source: path documented.
    """
    return call(object, body=dict(fields))


@api("POST", "/guests/bookings/{booking_id}", documented=True)
def cancel_guest_booking(booking_id: str) -> Call[object]:
    """Cancel a booking as a guest. Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/guests/events/{event_or_session_id}/register", documented=True)
def register_guest(event_or_session_id: str, registration: Mapping[str, Any]) -> Call[object]:
    """Register to an event as a guest.

    :param registration: ``email``, ``firstName``, perhaps ``lastName`` and ``form`` (inferred).
    Source: path documented.
    """
    return call(object, body=dict(registration))
