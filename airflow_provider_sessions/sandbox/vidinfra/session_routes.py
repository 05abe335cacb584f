"""Sessions: the 21 operations of the vendor's group of this name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.request_parsing import ApiError, FieldError, PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.pages import page, whole
from airflow_provider_sessions.sandbox.vidinfra.state import VidInfraDraft, Visit, Webinar
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

RTMP_URL = "rtmp://ingest.vidinfra.example/live"


def _sessions(vidinfra: VidInfra, asked: PlatformRequest) -> list[Webinar]:
    """All sessions, in the path's library where it names one, in the order of the lists."""
    library_id = asked.args.get("library_id")
    found = [
        session
        for session in vidinfra.all()
        if library_id is None or vidinfra.rooms[session.room_id].library_id == library_id
    ]
    found.sort(key=lambda session: session.lifecycle.created_at)
    return found[::-1] if vidinfra.settings.newest_first else found


def _shown(vidinfra: VidInfra, asked: PlatformRequest, sessions: list[Webinar]) -> list[dict[str, Any]]:
    return response_bodies.sessions(vidinfra, sessions, asked.now)


def _require(session: Webinar, state: State, action: str) -> None:
    """Refuse what a session's state does not allow.

    :raises ApiError: 409.
    """
    if session.lifecycle.state is not state:
        raise ApiError(409, f"Cannot {action} a session that is {session.lifecycle.state.value}")


# --- lists ------------------------------------------------------------------------------------------------------------


