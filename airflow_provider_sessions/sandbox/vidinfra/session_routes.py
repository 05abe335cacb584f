"""Routes for sessions: the 21 operations of the vendor's group with this name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, FieldError
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import VidInfraDraft, Visit, Webinar

RTMP_URL = "rtmp://ingest.vidinfra.example/live"


def _sessions(vidinfra: VidInfra, request: ApiRequest) -> Sequence[Webinar]:
    """Return all sessions, or those in the library of the path, in the order of the lists."""
    return vidinfra.listed_sessions(request.path_params.get("library_id"))


def _session_bodies(vidinfra: VidInfra, request: ApiRequest, sessions: Sequence[Webinar]) -> list[dict[str, Any]]:
    return response_bodies.sessions(vidinfra, sessions, request.now)


def _require_state(session: Webinar, state: State, action: str) -> None:
    """Reject an action that the session's state does not allow.

    :raises ApiError: 409.
    """
    if session.lifecycle.state is not state:
        raise ApiError(409, f"Cannot {action} a session that is {session.lifecycle.state.value}")


# --- lists ------------------------------------------------------------------------------------------------------------


@routes("GET", "/rooms/{id}/sessions", documented=True, access="host", scoped=True)
def list_room_sessions(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List sessions for a room."""
    room = lookup.room(vidinfra, request, own=True)
    found = [session for session in _sessions(vidinfra, request) if session.room_id == room.id]
    return {"sessions": _session_bodies(vidinfra, request, found), **lookup.single_page(found)}


