"""Routes for artifacts: recordings behind presigned URLs, and transcripts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from airflow_provider_sessions.sandbox.media import serve_file
from airflow_provider_sessions.sandbox.prevail import lookup, response_bodies
from airflow_provider_sessions.sandbox.prevail.platform import Prevail, Track, routes
from airflow_provider_sessions.sandbox.prevail.state import Deposition
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339

_DATE_FORMAT = "%Y%m%dT%H%M%SZ"


@routes("GET", "/sessions/{remote_session_id}/recordings", documented=True, access="token")
def list_recordings(prevail: Prevail, request: ApiRequest) -> Any:
    """List a Session's audio recordings with presigned URLs."""
    session = lookup.session(prevail, request)
    rows = [_recording(prevail, session, track, request) for track in prevail.ready_tracks(session, request.now)]
    _require_any(prevail, rows)
    return {"recordings": rows} if prevail.settings.recordings_wrapped else rows


@routes("GET", "/sessions/{remote_session_id}/transcripts", access="token")
def list_transcripts(prevail: Prevail, request: ApiRequest) -> Any:
    """List a Session's transcripts."""
    session = lookup.session(prevail, request)
    ready = session.lifecycle.is_ready("transcript", request.now)
    rows = [response_bodies.transcript(prevail, session, request.now)] if ready else []
    _require_any(prevail, rows)
    return {"transcripts": rows} if prevail.settings.transcripts_wrapped else rows


def _require_any(prevail: Prevail, rows: list[Any]) -> None:
    if not rows and prevail.settings.missing_materials == "404":
        raise ApiError(404, "Session has no materials")


def _recording(prevail: Prevail, session: Deposition, track: Track, request: ApiRequest) -> dict[str, Any]:
    return {
        "filename": track.filename,
        "type": "audio",
        "user": track.user,
        "size": str(prevail.media(session, track, request.now).size),
        "presigned_url": _presign(prevail, session, track, request),
        "created_at": rfc3339(session.lifecycle.ready_at("recording")),
    }


def _presign(prevail: Prevail, session: Deposition, track: Track, request: ApiRequest) -> str:
    origin = prevail.settings.files_origin or request.origin
    lifetime = str(prevail.settings.presigned_lifetime)
    params = {"X-Amz-Date": f"{request.now:{_DATE_FORMAT}}", "X-Amz-Expires": lifetime}
    signature = _sign(prevail, session.id, track.filename, params)
    query = urlencode({**params, "X-Amz-Signature": signature})
    return f"{origin}{prevail.mount}/files/{session.id}/{quote(track.filename, safe='')}?{query}"


def _sign(prevail: Prevail, number: str, filename: str, params: dict[str, str]) -> str:
    signed = ":".join([number, filename, *params.values()])
    return hmac.new(prevail.storage_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


@routes("GET", "/files/{id}/{filename}", access="public")
def get_file(prevail: Prevail, request: ApiRequest) -> Response:
    """Serve a file by its presigned URL, as an object store does; on an origin of its own it rejects tokens."""
    if "authorization" in request.headers and request.origin == prevail.settings.files_origin:
        return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    session_id, filename = request.path_params["id"], request.path_params["filename"]
    params = {name: request.query.get(name, "") for name in ("X-Amz-Date", "X-Amz-Expires")}
    expected = _sign(prevail, session_id, filename, params)
    if not hmac.compare_digest(request.query.get("X-Amz-Signature", "").encode(), expected.encode()):
        return _storage_error(403, "SignatureDoesNotMatch", "The request signature does not match")
    signed_at = datetime.fromisoformat(params["X-Amz-Date"])
    if signed_at + timedelta(seconds=int(params["X-Amz-Expires"])) <= request.now:
        return _storage_error(403, "AccessDenied", "Request has expired")
    session = prevail.find(session_id)
    for track in prevail.ready_tracks(session, request.now) if session else []:
        if session and track.filename == filename:
            modified = max([session.lifecycle.created_at, *session.lifecycle.revisions("recording", request.now)])
            media = prevail.media(session, track, request.now)
            return serve_file(media, request.headers, modified, ranges=prevail.settings.range_support)
    return _storage_error(404, "NoSuchKey", "The specified key does not exist.")


def _storage_error(status: int, code: str, reason: str) -> Response:
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{reason}</Message></Error>'
    return Response(content, status, media_type="application/xml")
