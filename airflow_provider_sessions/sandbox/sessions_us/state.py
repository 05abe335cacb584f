"""What the stand-in for Sessions stores: keys, people, rooms, events, bookings, and what its sessions have besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.platform_state import PlatformSettings, SessionDraft, StoredSession
from airflow_provider_sessions.sandbox.sessions_us.request_bodies import Routing

KeyRole = Literal["USER", "GUEST"]
Languages = Literal["en", "en+de", "mixed"]
LANGUAGES: tuple[Languages, ...] = ("en", "en", "en+de", "mixed")
"""Half of all meetings have no translations."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OFFICE_HOURS = {day: [{"from": "09:00", "to": "17:00"}] for day in WEEKDAYS[:5]}


class Settings(PlatformSettings):
    """How this Sessions behaves where its documentation is silent. ``newest_first`` holds for all of its lists.

    :param list_actual_start: whether sessions in a list contain ``actualStart``.
    :param list_participants: whether sessions in a list contain ``participants``.
    :param missing_materials: the response if takeaways or transcripts do not exist (yet): an empty list or empty
        fields, an empty body (``nothing``), or 404.
    :param messages: the ``message`` about an invalid body: Nest's ``list`` of all errors, or the first as ``text``.
    :param unknown_fields: whether a body with unknown fields is accepted.
    :param delete_answer: whether the response to a deletion is empty, or the deleted object.
    :param user_key_on_guest_paths: whether a key of role USER is valid for ``/guests`` too.
    :param unpublished_status: status of the response to a registration for an event that is not published.
    :param booking_check: which bookings are rejected: those outside the free ``slots``, only those that ``overlap``
        with another, or ``none``.
    :param book_own_page: whether users may book on their own pages.
    :param walk_ins: people who join each session or event created through the API without an invitation.
    :param languages: of the transcripts of sessions created from now on; see :class:`SessionsUsDraft`.
    """

    list_actual_start: bool = True
    list_participants: bool = True
    missing_materials: Literal["empty", "nothing", "404"] = "empty"
    messages: Literal["list", "text"] = "list"
    unknown_fields: Literal["ignore", "refuse"] = "ignore"
    delete_answer: Literal["nothing", "object"] = "nothing"
    user_key_on_guest_paths: bool = True
    unpublished_status: Literal[400, 403] = 403
    booking_check: Literal["slots", "overlap", "none"] = "slots"
    book_own_page: bool = True
    walk_ins: int = Field(default=4, ge=0)
    languages: Languages | None = None


@dataclass
class Key:
    """An API key of a user; with role GUEST it is valid for guest requests only."""

    token: str = field(repr=False)
    role: KeyRole
    user: Person
    revoked: bool = False


