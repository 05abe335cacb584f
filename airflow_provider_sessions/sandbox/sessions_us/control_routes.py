"""Control routes that only Sessions has: for its keys, and to attach artifacts."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, controls
from airflow_provider_sessions.sandbox.sessions_us.state import KeyRole


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _NewKey(_StrictModel):
    role: KeyRole = "USER"


class _RevokedKey(_StrictModel):
    key: str


class _Transcript(_StrictModel):
    entries: list[dict[str, Any]]


class _Takeaways(_StrictModel):
    text: str
    document: dict[str, Any] | None = None


@controls("POST", "/keys", status=201)
def create_key(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create another API key: {"role": "USER" or "GUEST"}."""
    return {"key": platform.create_key(_NewKey.model_validate(request.json() or {}).role)}


@controls("POST", "/keys/revoke")
def revoke_key(platform: SessionsUs, request: ApiRequest) -> Any:
    """Revoke an API key: {"key": the key, or "api_key", "guest_api_key", "colleague_api_key"}."""
    platform.revoke_key(_RevokedKey.model_validate(request.json()).key)
    return {}


@controls("POST", "/sessions/{id}/transcript")
def attach_transcript(platform: SessionsUs, request: ApiRequest) -> Any:
    """Replace the transcript: {"entries": [...]}, in the platform's form; ready at once if the session has ended."""
    platform.attach_transcript(request.path_params["id"], _Transcript.model_validate(request.json()).entries)
    return platform.session(request.path_params["id"])


@controls("POST", "/sessions/{id}/takeaways")
def attach_takeaways(platform: SessionsUs, request: ApiRequest) -> Any:
    """Replace the takeaways: {"text": ..., "document": ProseMirror}; ready at once if the session has ended."""
    body = _Takeaways.model_validate(request.json())
    platform.attach_takeaways(request.path_params["id"], body.text, body.document)
    return platform.session(request.path_params["id"])
