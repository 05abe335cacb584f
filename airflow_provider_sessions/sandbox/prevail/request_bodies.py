"""Prevail's request bodies, as its help pages document them; what these do not forbid is allowed."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from airflow_provider_sessions.sandbox.prevail.rails import slug_of, zone_of


def _date(text: str) -> str:
    date.fromisoformat(text)
    return text


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _sluggable(text: str) -> str:
    if text and not slug_of(text):
        raise ValueError("contains no letter or digit to make a URL from")
    return text


Text = Annotated[str, Field(pattern=r"\S")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$")]
StartDate = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_date)]
StartTime = Annotated[str, Field(pattern=r"^(0[1-9]|1[0-2]):[0-5]\d (AM|PM)$")]
ZoneName = Annotated[str, AfterValidator(_zone)]
Hours = Annotated[float, Field(gt=0)]


class Invitee(BaseModel):
    """An item of ``invites`` in object form."""

    email: Email
    access_level: Literal["host", "participant"] | None = None


class Deponent(BaseModel):
    """``session_request.deponent``."""

    name: str | None = None
    email: Email | None = None
    role: Literal["deponent", "witness"] | None = None


class RemoteSession(BaseModel):
    """``session_request.remote_session``."""

    title: Annotated[Text, AfterValidator(_sluggable)]
    remote_session_id: Annotated[str, AfterValidator(_sluggable)] | None = None
    case: Text
    start_date: StartDate
    start_time: StartTime
    time_zone: ZoneName
    estimated_duration: Hours | None = None


class Details(BaseModel):
    """``session_request.session_details``; an empty text means that the field is not set."""

    languages: str | None = None
    interpreter: str | None = None
    additional_details: str | None = None
    preferred_manager: str | None = None
    video_provider: str | None = None
    session_type: str | None = None


class SessionRequest(BaseModel):
    """``session_request``."""

    invites: list[Email | Invitee] = []
    deponent: Deponent | None = None
    remote_session: RemoteSession
    session_details: Details = Details()


class Create(BaseModel):
    """The body that creates a session or request."""

    session_request: SessionRequest


class Changes(BaseModel):
    """``remote_session`` of an edit."""

    title: Text | None = None
    start_date: StartDate | None = None
    start_time: StartTime | None = None
    time_zone: ZoneName | None = None
    estimated_duration: Hours | None = None
    invites: list[Email | Invitee] = []

    @model_validator(mode="after")
    def _all_times_or_none(self) -> Self:
        given = [part is not None for part in (self.start_date, self.start_time, self.time_zone)]
        if any(given) and not all(given):
            raise ValueError("start_date, start_time and time_zone must be sent together")
        return self


class Edit(BaseModel):
    """The body of an edit."""

    remote_session: Changes
