"""Maps bookings, events and registrations of Sessions to the model.

Sessions lists bookings and events for themselves, in pages of 20, and not by session: a list is read once and searched
for many sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from airflow_provider_sessions.client.api_models import LenientModel, validate_leniently
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model import Booking, Event, Participant, Registration, Session
from airflow_provider_sessions.platforms.instants import Instant, instant_or_none
from airflow_provider_sessions.platforms.list_items import ReadWarnings
from airflow_provider_sessions.platforms.sessions_us.models import BookingItem, EventItem, SessionsUsModel

T = TypeVar("T")

_MAX_AGE = timedelta(hours=1)
_MAX_AGE_BEFORE_END = timedelta(minutes=1)


class _FormAnswer(SessionsUsModel):
    question: str | None = None
    answer: str | None = None


class _BookingDetails(SessionsUsModel, LenientModel):
    """Fields of a booking that are inferred."""

    booking_page_id: str | None = None
    planned_end: Instant = None
    time_zone: str | None = None
    guests: list[str] | None = None
    form: list[_FormAnswer] | None = None
    created_at: Instant = None


class _EventDetails(SessionsUsModel, LenientModel):
    """Fields of an event that are inferred."""

    published_at: Instant = None
    created_at: Instant = None


class SessionIndex(Generic[T]):
    """A list that is read whole, by the session that each item belongs to.

    :param pages: lists all items.
    :param get_session_id: returns the id of an item's session, or None.
    """

    def __init__(
        self, pages: Callable[[], AsyncIterator[T]], get_session_id: Callable[[T], str | None], clock: Clock
    ) -> None:
        self._pages = pages
        self._get_session_id = get_session_id
        self._clock = clock
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._items: dict[str, list[T]] = {}

    async def find(self, session: Session) -> list[T]:
        """Return the items of a session. Until it has ended, others may follow: the list is used for a minute only."""
        max_age = _MAX_AGE if session.ended_at is not None else _MAX_AGE_BEFORE_END
        async with self._lock:
            if self._read_at is None or self._clock.now() - self._read_at > max_age:
                items: dict[str, list[T]] = {}
                async for item in self._pages():
                    if found := self._get_session_id(item):
                        items.setdefault(found, []).append(item)
                self._items, self._read_at = items, self._clock.now()
        return self._items.get(session.session_id, [])


def get_booking_session_id(item: BookingItem) -> str | None:
    """Return the id of the session that was created for a booking."""
    return item.session_id


def get_event_session_id(item: EventItem) -> str | None:
    """Return the id of the session that an event is held as."""
    return item.session_id or (item.session.id if item.session else None)


def map_booking(item: BookingItem, session_id: str, warnings: ReadWarnings) -> Booking:
    """Map a booking.

    :raises MalformedResponseError: it has no id.
    """
    if not item.id:
        raise MalformedResponseError(f"sessions_us returned a booking of session {session_id!r} that has no id")
    details = validate_leniently(_BookingDetails, dict(item.model_extra or {}))
    warnings.log_fields(f"booking {item.id!r}", {**item.unread, **details.unread})
    return Booking(
        booking_id=item.id,
        session_id=session_id,
        booking_page_id=details.booking_page_id,
        title=item.name,
        status=item.status,
        start=instant_or_none(item.start_at),
        end=details.planned_end,
        time_zone=details.time_zone,
        participant_name=item.participant_name,
        participant_email=item.participant_email,
        guests=tuple(details.guests or ()),
        answers=tuple((one.question or "", one.answer or "") for one in details.form or ()),
        created_at=details.created_at,
    )


def map_event(item: EventItem, session_id: str, warnings: ReadWarnings) -> Event:
    """Map an event.

    :raises MalformedResponseError: it has no id.
    """
    if not item.id:
        raise MalformedResponseError(f"sessions_us returned an event of session {session_id!r} that has no id")
    details = validate_leniently(_EventDetails, dict(item.model_extra or {}))
    warnings.log_fields(f"event {item.id!r}", {**item.unread, **details.unread})
    return Event(
        event_id=item.id,
        session_id=session_id,
        title=item.session.name if item.session else None,
        slug=item.slug,
        is_published=item.published,
        is_public=item.public,
        published_at=details.published_at,
        created_at=details.created_at,
    )


def map_registration(participant: Participant, event: Event) -> Registration:
    """Map a participant of an event's session."""
    return Registration(
        registration_id=participant.source_id or "",
        event_id=event.event_id,
        session_id=event.session_id,
        participant_key=participant.participant_key,
        name=participant.name,
        email=participant.email,
        is_guest=participant.is_guest,
    )
