"""Rooms, in which sessions are held one after the other, reminders of their sessions, and presets for sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    Acknowledged,
    VidInfraModel,
    api,
    body_of,
    check_names,
)
from airflow_provider_sessions.platforms.vidinfra.api.people import UserResponse

# Rooms and reminders of their sessions


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
    """Create a room. Host only.

    :param title: 3 to 255 characters.
    :param description: a text for its page.
    :param analytics: ``{"google_tag_manager": {"container_id": ..., "enabled": ...}}``.
    :raises PermissionDeniedError: the credential is not a host's.
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
    """Change a room. Host only. Fields that are not given are not changed.

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
    """Remind the account of a room's sessions.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room.
    Source: VidInfra Live API, Subscribe to room reminders; the name alone, all else is inferred.
    """
    return call(Acknowledged)


@api("DELETE", "/rooms/{room_id}/reminders", documented=False, scoped=True)
def unsubscribe_from_reminders(room_id: str) -> Call[Acknowledged]:
    """Stop reminding the account of a room's sessions.

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


# Presets: the settings of sessions


class PresetResponse(VidInfraModel):
    """The settings of sessions. ``type`` is ``whip`` or ``rtmp``."""

    id: str | None = None
    user_id: str | None = None
    library_id: str | None = None
    name: str | None = None
    type: str | None = None
    stage_enabled: bool | None = None
    max_join_limit: int | None = None
    chat_enabled: bool | None = None
    poll_enabled: bool | None = None
    viewer_count_visible: bool | None = None
    primary_color: str | None = None
    logo: str | None = None
    logo_destination_url: str | None = None
    host_add_co_host: bool | None = None
    host_camera_enabled: bool | None = None
    host_screen_share: bool | None = None
    host_chat_send_text: bool | None = None
    host_chat_send_file: bool | None = None
    host_chat_receive_message: bool | None = None
    host_poll_create: bool | None = None
    host_poll_vote: bool | None = None
    host_poll_view: bool | None = None
    onstage_camera_enabled: bool | None = None
    onstage_screen_share: bool | None = None
    onstage_viewer_view: bool | None = None
    audience_stage_join_request: bool | None = None
    audience_can_see_participants: bool | None = None
    audience_chat_send_text: bool | None = None
    audience_chat_send_file: bool | None = None
    audience_chat_receive_message: bool | None = None
    audience_poll_create: bool | None = None
    audience_poll_vote: bool | None = None
    audience_poll_view: bool | None = None
    moderator_manage_stage: bool | None = None
    moderator_manage_chat: bool | None = None
    moderator_manage_poll: bool | None = None
    recording_enabled: bool | None = None
    is_default: bool | None = None
    created_at: Instant = None
    updated_at: Instant = None


class PresetSettings(TypedDict, total=False):
    """The settings of a preset, besides its name, type and color. The flags have no documented defaults.

    ``max_join_limit`` is 1 to 100 in a new preset, and 1 to 5 in a change (both documented).
    """

    max_join_limit: int
    logo: str
    logo_destination_url: str
    stage_enabled: bool
    chat_enabled: bool
    poll_enabled: bool
    viewer_count_visible: bool
    host_add_co_host: bool
    host_camera_enabled: bool
    host_screen_share: bool
    host_chat_send_text: bool
    host_chat_send_file: bool
    host_chat_receive_message: bool
    host_poll_create: bool
    host_poll_vote: bool
    host_poll_view: bool
    onstage_camera_enabled: bool
    onstage_screen_share: bool
    onstage_viewer_view: bool
    audience_stage_join_request: bool
    audience_can_see_participants: bool
    audience_chat_send_text: bool
    audience_chat_send_file: bool
    audience_chat_receive_message: bool
    audience_poll_create: bool
    audience_poll_vote: bool
    audience_poll_view: bool
    moderator_manage_stage: bool
    moderator_manage_chat: bool
    moderator_manage_poll: bool
    recording_enabled: bool
    is_default: bool


@api("GET", "/presets", documented=False, scoped=True)
def list_presets() -> Paged[PresetResponse]:
    """List the presets of the account.

    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, List my presets; the items are documented, path and list are inferred.
    """
    return paged(PresetResponse, NO_PAGES, unwrap=("data", "presets"))


@api("GET", "/presets/{preset_id}", documented=False, scoped=True)
def get_preset(preset_id: str) -> Call[PresetResponse]:
    """Get one preset.

    :param preset_id: the preset's UUID.
    :raises NotFoundError: there is no such preset.
    Source: VidInfra Live API, Get preset by ID; the response is documented, the path is inferred.
    """
    return call(PresetResponse, unwrap=("data", "preset"))


@api("POST", "/presets", documented=False, scoped=True)
def create_preset(
    name: str, preset_type: str, primary_color: str, *, settings: PresetSettings | None = None
) -> Call[PresetResponse]:
    """Create a preset, which sessions need. Host only. Each call creates another.

    :param name: 1 to 255 characters.
    :param preset_type: ``whip`` (sessions with a webcam) or ``rtmp``.
    :param primary_color: such as ``#1a73e8``.
    :param settings: the other settings by name; see :class:`PresetSettings`.
    :raises PermissionDeniedError: the credential is not a host's.
    :raises RejectedError: a setting is wrong.
    Source: VidInfra Live API, Create a new preset; body and response are documented, the path is inferred.
    """
    body = {**_check_preset_settings(settings), "name": name, "type": preset_type, "primary_color": primary_color}
    return call(PresetResponse, body=body, unwrap=("data", "preset"))


@api("PATCH", "/presets/{preset_id}", documented=False, scoped=True, repeatable=True)
def update_preset(
    preset_id: str,
    *,
    name: str | None = None,
    preset_type: str | None = None,
    primary_color: str | None = None,
    settings: PresetSettings | None = None,
) -> Call[PresetResponse]:
    """Change a preset. Host only. Fields that are not given are not changed.

    :param preset_id: the preset's UUID.
    :param name: 1 to 255 characters.
    :param preset_type: ``whip`` or ``rtmp``.
    :param primary_color: such as ``#1a73e8``.
    :param settings: the other settings by name; see :class:`PresetSettings`.
    :raises NotFoundError: there is no such preset.
    :raises RejectedError: a setting is wrong.
    Source: VidInfra Live API, Update a preset; body and response are documented, the path is inferred.
    """
    body = {**_check_preset_settings(settings), **body_of(name=name, type=preset_type, primary_color=primary_color)}
    return call(PresetResponse, body=body, unwrap=("data", "preset"))


@api("DELETE", "/presets/{preset_id}", documented=False, scoped=True)
def delete_preset(preset_id: str) -> Call[Acknowledged]:
    """Delete a preset. Host only. What happens to sessions that use it is not documented.

    :param preset_id: the preset's UUID.
    :raises NotFoundError: there is no such preset; also the response to a repetition that came after a success.
    Source: VidInfra Live API, Delete a preset; the path is inferred.
    """
    return call(Acknowledged)


@api("POST", "/presets/{preset_id}/set_default", documented=False, scoped=True, repeatable=True)
def set_default_preset(preset_id: str) -> Call[Acknowledged]:
    """Set the account's default preset. Host only.

    :param preset_id: the preset's UUID.
    :raises NotFoundError: there is no such preset.
    Source: VidInfra Live API, Set preset as default; the path is inferred.
    """
    return call(Acknowledged)


def _check_preset_settings(settings: PresetSettings | None) -> dict[str, Any]:
    """Return a preset's settings.

    :raises InputError: one has an unknown name.
    """
    return check_names(settings or {}, PresetSettings.__annotations__, "settings")
