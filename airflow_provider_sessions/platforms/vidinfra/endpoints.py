"""The endpoints of VidInfra Live, and of its video API, one function each.

``documented=True`` where the vendor's OpenAPI document shows method and path. All others are inferred from the names in
its navigation; where one turns out to be wrong, the connection's ``paths`` corrects it. ``scoped=True`` where a twin
for one library exists (below ``/libraries/{library_id}``, a prefix that is inferred too).

The last ones are of the video API (libraries of videos), which has a base URL of its own: the connection's
``video_host``.

"Host" in these docstrings means: the credential of an account with the role ``host``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from airflow_provider_sessions.client.call import Call, Endpoints, Paged, call, paged
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.model import parse_instant
from airflow_provider_sessions.platforms.vidinfra.models import (
    Acknowledged,
    ActiveViewerResponse,
    AttendanceResponse,
    AttendanceStatsResponse,
    AuthResponse,
    CreateSessionResponse,
    DashboardStatsResponse,
    JoinSessionResponse,
    MonitorTokenResponse,
    PresetResponse,
    RecordingDownloadResponse,
    RecordingResponse,
    RoomResponse,
    SessionParticipantResponse,
    SessionResponse,
    ShareURLResponse,
    StartSessionResponse,
    StreamHealthResponse,
    StudioURLResponse,
    VideoLibraryResponse,
    VideoResponse,
)

api = Endpoints("vidinfra")

_NO_PAGES = PageLimit(limit=None)
PAGE_SIZE = 100
"""Lists without documented pages: more are only asked for where ``total`` says that some are missing."""


def _given(**fields: Any) -> dict[str, Any]:
    """A body of the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def _written(instant: datetime | str) -> str:
    """An instant as the platform's own examples write it, in UTC with milliseconds."""
    text = parse_instant(instant, "scheduled_start_time").isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


# Rooms


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
    """Make a room. Host only.

    :param title: 3 to 255 characters.
    :param description: a text for its page.
    :param analytics: ``{"google_tag_manager": {"container_id": ..., "enabled": ...}}``.
    :raises PermissionDeniedError: the credential is no host's.
    :raises RejectedError: the title is too short or too long.
    Source: VidInfra Live API, Create a new room; documented.
    """
    body = _given(title=title, description=description, analytics=analytics)
    return call(RoomResponse, body=body, unwrap=("data", "room"))


@api("GET", "/rooms/my", documented=True, scoped=True)
def list_my_rooms() -> Paged[RoomResponse]:
    """List the rooms of the account.

    :raises AuthenticationError: the credential is missing or wrong.
    Source: VidInfra Live API, List my rooms; documented.
    """
    return paged(RoomResponse, _NO_PAGES, unwrap=("data", "rooms"))


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
    """Change a room. Host only. What is not given stays.

    :param room_id: the room's UUID.
    :param title: 3 to 255 characters.
    :param description: a text for its page.
    :param analytics: ``{"google_tag_manager": {"container_id": ..., "enabled": ...}}``.
    :raises PermissionDeniedError: the room is not the account's.
    Source: VidInfra Live API, Update a room; documented.
    """
    body = _given(title=title, description=description, analytics=analytics)
    return call(RoomResponse, body=body, unwrap=("data", "room"))


@api("DELETE", "/rooms/{room_id}", documented=True, scoped=True)
def delete_room(room_id: str) -> Call[Acknowledged]:
    """Delete a room. Host only.

    :param room_id: the room's UUID.
    :raises NotFoundError: there is no such room; also the answer to a repetition that came after a success.
    Source: VidInfra Live API, Delete a room; documented.
    """
    return call(Acknowledged)


# Sessions


@api("GET", "/rooms/{room_id}/sessions", documented=True, scoped=True)
def list_room_sessions(room_id: str) -> Paged[SessionResponse]:
    """List the sessions of a room. Host only.

    :param room_id: the room's UUID.
    :raises PermissionDeniedError: the room is not the account's.
    Source: VidInfra Live API, List sessions for a room; documented, its pages are inferred.
    """
    return paged(SessionResponse, _NO_PAGES, unwrap=("data", "sessions"))


