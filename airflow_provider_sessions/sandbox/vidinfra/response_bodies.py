"""VidInfra's answers: the documented schemas, every documented field present, null where nothing is known."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.attendees import Presence, peak, present
from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.state import Account, Preset, Role, Room, Take, Webinar

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def account(user: Account) -> dict[str, Any]:
    """UserResponse."""
    return {
        "id": user.id,
        "external_user_id": user.external_user_id,
        "organization_id": user.organization_id,
        "email": user.email,
        "username": user.username,
        "role": user.role,
        "is_active": True,
        "created_at": rfc3339(user.created_at),
    }


def room(vidinfra: VidInfra, held: Room) -> dict[str, Any]:
    """RoomResponse."""
    return {
        "id": held.id,
        "host_id": held.host_id,
        "host": account(vidinfra.accounts[held.host_id]),
        "library_id": held.library_id,
        "title": held.title,
        "description": held.description,
        "analytics": held.analytics or {"google_tag_manager": {"container_id": "", "enabled": False}},
        "active_session_id": vidinfra.active_session_id(held.id),
        "created_at": rfc3339(held.created_at),
        "updated_at": rfc3339(held.updated_at),
    }


def preset(held: Preset) -> dict[str, Any]:
    """PresetResponse."""
    return {
        "id": held.id,
        "user_id": held.user_id,
        "library_id": held.library_id,
        **held.fields,
        "created_at": rfc3339(held.created_at),
        "updated_at": rfc3339(held.updated_at),
    }


def session(vidinfra: VidInfra, held: Webinar, now: datetime) -> dict[str, Any]:
    """SessionResponse."""
    return sessions(vidinfra, [held], now)[0]


def sessions(vidinfra: VidInfra, chosen: list[Webinar], now: datetime) -> list[dict[str, Any]]:
    """SessionResponse of several sessions; a room that many share is described once."""
    rooms = {held.room_id: vidinfra.rooms[held.room_id] for held in chosen}
    told = {room_id: room(vidinfra, shared) for room_id, shared in rooms.items()}
    return [_session(vidinfra, held, told[held.room_id], now) for held in chosen]


def _session(vidinfra: VidInfra, held: Webinar, its_room: dict[str, Any], now: datetime) -> dict[str, Any]:
    lifecycle, used, own = held.lifecycle, vidinfra.presets[held.preset_id], held.overrides
    presences = vidinfra.presences(held, now)
    live = lifecycle.state is State.LIVE
    until = lifecycle.ended_at or now
    return {
        "id": held.id,
        "room_id": held.room_id,
        "room": its_room,
        "preset": preset(used),
        "title": held.title,
        "description": held.description,
        "status": lifecycle.state.value,
        "mode": held.mode,
        "started_at": rfc3339(lifecycle.started_at),
        "ended_at": rfc3339(lifecycle.ended_at),
        "duration": int((until - lifecycle.started_at).total_seconds()) if lifecycle.started_at else 0,
        "scheduled_start_time": rfc3339(lifecycle.scheduled_start),
        "viewer_count": present(presences, now) if live else 0,
        "max_viewers": peak(presences),
        "recording_enabled": vidinfra.is_recorded(held),
        "hls_url": f"https://live.vidinfra.example/hls/{held.id}/index.m3u8" if live else None,
        "chat_enabled_override": own.get("chat_enabled"),
        "stage_enabled_override": own.get("stage_enabled"),
        "max_join_limit_override": own.get("max_join_limit"),
        "effective_chat_enabled": own.get("chat_enabled", used.fields["chat_enabled"]),
        "effective_stage_enabled": own.get("stage_enabled", used.fields["stage_enabled"]),
        "effective_max_join_limit": own.get("max_join_limit", used.fields["max_join_limit"]),
        "created_at": rfc3339(lifecycle.created_at),
        "updated_at": rfc3339(max(at for at in (held.updated_at, lifecycle.started_at, lifecycle.ended_at) if at)),
    }


def attendance(held: Webinar, presences: list[Presence]) -> list[dict[str, Any]]:
    """AttendanceResponse, one a person: durations are the sum over all connections, also of parallel ones."""
    people: dict[str, list[Presence]] = {}
    for presence in presences:
        people.setdefault(presence.person.id, []).append(presence)
    return [_attendance_row(held, visits) for visits in people.values()]


def _attendance_row(held: Webinar, visits: list[Presence]) -> dict[str, Any]:
    person = visits[0].person
    last = max(visits, key=lambda visit: visit.last_seen_at)
    still_there = any(visit.left_at is None for visit in visits if visit.last_seen_at == last.last_seen_at)
    return {
        "id": stable_id(held.id, person.id, "attendance"),
        "session_id": held.id,
        "user_id": person.id,
        "username": person.name,
        "email": person.email,
        "is_guest": person.is_guest,
        "joined_at": rfc3339(min(visit.joined_at for visit in visits)),
        "left_at": None if still_there else rfc3339(last.left_at),
        "last_seen_at": rfc3339(last.last_seen_at),
        "watch_duration": int(sum(visit.seconds for visit in visits)),
        "join_count": len(visits),
    }


def participant(vidinfra: VidInfra, held: Webinar, role: Role) -> dict[str, Any]:
    """SessionParticipantResponse."""
    user = vidinfra.known_account(role.user_id)
    return {
        "id": role.id,
        "session_id": held.id,
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


def recording(vidinfra: VidInfra, held: Webinar, take: Take, now: datetime) -> dict[str, Any]:
    """RecordingResponse."""
    status = vidinfra.recording_status(held, take, now)
    ready = vidinfra.recording_ready_at(held, take)
    done = status == "completed"
    changes = [take.started_at, take.renamed_at, ready if ready and ready <= now else None]
    changes.extend(held.lifecycle.revisions("recording", now))
    return {
        "id": take.id,
        "session_id": held.id,
        "egress_id": take.egress_id,
        "name": take.name,
        "file_path": f"recordings/{held.id}/{take.id}.mp4",
        "duration": int(vidinfra.recording_seconds(held, take)) if done else 0,
        "file_size": vidinfra.media(held, take, now).size if done else 0,
        "status": status,
        "storage_type": "s3",
        "retry_count": 3 if status == "failed" else 0,
        "error_message": "Egress aborted: no space left in storage" if status == "failed" else "",
        "created_at": rfc3339(take.started_at),
        "updated_at": rfc3339(max(change for change in changes if change)),
    }
