"""Recordings."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.media import serve_file
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.state import Take, Webinar
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def _shown(vidinfra: VidInfra, asked: PlatformRequest, found: list[tuple[Webinar, Take]]) -> dict[str, Any]:
    """RecordingListResponse."""
    rows = [response_bodies.recording(vidinfra, session, take, asked.now) for session, take in found]
    return {"recordings": rows, "total": len(rows)}


def _running(vidinfra: VidInfra, session: Webinar) -> Take | None:
    """The recording that is being made."""
    if session.lifecycle.state is not State.LIVE:
        return None
    return next((take for take in vidinfra.takes(session) if take.stopped_at is None), None)


@routes("GET", "/recordings", access="host")
def list_recordings(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get my recordings."""
    mine = [
        (session, take)
        for session in vidinfra.all()
        if vidinfra.rooms[session.room_id].host_id == asked.caller.account.id
        for take in vidinfra.takes(session)
    ]
    return _shown(vidinfra, asked, mine)


@routes("GET", "/sessions/{id}/recordings", access="host")
def list_session_recordings(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get recordings for a session."""
    session = lookup.session(vidinfra, asked, own=True)
    return _shown(vidinfra, asked, [(session, take) for take in vidinfra.takes(session)])


@routes("GET", "/sessions/{id}/recordings/active", access="host")
def get_active_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get active recording for a session."""
    session = lookup.session(vidinfra, asked, own=True)
    take = _running(vidinfra, session)
    if take is None:
        raise lookup.not_found()
    return response_bodies.recording(vidinfra, session, take, asked.now)


@routes("POST", "/sessions/{id}/recordings/start", access="host", status=201)
def start_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Start recording a session."""
    session = lookup.session(vidinfra, asked, own=True)
    if session.lifecycle.state is not State.LIVE:
        raise ApiError(409, "Cannot record a session that is not live")
    if _running(vidinfra, session):
        raise ApiError(409, "The session is being recorded already")
    take = vidinfra.new_take(session, asked.now)
    session.takes.append(take)
    return response_bodies.recording(vidinfra, session, take, asked.now)


@routes("POST", "/sessions/{id}/recordings/stop", access="host")
def stop_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Stop recording a session."""
    session = lookup.session(vidinfra, asked, own=True)
    take = _running(vidinfra, session)
    if take is None:
        raise ApiError(409, "The session is not being recorded")
    take.stopped_at = asked.now
    return response_bodies.recording(vidinfra, session, take, asked.now)


@routes("GET", "/recordings/{id}", access="host")
def get_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get recording by ID."""
    session, take = lookup.recording(vidinfra, asked)
    return response_bodies.recording(vidinfra, session, take, asked.now)


@routes("PATCH", "/recordings/{id}", access="host")
def update_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Update recording metadata."""
    session, take = lookup.recording(vidinfra, asked)
    take.name = asked.read(request_bodies.UpdateRecording).name
    take.renamed_at = asked.now
    return response_bodies.recording(vidinfra, session, take, asked.now)


@routes("DELETE", "/recordings/{id}", access="host")
def delete_recording(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Delete a recording."""
    _, take = lookup.recording(vidinfra, asked)
    take.deleted = True
    return {"message": "Recording deleted"}


@routes("GET", "/recordings/{id}/download", access="host")
def get_recording_download_url(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get recording download URL."""
    session, take = lookup.recording(vidinfra, asked)
    _require_file(vidinfra, session, take, asked)
    expires = asked.now + timedelta(seconds=vidinfra.settings.download_lifetime)
    stamp = str(int(expires.timestamp()))
    origin = vidinfra.settings.files_origin or asked.origin
    token = f"{stamp}.{_signature(vidinfra, take, stamp)}"
    url = f"{origin}{vidinfra.mount}/recordings/{take.id}/file?token={token}"
    return {"download_url": url, "expires_at": rfc3339(datetime.fromtimestamp(int(stamp), UTC))}


@routes("GET", "/recordings/{id}/file", access="public")
def get_recording_file(vidinfra: VidInfra, asked: PlatformRequest) -> Response:
    """Serve recording file (public, with token)."""
    session, take = lookup.recording(vidinfra, asked, own=False)
    stamp, _, signature = asked.query.get("token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(vidinfra, take, stamp).encode()):
        raise ApiError(403, "Invalid download token")
    if int(stamp) <= asked.now.timestamp():
        raise ApiError(403, "The download token has expired")
    _require_file(vidinfra, session, take, asked)
    media = vidinfra.media(session, take, asked.now)
    modified = max([take.started_at, *session.lifecycle.revisions("recording", asked.now)])
    return serve_file(media, asked.headers, modified, ranges=vidinfra.settings.range_support)


def _require_file(vidinfra: VidInfra, session: Webinar, take: Take, asked: PlatformRequest) -> None:
    """Refuse what needs the file of a recording that has none (yet).

    :raises ApiError: 409.
    """
    status = vidinfra.recording_status(session, take, asked.now)
    if status != "completed":
        raise ApiError(409, f"The recording has no file: its status is {status}")


def _signature(vidinfra: VidInfra, take: Take, stamp: str) -> str:
    return hmac.new(vidinfra.tokens.secret.encode(), f"{take.id}:{stamp}".encode(), hashlib.sha256).hexdigest()
