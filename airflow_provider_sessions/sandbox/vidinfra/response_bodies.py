"""VidInfra's response bodies: the documented schemas, with every documented field and null for unknown values."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from airflow_provider_sessions.sandbox.attendees import count_peak, count_present
from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra
from airflow_provider_sessions.sandbox.vidinfra.state import Account, Preset, Recording, Role, Room, Webinar


def account(account: Account) -> dict[str, Any]:
    """UserResponse."""
    return {
        "id": account.id,
        "external_user_id": account.external_user_id,
        "organization_id": account.organization_id,
        "email": account.email,
        "username": account.username,
        "role": account.role,
        "is_active": True,
        "created_at": rfc3339(account.created_at),
    }


def room(vidinfra: VidInfra, room: Room) -> dict[str, Any]:
    """RoomResponse."""
    return {
        "id": room.id,
        "host_id": room.host_id,
        "host": account(vidinfra.accounts[room.host_id]),
        "library_id": room.library_id,
        "title": room.title,
        "description": room.description,
        "analytics": room.analytics or {"google_tag_manager": {"container_id": "", "enabled": False}},
        "active_session_id": vidinfra.active_session_id(room.id),
        "created_at": rfc3339(room.created_at),
        "updated_at": rfc3339(room.updated_at),
    }


def preset(preset: Preset) -> dict[str, Any]:
    """PresetResponse."""
    return {
        "id": preset.id,
        "user_id": preset.user_id,
        "library_id": preset.library_id,
        **preset.fields,
        "created_at": rfc3339(preset.created_at),
        "updated_at": rfc3339(preset.updated_at),
    }


def session(vidinfra: VidInfra, session: Webinar, now: datetime) -> dict[str, Any]:
    """SessionResponse."""
    return sessions(vidinfra, [session], now)[0]


def sessions(vidinfra: VidInfra, chosen: Sequence[Webinar], now: datetime) -> list[dict[str, Any]]:
    """SessionResponse of several sessions; the body of a shared room is built once."""
    rooms = {session.room_id: vidinfra.rooms[session.room_id] for session in chosen}
    room_bodies = {room_id: room(vidinfra, stored) for room_id, stored in rooms.items()}
    return [_session(vidinfra, session, room_bodies[session.room_id], now) for session in chosen]


def _session(vidinfra: VidInfra, session: Webinar, room_body: dict[str, Any], now: datetime) -> dict[str, Any]:
    lifecycle, used_preset, overrides = session.lifecycle, vidinfra.presets[session.preset_id], session.overrides
    presences = vidinfra.presences(session, now)
    live = lifecycle.state is State.LIVE
    until = lifecycle.ended_at or now
    return {
        "id": session.id,
        "room_id": session.room_id,
        "room": room_body,
        "preset": preset(used_preset),
        "title": session.title,
        "description": session.description,
        "status": lifecycle.state.value,
        "mode": session.mode,
        "started_at": rfc3339(lifecycle.started_at),
        "ended_at": rfc3339(lifecycle.ended_at),
        "duration": int((until - lifecycle.started_at).total_seconds()) if lifecycle.started_at else 0,
        "scheduled_start_time": rfc3339(lifecycle.scheduled_start),
        "viewer_count": count_present(presences, now) if live else 0,
        "max_viewers": count_peak(presences),
        "recording_enabled": vidinfra.is_recorded(session),
        "hls_url": f"https://live.vidinfra.example/hls/{session.id}/index.m3u8" if live else None,
        "chat_enabled_override": overrides.get("chat_enabled"),
        "stage_enabled_override": overrides.get("stage_enabled"),
        "max_join_limit_override": overrides.get("max_join_limit"),
        "effective_chat_enabled": overrides.get("chat_enabled", used_preset.fields["chat_enabled"]),
        "effective_stage_enabled": overrides.get("stage_enabled", used_preset.fields["stage_enabled"]),
        "effective_max_join_limit": overrides.get("max_join_limit", used_preset.fields["max_join_limit"]),
        "created_at": rfc3339(lifecycle.created_at),
        "updated_at": rfc3339(max(at for at in (session.updated_at, lifecycle.started_at, lifecycle.ended_at) if at)),
    }


def participant(vidinfra: VidInfra, session: Webinar, role: Role) -> dict[str, Any]:
    """SessionParticipantResponse."""
    user = vidinfra.find_account(role.user_id)
    return {
        "id": role.id,
        "session_id": session.id,
        "user_id": role.user_id,
        "username": user.username if user else "",
        "user": account(user) if user else None,
        "role": role.role,
        "is_active": role.removed_at is None,
        "assigned_at": rfc3339(role.assigned_at),
        "joined_at": None,
        "assigned_by": role.assigned_by.id,
        "assigned_by_user": account(role.assigned_by),
        "removed_at": rfc3339(role.removed_at),
        "left_at": None,
    }


def recording(vidinfra: VidInfra, session: Webinar, recording: Recording, now: datetime) -> dict[str, Any]:
    """RecordingResponse."""
    status = vidinfra.recording_status(session, recording, now)
    ready = vidinfra.recording_ready_at(session, recording)
    has_file = status == "completed"
    changes = [recording.started_at, recording.renamed_at, ready if ready and ready <= now else None]
    changes.extend(session.lifecycle.revisions("recording", now))
    return {
        "id": recording.id,
        "session_id": session.id,
        "egress_id": recording.egress_id,
        "name": recording.name,
        "file_path": f"recordings/{session.id}/{recording.id}.mp4",
        "duration": int(vidinfra.recording_seconds(session, recording)) if has_file else 0,
        "file_size": vidinfra.media(session, recording, now).size if has_file else 0,
        "status": status,
        "storage_type": "s3",
        "retry_count": 3 if status == "failed" else 0,
        "error_message": "Egress aborted: no space left in storage" if status == "failed" else "",
        "created_at": rfc3339(recording.started_at),
        "updated_at": rfc3339(max(change for change in changes if change)),
    }
