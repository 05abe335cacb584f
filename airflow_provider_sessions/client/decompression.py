"""Decompress bodies of responses in small steps, and detect a missing end.

httpx decompresses each chunk at once, whatever its size becomes, reads only the first member of a gzip body, and does
not notice that a body's end is missing. So the transport passes bodies to httpx that are decompressed already.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

from airflow_provider_sessions.client import httpx_api as httpx

ACCEPTED_CODINGS = "gzip, deflate"
"""What requests accept. Others, such as brotli, can grow by a factor of thousands within one step."""
IS_COMPRESSED = "is_compressed"
"""Response extension: the body came compressed. No range of it can be requested, and its length is not the file's."""

_STEP = 256 * 1024
"""The maximum number of bytes that one step of decompression returns."""
_GZIP = ("gzip", "x-gzip")
_NOT_COMPRESSED = ("", "identity", "aws-chunked")
"""``aws-chunked`` is how a file was uploaded to some stores, which repeat it in responses: it is not compressed."""


def decompress_body(request: httpx.Request, response: httpx.Response) -> None:
    """Replace the body of a response with the decompressed one, and remove its ``Content-Encoding``.

    ============================================  =================================================================
    the body                                      result of reading it
    ============================================  =================================================================
    several gzip members, or zeros after them     the content of all members
    gzip or deflate without its end               ``httpx.RemoteProtocolError``, as for any truncated body
    gzip or deflate that is broken                ``httpx.DecodingError``
    other bytes after the end                     ``httpx.DecodingError``: they may matter or not
    nothing, as the response to a successful GET  ``httpx.RemoteProtocolError``: an empty gzip file has an end too
    nothing, as any other response                nothing
    ============================================  =================================================================

    :param request: the request.
    :param response: the response; changed in place.
    :raises httpx.DecodingError: the body has another coding than gzip or deflate, or several.
    """
    codings = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",")]
    codings = [name for name in codings if name not in _NOT_COMPRESSED]
    if not codings or not isinstance(response.stream, httpx.AsyncByteStream) or not _has_body(request, response):
        return
    if len(codings) > 1 or codings[0] not in (*_GZIP, "deflate"):
        name = ", ".join(codings)
        raise httpx.DecodingError(f"the response is encoded as {name[:80]!r}, which was not requested")
    del response.headers["content-encoding"]
    response.extensions[IS_COMPRESSED] = True
    may_be_empty = request.method != "GET" or not response.is_success
    response.stream = _DecompressedBody(response.stream, _Decompressor(codings[0]), may_be_empty=may_be_empty)


def _has_body(request: httpx.Request, response: httpx.Response) -> bool:
    return request.method != "HEAD" and response.status_code not in (204, 304)


class _DecompressedBody(httpx.AsyncByteStream):
    """A body, decompressed as it is read.

    :param inner: the compressed body.
    :param decompressor: decompresses it.
    :param may_be_empty: whether it is whole without any bytes.
    """

    def __init__(self, inner: httpx.AsyncByteStream, decompressor: _Decompressor, *, may_be_empty: bool) -> None:
        self._inner = inner
        self._decompressor = decompressor
        self._may_be_empty = may_be_empty

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            for part in self._decompressor.decompress(chunk):
                yield part
                if len(part) == _STEP:
                    await asyncio.sleep(0)  # a chunk that becomes huge must not block the event loop
        if not (self._decompressor.is_at_end or (self._may_be_empty and self._decompressor.is_untouched)):
            raise httpx.RemoteProtocolError("the compressed body is truncated")

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Decompressor:
    """Decompresses one body.

    :param coding: ``gzip``, ``x-gzip`` or ``deflate``.
    """

    def __init__(self, coding: str) -> None:
        self._is_gzip = coding in _GZIP
        self._member: zlib._Decompress | None = None
        self._start = b""
        self.is_untouched = True
        self.is_at_end = False

    def decompress(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a chunk decompresses to, in parts of at most :data:`_STEP` bytes.

        :raises httpx.DecodingError: it is broken.
        """
        data, part = bytes(chunk), b""
        self.is_untouched = self.is_untouched and not data
        while data or len(part) == _STEP:  # zlib may have more to return after it has taken all data
            if self._member is None:
                data, part = self._begin(data), b""
                if self._member is None:
                    return
            try:
                part = self._member.decompress(data, _STEP)
            except zlib.error as error:
                raise httpx.DecodingError(f"the response's compression is broken: {error}") from error
            if part:
                yield part
            data = self._member.unconsumed_tail
            if self._member.eof:
                data = self._member.unused_data
                self._member, self.is_at_end = None, True

    def _begin(self, data: bytes) -> bytes:
        """Begin the next member as soon as its first bytes have come; return the data to decompress.

        :raises httpx.DecodingError: other bytes follow the end of the last member.
        """
        data = self._start + data
        if self.is_at_end:
            data = data.lstrip(b"\0")
            if not data:
                return b""
            if not self._is_gzip or not b"\x1f\x8b".startswith(data[:2]):
                raise httpx.DecodingError("the response's compression is broken: other bytes follow its end")
        self.is_at_end = False
        if len(data) < 2:
            self._start = data
            return b""
        self._start = b""
        self._member = zlib.decompressobj(self._window(data))
        return data

    def _window(self, data: bytes) -> int:
        """Return the window size that zlib is to expect. Some servers send deflate without the frame that it needs.

        Source: RFC 1950 section 2.2: the frame begins with a method and a check of the first two bytes.
        """
        if self._is_gzip:
            return zlib.MAX_WBITS | 16
        is_framed = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.MAX_WBITS if is_framed else -zlib.MAX_WBITS
