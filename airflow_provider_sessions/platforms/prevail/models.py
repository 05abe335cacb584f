"""Models of Prevail's responses, with the platform's names.

Every field is optional and unknown ones are ignored, because most responses are not fully documented. Fields of a
:class:`~airflow_provider_sessions.client.api_models.LenientModel` may also be unreadable.
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
from airflow_provider_sessions.platforms.prevail.zones import add_hours, iana_name, parse_time

STATES: Mapping[str, SessionState] = {
    "initial": SessionState.REQUESTED,
    "scheduled": SessionState.SCHEDULED,
    "ready": SessionState.SCHEDULED,
    "active": SessionState.LIVE,
    "canceled": SessionState.CANCELED,
}
"""Source: Prevail API, Cancel Sessions (documented). No word means that a session has ended."""

TRANSCRIPT_READY = frozenset({"ready", "complete", "completed", "available", "done", "finished", "delivered"})
"""Values of ``transcript_status`` that mean that there is a transcript (inferred, as none was ever observed)."""
_MAX_SECONDS = 1e9
"""From here on a number of seconds is no time within a session: none lasts that long."""


def parse_state(word: str | None, own_words: Mapping[str, SessionState], session_id: str) -> SessionState:
    """Return the state that a word means.

    :param own_words: words from the connection's field ``states``.
    :param session_id: the session, for the error.
    :raises UnknownStateError: neither the documentation nor the connection has the word.
    """
    known = {**STATES, **own_words}
    if word not in known:
        raise UnknownStateError("prevail", word, tuple(known), of=session_id)
    return known[word]


def is_finished(transcript_status: str | None) -> bool:
    """Whether a ``transcript_status`` means that there is a transcript."""
    return (transcript_status or "").strip().lower() in TRANSCRIPT_READY


class PrevailModel(ApiModel):
    """Base of all responses."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True, coerce_numbers_to_str=True)


class Invite(PrevailModel):
    """A person who is invited."""

    email: str | None = None
    access_level: str | None = None
    name: str | None = None


class Deponent(PrevailModel):
    """The person who is deposed."""

    name: str | None = None
    email: str | None = None
    role: str | None = None


_PEOPLE = re.compile(r"session_request(\.deponent|\.invites(\.\d+)?)?|")
"""Names of the parts of a request that hold people."""


def _default_to_object(value: Any) -> Any:
    return {} if value is None else value


def _default_to_list(value: Any) -> Any:
    return [] if value is None else value


def _default_to_text(value: Any) -> Any:
    return "" if value is None else value


def _parse_invites(invites: Any) -> Any:
    """Return invites as objects: they may also be plain addresses."""
    if isinstance(invites, list):
        return [{"email": invite} if isinstance(invite, str) else invite for invite in invites if invite is not None]
    return invites or []


class SessionRequest(PrevailModel):
    """``session_request`` of a request record."""

    session_type: str | None = None
    deponent: Deponent | None = None
    invites: Annotated[list[Invite], FailFast(), BeforeValidator(_parse_invites)] = Field(default_factory=list)


class RemoteSession(PrevailModel):
    """``remote_session`` of a request record."""

    title: str | None = None
    case: str | None = None
    start_date: str | None = None
    start_time: str | None = None
    time_zone: str | None = None
    estimated_duration: float | None = None


def parse_start(planned: RemoteSession) -> datetime | None:
    """Return the planned start.

    :raises MalformedResponseError: it cannot be read.
    """
    return parse_time(planned.start_date, planned.start_time, planned.time_zone)


class PlannedTimes(NamedTuple):
    """When a session is planned. A time that cannot be read is None.

    :param zone: IANA name of the time zone.
    :param unread: the platform's names of the fields that cannot be read, and why.
    """

    start: datetime | None
    end: datetime | None
    zone: str | None
    unread: dict[str, str]


