"""What a watcher of sessions remembers, and how that is written down: compact, and in pages of bounded size.

A page is a JSON value. Airflow's asset state store warns of values beyond 64 KB, and so the sessions are spread over
sixteen of them: with 5,000 sessions yet to come and 5,000 that are over, each page has about 50 KB. Only pages that
have changed need be written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

HEAD = "head"
"""The page that says since when there is a memory. Written last: without it there is none."""
PAGES = tuple("0123456789abcdef")
"""The pages of sessions, by the first digit of a hash of their ids."""
_TITLE = 120
"""Characters of a title that are remembered."""
_VERSION = 1


EventName = Literal["scheduled", "live", "ended", "canceled", "transcript_ready", "recording_ready"]
"""The words of :class:`SessionEvent`, for the types of arguments."""


class SessionEvent(StrEnum):
    """What can happen to a session, in the order in which it does."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    TRANSCRIPT_READY = "transcript_ready"
    RECORDING_READY = "recording_ready"


_BITS = {event: 1 << place for place, event in enumerate(SessionEvent)}


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of one session.

    :param settled: events that will not be told any more: they were told, have passed, or will not come.
    :param is_open: whether it was neither over nor called off when it was seen last.
    :param instant: in seconds since 1970: its planned start while it is open (when it was first seen, if it has none),
        then its end.
    :param title: its title while it is open, for the news that it is gone.
    """

    settled: frozenset[SessionEvent]
    is_open: bool
    instant: float
    title: str = ""

    def write(self) -> list[Any]:
        """As JSON: one number of bits, the instant, and the title of an open one."""
        bits = sum(_BITS[event] for event in self.settled)
        return [bits, int(self.instant), self.title[:_TITLE]] if self.is_open else [bits, int(self.instant)]

    @classmethod
    def read(cls, written: list[Any]) -> Known:
        """Read what :meth:`write` wrote."""
        bits, instant, *title = written
        settled = frozenset(event for event, bit in _BITS.items() if bits & bit)
        return cls(settled, is_open=bool(title), instant=float(instant), title=title[0] if title else "")


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of all sessions.

    :param since: seconds since 1970: what happened to a session before, and was never seen, is not told.
    :param is_fresh: whether nothing has been seen yet. What happened nobody knows when is then taken as old.
    :param sessions: session id to what is known.
    """

    since: float
    is_fresh: bool = True
    sessions: Mapping[str, Known] = field(default_factory=dict)

    def write(self) -> dict[str, Any]:
        """As pages, the head at last."""
        pages: dict[str, Any] = {page: {} for page in PAGES}
        for session_id, known in self.sessions.items():
            pages[_page_of(session_id)][session_id] = known.write()
        return pages | {HEAD: {"version": _VERSION, "since": self.since}}

    @classmethod
    def read(cls, pages: Mapping[str, Any]) -> Memory | None:
        """Read what :meth:`write` wrote; None where there is no head, or one that a later release wrote.

        :param pages: may lack pages that were never written.
        """
        head = pages.get(HEAD)
        if not isinstance(head, Mapping) or head.get("version") != _VERSION:
            return None
        written = [item for page in PAGES for item in (pages.get(page) or {}).items()]
        sessions = {session_id: Known.read(entry) for session_id, entry in written}
        return cls(since=float(head["since"]), is_fresh=False, sessions=sessions)


def _page_of(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()[0]
