"""Sessions: created in a room, started, watched, ended; their recordings, and the health of an installation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from pydantic import ConfigDict, SecretStr, model_validator

from airflow_provider_sessions.client.api_models import LenientModel, validate_leniently
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.client.paging import PageLimit
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    PAGE_SIZE,
    Acknowledged,
    Seconds,
    UndocumentedResponse,
    VidInfraModel,
    api,
    body_of,
    format_instant,
)
from airflow_provider_sessions.platforms.vidinfra.api.rooms import PresetResponse, RoomResponse


class SessionResponse(VidInfraModel, LenientModel):
    """A session. ``duration`` is in seconds; ``effective_*`` is the override if there is one, else the preset's.

    ``status`` is one of ``scheduled``, ``live``, ``ended``, ``expired``; any text is accepted, so that a new word is
    an error only if the state is needed.
    """

    id: str | None = None
    room_id: str | None = None
    room: RoomResponse | None = None
    preset: PresetResponse | None = None
    title: str | None = None
    description: str | None = None
    status: str | None = None
    mode: str | None = None
    started_at: Instant = None
    ended_at: Instant = None
    duration: Seconds | None = None
    scheduled_start_time: Instant = None
    viewer_count: int | None = None
    max_viewers: int | None = None
    recording_enabled: bool | None = None
    hls_url: str | None = None
    chat_enabled_override: bool | None = None
    stage_enabled_override: bool | None = None
    max_join_limit_override: int | None = None
    effective_chat_enabled: bool | None = None
    effective_stage_enabled: bool | None = None
    effective_max_join_limit: int | None = None
    created_at: Instant = None
    updated_at: Instant = None


class _AroundSession(VidInfraModel, LenientModel):
    """A response with a session inside, or (inferred, for other versions of the platform) the bare session."""

    session: SessionResponse | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_session(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        inner = content.get("session", content if "id" in content else None)
        if not isinstance(inner, dict):
            return content
        return {**content, "session": validate_leniently(SessionResponse, inner)}


class CreateSessionResponse(_AroundSession):
    """A new session. Address and key of the stream come for ``rtmp`` sessions (inferred)."""

    rtmp_url: str | None = None
    stream_key: SecretStr | None = None


class RtmpIngress(VidInfraModel):
    """Where an ``rtmp`` session is streamed to."""

    ingress_id: str | None = None
    url: str | None = None
    stream_key: SecretStr | None = None


class RtmpSetup(VidInfraModel):
    """How an ``rtmp`` session is streamed to. The ``instructions`` are left out: they may quote the key."""

    server: str | None = None
    stream_key: SecretStr | None = None


class StartSessionResponse(_AroundSession):
    """A session that was started. Which of the fields come depends on its mode (inferred)."""

    livekit_token: SecretStr | None = None
    rtmp: RtmpIngress | None = None
    rtmp_setup: RtmpSetup | None = None
    whip_url: SecretStr | None = None


class JoinSessionResponse(VidInfraModel):
    """What a viewer needs to join."""

    livekit_token: SecretStr | None = None
    room_name: str | None = None


class DashboardStatsResponse(VidInfraModel):
    """How many sessions there are. Expired ones have no counter."""

    total_sessions: int | None = None
    live_now: int | None = None
    scheduled: int | None = None
    ended: int | None = None


class MonitorTokenResponse(VidInfraModel):
    """A token to watch a session with. All fields are inferred: the documentation shows no body; there may be none."""

    livekit_token: SecretStr | None = None
    token: SecretStr | None = None
    room_name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_none(cls, content: Any) -> Any:
        return {} if content is None else content


class StreamHealthResponse(VidInfraModel):
    """The health of a stream. The documentation shows no body, so whatever comes is kept."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_known(cls, content: Any) -> Any:
        return {} if content is None else content


class StudioURLResponse(VidInfraModel):
    """An address of the host's studio. All fields are inferred; it may carry a login code, so it is a secret."""

    url: SecretStr | None = None
    studio_url: SecretStr | None = None
    expires_in: int | None = None


class ShareURLResponse(VidInfraModel):
    """Addresses to give to viewers. All fields are inferred."""

    share_url: str | None = None
    viewer_url: str | None = None
    url: str | None = None
    embed_url: str | None = None

    @property
    def page(self) -> str | None:
        """The address of the page on which the session is watched."""
        return self.share_url or self.viewer_url or self.url


