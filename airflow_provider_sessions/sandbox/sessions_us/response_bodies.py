"""Sessions' answers: the field names that webhooks and public clients showed, and beyond them inferred ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.state import (
    Booking,
    BookingPage,
    Collaborator,
    Event,
    Meeting,
    Participant,
    Room,
)
from airflow_provider_sessions.sandbox.sessions_us.table import PAGES

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


def names(person: Person) -> tuple[str, str | None]:
    """First and last name."""
    first, _, last = person.name.partition(" ")
    return first, last or None


def user(person: Person) -> dict[str, Any]:
    """A user of the product."""
    first, last = names(person)
    return {"id": person.id, "email": person.email, "firstName": first, "lastName": last}


def participant(held: Participant) -> dict[str, Any]:
    """A participant: exactly one of ``guest`` and ``user`` is set. The role shows only where one was given."""
    person = {
        "id": held.person_id,
        "email": held.email,
        "firstName": held.first_name,
        "lastName": held.last_name,
    }
    told: dict[str, Any] = {
        "id": held.id,
        "isOwner": held.is_owner,
        "guest": None if held.is_user else person,
        "user": person if held.is_user else None,
    }
    return told | {"role": held.role} if held.role else told


def session(platform: SessionsUs, held: Meeting, asked: PlatformRequest) -> dict[str, Any]:
    """A session: what the webhooks show of one, and the rest of what made it."""
    lifecycle, room = held.lifecycle, platform.rooms.get(held.room_id or "")
    booking, event = platform.bookings.get(held.booking_id or ""), platform.events.get(held.event_id or "")
    return {
        "id": held.id,
        "name": held.title,
        "description": held.description,
        "quickSession": held.quick,
        "room": {"id": room.id, "slug": room.slug} if room else None,
        "createdAt": rfc3339(lifecycle.created_at),
        "startAt": rfc3339(lifecycle.scheduled_start),
        "plannedEnd": rfc3339(held.planned_end),
        "timeZone": held.time_zone,
        "actualStart": rfc3339(lifecycle.started_at),
        "endedAt": rfc3339(lifecycle.ended_at),
        "sessionLink": f"{asked.origin}{PAGES}/session/{quote(held.id, safe='')}",
        "booking": _booking_ref(booking) if booking else None,
        "event": {"id": event.id, "slug": event.slug} if event else None,
        "participants": [participant(person) for person in platform.participants(held, asked.now)],
    }


def sessions(platform: SessionsUs, held: Iterable[Meeting], asked: PlatformRequest) -> list[dict[str, Any]]:
    """Sessions of a list, which may show less."""
    shown = {"actualStart": platform.settings.list_actual_start, "participants": platform.settings.list_participants}
    left_out = [name for name, wanted in shown.items() if not wanted]
    told = [session(platform, each, asked) for each in held]
    return [{name: value for name, value in each.items() if name not in left_out} for each in told]


def _booking_ref(held: Booking) -> dict[str, Any]:
    return {
        "id": held.id,
        "name": held.name,
        "participantName": held.participant_name,
        "participantEmail": held.participant_email,
        "guests": held.guests,
    }


def booking(platform: SessionsUs, held: Booking) -> dict[str, Any]:
    """A booking: what a session shows of it, ``startAt`` and ``sessionId`` (observed), and inferred fields."""
    page = platform.booking_pages[held.page_id]
    helper = next((each for each in page.collaborators if each.id == held.collaborator_id), None)
    return _booking_ref(held) | {
        "startAt": rfc3339(held.start_at),
        "plannedEnd": rfc3339(held.planned_end),
        "timeZone": held.time_zone,
        "sessionId": held.session_id,
        "bookingPageId": held.page_id,
        "collaborator": collaborator(helper) if helper else None,
        "form": held.form,
        "status": "CANCELLED" if held.canceled_at else "CONFIRMED",
        "createdAt": rfc3339(held.created_at),
        "cancelledAt": rfc3339(held.canceled_at),
    }


def booking_page(platform: SessionsUs, held: BookingPage, asked: PlatformRequest) -> dict[str, Any]:
    """A booking page; all but id and name is inferred."""
    return {
        "id": held.id,
        "name": held.name,
        "slug": held.slug,
        "description": held.description,
        "duration": held.duration,
        "timeZone": held.time_zone,
        "schedule": held.schedule,
        "buffer": held.buffer,
        "minimumNotice": held.minimum_notice,
        "routing": held.routing,
        "form": held.form,
        "bookingLink": f"{asked.origin}{PAGES}/book/{platform.owner_slug(held.owner)}/{held.slug}",
        "createdAt": rfc3339(held.created_at),
        "updatedAt": rfc3339(held.updated_at),
    }


def collaborator(held: Collaborator) -> dict[str, Any]:
    """A collaborator of a booking page; inferred."""
    return {"id": held.id, "user": user(held.user), "priority": held.priority, "permission": held.permission}


def room(held: Room, asked: PlatformRequest) -> dict[str, Any]:
    """A room; all but id and slug is inferred."""
    return {
        "id": held.id,
        "slug": held.slug,
        "name": held.name,
        "description": held.description,
        "settings": held.fields,
        "sharedWith": held.shared_with,
        "roomLink": f"{asked.origin}{PAGES}/room/{held.slug}",
        "createdAt": rfc3339(held.created_at),
        "updatedAt": rfc3339(held.updated_at),
    }


def event(platform: SessionsUs, held: Event, asked: PlatformRequest) -> dict[str, Any]:
    """An event; it wraps a session."""
    return {
        "id": held.id,
        "slug": held.slug,
        "sessionId": held.session_id,
        "session": session(platform, platform.all_sessions[held.session_id], asked),
        "published": held.published_at is not None,
        "publishedAt": rfc3339(held.published_at),
        "public": held.public,
        "form": held.form,
        "createdAt": rfc3339(held.created_at),
    }
