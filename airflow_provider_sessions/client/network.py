"""Connections to the network: certificates and proxies."""

from __future__ import annotations

import functools
import ssl
from ipaddress import ip_address
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import httpx

from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.pools import SmallPools
from airflow_provider_sessions.client.redact import redact_url
from airflow_provider_sessions.errors import ConnectionConfigError


def network(config: ClientConfig) -> httpx.AsyncBaseTransport:
    """What sends bytes for a connection.

    :raises ConnectionConfigError: ``proxy`` or ``ca_bundle`` cannot be used.
    """
    context = _trust(config.ca_bundle)
    if config.proxy:
        return _transport(context, config.proxy, "the connection's proxy")
    return EnvironmentProxies(context)


class EnvironmentProxies(httpx.AsyncBaseTransport):
    """Sends each request directly, or through the proxy that the environment names for it.

    httpx itself forgets the environment as soon as a transport is handed to it. ``HTTP_PROXY``, ``HTTPS_PROXY``,
    ``ALL_PROXY`` and ``NO_PROXY`` (host names, endings of them, with or without a port, or ``*``) are read once. The
    machine itself is never reached through a proxy.

    :param context: the certificates to trust.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._proxies: dict[str, str] = getproxies_environment()
        self._direct = _transport(context, None, "")
        self._by_scheme = {
            scheme: _transport(context, proxy, f"{scheme.upper()}_PROXY of the environment")
            for scheme in ("http", "https")
            if (proxy := self._proxies.get(scheme) or self._proxies.get("all"))
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request on its way."""
        return await self._way(request.url).handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (self._direct, *self._by_scheme.values()):
            await transport.aclose()

    def _way(self, url: httpx.URL) -> httpx.AsyncBaseTransport:
        if is_loopback(url.host) or proxy_bypass_environment(url.netloc.decode("ascii"), self._proxies):
            return self._direct
        return self._by_scheme.get(url.scheme, self._direct)


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    try:
        if ca_bundle:
            return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as unreadable:
        raise ConnectionConfigError(
            f"ca_bundle: {ca_bundle!r} cannot be read as a file of certificates (PEM): {unreadable}"
        ) from None
    return _default_trust()


@functools.cache
def _default_trust() -> ssl.SSLContext:
    """The authorities that httpx brings, and the machine's: there a company installs its own.

    Made once, because reading them takes 60 ms, for which an event loop would stand still at each new client.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _transport(context: ssl.SSLContext, proxy: str | None, named_by: str) -> httpx.AsyncBaseTransport:
    # Idle connections outlive the pause between two looks (httpx drops them after 5 s by itself).
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=120)
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    try:
        return SmallPools(lambda: httpx.AsyncHTTPTransport(verify=context, proxy=proxy, limits=limits))
    except (ValueError, httpx.InvalidURL, ImportError):
        # The cause is not quoted: it may hold the proxy's password.
        raise ConnectionConfigError(
            f"proxy: {redact_url(proxy or '')!r} ({named_by}) cannot be used; write for example "
            f"'http://proxy.example.com:3128' (socks5:// needs the package socksio)"
        ) from None
