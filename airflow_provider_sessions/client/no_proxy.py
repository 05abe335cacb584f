"""``NO_PROXY``: which hosts are reached without the proxy that the environment names."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_network

from airflow_provider_sessions.client.addresses import literal_address

_ENTRY = re.compile(r"(?P<host>\[[^\]]*\](?:/\d+)?|[^:]*|[^:]*(?::[^:]*){2,})(?::(?P<port>\d+))?")


class ProxyExceptions:
    """The entries of ``NO_PROXY``, in the forms that curl, Go, Python and requests take between them.

    =====================================  ==============================================================
    entry                                  reached without a proxy
    =====================================  ==============================================================
    ``*``                                  everything
    ``example.com``, ``.example.com``      that host, and all below it
    ``*.example.com``, ``api-*``           hosts that look like that; the first form means hosts below
    ``10.1.2.3``, ``::1``, ``[::1]``       that address, however the host is written
    ``10.0.0.0/8``, ``fd00::/8``           addresses of that network; names are not looked up
    any of them with ``:8443`` at its end  the same on that port alone, which may be the scheme's own
    =====================================  ==============================================================

    Case, blanks around an entry and a dot at the end of a host mean nothing. What is none of these is passed over.

    :param text: the entries, with commas or blanks between them.
    """

    def __init__(self, text: str) -> None:
        found = map(_entry, re.split(r"[\s,]+", text.lower()))
        self._entries = [entry for entry in found if entry is not None]

    def cover(self, host: str, port: int) -> bool:
        """Whether a host, as it stands on the wire, is reached without a proxy on a port."""
        host = host.rstrip(".")
        literal = _unmapped(literal_address(host))
        return any(matches(host, literal) and wanted in (None, port) for matches, wanted in self._entries)


_Address = IPv4Address | IPv6Address
_Matches = Callable[[str, _Address | None], bool]


def _entry(text: str) -> tuple[_Matches, int | None] | None:
    """What an entry means, and its port; None for what means nothing."""
    found = _ENTRY.fullmatch(text)
    if found is None:
        return None
    host, port = found["host"], found["port"]
    matches = _matches(host.replace("[", "").replace("]", ""))
    return None if matches is None else (matches, None if port is None else int(port[:9]))


def _matches(host: str) -> _Matches | None:
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


def _unmapped(address: _Address | None) -> _Address | None:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    return getattr(address, "ipv4_mapped", None) or address
