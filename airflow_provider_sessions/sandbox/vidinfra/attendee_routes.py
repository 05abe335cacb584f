"""Routes for attendees: who is watching, the attendance list, co-hosts and moderators."""

from __future__ import annotations

import csv
import io
from typing import Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.attendees import Presence, count_peak, count_present
from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import RoleName, Webinar, attendance_rows, not_found

CSV_COLUMNS = {
    "Name": "username",
    "Email": "email",
    "Guest": "is_guest",
    "Joined At": "joined_at",
    "Left At": "left_at",
    "Last Seen At": "last_seen_at",
    "Watch Duration (seconds)": "watch_duration",
    "Join Count": "join_count",
}
"""The vendor documents a CSV file with names, joins, leaves and total time, but not its headers."""


def _count_watching(vidinfra: VidInfra, session: Webinar, presences: list[Presence], request: ApiRequest) -> int:
    """Count the people who are watching; until attendance is ready, those who were present at the end count too."""
    lifecycle = session.lifecycle
    if lifecycle.state is State.LIVE:
        return count_present(presences, request.now)
    if lifecycle.ended_at and not lifecycle.is_ready("attendance", request.now):
        return count_present(presences, lifecycle.ended_at)
    return 0


@routes("POST", "/sessions/{id}/leave", access="user")
def leave_session(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Leave a session."""
    for visit in lookup.session(vidinfra, request).visits:
        if visit.person.id == request.caller.account.id and visit.left_at is None:
            visit.left_at = request.now
    return {"message": "Left session"}


@routes("GET", "/sessions/{id}/viewers", access="host")
def list_active_viewers(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get active viewers for a session."""
    session = lookup.session(vidinfra, request, own=True)
    host = vidinfra.session_host(session)
    connected = [
        presence
        for presence in vidinfra.presences(session, request.now)
        if session.lifecycle.state is State.LIVE and presence.left_at is None and presence.last_seen_at >= request.now
    ]
    viewers = {
        presence.person.id: {
            "id": stable_id(session.id, presence.person.id, "viewer"),
            "user_id": presence.person.id,
            "username": presence.person.name,
            "joined_at": rfc3339(presence.joined_at),
            "role": "host" if presence.person == host else "viewer",
        }
        for presence in connected
    }
    return {"viewers": list(viewers.values()), "total": len(viewers)}


@routes("GET", "/sessions/{id}/attendance", access="host", scoped=True)
def list_attendance(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get full attendance list."""
    session = lookup.session(vidinfra, request, own=True)
    presences = vidinfra.reported_presences(session, request.now)
    rows = attendance_rows(session, presences)
    watching = _count_watching(vidinfra, session, presences, request)
    return {"attendance": rows, "total": len(rows), "currently_watching": watching}


@routes("GET", "/sessions/{id}/attendance/stats", access="host", scoped=True)
def get_attendance_stats(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get attendance statistics."""
    session = lookup.session(vidinfra, request, own=True)
    presences = vidinfra.reported_presences(session, request.now)
    rows = attendance_rows(session, presences)
    return {
        "total_attendees": len(rows),
        "currently_watching": _count_watching(vidinfra, session, presences, request),
        "peak_viewers": count_peak(presences),
        "average_watch_duration": sum(row["watch_duration"] for row in rows) // len(rows) if rows else 0,
    }


@routes("GET", "/sessions/{id}/attendance/export", access="host", scoped=True)
def export_attendance(vidinfra: VidInfra, request: ApiRequest) -> Response:
    """Export attendance data as CSV."""
    session = lookup.session(vidinfra, request, own=True)
    rows = attendance_rows(session, vidinfra.reported_presences(session, request.now))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    writer.writerows([_format_cell(row[name]) for name in CSV_COLUMNS.values()] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="attendance-{session.id}.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@routes("GET", "/sessions/{id}/participants", access="user")
def list_participants(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get session participants (co-hosts, moderators)."""
    session = lookup.session(vidinfra, request)
    rows = [response_bodies.participant(vidinfra, session, role) for role in session.roles if role.removed_at is None]
    return {"participants": rows, "total": len(rows)}


@routes("POST", "/sessions/{id}/co_hosts", access="host", status=201)
def add_co_host(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Add a co-host to a session."""
    return _add_role(vidinfra, request, "co_host")


@routes("POST", "/sessions/{id}/moderators", access="host", status=201)
def add_moderator(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Add a moderator to a session."""
    return _add_role(vidinfra, request, "moderator")


@routes("DELETE", "/sessions/{id}/co_hosts/{user_id}", access="host")
def remove_co_host(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Remove a co-host from a session."""
    return _remove_role(vidinfra, request, "co_host")


@routes("DELETE", "/sessions/{id}/moderators/{user_id}", access="host")
def remove_moderator(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Remove a moderator from a session."""
    return _remove_role(vidinfra, request, "moderator")


def _add_role(vidinfra: VidInfra, request: ApiRequest, role: RoleName) -> Any:
    session = lookup.session(vidinfra, request, own=True)
    user_id = str(request.parse_body(request_bodies.AddRole).user_id)
    if vidinfra.find_account(user_id) is None:
        raise not_found()
    assigned = vidinfra.assign_role(session, user_id, role, request.now)
    return response_bodies.participant(vidinfra, session, assigned)


def _remove_role(vidinfra: VidInfra, request: ApiRequest, role: str) -> Any:
    session = lookup.session(vidinfra, request, own=True)
    for assigned in session.roles:
        if assigned.user_id == request.path_params["user_id"] and assigned.role == role and assigned.removed_at is None:
            assigned.removed_at = request.now
            return {"message": "Participant removed"}
    raise not_found()
