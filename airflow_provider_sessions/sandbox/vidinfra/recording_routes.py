"""Routes for recordings and their files."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.media import serve_file
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import Recording, Webinar, not_found


def _list_response(vidinfra: VidInfra, request: ApiRequest, found: list[tuple[Webinar, Recording]]) -> dict[str, Any]:
    """RecordingListResponse."""
    rows = [response_bodies.recording(vidinfra, session, recording, request.now) for session, recording in found]
    return {"recordings": rows, "total": len(rows)}


def _active_recording(vidinfra: VidInfra, session: Webinar) -> Recording | None:
    """Return the recording in progress, or None."""
    if session.lifecycle.state is not State.LIVE:
        return None
    return next((recording for recording in vidinfra.recordings(session) if recording.stopped_at is None), None)


@routes("GET", "/recordings", access="host")
def list_recordings(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get my recordings."""
    mine = [
        (session, recording)
        for session in vidinfra.existing_sessions()
        if vidinfra.rooms[session.room_id].host_id == request.caller.account.id
        for recording in vidinfra.recordings(session)
    ]
    return _list_response(vidinfra, request, mine)


@routes("GET", "/sessions/{id}/recordings", access="host")
def list_session_recordings(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get recordings for a session."""
    session = lookup.session(vidinfra, request, own=True)
    return _list_response(vidinfra, request, [(session, recording) for recording in vidinfra.recordings(session)])


@routes("GET", "/sessions/{id}/recordings/active", access="host")
def get_active_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get active recording for a session."""
    session = lookup.session(vidinfra, request, own=True)
    recording = _active_recording(vidinfra, session)
    if recording is None:
        raise not_found()
    return response_bodies.recording(vidinfra, session, recording, request.now)


@routes("POST", "/sessions/{id}/recordings/start", access="host", status=201)
def start_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Start recording a session."""
    session = lookup.session(vidinfra, request, own=True)
    if session.lifecycle.state is not State.LIVE:
        raise ApiError(409, "Cannot record a session that is not live")
    if _active_recording(vidinfra, session):
        raise ApiError(409, "The session is being recorded already")
    recording = vidinfra.new_recording(session, request.now)
    session.recordings.append(recording)
    return response_bodies.recording(vidinfra, session, recording, request.now)


@routes("POST", "/sessions/{id}/recordings/stop", access="host")
def stop_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Stop recording a session."""
    session = lookup.session(vidinfra, request, own=True)
    recording = _active_recording(vidinfra, session)
    if recording is None:
        raise ApiError(409, "The session is not being recorded")
    recording.stopped_at = request.now
    return response_bodies.recording(vidinfra, session, recording, request.now)


@routes("GET", "/recordings/{id}", access="host")
def get_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get recording by ID."""
    session, recording = lookup.recording(vidinfra, request)
    return response_bodies.recording(vidinfra, session, recording, request.now)


@routes("PATCH", "/recordings/{id}", access="host")
def update_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Update recording metadata."""
    session, recording = lookup.recording(vidinfra, request)
    recording.name = request.parse_body(request_bodies.UpdateRecording).name
    recording.renamed_at = request.now
    return response_bodies.recording(vidinfra, session, recording, request.now)


@routes("DELETE", "/recordings/{id}", access="host")
def delete_recording(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Delete a recording."""
    _, recording = lookup.recording(vidinfra, request)
    recording.deleted = True
    return {"message": "Recording deleted"}


@routes("GET", "/recordings/{id}/download", access="host")
def get_recording_download_url(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get recording download URL."""
    session, recording = lookup.recording(vidinfra, request)
    _require_file(vidinfra, session, recording, request)
    expires = request.now + timedelta(seconds=vidinfra.settings.download_lifetime)
    stamp = str(int(expires.timestamp()))
    origin = vidinfra.settings.files_origin or request.origin
    token = f"{stamp}.{_sign(vidinfra, recording, stamp)}"
    url = f"{origin}{vidinfra.mount}/recordings/{recording.id}/file?token={token}"
    return {"download_url": url, "expires_at": rfc3339(datetime.fromtimestamp(int(stamp), UTC))}


@routes("GET", "/recordings/{id}/file", access="public")
def get_recording_file(vidinfra: VidInfra, request: ApiRequest) -> Response:
    """Serve recording file (public, with token)."""
    session, recording = lookup.recording(vidinfra, request, own=False)
    stamp, _, signature = request.query.get("token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _sign(vidinfra, recording, stamp).encode()):
        raise ApiError(403, "Invalid download token")
    if int(stamp) <= request.now.timestamp():
        raise ApiError(403, "The download token has expired")
    _require_file(vidinfra, session, recording, request)
    media = vidinfra.media(session, recording, request.now)
    modified = max([recording.started_at, *session.lifecycle.revisions("recording", request.now)])
    return serve_file(media, request.headers, modified, ranges=vidinfra.settings.range_support)


def _require_file(vidinfra: VidInfra, session: Webinar, recording: Recording, request: ApiRequest) -> None:
    """Reject a request for the file of a recording that has none (yet).

    :raises ApiError: 409.
    """
    status = vidinfra.recording_status(session, recording, request.now)
    if status != "completed":
        raise ApiError(409, f"The recording has no file: its status is {status}")


def _sign(vidinfra: VidInfra, recording: Recording, stamp: str) -> str:
    return hmac.new(vidinfra.tokens.secret.encode(), f"{recording.id}:{stamp}".encode(), hashlib.sha256).hexdigest()
