"""Check which addresses may be connected to, after names have been resolved.

A platform can name any address: in a redirect, or for a download. Without this check, it could make the worker send
requests to services of the worker's machine, to a cloud's metadata server, or to hosts of the company's network. The
addresses that a name resolves to are checked, and exactly these are connected to. Behind a proxy, which resolves names
itself, only literal addresses can be checked.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.errors import RedirectRefusedError
from airflow_provider_sessions.safe_text import get_logger, sanitize_text

log = get_logger(__name__)

Address = IPv4Address | IPv6Address
AddressInfo = tuple[int, int, int, str, Any]
"""What ``getaddrinfo`` returns: family, type, protocol, name, and the socket's address, which begins with the host."""

_LOOPBACK = IPv4Address("127.0.0.1")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_IETF_PROTOCOLS = IPv4Network("192.0.0.0/24")
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")))
"""Metadata servers of clouds, besides 169.254.169.254: Alibaba, Azure, Oracle, AWS by IPv6."""
_ENDS_WITH_IPV4 = (
    IPv6Network("::/96"),  # IPv4-compatible
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
    IPv6Network("64:ff9b::/96"),  # RFC 6052
    IPv6Network("64:ff9b:1::/48"),  # RFC 8215
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_SITE_LOCAL = IPv6Network("fec0::/10")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


class _Scope(Enum):
    """From where an address can be reached, the narrowest first."""

    MACHINE = "this machine"
    LINK = "this machine's network segment"
    PRIVATE = "a private network"
    PUBLIC = "anywhere"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Which addresses a platform may name.

    :param own_hosts: the hosts of the connection itself, as they are sent. These may have any address.
    :param allow_private: whether addresses of private networks are allowed.
    :param requires_tls: whether URLs without TLS are forbidden, except on the connection's own hosts.
    """

    own_hosts: frozenset[str]
    allow_private: bool = False
    requires_tls: bool = False

    @classmethod
    def from_urls(cls, trusted: Iterable[str], *, allow_private: bool) -> AddressPolicy:
        """Return the policy of a connection.

        :param trusted: its URLs, the platform's base URL first.
        :param allow_private: whether addresses of private networks are allowed.
        """
        urls = [httpx.URL(url) for url in trusted]
        hosts = frozenset(url.raw_host.decode("ascii") for url in urls)
        return cls(hosts, allow_private, requires_tls=urls[0].scheme == "https")

    def check_url(self, url: httpx.URL) -> None:
        """Check the scheme of a URL, and its host if that is a literal address.

        :param url: a URL that the platform named, not on one of the connection's own hosts.
        :raises RedirectRefusedError: it must not be requested.
        """
        host = url.raw_host.decode("ascii")
        if url.scheme not in ("http", "https") or not host:
            raise RedirectRefusedError(
                f"the platform named a URL with the scheme {sanitize_text(url.scheme, 20)!r} instead of http or https"
            )
        if self.requires_tls and url.scheme != "https":
            raise RedirectRefusedError(
                f"the platform named a URL without https at {sanitize_text(host)}, which anyone on the way can read"
            )
        literal = parse_literal_address(host)
        self.check(host, () if literal is None else (literal,))

    def check(self, host: str, addresses: Iterable[Address]) -> None:
        """Check the addresses of a host.

        :param host: the host as it is sent.
        :param addresses: the addresses that it resolves to.
        :raises RedirectRefusedError: at least one of them must not be connected to.
        """
        if host in self.own_hosts:
            return
        for address in addresses:
            scope = _get_scope(address)
            shown = sanitize_text(host if host == str(address) else f"{host} ({address})")
            if scope is _Scope.PRIVATE and not self.allow_private:
                raise RedirectRefusedError(
                    f"the platform named an address in a private network, {shown}; if files are stored in your own "
                    f"network, set 'allow_private_addresses' to true in the connection's extra"
                )
            if scope in (_Scope.MACHINE, _Scope.LINK) and not self._has_own_host_in(scope):
                raise RedirectRefusedError(
                    f"the platform named an address of this machine or of its network segment, {shown}"
                )

    def _has_own_host_in(self, scope: _Scope) -> bool:
        """Whether an own host is a literal address in a scope. Names do not count: their owners can change these."""
        literals = map(parse_literal_address, self.own_hosts)
        return any(literal is not None and _get_scope(literal) is scope for literal in literals)


async def resolve(host: str, port: int, policy: AddressPolicy) -> list[AddressInfo]:
    """Resolve a host and check its addresses.

    :param host: the host as it is sent.
    :param port: the port.
    :param policy: which addresses are allowed.
    :raises RedirectRefusedError: one of them must not be connected to.
    :raises httpx.ConnectError: there is no such host or port.
    """
    if port > 65535:
        raise httpx.ConnectError(f"there is no port {port}")
    try:
        loop = asyncio.get_running_loop()
        found: list[AddressInfo] = [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(str(error)) from error
    policy.check(host, [ip_address(info[4][0]) for info in found])
    return found


def parse_literal_address(host: str) -> Address | None:
    """Return the address that a host is in any spelling; None for a name.

    Resolvers accept decimal, octal, hexadecimal and short forms, so these count too, and so do ``localhost`` and names
    below it, which always mean this machine. What looks like a number and is not an address counts as ``0.0.0.0``,
    because resolvers may interpret it in any way. Source: RFC 6761 6.3; WHATWG URL, "ends in a number".

    :param host: the host as it is written in a URL.
    """
    text = unquote(host).strip("[]").partition("%")[0].rstrip(".").lower()
    if text == "localhost" or text.endswith(".localhost"):
        return _LOOPBACK
    try:
        return ip_address(text)
    except ValueError:
        last = text.rpartition(".")[2]
        if not (last.isdecimal() or last.startswith("0x")):
            return None
    try:
        return IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return IPv4Address(0)


@functools.cache
def warn_of_plain_http(origin: str) -> None:
    """Warn, once per process, that requests to a platform are not encrypted.

    :param origin: scheme, host and port.
    """
    log.warning(
        "Requests to %s are not encrypted: anyone on the way can read the credential and the exported data; if the "
        "platform supports https, use it in the connection's host",
        origin,
    )


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written in a URL, is this machine."""
    literal = parse_literal_address(host)
    return literal is not None and _get_scope(literal) is _Scope.MACHINE


def _get_scope(address: Address) -> _Scope:
    """Return from where an address can be reached; if it embeds others, the narrowest scope of these."""
    embedded = list(_find_embedded(address))
    if embedded:
        scopes = set(map(_get_scope, embedded))
        return next(scope for scope in _Scope if scope in scopes)
    if address.is_loopback or address.is_unspecified or address in _THIS_NETWORK:
        return _Scope.MACHINE
    if address.is_link_local or address in _METADATA:
        return _Scope.LINK
    is_special = address.is_multicast or address.is_reserved or address in _IETF_PROTOCOLS or address in _SITE_LOCAL
    return _Scope.PUBLIC if address.is_global and not is_special else _Scope.PRIVATE


def _find_embedded(address: Address) -> Iterable[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to, by translation or through a tunnel."""
    if not isinstance(address, IPv6Address) or int(address) <= 1:
        return
    number = int(address)
    if any(address in network for network in _ENDS_WITH_IPV4) or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        yield IPv4Address((number >> 80) & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address((number >> 64) & 0xFFFFFFFF)
        yield IPv4Address(~number & 0xFFFFFFFF)
