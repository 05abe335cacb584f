"""Prevail's answers, exactly as it names things, and how they read in our words.

Every field is optional and unknown ones are passed over, because most of what is answered was never documented whole.
Fields of a :class:`~airflow_provider_sessions.client.api_models.LenientModel` may also be unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AliasChoices, BeforeValidator, ConfigDict, FailFast, Field, SecretStr, model_validator

from airflow_provider_sessions.client.api_models import ApiModel, LenientModel
from airflow_provider_sessions.errors import InputError, MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.model.values import find_zone
from airflow_provider_sessions.platforms.prevail.zones import end_of, iana_name, read_time

STATES: Mapping[str, SessionState] = {
    "initial": SessionState.REQUESTED,
    "scheduled": SessionState.SCHEDULED,
    "ready": SessionState.SCHEDULED,
    "active": SessionState.LIVE,
    "canceled": SessionState.CANCELED,
}
"""Source: Prevail API, Cancel Sessions (documented). There is no word for an ended session."""

TRANSCRIPT_READY = frozenset({"ready", "complete", "completed", "available", "done", "finished", "delivered"})
"""Values of ``transcript_status`` that are taken to mean that there is a transcript: inferred, none was ever seen."""


_NEVER = 1e9
"""A number of seconds that no session lasts: it was meant as something else than a time within one."""


def state_of(word: str | None, own_words: Mapping[str, SessionState], of: str) -> SessionState:
    """Our word for a state.

    :param own_words: words that the connection adds in its ``states`` field.
    :param of: id of the session, for the error.
    :raises UnknownStateError: neither the documentation nor the connection knows the word.
    """
    known = {**STATES, **own_words}
    if word not in known:
        raise UnknownStateError("prevail", word, tuple(known), of=of)
    return known[word]


def is_finished(transcript_status: str | None) -> bool:
    """Whether a ``transcript_status`` says that the transcript is there."""
    return (transcript_status or "").strip().lower() in TRANSCRIPT_READY


class PrevailModel(ApiModel):
    """An answer of the platform: lenient."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, coerce_numbers_to_str=True)


class Invite(PrevailModel):
    """A person invited."""

    email: str | None = None
    access_level: str | None = None
    name: str | None = None


class Deponent(PrevailModel):
    """The person deposed."""

    name: str | None = None
    email: str | None = None
    role: str | None = None


_PEOPLE = re.compile(r"session_request(\.deponent|\.invites(\.\d+)?)?|")
"""Names of the parts of a request that hold people."""


def _object(value: Any) -> Any:
    return {} if value is None else value


def _list(value: Any) -> Any:
    return [] if value is None else value


def _text(value: Any) -> Any:
    return "" if value is None else value


def _as_objects(invites: Any) -> Any:
    """Invites come as objects or as plain addresses."""
    if isinstance(invites, list):
        return [{"email": invite} if isinstance(invite, str) else invite for invite in invites if invite is not None]
    return invites or []


class SessionRequest(PrevailModel):
    """``session_request`` of a request record."""

    session_type: str | None = None
    deponent: Deponent | None = None
    invites: Annotated[list[Invite], FailFast(), BeforeValidator(_as_objects)] = Field(default_factory=list)


class RemoteSession(PrevailModel):
    """``remote_session`` of a request record."""

    title: str | None = None
    case: str | None = None
    start_date: str | None = None
    start_time: str | None = None
    time_zone: str | None = None
    estimated_duration: float | None = None


def start_of(planned: RemoteSession) -> datetime | None:
    """The planned start.

    :raises MalformedResponseError: it cannot be read.
    """
    return read_time(planned.start_date, planned.start_time, planned.time_zone)


class Times(NamedTuple):
    """When a session is planned. What cannot be read is None.

    :param zone: IANA name of the zone.
    :param unread: the platform's names of the fields that cannot be read, and why.
    """

    start: datetime | None
    end: datetime | None
    zone: str | None
    unread: dict[str, str]


def times_of(planned: RemoteSession, unread: Mapping[str, str]) -> Times:
    """When a session is planned.

    :param unread: fields that could not be read at all.
    """
    problems = {name: reason for name, reason in unread.items() if name in RemoteSession.model_fields}
    start, end, name = None, None, iana_name(planned.time_zone) if planned.time_zone else None
    try:
        name = name and find_zone(name).key
    except InputError as unknown:
        name, problems["time_zone"] = None, str(unknown)
    try:
        # Without its zone, or a part of it, another time would be meant.
        start = None if problems.keys() & {"start_date", "start_time", "time_zone"} else start_of(planned)
    except MalformedResponseError as unreadable:
        problems["start_time"] = str(unreadable)
    try:
        end = end_of(start, planned.estimated_duration)
    except MalformedResponseError as unreadable:
        problems["estimated_duration"] = str(unreadable)
    return Times(start, end, name, problems)