@api("GET", "/rooms/{room_id}/sessions", documented=True, scoped=True)
def list_room_sessions(room_id: str) -> Paged[SessionResponse]:
    """List the sessions of a room. Host only.

    :param room_id: the room's UUID.
    :raises PermissionDeniedError: the room is not the account's.
    Source: VidInfra Live API, List sessions for a room; documented, its pages are inferred.
    """
    return paged(SessionResponse, NO_PAGES, unwrap=("data", "sessions"))


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
    """Create a session in a room. Host only. Each call creates another.

    :param room_id: the room's UUID.
    :param title: 3 to 255 characters.
    :param preset_id: UUID of the preset with the session's settings.
    :param description: a text for its page.
    :param mode: ``webcam`` or ``rtmp``; the platform's default is not documented.
    :param scheduled_start_time: aware; the planned start.
    :raises PermissionDeniedError: the credential is not a host's, or the room is not the account's.
    :raises RejectedError: a field is missing or wrong.
    Source: VidInfra Live API, Create a new session in a room; documented.
    """
    body = body_of(
        title=title,
        description=description,
        mode=mode,
        scheduled_start_time=None
        if scheduled_start_time is None
        else format_instant(scheduled_start_time, "scheduled_start_time"),
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
    return paged(SessionResponse, NO_PAGES, unwrap=("data", "sessions"))


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
    """Delete a session, whatever its state, with its artifacts. Host only.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session; also the response to a repetition that came after a success.
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
    """Start a session. Host only.

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
    """Move a session that has not begun. Host only. Whether viewers are notified each time is not documented.

    :param session_id: the session's UUID.
    :param scheduled_start_time: aware; the new planned start.
    :raises ConflictError: the session is in another state (status inferred).
    Source: VidInfra Live API, Reschedule a session; documented.
    """
    return call(
        Acknowledged, body={"scheduled_start_time": format_instant(scheduled_start_time, "scheduled_start_time")}
    )


@api("PATCH", "/sessions/{session_id}/settings", documented=True, repeatable=True)
def update_session_settings(
    session_id: str,
    *,
    chat_enabled: bool | None = None,
    stage_enabled: bool | None = None,
    max_join_limit: int | None = None,
) -> Call[Acknowledged]:
    """Change the settings of a session, also while it is live. Fields that are not given are not changed.

    :param session_id: the session's UUID.
    :param chat_enabled: whether viewers may chat.
    :param stage_enabled: whether viewers may be brought on stage.
    :param max_join_limit: how many may be on stage.
    :raises RejectedError: a value is wrong.
    Source: VidInfra Live API, Update session runtime settings; documented.
    """
    return call(
        Acknowledged,
        body=body_of(chat_enabled=chat_enabled, stage_enabled=stage_enabled, max_join_limit=max_join_limit),
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
    Source: VidInfra Live API, Get monitor token for a session; documented, the response is inferred.
    """
    return call(MonitorTokenResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/stream_health", documented=True, scoped=True)
def get_stream_health(session_id: str) -> Call[StreamHealthResponse]:
    """Get the health of a session's stream.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get stream health info; documented, the response is not.
    """
    return call(StreamHealthResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/studio_url", documented=False, scoped=True)
def generate_studio_url(session_id: str) -> Call[StudioURLResponse]:
    """Create an address at which the host runs a session. Host only. It may carry a login code: a secret.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's.
    Source: VidInfra Live API, Generate studio URL; the method was seen, path and response are inferred.
    """
    return call(StudioURLResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/share_url", documented=False, scoped=True)
def get_share_url(session_id: str) -> Call[ShareURLResponse]:
    """Get the addresses to give to viewers of a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get shareable URLs for a session; the method was seen, path and response are inferred.
    """
    return call(ShareURLResponse, unwrap=("data",))


# Recordings of sessions


class RecordingResponse(VidInfraModel, LenientModel):
    """A recording: ``recording``, ``completed`` or ``failed``. Seconds and bytes are inferred units."""

    id: str | None = None
    session_id: str | None = None
    egress_id: str | None = None
    name: str | None = None
    file_path: str | None = None
    duration: Seconds | None = None
    file_size: int | None = None
    status: str | None = None
    storage_type: str | None = None
    retry_count: int | None = None
    error_message: str | None = None
    created_at: Instant = None
    updated_at: Instant = None


class RecordingDownloadResponse(VidInfraModel):
    """The URL of a recording's file until ``expires_at``; the URL gives access."""

    download_url: SecretStr | None = None
    expires_at: Instant = None


@api("GET", "/sessions/{session_id}/recordings", documented=False)
def list_session_recordings(session_id: str) -> Paged[RecordingResponse]:
    """List the recordings of a session.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get recordings for a session; the response is documented, the path is inferred.
    """
    return paged(RecordingResponse, NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings", documented=False)
def list_my_recordings() -> Paged[RecordingResponse]:
    """List all recordings of the account.

    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get my recordings; the response is documented, the path is inferred.
    """
    return paged(RecordingResponse, NO_PAGES, unwrap=("data", "recordings"))


@api("GET", "/recordings/{recording_id}", documented=False)
def get_recording(recording_id: str) -> Call[RecordingResponse]:
    """Get one recording.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Get recording by ID; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/sessions/{session_id}/recordings/active", documented=False)
def get_active_recording(session_id: str) -> Call[RecordingResponse | None]:
    """Get the recording that is running, or None if there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session, or (inferred) no recording is running.
    Source: VidInfra Live API, Get active recording for a session; the response is documented, the path is inferred.
    """
    perhaps = cast(type[RecordingResponse | None], RecordingResponse | None)
    return call(perhaps, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/start", documented=False)
def start_recording(session_id: str) -> Call[RecordingResponse]:
    """Start to record a live session. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: the session is not live, or is being recorded (status inferred).
    Source: VidInfra Live API, Start recording a session; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("POST", "/sessions/{session_id}/recordings/stop", documented=False)
def stop_recording(session_id: str) -> Call[RecordingResponse]:
    """Stop the recording that is running. Host only.

    :param session_id: the session's UUID.
    :raises ConflictError: none is running (status inferred).
    Source: VidInfra Live API, Stop recording a session; the response is documented, the path is inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/recordings/{recording_id}/download", documented=False)
def get_recording_download_url(recording_id: str) -> Call[RecordingDownloadResponse]:
    """Get a URL of a recording's file that works for a while. It is a secret.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording.
    :raises ConflictError: it is not completed (status inferred).
    Source: VidInfra Live API, Get recording download URL; the response is documented, the path is inferred.
    """
    return call(RecordingDownloadResponse, unwrap=("data",))


@api("PATCH", "/recordings/{recording_id}", documented=False, repeatable=True)
def update_recording(recording_id: str, name: str) -> Call[RecordingResponse]:
    """Rename a recording. Host only.

    :param recording_id: the recording's UUID.
    :param name: up to 255 characters.
    :raises NotFoundError: there is no such recording.
    Source: VidInfra Live API, Update recording metadata; body and response are documented, the path is inferred.
    """
    return call(RecordingResponse, body={"name": name}, unwrap=("data", "recording"))


@api("DELETE", "/recordings/{recording_id}", documented=False)
def delete_recording(recording_id: str) -> Call[Acknowledged]:
    """Delete a recording and its file. Host only.

    :param recording_id: the recording's UUID.
    :raises NotFoundError: there is no such recording; also the response to a repetition that came after a success.
    Source: VidInfra Live API, Delete a recording; the path is inferred.
    """
    return call(Acknowledged)


@api("GET", "/recordings/{recording_id}/file", documented=False)
def get_recording_file(recording_id: str, token: str) -> Call[bytes]:
    """Get the file of a recording by the token of a public link. To store a file of any size, download the recording.

    :param recording_id: the recording's UUID.
    :param token: the link's token; a secret.
    :raises NotFoundError: there is no such recording.
    :raises ResponseTooLargeError: the file is larger than a response may be.
    Source: VidInfra Live API, Serve recording file (public, with token); path and name of the token are inferred.
    """
    return call(bytes, query={"token": token})


# Storage and health of an installation. Who may call these is not documented


@api("GET", "/admin/storage/status", documented=False)
def get_storage_status() -> Call[UndocumentedResponse]:
    """Get how full the storage of recordings is.

    :raises PermissionDeniedError: the credential is not an administrator's.
    Source: VidInfra Live API, Get storage status; the name alone, all else is inferred.
    """
    return call(UndocumentedResponse, unwrap=("data",))


@api("POST", "/admin/storage/cleanup", documented=False)
def clean_up_storage() -> Call[UndocumentedResponse]:
    """Start a clean-up of the storage of recordings. What it deletes is not documented.

    :raises PermissionDeniedError: the credential is not an administrator's.
    Source: VidInfra Live API, Trigger storage cleanup; the name alone, all else is inferred.
    """
    return call(UndocumentedResponse, unwrap=("data",))


@api("POST", "/admin/recordings/{recording_id}/retry", documented=False)
def retry_recording(recording_id: str) -> Call[RecordingResponse]:
    """Process a failed recording once more.

    :param recording_id: the recording's UUID.
    :raises ConflictError: the recording has not failed (status inferred).
    Source: VidInfra Live API, Retry a failed recording; path and response are inferred.
    """
    return call(RecordingResponse, unwrap=("data", "recording"))


@api("GET", "/health", documented=False)
def check_health() -> Call[UndocumentedResponse]:
    """Get whether the platform is up.

    Source: VidInfra Live API, Health check; the path is inferred.
    """
    return call(UndocumentedResponse)
