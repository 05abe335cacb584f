"""Connections to servers: httpcore's, with one request at a time on each, and kept open for the next.

Which connection is free is known here. httpcore's pool goes through all of its connections for every request, and asks
the operating system about each idle one; with a free list, a request takes a third of the CPU time
(``benchmarks/request_cost.py``).

A connection is used again only after a response that was read to its end, and only if nothing has come over it since:
neither its end nor bytes that would be taken for the next response.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import select
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import aiohappyeyeballs
import anyio
import httpcore
import httpx
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from airflow_provider_sessions.client.addresses import AddressPolicy, resolve

KEEP_ALIVE = 120.0
"""Seconds for which an idle connection is kept: it outlives the pause between two polls."""
MAX_CONNECTIONS = 64
"""More requests than that wait until one is done."""
_NEXT_ADDRESS = 0.25
"""Seconds until the next of a host's addresses is tried beside those before. Source: RFC 8305, section 5."""
_READ_BYTES = 1024 * 1024
"""Bytes read at once. httpcore asks for 64 KiB, which costs a download a fifth more CPU time."""

Connection = httpcore.AsyncConnectionInterface
Trust = Callable[[], ssl.SSLContext]
"""Gives the certificates to trust. It is called for the first request by TLS: reading them takes 60 ms and 2 MiB."""
Connect = Callable[[httpcore.Origin], Connection]
"""Makes a connection to an origin, directly or through a proxy. It opens with the first request."""


def connect_directly(trust: Trust, policy: AddressPolicy) -> Connect:
    """Return what makes connections straight to servers.

    :param trust: the certificates to trust.
    :param policy: the addresses that may be connected to.
    """
    backend = NetworkBackend(policy)

    def connect(origin: httpcore.Origin) -> Connection:
        context = trust() if origin.scheme == b"https" else None
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=context, keepalive_expiry=KEEP_ALIVE, network_backend=backend
        )

    return connect


def connect_through(proxy: httpx.Proxy, trust: Trust) -> Connect:
    """Return what makes connections through a proxy.

    :param proxy: its address, and credential.
    :param trust: the certificates to trust.
    :raises ImportError: it is a SOCKS proxy, and the package socksio is missing.
    """
    url = proxy.url
    is_socks = url.scheme.startswith("socks5")
    if is_socks:
        importlib.import_module("socksio")
    backend = NetworkBackend(AddressPolicy(frozenset((url.raw_host.decode("ascii"),))))

    @functools.cache
    def connections(scheme: bytes) -> httpcore.AsyncConnectionPool:
        """A pool that is never used as such: it knows how to connect through the proxy."""
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        context = trust() if scheme == b"https" else None
        if is_socks:
            return httpcore.AsyncSOCKSProxy(
                address, proxy.raw_auth, context, keepalive_expiry=KEEP_ALIVE, network_backend=backend
            )
        return httpcore.AsyncHTTPProxy(
            address,
            proxy.raw_auth,
            proxy.headers.raw,
            context,
            trust() if url.scheme == "https" else None,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=backend,
        )

    return lambda origin: connections(origin.scheme).create_connection(origin)


