"""Which addresses may be reached: judged as they were resolved, at connecting.

A platform can name any address: in a redirect, or for a download. Without this check it could use the worker to reach
what only the worker reaches: services of the machine, a cloud's metadata, hosts of the company's network. A name is
judged by what it was resolved to, and exactly that is connected to. Behind a proxy, which resolves names by itself,
literal addresses alone can be judged.
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
"""What ``getaddrinfo`` gives: family, type, protocol, name, and the socket's address, which begins with the host's."""

_LOOPBACK = IPv4Address("127.0.0.1")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")
_PROTOCOLS = IPv4Network("192.0.0.0/24")
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")))
"""Where clouds serve a machine's own secrets, beside 169.254.169.254: Alibaba, Azure, Oracle, AWS by IPv6."""
_LAST_IS_IPV4 = (
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


class _Reach(Enum):
    """From where an address can be reached."""

    MACHINE = "this machine"
    LINK = "this machine's network segment"
    PRIVATE = "a private network"
    PUBLIC = "anywhere"


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What a platform may lead to.

    :param own_hosts: hosts that the connection itself names, as they stand on the wire. They may be anywhere.
    :param allow_private: whether addresses of private networks may be reached.
    :param requires_tls: whether nothing may be reached without TLS, except what the connection itself names.
    """

    own_hosts: frozenset[str]
    allow_private: bool = False
    requires_tls: bool = False

    @classmethod
    def of(cls, trusted: Iterable[str], *, allow_private: bool) -> AddressPolicy:
        """Return the policy of a connection.

        :param trusted: its addresses, the platform's base URL first.
        """
        urls = [httpx.URL(url) for url in trusted]
        hosts = frozenset(url.raw_host.decode("ascii") for url in urls)
        return cls(hosts, allow_private, requires_tls=urls[0].scheme == "https")

    def check_url(self, url: httpx.URL) -> None:
        """Refuse an address that can be judged by how it is written.

        :param url: what the platform named; none of the connection's own addresses.
        :raises RedirectRefusedError: it must not be reached.
        """
        host = url.raw_host.decode("ascii")
        if url.scheme not in ("http", "https") or not host:
            raise RedirectRefusedError(
                f"the platform named an address that is none of http or https, but {sanitize_text(url.scheme, 20)!r}"
            )
        if self.requires_tls and url.scheme != "https":
            raise RedirectRefusedError(
                f"the platform named an address without https at {sanitize_text(host)}, where everybody on the way can "
                f"read along"
            )
        literal = literal_address(host)
        self.check(host, () if literal is None else (literal,))

    def check(self, host: str, addresses: Iterable[Address]) -> None:
        """Refuse a host by its addresses; one that must not be reached is enough.

        :param host: as it stands on the wire.
        :param addresses: what it was resolved to.
        :raises RedirectRefusedError: it must not be reached.
        """
        if host in self.own_hosts:
            return
        for address in addresses:
            reach = _reach(address)
            shown = sanitize_text(host if host == str(address) else f"{host} ({address})")
            if reach is _Reach.PRIVATE and not self.allow_private:
                raise RedirectRefusedError(
                    f"the platform named an address inside a private network, {shown}; where files are kept in "
                    f"your own network, set 'allow_private_addresses' to true in the connection's extra"
                )
            if reach in (_Reach.MACHINE, _Reach.LINK) and not self._is_at_home(reach):
                raise RedirectRefusedError(
                    f"the platform named an address inside this machine or its network segment, {shown}"
                )

    def _is_at_home(self, reach: _Reach) -> bool:
        """Whether an own host is such an address, as it is written: where a name leads, its owner says."""
        literals = map(literal_address, self.own_hosts)
        return any(literal is not None and _reach(literal) is reach for literal in literals)


async def resolve(host: str, port: int, policy: AddressPolicy) -> list[AddressInfo]:
    """Return where to connect to.

    :param host: as it stands on the wire.
    :param policy: says what may be reached.
    :raises RedirectRefusedError: it must not be reached.
    :raises httpx.ConnectError: there is no such host, or no such port.
    """
    if port > 65535:
        raise httpx.ConnectError(f"there is no port {port}")
    try:
        loop = asyncio.get_running_loop()
        found: list[AddressInfo] = [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as failure:
        raise httpx.ConnectError(str(failure)) from failure
    policy.check(host, [ip_address(info[4][0]) for info in found])
    return found


def literal_address(host: str) -> Address | None:
    """Return the address that a host is, in whatever spelling; None for a name.

    Decimal, octal, hexadecimal and short forms count, since resolvers take them; so do ``localhost`` and names below
    it, which always lead to this machine. What looks like a number and is no address is taken for ``0.0.0.0``, because
    nobody can tell what others make of it. Source: RFC 6761 6.3; WHATWG URL, "ends in a number".

    :param host: as it stands in a URL.
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
    """Warn, once a process, that requests to a platform are not encrypted.

    :param origin: scheme, host and port.
    """
    log.warning(
        "requests to %s are not encrypted: everybody on the way can read the credential and what is exported; if the "
        "platform serves https, say so in the connection's address",
        origin,
    )


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, is this very machine."""
    literal = literal_address(host)
    return literal is not None and _reach(literal) is _Reach.MACHINE


def _reach(address: Address) -> _Reach:
    """From where an address can be reached: the nearest, where it holds others."""
    inner = list(_embedded(address))
    if inner:
        nearest = [reach for reach in _Reach if reach in map(_reach, inner)]
        return nearest[0]
    if address.is_loopback or address.is_unspecified or address in _THIS_NETWORK:
        return _Reach.MACHINE
    if address.is_link_local or address in _METADATA:
        return _Reach.LINK
    is_special = address.is_multicast or address.is_reserved or address in _PROTOCOLS or address in _SITE_LOCAL
    return _Reach.PUBLIC if address.is_global and not is_special else _Reach.PRIVATE


def _embedded(address: Address) -> Iterable[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to, by translation or through a tunnel."""
    if not isinstance(address, IPv6Address) or int(address) <= 1:
        return
    number = int(address)
    if any(address in network for network in _LAST_IS_IPV4) or (number >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        yield IPv4Address((number >> 80) & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address((number >> 64) & 0xFFFFFFFF)
        yield IPv4Address(~number & 0xFFFFFFFF)