def parse_times(planned: RemoteSession, unread: Mapping[str, str]) -> PlannedTimes:
    """Return when a session is planned.

    :param unread: the fields that have the wrong type, and why.
    """
    problems = {name: reason for name, reason in unread.items() if name in RemoteSession.model_fields}
    start, end, name = None, None, iana_name(planned.time_zone) if planned.time_zone else None
    try:
        name = name and find_zone(name).key
    except InputError as unknown:
        name, problems["time_zone"] = None, str(unknown)
    try:
        # Without one of its fields it would be another time.
        start = None if problems.keys() & {"start_date", "start_time", "time_zone"} else parse_start(planned)
    except MalformedResponseError as unreadable:
        problems["start_time"] = str(unreadable)
    try:
        end = add_hours(start, planned.estimated_duration)
    except MalformedResponseError as unreadable:
        problems["estimated_duration"] = str(unreadable)
    return PlannedTimes(start, end, name, problems)


class ProviderDetails(PrevailModel):
    """How to join with the video provider. The password and the provider's own URL are secrets."""

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
    session_request: Annotated[SessionRequest, BeforeValidator(_default_to_object)] = Field(
        default_factory=SessionRequest
    )
    remote_session: Annotated[RemoteSession, BeforeValidator(_default_to_object)] = Field(default_factory=RemoteSession)
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
    def times(self) -> PlannedTimes:
        """When it is planned."""
        return parse_times(self.remote_session, self.unread_plan)

    @property
    def unread_people(self) -> dict[str, str]:
        """The people who could not be read, and why."""
        return {name: why for name, why in self.unread.items() if _PEOPLE.fullmatch(name)}

    @property
    def join_url(self) -> str | None:
        """The URL for participants; it holds no password."""
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
        """A key that is unique in a list: the slug is not, if a canceled session's was taken again."""
        return f"{self.remote_session_id} (canceled)" if self.is_canceled else self.remote_session_id or repr(self)


class CancelResponse(PrevailModel):
    """The response to a cancelation. Source: Prevail API, Cancel Sessions (documented)."""

    messages: str | list[str] | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_to_empty(cls, content: Any) -> Any:
        return {} if content is None else content


class RecordingItem(PrevailModel, LenientModel):
    """One recording. Source: Prevail API, Access Session Materials (documented)."""

    filename: str | None = None
    type: str | None = None
    user: str | None = None
    size: int | None = None
    presigned_url: SecretStr | None = None
    created_at: datetime | None = None


def _parse_seconds(value: Any) -> Any:
    """Parse a time within a transcript: seconds, or ``hours:minutes:seconds``."""
    if isinstance(value, str) and ":" in value:
        total = 0.0
        for part in value.replace(",", ".").split(":"):
            total = total * 60 + float(part)
        return round(total, 6)
    return value


class TranscriptLine(PrevailModel):
    """One segment: all names are inferred."""

    start: Annotated[float | None, BeforeValidator(_parse_seconds)] = Field(
        default=None,
        ge=0,
        lt=_MAX_SECONDS,
        allow_inf_nan=False,
        validation_alias=AliasChoices("start", "start_time", "startTime", "timestamp"),
    )
    end: Annotated[float | None, BeforeValidator(_parse_seconds)] = Field(
        default=None,
        ge=0,
        lt=_MAX_SECONDS,
        allow_inf_nan=False,
        validation_alias=AliasChoices("end", "end_time", "endTime"),
    )
    speaker: str | None = Field(
        default=None, validation_alias=AliasChoices("speaker", "speaker_name", "user", "participant")
    )
    text: Annotated[str, BeforeValidator(_default_to_text)] = Field(
        default="", validation_alias=AliasChoices("text", "content", "transcript")
    )


class TranscriptItem(PrevailModel):
    """One transcript of a session: all names are inferred."""

    kind: str | None = Field(default=None, validation_alias=AliasChoices("kind", "type"))
    status: str | None = None
    language: str | None = None
    started_at: datetime | None = None
    segments: Annotated[list[TranscriptLine], BeforeValidator(_default_to_list)] = Field(
        default_factory=list, validation_alias=AliasChoices("segments", "lines", "entries", "content")
    )

    @model_validator(mode="after")
    def _is_a_transcript(self) -> Self:
        """Refuse another object: it would pass for a transcript that is never ready."""
        if not self.model_fields_set & {"segments", "status"}:
            raise ValueError("it has neither segments nor a status, so it is no transcript")
        return self