@routes("GET", "/rooms/{id}/sessions", documented=True, access="host", scoped=True)
def list_room_sessions(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List sessions for a room."""
    room = lookup.room(vidinfra, asked, own=True)
    found = [session for session in _sessions(vidinfra, asked) if session.room_id == room.id]
    return {"sessions": _shown(vidinfra, asked, found), **whole(found)}


@routes("GET", "/sessions", documented=True, access="public", scoped=True)
def list_sessions(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List all sessions."""
    chosen, facts = page(vidinfra, asked, _sessions(vidinfra, asked))
    return {"sessions": _shown(vidinfra, asked, chosen), **facts}


@routes("GET", "/sessions/live", documented=True, access="public", scoped=True)
def list_live_sessions(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """List currently live sessions."""
    live = [session for session in _sessions(vidinfra, asked) if session.lifecycle.state is State.LIVE]
    return {"sessions": _shown(vidinfra, asked, live), **whole(live)}


@routes("GET", "/sessions/stats", documented=True, access="user", scoped=True)
def get_dashboard_stats(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get dashboard stats; the caller's own sessions count."""
    mine = [
        session.lifecycle.state
        for session in _sessions(vidinfra, asked)
        if vidinfra.rooms[session.room_id].host_id == asked.caller.account.id
    ]
    return {
        "total_sessions": len(mine),
        "live_now": mine.count(State.LIVE),
        "scheduled": mine.count(State.SCHEDULED),
        "ended": mine.count(State.ENDED),
    }


# --- one session ------------------------------------------------------------------------------------------------------


@routes("POST", "/rooms/{id}/sessions", documented=True, access="host", status=201, scoped=True)
def create_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Create a new session in a room."""
    room = lookup.room(vidinfra, asked, own=True)
    body = asked.read(request_bodies.CreateSession)
    preset = vidinfra.presets.get(str(body.preset_id))
    if preset is None or preset.deleted or preset.user_id != asked.caller.account.id:
        fault = FieldError("preset_id", "validation_exists", "The preset does not exist")
        raise ApiError(422, "Invalid Request", fields=(fault,), gateway=True)
    draft = VidInfraDraft(
        title=body.title, description=body.description, mode=body.mode, room_id=room.id, preset_id=preset.id
    )
    lifecycle = Lifecycle(asked.now, body.scheduled_start_time, vidinfra.new_session_script)
    session = vidinfra.add(draft, lifecycle)
    rtmp = session.mode == "rtmp"
    return {
        "session": response_bodies.session(vidinfra, session, asked.now),
        "rtmp_url": RTMP_URL if rtmp else "",
        "stream_key": session.stream_key if rtmp else "",
    }


@routes("GET", "/sessions/{id}", documented=True, access="public", scoped=True)
def get_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get session by ID."""
    return response_bodies.session(vidinfra, lookup.session(vidinfra, asked), asked.now)


@routes("DELETE", "/sessions/{id}", documented=True, access="host", scoped=True)
def delete_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Delete a session that is not live."""
    session = lookup.session(vidinfra, asked, own=True)
    if session.lifecycle.state is State.LIVE:
        raise ApiError(409, "Cannot delete a session that is live")
    session.lifecycle.deleted_at = asked.now
    return {"message": "Session deleted"}


@routes("PATCH", "/sessions/{id}/reschedule", documented=True, access="host", scoped=True)
def reschedule_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Reschedule a session."""
    session = lookup.session(vidinfra, asked, own=True)
    start = asked.read(request_bodies.Reschedule).scheduled_start_time
    _require(session, State.SCHEDULED, "reschedule")
    session.lifecycle.scheduled_start = start
    session.updated_at = asked.now
    return response_bodies.session(vidinfra, session, asked.now)


@routes("PATCH", "/sessions/{id}/settings", documented=True, access="user")
def update_session_settings(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Update session runtime settings."""
    session = lookup.session(vidinfra, asked)
    lookup.check_owner(asked, vidinfra.rooms[session.room_id].host_id)
    session.overrides |= asked.read(request_bodies.SessionSettings).model_dump(exclude_none=True)
    session.updated_at = asked.now
    return response_bodies.session(vidinfra, session, asked.now)


# --- its lifecycle ----------------------------------------------------------------------------------------------------


def _go_live(vidinfra: VidInfra, asked: PlatformRequest) -> dict[str, Any]:
    """Let a scheduled session go live, unless its room is busy; StartSessionResponse."""
    session = lookup.session(vidinfra, asked, own=True)
    _require(session, State.SCHEDULED, "start")
    if vidinfra.active_session_id(session.room_id):
        raise ApiError(409, "The room already has an active session")
    session.lifecycle.started_at = asked.now
    return _started(vidinfra, session, asked)


def _started(vidinfra: VidInfra, session: Webinar, asked: PlatformRequest) -> dict[str, Any]:
    answer: dict[str, Any] = {"session": response_bodies.session(vidinfra, session, asked.now)}
    if session.mode == "webcam":
        token = vidinfra.tokens.access(asked.caller.account, asked.now, vidinfra.settings.access_token_lifetime)
        whip = f"https://ingest.vidinfra.example/whip/{session.id}"
        return answer | {"livekit_token": token, "rtmp": None, "rtmp_setup": None, "whip_url": whip}
    steps = ("Open your encoder", "Enter server and stream key", "Start streaming")
    return answer | {
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
def start_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Start a session."""
    return _go_live(vidinfra, asked)


@routes("POST", "/sessions/{id}/go_live", documented=True, access="host", scoped=True)
def go_live(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Go live with a session; after ``start`` it is the second of two steps and finds the session live."""
    session = lookup.session(vidinfra, asked, own=True)
    if session.lifecycle.state is State.LIVE:
        return _started(vidinfra, session, asked)
    return _go_live(vidinfra, asked)


@routes("POST", "/sessions/{id}/end", documented=True, access="host", scoped=True)
def end_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """End a session."""
    session = lookup.session(vidinfra, asked, own=True)
    _require(session, State.LIVE, "end")
    session.lifecycle.ended_at = asked.now
    return {"message": "Session ended"}


@routes("POST", "/sessions/{id}/join", documented=True, access="user", scoped=True)
def join_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Join a session (get LiveKit token)."""
    session, account = lookup.session(vidinfra, asked), asked.caller.account
    _require(session, State.LIVE, "join")
    if asked.caller.by_token:
        session.visits.append(Visit(account.person, asked.now))
    return {"livekit_token": vidinfra.tokens.access(account, asked.now, 3600), "room_name": f"session-{session.id}"}


# --- studio -----------------------------------------------------------------------------------------------------------


@routes("POST", "/sessions/{id}/ensure_hls_egress", documented=True, access="host", scoped=True)
def ensure_hls_egress(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Ensure HLS egress is running."""
    _require(lookup.session(vidinfra, asked, own=True), State.LIVE, "stream")
    return {"message": "HLS egress ensured"}


@routes("POST", "/sessions/{id}/start_webcam_hls", documented=True, access="host", scoped=True)
def start_webcam_hls(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Start webcam to HLS streaming."""
    _require(lookup.session(vidinfra, asked, own=True), State.LIVE, "stream")
    return {"message": "Webcam HLS started"}


@routes("POST", "/sessions/{id}/host_video_state", documented=True, access="user", scoped=True)
def broadcast_host_video_state(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Broadcast host video state change."""
    return _broadcast(vidinfra, asked)


@routes("POST", "/sessions/{id}/host_audio_state", documented=True, access="user", scoped=True)
def broadcast_host_audio_state(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Broadcast host audio state change."""
    return _broadcast(vidinfra, asked)


def _broadcast(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    _require(lookup.session(vidinfra, asked), State.LIVE, "broadcast in")
    asked.json()
    return {"message": "State broadcasted"}


@routes("GET", "/sessions/{id}/monitor", documented=True, access="user", scoped=True)
def get_monitor_token(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get monitor token for a session."""
    session = lookup.session(vidinfra, asked)
    token = vidinfra.tokens.access(asked.caller.account, asked.now, 3600)
    return {"livekit_token": token, "room_name": f"session-{session.id}"}


@routes("GET", "/sessions/{id}/stream_health", documented=True, access="user", scoped=True)
def get_stream_health(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get stream health info."""
    live = lookup.session(vidinfra, asked).lifecycle.state is State.LIVE
    return {"status": "healthy" if live else "offline", "bitrate_kbps": 2400 if live else 0, "fps": 30 if live else 0}


@routes("POST", "/sessions/{id}/studio_url", access="host", scoped=True)
def generate_studio_url(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Generate studio URL."""
    session = lookup.session(vidinfra, asked, own=True)
    code = vidinfra.ids.token("studio", 16)
    return {"studio_url": f"https://studio.vidinfra.example/{session.id}?code={code}", "expires_in": 300}


@routes("GET", "/sessions/{id}/share_url", access="user", scoped=True)
def get_share_url(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get shareable URLs for a session."""
    session = lookup.session(vidinfra, asked)
    page_url = f"https://watch.vidinfra.example/{session.id}"
    return {"share_url": page_url, "embed_url": f"{page_url}/embed"}