@api("POST", "/rooms/{room_id}/sessions", documented=True, scoped=True)
def create_session(
    room_id: str,
    title: str,
    preset_id: str,
    *,
    description: str | None = None,
    mode: str | None = None,
    scheduled_start_time: datetime | str | None = None,
) -> Call[CreateSessionResponse]:
    """Make a session in a room. Host only. Each repetition makes one more.

    :param room_id: the room's UUID.
    :param title: 3 to 255 characters.
    :param preset_id: UUID of the preset with the session's settings.
    :param description: a text for its page.
    :param mode: ``webcam`` or ``rtmp``; the platform's default is not documented.
    :param scheduled_start_time: aware; the planned start.
    :raises PermissionDeniedError: the credential is no host's, or the room is not the account's.
    :raises RejectedError: a field is missing or wrong.
    Source: VidInfra Live API, Create a new session in a room; documented.
    """
    body = _given(
        title=title,
        description=description,
        mode=mode,
        scheduled_start_time=None if scheduled_start_time is None else _written(scheduled_start_time),
        preset_id=preset_id,
    )
    return call(CreateSessionResponse, body=body, unwrap=("data",))


@api("GET", "/sessions", documented=True, scoped=True)
def list_sessions(*, limit: int = PAGE_SIZE) -> Paged[SessionResponse]:
    """List all sessions.

    :param limit: sessions a page; the platform may give fewer.
    Source: VidInfra Live API, List all sessions (public); documented.
    """
    return paged(SessionResponse, PageLimit(limit), unwrap=("data", "sessions"))


@api("GET", "/sessions/live", documented=True, scoped=True)
def list_live_sessions() -> Paged[SessionResponse]:
    """List the sessions that are live now.

    Source: VidInfra Live API, List currently live sessions (public); documented, its pages are inferred.
    """
    return paged(SessionResponse, _NO_PAGES, unwrap=("data", "sessions"))


@api("GET", "/sessions/stats", documented=True, scoped=True)
def get_dashboard_stats() -> Call[DashboardStatsResponse]:
    """Count sessions by state.

    :raises AuthenticationError: the credential is missing or wrong.
    Source: VidInfra Live API, Get dashboard stats; documented.
    """
    return call(DashboardStatsResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}", documented=True, scoped=True)
def get_session(session_id: str) -> Call[SessionResponse]:
    """Get one session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get session by ID (public); documented.
    """
    return call(SessionResponse, unwrap=("data", "session"))


@api("DELETE", "/sessions/{session_id}", documented=True, scoped=True)
def delete_session(session_id: str) -> Call[Acknowledged]:
    """Delete a session, whatever its state, with what it left behind. Host only.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session; also the answer to a repetition that came after a success.
    Source: VidInfra Live API, Delete a session; documented.
    """
    return call(Acknowledged)


