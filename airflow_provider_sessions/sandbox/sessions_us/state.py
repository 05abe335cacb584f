"""What the stand-in for Sessions keeps: keys, people, rooms, events, bookings, and what its meetings are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.platform_state import SessionDraft, StoredSession
from airflow_provider_sessions.sandbox.sessions_us.meeting_script import Languages

KeyRole = Literal["USER", "GUEST"]
Routing = Literal["AVAILABILITY", "PRIORITY"]


class Settings(BaseModel):
    """How this Sessions behaves where its documentation is silent.

    :param newest_first: order of the lists, by creation.
    :param list_actual_start: whether sessions in a list show ``actualStart``.
    :param list_participants: whether sessions in a list show ``participants``.
    :param missing_materials: the answer where takeaways or transcripts are not there (yet): an empty list or empty
        fields, a body of no bytes (``nothing``), or 404.
    :param messages: the ``message`` of a refused body: Nest's ``list`` of all that is wrong, or the first as ``text``.
    :param unknown_fields: what becomes of fields of a body that it does not know.
    :param delete_answer: whether a deletion is answered with no bytes, or with what was deleted.
    :param user_key_on_guest_paths: whether a key of role USER serves for ``/guests``, too.
    :param unpublished_status: status of the answer to a registration to an event that is not published.
    :param booking_check: which bookings are refused: outside the free ``slots``, only those that ``overlap`` with
        another, or ``none``.
    :param book_own_page: whether a user may book on a page of their own.
    :param walk_ins: people who come, uninvited, to each session or event made through the API.
    :param languages: of the transcripts of sessions made from now on; see :class:`SessionsUsDraft`.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    newest_first: bool = True
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
    """An API key. It belongs to a user; one of role GUEST serves guest requests alone."""

    token: str = field(repr=False)
    role: KeyRole
    user: Person
    revoked: bool = False


@dataclass
class Participant:
    """Somebody of a session; its ``id`` is what transcripts name.

    :param person_id: the user, or the guest.
    :param last_name: None where the whole name stands in ``first_name``, as with guests of a booking.
    :param added_at: when invited, or when they came.
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


@dataclass
class Room:
    """A room: a permanent address for many sessions.

    :param fields: the settings of the request that made it.
    :param shared_with: users besides the owner who see it.
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
    """An event; when, and who takes part, stands in its session. It is gone when that is."""

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
    """A user who takes bookings of a page, besides its owner."""

    id: str
    user: Person
    priority: int
    permission: str


@dataclass
class BookingPage:
    """A page on which people book a time.

    :param duration: minutes.
    :param schedule: by weekday (``monday``), stretches ``{"from": "09:00", "to": "17:00"}`` in the page's zone.
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
    """A time somebody has booked; its session holds the rest. When it is canceled, its session is deleted."""

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
    """A session made by hand, or through the API.

    :param description: None for the sessions of events.
    :param planned_end: from the planned start and the usual or real length if not given.
    :param room_id: its room, if any.
    :param participants: addresses of people who are invited, besides the attendees.
    :param invite: whether the attendees with an account are invited; if not, they are participants once they come.
    :param languages: of the transcript: ``en`` alone, ``en+de`` with translations into German, ``mixed``: some
        speak German, all is translated into the other language; by the seed if not given.
    :param by_colleague: whether it is not the key's user who holds it, but a colleague.
    """

    description: str | None = ""
    planned_end: AwareDatetime | None = None
    time_zone: str = "Europe/Bucharest"
    room_id: str | None = None
    participants: tuple[str, ...] = ()
    invite: bool = True
    languages: Languages | None = None
    by_colleague: bool = False


@dataclass(kw_only=True)
class Meeting(StoredSession):
    """A session as Sessions knows it.

    :param quick: started at once, without a plan.
    :param people: all who ever were participants, in the order of being added.
    :param transcript: given by a test in place of the made-up one.
    :param takeaways: the same for takeaways.
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
    seated_until: datetime | None = None
    transcript: list[dict[str, Any]] | None = None
    takeaways: dict[str, Any] | None = None

    def present_people(self) -> list[Participant]:
        """The participants as of now, as far as they have been seated."""
        return [person for person in self.people if person.removed_at is None]

    def speakers(self) -> list[Participant]:
        """Who may have said something: who was a participant at some time while it was live. The owner comes first."""
        start, end = self.lifecycle.started_at, self.lifecycle.stopped_at
        if start is None or end is None:
            return []
        there = [p for p in self.people if p.added_at <= end and (p.removed_at is None or p.removed_at > start)]
        return sorted(there, key=lambda person: not person.is_owner)
