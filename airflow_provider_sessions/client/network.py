"""Connections to the network: certificates and proxies."""

from __future__ import annotations

import functools
import ssl
from urllib.request import getproxies_environment

import httpx

from airflow_provider_sessions.client.addresses import AddressPolicy, is_loopback
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.connections import (
    ConnectionTransport,
    Trust,
    connect_directly,
    connect_through,
)
from airflow_provider_sessions.client.proxy_exceptions import ProxyExceptions
from airflow_provider_sessions.client.redact import redact_typed_address
from airflow_provider_sessions.errors import ConnectionConfigError


def network(config: ClientConfig) -> httpx.AsyncBaseTransport:
    """What sends bytes for a connection.

    :raises ConnectionConfigError: ``proxy`` or ``ca_bundle`` cannot be used.
    """
    trust, policy = _trust(config.ca_bundle), config.addresses
    if config.proxy:
        return _transport(trust, policy, config.proxy, "the connection's proxy")
    return EnvironmentProxies(trust, policy)


class EnvironmentProxies(httpx.AsyncBaseTransport):
    """Sends each request directly, or through the proxy that the environment names for it.

    httpx itself forgets the environment as soon as a transport is handed to it. ``HTTP_PROXY``, ``HTTPS_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY`` (see :class:`~airflow_provider_sessions.client.proxy_exceptions.ProxyExceptions`) are
    read once. The machine itself is never reached through a proxy.

    :param trust: the certificates to trust.
    :param policy: the addresses that may be connected to where no proxy does that.
    """

    def __init__(self, trust: Trust, policy: AddressPolicy) -> None:
        proxies: dict[str, str] = getproxies_environment()
        self._exceptions = ProxyExceptions(proxies.get("no", ""))
        self._direct = _transport(trust, policy, None, "")
        self._by_scheme = {
            scheme: _transport(trust, policy, proxy, f"{scheme.upper()}_PROXY of the environment")
            for scheme in ("http", "https")
            if (proxy := proxies.get(scheme) or proxies.get("all"))
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request on its way."""
        return await self._way(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (self._direct, *self._by_scheme.values()):
            await transport.aclose()

    def _way(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if is_loopback(url.raw_host.decode("ascii")) or self._exceptions.cover(url):
            return self._direct
        return self._by_scheme.get(url.scheme, self._direct)


def _trust(ca_bundle: str | None) -> Trust:
    if not ca_bundle:
        return _default_trust
    try:
        context = ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as unreadable:
        raise ConnectionConfigError(
            f"ca_bundle: {ca_bundle!r} cannot be read as a file of certificates (PEM): {unreadable}"
        ) from None
    return lambda: context


@functools.cache
def _default_trust() -> ssl.SSLContext:
    """The authorities that httpx brings, and the machine's: there a company installs its own.

    Made once, because reading them takes 60 ms, for which an event loop would stand still at each new client.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _transport(trust: Trust, policy: AddressPolicy, proxy: str | None, named_by: str) -> ConnectionTransport:
    if proxy is None:
        return ConnectionTransport(connect_directly(trust, policy))
    try:
        return ConnectionTransport(connect_through(httpx.Proxy(proxy if "://" in proxy else f"http://{proxy}"), trust))
    except (ValueError, httpx.InvalidURL, ImportError):
        # The cause is not quoted: it may hold the proxy's password.
        raise ConnectionConfigError(
            f"proxy: {redact_typed_address(proxy)!r} ({named_by}) cannot be used; write for example "
            f"'http://proxy.example.com:3128' (socks5:// needs the package socksio)"
        ) from None
