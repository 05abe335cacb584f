"""Send requests over connections of httpcore, one at a time on each, and keep these open for further requests.

For every request, httpcore's own pool iterates over all of its connections, and asks the operating system about each
idle one. With a list of idle connections instead, a request takes a third of the CPU time
(``benchmarks/request_cost.py``).

A connection is reused only after a response that was read to its end, and only if nothing has come over it since:
neither its end nor bytes that would be taken for the next response.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.request import getproxies_environment

import httpcore

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.addresses import AddressPolicy, is_loopback
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.network_backend import NetworkBackend
from airflow_provider_sessions.client.no_proxy import NoProxyList
from airflow_provider_sessions.client.redact import redact_typed_address
from airflow_provider_sessions.errors import ConnectionConfigError

KEEP_ALIVE = 120.0
"""Seconds for which an idle connection is kept: longer than the pause between two polls."""
MAX_CONNECTIONS = 64
"""The maximum number of requests at the same time, and of idle connections."""

Connection = httpcore.AsyncConnectionInterface
GetSslContext = Callable[[], ssl.SSLContext]
"""Returns the certificates to trust. Called for the first request with TLS: reading them takes 60 ms and 2 MiB."""
Connect = Callable[[httpcore.Origin], Connection]
"""Makes a connection to an origin, directly or through a proxy. It opens with its first request."""


class ConnectionTransport(httpx.AsyncBaseTransport):
    """Sends each request over the most recently used idle connection to its origin, or over a new one.

    :param connect: makes connections.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._semaphore = asyncio.Semaphore(MAX_CONNECTIONS)
        self._closing: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Its connection is idle again once the response is closed.

        :raises httpx.TransportError: see httpx.
        """
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{url.scheme!r} is neither http nor https")
        core_request = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        await self._semaphore.acquire()
        connection = self._acquire(core_request.url.origin)
        try:
            with _translate_httpcore_errors():
                response = await connection.handle_async_request(core_request)
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

    def _acquire(self, origin: httpcore.Origin) -> Connection:
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
        self._semaphore.release()
        if not reusable:
            self._close(connection)
            return
        self._idle.append(connection)
        if len(self._idle) > MAX_CONNECTIONS:
            self._close(self._idle.pop(0))

    def _close(self, connection: Connection) -> None:
        """Close a connection in the background: a caller that is being canceled could not wait."""
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
        with _translate_httpcore_errors():
            async for chunk in cast(AsyncIterator[bytes], self._response.stream):
                yield chunk

    async def aclose(self) -> None:
        """Close the body; closing it again has no effect."""
        if self._is_open:
            self._is_open = False
            try:
                await self._response.aclose()
            finally:
                self._release()


def _is_reusable(connection: Connection) -> bool:
    """Whether another request may be sent over a connection: the response was whole, and h11 holds no bytes after it.

    httpcore does not expose those bytes, so this follows its private attributes to h11. If a later version does not
    have these attributes, no connection is reused.
    """
    inner: Any = connection
    while inner is not None and not hasattr(inner, "_h11_state"):
        inner = getattr(inner, "_connection", None)
    return inner is not None and connection.is_idle() and not inner._h11_state.trailing_data[0]


@contextmanager
def _translate_httpcore_errors() -> Iterator[None]:
    """Raise the errors of httpx that have the same names as httpcore's."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


def open_transport(config: ClientConfig) -> ConnectionTransport:
    """Return the transport of a connection. Nothing is sent.

    :raises ConnectionConfigError: ``proxy`` or ``ca_bundle`` is invalid.
    """
    get_ssl_context = read_ca_bundle(config.ca_bundle)
    if config.proxy:
        return ConnectionTransport(make_proxy_connect(config.proxy, "the connection's proxy", get_ssl_context))
    return ConnectionTransport(make_connect_from_environment(get_ssl_context, config.addresses))


