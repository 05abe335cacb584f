"""The marker in a description, by which a later try of a create knows the session that an earlier one created.

No platform takes an idempotency key with a create. So the create's key is written into a text that the platform keeps:
into the slug on Prevail, elsewhere as ``[airflow 4f1c9a02b7-e83d51-3f0c2b17e9a1]`` at the end of the description, where
people may see it. The first part stands for the task instance, the second for its arguments, the third for the
request that created the session.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from airflow_provider_sessions.errors import NotFoundError
from airflow_provider_sessions.model import Session, SessionDraft

Item = TypeVar("Item")

_MARKER = re.compile(r"\[airflow ([0-9a-z-]+)-([0-9a-z]+)\]")


@dataclass(frozen=True, slots=True)
class DescriptionMarker:
    """What a create wrote into a session.

    :param key: identifies the create: see :class:`~airflow_provider_sessions.model.SessionDraft`.
    :param attempt: the id of the request that created the session, if the platform keeps it.
    :param turn: the session's number among those of this create: a canceled one may have been created again.
    """

    key: str
    attempt: str | None = None
    turn: int = 1

    def is_of_same_task(self, draft: SessionDraft) -> bool:
        """Whether the same task instance created the session, with the same arguments or others."""
        return draft.key is not None and self.key.rpartition("-")[0] == draft.key.rpartition("-")[0]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A session that an earlier try may have created for a draft.

    :param session: the session.
    :param marker: its marker, if it has one.
    :param is_similar: whether it has the draft's title and times.
    :param can_have_marker: whether its marker could be read, if it was created for the draft.
    """

    session: Session
    marker: DescriptionMarker | None
    is_similar: bool
    can_have_marker: bool

    def was_created_for(self, draft: SessionDraft) -> bool:
        """Whether it was created for this draft: by its marker, or by title and times if it can have none."""
        if self.marker is not None:
            return self.has_marker_of(draft)
        return self.is_similar and not self.can_have_marker

    def has_marker_of(self, draft: SessionDraft) -> bool:
        """Whether its marker proves that it was created for this draft."""
        return self.marker is not None and self.marker.key == draft.key


def has_marker(draft: SessionDraft) -> bool:
    """Whether a draft's description gets a marker."""
    return draft.mark and draft.key is not None


def format_description(draft: SessionDraft) -> str | None:
    """Return the description to send: the draft's, with the marker at its end."""
    if not has_marker(draft):
        return draft.description
    marker = f"[airflow {draft.key}-{draft.attempt}]"
    return f"{draft.description}\n\n{marker}" if draft.description else marker


def strip_marker(description: str | None) -> str | None:
    """Return the description without markers; None if nothing else is in it."""
    given = description or ""
    kept, at = "", 0
    for found in _MARKER.finditer(given):
        kept, at = kept + given[at : found.start()].rstrip(), found.end()
    return kept + given[at:] or None


def parse_marker(description: str | None) -> DescriptionMarker | None:
    """Return the marker in a description."""
    found = _MARKER.search(description or "")
    return DescriptionMarker(found[1], found[2]) if found else None


def keep_marker(old: str | None, description: str) -> str:
    """Return a new description with the marker of the old one, so that a repeated create still finds the session."""
    found = _MARKER.search(old or "")
    return f"{description}\n\n{found[0].strip()}".strip() if found else description


async def find_candidates(
    items: AsyncIterable[Item],
    draft: SessionDraft,
    *,
    is_similar: Callable[[Item], bool],
    get_description: Callable[[Item], str | None],
    get_item: Callable[[Item], Awaitable[Item]],
    to_session: Callable[[Item], Session],
) -> list[Candidate]:
    """Return the sessions of a list that have a marker of the draft's task, or the draft's title and times.

    :param items: the list.
    :param draft: the session to create.
    :param is_similar: whether an item has the draft's title and times.
    :param get_description: returns an item's description, with the marker; None if the list does not show it.
    :param get_item: requests one item by itself: a list may leave out the description.
    :param to_session: maps an item.
    """
    candidates: list[Candidate] = []
    async for listed in items:
        item, similar = listed, is_similar(listed)
        if similar and get_description(item) is None and has_marker(draft):
            try:
                item = await get_item(item)
            except NotFoundError:  # another attempt has just canceled it
                continue
        description = get_description(item)
        marker = parse_marker(description)
        if similar or (marker and marker.is_of_same_task(draft)):
            can_have_marker = has_marker(draft) and description is not None
            candidates.append(Candidate(to_session(item), marker, similar, can_have_marker))
    return candidates


def has_title_and_start(draft: SessionDraft, title: str | None, start: datetime | None, *, is_open: bool) -> bool:
    """Whether a session has a draft's title and planned start.

    Without a planned start the title alone would also match last week's session of that name.

    :param is_open: whether the session is scheduled or live; if neither has a planned start, only such a one matches.
    """
    if title != draft.title:
        return False
    if draft.start is None or start is None:
        return draft.start is start and is_open
    return start.replace(microsecond=0) == draft.start.replace(microsecond=0)
