"""The request bodies of VidInfra Live, with the limits that its schema documents."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

Mode = Literal["webcam", "rtmp"]
Title = Annotated[str, Field(min_length=3, max_length=255)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class Login(BaseModel):
    """LoginRequest."""

    email: Email
    password: str


class RefreshToken(BaseModel):
    """RefreshTokenRequest and LogoutRequest."""

    refresh_token: str


class ViewerRegister(BaseModel):
    """ViewerRegisterRequest."""

    display_name: str = Field(min_length=1, max_length=50)


class DeviceLogin(BaseModel):
    """DeviceLoginRequest."""

    device_token: str


class GenerateCode(BaseModel):
    """GenerateAuthCodeRequest."""

    session_id: str


class ExchangeCode(BaseModel):
    """ExchangeAuthCodeRequest."""

    code: str


class CreateRoom(BaseModel):
    """CreateRoomRequest."""

    title: Title
    description: str = ""
    analytics: dict[str, Any] | None = None


class UpdateRoom(BaseModel):
    """UpdateRoomRequest."""

    title: Title | None = None
    description: str | None = None
    analytics: dict[str, Any] | None = None


class CreateSession(BaseModel):
    """CreateSessionRequest."""

    title: Title
    description: str = ""
    mode: Mode = "webcam"
    scheduled_start_time: AwareDatetime | None = None
    preset_id: UUID


class Reschedule(BaseModel):
    """RescheduleSessionRequest."""

    scheduled_start_time: AwareDatetime


class SessionSettings(BaseModel):
    """UpdateSessionSettingsRequest."""

    chat_enabled: bool | None = None
    stage_enabled: bool | None = None
    max_join_limit: int | None = None


class UpdateRecording(BaseModel):
    """UpdateRecordingRequest."""

    name: str = Field(max_length=255)


class AddRole(BaseModel):
    """AddParticipantRoleRequest."""

    user_id: UUID


class CreatePreset(BaseModel):
    """CreatePresetRequest. The defaults of the flags are not documented; these are guesses."""

    name: str = Field(min_length=1, max_length=255)
    type: Literal["whip", "rtmp"]
    stage_enabled: bool = True
    max_join_limit: int = Field(default=5, ge=1, le=100)
    chat_enabled: bool = True
    poll_enabled: bool = True
    viewer_count_visible: bool = True
    primary_color: str = Field(pattern="^#[0-9a-fA-F]{6}$")
    logo: str = ""
    logo_destination_url: str = ""
    host_add_co_host: bool = True
    host_camera_enabled: bool = True
    host_screen_share: bool = True
    host_chat_send_text: bool = True
    host_chat_send_file: bool = True
    host_chat_receive_message: bool = True
    host_poll_create: bool = True
    host_poll_vote: bool = True
    host_poll_view: bool = True
    onstage_camera_enabled: bool = True
    onstage_screen_share: bool = True
    onstage_viewer_view: bool = True
    audience_stage_join_request: bool = True
    audience_can_see_participants: bool = True
    audience_chat_send_text: bool = True
    audience_chat_send_file: bool = False
    audience_chat_receive_message: bool = True
    audience_poll_create: bool = False
    audience_poll_vote: bool = True
    audience_poll_view: bool = True
    moderator_manage_stage: bool = True
    moderator_manage_chat: bool = True
    moderator_manage_poll: bool = True
    recording_enabled: bool = True
    is_default: bool = False


class UpdatePresetLimit(BaseModel):
    """The one limit in which UpdatePresetRequest differs from CreatePresetRequest: at most 5 may join the stage."""

    max_join_limit: int | None = Field(default=None, ge=1, le=5)