@routes("GET", "/sessions", documented=True, access="public", scoped=True)
def list_sessions(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List all sessions."""
    chosen, page_fields = lookup.page(vidinfra, request, _sessions(vidinfra, request))
    return {"sessions": _session_bodies(vidinfra, request, chosen), **page_fields}


@routes("GET", "/sessions/live", documented=True, access="public", scoped=True)
def list_live_sessions(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """List currently live sessions."""
    live = [session for session in _sessions(vidinfra, request) if session.lifecycle.state is State.LIVE]
    return {"sessions": _session_bodies(vidinfra, request, live), **lookup.single_page(live)}


@routes("GET", "/sessions/stats", documented=True, access="user", scoped=True)
def get_dashboard_stats(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get dashboard stats of the caller's own sessions."""
    mine = [
        session.lifecycle.state
        for session in _sessions(vidinfra, request)
        if vidinfra.rooms[session.room_id].host_id == request.caller.account.id
    ]
    return {
        "total_sessions": len(mine),
        "live_now": mine.count(State.LIVE),
        "scheduled": mine.count(State.SCHEDULED),
        "ended": mine.count(State.ENDED),
    }


# --- one session ------------------------------------------------------------------------------------------------------


@routes("POST", "/rooms/{id}/sessions", documented=True, access="host", status=201, scoped=True)
def create_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Create a new session in a room."""
    room = lookup.room(vidinfra, request, own=True)
    body = request.parse_body(request_bodies.CreateSession)
    preset = vidinfra.presets.get(str(body.preset_id))
    if preset is None or preset.deleted or preset.user_id != request.caller.account.id:
        error = FieldError("preset_id", "validation_exists", "The preset does not exist")
        raise ApiError(422, "Invalid Request", fields=(error,), gateway=True)
    draft = VidInfraDraft(
        title=body.title, description=body.description, mode=body.mode, room_id=room.id, preset_id=preset.id
    )
    lifecycle = Lifecycle(request.now, body.scheduled_start_time, vidinfra.new_session_script)
    session = vidinfra.add_session(draft, lifecycle)
    rtmp = session.mode == "rtmp"
    return {
        "session": response_bodies.session(vidinfra, session, request.now),
        "rtmp_url": RTMP_URL if rtmp else "",
        "stream_key": session.stream_key if rtmp else "",
    }


@routes("GET", "/sessions/{id}", documented=True, access="public", scoped=True)
def get_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get session by ID."""
    return response_bodies.session(vidinfra, lookup.session(vidinfra, request), request.now)


@routes("DELETE", "/sessions/{id}", documented=True, access="host", scoped=True)
def delete_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Delete a session that is not live."""
    session = lookup.session(vidinfra, request, own=True)
    if session.lifecycle.state is State.LIVE:
        raise ApiError(409, "Cannot delete a session that is live")
    vidinfra.delete_session(session, request.now)
    return {"message": "Session deleted"}


@routes("PATCH", "/sessions/{id}/reschedule", documented=True, access="host", scoped=True)
def reschedule_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Reschedule a session."""
    session = lookup.session(vidinfra, request, own=True)
    start = request.parse_body(request_bodies.Reschedule).scheduled_start_time
    _require_state(session, State.SCHEDULED, "reschedule")
    session.lifecycle.scheduled_start = start
    session.updated_at = request.now
    return response_bodies.session(vidinfra, session, request.now)


@routes("PATCH", "/sessions/{id}/settings", documented=True, access="user")
def update_session_settings(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Update session runtime settings."""
    session = lookup.session(vidinfra, request)
    lookup.check_owner(request, vidinfra.rooms[session.room_id].host_id)
    session.overrides |= request.parse_body(request_bodies.SessionSettings).model_dump(exclude_none=True)
    session.updated_at = request.now
    return response_bodies.session(vidinfra, session, request.now)


# --- lifecycle ----------------------------------------------------------------------------------------------------


def _go_live(vidinfra: VidInfra, request: ApiRequest) -> dict[str, Any]:
    """Start a scheduled session, unless its room has a live one; StartSessionResponse."""
    session = lookup.session(vidinfra, request, own=True)
    _require_state(session, State.SCHEDULED, "start")
    if vidinfra.active_session_id(session.room_id):
        raise ApiError(409, "The room already has an active session")
    session.lifecycle.started_at = request.now
    return _start_response(vidinfra, session, request)


def _start_response(vidinfra: VidInfra, session: Webinar, request: ApiRequest) -> dict[str, Any]:
    content: dict[str, Any] = {"session": response_bodies.session(vidinfra, session, request.now)}
    if session.mode == "webcam":
        token = vidinfra.tokens.issue_access(
            request.caller.account, request.now, vidinfra.settings.access_token_lifetime
        )
        whip = f"https://ingest.vidinfra.example/whip/{session.id}"
        return content | {"livekit_token": token, "rtmp": None, "rtmp_setup": None, "whip_url": whip}
    steps = ("Open your encoder", "Enter server and stream key", "Start streaming")
    return content | {
        "livekit_token": "",
        "rtmp": {"ingress_id": f"IN_{session.stream_key[:12]}", "url": RTMP_URL, "stream_key": session.stream_key},
        "rtmp_setup": {
            "server": RTMP_URL,
            "stream_key": session.stream_key,
            "instructions": {f"step{number}": step for number, step in enumerate(steps, 1)},
        },
        "whip_url": "",
    }


@routes("POST", "/sessions/{id}/start", documented=True, access="host", scoped=True)
def start_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Start a session."""
    return _go_live(vidinfra, request)


@routes("POST", "/sessions/{id}/go_live", documented=True, access="host", scoped=True)
def go_live(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Go live with a session; after ``start`` the session is already live, and the response is the same."""
    session = lookup.session(vidinfra, request, own=True)
    if session.lifecycle.state is State.LIVE:
        return _start_response(vidinfra, session, request)
    return _go_live(vidinfra, request)


@routes("POST", "/sessions/{id}/end", documented=True, access="host", scoped=True)
def end_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """End a session."""
    session = lookup.session(vidinfra, request, own=True)
    _require_state(session, State.LIVE, "end")
    session.lifecycle.ended_at = request.now
    return {"message": "Session ended"}


@routes("POST", "/sessions/{id}/join", documented=True, access="user", scoped=True)
def join_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Join a session (get LiveKit token)."""
    session, account = lookup.session(vidinfra, request), request.caller.account
    _require_state(session, State.LIVE, "join")
    if request.caller.by_token:
        session.visits.append(Visit(account.person, request.now))
    return {
        "livekit_token": vidinfra.tokens.issue_access(account, request.now, 3600),
        "room_name": f"session-{session.id}",
    }


# --- studio -----------------------------------------------------------------------------------------------------------


@routes("POST", "/sessions/{id}/ensure_hls_egress", documented=True, access="host", scoped=True)
def ensure_hls_egress(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Ensure HLS egress is running."""
    _require_state(lookup.session(vidinfra, request, own=True), State.LIVE, "stream")
    return {"message": "HLS egress ensured"}


@routes("POST", "/sessions/{id}/start_webcam_hls", documented=True, access="host", scoped=True)
def start_webcam_hls(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Start webcam to HLS streaming."""
    _require_state(lookup.session(vidinfra, request, own=True), State.LIVE, "stream")
    return {"message": "Webcam HLS started"}


@routes("POST", "/sessions/{id}/host_video_state", documented=True, access="user", scoped=True)
def broadcast_host_video_state(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Broadcast host video state change."""
    return _broadcast(vidinfra, request)


@routes("POST", "/sessions/{id}/host_audio_state", documented=True, access="user", scoped=True)
def broadcast_host_audio_state(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Broadcast host audio state change."""
    return _broadcast(vidinfra, request)


def _broadcast(vidinfra: VidInfra, request: ApiRequest) -> Any:
    _require_state(lookup.session(vidinfra, request), State.LIVE, "broadcast in")
    request.json()
    return {"message": "State broadcasted"}


@routes("GET", "/sessions/{id}/monitor", documented=True, access="user", scoped=True)
def get_monitor_token(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get monitor token for a session."""
    session = lookup.session(vidinfra, request)
    token = vidinfra.tokens.issue_access(request.caller.account, request.now, 3600)
    return {"livekit_token": token, "room_name": f"session-{session.id}"}


@routes("GET", "/sessions/{id}/stream_health", documented=True, access="user", scoped=True)
def get_stream_health(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get stream health info."""
    live = lookup.session(vidinfra, request).lifecycle.state is State.LIVE
    return {"status": "healthy" if live else "offline", "bitrate_kbps": 2400 if live else 0, "fps": 30 if live else 0}


@routes("POST", "/sessions/{id}/studio_url", access="host", scoped=True)
def generate_studio_url(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Generate studio URL."""
    session = lookup.session(vidinfra, request, own=True)
    code = vidinfra.ids.token("studio", 16)
    return {"studio_url": f"https://studio.vidinfra.example/{session.id}?code={code}", "expires_in": 300}


@routes("GET", "/sessions/{id}/share_url", access="user", scoped=True)
def get_share_url(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get shareable URLs for a session."""
    session = lookup.session(vidinfra, request)
    page_url = f"https://watch.vidinfra.example/{session.id}"
    return {"share_url": page_url, "embed_url": f"{page_url}/embed"}
