"""What the last looks answered, so that a page whose bytes did not change is not parsed again.

Parsing a thousand sessions at every look would set off full garbage collections, which hold up the event loop that all
waiters share.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class _Mark(NamedTuple):
    """What bytes are known again by: they themselves would be most of what is kept."""

    length: int
    digest: bytes

    @classmethod
    def of(cls, content: bytes) -> _Mark:
        return cls(len(content), hashlib.blake2b(content, digest_size=32).digest())


class Memo(Generic[T]):
    """The newest value for each key, as long as the bytes it was read from stay the same.

    :param entries: keys at most; the one that was not looked at for longest goes first.
    :param size: bytes at most that the values were read from.
    """

    def __init__(self, *, entries: int = 256, size: int = 64 * 1024 * 1024) -> None:
        self._entries = entries
        self._size = size
        self._held = 0
        self._known: OrderedDict[Hashable, tuple[_Mark, T]] = OrderedDict()

    def find(self, key: Hashable, bytes_now: bytes) -> T | None:
        """The value read from these very bytes, if they are what came last under this key."""
        found = self._known.get(key)
        if found is None or found[0] != _Mark.of(bytes_now):
            return None
        self._known.move_to_end(key)
        return found[1]

    def keep(self, key: Hashable, bytes_now: bytes, value: T) -> None:
        """Remember a value instead of what was known under its key."""
        self._drop(key)
        self._known[key] = (_Mark.of(bytes_now), value)
        self._held += len(bytes_now)
        while len(self._known) > self._entries or self._held > self._size:
            self._drop(next(iter(self._known)))

    def _drop(self, key: Hashable) -> None:
        if key in self._known:
            self._held -= self._known.pop(key)[0].length