class ProviderDetails(PrevailModel):
    """How to join with the video provider. Password and the provider's own join address are secrets."""

    meeting_id: int | str | None = None
    password: SecretStr | None = None
    provider_join_url: SecretStr | None = None
    prevail_join_url: str | None = None


class RequestRecord(PrevailModel, LenientModel):
    """One item of ``requests``. Source: Prevail API, Schedule Sessions (documented by example)."""

    id: int | None = None
    session_state: str | None = None
    session_url: str | None = None
    remote_session_id: str | None = None
    session_request: Annotated[SessionRequest, BeforeValidator(_object)] = Field(default_factory=SessionRequest)
    remote_session: Annotated[RemoteSession, BeforeValidator(_object)] = Field(default_factory=RemoteSession)
    provider_specific_details: ProviderDetails | None = None

    @property
    def unread_plan(self) -> dict[str, str]:
        """The fields of ``remote_session`` that could not be read, and why."""
        whole = self.unread.get("remote_session") or self.unread.get("")
        if whole is not None:
            return dict.fromkeys(RemoteSession.model_fields, whole)
        prefix = "remote_session."
        return {name.removeprefix(prefix): why for name, why in self.unread.items() if name.startswith(prefix)}

    @property
    def times(self) -> Times:
        """When it is planned."""
        return times_of(self.remote_session, self.unread_plan)

    @property
    def unread_people(self) -> dict[str, str]:
        """The people who could not be read, and why: without them the others would not be all."""
        return {name: why for name, why in self.unread.items() if _PEOPLE.fullmatch(name)}

    @property
    def join_url(self) -> str | None:
        """The address for participants that holds no password."""
        return (self.provider_specific_details or ProviderDetails()).prevail_join_url or self.session_url

    @property
    def is_canceled(self) -> bool:
        """Whether another session may have taken its slug."""
        return self.session_state == "canceled"


class SessionRecord(RemoteSession, LenientModel):
    """One item of ``sessions``. Source: Prevail API, Edit Sessions (documented by example, cut)."""

    remote_session_id: str | None = None
    state: str | None = Field(default=None, validation_alias=AliasChoices("state", "session_state"))
    session_url: str | None = None
    transcript_status: str | None = None

    @property
    def is_canceled(self) -> bool:
        """Whether another session may have taken its slug."""
        return self.state == "canceled"

    @property
    def place(self) -> str:
        """What tells it from others in a list: its slug does not, where one was freed and taken again."""
        return f"{self.remote_session_id} (canceled)" if self.is_canceled else self.remote_session_id or repr(self)


class CancelAnswer(PrevailModel):
    """The answer to a cancelation. Source: Prevail API, Cancel Sessions (documented)."""

    messages: str | list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_none(cls, content: Any) -> Any:
        return {} if content is None else content


class RecordingItem(PrevailModel, LenientModel):
    """One recording. Source: Prevail API, Access Session Materials (documented)."""

    filename: str | None = None
    type: str | None = None
    user: str | None = None
    size: int | None = None
    presigned_url: SecretStr | None = None
    created_at: datetime | None = None


def _seconds(value: Any) -> Any:
    """A time within a transcript: seconds, or ``hours:minutes:seconds``."""
    if isinstance(value, str) and ":" in value:
        total = 0.0
        for part in value.replace(",", ".").split(":"):
            total = total * 60 + float(part)
        return round(total, 6)
    return value


class TranscriptLine(PrevailModel):
    """One stretch of speech: all names are inferred."""

    start: Annotated[float | None, BeforeValidator(_seconds)] = Field(
        default=None,
        ge=0,
        lt=_NEVER,
        allow_inf_nan=False,
        validation_alias=AliasChoices("start", "start_time", "startTime", "timestamp"),
    )
    end: Annotated[float | None, BeforeValidator(_seconds)] = Field(
        default=None, ge=0, lt=_NEVER, allow_inf_nan=False, validation_alias=AliasChoices("end", "end_time", "endTime")
    )
    speaker: str | None = Field(
        default=None, validation_alias=AliasChoices("speaker", "speaker_name", "user", "participant")
    )
    text: Annotated[str, BeforeValidator(_text)] = Field(
        default="", validation_alias=AliasChoices("text", "content", "transcript")
    )


class TranscriptItem(PrevailModel):
    """One transcript of a session: all names are inferred."""

    kind: str | None = Field(default=None, validation_alias=AliasChoices("kind", "type"))
    status: str | None = None
    language: str | None = None
    started_at: datetime | None = None
    segments: Annotated[list[TranscriptLine], BeforeValidator(_list)] = Field(
        default_factory=list, validation_alias=AliasChoices("segments", "lines", "entries", "content")
    )

    @model_validator(mode="after")
    def _is_a_transcript(self) -> Self:
        """Something else would pass for a transcript that is not there yet, for ever."""
        if not self.model_fields_set & {"segments", "status"}:
            raise ValueError("it has neither segments nor a status; was another path or shape meant?")
        return self
