"""Addresses as they may be logged or quoted: without secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_TELLING = frozenset(
    ("page", "limit", "offset", "items", "start_time", "end_time", "start_at", "end_at", "cancel_without_email")
)
"""Query parameters of which the value may be shown. All others may be a signature, a token or a password."""
_PLAIN = re.compile(r"[\d:.TZ+-]{1,40}|true|false")
"""A number, a time or a yes or no."""


def redact_url(url: str) -> str:
    """The address with user information dropped and the values of all but harmless query parameters hidden."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return "(an address that cannot be read)"
    shown = urlencode([(key, value if _may_be_shown(key, value) else "***") for key, value in query], safe="*:")
    return urlunsplit((parts.scheme, _place(parts.netloc), parts.path, shown, ""))


def redact_path(url: str) -> str:
    """Scheme and host alone: another host's path may be as secret as its query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    return f"{parts.scheme}://{_place(parts.netloc)}/..."


def _may_be_shown(key: str, value: str) -> bool:
    return key in _TELLING and _PLAIN.fullmatch(value) is not None


def _place(netloc: str) -> str:
    return netloc.rpartition("@")[2]
