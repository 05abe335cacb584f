"""Routes for rooms and presets."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import Preset, Room


def _rooms(vidinfra: VidInfra, request: ApiRequest) -> list[Room]:
    library_id = request.path_params.get("library_id")
    rooms = [room for room in vidinfra.rooms.values() if not room.deleted]
    return [room for room in rooms if library_id in (None, room.library_id)]


@routes("GET", "/rooms", documented=True, access="public", scoped=True)
def list_rooms(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List all rooms."""
    chosen, page_fields = lookup.page(vidinfra, request, _rooms(vidinfra, request))
    return {"rooms": [response_bodies.room(vidinfra, room) for room in chosen], **page_fields}


@routes("POST", "/rooms", documented=True, access="host", status=201, scoped=True)
def create_room(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Create a new room; only this response is wrapped in ``room``."""
    body, host = request.parse_body(request_bodies.CreateRoom), request.caller.account
    room = Room(
        id=vidinfra.ids.new("room"),
        host_id=host.id,
        library_id=request.path_params.get("library_id", host.library_id),
        title=body.title,
        description=body.description,
        created_at=request.now,
        updated_at=request.now,
        analytics=body.analytics,
    )
    vidinfra.rooms[room.id] = room
    return {"room": response_bodies.room(vidinfra, room)}


@routes("GET", "/rooms/my", documented=True, access="user", scoped=True)
def list_my_rooms(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List my rooms."""
    mine = [room for room in _rooms(vidinfra, request) if room.host_id == request.caller.account.id]
    return {"rooms": [response_bodies.room(vidinfra, room) for room in mine], **lookup.single_page(mine)}


@routes("GET", "/rooms/{id}", documented=True, access="public", scoped=True)
def get_room(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get room by ID."""
    return response_bodies.room(vidinfra, lookup.room(vidinfra, request))


@routes("PATCH", "/rooms/{id}", documented=True, access="host", scoped=True)
def update_room(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Update a room."""
    room = lookup.room(vidinfra, request, own=True)
    for name, value in request.parse_body(request_bodies.UpdateRoom).model_dump(exclude_none=True).items():
        setattr(room, name, value)
    room.updated_at = request.now
    return response_bodies.room(vidinfra, room)


@routes("DELETE", "/rooms/{id}", documented=True, access="host", scoped=True)
def delete_room(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Delete a room that has no sessions."""
    room = lookup.room(vidinfra, request, own=True)
    if any(session.room_id == room.id for session in vidinfra.existing_sessions()):
        raise ApiError(409, "The room still has sessions")
    room.deleted = True
    return {"message": "Room deleted"}


@routes("POST", "/presets", access="host", status=201, scoped=True)
def create_preset(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Create a new preset."""
    host = request.caller.account
    fields = request.parse_body(request_bodies.CreatePreset).model_dump()
    library_id = request.path_params.get("library_id", host.library_id)
    preset = Preset(vidinfra.ids.new("preset"), host.id, library_id, fields, request.now, request.now)
    vidinfra.presets[preset.id] = preset
    if fields["is_default"]:
        _make_default(vidinfra, preset)
    return response_bodies.preset(preset)


@routes("GET", "/presets", access="host", scoped=True)
def list_presets(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List my presets."""
    library_id = request.path_params.get("library_id")
    mine = [
        preset
        for preset in vidinfra.presets.values()
        if preset.user_id == request.caller.account.id
        and not preset.deleted
        and library_id in (None, preset.library_id)
    ]
    return {"presets": [response_bodies.preset(preset) for preset in mine]}


@routes("GET", "/presets/{id}", access="host", scoped=True)
def get_preset(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get preset by ID."""
    return response_bodies.preset(lookup.preset(vidinfra, request))


@routes("PATCH", "/presets/{id}", access="host", scoped=True)
def update_preset(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Update a preset."""
    preset = lookup.preset(vidinfra, request)
    request.parse_body(request_bodies.UpdatePresetLimit)
    given = {name: value for name, value in (request.json() or {}).items() if name in preset.fields}
    preset.fields = request.validate(request_bodies.CreatePreset, preset.fields | given).model_dump()
    preset.updated_at = request.now
    return response_bodies.preset(preset)


@routes("DELETE", "/presets/{id}", access="host", scoped=True)
def delete_preset(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Delete a preset that no session uses."""
    preset = lookup.preset(vidinfra, request)
    if any(session.preset_id == preset.id for session in vidinfra.existing_sessions()):
        raise ApiError(409, "The preset is used by sessions")
    preset.deleted = True
    return {"message": "Preset deleted"}


@routes("POST", "/presets/{id}/set_default", access="host", scoped=True)
def set_default_preset(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Set preset as default."""
    preset = lookup.preset(vidinfra, request)
    _make_default(vidinfra, preset)
    return response_bodies.preset(preset)


def _make_default(vidinfra: VidInfra, chosen: Preset) -> None:
    for preset in vidinfra.presets.values():
        if preset.user_id == chosen.user_id:
            preset.fields["is_default"] = preset is chosen
