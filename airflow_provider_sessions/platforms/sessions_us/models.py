"""Sessions' answers as it names things, and how they read in our words.

No schema of the vendor's could be read: fields were seen in its webhooks and in public clients, so every one is
optional. Unknown ones are passed over in what our words are made of, and kept in the rest, which is only handed on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator, with_config
from pydantic.alias_generators import to_camel, to_snake
from typing_extensions import TypedDict

from airflow_provider_sessions.client.api_models import ApiModel, LenientModel
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model import Participant, Presence, Session, SessionState, email_key
from airflow_provider_sessions.platforms.description_marker import strip_marker
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.unread import ReadWarnings, fields_of, without

_LOG = ReadWarnings("sessions_us")
_EPOCH = 1e9
"""A number of seconds that no session lasts: from here on it is an instant, of the year 2001 or later."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class SessionsUsModel(ApiModel):
    """An answer of the platform: lenient."""

    model_config = ConfigDict(
        extra="ignore", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class Named(SessionsUsModel):
    """A thing with an id, and perhaps a slug or a name: the room or the event of a session."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None


class Person(SessionsUsModel):
    """A user or a guest. A booking's guest has their whole name in ``firstName``."""

    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    @property
    def whole_name(self) -> str | None:
        """First and last name, as far as they are known."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None


class ParticipantItem(SessionsUsModel, LenientModel):
    """One participant: either a user of the platform or a guest."""

    id: str | None = None
    is_owner: bool | None = None
    role: str | None = None
    guest: Person | None = None
    user: Person | None = None

    def to_model(self, number: int = 0) -> Participant:
        """In our words. The key is the account's, else the e-mail's, else the participant's own id.

        :param number: the participant's place in the list, for one without an id.
        """
        person = self.user or self.guest or Person()
        if self.user is not None and self.user.id:
            key = f"account:{self.user.id}"
        else:
            key = email_key(person.email) or f"participant:{self.id or number}"
        return Participant(
            participant_key=key,
            name=person.whole_name,
            email=person.email,
            role=self.role or ("host" if self.is_owner else None),
            is_guest=self.user is None,
            presence=Presence.REGISTERED,
            source_id=self.id,
        )


class SessionItem(SessionsUsModel, LenientModel):
    """One session. State is no field of it: see :attr:`state`."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    room: Named | None = None
    event: Named | None = None
    created_at: Instant = None
    updated_at: Instant = None
    start_at: Instant = None
    planned_end: Instant = None
    time_zone: str | None = None
    actual_start: Instant = None
    ended_at: Instant = None
    session_link: str | None = None
    participants: list[ParticipantItem] | None = Field(default=None, fail_fast=True)

    @property
    def state(self) -> SessionState:
        """Ended with ``endedAt``, live with ``actualStart`` alone, else scheduled. Source: inferred.

        A time that cannot be read is there nevertheless.
        """
        if self.ended_at is not None or "ended_at" in self._lost:
            return SessionState.ENDED
        is_live = self.actual_start is not None or "actual_start" in self._lost
        return SessionState.LIVE if is_live else SessionState.SCHEDULED

    @property
    def tells_whether_live(self) -> bool:
        """Whether this answer holds what the state hangs on: an item of a list may leave ``actualStart`` out."""
        return self.state is not SessionState.SCHEDULED or "actual_start" in self.model_fields_set

    @property
    def is_partial(self) -> bool:
        """Whether this answer leaves out what another one may hold: an item of a list may show less of a session."""
        return not self.model_fields_set >= _SHOWN

    @property
    def _lost(self) -> set[str]:
        """The fields that cannot be read, as they are called here."""
        return {to_snake(name.partition(".")[0]) for name in self.unread}

    def to_model(self, platform: str, page: str | None, unread: ReadWarnings = _LOG) -> Session:
        """In our words, without the fields that cannot be read.

        :param unread: warns of those.
        :param page: the address of the session's page, where the connection says how it is made up.
        :raises MalformedResponseError: it has no id: it is something else, which would pass for a scheduled session.
        """
        if not self.id:
            raise MalformedResponseError(f"{platform} answered with a session that has no id")
        owner = next((p.to_model() for p in self.participants or [] if p.is_owner), None)
        session = Session(
            platform=platform,
            session_id=self.id,
            title=self.name or self.id,
            state=self.state,
            description=strip_marker(self.description),
            scheduled_start=self.start_at,
            scheduled_end=self.planned_end,
            time_zone=self.time_zone,
            actual_start=self.actual_start,
            actual_end=self.ended_at,
            host_id=owner.participant_key if owner else None,
            host_name=owner.name if owner else None,
            room_id=self.room.id if self.room else None,
            url=self.session_link or page,
            join_url=self.session_link,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )
        if not self.unread:
            return session
        unread.fields(f"session {self.id!r}", self.unread)
        return without(session, fields_of(self._lost, _FIELDS))


_SHOWN = {"description", "room", "participants", "actual_start"}
"""What an item of a list may leave out (inferred)."""
_FIELDS = {
    "name": "title",
    "description": "description",
    "start_at": "scheduled_start",
    "planned_end": "scheduled_end",
    "time_zone": "time_zone",
    "actual_start": "actual_start",
    "ended_at": "actual_end",
    "room": "room_id",
    "participants": "host_name",
    "session_link": "url",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""Our names of the platform's fields."""


def _stamp(value: Any) -> Any:
    """A number, also as a text, is a count of seconds; one as large as that of an instant is one, in milliseconds.

    A text is read by the standard library, which knows what platforms write and is several times as fast; what it does
    not know is left to pydantic.
    """
    if isinstance(value, str):
        if "-" in value[1:]:  # no number, so perhaps a date
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                return value
        if not _NUMBER.fullmatch(value):
            return value
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _EPOCH <= value < _EPOCH * 10_000:
        return datetime.fromtimestamp(value if value < _EPOCH * 100 else value / 1000, UTC)
    return value


Offset = Annotated[float, Field(lt=_EPOCH, allow_inf_nan=False)]
"""Seconds from the beginning."""


class Words(TypedDict, total=False):
    """One language of what was said."""

    text: str | None
    language: str | None


@with_config(ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True))
class TranscriptEntry(TypedDict, total=False):
    """One utterance: in the language it was said in, and in translations.

    A session has hundreds of them, and a dictionary is read in less than half the time of a model.
    """

    content: list[Words] | None
    participant_id: str | None
    source_timestamp: Annotated[datetime | Offset | None, BeforeValidator(_stamp)]
    source_language: str | None


def _none(answer: Any) -> Any:
    return [] if answer in (None, {}) else answer


TranscriptAnswer = Annotated[list[TranscriptEntry], BeforeValidator(_none)]
"""All utterances of a session; no answer at all, or an empty object, is a list of none."""


class TakeawaysAnswer(SessionsUsModel):
    """What the platform sums a session up to, if anything; ``takeawaysRaw`` is a ProseMirror document."""

    takeaways_text: str | None = None
    takeaways_raw: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, answer: Any) -> Any:
        return {} if answer in (None, []) else answer


class RoomItem(Named):
    """One room. All but id and slug is inferred."""

    model_config = ConfigDict(extra="allow")

    description: str | None = None


class EventItem(SessionsUsModel, LenientModel):
    """One event; it wraps a session. ``published`` and ``public`` are inferred."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    slug: str | None = None
    session_id: str | None = None
    session: SessionItem | None = None
    published: bool | None = None
    public: bool | None = None


class BookingPageItem(Named):
    """One booking page. All but id and name is inferred."""

    model_config = ConfigDict(extra="allow")

    description: str | None = None
    duration: int | None = None
    time_zone: str | None = None


class SlotItem(SessionsUsModel):
    """A free time on a booking page (inferred)."""

    model_config = ConfigDict(extra="allow")

    start_at: datetime | None = None
    end_at: datetime | None = None


class CollaboratorItem(SessionsUsModel):
    """A collaborator of a booking page (inferred)."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    user: Person | None = None


class BookingItem(SessionsUsModel, LenientModel):
    """One booking; a session carries it. ``status`` is inferred."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    name: str | None = None
    start_at: datetime | None = None
    session_id: str | None = None
    participant_name: str | None = None
    participant_email: str | None = None
    status: str | None = None
