"""The events that a watcher has emitted, and their stored form: compact, in pages of bounded size.

A page is a JSON value. Airflow's asset state store warns about values above 64 KB, so the sessions are spread over
sixteen pages: with 5,000 future and 5,000 ended sessions, each page has about 50 KB. Only pages that have changed need
to be written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

HEAD = "head"
"""The page with the version and the start time. It is written last: without it, the other pages are ignored."""
PAGES = tuple("0123456789abcdef")
"""The pages of sessions, by the first digit of a hash of the session id."""
_MAX_TITLE_LENGTH = 120
_VERSION = 1


EventName = Literal["scheduled", "live", "ended", "canceled", "transcript_ready", "recording_ready"]
"""The values of :class:`SessionEvent`, for type annotations."""


class SessionEvent(StrEnum):
    """The events of a session, in the order in which they occur."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    TRANSCRIPT_READY = "transcript_ready"
    RECORDING_READY = "recording_ready"


_BITS = {event: 1 << place for place, event in enumerate(SessionEvent)}


@dataclass(frozen=True, slots=True)
class KnownSession:
    """What is stored about one session.

    :param settled: events that will not be emitted any more: emitted, in the past, or impossible.
    :param is_open: whether the session was neither over nor canceled when it was last polled.
    :param instant: in seconds since 1970: the planned start of an open session (when it was first polled, if it has
        none), the end of any other.
    :param title: the title of an open session, for the event that it was deleted.
    """

    settled: frozenset[SessionEvent]
    is_open: bool
    instant: float
    title: str = ""

    def to_json(self) -> list[Any]:
        """Return the stored form: the events as one number of bits, the instant, and the title of an open session."""
        bits = sum(_BITS[event] for event in self.settled)
        return [bits, int(self.instant), self.title[:_MAX_TITLE_LENGTH]] if self.is_open else [bits, int(self.instant)]

    @classmethod
    def from_json(cls, stored: list[Any]) -> KnownSession:
        """Parse the result of :meth:`to_json`."""
        bits, instant, *title = stored
        settled = frozenset(event for event, bit in _BITS.items() if bits & bit)
        return cls(settled, is_open=bool(title), instant=float(instant), title=title[0] if title else "")


@dataclass(frozen=True, slots=True)
class EmittedEvents:
    """The events emitted for all sessions of a watcher.

    :param since: seconds since 1970: earlier events of sessions that were never polled before are not emitted.
    :param is_fresh: whether no poll has succeeded yet. Events of unknown time are then regarded as old.
    :param sessions: what is known, by session id.
    """

    since: float
    is_fresh: bool = True
    sessions: Mapping[str, KnownSession] = field(default_factory=dict)

    def to_pages(self) -> dict[str, Any]:
        """Return the stored form, the head last."""
        pages: dict[str, Any] = {page: {} for page in PAGES}
        for session_id, known in self.sessions.items():
            pages[_page_of(session_id)][session_id] = known.to_json()
        return pages | {HEAD: {"version": _VERSION, "since": self.since}}

    @classmethod
    def from_pages(cls, pages: Mapping[str, Any]) -> EmittedEvents | None:
        """Parse the result of :meth:`to_pages`; None if there is no head, or one of a later version.

        :param pages: the pages that were found; others may never have been written.
        """
        head = pages.get(HEAD)
        if not isinstance(head, Mapping) or head.get("version") != _VERSION:
            return None
        stored = [item for page in PAGES for item in (pages.get(page) or {}).items()]
        sessions = {session_id: KnownSession.from_json(entry) for session_id, entry in stored}
        return cls(since=float(head["since"]), is_fresh=False, sessions=sessions)


def _page_of(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()[0]
