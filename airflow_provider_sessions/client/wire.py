"""One connection, without detours: HTTP/1.1 by h11, straight over the event loop's own transports.

What httpx brings by itself serves trio and HTTP/2 as well, and looks for a connection in a pool: locks, a cancel scope
and a turn of the event loop for each read and write. That takes longer than all else that a request costs, and an
export sends hundreds a second. The rules of HTTP/1.1 are h11's here as there, and the errors are httpx's.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

import aiohappyeyeballs
import h11
import httpx

from airflow_provider_sessions.client.addresses import AddressPolicy, resolve

_PORTS = {"http": 80, "https": 443}
KEPT_OPEN = 120.0
"""Seconds for which an idle connection is kept: it outlives the pause between two looks."""
_NEXT_ADDRESS = 0.25
"""Seconds until the next of a host's addresses is tried beside those before. Source: RFC 8305, section 5."""
_PLENTY = 256 * 1024
"""Bytes that nobody has read yet, from which on no more are taken from the socket."""
_LONGEST_HEAD = 100 * 1024
"""Bytes that the head of an answer may have."""
_FILE = 8 * 1024 * 1024
"""Bytes from which on a body of known length is read past h11, which copies each byte three times."""


class Place(NamedTuple):
    """Where a connection leads to."""

    scheme: str
    host: str
    port: int


class Wire(asyncio.Protocol):
    """The bytes of a connection."""

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

    async def read(self, patience: float | None) -> bytes:
        """The next bytes, as many as came together; none at the end.

        :param patience: seconds to wait for them.
        :raises httpx.ReadTimeout: nothing came.
        :raises httpx.ReadError: the connection broke.
        """
        if not self._chunks and not self._over:
            self._reader = self._loop.create_future()
            try:
                async with asyncio.timeout(patience):
                    await self._reader
            except TimeoutError:
                raise httpx.ReadTimeout("") from None
            finally:
                self._reader = None
        if not self._chunks:
            if self._error is not None:
                raise httpx.ReadError(str(self._error)) from self._error
            return b""
        chunk = self._chunks.popleft()
        self._unread -= len(chunk)
        if self._holds and self._unread <= _PLENTY // 2 and not self._over:
            self._holds = False
            self._transport.resume_reading()
        return chunk

    async def write(self, data: bytes, patience: float | None) -> None:
        """Send bytes.

        :param patience: seconds to wait until the network has taken them.
        :raises httpx.WriteTimeout: the network does not take them.
        :raises httpx.WriteError: the connection broke.
        """
        if self._transport.is_closing():
            raise httpx.WriteError(str(self._error or "the connection is closed"))
        self._transport.write(data)
        if self._room is not None:
            try:
                async with asyncio.timeout(patience):
                    await asyncio.shield(self._room)
            except TimeoutError:
                raise httpx.WriteTimeout("") from None

    def close(self) -> None:
        """Close the connection at once; nothing that is worth waiting for is on its way."""
        self._transport.abort()

    @property
    def is_quiet(self) -> bool:
        """Whether the connection is open, and nothing has come over it that nobody asked for, such as its end."""
        return not (self._chunks or self._over or self._transport.is_closing() or _is_readable(self._transport))


def _wake(sleeper: asyncio.Future[None] | None) -> None:
    if sleeper is not None and not sleeper.done():
        sleeper.set_result(None)


