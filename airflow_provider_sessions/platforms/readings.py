"""What answers were read as, so that an answer that did not change is not read again at every look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")
Value = TypeVar("Value")


class Readings(Generic[Answer, Value]):
    """Remembers for each session what its last answer was read as.

    A polling client gives the same object where the bytes are the same. A thousand new values at every look would set
    off full garbage collections, which hold up the event loop that all waiters share.

    :param read: reads an answer; nothing but the answer may matter.
    """

    def __init__(self, read: Callable[[Answer], Value]) -> None:
        self._read = read
        self._last: dict[str, tuple[Answer, Value]] = {}

    def of(self, session_id: str, answer: Answer) -> Value:
        """What a session's answer reads as."""
        last = self._last.get(session_id)
        if last is None or last[0] is not answer:
            last = self._last[session_id] = (answer, self._read(answer))
        return last[1]
