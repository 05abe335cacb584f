"""One connection, without detours: httpcore's HTTP/1.1 straight over the event loop's own transports.

What httpx brings by itself serves trio and HTTP/2 as well, and looks for a connection in a pool: locks, a cancel scope
and a turn of the event loop for each read and write. That takes about as long as the rest of a request, and an export
sends hundreds a second. The rules of HTTP/1.1 are httpcore's here as there, and so are the errors.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import aiohappyeyeballs
import httpcore
import httpx

_PORTS = {"http": 80, "https": 443}
_KEPT_OPEN = 120.0
"""Seconds for which an idle connection is kept: it outlives the pause between two looks."""
_NEXT_ADDRESS = 0.25
"""Seconds until the next of a host's addresses is tried beside those before. Source: RFC 8305, section 5."""
_PLENTY = 256 * 1024
"""Bytes that nobody has read yet, from which on no more are taken from the socket."""
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class Wire(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """The bytes of a connection, as httpcore wants to read and write them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = asyncio.Transport()
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._holds = False
        self._over = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._chunks.append(data)
        self._unread += len(data)
        if self._unread > _PLENTY and not self._holds:
            self._holds = True
            self._transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        """No more bytes come."""
        self._over = True
        _wake(self._reader)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._over, self._error = True, error
        _wake(self._reader)
        _wake(self._room)

    def pause_writing(self) -> None:
        """The network takes no more bytes for now."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """It does again."""
        _wake(self._room)
        self._room = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        """The next bytes, as many as came together; none at the end.

        :raises httpcore.ReadTimeout: nothing came.
        :raises httpcore.ReadError: the connection broke.
        """
        if not self._chunks and not self._over:
            self._reader = self._loop.create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._reader
            except TimeoutError:
                raise httpcore.ReadTimeout from None
            finally:
                self._reader = None
        if not self._chunks:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            return b""
        chunk = self._chunks.popleft()
        self._unread -= len(chunk)
        if self._holds and self._unread <= _PLENTY // 2 and not self._over:
            self._holds = False
            self._transport.resume_reading()
        return chunk

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        """Send bytes.

        :raises httpcore.WriteTimeout: the network does not take them.
        :raises httpcore.WriteError: the connection broke.
        """
        if self._transport.is_closing():
            raise httpcore.WriteError(str(self._error or "the connection is closed"))
        self._transport.write(buffer)
        if self._room is not None:
            try:
                async with asyncio.timeout(timeout):
                    await asyncio.shield(self._room)
            except TimeoutError:
                raise httpcore.WriteTimeout from None

    async def aclose(self) -> None:
        """Close the connection at once; nothing that is worth waiting for is on its way."""
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a stream: whether anything came unasked, or the end of it, foremost."""
        if info == "is_readable":
            return bool(self._chunks) or self._over or self._transport.is_closing() or _is_readable(self._transport)
        return self._transport.get_extra_info(info)


def _wake(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)


def _is_readable(transport: asyncio.Transport) -> bool:
    """Whether a socket has something that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Direct(httpx.AsyncBaseTransport):
    """Sends one request after the other over one connection, which is made when it has to be.

    :param trust: the certificates to trust.
    """

    def __init__(self, trust: ssl.SSLContext) -> None:
        self._trust = trust
        self._connection: httpcore.AsyncHTTP11Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        :raises httpx.TransportError: see httpx.
        """
        url = request.url
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is none of {', '.join(_PORTS)}")
        origin = httpcore.Origin(url.raw_scheme, url.raw_host, url.port or _PORTS[url.scheme])
        content = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            connection = await self._to(origin, request.extensions.get("timeout", {}).get("connect"))
            answer = await connection.handle_async_request(content)
        except _FAILURES as failure:
            raise _as_httpx(failure) from failure
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(cast(AsyncIterator[bytes], answer.stream), answer.aclose),
            extensions=answer.extensions,
        )

    async def aclose(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def _to(self, origin: httpcore.Origin, timeout: float | None) -> httpcore.AsyncHTTP11Connection:  # noqa: ASYNC109
        """The connection, if it is to that place and still good; else a new one."""
        old = self._connection
        if old is not None and old.can_handle_request(origin) and old.is_idle() and not old.has_expired():
            return old
        await self.aclose()
        wire = await _connect(origin, self._trust if origin.scheme == b"https" else None, timeout)
        self._connection = httpcore.AsyncHTTP11Connection(origin, wire, keepalive_expiry=_KEPT_OPEN)
        return self._connection


class _Body(httpx.AsyncByteStream):
    """An answer's body, with httpx's errors."""

    def __init__(self, chunks: AsyncIterator[bytes], close: Callable[[], Any]) -> None:
        self._chunks = chunks
        self._close = close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except _FAILURES as failure:
            raise _as_httpx(failure) from failure

    async def aclose(self) -> None:
        await self._close()


async def _connect(origin: httpcore.Origin, trust: ssl.SSLContext | None, timeout: float | None) -> Wire:  # noqa: ASYNC109
    """A new connection, by whichever of the host's addresses answers first.

    :raises httpcore.ConnectTimeout: none did.
    :raises httpcore.ConnectError: it was refused, or who answered is not trusted.
    """
    loop, host = asyncio.get_running_loop(), origin.host.decode("ascii")
    if trust is not None:
        trust.set_alpn_protocols(["http/1.1"])
    try:
        async with asyncio.timeout(timeout):
            found = await loop.getaddrinfo(host, origin.port, type=socket.SOCK_STREAM)
            link = await aiohappyeyeballs.start_connection(
                found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1, loop=loop
            )
            try:
                name = None if trust is None else host
                _, wire = await loop.create_connection(Wire, sock=link, ssl=trust, server_hostname=name)
            except BaseException:
                link.close()
                raise
    except TimeoutError:
        raise httpcore.ConnectTimeout from None
    except OSError as failure:  # certificates that are not trusted, too
        raise httpcore.ConnectError(str(failure)) from failure
    return wire


def _as_httpx(failure: Exception) -> httpx.TransportError:
    """The error of httpx: it is called the same."""
    kind: type[httpx.TransportError] = getattr(httpx, type(failure).__name__)
    return kind(str(failure))
