"""Attendance."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.attendees import Presence, peak, present
from airflow_provider_sessions.sandbox.identifiers import stable_id
from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra import lookup, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.state import Webinar
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

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
"""The vendor documents that there is a CSV file with names, joins, leaves and total time, but not its headers."""


def _watching(vidinfra: VidInfra, session: Webinar, presences: list[Presence], asked: PlatformRequest) -> int:
    """How many people count as watching; for a while after the end those who were there at the end do."""
    lifecycle = session.lifecycle
    if lifecycle.state is State.LIVE:
        return present(presences, asked.now)
    if lifecycle.ended_at and not lifecycle.is_ready("attendance", asked.now):
        return present(presences, lifecycle.ended_at)
    return 0


@routes("POST", "/sessions/{id}/leave", access="user")
def leave_session(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Leave a session."""
    for visit in lookup.session(vidinfra, asked).visits:
        if visit.person.id == asked.caller.account.id and visit.left_at is None:
            visit.left_at = asked.now
    return {"message": "Left session"}


@routes("GET", "/sessions/{id}/viewers", access="host")
def list_active_viewers(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get active viewers for a session."""
    session = lookup.session(vidinfra, asked, own=True)
    host = vidinfra.session_host(session)
    here = [
        presence
        for presence in vidinfra.presences(session, asked.now)
        if session.lifecycle.state is State.LIVE and presence.left_at is None and presence.last_seen_at >= asked.now
    ]
    viewers = {
        presence.person.id: {
            "id": stable_id(session.id, presence.person.id, "viewer"),
            "user_id": presence.person.id,
            "username": presence.person.name,
            "joined_at": rfc3339(presence.joined_at),
            "role": "host" if presence.person == host else "viewer",
        }
        for presence in here
    }
    return {"viewers": list(viewers.values()), "total": len(viewers)}


@routes("GET", "/sessions/{id}/attendance", access="host", scoped=True)
def list_attendance(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get full attendance list."""
    session = lookup.session(vidinfra, asked, own=True)
    presences = vidinfra.settled_presences(session, asked.now)
    rows = response_bodies.attendance(session, presences)
    watching = _watching(vidinfra, session, presences, asked)
    return {"attendance": rows, "total": len(rows), "currently_watching": watching}


@routes("GET", "/sessions/{id}/attendance/stats", access="host", scoped=True)
def get_attendance_stats(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get attendance statistics."""
    session = lookup.session(vidinfra, asked, own=True)
    presences = vidinfra.settled_presences(session, asked.now)
    rows = response_bodies.attendance(session, presences)
    return {
        "total_attendees": len(rows),
        "currently_watching": _watching(vidinfra, session, presences, asked),
        "peak_viewers": peak(presences),
        "average_watch_duration": sum(row["watch_duration"] for row in rows) // len(rows) if rows else 0,
    }


@routes("GET", "/sessions/{id}/attendance/export", access="host", scoped=True)
def export_attendance(vidinfra: VidInfra, asked: PlatformRequest) -> Response:
    """Export attendance data as CSV."""
    session = lookup.session(vidinfra, asked, own=True)
    rows = response_bodies.attendance(session, vidinfra.settled_presences(session, asked.now))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    writer.writerows([_cell(row[name]) for name in CSV_COLUMNS.values()] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="attendance-{session.id}.csv"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
