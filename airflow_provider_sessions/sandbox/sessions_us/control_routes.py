"""What only this platform lets tests do over HTTP, below ``/_sandbox/sessions_us``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us.state import KeyRole
from airflow_provider_sessions.sandbox.sessions_us.table import controls

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


class _NewKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: KeyRole = "USER"


class _WhichKey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str


class _Transcript(BaseModel):
    model_config = ConfigDict(extra="forbid")

    entries: list[dict[str, Any]]


class _Takeaways(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    document: dict[str, Any] | None = None


@controls("POST", "/keys", status=201)
def make_key(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Make one more API key: {"role": "USER" or "GUEST"}."""
    return {"key": platform.make_key(_NewKey.model_validate(asked.json() or {}).role)}


@controls("POST", "/keys/revoke")
def revoke_key(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Revoke an API key: {"key": the key, or "api_key", "guest_api_key", "colleague_api_key"}."""
    platform.revoke_key(_WhichKey.model_validate(asked.json()).key)
    return {}


@controls("POST", "/sessions/{id}/transcript")
def attach_transcript(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Replace the transcript: {"entries": [...]}, shaped as the platform's; of an ended session it is there at once."""
    platform.attach_transcript(asked.args["id"], _Transcript.model_validate(asked.json()).entries)
    return platform.session(asked.args["id"])


@controls("POST", "/sessions/{id}/takeaways")
def attach_takeaways(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Replace the takeaways: {"text": ..., "document": ProseMirror}; of an ended session they are there at once."""
    wanted = _Takeaways.model_validate(asked.json())
    platform.attach_takeaways(asked.args["id"], wanted.text, wanted.document)
    return platform.session(asked.args["id"])
