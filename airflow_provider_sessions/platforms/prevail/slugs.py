"""Slugs: Prevail's ids of sessions. The key of a create is a part of the slug, so a retry finds the session by it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.description_marker import DescriptionMarker
from airflow_provider_sessions.platforms.prevail.models import RemoteSession, parse_start
from airflow_provider_sessions.platforms.prevail.options import PrevailOptions

_MAX_TITLE = 48
"""Characters of a title that go into a slug."""
_KEYED = re.compile(r"-([0-9a-f]{10}-[0-9a-f]{6})(?:-(\d{1,9}))?$")
_MULTIPLE_LETTERS = dict(
    pair.split("=")
    for pair in (
        "Æ=AE Ð=D \u00d7=x Ø=O Þ=Th ß=ss æ=ae ð=d ø=o þ=th Đ=D đ=d Ħ=H ħ=h \u0131=i Ĳ=IJ ĳ=ij ĸ=k Ŀ=L ŀ=l Ł=L ł=l "
        "ŉ='n Ŋ=NG ŋ=ng Œ=OE œ=oe Ŧ=T ŧ=t"
    ).split()
)
"""Letters that are more than an ASCII letter with an accent."""


def _transliterations() -> Iterator[tuple[str, str]]:
    for letter in (*map(chr, range(0xC0, 0x180)), *"ǪǫǬǭ"):
        without_accents = unicodedata.normalize("NFD", letter).encode("ascii", "ignore").decode()
        if plain := _MULTIPLE_LETTERS.get(letter, without_accents):
            yield letter, plain


_TO_ASCII = str.maketrans({**dict(_transliterations()), "ẞ": "SS"})


def make_slug(text: str) -> str:
    """Return the slug that Prevail makes of a text: spaces become dashes, capitals small letters.

    Source: Prevail API, Schedule Sessions (documented). Inferred are: Latin letters become ASCII as in the i18n library
    of Ruby on Rails, and other characters become dashes.
    """
    plain = unicodedata.normalize("NFC", text).translate(_TO_ASCII).lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-")


def has_keyed_slug(draft: SessionDraft, options: PrevailOptions) -> bool:
    """Whether the slug is chosen here, with the create's key in it."""
    return options.remote_session_id is None and draft.key is not None


def choose_slug(draft: SessionDraft, options: PrevailOptions) -> str | None:
    """Return the slug to send; None leaves it to Prevail."""
    if not has_keyed_slug(draft, options):
        return options.remote_session_id or None
    title = make_slug(draft.title)[:_MAX_TITLE].strip("-") or "session"
    return f"{title}-{make_slug(draft.key or '')}{f'-{draft.turn}' if draft.turn > 1 else ''}"


class Match(NamedTuple):
    """How a record matches a draft; see :class:`~airflow_provider_sessions.platforms.description_marker.Candidate`."""

    marker: DescriptionMarker | None
    is_similar: bool
    can_have_marker: bool


def make_matcher(draft: SessionDraft, options: PrevailOptions) -> Callable[[str | None, RemoteSession], Match | None]:
    """Return a function that gets a record's slug and plan, and returns whether an attempt may have created it.

    A record without a marker may still come from this create, if title, case and start match, in three cases: it has no
    slug yet; Prevail's staff, who were asked to schedule it, may have chosen another slug; or the slug was not chosen
    here. In the last case a slug that the user gave, or that Prevail makes of the title, matches, too.
    """
    start = draft.start and draft.start.replace(second=0, microsecond=0)
    is_keyed = has_keyed_slug(draft, options)
    slug = make_slug(choose_slug(draft.model_copy(update={"turn": 1}), options) or draft.title)
    is_request = options.flow == "request"

    def parse_slug(given: str) -> DescriptionMarker | None:
        if is_keyed and draft.key is not None and (given == slug or given.startswith(f"{slug}-")):
            turn = given[len(slug) + 1 :]
            return DescriptionMarker(draft.key, turn=int(turn) if turn.isdecimal() and len(turn) < 10 else 1)
        found = _KEYED.search(given)
        return DescriptionMarker(found[1], turn=int(found[2] or 1)) if found else None

    def match(given: str | None, planned: RemoteSession) -> Match | None:
        same_plan = (planned.title, planned.case) == (draft.title, options.case) and _get_start(planned) == start
        same_name = given == slug and not is_keyed
        marker = parse_slug(given or "")
        if not (same_plan or same_name or (marker and marker.is_of_same_task(draft))):
            return None
        has_none = same_name or not given or is_request or choose_slug(draft, options) is None
        return Match(marker, is_similar=same_plan or same_name, can_have_marker=not has_none)

    return match


def _get_start(planned: RemoteSession) -> datetime | None:
    """Return the planned start; None if it cannot be read."""
    try:
        return parse_start(planned)
    except SessionsError:
        return None
