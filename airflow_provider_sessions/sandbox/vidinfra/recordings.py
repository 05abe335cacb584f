"""Recordings."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.asking import Asked, Refusal
from airflow_provider_sessions.sandbox.clock import rfc3339
from airflow_provider_sessions.sandbox.files import serve
from airflow_provider_sessions.sandbox.life import State
from airflow_provider_sessions.sandbox.vidinfra import bodies, lookup, shapes
from airflow_provider_sessions.sandbox.vidinfra.state import Take, Webinar
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def _shown(vidinfra: VidInfra, asked: Asked, found: list[tuple[Webinar, Take]]) -> dict[str, Any]:
    """RecordingListResponse."""
    rows = [shapes.recording(vidinfra, session, take, asked.now) for session, take in found]
    return {"recordings": rows, "total": len(rows)}


def _running(vidinfra: VidInfra, session: Webinar) -> Take | None:
    """The recording that is being made."""
    if session.life.state is not State.LIVE:
        return None
    return next((take for take in vidinfra.takes(session) if take.stopped_at is None), None)


@routes("GET", "/recordings", access="host")
def list_recordings(vidinfra: VidInfra, asked: Asked) -> Any:
    """Get my recordings."""
    mine = [
        (session, take)
        for session in vidinfra.all()
        if vidinfra.rooms[session.room_id].host_id == asked.caller.account.id
        for take in vidinfra.takes(session)
    ]
    return _shown(vidinfra, asked, mine)


@routes("GET", "/sessions/{id}/recordings", access="host")
def list_session_recordings(vidinfra: VidInfra, asked: Asked) -> Any:
    """Get recordings for a session."""
    session = lookup.session(vidinfra, asked, own=True)
    return _shown(vidinfra, asked, [(session, take) for take in vidinfra.takes(session)])


@routes("GET", "/sessions/{id}/recordings/active", access="host")
def get_active_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Get active recording for a session."""
    session = lookup.session(vidinfra, asked, own=True)
    take = _running(vidinfra, session)
    if take is None:
        raise lookup.not_found()
    return shapes.recording(vidinfra, session, take, asked.now)


@routes("POST", "/sessions/{id}/recordings/start", access="host", status=201)
def start_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Start recording a session."""
    session = lookup.session(vidinfra, asked, own=True)
    if session.life.state is not State.LIVE:
        raise Refusal(409, "Cannot record a session that is not live")
    if _running(vidinfra, session):
        raise Refusal(409, "The session is being recorded already")
    take = vidinfra.new_take(session, asked.now)
    session.takes.append(take)
    return shapes.recording(vidinfra, session, take, asked.now)


@routes("POST", "/sessions/{id}/recordings/stop", access="host")
def stop_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Stop recording a session."""
    session = lookup.session(vidinfra, asked, own=True)
    take = _running(vidinfra, session)
    if take is None:
        raise Refusal(409, "The session is not being recorded")
    take.stopped_at = asked.now
    return shapes.recording(vidinfra, session, take, asked.now)


@routes("GET", "/recordings/{id}", access="host")
def get_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Get recording by ID."""
    session, take = lookup.recording(vidinfra, asked)
    return shapes.recording(vidinfra, session, take, asked.now)


@routes("PATCH", "/recordings/{id}", access="host")
def update_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Update recording metadata."""
    session, take = lookup.recording(vidinfra, asked)
    take.name = asked.read(bodies.UpdateRecording).name
    take.renamed_at = asked.now
    return shapes.recording(vidinfra, session, take, asked.now)


@routes("DELETE", "/recordings/{id}", access="host")
def delete_recording(vidinfra: VidInfra, asked: Asked) -> Any:
    """Delete a recording."""
    _, take = lookup.recording(vidinfra, asked)
    take.deleted = True
    return {"message": "Recording deleted"}


@routes("GET", "/recordings/{id}/download", access="host")
def get_recording_download_url(vidinfra: VidInfra, asked: Asked) -> Any:
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
def get_recording_file(vidinfra: VidInfra, asked: Asked) -> Response:
    """Serve recording file (public, with token)."""
    session, take = lookup.recording(vidinfra, asked, own=False)
    stamp, _, signature = asked.query.get("token", "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(vidinfra, take, stamp).encode()):
        raise Refusal(403, "Invalid download token")
    if int(stamp) <= asked.now.timestamp():
        raise Refusal(403, "The download token has expired")
    _require_file(vidinfra, session, take, asked)
    media = vidinfra.media(session, take, asked.now)
    modified = max([take.started_at, *session.life.revisions("recording", asked.now)])
    return serve(media, asked.headers, modified, ranges=vidinfra.settings.range_support)


def _require_file(vidinfra: VidInfra, session: Webinar, take: Take, asked: Asked) -> None:
    """Refuse what needs the file of a recording that has none (yet).

    :raises Refusal: 409.
    """
    status = vidinfra.recording_status(session, take, asked.now)
    if status != "completed":
        raise Refusal(409, f"The recording has no file: its status is {status}")


def _signature(vidinfra: VidInfra, take: Take, stamp: str) -> str:
    return hmac.new(vidinfra.tokens.secret.encode(), f"{take.id}:{stamp}".encode(), hashlib.sha256).hexdigest()
