"""``options`` of a session on VidInfra."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class CreateOptions(BaseModel):
    """``options`` of a create.

    :param room_id: UUID of the room in which the session is held. Required.
    :param preset_id: UUID of the preset with the session's settings. Required.
    :param mode: ``webcam`` or ``rtmp``; by default the platform decides.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    room_id: UUID
    preset_id: UUID
    mode: Literal["webcam", "rtmp"] | None = None


class ChangeOptions(BaseModel):
    """``options`` of an update; a setting that is not given is not changed.

    :param chat_enabled: whether viewers may chat.
    :param stage_enabled: whether viewers may go on stage.
    :param max_join_limit: how many may be on stage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    chat_enabled: bool | None = None
    stage_enabled: bool | None = None
    max_join_limit: int | None = Field(None, ge=1)
