"""VidInfra's answers in the words of :mod:`airflow_provider_sessions.model`."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import (
    AttendanceInterval,
    Attribution,
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    SessionState,
    email_key,
)
from airflow_provider_sessions.platforms.description_marker import strip_marker
from airflow_provider_sessions.platforms.unread import ReadWarnings, fields_of, without
from airflow_provider_sessions.platforms.vidinfra.api.live.attendance import AttendanceResponse
from airflow_provider_sessions.platforms.vidinfra.api.live.auth import UserResponse
from airflow_provider_sessions.platforms.vidinfra.api.live.participants import SessionParticipantResponse
from airflow_provider_sessions.platforms.vidinfra.api.live.recordings import RecordingResponse
from airflow_provider_sessions.platforms.vidinfra.api.live.sessions import SessionResponse

PLATFORM = "vidinfra"
Page = Callable[[str], str | None]
"""Tells the address of a session's page by its id."""

_LOG = ReadWarnings(PLATFORM)
_NEVER = datetime.max.replace(tzinfo=UTC)

_STATES = {
    "scheduled": SessionState.SCHEDULED,
    "live": SessionState.LIVE,
    "ended": SessionState.ENDED,
    "expired": SessionState.EXPIRED,
}
_RECORDING_STATES = {
    "recording": RecordingStatus.IN_PROGRESS,
    "completed": RecordingStatus.READY,
    "failed": RecordingStatus.FAILED,
}