def _is_readable(transport: asyncio.Transport) -> bool:
    """Whether a socket has something that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Line:
    """A connection as HTTP/1.1 knows it: one request and its answer, then the next.

    :param place: where it leads to.
    :param wire: its bytes.
    """

    def __init__(self, place: Place, wire: Wire) -> None:
        self.place = place
        self._wire = wire
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._good_until = time.monotonic() + KEPT_OPEN

    @property
    def is_idle(self) -> bool:
        """Whether the next request may be sent over it."""
        return self._http.our_state is h11.IDLE and time.monotonic() < self._good_until and self._wire.is_quiet

    async def send(self, request: httpx.Request, patience: dict[str, float | None]) -> httpx.Response:
        """Send a request; its answer's body is still to be read.

        :param patience: seconds for each ``read`` and ``write``.
        """
        with contextlib.suppress(httpx.WriteError):  # who breaks a request off may have said why
            await self._wire.write(await self._bytes_of(request), patience.get("write"))
        head = await self._event(patience.get("read"))
        while not isinstance(head, h11.Response):
            head = await self._event(patience.get("read"))
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(self._body(_large(request, head), patience.get("read")), self),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    async def _event(self, patience: float | None) -> Any:
        """What comes next of an answer.

        :raises httpx.RemoteProtocolError: it is no HTTP, or ends too early.
        """
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as failure:
                raise httpx.RemoteProtocolError(str(failure)) from failure
            if event is not h11.NEED_DATA:
                return event
            data = await self._wire.read(patience)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("the server disconnected without an answer")
            self._http.receive_data(data)

    async def _body(self, length: int | None, patience: float | None) -> AsyncIterator[bytes]:
        """A body as it comes.

        :param length: how many bytes it has, where it is taken as it stands on the wire. The connection ends with it.
        """
        if length is None:
            while isinstance(event := await self._event(patience), h11.Data):
                yield event.data  # a bytearray, which nobody else has: it need not be copied
            return
        left = length
        chunk = self._http.trailing_data[0]
        while left:
            chunk = (chunk or await self._wire.read(patience))[:left]
            if not chunk:
                raise httpx.RemoteProtocolError(
                    f"the server closed the connection after {length - left} of {length} bytes of the body"
                )
            yield chunk
            left -= len(chunk)
            chunk = b""

    def end(self) -> None:
        """Make ready for the next request, where the answer came whole and nothing stands behind it; else close."""
        is_whole = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        if is_whole and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
            self._good_until = time.monotonic() + KEPT_OPEN
        else:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    async def _bytes_of(self, request: httpx.Request) -> bytes:
        """A request as it is written. Nothing that is sent from here is large."""
        try:
            head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            written = self._http.send(head) or b""
            async for chunk in cast(httpx.AsyncByteStream, request.stream):
                written += self._http.send(h11.Data(chunk)) or b""
            return written + (self._http.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError as failure:
            raise httpx.LocalProtocolError(str(failure)) from failure


def _large(request: httpx.Request, head: h11.Response) -> int | None:
    """How many bytes a body has, if it is a file's and stands on the wire as it is. h11 has checked the number."""
    headers = dict(head.headers)
    length = int(headers.get(b"content-length", 0))
    plain = request.method == "GET" and head.status_code in (200, 206) and b"transfer-encoding" not in headers
    return length if plain and length >= _FILE else None


class _Body(httpx.AsyncByteStream):
    """An answer's body.

    :param chunks: what it consists of.
    :param line: is ready for the next request when it is closed.
    """

    def __init__(self, chunks: AsyncIterator[bytes], line: Line) -> None:
        self._chunks = chunks
        self._line = line
        self._is_open = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks

    async def aclose(self) -> None:
        if self._is_open:
            self._is_open = False
            self._line.end()


class Direct(httpx.AsyncBaseTransport):
    """Sends one request after the other over one connection, which is made when it has to be.

    :param trust: the certificates to trust.
    :param policy: the addresses that may be connected to.
    """

    def __init__(self, trust: ssl.SSLContext, policy: AddressPolicy) -> None:
        self._trust = trust
        self._policy = policy
        self._line: Line | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        :raises httpx.TransportError: see httpx.
        """
        url = request.url
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is none of {', '.join(_PORTS)}")
        place = Place(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])
        patience = request.extensions.get("timeout", {})
        line = await self._to(place, patience.get("connect"))
        try:
            return await line.send(request, patience)
        except BaseException:
            line.close()
            raise

    async def aclose(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.close()
            self._line = None

    async def _to(self, place: Place, patience: float | None) -> Line:
        """The connection, if it leads to that place and is still good; else a new one."""
        if self._line is not None and self._line.place == place and self._line.is_idle:
            return self._line
        await self.aclose()
        trust = self._trust if place.scheme == "https" else None
        self._line = Line(place, await _connect(place, trust, self._policy, patience))
        return self._line


async def _connect(place: Place, trust: ssl.SSLContext | None, policy: AddressPolicy, patience: float | None) -> Wire:
    """A new connection, by whichever of the host's addresses answers first.

    :raises RedirectRefusedError: one of them must not be connected to.
    :raises httpx.ConnectTimeout: none did.
    :raises httpx.ConnectError: it was refused, or who answered is not trusted.
    """
    loop = asyncio.get_running_loop()
    if trust is not None:
        trust.set_alpn_protocols(["http/1.1"])
    try:
        async with asyncio.timeout(patience):
            found = await resolve(place.host, place.port, policy)
            link = await aiohappyeyeballs.start_connection(
                found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1, loop=loop
            )
            try:
                name = None if trust is None else place.host
                _, wire = await loop.create_connection(Wire, sock=link, ssl=trust, server_hostname=name)
            except BaseException:
                link.close()
                raise
    except TimeoutError:
        raise httpx.ConnectTimeout("") from None
    except OSError as failure:  # certificates that are not trusted, too
        raise httpx.ConnectError(str(failure)) from failure
    return wire
