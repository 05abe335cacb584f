"""``options`` of a session on Sessions, and the request bodies of drafts and changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Invitee, SessionChanges, SessionDraft
from airflow_provider_sessions.platforms.description_marker import format_description


class SessionsUsOptions(BaseModel):
    """``options`` of a create or an update.

    :param extra: further fields of the request's body, with the vendor's names; its schema was never published.
    """

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    extra: Mapping[str, Any] = Field(default_factory=dict)


def format_time(moment: datetime) -> str:
    """Return a time in ISO 8601 in UTC with milliseconds, as the vendor writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def create_arguments(draft: SessionDraft, options: SessionsUsOptions) -> dict[str, Any]:
    """Return the arguments of ``create_session`` for a draft.

    :raises InputError: start or duration is missing.
    """
    if draft.start is None or draft.end is None:
        raise InputError("start and duration: sessions_us plans every session from a start to an end; give both")
    return {
        "name": draft.title,
        "start_at": format_time(draft.start),
        "planned_end": format_time(draft.end),
        "time_zone": draft.time_zone or "UTC",
        "description": format_description(draft),
        "extra": options.extra,
    }


def update_fields(changes: SessionChanges, options: SessionsUsOptions, end: datetime | None) -> dict[str, Any]:
    """Return the body of ``update_session`` for changes.

    :param end: the new planned end, if it moves.
    """
    fields: dict[str, Any] = {
        "name": changes.title,
        "startAt": format_time(changes.start) if changes.start else None,
        "plannedEnd": format_time(end) if end else None,
        "timeZone": changes.time_zone,
        "description": changes.description,
    }
    return {name: value for name, value in fields.items() if value is not None} | dict(options.extra)


def make_participant(invitee: Invitee) -> dict[str, str]:
    """Return a participant for ``add_participants`` (inferred)."""
    first, _, last = (invitee.name or "").strip().partition(" ")
    fields = {"email": invitee.email, "firstName": first, "lastName": last.strip(), "role": invitee.role or ""}
    return {name: value for name, value in fields.items() if value}