@api("POST", "/sessions/{session_id}/join", documented=True, scoped=True)
def join_session(session_id: str) -> Call[JoinSessionResponse]:
    """Get a token to join a session with.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Join a session (get LiveKit token); documented.
    """
    return call(JoinSessionResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/go_live", documented=True, scoped=True)
def go_live(session_id: str) -> Call[StartSessionResponse]:
    """Start the stream of a session. Host only. How this differs from ``start_session`` is not documented.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is in another state (status inferred).
    Source: VidInfra Live API, Go live with a session; documented.
    """
    return call(StartSessionResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/ensure_hls_egress", documented=True, scoped=True, repeatable=True)
def ensure_hls_egress(session_id: str) -> Call[Acknowledged]:
    """Make sure that the HLS output of a session is running. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live (status inferred).
    Source: VidInfra Live API, Ensure HLS egress is running; documented.
    """
    return call(Acknowledged)


@api("POST", "/sessions/{session_id}/start", documented=True, scoped=True)
def start_session(session_id: str) -> Call[StartSessionResponse]:
    """Make a session live. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is in another state (status inferred).
    Source: VidInfra Live API, Start a session; documented.
    """
    return call(StartSessionResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/start_webcam_hls", documented=True, scoped=True)
def start_webcam_hls(session_id: str) -> Call[Acknowledged]:
    """Start the HLS output of a webcam session. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live (status inferred).
    Source: VidInfra Live API, Start webcam to HLS streaming; documented.
    """
    return call(Acknowledged)


@api("POST", "/sessions/{session_id}/end", documented=True, scoped=True)
def end_session(session_id: str) -> Call[Acknowledged]:
    """End a live session. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live (status inferred).
    Source: VidInfra Live API, End a session; documented.
    """
    return call(Acknowledged)


@api("PATCH", "/sessions/{session_id}/reschedule", documented=True, scoped=True)
def reschedule_session(session_id: str, scheduled_start_time: datetime | str) -> Call[Acknowledged]:
    """Move a session that has not begun. Host only. Whether viewers are told each time is not documented.

    :param session_id: the session's UUID.
    :param scheduled_start_time: aware; the new planned start.
    :raises ConflictError: the session is in another state (status inferred).
    Source: VidInfra Live API, Reschedule a session; documented.
    """
    return call(Acknowledged, body={"scheduled_start_time": _written(scheduled_start_time)})


@api("PATCH", "/sessions/{session_id}/settings", documented=True, repeatable=True)
def update_session_settings(
    session_id: str,
    *,
    chat_enabled: bool | None = None,
    stage_enabled: bool | None = None,
    max_join_limit: int | None = None,
) -> Call[Acknowledged]:
    """Change the settings of a session, also while it is live. What is not given stays.

    :param session_id: the session's UUID.
    :param chat_enabled: whether viewers may chat.
    :param stage_enabled: whether viewers may be brought on stage.
    :param max_join_limit: how many may be on stage.
    :raises RejectedError: a value is wrong.
    Source: VidInfra Live API, Update session runtime settings; documented.
    """
    return call(
        Acknowledged,
        body=_given(chat_enabled=chat_enabled, stage_enabled=stage_enabled, max_join_limit=max_join_limit),
    )


@api("POST", "/sessions/{session_id}/host_video_state", documented=True, scoped=True)
def broadcast_host_video_state(session_id: str, *, state: Mapping[str, Any] | None = None) -> Call[Acknowledged]:
    """Tell viewers that the host's camera was switched.

    :param session_id: the session's UUID.
    :param state: the body; the documentation does not show it.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Broadcast host video state change; documented, the body is not.
    """
    return call(Acknowledged, body=None if state is None else dict(state))


@api("POST", "/sessions/{session_id}/host_audio_state", documented=True, scoped=True)
def broadcast_host_audio_state(session_id: str, *, state: Mapping[str, Any] | None = None) -> Call[Acknowledged]:
    """Tell viewers that the host's microphone was switched.

    :param session_id: the session's UUID.
    :param state: the body; the documentation does not show it.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Broadcast host audio state change; documented, the body is not.
    """
    return call(Acknowledged, body=None if state is None else dict(state))


@api("GET", "/sessions/{session_id}/monitor", documented=True, scoped=True)
def get_monitor_token(session_id: str) -> Call[MonitorTokenResponse]:
    """Get a token to watch a session with, unseen.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get monitor token for a session; documented, the answer is inferred.
    """
    return call(MonitorTokenResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/stream_health", documented=True, scoped=True)
def get_stream_health(session_id: str) -> Call[StreamHealthResponse]:
    """Get the health of a session's stream.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get stream health info; documented, the answer is not.
    """
    return call(StreamHealthResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/studio_url", documented=False, scoped=True)
def generate_studio_url(session_id: str) -> Call[StudioURLResponse]:
    """Make an address at which the host runs a session. Host only. It may carry a log-in code: a secret.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's.
    Source: VidInfra Live API, Generate studio URL; the method was seen, path and answer are inferred.
    """
    return call(StudioURLResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/share_url", documented=False, scoped=True)
def get_share_url(session_id: str) -> Call[ShareURLResponse]:
    """Get the addresses to give to viewers of a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get shareable URLs for a session; the method was seen, path and answer are inferred.
    """
    return call(ShareURLResponse, unwrap=("data",))


# Attendance


@api("GET", "/sessions/{session_id}/viewers", documented=False)
def list_active_viewers(session_id: str) -> Paged[ActiveViewerResponse]:
    """List who is watching a session now.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's (inferred).
    Source: VidInfra Live API, Get active viewers for a session; the answer is documented, the path is inferred.
    """
    return paged(ActiveViewerResponse, _NO_PAGES, unwrap=("data", "viewers"))


@api("GET", "/sessions/{session_id}/attendance", documented=False, scoped=True)
def list_attendance(session_id: str) -> Paged[AttendanceResponse]:
    """List who was in a session, one row a person.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get full attendance list; the answer is documented, the path is inferred.
    """
    return paged(AttendanceResponse, _NO_PAGES, unwrap=("data", "attendance"))


@api("GET", "/sessions/{session_id}/attendance/stats", documented=False, scoped=True)
def get_attendance_stats(session_id: str) -> Call[AttendanceStatsResponse]:
    """Get the attendance of a session in numbers.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get attendance statistics; the answer is documented, the path is inferred.
    """
    return call(AttendanceStatsResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/attendance/export", documented=False, scoped=True)
def export_attendance(session_id: str) -> Call[str]:
    """Get the attendance of a session as the platform's own CSV file. Its columns are not documented.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    :raises MalformedAnswerError: the answer is a page or JSON.
    Source: VidInfra Live API, Export attendance data, and the vendor's changelog (CSV); the path is inferred.
    """
    return call(str)


# Participants: people with a role in a session


@api("GET", "/sessions/{session_id}/participants", documented=False)
def list_participants(session_id: str) -> Paged[SessionParticipantResponse]:
    """List the co-hosts and moderators of a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get session participants; the answer is documented, the path is inferred.
    """
    return paged(SessionParticipantResponse, _NO_PAGES, unwrap=("data", "participants"))


@api("POST", "/sessions/{session_id}/co_hosts", documented=False)
def add_co_host(session_id: str, user_id: str) -> Call[SessionParticipantResponse]:
    """Make an account a co-host of a session. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: there is no such session or account.
    Source: VidInfra Live API, Add a co-host to a session; body and answer are documented, the path is inferred.
    """
    return call(SessionParticipantResponse, body={"user_id": user_id}, unwrap=("data", "participant"))


@api("DELETE", "/sessions/{session_id}/co_hosts/{user_id}", documented=False)
def remove_co_host(session_id: str, user_id: str) -> Call[Acknowledged]:
    """Take the role of a co-host from an account. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: the account has no such role.
    Source: VidInfra Live API, Remove a co-host from a session; the path is inferred.
    """
    return call(Acknowledged)


@api("POST", "/sessions/{session_id}/moderators", documented=False)
def add_moderator(session_id: str, user_id: str) -> Call[SessionParticipantResponse]:
    """Make an account a moderator of a session. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: there is no such session or account.
    Source: VidInfra Live API, Add a moderator to a session; body and answer are documented, the path is inferred.
    """
    return call(SessionParticipantResponse, body={"user_id": user_id}, unwrap=("data", "participant"))


@api("DELETE", "/sessions/{session_id}/moderators/{user_id}", documented=False)
def remove_moderator(session_id: str, user_id: str) -> Call[Acknowledged]:
    """Take the role of a moderator from an account. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: the account has no such role.
    Source: VidInfra Live API, Remove a moderator from a session; the path is inferred.
    """
    return call(Acknowledged)


# Presets


@api("GET", "/presets", documented=False, scoped=True)
def list_presets() -> Paged[PresetResponse]:
    """List the presets of the account.

    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, List my presets; the items are documented, path and list are inferred.
    """
    return paged(PresetResponse, _NO_PAGES, unwrap=("data", "presets"))


@api("GET", "/presets/{preset_id}", documented=False, scoped=True)
def get_preset(preset_id: str) -> Call[PresetResponse]:
    """Get one preset.

    :param preset_id: the preset's UUID.
    :raises NotFoundError: there is no such preset.
    Source: VidInfra Live API, Get preset by ID; the answer is documented, the path is inferred.
    """
    return call(PresetResponse, unwrap=("data", "preset"))


# Recordings


@api("GET", "/sessions/{session_id}/recordings", documented=False)
def list_session_recordings(session_id: str) -> Paged[RecordingResponse]:
    """List the recordings of a session.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get recordings for a session; the answer is documented, the path is inferred.
    """
    return paged(RecordingResponse, _NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings", documented=False)
def list_my_recordings() -> Paged[RecordingResponse]:
    """List all recordings of the account.

    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get my recordings; the answer is documented, the path is inferred.
    """
    return paged(RecordingResponse, _NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings/{recording_id}", documented=False)
def get_recording(recording_id: str) -> Call[RecordingResponse]:
    """Get one recording.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Get recording by ID; the answer is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/sessions/{session_id}/recordings/active", documented=False)
def get_active_recording(session_id: str) -> Call[RecordingResponse | None]:
    """Get the recording that is running, or None where there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session, or (inferred) no recording is running.
    Source: VidInfra Live API, Get active recording for a session; the answer is documented, the path is inferred.
    """
    perhaps = cast(type[RecordingResponse | None], RecordingResponse | None)
    return call(perhaps, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/start", documented=False)
def start_recording(session_id: str) -> Call[RecordingResponse]:
    """Start to record a live session. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live, or is being recorded (status inferred).
    Source: VidInfra Live API, Start recording a session; the answer is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/stop", documented=False)
def stop_recording(session_id: str) -> Call[RecordingResponse]:
    """Stop the recording that is running. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: none is running (status inferred).
    Source: VidInfra Live API, Stop recording a session; the answer is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/recordings/{recording_id}/download", documented=False)
def get_recording_download_url(recording_id: str) -> Call[RecordingDownloadResponse]:
    """Get an address at which a recording can be fetched for a while. The address is a secret.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    :raises ConflictError: it is not completed (status inferred).
    Source: VidInfra Live API, Get recording download URL; the answer is documented, the path is inferred.
    """
    return call(RecordingDownloadResponse, unwrap=("data",))


@api("PATCH", "/recordings/{recording_id}", documented=False, repeatable=True)
def update_recording(recording_id: str, name: str) -> Call[RecordingResponse]:
    """Rename a recording. Host only.

    :param recording_id: the recording's UUID.
    :param name: up to 255 characters.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Update recording metadata; body and answer are documented, the path is inferred.
    """
    return call(RecordingResponse, body={"name": name}, unwrap=("data", "recording"))


@api("DELETE", "/recordings/{recording_id}", documented=False)
def delete_recording(recording_id: str) -> Call[Acknowledged]:
    """Delete a recording and its file. Host only.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording; also the answer to a repetition that came after a success.
    Source: VidInfra Live API, Delete a recording; the path is inferred.
    """
    return call(Acknowledged)


# Tokens: used by auth.py


@api("POST", "/auth/login", documented=False)
def login(email: str, password: str) -> Call[AuthResponse]:
    """Log in as a host.

    :param email: the account's e-mail address.
    :param password: its password.
    :raises AuthenticationError: one of the two is wrong.
    Source: VidInfra Live API, Login with email and password; path, body and answer are documented, the method is
    inferred.
    """
    return call(AuthResponse, body={"email": email, "password": password}, unwrap=("data",))


@api("POST", "/auth/refresh", documented=False)
def refresh_token(refresh_token: str) -> Call[AuthResponse]:
    """Exchange a refresh token for a new access token.

    :param refresh_token: as the log-in, or the refresh before, gave it.
    :raises AuthenticationError: it is no longer good.
    Source: VidInfra Live API, Refresh access token; the body is documented, path and answer are inferred.
    """
    return call(AuthResponse, body={"refresh_token": refresh_token}, unwrap=("data",))


# The video API


@api("GET", "/libraries", documented=True, base="video")
def list_video_libraries(*, limit: int = 100) -> Paged[VideoLibraryResponse]:
    """List the libraries of the video API.

    :param limit: libraries a page; the platform may give fewer.
    Source: Vidinfra API, Get Libraries; documented.
    """
    return paged(VideoLibraryResponse, PageLimit(limit), unwrap=("data",))


@api("GET", "/libraries/{library_id}", documented=True, base="video")
def get_video_library(library_id: str) -> Call[VideoLibraryResponse]:
    """Get a library of the video API.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Library; documented.
    """
    return call(VideoLibraryResponse, unwrap=("data",))


@api("GET", "/libraries/{library_id}/videos", documented=True, base="video")
def list_videos(library_id: str, *, folder_id: str | None = None, limit: int = 100) -> Paged[VideoResponse]:
    """List the videos of a library.

    :param library_id: the library's UUID.
    :param folder_id: only those of this folder.
    :param limit: videos a page; the platform may give fewer.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Videos; documented, that pages have numbers is inferred.
    """
    return paged(VideoResponse, PageLimit(limit), unwrap=("data",), query={"folder_id": folder_id})


@api("GET", "/libraries/{library_id}/videos/{video_id}", documented=True, base="video")
def get_video(library_id: str, video_id: str) -> Call[VideoResponse]:
    """Get a video: its status says whether it can be played.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :raises NotFoundError: there is no such library or video.
    Source: Vidinfra API, Get Video; documented.
    """
    return call(VideoResponse, unwrap=("data",))
