"""Content codings: bodies are decompressed here, in small steps, and only to a whole end.

httpx decompresses each chunk in one go, whatever it grows to, reads the first member of a gzip body alone, and takes a
body whose end is missing for whole. So the transport hands httpx bodies that are decompressed already.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

from airflow_provider_sessions.client import httpx_api as httpx

ACCEPTED = "gzip, deflate"
"""What requests accept. Others, such as brotli, can grow by a factor of thousands within one step."""
ENCODED = "encoded"
"""Response extension: the body came compressed. No part of it can be requested, and its length is not the file's."""

_STEP = 256 * 1024
"""Bytes at most that one step of decompressing makes."""
_GZIP = ("gzip", "x-gzip")
_NOT_ENCODED = ("", "identity", "aws-chunked")
"""``aws-chunked`` is how some stores were sent a file, and is shown with it: it says nothing of the file's bytes."""


def decode_body(request: httpx.Request, response: httpx.Response) -> None:
    """Replace the body of a response by the decompressed one, and drop its ``Content-Encoding``.

    ============================================  =================================================================
    what the body holds                           what reading it gives
    ============================================  =================================================================
    several gzip members, or zeros behind them    the content of all members
    gzip or deflate without its end               ``httpx.RemoteProtocolError``, as for any truncated body
    gzip or deflate that is broken                ``httpx.DecodingError``
    other bytes behind the end                    ``httpx.DecodingError``: nobody can tell whether they matter
    nothing, as the response to a successful GET  ``httpx.RemoteProtocolError``: an empty file has an end, too
    nothing, as any other response                nothing
    ============================================  =================================================================

    :param request: what was sent.
    :param response: what came; changed in place.
    :raises httpx.DecodingError: the body has another coding than gzip or deflate, or several.
    """
    codings = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    codings = [name for name in codings if name not in _NOT_ENCODED]
    if not codings or not isinstance(response.stream, httpx.AsyncByteStream) or not _has_body(request, response):
        return
    if len(codings) > 1 or codings[0] not in (*_GZIP, "deflate"):
        named = ", ".join(codings)
        raise httpx.DecodingError(f"the answer is encoded as {named[:80]!r}, which was not requested")
    del response.headers["content-encoding"]
    response.extensions[ENCODED] = True
    may_be_empty = request.method != "GET" or not response.is_success
    response.stream = _DecodedBody(response.stream, _Decoder(codings[0]), may_be_empty=may_be_empty)


def _has_body(request: httpx.Request, response: httpx.Response) -> bool:
    return request.method != "HEAD" and response.status_code not in (204, 304)


class _DecodedBody(httpx.AsyncByteStream):
    """A body, decompressed as it is read.

    :param inner: the body as it came.
    :param decoder: decompresses it.
    :param may_be_empty: whether there need not be any bytes at all.
    """

    def __init__(self, inner: httpx.AsyncByteStream, decoder: _Decoder, *, may_be_empty: bool) -> None:
        self._inner = inner
        self._decoder = decoder
        self._may_be_empty = may_be_empty

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            for part in self._decoder.decode(chunk):
                yield part
                if len(part) == _STEP:
                    await asyncio.sleep(0)  # a chunk that grows and grows must not stop the event loop
        if not (self._decoder.is_at_end or (self._may_be_empty and self._decoder.is_untouched)):
            raise httpx.RemoteProtocolError("the compressed body is cut off, its end is missing")

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Decoder:
    """Decompresses one body.

    :param coding: ``gzip``, ``x-gzip`` or ``deflate``.
    """

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding in _GZIP
        self._member: zlib._Decompress | None = None
        self._start = b""
        self.is_untouched = True
        self.is_at_end = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Decompress what came, in pieces of at most :data:`_STEP` bytes.

        :raises httpx.DecodingError: it is broken.
        """
        data, part = bytes(chunk), b""
        self.is_untouched = self.is_untouched and not data
        while data or len(part) == _STEP:  # zlib may hold more of what it makes when it has taken all there was
            if self._member is None:
                data, part = self._begin(data), b""
                if self._member is None:
                    return
            try:
                part = self._member.decompress(data, _STEP)
            except zlib.error as broken:
                raise httpx.DecodingError(f"the answer's compression is broken: {broken}") from broken
            if part:
                yield part
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data
                self._member, self.is_at_end = None, True

    def _begin(self, data: bytes) -> bytes:
        """Begin the next member, where the bytes of one are there; what is left to decompress.

        :raises httpx.DecodingError: what follows the end is no member.
        """
        data = self._start + data
        if self.is_at_end:
            data = data.lstrip(b"\0")
            if not data:
                return b""
            if not self._is_gzip or not b"\x1f\x8b".startswith(data[:2]):
                raise httpx.DecodingError("the answer's compression is broken: other bytes follow its end")
        self.is_at_end = False
        if len(data) < 2:
            self._start = data
            return b""
        self._start = b""
        self._member = zlib.decompressobj(self._window(data))
        return data

    def _window(self, data: bytes) -> int:
        """What zlib is to expect. Some servers send deflate without the frame that it should have.

        Source: RFC 1950 section 2.2: the frame begins with a method and a check of the first two bytes.
        """
        if self._is_gzip:
            return zlib.MAX_WBITS | 16
        is_framed = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.MAX_WBITS if is_framed else -zlib.MAX_WBITS