_FIELDS = {
    "title": "title",
    "description": "description",
    "scheduled_start_time": "scheduled_start",
    "started_at": "actual_start",
    "ended_at": "actual_end",
    "duration": "actual_end",
    "room_id": "room_id",
    "room.id": "room_id",
    "room.host_id": "host_id",
    "room.host": "host_name",
    "room": "host_name",
    "recording_enabled": "recording_enabled",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""Our names of the platform's fields."""


def session_from(answer: SessionResponse | None, page: Page, unread: ReadWarnings = _LOG) -> Session:
    """A session, without the fields that cannot be read.

    ``scheduled_end``, ``time_zone`` and ``join_url`` stay empty: VidInfra keeps no planned duration and no zone, and a
    session names no page of its own (its ``hls_url`` is a stream).

    :param page: tells the address of a session's page by its id, if the connection knows it.
    :param unread: warns of fields that cannot be read.
    :raises UnknownStateError: its status is a word this package does not know.
    :raises MalformedResponseError: it has no id.
    """
    if answer is None or not answer.id:
        raise MalformedResponseError(f"{PLATFORM} answered with a session that has no id")
    state, problems = _STATES.get(answer.status or ""), dict(answer.unread)
    try:
        end = answer.ended_at if state is None else _end(answer, state)
    except MalformedResponseError as endless:
        end, problems["duration"] = None, str(endless)
    session = _session(answer.id, answer, state or SessionState.SCHEDULED, end, page)
    if problems:
        unread.fields(f"session {answer.id!r}", {name: why for name, why in problems.items() if name != "status"})
        session = without(session, fields_of(problems, _FIELDS))
    if state is None:
        raise UnknownStateError(PLATFORM, answer.status, tuple(_STATES), of=answer.id).with_session(session)
    return session


def _session(
    session_id: str, answer: SessionResponse, state: SessionState, end: datetime | None, page: Page
) -> Session:
    room = answer.room
    host = room.host if room and room.host else UserResponse()
    return Session(
        platform=PLATFORM,
        session_id=session_id,
        title=answer.title or "",
        state=state,
        description=strip_marker(answer.description),
        scheduled_start=answer.scheduled_start_time,
        actual_start=answer.started_at,
        actual_end=end,
        host_id=(room.host_id if room else None) or host.id,
        host_name=host.username,
        room_id=answer.room_id or (room.id if room else None),
        recording_enabled=answer.recording_enabled,
        url=page(session_id),
        created_at=answer.created_at,
        updated_at=answer.updated_at,
    )


def _end(answer: SessionResponse, state: SessionState) -> datetime | None:
    """When a session ended. A session that ended must have an end, or no window of time would ever hold it.

    Where neither an end nor a duration is given, it ended when it was last changed, or before (inferred). The end that
    one bears which is live is that of an earlier time: it was started again.

    :raises MalformedResponseError: its duration leads out of the calendar.
    """
    if not state.is_final:
        return None
    if answer.ended_at is not None or state is not SessionState.ENDED:
        return answer.ended_at
    if answer.started_at is None or answer.duration is None:
        can_be_told = answer.unread.keys().isdisjoint(("started_at", "ended_at", "duration"))
        return answer.updated_at if can_be_told else None
    try:
        return answer.started_at + timedelta(seconds=max(answer.duration, 0))
    except OverflowError:
        raise MalformedResponseError(f"{PLATFORM} gave a duration of {answer.duration} s: that is no time") from None


def recording_from(answer: RecordingResponse, session_id: str, unread: ReadWarnings = _LOG) -> Recording:
    """A recording. Size and duration are told only of a finished file: until then the platform may say 0.

    :raises UnknownStateError: its status is a word this package does not know.
    :raises MalformedResponseError: it has no id.
    """
    if not answer.id:
        raise MalformedResponseError(f"{PLATFORM} answered with a recording that has no id")
    status = _RECORDING_STATES.get(answer.status or "")
    if status is None:
        raise UnknownStateError(
            PLATFORM, answer.status, tuple(_RECORDING_STATES), thing="recording status", of=answer.id
        )
    unread.fields(f"recording {answer.id!r} of session {session_id!r}", answer.unread)
    finished = status is RecordingStatus.READY
    return Recording(
        recording_id=answer.id,
        session_id=answer.session_id or session_id,
        name=answer.name,
        status=status,
        media_type=mimetypes.guess_type(answer.file_path)[0] if answer.file_path else None,
        size_bytes=answer.file_size or None if finished else None,
        duration_seconds=answer.duration if finished else None,
        error=answer.error_message or None,
        created_at=answer.created_at,
        updated_at=answer.updated_at,
    )


def order_of(row: AttendanceResponse) -> tuple[datetime, str, str, str]:
    """The order of rows of attendance: by time, whatever order the platform answers in."""
    return (row.joined_at or _NEVER, row.id or "", row.username or "", row.email or "")


def interval_from(answer: AttendanceResponse, number: int) -> AttendanceInterval:
    """A row of the attendance list: the envelope of all joins of one person.

    :param number: the row's place in the list, for rows without an id.
    """
    key, attribution = _identity(answer, number)
    return AttendanceInterval(
        participant_key=key,
        attribution=attribution,
        name=answer.username or None,
        email=answer.email,
        is_guest=answer.is_guest,
        joined_at=answer.joined_at,
        left_at=answer.left_at or answer.last_seen_at,
        left_at_inferred=answer.left_at is None and answer.last_seen_at is not None,
        joins=1 if answer.join_count is None else max(0, answer.join_count),
        reported_seconds=answer.watch_duration,
        source_id=answer.id,
    )


def _identity(answer: AttendanceResponse, number: int) -> tuple[str, Attribution]:
    """Who a row is about. A guest's account stands for a device; a display name alone stands for nobody else."""
    if answer.user_id and not answer.is_guest:
        return f"account:{answer.user_id}", Attribution.EXACT
    if key := email_key(answer.email):
        return key, Attribution.EXACT
    if answer.user_id:
        return f"guest:{answer.user_id}", Attribution.PROBABLE
    return f"row:{answer.id or number}", Attribution.NAME_ONLY


def participants_from(
    session: Session, assigned: Iterable[SessionParticipantResponse], present: Iterable[AttendanceResponse]
) -> list[Participant]:
    """Everybody known of a session, each once: its host, those with a role in it, those who came."""
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
    for number, answer in enumerate(assigned):
        if answer.removed_at is None:
            person = _assigned(answer, number)
            people.setdefault(person.participant_key, person)
    for number, row in enumerate(present):
        visitor = _visitor(row, number)
        known = people.get(visitor.participant_key)
        people[visitor.participant_key] = _both(known, visitor) if known else visitor
    return list(people.values())


def _assigned(answer: SessionParticipantResponse, number: int) -> Participant:
    user = answer.user or UserResponse()
    user_id = answer.user_id or user.id
    return Participant(
        participant_key=f"account:{user_id}" if user_id else f"role:{answer.id or number}",
        name=answer.username or user.username,
        email=user.email,
        role=answer.role,
        presence=Presence.ASSIGNED,
        source_id=user_id,
    )


def _visitor(row: AttendanceResponse, number: int) -> Participant:
    key, _ = _identity(row, number)
    return Participant(
        participant_key=key,
        name=row.username or None,
        email=row.email,
        is_guest=row.is_guest,
        presence=Presence.PRESENT,
        source_id=row.user_id,
    )


def _both(known: Participant, visitor: Participant) -> Participant:
    """One person who was given a role, and came; or who came twice, and is called as at first."""
    first, then = (visitor, known) if known.presence is Presence.ASSIGNED else (known, visitor)
    return first.model_copy(
        update={"role": known.role, "name": first.name or then.name, "email": first.email or then.email}
    )
