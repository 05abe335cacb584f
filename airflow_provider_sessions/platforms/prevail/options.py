"""``options`` of a session on Prevail, and the arguments of its create endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import Invitee, SessionDraft
from airflow_provider_sessions.platforms.prevail.zones import format_hours, format_time

ACCESS_LEVELS = ("host", "participant")


class DeponentOptions(BaseModel):
    """The person who is deposed; with an e-mail address they are invited, too."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    name: str = Field(min_length=1)
    email: str | None = None
    role: Literal["deponent", "witness"] | None = None


class PrevailOptions(BaseModel):
    """``options`` of a create. Source: Prevail API, Schedule Sessions and its parameters (documented).

    :param case: the case. Required.
    :param flow: ``self_service`` schedules the session; ``request`` asks Prevail's staff to do so, and the session is
        first in state ``requested``.
    :param remote_session_id: the session's slug. By default it is made of the title and the create's key; an empty text
        leaves it to Prevail, which uses the title.
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


def make_invites(participants: Sequence[Invitee]) -> list[str | dict[str, str]]:
    """Return the API's invites. One that is listed twice is kept: that is how a host gets an e-mail.

    :raises InputError: Prevail does not have a role as an access level.
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


def create_arguments(draft: SessionDraft, options: PrevailOptions, slug: str | None) -> dict[str, Any]:
    """Return the arguments of both create endpoints for a draft.

    :param slug: the slug to send; None leaves it to Prevail.
    :raises InputError: start or time_zone is missing, or a role is unknown.
    """
    if draft.start is None:
        raise InputError("start: prevail needs one")
    if draft.time_zone is None:
        raise InputError("time_zone: prevail plans sessions in a zone; give an IANA name such as 'America/New_York'")
    remote_session: dict[str, Any] = {"title": draft.title}
    remote_session |= {"remote_session_id": slug} if slug else {}
    remote_session |= {"case": options.case, **format_time(draft.start, draft.time_zone)}
    if draft.duration_seconds is not None:
        remote_session["estimated_duration"] = format_hours(draft.duration_seconds)
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
        "invites": make_invites(draft.participants),
        "deponent": options.deponent.model_dump(exclude_none=True) if options.deponent else None,
        "session_details": {name: value for name, value in details.items() if value is not None},
    }
