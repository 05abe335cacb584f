"""``options`` of a session on Prevail, and what becomes of a draft on the wire."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import Invitee, SessionDraft
from airflow_provider_sessions.platforms.prevail.zones import hours, write_time

ACCESS_LEVELS = ("host", "participant")
_STEM = 48
"""Characters of a title that go into a slug."""


class DeponentOptions(BaseModel):
    """The person deposed; with an e-mail address they are invited too."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    name: str = Field(min_length=1)
    email: str | None = None
    role: Literal["deponent", "witness"] | None = None


class PrevailOptions(BaseModel):
    """What only Prevail knows of a session. Source: Prevail API, Schedule Sessions and its parameters (documented).

    ``flow``: ``self_service`` schedules at once; ``request`` asks Prevail's staff, and the session starts in state
    ``requested``. ``remote_session_id``: the session's slug; chosen from the title and the create's key if not given,
    left to Prevail (which takes the title) if it is an empty text.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    case: str = Field(min_length=1)
    flow: Literal["self_service", "request"] = "self_service"
    remote_session_id: str | None = None
    deponent: DeponentOptions | None = None
    languages: str | None = None
    interpreter: str | None = None
    preferred_manager: str | None = None
    video_provider: str | None = None
    session_type: str = "remote_deposition"


def _approximations() -> Iterator[tuple[str, str]]:
    for letter in (*map(chr, range(0xC0, 0x180)), *"ǪǫǬǭ"):
        without_accents = unicodedata.normalize("NFD", letter).encode("ascii", "ignore").decode()
        if plain := _UNLIKE.get(letter, without_accents):
            yield letter, plain


_UNLIKE = dict(
    pair.split("=")
    for pair in (
        "Æ=AE Ð=D \u00d7=x Ø=O Þ=Th ß=ss æ=ae ð=d ø=o þ=th Đ=D đ=d Ħ=H ħ=h \u0131=i Ĳ=IJ ĳ=ij ĸ=k Ŀ=L ŀ=l Ł=L ł=l "
        "ŉ='n Ŋ=NG ŋ=ng Œ=OE œ=oe Ŧ=T ŧ=t"
    ).split()
)
"""Letters that are more than another one with an accent."""
_APPROXIMATIONS = str.maketrans({**dict(_approximations()), "ẞ": "SS"})


def slug_of(text: str) -> str:
    """How Prevail turns a text into a slug: spaces to dashes, capitals to small letters.

    Source: Prevail API, Schedule Sessions (documented). That letters of Latin alphabets become ASCII as in the i18n
    library of Ruby on Rails, and that other characters become dashes, is inferred.
    """
    plain = unicodedata.normalize("NFC", text).translate(_APPROXIMATIONS).lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-")


def is_named_by_key(draft: SessionDraft, options: PrevailOptions) -> bool:
    """Whether we choose the slug, and make the create's key a part of it."""
    return options.remote_session_id is None and draft.key is not None


def chosen_slug(draft: SessionDraft, options: PrevailOptions) -> str | None:
    """The slug that we ask for; None leaves it to Prevail."""
    if not is_named_by_key(draft, options):
        return options.remote_session_id or None
    stem = slug_of(draft.title)[:_STEM].strip("-") or "session"
    return f"{stem}-{slug_of(draft.key or '')}{f'-{draft.turn}' if draft.turn > 1 else ''}"


def invites_of(participants: Sequence[Invitee]) -> list[str | dict[str, str]]:
    """Invites as the API takes them. One listed twice is kept: that is how a host gets an e-mail.

    :raises InputError: an access level that Prevail does not know.
    """
    for person in participants:
        if person.role is not None and person.role not in ACCESS_LEVELS:
            raise unknown_choice_error(f"participants: role of {person.email}", [person.role], ACCESS_LEVELS)
    if all(person.role is None for person in participants):
        return [person.email for person in participants]
    return [
        {"email": person.email} | ({"access_level": person.role} if person.role is not None else {})
        for person in participants
    ]


def create_arguments(draft: SessionDraft, options: PrevailOptions) -> dict[str, Any]:
    """The arguments of both create endpoints for a draft.

    :raises InputError: start or time_zone is missing, or a role is unknown.
    """
    if draft.start is None:
        raise InputError("start: prevail needs one")
    if draft.time_zone is None:
        raise InputError("time_zone: prevail plans sessions in a zone; give an IANA name such as 'America/New_York'")
    slug = chosen_slug(draft, options)
    remote_session: dict[str, Any] = {"title": draft.title}
    remote_session |= {"remote_session_id": slug} if slug else {}
    remote_session |= {"case": options.case, **write_time(draft.start, draft.time_zone)}
    if draft.duration_seconds is not None:
        remote_session["estimated_duration"] = hours(draft.duration_seconds)
    details: Mapping[str, Any] = {
        "languages": options.languages,
        "interpreter": options.interpreter,
        "additional_details": draft.description,
        "preferred_manager": options.preferred_manager,
        "video_provider": options.video_provider,
        "session_type": options.session_type,
    }
    return {
        "remote_session": remote_session,
        "invites": invites_of(draft.participants),
        "deponent": options.deponent.model_dump(exclude_none=True) if options.deponent else None,
        "session_details": {name: value for name, value in details.items() if value is not None},
    }
