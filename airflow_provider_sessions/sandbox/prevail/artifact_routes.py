"""What a session leaves behind: recordings behind presigned addresses, and transcripts."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from airflow_provider_sessions.sandbox.media import serve_file
from airflow_provider_sessions.sandbox.prevail import lookup, response_bodies
from airflow_provider_sessions.sandbox.prevail.state import Deposition
from airflow_provider_sessions.sandbox.prevail.table import routes
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail, Track

_STAMP = "%Y%m%dT%H%M%SZ"


@routes("GET", "/sessions/{remote_session_id}/recordings", documented=True, access="token")
def list_recordings(prevail: Prevail, asked: PlatformRequest) -> Any:
    """List a Session's audio recordings with presigned URLs."""
    held = lookup.session(prevail, asked)
    rows = [_recording(prevail, held, track, asked) for track in prevail.tracks(held, asked.now)]
    _require_some(prevail, rows)
    return {"recordings": rows} if prevail.settings.recordings_wrapped else rows


@routes("GET", "/sessions/{remote_session_id}/transcripts", access="token")
def list_transcripts(prevail: Prevail, asked: PlatformRequest) -> Any:
    """List a Session's transcripts."""
    held = lookup.session(prevail, asked)
    ready = held.lifecycle.is_ready("transcript", asked.now)
    rows = [response_bodies.transcript(prevail, held, asked.now)] if ready else []
    _require_some(prevail, rows)
    return {"transcripts": rows} if prevail.settings.transcripts_wrapped else rows


def _require_some(prevail: Prevail, rows: list[Any]) -> None:
    if not rows and prevail.settings.missing_materials == "404":
        raise ApiError(404, "Session has no materials")


def _recording(prevail: Prevail, held: Deposition, track: Track, asked: PlatformRequest) -> dict[str, Any]:
    return {
        "filename": track.filename,
        "type": "audio",
        "user": track.user,
        "size": str(prevail.media(held, track, asked.now).size),
        "presigned_url": _presigned(prevail, held, track, asked),
        "created_at": response_bodies.iso(held.lifecycle.ready_at("recording")),
    }


def _presigned(prevail: Prevail, held: Deposition, track: Track, asked: PlatformRequest) -> str:
    origin = prevail.settings.files_origin or asked.origin
    terms = {"X-Amz-Date": f"{asked.now:{_STAMP}}", "X-Amz-Expires": str(prevail.settings.presigned_lifetime)}
    signature = _signature(prevail, held.id, track.filename, terms)
    query = urlencode({**terms, "X-Amz-Signature": signature})
    return f"{origin}{prevail.mount}/files/{held.id}/{quote(track.filename, safe='')}?{query}"


def _signature(prevail: Prevail, number: str, filename: str, terms: dict[str, str]) -> str:
    signed = ":".join([number, filename, *terms.values()])
    return hmac.new(prevail.storage_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()


@routes("GET", "/files/{id}/{filename}", access="public")
def get_file(prevail: Prevail, asked: PlatformRequest) -> Response:
    """Serve a file by its presigned URL, as an object store does; at an origin of its own it wants no token besides."""
    if "authorization" in asked.headers and asked.origin == prevail.settings.files_origin:
        return _store_refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    terms = {name: asked.query.get(name, "") for name in ("X-Amz-Date", "X-Amz-Expires")}
    genuine = _signature(prevail, asked.args["id"], asked.args["filename"], terms)
    if not hmac.compare_digest(asked.query.get("X-Amz-Signature", "").encode(), genuine.encode()):
        return _store_refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
    begun = datetime.fromisoformat(terms["X-Amz-Date"])
    if begun + timedelta(seconds=int(terms["X-Amz-Expires"])) <= asked.now:
        return _store_refusal(403, "AccessDenied", "Request has expired")
    held = prevail.find(asked.args["id"])
    for track in prevail.tracks(held, asked.now) if held else []:
        if held and track.filename == asked.args["filename"]:
            modified = max([held.lifecycle.created_at, *held.lifecycle.revisions("recording", asked.now)])
            media = prevail.media(held, track, asked.now)
            return serve_file(media, asked.headers, modified, ranges=prevail.settings.range_support)
    return _store_refusal(404, "NoSuchKey", "The specified key does not exist.")


def _store_refusal(status: int, code: str, reason: str) -> Response:
    content = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{reason}</Message></Error>'
    return Response(content, status, media_type="application/xml")
