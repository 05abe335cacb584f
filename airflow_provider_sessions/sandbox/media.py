"""Recording files: one short MP4 clip, padded to any size, served whole or by byte range.

The clip (64 by 48 pixels, 8 seconds, H.264) is checked in beside this module. Padding follows it in a ``free`` box,
which players skip. Every byte follows from the seed and its position, so any range can be read on its own and no file
is held in memory.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property, lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_sessions.sandbox.asgi_server import is_disconnected
from airflow_provider_sessions.sandbox.identifiers import seeded_random

CHUNK = 256 * 1024
_BLOCK = 64 * 1024
_PADDING_HEADER = 16 + 32
"""Bytes of the ``free`` box's header and of the digest behind it."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@lru_cache(maxsize=1)
def _clip() -> bytes:
    return Path(__file__).with_name("sample.mp4").read_bytes()


class MediaFile:
    """One media file.

    :param seed: determines the content.
    :param size: bytes wanted; the file is never smaller than the clip (about 10 KB).
    :param content_type: its media type.
    """

    def __init__(self, seed: str, size: int, content_type: str = "video/mp4") -> None:
        self._seed = seed
        self.content_type = content_type
        self.size = max(size, len(_clip()) + _PADDING_HEADER)

    @cached_property
    def _head(self) -> bytes:
        """The clip, the header of the padding, and a digest, so that even the smallest files differ."""
        clip, digest = _clip(), hashlib.sha256(self._seed.encode()).digest()
        # Size field 1: the real size follows in 64 bits, so that padding beyond 4 GiB is legal.
        return clip + struct.pack(">I4sQ", 1, b"free", self.size - len(clip)) + digest

    @cached_property
    def sha256(self) -> str:
        """The checksum of the whole file, as hexadecimal digits."""
        digest = hashlib.sha256()
        for chunk in self.read(0, self.size):
            digest.update(chunk)
        return digest.hexdigest()

    @property
    def etag(self) -> str:
        """A strong entity tag, computed without reading the content."""
        return f'"{hashlib.sha256(f"{self._seed}:{self.size}".encode()).hexdigest()[:32]}"'

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to, not including, ``stop``, in chunks."""
        while start < stop:
            end = min(start + CHUNK, stop)
            yield self._slice(start, end)
            start = end

    def _slice(self, start: int, stop: int) -> bytes:
        part = self._head[start:stop]
        if len(part) == stop - start:
            return part
        return part + self._padding(max(0, start - len(self._head)), stop - len(self._head))

    def _padding(self, start: int, stop: int) -> bytes:
        """Blocks of noise, each with its number in front, so that no two places hold the same bytes."""
        first, last = start // _BLOCK, -(-stop // _BLOCK)
        noise = _noise(self._seed)
        blocks = b"".join(number.to_bytes(8, "big") + noise for number in range(first, last))
        return blocks[start - first * _BLOCK : stop - first * _BLOCK]


@lru_cache(maxsize=64)
def _noise(seed: str) -> bytes:
    return seeded_random(f"{seed}:noise").randbytes(_BLOCK - 8)


class _UnsatisfiableRange(Exception):
    """The range lies outside the file."""


class _FileResponse(Response):
    """A part of a file, read while it is sent."""

    def __init__(self, file: MediaFile, start: int, stop: int, status: int, headers: dict[str, str]) -> None:
        length = {"Content-Length": str(stop - start)}
        super().__init__(status_code=status, headers=headers | length, media_type=file.content_type)
        self._chunks = file.read(start, stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send status, headers and body; stop when the caller has disconnected."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for chunk in self._chunks:
            if is_disconnected(scope):
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def serve_file(file: MediaFile, headers: Headers, modified: datetime, *, ranges: bool) -> Response:
    """Build the response to a request for a file.

    :param headers: the request's; ``Range`` and ``If-Range`` are honoured.
    :param modified: when the file last changed.
    :param ranges: False: behave like a server without range support, which always sends the whole file.
    """
    tags = {
        "ETag": file.etag,
        "Last-Modified": format_datetime(modified.replace(microsecond=0), usegmt=True),
        "Accept-Ranges": "bytes" if ranges else "none",
    }
    wanted = headers.get("range") if ranges and headers.get("if-range", file.etag) in tags.values() else None
    try:
        part = _parse_range(wanted, file.size) if wanted else None
    except _UnsatisfiableRange:
        return Response(status_code=416, headers={**tags, "Content-Range": f"bytes */{file.size}"})
    if part is None:
        return _FileResponse(file, 0, file.size, 200, tags)
    start, stop = part
    tags["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    return _FileResponse(file, start, stop, 206, tags)


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return first byte and the byte after the last; None if the header is malformed or names several ranges."""
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= size or stop <= start:
        raise _UnsatisfiableRange
    return start, stop
