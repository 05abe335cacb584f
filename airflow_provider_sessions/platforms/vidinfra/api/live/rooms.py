"""Rooms: the places in which sessions are held one after the other; reminders of their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, VidInfraModel, api, body_of
from airflow_provider_sessions.platforms.vidinfra.api.live.auth import UserResponse


class GoogleTagManager(VidInfraModel):
    """Part of a room's analytics."""

    container_id: str | None = None
    enabled: bool | None = None


class RoomAnalytics(VidInfraModel):
    """A room's analytics."""

    google_tag_manager: GoogleTagManager | None = None


class RoomResponse(VidInfraModel):
    """A room: the place in which sessions are held one after the other."""

    id: str | None = None
    host_id: str | None = None
    host: UserResponse | None = None
    library_id: str | None = None
    title: str | None = None
    description: str | None = None
    analytics: RoomAnalytics | None = None
    active_session_id: str | None = None
    created_at: Instant = None
    updated_at: Instant = None


class ReminderResponse(VidInfraModel):
    """Whether the account is reminded of a room's sessions. The field is inferred."""

    subscribed: bool | None = None


@api("GET", "/rooms", documented=True, scoped=True)
def list_rooms(*, limit: int = 100) -> Paged[RoomResponse]:
    """List all rooms.

    :param limit: rooms a page; the platform may give fewer.
    Source: VidInfra Live API, List all rooms (public); documented.
    """
    return paged(RoomResponse, PageLimit(limit), unwrap=("data", "rooms"))


@api("POST", "/rooms", documented=True, scoped=True)
def create_room(
    title: str, *, description: str | None = None, analytics: Mapping[str, Any] | None = None
) -> Call[RoomResponse]:
    """Make a room. Host only.

    :param title: 3 to 255 characters.
    :param description: a text for its page.
    :param analytics: ``{"google_tag_manager": {"container_id": ..., "enabled": ...}}``.
    :raises PermissionDeniedError: the credential is no host's.
    :raises RejectedError: the title is too short or too long.
    Source: VidInfra Live API, Create a new room; documented.
    """
    body = body_of(title=title, description=description, analytics=analytics)
    return call(RoomResponse, body=body, unwrap=("data", "room"))


@api("GET", "/rooms/my", documented=True, scoped=True)
def list_my_rooms() -> Paged[RoomResponse]:
    """List the rooms of the account.

    :raises AuthenticationError: the credential is missing or wrong.
    Source: VidInfra Live API, List my rooms; documented.
    """
    return paged(RoomResponse, NO_PAGES, unwrap=("data", "rooms"))


@api("GET", "/rooms/{room_id}", documented=True, scoped=True)
def get_room(room_id: str) -> Call[RoomResponse]:
    """Get one room.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room.
    Source: VidInfra Live API, Get room by ID (public); documented.
    """
    return call(RoomResponse, unwrap=("data", "room"))


@api("PATCH", "/rooms/{room_id}", documented=True, scoped=True, repeatable=True)
def update_room(
    room_id: str,
    *,
    title: str | None = None,
    description: str | None = None,
    analytics: Mapping[str, Any] | None = None,
) -> Call[RoomResponse]:
    """Change a room. Host only. What is not given stays.

    :param room_id: the room's UUID.
    :param title: 3 to 255 characters.
    :param description: a text for its page.
    :param analytics: ``{"google_tag_manager": {"container_id": ..., "enabled": ...}}``.
    :raises PermissionDeniedError: the room is not the account's.
    Source: VidInfra Live API, Update a room; documented.
    """
    body = body_of(title=title, description=description, analytics=analytics)
    return call(RoomResponse, body=body, unwrap=("data", "room"))


@api("DELETE", "/rooms/{room_id}", documented=True, scoped=True)
def delete_room(room_id: str) -> Call[Acknowledged]:
    """Delete a room. Host only.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room; also the response to a repetition that came after a success.
    Source: VidInfra Live API, Delete a room; documented.
    """
    return call(Acknowledged)


@api("POST", "/rooms/{room_id}/reminders", documented=False, scoped=True)
def subscribe_to_reminders(room_id: str) -> Call[Acknowledged]:
    """Have the account reminded of a room's sessions.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room.
    Source: VidInfra Live API, Subscribe to room reminders; the name alone, all else is inferred.
    """
    return call(Acknowledged)


@api("DELETE", "/rooms/{room_id}/reminders", documented=False, scoped=True)
def unsubscribe_from_reminders(room_id: str) -> Call[Acknowledged]:
    """Have the account reminded of a room's sessions no longer.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room, or no subscription.
    Source: VidInfra Live API, Unsubscribe from room reminders; the name alone, all else is inferred.
    """
    return call(Acknowledged)


@api("GET", "/rooms/{room_id}/reminders/my", documented=False, scoped=True)
def get_reminder_status(room_id: str) -> Call[ReminderResponse]:
    """Get whether the account is reminded of a room's sessions.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room.
    Source: VidInfra Live API, Get my reminder subscription status; the name alone, all else is inferred.
    """
    return call(ReminderResponse, unwrap=("data",))