@dataclass
class Participant:
    """A participant of a session; transcripts refer to the ``id``.

    :param person_id: the user, or the guest.
    :param last_name: None if ``first_name`` holds the whole name, as for guests of a booking.
    :param added_at: the time of the invitation, or of joining.
    """

    id: str
    person_id: str
    is_user: bool
    email: str | None
    first_name: str | None
    last_name: str | None
    added_at: datetime
    is_owner: bool = False
    role: str | None = None
    removed_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the participant as the API does: one of ``guest`` and ``user`` is null, ``role`` may be missing."""
        person = {
            "id": self.person_id,
            "email": self.email,
            "firstName": self.first_name,
            "lastName": self.last_name,
        }
        content: dict[str, Any] = {
            "id": self.id,
            "isOwner": self.is_owner,
            "guest": None if self.is_user else person,
            "user": person if self.is_user else None,
        }
        return content | {"role": self.role} if self.role else content


def split_name(person: Person) -> tuple[str, str | None]:
    """Return first and last name."""
    first, _, last = person.name.partition(" ")
    return first, last or None


@dataclass
class Room:
    """A room: a permanent URL for many sessions.

    :param fields: the settings of the request that created it.
    :param shared_with: ids of other users who can see it.
    """

    id: str
    owner: Person
    slug: str
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    shared_with: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass
class Event:
    """An event. Its session has the times and the participants; deleting the session deletes the event."""

    id: str
    owner: Person
    session_id: str
    slug: str
    created_at: datetime
    published_at: datetime | None = None
    public: bool = False
    form: list[dict[str, Any]] = field(default_factory=list)
    registered: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Collaborator:
    """A user besides the owner who takes bookings of a page."""

    id: str
    user: Person
    priority: int
    permission: str


@dataclass
class BookingPage:
    """A page on which people book a time slot.

    :param duration: minutes.
    :param schedule: by weekday (``monday``), periods ``{"from": "09:00", "to": "17:00"}`` in the page's time zone.
    :param buffer: minutes kept free after each booking.
    :param minimum_notice: minutes from now to the first free slot.
    """

    id: str
    owner: Person
    slug: str
    name: str
    description: str
    duration: int
    time_zone: str
    schedule: dict[str, list[dict[str, str]]]
    buffer: int
    minimum_notice: int
    routing: Routing
    form: list[dict[str, Any]]
    created_at: datetime
    updated_at: datetime
    collaborators: list[Collaborator] = field(default_factory=list)
    deleted: bool = False


@dataclass
class Booking:
    """A booked time slot and its session, which is deleted when the booking is canceled."""

    id: str
    page_id: str
    session_id: str
    name: str
    participant_name: str
    participant_email: str
    guests: list[str]
    form: list[dict[str, Any]]
    start_at: datetime
    planned_end: datetime
    time_zone: str
    created_at: datetime
    collaborator_id: str | None = None
    canceled_at: datetime | None = None
    deleted: bool = False


class SessionsUsDraft(SessionDraft):
    """A session that a test or a client creates.

    :param description: None for the sessions of events.
    :param planned_end: by default the planned start plus the usual or real length.
    :param room_id: its room, if any.
    :param participants: addresses of people who are invited, besides the attendees.
    :param invite: whether attendees with an account are invited; if not, they become participants when they join.
    :param languages: of the transcript: ``en`` only, ``en+de`` with translations into German, ``mixed``: some speak
        German, and everything is translated into the other language; by default depending on the seed.
    :param by_colleague: whether its owner is a colleague of the key's user.
    :param booked: whether it was made for a booking on the page that exists from the start.
    :param is_event: whether it is held for an event, which is published; its attendees are registered.
    """

    description: str | None = ""
    planned_end: AwareDatetime | None = None
    time_zone: str = "Europe/Bucharest"
    room_id: str | None = None
    participants: tuple[str, ...] = ()
    invite: bool = True
    languages: Languages | None = None
    by_colleague: bool = False
    booked: bool = False
    is_event: bool = False


@dataclass(kw_only=True)
class Meeting(StoredSession):
    """A session on Sessions.

    :param quick: whether it was started at once, without a planned start.
    :param people: all participants, removed ones too, in the order of being added.
    :param participants_until: the end up to which attendees have been added; None before the end.
    :param transcript: attached by a test instead of the made-up one.
    :param takeaways: attached by a test instead of the made-up ones.
    """

    owner: Person
    description: str | None
    time_zone: str
    planned_end: datetime
    quick: bool
    room_id: str | None
    invite: bool
    languages: Languages
    event_id: str | None = None
    booking_id: str | None = None
    people: list[Participant] = field(default_factory=list)
    participants_until: datetime | None = None
    transcript: list[dict[str, Any]] | None = None
    takeaways: dict[str, Any] | None = None

    def current_participants(self) -> list[Participant]:
        """Return the participants who have been added and not removed."""
        return [person for person in self.people if person.removed_at is None]

    def speakers(self) -> list[Participant]:
        """Return everybody who was a participant while it was live, the owner first."""
        start, end = self.lifecycle.started_at, self.lifecycle.stopped_at
        if start is None or end is None:
            return []
        present = [p for p in self.people if p.added_at <= end and (p.removed_at is None or p.removed_at > start)]
        return sorted(present, key=lambda person: not person.is_owner)
