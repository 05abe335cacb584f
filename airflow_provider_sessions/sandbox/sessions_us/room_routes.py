"""Routes for rooms."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, routes
from airflow_provider_sessions.sandbox.sessions_us.state import Room


@routes("GET", "/rooms", documented=True, access="user")
def list_rooms(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 rooms for the current user, paginated; shared rooms too."""
    user = lookup.caller(request)
    existing = [room for room in platform.rooms.values() if not room.deleted]
    mine = [room for room in existing if room.owner == user or user.id in room.shared_with]
    return [response_bodies.room(room, request) for room in lookup.page(platform, request, mine)]


@routes("POST", "/rooms", documented=True, access="user", status=201)
def create_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a room."""
    body = lookup.body(platform, request, request_bodies.CreateRoom)
    return response_bodies.room(_add(platform, request, body.name, body.slug, body.description, body.settings), request)


def _add(
    platform: SessionsUs, request: ApiRequest, name: str, slug: str | None, description: str, fields: dict[str, Any]
) -> Room:
    """Store a new room.

    :raises ApiError: 409, the slug is taken. A slug that is made from the name gets a number instead.
    """
    taken = {room.slug for room in platform.rooms.values() if not room.deleted}
    if slug in taken:
        raise lookup.conflict("A room with this slug already exists")
    room = platform.add_room(lookup.caller(request), name, slug or platform.find_free_slug(name, taken), request.now)
    room.description, room.fields = description, dict(fields)
    return room


@routes("GET", "/rooms/{id}", documented=True, access="user")
def get_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns a specific room."""
    return response_bodies.room(lookup.room(platform, request), request)


@routes("PUT", "/rooms/{id}", documented=True, access="user")
def update_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a room."""
    room, body = lookup.room(platform, request, own=True), lookup.body(platform, request, request_bodies.UpdateRoom)
    room.name = body.name or room.name
    room.description = room.description if body.description is None else body.description
    room.fields |= body.settings or {}
    room.updated_at = request.now
    return response_bodies.room(room, request)


@routes("DELETE", "/rooms/{id}", documented=True, access="user")
def delete_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete a room; its sessions stay."""
    room = lookup.room(platform, request, own=True)
    room.deleted = True
    return platform.build_delete_response(response_bodies.room(room, request))


@routes("POST", "/rooms/{id}/clone", documented=True, access="user", status=201)
def clone_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Clone a room."""
    room, body = lookup.room(platform, request), lookup.body(platform, request, request_bodies.CloneRoom)
    name = body.name or f"Copy of {room.name}"
    return response_bodies.room(_add(platform, request, name, body.slug, room.description, room.fields), request)


@routes("POST", "/rooms/{id}/share", documented=True, access="user", status=201)
def share_room(platform: SessionsUs, request: ApiRequest) -> Any:
    """Share a room with other users."""
    room, body = lookup.room(platform, request, own=True), lookup.body(platform, request, request_bodies.ShareRoom)
    if not (body.emails or body.user_ids):
        raise lookup.invalid("emails", "should not be empty")
    users = [platform.find_user(email) for email in body.emails]
    users += [platform.population.by_id.get(str(user_id)) for user_id in body.user_ids]
    for user in users:
        if user is None:
            raise lookup.not_found("User")
    room.shared_with = list(dict.fromkeys([*room.shared_with, *(user.id for user in users if user)]))
    room.updated_at = request.now
    return response_bodies.room(room, request)
