"""Identifiers and secrets that look random and are the same for the same seed."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from uuid import UUID


def seeded_random(key: str) -> Random:
    """Return a random number generator that gives the same numbers for the same key."""
    return Random(key)


def stable_id(*parts: str) -> str:
    """Return a UUID (version 4 in form) computed from the parts."""
    return str(UUID(bytes=hashlib.sha256(":".join(parts).encode()).digest()[:16], version=4))


class IdGenerator:
    """Generates identifiers, counted by kind: with one seed, the third room has the same id in every run.

    :param scope: keeps two platforms with one seed apart.
    """

    def __init__(self, seed: int, scope: str) -> None:
        self._prefix = f"{seed}:{scope}"
        self._counters: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)

    def new(self, kind: str) -> str:
        """Return the next UUID (version 4 in form) of a kind."""
        return str(UUID(bytes=self._digest(kind)[:16], version=4))

    def token(self, kind: str, length: int = 40) -> str:
        """Return the next secret of a kind: ``length`` hexadecimal digits, at most 64."""
        return self._digest(kind).hex()[:length]

    def number(self, kind: str) -> int:
        """Return the next number of a kind, from 0."""
        return next(self._counters[f"number:{kind}"])

    def _digest(self, kind: str) -> bytes:
        return hashlib.sha256(f"{self._prefix}:{kind}:{next(self._counters[kind])}".encode()).digest()
