"""Presets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.state import Preset
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def fields_of(given: dict[str, Any]) -> dict[str, Any]:
    """All fields of a preset, those that were not given at their defaults."""
    return request_bodies.CreatePreset.model_validate(given).model_dump()


@routes("POST", "/presets", access="host", status=201, scoped=True)
def create_preset(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Create a new preset."""
    host = asked.caller.account
    fields = asked.read(request_bodies.CreatePreset).model_dump()
    library_id = asked.args.get("library_id", host.library_id)
    preset = Preset(vidinfra.ids.new("preset"), host.id, library_id, fields, asked.now, asked.now)
    vidinfra.presets[preset.id] = preset
    if fields["is_default"]:
        _make_default(vidinfra, preset)
    return response_bodies.preset(preset)


@routes("GET", "/presets", access="host", scoped=True)
def list_presets(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List my presets."""
    library_id = asked.args.get("library_id")
    mine = [
        preset
        for preset in vidinfra.presets.values()
        if preset.user_id == asked.caller.account.id and not preset.deleted and library_id in (None, preset.library_id)
    ]
    return {"presets": [response_bodies.preset(preset) for preset in mine]}


@routes("GET", "/presets/{id}", access="host", scoped=True)
def get_preset(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get preset by ID."""
    return response_bodies.preset(lookup.preset(vidinfra, asked))


@routes("PATCH", "/presets/{id}", access="host", scoped=True)
def update_preset(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Update a preset."""
    preset = lookup.preset(vidinfra, asked)
    asked.read(request_bodies.UpdatePresetLimit)
    given = {name: value for name, value in (asked.json() or {}).items() if name in preset.fields}
    preset.fields = asked.check(request_bodies.CreatePreset, preset.fields | given).model_dump()
    preset.updated_at = asked.now
    return response_bodies.preset(preset)


@routes("DELETE", "/presets/{id}", access="host", scoped=True)
def delete_preset(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Delete a preset that no session uses."""
    preset = lookup.preset(vidinfra, asked)
    if any(session.preset_id == preset.id for session in vidinfra.all()):
        raise ApiError(409, "The preset is used by sessions")
    preset.deleted = True
    return {"message": "Preset deleted"}


@routes("POST", "/presets/{id}/set_default", access="host", scoped=True)
def set_default_preset(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Set preset as default."""
    preset = lookup.preset(vidinfra, asked)
    _make_default(vidinfra, preset)
    return response_bodies.preset(preset)


def _make_default(vidinfra: VidInfra, chosen: Preset) -> None:
    for preset in vidinfra.presets.values():
        if preset.user_id == chosen.user_id:
            preset.fields["is_default"] = preset is chosen
