"""Rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.pages import page, whole
from airflow_provider_sessions.sandbox.vidinfra.state import Room
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def _rooms(vidinfra: VidInfra, asked: PlatformRequest) -> list[Room]:
    library_id = asked.args.get("library_id")
    rooms = [room for room in vidinfra.rooms.values() if not room.deleted]
    return [room for room in rooms if library_id in (None, room.library_id)]


@routes("GET", "/rooms", documented=True, access="public", scoped=True)
def list_rooms(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List all rooms."""
    chosen, facts = page(vidinfra, asked, _rooms(vidinfra, asked))
    return {"rooms": [response_bodies.room(vidinfra, room) for room in chosen], **facts}


@routes("POST", "/rooms", documented=True, access="host", status=201, scoped=True)
def create_room(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Create a new room; the answer alone of all is wrapped in ``room``."""
    body, host = asked.read(request_bodies.CreateRoom), asked.caller.account
    room = Room(
        id=vidinfra.ids.new("room"),
        host_id=host.id,
        library_id=asked.args.get("library_id", host.library_id),
        title=body.title,
        description=body.description,
        created_at=asked.now,
        updated_at=asked.now,
        analytics=body.analytics,
    )
    vidinfra.rooms[room.id] = room
    return {"room": response_bodies.room(vidinfra, room)}


@routes("GET", "/rooms/my", documented=True, access="user", scoped=True)
def list_my_rooms(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List my rooms."""
    mine = [room for room in _rooms(vidinfra, asked) if room.host_id == asked.caller.account.id]
    return {"rooms": [response_bodies.room(vidinfra, room) for room in mine], **whole(mine)}


@routes("GET", "/rooms/{id}", documented=True, access="public", scoped=True)
def get_room(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get room by ID."""
    return response_bodies.room(vidinfra, lookup.room(vidinfra, asked))


@routes("PATCH", "/rooms/{id}", documented=True, access="host", scoped=True)
def update_room(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Update a room."""
    room = lookup.room(vidinfra, asked, own=True)
    for name, value in asked.read(request_bodies.UpdateRoom).model_dump(exclude_none=True).items():
        setattr(room, name, value)
    room.updated_at = asked.now
    return response_bodies.room(vidinfra, room)


@routes("DELETE", "/rooms/{id}", documented=True, access="host", scoped=True)
def delete_room(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Delete a room that has no sessions."""
    room = lookup.room(vidinfra, asked, own=True)
    if any(session.room_id == room.id for session in vidinfra.all()):
        raise ApiError(409, "The room still has sessions")
    room.deleted = True
    return {"message": "Room deleted"}
