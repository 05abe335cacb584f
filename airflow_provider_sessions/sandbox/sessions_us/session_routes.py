"""Sessions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.nest import conflict, invalid, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import SessionsUsDraft
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


def check_times(start: datetime, end: datetime) -> None:
    """Refuse a session that ends before it starts.

    :raises ApiError: 400.
    """
    if end <= start:
        raise invalid("plannedEnd", "must be after startAt")


@routes("GET", "/sessions", documented=True, access="user")
def list_sessions(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns 20 sessions for the current user, paginated."""
    own = [session for session in platform.all() if session.owner == lookup.caller(asked)]
    own.sort(key=lambda session: session.lifecycle.created_at)
    return response_bodies.sessions(platform, lookup.page(platform, asked, own), asked)


@routes("POST", "/sessions", documented=True, access="user", status=201)
def create_session(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Create a session."""
    body = lookup.body(platform, asked, request_bodies.CreateSession)
    check_times(body.start_at, body.planned_end)
    draft = SessionsUsDraft(
        title=body.name,
        description=body.description,
        planned_end=body.planned_end,
        time_zone=body.time_zone,
        room_id=_room_id(platform, body.room_id),
    )
    session = platform.plan(draft, lookup.caller(asked), body.start_at, platform.settings.walk_ins)
    return response_bodies.session(platform, session, asked)


def _room_id(platform: SessionsUs, wanted: Any) -> str | None:
    if wanted is None:
        return None
    found = platform.rooms.get(str(wanted))
    if found is None or found.deleted:
        raise not_found("Room")
    return found.id


@routes("GET", "/sessions/{id}", documented=True, access="user")
def get_session(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns a specific session."""
    return response_bodies.session(platform, lookup.session(platform, asked), asked)


@routes("PUT", "/sessions/{id}", documented=True, access="user")
def update_session(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update a session; the times of one that has begun stay as they are."""
    session, body = lookup.session(platform, asked), lookup.body(platform, asked, request_bodies.UpdateSession)
    start = body.start_at or session.lifecycle.scheduled_start or session.lifecycle.created_at
    end = body.planned_end or session.planned_end
    if (body.start_at or body.planned_end) and session.lifecycle.started_at:
        raise conflict("The session has already started")
    check_times(start, end)
    session.lifecycle.scheduled_start, session.planned_end = start, end
    session.title = body.name or session.title
    session.time_zone = body.time_zone or session.time_zone
    session.description = session.description if body.description is None else body.description
    session.room_id = _room_id(platform, body.room_id) or session.room_id
    return response_bodies.session(platform, session, asked)


@routes("DELETE", "/sessions/{id}", documented=True, access="user")
def delete_session(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete a session, and with it its event or booking."""
    session = lookup.session(platform, asked)
    told = response_bodies.session(platform, session, asked)
    session.lifecycle.deleted_at = asked.now
    return platform.deleted(told)


@routes("GET", "/sessions/{id}/takeaways", documented=True, access="user")
def get_takeaways(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Get session takeaways."""
    session = lookup.session(platform, asked)
    found = platform.takeaways(session, asked.now) if session.lifecycle.is_ready("takeaways", asked.now) else None
    return found or _missing(platform, {"takeawaysText": None, "takeawaysRaw": None}, "Takeaways")


@routes("GET", "/sessions/{id}/transcripts", documented=True, access="user")
def get_transcripts(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Get session transcripts."""
    session = lookup.session(platform, asked)
    found = platform.transcript(session, asked.now) if session.lifecycle.is_ready("transcript", asked.now) else []
    return found or _missing(platform, [], "Transcripts")


def _missing(platform: SessionsUs, empty: Any, what: str) -> Any:
    """The answer where there is nothing (yet); nothing says how the real platform gives it."""
    if platform.settings.missing_materials == "404":
        raise not_found(what)
    return Response() if platform.settings.missing_materials == "nothing" else empty
