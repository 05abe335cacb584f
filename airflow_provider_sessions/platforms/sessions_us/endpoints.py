"""Sessions' endpoints, as functions that return calls.

Methods, paths and one-line meanings are documented; bodies and answers are not, so what stands in a body here was seen
in public clients (observed) or is inferred, and can be added to through ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.paging import NumberedPages
from airflow_provider_sessions.platforms.sessions_us.models import (
    BookingItem,
    EventItem,
    Named,
    ParticipantItem,
    SessionItem,
    TakeawaysAnswer,
    TranscriptAnswer,
)

api = Endpoints("sessions_us")

PAGES = NumberedPages(size=20)
"""Lists hold 20 items (documented) and take ``page`` (observed); that pages count from 1 is inferred."""


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
    :param start_at: planned start, ISO 8601 in UTC.
    :param planned_end: planned end, ISO 8601 in UTC.
    :param time_zone: IANA name.
    :param description: text (inferred).
    :param extra: further fields of the body.
    Source: path documented; the first four fields observed in a public client.
    """
    body = {"name": name, "startAt": start_at, "plannedEnd": planned_end, "timeZone": time_zone}
    if description is not None:
        body["description"] = description
    return call(SessionItem, body={**body, **(extra or {})}, unwrap=("data",))


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
def get_takeaways(session_id: str) -> Call[TakeawaysAnswer]:
    """Get a session's takeaways. Source: path documented; field names observed in a webhook."""
    return call(TakeawaysAnswer, unwrap=("data", "session"))


@api("GET", "/sessions/{session_id}/transcripts", documented=True)
def get_transcripts(session_id: str) -> Call[TranscriptAnswer]:
    """Get a session's transcripts. Source: path documented; field names observed in a webhook."""
    return call(TranscriptAnswer, unwrap=("data", "session", "transcripts"))


@api("GET", "/rooms", documented=True)
def list_rooms() -> Paged[Named]:
    """List the key's user's rooms. Source: Public API help page (documented)."""
    return paged(Named, PAGES, unwrap=("data",))


@api("GET", "/rooms/{room_id}", documented=True)
def get_room(room_id: str) -> Call[Named]:
    """Get one room. Source: Public API help page (documented)."""
    return call(Named, unwrap=("data",))


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
    :param start_at: planned start, ISO 8601 in UTC.
    :param planned_end: planned end, ISO 8601 in UTC.
    :param time_zone: IANA name.
    :param extra: further fields of the body.
    Source: path documented, body observed.
    """
    body = {"name": name, "slug": slug, "startAt": start_at, "plannedEnd": planned_end, "timeZone": time_zone}
    return call(EventItem, body={**body, **(extra or {})}, unwrap=("data",))


@api("POST", "/events/{event_or_session_id}/publish", documented=True, repeatable=True)
def publish_event(event_or_session_id: str) -> Call[object]:
    """Publish an event; doing so twice does no harm (observed). Source: Public API help page (documented)."""
    return call(object)


@api("GET", "/bookings", documented=True)
def list_bookings() -> Paged[BookingItem]:
    """List the key's user's bookings. Source: Public API help page (documented)."""
    return paged(BookingItem, PAGES, unwrap=("data",))


@api("POST", "/bookings/{booking_id}", documented=True)
def cancel_booking(booking_id: str) -> Call[object]:
    """Cancel a booking. Source: Public API help page (documented)."""
    return call(object)


@api("POST", "/guests/events/{event_or_session_id}/register", documented=True)
def register_guest(event_or_session_id: str, registration: Mapping[str, Any]) -> Call[object]:
    """Register to an event as a guest; the one kind of request that a GUEST key may make.

    :param registration: ``email``, ``firstName``, perhaps ``lastName`` and ``form`` (inferred).
    Source: path documented.
    """
    return call(object, body=dict(registration))
