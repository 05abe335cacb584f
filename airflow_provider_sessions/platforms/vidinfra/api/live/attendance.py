"""Who is, and was, in a session."""

from __future__ import annotations

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, Seconds, VidInfraModel, api


class AttendanceResponse(VidInfraModel, LenientModel):
    """One person's presence: ``watch_duration`` is in seconds, over ``join_count`` joins."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    email: str | None = None
    is_guest: bool | None = None
    joined_at: Instant = None
    left_at: Instant = None
    last_seen_at: Instant = None
    watch_duration: Seconds | None = None
    join_count: int | None = None


class AttendanceStatsResponse(VidInfraModel):
    """Presence in numbers; ``average_watch_duration`` is in seconds."""

    total_attendees: int | None = None
    currently_watching: int | None = None
    peak_viewers: int | None = None
    average_watch_duration: Seconds | None = None


class ActiveViewerResponse(VidInfraModel):
    """Somebody who is watching now."""

    id: str | None = None
    user_id: str | None = None
    username: str | None = None
    joined_at: Instant = None
    role: str | None = None


@api("GET", "/sessions/{session_id}/viewers", documented=False)
def list_active_viewers(session_id: str) -> Paged[ActiveViewerResponse]:
    """List who is watching a session now.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's (inferred).
    Source: VidInfra Live API, Get active viewers for a session; the response is documented, the path is inferred.
    """
    return paged(ActiveViewerResponse, NO_PAGES, unwrap=("data", "viewers"))


@api("GET", "/sessions/{session_id}/attendance", documented=False, scoped=True)
def list_attendance(session_id: str) -> Paged[AttendanceResponse]:
    """List who was in a session, one row a person.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get full attendance list; the response is documented, the path is inferred.
    """
    return paged(AttendanceResponse, NO_PAGES, unwrap=("data", "attendance"))


@api("GET", "/sessions/{session_id}/attendance/stats", documented=False, scoped=True)
def get_attendance_stats(session_id: str) -> Call[AttendanceStatsResponse]:
    """Get the attendance of a session in numbers.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    Source: VidInfra Live API, Get attendance statistics; the response is documented, the path is inferred.
    """
    return call(AttendanceStatsResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/attendance/export", documented=False, scoped=True)
def export_attendance(session_id: str) -> Call[str]:
    """Get the attendance of a session as the platform's own CSV file. Its columns are not documented.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is no host's (inferred).
    :raises MalformedResponseError: the response is a page or JSON.
    Source: VidInfra Live API, Export attendance data, and the vendor's changelog (CSV); the path is inferred.
    """
    return call(str)


@api("POST", "/sessions/{session_id}/leave", documented=False)
def leave_session(session_id: str) -> Call[Acknowledged]:
    """Leave a session as the account of the credential.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Leave a session; the path is inferred.
    """
    return call(Acknowledged)
