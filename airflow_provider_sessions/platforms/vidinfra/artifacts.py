"""Maps the artifacts of VidInfra's sessions to the model: attendance, participants and recordings."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable
from datetime import UTC, datetime

from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import (
    AttendanceInterval,
    Attribution,
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    email_key,
)
from airflow_provider_sessions.platforms.list_items import ReadWarnings
from airflow_provider_sessions.platforms.vidinfra.api.people import (
    AttendanceResponse,
    SessionParticipantResponse,
    UserResponse,
)
from airflow_provider_sessions.platforms.vidinfra.api.sessions import RecordingResponse
from airflow_provider_sessions.platforms.vidinfra.mapping import PLATFORM

_WARNINGS = ReadWarnings(PLATFORM)
_NEVER = datetime.max.replace(tzinfo=UTC)
_RECORDING_STATES = {
    "recording": RecordingStatus.IN_PROGRESS,
    "completed": RecordingStatus.READY,
    "failed": RecordingStatus.FAILED,
}


def map_recording(response: RecordingResponse, session_id: str, warnings: ReadWarnings = _WARNINGS) -> Recording:
    """Return a recording. Only a finished one has a size and a duration: until then the platform may say 0.

    :raises UnknownStateError: its status is an unknown word.
    :raises MalformedResponseError: it has no id.
    """
    if not response.id:
        raise MalformedResponseError(f"{PLATFORM} returned a recording that has no id")
    status = _RECORDING_STATES.get(response.status or "")
    if status is None:
        raise UnknownStateError(
            PLATFORM, response.status, tuple(_RECORDING_STATES), thing="recording status", of=response.id
        )
    warnings.log_fields(f"recording {response.id!r} of session {session_id!r}", response.unread)
    is_finished = status is RecordingStatus.READY
    return Recording(
        recording_id=response.id,
        session_id=response.session_id or session_id,
        name=response.name,
        status=status,
        media_type=mimetypes.guess_type(response.file_path)[0] if response.file_path else None,
        size_bytes=response.file_size or None if is_finished else None,
        duration_seconds=response.duration if is_finished else None,
        error=response.error_message or None,
        created_at=response.created_at,
        updated_at=response.updated_at,
    )


def attendance_sort_key(row: AttendanceResponse) -> tuple[datetime, str, str, str]:
    """Return the sort key of an attendance row: by time, in whatever order the platform lists them."""
    return (row.joined_at or _NEVER, row.id or "", row.username or "", row.email or "")


def map_attendance(response: AttendanceResponse, number: int) -> AttendanceInterval:
    """Return the interval of an attendance row: from the first join to the last leave of one person.

    :param number: the row's place in the list, for rows without an id.
    """
    key, attribution = _identify_person(response, number)
    return AttendanceInterval(
        participant_key=key,
        attribution=attribution,
        name=response.username or None,
        email=response.email,
        is_guest=response.is_guest,
        joined_at=response.joined_at,
        left_at=response.left_at or response.last_seen_at,
        left_at_inferred=response.left_at is None and response.last_seen_at is not None,
        joins=1 if response.join_count is None else max(0, response.join_count),
        reported_seconds=response.watch_duration,
        source_id=response.id,
    )


def _identify_person(response: AttendanceResponse, number: int) -> tuple[str, Attribution]:
    """Return a person's key. A guest's account identifies a device; a display name alone identifies nobody."""
    if response.user_id and not response.is_guest:
        return f"account:{response.user_id}", Attribution.EXACT
    if key := email_key(response.email):
        return key, Attribution.EXACT
    if response.user_id:
        return f"guest:{response.user_id}", Attribution.PROBABLE
    return f"row:{response.id or number}", Attribution.NAME_ONLY


def map_participants(
    session: Session, assigned: Iterable[SessionParticipantResponse], present: Iterable[AttendanceResponse]
) -> list[Participant]:
    """Return the host of a session, the people with a role and those who were present, each once."""
    people: dict[str, Participant] = {}
    if session.host_id:
        host = Participant(
            participant_key=f"account:{session.host_id}",
            name=session.host_name,
            role="host",
            presence=Presence.ASSIGNED,
            source_id=session.host_id,
        )
        people[host.participant_key] = host
    for number, response in enumerate(assigned):
        if response.removed_at is None:
            person = _map_assigned(response, number)
            people.setdefault(person.participant_key, person)
    for number, row in enumerate(present):
        visitor = _map_visitor(row, number)
        known = people.get(visitor.participant_key)
        people[visitor.participant_key] = _merge(known, visitor) if known else visitor
    return list(people.values())


def _map_assigned(response: SessionParticipantResponse, number: int) -> Participant:
    user = response.user or UserResponse()
    user_id = response.user_id or user.id
    return Participant(
        participant_key=f"account:{user_id}" if user_id else f"role:{response.id or number}",
        name=response.username or user.username,
        email=user.email,
        role=response.role,
        presence=Presence.ASSIGNED,
        source_id=user_id,
    )


def _map_visitor(row: AttendanceResponse, number: int) -> Participant:
    key, _ = _identify_person(row, number)
    return Participant(
        participant_key=key,
        name=row.username or None,
        email=row.email,
        is_guest=row.is_guest,
        presence=Presence.PRESENT,
        source_id=row.user_id,
    )


def _merge(known: Participant, visitor: Participant) -> Participant:
    """Return one person who has a role and was present, or who was present twice; the first name counts."""
    first, then = (visitor, known) if known.presence is Presence.ASSIGNED else (known, visitor)
    return first.model_copy(
        update={"role": known.role, "name": first.name or then.name, "email": first.email or then.email}
    )
