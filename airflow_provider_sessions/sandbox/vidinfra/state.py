"""What the stand-in for VidInfra keeps: accounts, rooms, presets, and what is special about its sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.platform_state import SessionDraft, StoredSession

Mode = Literal["webcam", "rtmp"]
RoleName = Literal["co_host", "moderator"]


class Settings(BaseModel):
    """How this VidInfra behaves where its documentation is silent.

    :param access_token_lifetime: seconds until a login's token expires.
    :param rotate_refresh_tokens: whether a refresh gives a new refresh token and ends the old one.
    :param download_lifetime: seconds until a download URL expires.
    :param recording_bytes: size of a recording.
    :param max_limit: the most items a page has, whatever ``limit`` asks for.
    :param newest_first: order of the lists of sessions, by creation.
    :param late_attendance: the attendance between a session's end and the moment it is ready: ``open``: people still
        count as watching; ``empty``: the list is empty.
    :param range_support: whether parts of a recording can be asked for.
    :param files_origin: scheme, host and port in download URLs; the sandbox's own if None.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    access_token_lifetime: int = Field(default=900, ge=1)
    rotate_refresh_tokens: bool = True
    download_lifetime: int = Field(default=900, ge=1)
    recording_bytes: int = Field(default=200_000, ge=0)
    max_limit: int = Field(default=100, ge=1)
    newest_first: bool = True
    late_attendance: Literal["open", "empty"] = "open"
    range_support: bool = True
    files_origin: str | None = None


@dataclass
class Account:
    """A host, or a viewer who registered a device."""

    id: str
    external_user_id: str
    organization_id: str
    email: str | None
    username: str
    role: Literal["host", "viewer"]
    created_at: datetime
    password: str = field(default="", repr=False)
    library_id: str | None = None

    @property
    def person(self) -> Person:
        """The account as somebody who attends."""
        return Person(self.id, self.username, self.email, self.created_at)


@dataclass
class Room:
    """A room; its sessions come one after the other."""

    id: str
    host_id: str
    library_id: str | None
    title: str
    description: str
    created_at: datetime
    updated_at: datetime
    analytics: dict[str, Any] | None = None
    deleted: bool = False


@dataclass
class Preset:
    """A bundle of session settings; ``fields`` are those of the request that made it."""

    id: str
    user_id: str
    library_id: str | None
    fields: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted: bool = False


@dataclass
class Take:
    """One recording of a session: from the start or a click, to the end or a click."""

    id: str
    egress_id: str
    started_at: datetime
    name: str
    stopped_at: datetime | None = None
    renamed_at: datetime | None = None
    deleted: bool = False


@dataclass
class Visit:
    """Somebody who joined through the API."""

    person: Person
    joined_at: datetime
    left_at: datetime | None = None


@dataclass
class Role:
    """Somebody made co-host or moderator of a session."""

    id: str
    user_id: str
    role: RoleName
    assigned_at: datetime
    assigned_by: Account
    removed_at: datetime | None = None


class VidInfraDraft(SessionDraft):
    """A webinar made by hand.

    :param room_id: its room; the one that is there from the start if not given.
    :param preset_id: its preset; the one that is there from the start if not given.
    :param co_hosts: how many people are made co-hosts.
    :param moderators: how many people are made moderators.
    """

    room_id: str | None = None
    preset_id: str | None = None
    mode: Mode = "webcam"
    description: str = ""
    co_hosts: int = Field(default=0, ge=0, le=10)
    moderators: int = Field(default=0, ge=0, le=10)


@dataclass(kw_only=True)
class Webinar(StoredSession):
    """A session as VidInfra knows it."""

    room_id: str
    preset_id: str
    mode: Mode
    description: str
    stream_key: str = field(repr=False)
    updated_at: datetime
    overrides: dict[str, Any] = field(default_factory=dict)
    takes: list[Take] = field(default_factory=list)
    recorded_from_start: bool = False
    visits: list[Visit] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
