"""What the stand-in for VidInfra stores: accounts, tokens, rooms, presets, and what its sessions have besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import jwt
from pydantic import Field

from airflow_provider_sessions.sandbox.attendees import Person, Presence
from airflow_provider_sessions.sandbox.identifiers import IdGenerator, stable_id
from airflow_provider_sessions.sandbox.platform_state import PlatformSettings, SessionDraft, StoredSession
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, verify_signature
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.request_bodies import Mode

RoleName = Literal["co_host", "moderator"]
Object = dict[str, Any]
"""A JSON object that has no rules of its own."""


class Settings(PlatformSettings):
    """How this VidInfra behaves where its documentation is silent.

    :param access_token_lifetime: seconds until an access token expires.
    :param rotate_refresh_tokens: whether a refresh returns a new refresh token and revokes the old one.
    :param download_lifetime: seconds until a download URL expires.
    :param recording_bytes: size of a recording.
    :param max_limit: the largest page size, whatever ``limit`` requests.
    :param late_attendance: the attendance between a session's end and the time it is ready: ``open``: people still
        count as watching; ``empty``: the list is empty.
    :param range_support: whether downloads support byte ranges.
    :param files_origin: scheme, host and port in download URLs; None: the sandbox's own.
    """

    access_token_lifetime: int = Field(default=900, ge=1)
    rotate_refresh_tokens: bool = True
    download_lifetime: int = Field(default=900, ge=1)
    recording_bytes: int = Field(default=200_000, ge=0)
    max_limit: int = Field(default=100, ge=1)
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
        """The account as an attendee."""
        return Person(self.id, self.username, self.email, self.created_at)


@dataclass(frozen=True)
class Caller:
    """The authenticated account, and what its credential allows."""

    account: Account
    by_token: bool
    may_host: bool


class Tokens:
    """The issued tokens."""

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids
        self.secret = ids.token("signing secret", 64)
        self.refresh: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.codes: dict[str, tuple[str, datetime]] = {}
        self._generation = 0

    def issue_access(self, account: Account, now: datetime, lifetime: int) -> str:
        """Issue an access token that expires after ``lifetime`` seconds."""
        claims = {
            "sub": account.id,
            "role": account.role,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + lifetime,
            "jti": self._ids.new("token"),
            "gen": self._generation,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def verify(self, token: str, now: datetime) -> str:
        """Verify an access token and return the id of its account.

        :raises ApiError: 401, the token is forged, expired or revoked.
        """
        try:
            claims = verify_signature(token, self.secret)
        except jwt.InvalidTokenError as error:
            raise unauthorized("Invalid token") from error
        if claims["exp"] <= now.timestamp():
            raise unauthorized("Token has expired")
        if claims["gen"] != self._generation:
            raise unauthorized("Token has been revoked")
        return str(claims["sub"])

    def issue_refresh(self, account: Account) -> str:
        """Issue a refresh token."""
        token = self._ids.token("refresh", 64)
        self.refresh[token] = account.id
        return token

    def revoke_all(self) -> None:
        """Revoke all access and refresh tokens."""
        self._generation += 1
        self.refresh.clear()


def unauthorized(reason: str) -> ApiError:
    """Return the error for an invalid credential."""
    return ApiError(401, reason, code="unauthorized", gateway=True)


def not_found() -> ApiError:
    """Return the documented error for everything that does not exist."""
    return ApiError(404, "Resource not found", gateway=True)


@dataclass
class Room:
    """A room, which holds one live session at a time."""

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
    """A set of session settings; ``fields`` are those of the request that created it."""

    id: str
    user_id: str
    library_id: str | None
    fields: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted: bool = False


@dataclass
class Recording:
    """A recording of a session, which starts with the session or on request, and stops likewise."""

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
    """Somebody who is co-host or moderator of a session."""

    id: str
    user_id: str
    role: RoleName
    assigned_at: datetime
    assigned_by: Account
    removed_at: datetime | None = None


class StoredObjects:
    """Objects without rules of their own, by kind and id, in the order of creation."""

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids
        self._kinds: dict[str, dict[str, Object]] = {}

    def add(self, kind: str, request: ApiRequest, **fields: Any) -> Object:
        """Store a new object with an id, created at the time of the request."""
        now = rfc3339(request.now)
        return self.put(kind, {"id": self._ids.new(kind), "created_at": now, "updated_at": now, **fields})

    def put(self, kind: str, new: Object) -> Object:
        """Store an object that has an id."""
        self._kinds.setdefault(kind, {})[new["id"]] = new
        return new

    def find_all(self, kind: str, fields: Mapping[str, Any]) -> Iterator[Object]:
        """Return all objects of a kind with these fields."""
        stored = list(self._kinds.get(kind, {}).values())
        return (each for each in stored if all(each.get(name) == value for name, value in fields.items()))

    def get(self, kind: str, object_id: str, fields: Mapping[str, Any]) -> Object:
        """Return the object of a kind with this id and these fields.

        :raises ApiError: 404.
        """
        found = next((each for each in self.find_all(kind, fields) if each["id"] == object_id), None)
        if found is None:
            raise not_found()
        return found

    def delete(self, kind: str, object_id: str) -> None:
        """Delete an object."""
        del self._kinds[kind][object_id]


class VidInfraDraft(SessionDraft):
    """A webinar that a test creates.

    :param room_id: its room; by default the one that exists from the start.
    :param preset_id: its preset; by default the one that exists from the start.
    :param co_hosts: number of co-hosts.
    :param moderators: number of moderators.
    :param polls: number of polls, the last of which stays active.
    :param chat_messages: number of messages in the chat, every fifth of them to one person.
    """

    room_id: str | None = None
    preset_id: str | None = None
    mode: Mode = "webcam"
    description: str = ""
    co_hosts: int = Field(default=0, ge=0, le=10)
    moderators: int = Field(default=0, ge=0, le=10)
    polls: int = Field(default=0, ge=0, le=100)
    chat_messages: int = Field(default=0, ge=0, le=10_000)


@dataclass(kw_only=True)
class Webinar(StoredSession):
    """A session on VidInfra."""

    room_id: str
    preset_id: str
    mode: Mode
    description: str
    stream_key: str = field(repr=False)
    updated_at: datetime
    overrides: dict[str, Any] = field(default_factory=dict)
    recordings: list[Recording] = field(default_factory=list)
    recorded_from_start: bool = False
    visits: list[Visit] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)


def attendance_rows(session: Webinar, presences: list[Presence]) -> list[dict[str, Any]]:
    """Return an AttendanceResponse for each person; durations are summed over all connections, parallel ones too."""
    people: dict[str, list[Presence]] = {}
    for presence in presences:
        people.setdefault(presence.person.id, []).append(presence)
    return [_attendance_row(session, connections) for connections in people.values()]


def _attendance_row(session: Webinar, connections: list[Presence]) -> dict[str, Any]:
    person = connections[0].person
    last = max(connections, key=lambda presence: presence.last_seen_at)
    is_connected = any(
        presence.left_at is None for presence in connections if presence.last_seen_at == last.last_seen_at
    )
    return {
        "id": stable_id(session.id, person.id, "attendance"),
        "session_id": session.id,
        "user_id": person.id,
        "username": person.name,
        "email": person.email,
        "is_guest": person.is_guest,
        "joined_at": rfc3339(min(presence.joined_at for presence in connections)),
        "left_at": None if is_connected else rfc3339(last.left_at),
        "last_seen_at": rfc3339(last.last_seen_at),
        "watch_duration": int(sum(presence.seconds for presence in connections)),
        "join_count": len(connections),
    }
