"""The transport: httpcore's connections with one request at a time on each, kept open for the next.

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
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.request import getproxies_environment

import httpcore

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.addresses import AddressPolicy, is_loopback
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.network_backend import NetworkBackend
from airflow_provider_sessions.client.no_proxy import ProxyExceptions
from airflow_provider_sessions.client.redact import redact_typed_address
from airflow_provider_sessions.errors import ConnectionConfigError

KEEP_ALIVE = 120.0
"""Seconds for which an idle connection is kept: it outlives the pause between two polls."""
MAX_CONNECTIONS = 64
"""More requests than that wait until one is done, and no more idle connections are kept."""

Connection = httpcore.AsyncConnectionInterface
Trust = Callable[[], ssl.SSLContext]
"""Returns the certificates to trust. It is called for the first request by TLS: reading them takes 60 ms and 2 MiB."""
Connect = Callable[[httpcore.Origin], Connection]
"""Makes a connection to an origin, directly or through a proxy. It opens with the first request."""


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
        if not reusable:
            self._close(connection)
            return
        self._idle.append(connection)
        if len(self._idle) > MAX_CONNECTIONS:
            self._close(self._idle.pop(0))

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


def open_transport(config: ClientConfig) -> ConnectionTransport:
    """Return the transport of a connection. Nothing is sent.

    :raises ConnectionConfigError: ``proxy`` or ``ca_bundle`` cannot be used.
    """
    trust = read_trust(config.ca_bundle)
    if config.proxy:
        return ConnectionTransport(connect_through(config.proxy, "the connection's proxy", trust))
    return ConnectionTransport(connect_as_environment_says(trust, config.addresses))


def connect_as_environment_says(trust: Trust, policy: AddressPolicy) -> Connect:
    """Return what connects directly, or through the proxy that the environment names.

    httpx itself ignores the environment as soon as a transport is handed to it. ``HTTP_PROXY``, ``HTTPS_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY`` (see :class:`~airflow_provider_sessions.client.no_proxy.ProxyExceptions`) are
    read once. The machine itself is never reached through a proxy.

    :param trust: the certificates to trust.
    :param policy: the addresses that may be connected to where no proxy does that.
    :raises ConnectionConfigError: a proxy cannot be used.
    """
    proxies: dict[str, str] = getproxies_environment()
    exceptions = ProxyExceptions(proxies.get("no", ""))
    direct = connect_directly(trust, policy)
    by_scheme = {
        scheme.encode(): connect_through(proxy, f"{scheme.upper()}_PROXY of the environment", trust)
        for scheme in ("http", "https")
        if (proxy := proxies.get(scheme) or proxies.get("all"))
    }

    def connect(origin: httpcore.Origin) -> Connection:
        host = origin.host.decode("ascii")
        if is_loopback(host) or exceptions.cover(host, origin.port):
            return direct(origin)
        return by_scheme.get(origin.scheme, direct)(origin)

    return connect


def connect_directly(trust: Trust, policy: AddressPolicy) -> Connect:
    """Return what connects straight to servers.

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


def connect_through(address: str, named_by: str, trust: Trust) -> Connect:
    """Return what connects through a proxy.

    :param address: the proxy's, perhaps with its credential; http if it names no scheme.
    :param named_by: where it comes from, for the error.
    :param trust: the certificates to trust.
    :raises ConnectionConfigError: it cannot be used, or it is a SOCKS proxy and the package socksio is missing.
    """
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        url = proxy.url
        is_socks = url.scheme.startswith("socks5")
        if is_socks:
            importlib.import_module("socksio")
    except (ValueError, httpx.InvalidURL, ImportError):
        # The cause is not quoted: it may hold the proxy's password.
        raise ConnectionConfigError(
            f"proxy: {redact_typed_address(address)!r} ({named_by}) cannot be used; write for example "
            f"'http://proxy.example.com:3128' (socks5:// needs the package socksio)"
        ) from None
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


def read_trust(ca_bundle: str | None) -> Trust:
    """Return what gives the certificates to trust.

    :param ca_bundle: path of a file of them (PEM); the default authorities if not given.
    :raises ConnectionConfigError: it cannot be read.
    """
    if not ca_bundle:
        return default_trust
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as unreadable:
        raise ConnectionConfigError(
            f"ca_bundle: {ca_bundle!r} cannot be read as a file of certificates (PEM): {unreadable}"
        ) from None
    return lambda: context


@functools.cache
def default_trust() -> ssl.SSLContext:
    """Return the authorities that httpx brings, and the machine's: there a company installs its own.

    Made once, because reading them takes 60 ms, for which an event loop would stand still at each new client.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
