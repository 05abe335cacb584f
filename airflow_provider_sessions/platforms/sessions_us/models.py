"""Models of Sessions' responses, with the platform's names.

The vendor published no schema: the fields were seen in its webhooks and in public clients, so every one is optional.
Unknown fields are ignored in what is mapped to the model, and kept in the rest, which is only passed on.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator, with_config
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from airflow_provider_sessions.client.api_models import ApiModel, LenientModel
from airflow_provider_sessions.platforms.instants import Instant

_EPOCH = 1e9
"""From here on a number of seconds is no offset but a time, in 2001 or later: no session lasts that long."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


class SessionsUsModel(ApiModel):
    """Base of all responses."""

    model_config = ConfigDict(
        extra="ignore", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )


class Named(SessionsUsModel):
    """An object with an id, and perhaps a slug or a name: the room or the event of a session."""

    id: str | None = None
    slug: str | None = None
    name: str | None = None


class Person(SessionsUsModel):
    """A user or a guest. A booking's guest has the whole name in ``firstName``."""

    id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None

    @property
    def whole_name(self) -> str | None:
        """First and last name, as far as they are given."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or None


class ParticipantItem(SessionsUsModel, LenientModel):
    """One participant: either a user of the platform or a guest."""

    id: str | None = None
    is_owner: bool | None = None
    role: str | None = None
    guest: Person | None = None
    user: Person | None = None


class SessionItem(SessionsUsModel, LenientModel):
    """One session. It has no field for its state: see :func:`.mapping.get_state`."""

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


def _parse_timestamp(value: Any) -> Any:
    """Parse a time, or an offset in seconds. A number as large as a time's is one, in seconds or milliseconds.

    Most texts are parsed by the standard library, which is several times as fast as pydantic; the rest is left to it.
    """
    if isinstance(value, str):
        if "-" in value[1:]:  # not a number, so probably a date
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
"""Seconds from the start."""


class TranscriptText(TypedDict, total=False):
    """The text of an utterance in one language."""

    text: str | None
    language: str | None


@with_config(ConfigDict(alias_generator=to_camel, coerce_numbers_to_str=True))
class TranscriptEntry(TypedDict, total=False):
    """One utterance, in its own language and in translations.

    A session has hundreds of them, and parsing a dictionary takes less than half the time of a model.
    """

    content: list[TranscriptText] | None
    participant_id: str | None
    source_timestamp: Annotated[datetime | Offset | None, BeforeValidator(_parse_timestamp)]
    source_language: str | None


def _default_to_list(content: Any) -> Any:
    return [] if content in (None, {}) else content


TranscriptResponse = Annotated[list[TranscriptEntry], BeforeValidator(_default_to_list)]
"""All utterances of a session; an empty response or object is an empty list."""


class TakeawaysResponse(SessionsUsModel):
    """The platform's summary of a session, if there is one; ``takeawaysRaw`` is a ProseMirror document."""

    takeaways_text: str | None = None
    takeaways_raw: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_to_object(cls, content: Any) -> Any:
        return {} if content in (None, []) else content


class RoomItem(Named):
    """One room. All but id and slug is inferred."""

    model_config = ConfigDict(extra="allow")

    description: str | None = None


class EventItem(SessionsUsModel, LenientModel):
    """One event, with its session. ``published`` and ``public`` are inferred."""

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
    """One booking, with its session. ``status`` is inferred."""

    model_config = ConfigDict(extra="allow")

    id: str | None = None
    name: str | None = None
    start_at: datetime | None = None
    session_id: str | None = None
    participant_name: str | None = None
    participant_email: str | None = None
    status: str | None = None
