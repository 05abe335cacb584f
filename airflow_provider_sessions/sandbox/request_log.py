"""The log of all requests that the platforms received. It never contains a credential."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

MAX_ENTRIES = 200_000
SAFE_HEADERS = (
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "if-none-match",
    "if-range",
    "range",
    "user-agent",
    "x-request-id",
)
MASK = "***"
_SECRET_WORDS = ("password", "token", "secret", "api_key", "code", "jwt", "signature")


@dataclass
class LogEntry:
    """One request as the platform saw it.

    :param at: when it arrived, on the sandbox's clock.
    :param wall: the same as Unix seconds of the system clock, for rates measured in real time.
    :param route: name of the operation that it matched; None: it matched none.
    :param credential: the kinds of credential it carried (``api_key``, ``bearer``), never the credential itself.
    :param client: address and port it came from; requests with the same value share a connection.
    :param status: status of the response, even of one that never arrived.
    :param outcome: ``answered``, or the kind of fault that was applied; ``open`` until the response is sent.
    """

    number: int
    at: datetime
    wall: float
    platform: str
    method: str
    path: str
    query: dict[str, str]
    route: str | None
    credential: tuple[str, ...]
    headers: dict[str, str]
    body: Any = None
    client: str = ""
    status: int | None = None
    outcome: str = "open"

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control API shows it."""
        return asdict(self) | {"at": self.at.isoformat(), "credential": list(self.credential)}

    def matches(self, **wanted: Any) -> bool:
        """Return whether each field that is not None has this value; ``path`` is a pattern with ``*``."""
        path = wanted.pop("path", None)
        if path is not None and not fnmatchcase(self.path, path):
            return False
        return all(value is None or getattr(self, name) == value for name, value in wanted.items())


@dataclass(frozen=True)
class LogFilter:
    """Selects log entries; ``path`` is a pattern with ``*``, matched against the whole path."""

    platform: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    status: int | None = None
    outcome: str | None = None


@dataclass
class RequestLog:
    """The most recent requests, oldest first."""

    _entries: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=MAX_ENTRIES))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_number: int = 0

    def add(self, **fields: Any) -> LogEntry:
        """Add a request that has just arrived."""
        with self._lock:
            self._last_number += 1
            entry = LogEntry(number=self._last_number, **fields)
            self._entries.append(entry)
            return entry

    def entries(self, **wanted: Any) -> list[LogEntry]:
        """Return the matching entries; the arguments are the fields of :class:`LogFilter`."""
        filters = vars(LogFilter(**wanted))
        with self._lock:
            return [entry for entry in self._entries if entry.matches(**filters)]

    def count(self, **wanted: Any) -> int:
        """Return the number of matching entries."""
        return len(self.entries(**wanted))

    def clear(self) -> None:
        """Remove all entries; their numbers are not used again."""
        with self._lock:
            self._entries.clear()


def select_safe_headers(headers: Headers) -> dict[str, str]:
    """Return the headers that cannot contain a secret."""
    return {name: headers[name] for name in SAFE_HEADERS if name in headers}


def mask_query(query: str) -> dict[str, str]:
    """Return a query string as a dict with its secrets masked."""
    return {name: MASK if _is_secret(name) else value for name, value in parse_qsl(query, keep_blank_values=True)}


def mask_body(body: bytes, content_type: str) -> Any:
    """Return a JSON body with its secrets masked; None for anything else."""
    if not body or "json" not in content_type:
        return None
    try:
        return _mask(json.loads(body))
    except ValueError:
        return None


def _mask(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: MASK if _is_secret(name) else _mask(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)
