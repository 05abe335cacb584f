"""The response bodies of Sessions: the fields in webhooks and public clients, and otherwise inferred ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.platform import PAGES, SessionsUs
from airflow_provider_sessions.sandbox.sessions_us.state import (
    Booking,
    BookingPage,
    Collaborator,
    Event,
    Meeting,
    Room,
    split_name,
)


def user(person: Person) -> dict[str, Any]:
    """A user of the product."""
    first, last = split_name(person)
    return {"id": person.id, "email": person.email, "firstName": first, "lastName": last}


def session(platform: SessionsUs, session: Meeting, request: ApiRequest) -> dict[str, Any]:
    """A session: the fields in webhooks, and those of the request that created it."""
    lifecycle, room = session.lifecycle, platform.rooms.get(session.room_id or "")
    booking, event = platform.bookings.get(session.booking_id or ""), platform.events.get(session.event_id or "")
    return {
        "id": session.id,
        "name": session.title,
        "description": session.description,
        "quickSession": session.quick,
        "room": {"id": room.id, "slug": room.slug} if room else None,
        "createdAt": rfc3339(lifecycle.created_at),
        "startAt": rfc3339(lifecycle.scheduled_start),
        "plannedEnd": rfc3339(session.planned_end),
        "timeZone": session.time_zone,
        "actualStart": rfc3339(lifecycle.started_at),
        "endedAt": rfc3339(lifecycle.ended_at),
        "sessionLink": f"{request.origin}{PAGES}/session/{quote(session.id, safe='')}",
        "booking": _booking_ref(booking) if booking else None,
        "event": {"id": event.id, "slug": event.slug} if event else None,
        "participants": [person.as_json() for person in platform.participants(session, request.now)],
    }


def sessions(platform: SessionsUs, sessions: Iterable[Meeting], request: ApiRequest) -> list[dict[str, Any]]:
    """Sessions in a list, which may have fewer fields."""
    optional = {"actualStart": platform.settings.list_actual_start, "participants": platform.settings.list_participants}
    left_out = [name for name, included in optional.items() if not included]
    contents = [session(platform, stored, request) for stored in sessions]
    return [{name: value for name, value in content.items() if name not in left_out} for content in contents]


def _booking_ref(booking: Booking) -> dict[str, Any]:
    return {
        "id": booking.id,
        "name": booking.name,
        "participantName": booking.participant_name,
        "participantEmail": booking.participant_email,
        "guests": booking.guests,
    }


def booking(platform: SessionsUs, booking: Booking) -> dict[str, Any]:
    """A booking: the fields that a session contains, ``startAt`` and ``sessionId`` (observed), and inferred ones."""
    page = platform.booking_pages[booking.page_id]
    assigned = next((candidate for candidate in page.collaborators if candidate.id == booking.collaborator_id), None)
    return _booking_ref(booking) | {
        "startAt": rfc3339(booking.start_at),
        "plannedEnd": rfc3339(booking.planned_end),
        "timeZone": booking.time_zone,
        "sessionId": booking.session_id,
        "bookingPageId": booking.page_id,
        "collaborator": collaborator(assigned) if assigned else None,
        "form": booking.form,
        "status": "CANCELLED" if booking.canceled_at else "CONFIRMED",
        "createdAt": rfc3339(booking.created_at),
        "cancelledAt": rfc3339(booking.canceled_at),
    }


def booking_page(platform: SessionsUs, page: BookingPage, request: ApiRequest) -> dict[str, Any]:
    """A booking page; all but id and name is inferred."""
    return {
        "id": page.id,
        "name": page.name,
        "slug": page.slug,
        "description": page.description,
        "duration": page.duration,
        "timeZone": page.time_zone,
        "schedule": page.schedule,
        "buffer": page.buffer,
        "minimumNotice": page.minimum_notice,
        "routing": page.routing,
        "form": page.form,
        "bookingLink": f"{request.origin}{PAGES}/book/{platform.owner_slug(page.owner)}/{page.slug}",
        "createdAt": rfc3339(page.created_at),
        "updatedAt": rfc3339(page.updated_at),
    }


def collaborator(collaborator: Collaborator) -> dict[str, Any]:
    """A collaborator of a booking page; inferred."""
    return {
        "id": collaborator.id,
        "user": user(collaborator.user),
        "priority": collaborator.priority,
        "permission": collaborator.permission,
    }


def room(room: Room, request: ApiRequest) -> dict[str, Any]:
    """A room; all but id and slug is inferred."""
    return {
        "id": room.id,
        "slug": room.slug,
        "name": room.name,
        "description": room.description,
        "settings": room.fields,
        "sharedWith": room.shared_with,
        "roomLink": f"{request.origin}{PAGES}/room/{room.slug}",
        "createdAt": rfc3339(room.created_at),
        "updatedAt": rfc3339(room.updated_at),
    }


def event(platform: SessionsUs, event: Event, request: ApiRequest) -> dict[str, Any]:
    """An event, which contains its session."""
    return {
        "id": event.id,
        "slug": event.slug,
        "sessionId": event.session_id,
        "session": session(platform, platform.all_sessions[event.session_id], request),
        "published": event.published_at is not None,
        "publishedAt": rfc3339(event.published_at),
        "public": event.public,
        "form": event.form,
        "createdAt": rfc3339(event.created_at),
    }
