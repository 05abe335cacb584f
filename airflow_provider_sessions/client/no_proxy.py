"""Interpret ``NO_PROXY``: which hosts are requested without the environment's proxy."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_network

from airflow_provider_sessions.client.addresses import parse_literal_address

_ENTRY = re.compile(r"(?P<host>\[[^\]]*\](?:/\d+)?|[^:]*|[^:]*(?::[^:]*){2,})(?::(?P<port>\d+))?")


class NoProxyList:
    """The entries of ``NO_PROXY``, in all forms that curl, Go, Python or requests accept.

    =====================================  ==============================================================
    entry                                  requested without a proxy
    =====================================  ==============================================================
    ``*``                                  everything
    ``example.com``, ``.example.com``      that host, and all below it
    ``*.example.com``, ``api-*``           hosts that match; the first form means hosts below
    ``10.1.2.3``, ``::1``, ``[::1]``       that address, in any spelling
    ``10.0.0.0/8``, ``fd00::/8``           addresses of that network; names are not resolved
    any of them with ``:8443`` at its end  the same on that port only, which may be the scheme's own
    =====================================  ==============================================================

    Case, blanks around an entry and a dot at the end of a host have no meaning. Invalid entries are ignored.

    :param text: the entries, separated by commas or blanks.
    """

    def __init__(self, text: str) -> None:
        found = map(_parse_entry, re.split(r"[\s,]+", text.lower()))
        self._entries = [entry for entry in found if entry is not None]

    def matches(self, host: str, port: int) -> bool:
        """Whether a port of a host is requested without a proxy."""
        host = host.rstrip(".")
        literal = _unmap(parse_literal_address(host))
        return any(is_match(host, literal) and of_port in (None, port) for is_match, of_port in self._entries)


_Address = IPv4Address | IPv6Address
_Matcher = Callable[[str, _Address | None], bool]


def _parse_entry(text: str) -> tuple[_Matcher, int | None] | None:
    """Return a function that returns whether a host matches an entry, and the entry's port; None if it is invalid."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        return None
    host, port = found["host"], found["port"]
    matcher = _make_matcher(host.replace("[", "").replace("]", ""))
    return None if matcher is None else (matcher, None if port is None else int(port[:9]))


def _make_matcher(host: str) -> _Matcher | None:
    try:
        network = ip_network(host, strict=False)
        return lambda _, literal: literal is not None and literal in network
    except ValueError:
        name = host.strip(".")
    if not name or "/" in name:
        return None
    if "*" in name:
        return lambda given, _: fnmatchcase(given, name)
    return lambda given, _: given == name or given.endswith(f".{name}")


def _unmap(address: _Address | None) -> _Address | None:
    """Return the IPv4 address to which an IPv6 address is mapped, or else the address itself."""
    return getattr(address, "ipv4_mapped", None) or address
