"""Keep what was parsed of recent polls, so that a page whose bytes did not change is not parsed again.

Parsing a thousand sessions at every poll would set off full garbage collections, which block the event loop that all
waiting tasks share.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Fingerprint(NamedTuple):
    """Identifies a body; the body itself would be most of what the cache holds."""

    length: int
    digest: bytes

    @classmethod
    def compute(cls, body: bytes) -> _Fingerprint:
        return cls(len(body), hashlib.blake2b(body, digest_size=32).digest())


class PageCache(Generic[T]):
    """The latest value of each key, valid as long as the body that it was parsed from stays the same.

    :param max_entries: the maximum number of keys; the one that was not used for longest is dropped first.
    :param max_bytes: the maximum length of the bodies together.
    """

    def __init__(self, *, max_entries: int = 256, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[Hashable, tuple[_Fingerprint, T]] = OrderedDict()

    def get(self, key: Hashable, body: bytes) -> T | None:
        """Return the value of a key if it was parsed from an equal body."""
        found = self._entries.get(key)
        if found is None or found[0] != _Fingerprint.compute(body):
            return None
        self._entries.move_to_end(key)
        return found[1]

    def set(self, key: Hashable, body: bytes, value: T) -> None:
        """Replace the value of a key."""
        self._drop(key)
        self._entries[key] = (_Fingerprint.compute(body), value)
        self._bytes += len(body)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Hashable) -> None:
        if key in self._entries:
            self._bytes -= self._entries.pop(key)[0].length