class ConnectionTransport(httpx.AsyncBaseTransport):
    """Sends each request over a free connection to its origin, the one that was used last, or over a new one.

    :param connect: makes connections.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self._closing: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Its connection is free again when the response is closed.

        :raises httpx.TransportError: see httpx.
        """
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is none of http, https")
        message = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        await self._room.acquire()
        connection = self._take(message.url.origin)
        try:
            with _httpx_errors():
                response = await connection.handle_async_request(message)
        except BaseException:
            self._release(connection, reusable=False)
            raise
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response, lambda: self._release(connection, reusable=_is_reusable(connection))),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in (*self._idle, *self._busy):
            await connection.aclose()
        self._idle.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _take(self, origin: httpcore.Origin) -> Connection:
        for connection in reversed(self._idle):
            if connection.can_handle_request(origin):
                self._idle.remove(connection)
                if not connection.has_expired():
                    break
                self._close(connection)
        else:
            connection = self._connect(origin)
        self._busy.add(connection)
        return connection

    def _release(self, connection: Connection, *, reusable: bool) -> None:
        self._busy.discard(connection)
        self._room.release()
        if reusable:
            self._idle.append(connection)
        else:
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Close it without waiting: a caller that is being canceled could not wait."""
        closing = asyncio.ensure_future(connection.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _Body(httpx.AsyncByteStream):
    """The body of a response.

    :param response: the response.
    :param release: called once, when the body is closed.
    """

    def __init__(self, response: httpcore.Response, release: Callable[[], None]) -> None:
        self._response = response
        self._release = release
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for chunk in cast(AsyncIterator[bytes], self._response.stream):
                yield chunk

    async def aclose(self) -> None:
        """Close the body, once or several times."""
        if self._is_open:
            self._is_open = False
            try:
                await self._response.aclose()
            finally:
                self._release()


def _is_reusable(connection: Connection) -> bool:
    """Whether the next request may be sent over it: the response was whole, and h11 holds no bytes behind it.

    httpcore does not show those bytes, so this follows its private attributes to h11. Where a later version has none
    of them, no connection is used again.
    """
    inner: Any = connection
    while inner is not None and not hasattr(inner, "_h11_state"):
        inner = getattr(inner, "_connection", None)
    return inner is not None and connection.is_idle() and not inner._h11_state.trailing_data[0]


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Raise httpcore's errors as those of httpx, which have the same names."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as failure:
        raise getattr(httpx, type(failure).__name__)(str(failure)) from failure


class NetworkBackend(httpcore.AnyIOBackend):
    """Opens sockets for httpcore, by whichever of a host's addresses answers first.

    :param policy: the addresses that may be connected to.
    """

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature, as below
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host.

        :param timeout: seconds for finding the host and connecting to it.
        :raises RedirectRefusedError: one of its addresses must not be connected to.
        :raises httpcore.ConnectTimeout: none of its addresses answered in time.
        :raises httpcore.ConnectError: there is no such host, or it refuses.
        """
        try:
            async with asyncio.timeout(timeout):
                found = await resolve(host, port, self._policy)
                link = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1)
                return _Stream(await SocketStream.from_socket(link))
        except TimeoutError:
            raise httpcore.ConnectTimeout() from None
        except OSError as failure:
            raise httpcore.ConnectError(str(failure)) from failure


class _Stream(httpcore.AsyncNetworkStream):
    """The bytes of a connection.

    :param stream: a socket, or TLS over one.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """The next bytes, as many as came together; none at the end."""
        try:
            async with asyncio.timeout(timeout):
                return await self._stream.receive(_READ_BYTES)
        except anyio.EndOfStream:
            return b""
        except TimeoutError:
            raise httpcore.ReadTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as failure:
            raise httpcore.ReadError(str(failure.__cause__ or "")) from failure

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send bytes."""
        if not buffer:  # httpcore has none for the end of a request without a body
            return
        try:
            async with asyncio.timeout(timeout):
                await self._stream.send(buffer)
        except TimeoutError:
            raise httpcore.WriteTimeout() from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as failure:
            raise httpcore.WriteError(str(failure.__cause__ or "")) from failure

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on.

        :raises httpcore.ConnectError: whoever answers does not speak it, or is not trusted.
        """
        try:
            async with asyncio.timeout(timeout):
                return _Stream(
                    await TLSStream.wrap(
                        self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                    )
                )
        except BaseException as failure:
            await self.aclose()
            if isinstance(failure, TimeoutError):
                raise httpcore.ConnectTimeout() from None
            if isinstance(failure, ssl.SSLError | anyio.BrokenResourceError | anyio.EndOfStream):
                raise httpcore.ConnectError(str(failure)) from failure
            raise

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: the TLS object, and whether anything has come that nobody has read."""
        tls: ssl.SSLObject | None = self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610 - it is no query
        if info == "ssl_object":
            return tls
        if info == "is_readable":
            link: socket.socket = self._stream.extra(SocketAttribute.raw_socket)  # noqa: S610
            return _has_data(tls) or _is_readable(link)
        return None


def _has_data(tls: ssl.SSLObject | None) -> bool:
    """Whether TLS has taken bytes from the socket that nobody has read yet, or its end. Such a byte is lost."""
    if tls is None:
        return False
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True


def _is_readable(link: socket.socket) -> bool:
    """Whether a socket has something that nobody has read yet: bytes, or its end."""
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return bool(poll.poll(0))
