"""The log of every request the platforms received. It never holds a credential."""

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

KEPT = 200_000
HARMLESS_HEADERS = (
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
HIDDEN = "***"
_SECRET_WORDS = ("password", "token", "secret", "api_key", "code", "jwt", "signature")


@dataclass
class LogEntry:
    """One request as the platform saw it.

    :param at: when it arrived, on the sandbox's clock.
    :param wall: the same as Unix seconds of the machine's clock, for rates measured in real time.
    :param route: name of the operation it matched; None: of none.
    :param credential: kinds of credential that came along (``api_key``, ``bearer``), never the credential itself.
    :param client: address and port it came from; requests that share one share a connection.
    :param status: of the answer, also of one that was made but never arrived.
    :param outcome: ``answered``, or what a fault did to it; ``open`` while it is being answered.
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
        """The entry as it appears in the control API."""
        return asdict(self) | {"at": self.at.isoformat(), "credential": list(self.credential)}


@dataclass(frozen=True)
class Filter:
    """Which entries are meant; ``path`` is a pattern with ``*``, matched against the whole path."""

    platform: str | None = None
    method: str | None = None
    path: str | None = None
    route: str | None = None
    status: int | None = None
    outcome: str | None = None

    def fits(self, entry: LogEntry) -> bool:
        """Whether an entry is meant."""
        exact: dict[str, Any] = {
            "platform": self.platform,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "outcome": self.outcome,
        }
        if any(wanted is not None and getattr(entry, name) != wanted for name, wanted in exact.items()):
            return False
        return self.path is None or fnmatchcase(entry.path, self.path)


@dataclass
class RequestLog:
    """The most recent requests, oldest first."""

    _entries: deque[LogEntry] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last: int = 0

    def open(self, **facts: Any) -> LogEntry:
        """Enter a request that has just arrived."""
        with self._lock:
            self._last += 1
            entry = LogEntry(number=self._last, **facts)
            self._entries.append(entry)
            return entry

    def entries(self, **wanted: Any) -> list[LogEntry]:
        """The entries that fit; the arguments are those of :class:`Filter`."""
        chosen = Filter(**wanted)
        with self._lock:
            return [entry for entry in self._entries if chosen.fits(entry)]

    def count(self, **wanted: Any) -> int:
        """How many entries fit."""
        return len(self.entries(**wanted))

    def clear(self) -> None:
        """Forget all entries; numbers go on."""
        with self._lock:
            self._entries.clear()


def harmless(headers: Headers) -> dict[str, str]:
    """The headers that may be shown."""
    return {name: headers[name] for name in HARMLESS_HEADERS if name in headers}


def hide_query(query: str) -> dict[str, str]:
    """A query string as a dict, its secrets hidden."""
    return {name: HIDDEN if _is_secret(name) else value for name, value in parse_qsl(query, keep_blank_values=True)}


def hide_body(body: bytes, content_type: str) -> Any:
    """A JSON body with its secrets hidden; None for anything else."""
    if not body or "json" not in content_type:
        return None
    try:
        return _hide(json.loads(body))
    except ValueError:
        return None


def _hide(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: HIDDEN if _is_secret(name) else _hide(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    return value


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)