def make_connect_from_environment(get_ssl_context: GetSslContext, policy: AddressPolicy) -> Connect:
    """Return a function that connects directly, or through the environment's proxy.

    httpx itself ignores the environment if it is given a transport. ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and
    ``NO_PROXY`` (see :class:`~airflow_provider_sessions.client.no_proxy.NoProxyList`) are read once. No proxy is used
    for the machine itself.

    :param get_ssl_context: returns the certificates to trust.
    :param policy: the addresses that may be connected to without a proxy.
    :raises ConnectionConfigError: a proxy is invalid.
    """
    proxies: dict[str, str] = getproxies_environment()
    no_proxy = NoProxyList(proxies.get("no", ""))
    connect_directly = make_direct_connect(get_ssl_context, policy)
    by_scheme = {
        scheme.encode(): make_proxy_connect(proxy, f"{scheme.upper()}_PROXY of the environment", get_ssl_context)
        for scheme in ("http", "https")
        if (proxy := proxies.get(scheme) or proxies.get("all"))
    }

    def connect(origin: httpcore.Origin) -> Connection:
        host = origin.host.decode("ascii")
        if is_loopback(host) or no_proxy.matches(host, origin.port):
            return connect_directly(origin)
        return by_scheme.get(origin.scheme, connect_directly)(origin)

    return connect


def make_direct_connect(get_ssl_context: GetSslContext, policy: AddressPolicy) -> Connect:
    """Return a function that connects directly to servers.

    :param get_ssl_context: returns the certificates to trust.
    :param policy: the addresses that may be connected to.
    """
    backend = NetworkBackend(policy)

    def connect(origin: httpcore.Origin) -> Connection:
        context = get_ssl_context() if origin.scheme == b"https" else None
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=context, keepalive_expiry=KEEP_ALIVE, network_backend=backend
        )

    return connect


def make_proxy_connect(address: str, source: str, get_ssl_context: GetSslContext) -> Connect:
    """Return a function that connects through a proxy.

    :param address: the proxy's address, perhaps with a credential; without a scheme, it is http.
    :param source: where the address is configured, for the error.
    :param get_ssl_context: returns the certificates to trust.
    :raises ConnectionConfigError: it is invalid, or it is a SOCKS proxy and the package socksio is missing.
    """
    try:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        url = proxy.url
        is_socks = url.scheme.startswith("socks5")
        if is_socks:
            importlib.import_module("socksio")
    except (ValueError, httpx.InvalidURL, ImportError):
        # The cause is neither quoted nor chained: it may hold the proxy's password.
        raise ConnectionConfigError(
            f"proxy: invalid value {redact_typed_address(address)!r} ({source}); use a form such as "
            f"'http://proxy.example.com:3128' (socks5:// needs the package socksio)"
        ) from None
    backend = NetworkBackend(AddressPolicy(frozenset((url.raw_host.decode("ascii"),))))

    @functools.cache
    def make_pool(scheme: bytes) -> httpcore.AsyncConnectionPool:
        """Return a pool that is only used for making connections through the proxy."""
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        context = get_ssl_context() if scheme == b"https" else None
        if is_socks:
            return httpcore.AsyncSOCKSProxy(
                address, proxy.raw_auth, context, keepalive_expiry=KEEP_ALIVE, network_backend=backend
            )
        return httpcore.AsyncHTTPProxy(
            address,
            proxy.raw_auth,
            proxy.headers.raw,
            context,
            get_ssl_context() if url.scheme == "https" else None,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=backend,
        )

    return lambda origin: make_pool(origin.scheme).create_connection(origin)


def read_ca_bundle(ca_bundle: str | None) -> GetSslContext:
    """Return a function that returns the certificates to trust.

    :param ca_bundle: the path of a file of certificates (PEM); the default authorities if not given.
    :raises ConnectionConfigError: it cannot be read.
    """
    if not ca_bundle:
        return get_default_ssl_context
    try:
        changed_at = Path(ca_bundle).stat().st_mtime_ns
        context = _load_ca_bundle(ca_bundle, changed_at)
    except (OSError, ssl.SSLError) as error:
        raise ConnectionConfigError(
            f"ca_bundle: {ca_bundle!r} cannot be read as a file of certificates (PEM): {error}"
        ) from None
    return lambda: context


@functools.lru_cache(maxsize=8)
def _load_ca_bundle(path: str, changed_at: int) -> ssl.SSLContext:
    """Return one context for all connections with the same file: each takes half a MiB or more.

    :param path: the file.
    :param changed_at: when it was last changed, in nanoseconds, so that it is read again after a change.
    """
    return ssl.create_default_context(cafile=path)


@functools.cache
def get_default_ssl_context() -> ssl.SSLContext:
    """Return httpx's certificate authorities and the machine's, among which a company installs its own.

    They are read once per process: reading them takes 60 ms, which would block the event loop for each new client.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
