"""Rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.nest import conflict, invalid, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import Room
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


@routes("GET", "/rooms", documented=True, access="user")
def list_rooms(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 rooms for the current user, paginated; those shared with them too."""
    user = lookup.caller(asked)
    seen = [room for room in platform.rooms.values() if not room.deleted]
    mine = [room for room in seen if room.owner == user or user.id in room.shared_with]
    return [response_bodies.room(room, asked) for room in lookup.page(platform, asked, mine)]


@routes("POST", "/rooms", documented=True, access="user", status=201)
def create_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a room."""
    body = lookup.body(platform, asked, request_bodies.CreateRoom)
    return response_bodies.room(_add(platform, asked, body.name, body.slug, body.description, body.settings), asked)


def _add(
    platform: SessionsUs, asked: PlatformRequest, name: str, slug: str | None, description: str, fields: dict[str, Any]
) -> Room:
    """Keep a new room.

    :raises ApiError: 409, the slug is taken. One that is made of the name gets a number instead.
    """
    taken = {room.slug for room in platform.rooms.values() if not room.deleted}
    if slug in taken:
        raise conflict("A room with this slug already exists")
    room = platform.new_room(lookup.caller(asked), name, slug or platform.free_slug(name, taken), asked.now)
    room.description, room.fields = description, dict(fields)
    return room


@routes("GET", "/rooms/{id}", documented=True, access="user")
def get_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns a specific room."""
    return response_bodies.room(lookup.room(platform, asked), asked)


@routes("PUT", "/rooms/{id}", documented=True, access="user")
def update_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a room."""
    room, body = lookup.room(platform, asked, own=True), lookup.body(platform, asked, request_bodies.UpdateRoom)
    room.name = body.name or room.name
    room.description = room.description if body.description is None else body.description
    room.fields |= body.settings or {}
    room.updated_at = asked.now
    return response_bodies.room(room, asked)


@routes("DELETE", "/rooms/{id}", documented=True, access="user")
def delete_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete a room; its sessions stay."""
    room = lookup.room(platform, asked, own=True)
    room.deleted = True
    return platform.deleted(response_bodies.room(room, asked))


@routes("POST", "/rooms/{id}/clone", documented=True, access="user", status=201)
def clone_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Clone a room."""
    room, body = lookup.room(platform, asked), lookup.body(platform, asked, request_bodies.CloneRoom)
    name = body.name or f"Copy of {room.name}"
    return response_bodies.room(_add(platform, asked, name, body.slug, room.description, room.fields), asked)


@routes("POST", "/rooms/{id}/share", documented=True, access="user", status=201)
def share_room(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Share a room with other users."""
    room, body = lookup.room(platform, asked, own=True), lookup.body(platform, asked, request_bodies.ShareRoom)
    if not (body.emails or body.user_ids):
        raise invalid("emails", "should not be empty")
    users = [platform.user_by_email(email) for email in body.emails]
    users += [platform.population.by_id.get(str(user_id)) for user_id in body.user_ids]
    for user in users:
        if user is None:
            raise not_found("User")
    room.shared_with = list(dict.fromkeys([*room.shared_with, *(user.id for user in users if user)]))
    room.updated_at = asked.now
    return response_bodies.room(room, asked)
