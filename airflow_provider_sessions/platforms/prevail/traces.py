"""Which of Prevail's records an attempt at a draft may have left: the key of the create stands in the slug."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.description_marker import DescriptionMarker
from airflow_provider_sessions.platforms.prevail.models import RemoteSession, start_of
from airflow_provider_sessions.platforms.prevail.options import (
    PrevailOptions,
    chosen_slug,
    create_arguments,
    is_named_by_key,
    slug_of,
)

_KEYED = re.compile(r"-([0-9a-f]{10}-[0-9a-f]{6})(?:-(\d{1,9}))?$")


class Footprint(NamedTuple):
    """What a record tells: as in :class:`~airflow_provider_sessions.platforms.description_marker.Candidate`."""

    marker: DescriptionMarker | None
    is_similar: bool
    can_have_marker: bool


def footprints(draft: SessionDraft, options: PrevailOptions) -> Callable[[str | None, RemoteSession], Footprint | None]:
    """Tells of a record (its slug, and what is planned) what an attempt at a draft has to do with it, if anything.

    Without a mark a record may still be ours in three cases, in which title, case and start have to do: it has no slug
    yet; staff, who were asked to schedule it, may have chosen another slug; or a slug was not chosen by us at all. Then
    a slug that the user or the title gives counts as well.
    """
    create_arguments(draft, options)  # refuses what cannot be asked for
    start = draft.start and draft.start.replace(second=0, microsecond=0)
    keyed = is_named_by_key(draft, options)
    slug = slug_of(chosen_slug(draft.model_copy(update={"turn": 1}), options) or draft.title)
    by_staff = options.flow == "request"

    def mark_of(given: str) -> DescriptionMarker | None:
        if keyed and draft.key is not None and (given == slug or given.startswith(f"{slug}-")):
            turn = given[len(slug) + 1 :]
            return DescriptionMarker(draft.key, turn=int(turn) if turn.isdecimal() and len(turn) < 10 else 1)
        found = _KEYED.search(given)
        return DescriptionMarker(found[1], turn=int(found[2] or 1)) if found else None

    def footprint(given: str | None, planned: RemoteSession) -> Footprint | None:
        same_plan = (planned.title, planned.case) == (draft.title, options.case) and _start(planned) == start
        same_name = given == slug and not keyed
        mark = mark_of(given or "")
        if not (same_plan or same_name or (mark and mark.is_of_same_task(draft))):
            return None
        illegible = same_name or not given or by_staff or chosen_slug(draft, options) is None
        return Footprint(mark, is_similar=same_plan or same_name, can_have_marker=not illegible)

    return footprint


def _start(planned: RemoteSession) -> datetime | None:
    """When a record's session is planned, whichever zone its time is given in; None where that cannot be read."""
    try:
        return start_of(planned)
    except SessionsError:
        return None
