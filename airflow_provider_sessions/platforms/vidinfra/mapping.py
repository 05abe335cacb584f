"""Maps VidInfra's sessions to :mod:`airflow_provider_sessions.model`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.platforms.description_marker import strip_marker
from airflow_provider_sessions.platforms.list_items import ReadWarnings, mark_unreadable, rename_fields
from airflow_provider_sessions.platforms.vidinfra.api.people import UserResponse
from airflow_provider_sessions.platforms.vidinfra.api.sessions import SessionResponse

PLATFORM = "vidinfra"

_WARNINGS = ReadWarnings(PLATFORM)
_STATES = {
    "scheduled": SessionState.SCHEDULED,
    "live": SessionState.LIVE,
    "ended": SessionState.ENDED,
    "expired": SessionState.EXPIRED,
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
"""The platform's names of fields, and the model's."""


def map_session(
    response: SessionResponse | None, get_url: Callable[[str], str | None], warnings: ReadWarnings = _WARNINGS
) -> Session:
    """Return a session, without the fields that cannot be read.

    ``scheduled_end``, ``time_zone`` and ``join_url`` are always empty: VidInfra stores no planned duration and no time
    zone, and its sessions have no page (``hls_url`` is a stream).

    :param get_url: returns the URL of a session's page by its id, if the connection knows it.
    :param warnings: logs fields that cannot be read.
    :raises UnknownStateError: its status is an unknown word.
    :raises MalformedResponseError: it has no id.
    """
    if response is None or not response.id:
        raise MalformedResponseError(f"{PLATFORM} returned a session that has no id")
    state, problems = _STATES.get(response.status or ""), dict(response.unread)
    try:
        end = response.ended_at if state is None else _get_end(response, state)
    except MalformedResponseError as error:
        end, problems["duration"] = None, str(error)
    session = _make_session(response.id, response, state or SessionState.SCHEDULED, end, get_url)
    if problems:
        without_status = {name: why for name, why in problems.items() if name != "status"}
        warnings.log_fields(f"session {response.id!r}", without_status)
        session = mark_unreadable(session, rename_fields(problems, _FIELDS))
    if state is None:
        raise UnknownStateError(PLATFORM, response.status, tuple(_STATES), of=response.id).with_session(session)
    return session


def _make_session(
    session_id: str,
    response: SessionResponse,
    state: SessionState,
    end: datetime | None,
    get_url: Callable[[str], str | None],
) -> Session:
    room = response.room
    host = room.host if room and room.host else UserResponse()
    return Session(
        platform=PLATFORM,
        session_id=session_id,
        title=response.title or "",
        state=state,
        description=strip_marker(response.description),
        scheduled_start=response.scheduled_start_time,
        actual_start=response.started_at,
        actual_end=end,
        host_id=(room.host_id if room else None) or host.id,
        host_name=host.username,
        room_id=response.room_id or (room.id if room else None),
        recording_enabled=response.recording_enabled,
        url=get_url(session_id),
        created_at=response.created_at,
        updated_at=response.updated_at,
    )


def _get_end(response: SessionResponse, state: SessionState) -> datetime | None:
    """Return when a session ended. A session that has ended needs an end, or no window would contain it.

    If neither an end nor a duration is given, it ended when it was last changed, or before (inferred). A live session
    may have the end of an earlier time: it was started again.

    :raises MalformedResponseError: its duration is out of range.
    """
    if not state.is_final:
        return None
    if response.ended_at is not None or state is not SessionState.ENDED:
        return response.ended_at
    if response.started_at is None or response.duration is None:
        is_complete = response.unread.keys().isdisjoint(("started_at", "ended_at", "duration"))
        return response.updated_at if is_complete else None
    try:
        return response.started_at + timedelta(seconds=max(response.duration, 0))
    except OverflowError:
        raise MalformedResponseError(
            f"{PLATFORM} gave a duration of {response.duration} s, which is out of range"
        ) from None
