"""Addresses as they may be logged or quoted: without secrets."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_TELLING = frozenset(
    ("page", "limit", "offset", "items", "start_time", "end_time", "start_at", "end_at", "cancel_without_email")
)
"""Query parameters of which the value may be shown. All others may be a signature, a token or a password."""


def redact_url(url: str) -> str:
    """The address with user information dropped and the values of all but harmless query parameters hidden."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    query = urlencode(
        [(key, value if key in _TELLING else "***") for key, value in parse_qsl(parts.query, keep_blank_values=True)],
        safe="*",
    )
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
