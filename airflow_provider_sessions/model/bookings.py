"""What leads to a session: a booking, or an event and the registrations for it."""

from __future__ import annotations

from airflow_provider_sessions.model.attendance import Email
from airflow_provider_sessions.model.values import UtcDatetime, Value


class Booking(Value):
    """One booked time. ``guests`` are e-mail addresses of further people; ``answers`` those to the page's questions."""

    booking_id: str
    session_id: str
    booking_page_id: str | None = None
    title: str | None = None
    status: str | None = None
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    time_zone: str | None = None
    participant_name: str | None = None
    participant_email: Email = None
    guests: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    created_at: UtcDatetime | None = None


class Event(Value):
    """One event, which is held as a session. What the platform does not say is None."""

    event_id: str
    session_id: str
    title: str | None = None
    slug: str | None = None
    is_published: bool | None = None
    is_public: bool | None = None
    published_at: UtcDatetime | None = None
    created_at: UtcDatetime | None = None


class Registration(Value):
    """One person who is registered for an event. ``participant_key`` is that of :class:`.Participant`."""

    registration_id: str
    event_id: str
    session_id: str
    participant_key: str
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
