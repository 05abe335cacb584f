"""Marks: how a later attempt at a create knows a session that an earlier one made.

No platform takes a key with a create. So the create's key is written where the platform keeps text: into the slug on
Prevail, elsewhere as ``[airflow 4f1c9a02b7-e83d51-3f0c2b17e9a1]`` at the end of the description, where people may see
it. The first part stands for the task instance, the second for what was asked for, the third for the attempt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_sessions.model import Session, SessionDraft

_MARK = re.compile(r"\[airflow ([0-9a-z-]+)-([0-9a-z]+)\]")


@dataclass(frozen=True, slots=True)
class DescriptionMarker:
    """What a create left in a session.

    :param key: stands for the logical create: see :class:`~airflow_provider_sessions.model.SessionDraft`.
    :param attempt: the attempt that made it, where the platform keeps it.
    :param turn: which session of this create it is, after those that were called off.
    """

    key: str
    attempt: str | None = None
    turn: int = 1

    def is_of_same_task(self, draft: SessionDraft) -> bool:
        """Whether the same task instance made it, whatever it asked for then."""
        return draft.key is not None and self.key.rpartition("-")[0] == draft.key.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that may be what an earlier attempt at a draft made.

    :param session: the session.
    :param marker: the marker it bears, if any.
    :param is_similar: whether it has the draft's title and times.
    :param can_have_marker: whether it would bear a mark that can be read, had this create made it.
    """

    session: Session
    marker: DescriptionMarker | None
    is_similar: bool
    can_have_marker: bool

    def was_created_for(self, draft: SessionDraft) -> bool:
        """Whether an attempt at this draft made it: by its mark, else where there can be none by title and times."""
        if self.marker is not None:
            return self.marker.key == draft.key
        return self.is_similar and not self.can_have_marker

    def has_marker_of(self, draft: SessionDraft) -> bool:
        """Whether its mark says that an attempt at this draft made it."""
        return self.marker is not None and self.marker.key == draft.key


def has_marker(draft: SessionDraft) -> bool:
    """Whether a draft leaves a mark in its description."""
    return draft.mark and draft.key is not None


def format_description(draft: SessionDraft) -> str | None:
    """The description that is sent."""
    if not has_marker(draft):
        return draft.description
    mark = f"[airflow {draft.key}-{draft.attempt}]"
    return f"{draft.description}\n\n{mark}" if draft.description else mark


def strip_marker(description: str | None) -> str | None:
    """The description that a user gave; None where there is none besides a mark."""
    given = description or ""
    kept, at = "", 0
    for mark in _MARK.finditer(given):
        kept, at = kept + given[at : mark.start()].rstrip(), mark.end()
    return kept + given[at:] or None


def parse_marker(description: str | None) -> DescriptionMarker | None:
    """The mark in a description."""
    found = _MARK.search(description or "")
    return DescriptionMarker(found[1], found[2]) if found else None


def keep_marker(old: str | None, description: str) -> str:
    """A new description that keeps the mark of the old one, so that a repeated create still knows the session."""
    found = _MARK.search(old or "")
    return f"{description}\n\n{found[0].strip()}".strip() if found else description
