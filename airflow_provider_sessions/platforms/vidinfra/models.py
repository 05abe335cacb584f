"""VidInfra's answers, under the names its documentation gives them.

Every field is optional, because the documentation marks none as required; unknown fields are left out. What gives
access (tokens, stream keys, presigned addresses) is a ``SecretStr``: it shows in no repr, log or dump.
Source: VidInfra Live API 1.0.0, schemas; documented unless a class says that it is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, SecretStr, model_validator

from airflow_provider_sessions.client.records import Record, read_record
from airflow_provider_sessions.client.validation import FailingFast
from airflow_provider_sessions.platforms.instants import Instant

Seconds = Annotated[int, Field(gt=-(2**63), lt=2**63)] | Annotated[float, Field(allow_inf_nan=False)]
"""A duration. The documented ones are whole numbers; an average, or the length of a file, need not be (inferred)."""


class Answer(FailingFast):
    """What all answers share."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class UserResponse(Answer):
    """An account. ``role`` is ``host`` or ``viewer``."""

    id: str | None = None
    external_user_id: str | None = None
    organization_id: str | None = None
    email: str | None = None
    username: str | None = None
    role: str | None = None
    is_active: bool | None = None
    created_at: Instant = None


class AuthResponse(Answer):
    """What a log-in or a refresh gives. There is no ``expires_in``: the token's own ``exp`` tells."""

    user: UserResponse | None = None
    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None


class GoogleTagManager(Answer):
    """Part of a room's analytics."""

    container_id: str | None = None
    enabled: bool | None = None


class RoomAnalytics(Answer):
    """A room's analytics."""

    google_tag_manager: GoogleTagManager | None = None


class RoomResponse(Answer):
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


class PresetResponse(Answer):
    """The settings sessions are made from. ``type`` is ``whip`` or ``rtmp``."""

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


class SessionResponse(Answer, Record):
    """A session. ``duration`` is in seconds; ``effective_*`` is the override where there is one, else the preset's.

    ``status`` is one of ``scheduled``, ``live``, ``ended``, ``expired``; it is read as any text, so that a new word is
    met where a state is needed and quoted there.
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


class _AroundSession(Answer, Record):
    """An answer with a session inside, or (inferred, for other versions of the platform) the bare session."""

    session: SessionResponse | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_session(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        inner = content.get("session", content if "id" in content else None)
        return {**content, "session": read_record(SessionResponse, inner)} if isinstance(inner, dict) else content


class CreateSessionResponse(_AroundSession):
    """A new session. Address and key of the stream come for ``rtmp`` sessions (inferred)."""

    rtmp_url: str | None = None
    stream_key: SecretStr | None = None


class RtmpIngress(Answer):
    """Where an ``rtmp`` session is streamed to."""

    ingress_id: str | None = None
    url: str | None = None
    stream_key: SecretStr | None = None


class RtmpSetup(Answer):
    """How an ``rtmp`` session is streamed to. The ``instructions`` are left out: they may quote the key."""

    server: str | None = None
    stream_key: SecretStr | None = None


class StartSessionResponse(_AroundSession):
    """A session that was started. Which of the fields come depends on its mode (inferred)."""

    livekit_token: SecretStr | None = None
    rtmp: RtmpIngress | None = None
    rtmp_setup: RtmpSetup | None = None
    whip_url: SecretStr | None = None


class JoinSessionResponse(Answer):
    """What a viewer needs to join."""

    livekit_token: SecretStr | None = None
    room_name: str | None = None


class DashboardStatsResponse(Answer):
    """How many sessions there are. Expired ones have no counter."""

    total_sessions: int | None = None
    live_now: int | None = None
    scheduled: int | None = None
    ended: int | None = None


class Acknowledged(Answer):
    """The answer of an action that is documented without a body: whatever comes is a success, even nothing."""

    success: bool | None = None
    message: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _anything(cls, content: Any) -> Any:
        return content if isinstance(content, Mapping) else {}


class MonitorTokenResponse(Answer):
    """A token to watch a session with. All fields are inferred: the documentation shows no body; there may be none."""

    livekit_token: SecretStr | None = None
    token: SecretStr | None = None
    room_name: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_none(cls, content: Any) -> Any:
        return {} if content is None else content


class StreamHealthResponse(Answer):
    """The health of a stream. The documentation shows no body, so whatever comes is kept."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_known(cls, content: Any) -> Any:
        return {} if content is None else content


class StudioURLResponse(Answer):
    """An address of the host's studio. All fields are inferred; it may carry a log-in code, so it is a secret."""

    url: SecretStr | None = None
    studio_url: SecretStr | None = None
    expires_in: int | None = None


class ShareURLResponse(Answer):
    """Addresses to give to viewers. All fields are inferred."""

    share_url: str | None = None
    viewer_url: str | None = None
    url: str | None = None
    embed_url: str | None = None

    @property
    def page(self) -> str | None:
        """The address of the page on which the session is watched."""
        return self.share_url or self.viewer_url or self.url


class AttendanceResponse(Answer, Record):
    """One person's presence: ``watch_duration`` is in seconds, over ``join_count`` joins."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    email: str | None = None
    is_guest: bool | None = None
    joined_at: Instant = None
    left_at: Instant = None
    last_seen_at: Instant = None
    watch_duration: Seconds | None = None
    join_count: int | None = None


class AttendanceStatsResponse(Answer):
    """Presence in numbers; ``average_watch_duration`` is in seconds."""

    total_attendees: int | None = None
    currently_watching: int | None = None
    peak_viewers: int | None = None
    average_watch_duration: Seconds | None = None


class ActiveViewerResponse(Answer):
    """Somebody who is watching now."""

    id: str | None = None
    user_id: str | None = None
    username: str | None = None
    joined_at: Instant = None
    role: str | None = None


class SessionParticipantResponse(Answer, Record):
    """Somebody who was given a role in a session: ``co_host`` or ``moderator``."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    user: UserResponse | None = None
    role: str | None = None
    is_active: bool | None = None
    assigned_at: Instant = None
    joined_at: Instant = None
    assigned_by: str | None = None
    assigned_by_user: UserResponse | None = None
    removed_at: Instant = None
    left_at: Instant = None


class RecordingResponse(Answer, Record):
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


class RecordingDownloadResponse(Answer):
    """Where a recording can be fetched until ``expires_at``; the address itself gives access."""

    download_url: SecretStr | None = None
    expires_at: Instant = None


class VideoLibraryResponse(Answer):
    """A library of the video API. Source: Vidinfra API, Create Library; what it answers beside that is inferred."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    region: str | None = None
    usage_type: str | None = None
    status: str | None = None
    created_at: Instant = None


class VideoResponse(Answer):
    """A video. Its addresses are left out: they may give access. Source: Vidinfra API, Video."""

    id: str | None = None
    library_id: str | None = None
    folder_id: str | None = None
    name: str | None = None
    description: str | None = None
    status: str | None = None
    duration_seconds: Seconds | None = None
    size_bytes: int | None = None
    created_at: Instant = None
    updated_at: Instant = None
