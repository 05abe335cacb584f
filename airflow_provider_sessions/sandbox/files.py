"""How a platform serves a recording: whole or by byte range, with an entity tag, streamed."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox.line import has_hung_up
from airflow_provider_sessions.sandbox.media import Recording

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class _Unsatisfiable(Exception):
    """The range lies outside the file."""


class _Stream(Response):
    """A part of a recording, made while it is sent."""

    def __init__(self, recording: Recording, start: int, stop: int, status: int, headers: dict[str, str]) -> None:
        length = {"Content-Length": str(stop - start)}
        super().__init__(status_code=status, headers=headers | length, media_type=recording.content_type)
        self._chunks = recording.read(start, stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send status, headers and the bytes."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for chunk in self._chunks:
            if has_hung_up(scope):
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def serve(recording: Recording, headers: Headers, modified: datetime, *, ranges: bool) -> Response:
    """Answer a request for a file.

    :param headers: the request's; ``Range`` and ``If-Range`` are obeyed.
    :param modified: when the file last changed.
    :param ranges: False: like a server that knows no ranges and always sends the whole.
    """
    tags = {
        "ETag": recording.etag,
        "Last-Modified": format_datetime(modified.replace(microsecond=0), usegmt=True),
        "Accept-Ranges": "bytes" if ranges else "none",
    }
    wanted = headers.get("range") if ranges and headers.get("if-range", recording.etag) in tags.values() else None
    try:
        part = _part(wanted, recording.size) if wanted else None
    except _Unsatisfiable:
        return Response(status_code=416, headers={**tags, "Content-Range": f"bytes */{recording.size}"})
    if part is None:
        return _Stream(recording, 0, recording.size, 200, tags)
    start, stop = part
    tags["Content-Range"] = f"bytes {start}-{stop - 1}/{recording.size}"
    return _Stream(recording, start, stop, 206, tags)


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last; None where the header is not understood or asks for several parts."""
    match = _RANGE.fullmatch(wanted.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= size or stop <= start:
        raise _Unsatisfiable
    return start, stop
