"""Maps Sessions' sessions and participants to :mod:`airflow_provider_sessions.model`."""

from __future__ import annotations

from pydantic.alias_generators import to_snake

from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model import Participant, Presence, Session, SessionState, email_key
from airflow_provider_sessions.platforms.description_marker import strip_marker
from airflow_provider_sessions.platforms.list_items import ReadWarnings, mark_unreadable, rename_fields
from airflow_provider_sessions.platforms.sessions_us.models import ParticipantItem, Person, SessionItem

PLATFORM = "sessions_us"

_WARNINGS = ReadWarnings(PLATFORM)
_OPTIONAL_IN_LISTS = {"description", "room", "participants", "actual_start"}
"""Fields that an item of a list may leave out (inferred)."""
_FIELDS = {
    "name": "title",
    "description": "description",
    "start_at": "scheduled_start",
    "planned_end": "scheduled_end",
    "time_zone": "time_zone",
    "actual_start": "actual_start",
    "ended_at": "actual_end",
    "room": "room_id",
    "participants": "host_name",
    "session_link": "url",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""The platform's names of fields, and the model's."""


def map_session(item: SessionItem, url: str | None, warnings: ReadWarnings = _WARNINGS) -> Session:
    """Return a session, without the fields that cannot be read.

    :param url: the URL of the session's page, if the connection knows it.
    :param warnings: logs fields that cannot be read.
    :raises MalformedResponseError: it has no id: it is something else, which would pass for a scheduled session.
    """
    if not item.id:
        raise MalformedResponseError(f"{PLATFORM} returned a session that has no id")
    owner = next((map_participant(one) for one in item.participants or [] if one.is_owner), None)
    session = Session(
        platform=PLATFORM,
        session_id=item.id,
        title=item.name or item.id,
        state=get_state(item),
        description=strip_marker(item.description),
        scheduled_start=item.start_at,
        scheduled_end=item.planned_end,
        time_zone=item.time_zone,
        actual_start=item.actual_start,
        actual_end=item.ended_at,
        host_id=owner.participant_key if owner else None,
        host_name=owner.name if owner else None,
        room_id=item.room.id if item.room else None,
        url=item.session_link or url,
        join_url=item.session_link,
        created_at=item.created_at,
        updated_at=item.updated_at,
    )
    if not item.unread:
        return session
    warnings.log_fields(f"session {item.id!r}", item.unread)
    return mark_unreadable(session, rename_fields(_unread_fields(item), _FIELDS))


def get_state(item: SessionItem) -> SessionState:
    """Return a session's state: ended with ``endedAt``, live with only ``actualStart``, else scheduled (inferred).

    A time that cannot be read counts.
    """
    unread = _unread_fields(item)
    if item.ended_at is not None or "ended_at" in unread:
        return SessionState.ENDED
    is_live = item.actual_start is not None or "actual_start" in unread
    return SessionState.LIVE if is_live else SessionState.SCHEDULED


def lacks_state(item: SessionItem) -> bool:
    """Whether an item leaves out whether its session is live: an item of a list may have no ``actualStart``."""
    return get_state(item) is SessionState.SCHEDULED and "actual_start" not in item.model_fields_set


def is_partial(item: SessionItem) -> bool:
    """Whether an item of a list leaves out fields of its session."""
    return not item.model_fields_set >= _OPTIONAL_IN_LISTS


def _unread_fields(item: SessionItem) -> set[str]:
    """Return the fields that cannot be read, by their names in Python."""
    return {to_snake(name.partition(".")[0]) for name in item.unread}


def map_participant(item: ParticipantItem, number: int = 0) -> Participant:
    """Return a participant. The key is the account's id, else the e-mail address, else the participant's id.

    :param number: the participant's place in the list, for one without an id.
    """
    person = item.user or item.guest or Person()
    if item.user is not None and item.user.id:
        key = f"account:{item.user.id}"
    else:
        key = email_key(person.email) or f"participant:{item.id or number}"
    return Participant(
        participant_key=key,
        name=person.whole_name,
        email=person.email,
        role=item.role or ("host" if item.is_owner else None),
        is_guest=item.user is None,
        presence=Presence.REGISTERED,
        source_id=item.id,
    )
