"""Routes for sessions, their artifacts and their participants."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs, routes
from airflow_provider_sessions.sandbox.sessions_us.state import Meeting, Participant, SessionsUsDraft


def check_times(start: datetime, end: datetime) -> None:
    """Reject a session that ends before it starts.

    :raises ApiError: 400.
    """
    if end <= start:
        raise lookup.invalid("plannedEnd", "must be after startAt")


@routes("GET", "/sessions", documented=True, access="user")
def list_sessions(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns 20 sessions for the current user, paginated."""
    own = platform.listed_sessions(lookup.caller(request).id)
    return response_bodies.sessions(platform, lookup.slice_page(request, own), request)


@routes("POST", "/sessions", documented=True, access="user", status=201)
def create_session(platform: SessionsUs, request: ApiRequest) -> Any:
    """Create a session."""
    body = lookup.body(platform, request, request_bodies.CreateSession)
    check_times(body.start_at, body.planned_end)
    draft = SessionsUsDraft(
        title=body.name,
        description=body.description,
        planned_end=body.planned_end,
        time_zone=body.time_zone,
        room_id=_room_id(platform, body.room_id),
    )
    session = platform.add_planned_session(draft, lookup.caller(request), body.start_at, platform.settings.walk_ins)
    return response_bodies.session(platform, session, request)


def _room_id(platform: SessionsUs, wanted: Any) -> str | None:
    if wanted is None:
        return None
    found = platform.rooms.get(str(wanted))
    if found is None or found.deleted:
        raise lookup.not_found("Room")
    return found.id


@routes("GET", "/sessions/{id}", documented=True, access="user")
def get_session(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns a specific session."""
    return response_bodies.session(platform, lookup.session(platform, request), request)


@routes("PUT", "/sessions/{id}", documented=True, access="user")
def update_session(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update a session; after its start the times cannot be changed."""
    session, body = lookup.session(platform, request), lookup.body(platform, request, request_bodies.UpdateSession)
    start = body.start_at or session.lifecycle.scheduled_start or session.lifecycle.created_at
    end = body.planned_end or session.planned_end
    if (body.start_at or body.planned_end) and session.lifecycle.started_at:
        raise lookup.conflict("The session has already started")
    check_times(start, end)
    session.lifecycle.scheduled_start, session.planned_end = start, end
    session.title = body.name or session.title
    session.time_zone = body.time_zone or session.time_zone
    session.description = session.description if body.description is None else body.description
    session.room_id = _room_id(platform, body.room_id) or session.room_id
    return response_bodies.session(platform, session, request)


@routes("DELETE", "/sessions/{id}", documented=True, access="user")
def delete_session(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete a session with its event or booking."""
    session = lookup.session(platform, request)
    content = response_bodies.session(platform, session, request)
    platform.delete_session(session, request.now)
    return platform.build_delete_response(content)


@routes("GET", "/sessions/{id}/takeaways", documented=True, access="user")
def get_takeaways(platform: SessionsUs, request: ApiRequest) -> Any:
    """Get session takeaways."""
    session = lookup.session(platform, request)
    found = platform.takeaways(session, request.now) if session.lifecycle.is_ready("takeaways", request.now) else None
    return found or _missing(platform, {"takeawaysText": None, "takeawaysRaw": None}, "Takeaways")


@routes("GET", "/sessions/{id}/transcripts", documented=True, access="user")
def get_transcripts(platform: SessionsUs, request: ApiRequest) -> Any:
    """Get session transcripts."""
    session = lookup.session(platform, request)
    found = platform.transcript(session, request.now) if session.lifecycle.is_ready("transcript", request.now) else []
    return found or _missing(platform, [], "Transcripts")


def _missing(platform: SessionsUs, empty: Any, what: str) -> Any:
    """Return the response for an artifact that does not exist (yet); the real platform's is unknown."""
    if platform.settings.missing_materials == "404":
        raise lookup.not_found(what)
    return Response() if platform.settings.missing_materials == "nothing" else empty


def _find_participant(session: Meeting, wanted: Any) -> Participant:
    for person in session.current_participants():
        if person.id == str(wanted):
            return person
    raise lookup.not_found("Participant")


@routes("GET", "/sessions/{id}/participants", documented=True, access="user")
def list_participants(platform: SessionsUs, request: ApiRequest) -> Any:
    """Returns a specific session's participants, not paginated."""
    session = lookup.session(platform, request)
    return [person.as_json() for person in platform.participants(session, request.now)]


@routes("POST", "/sessions/{id}/participants", documented=True, access="user", status=201)
def add_participants(platform: SessionsUs, request: ApiRequest) -> Any:
    """Add participants to session; existing ones are not added again."""
    session, body = lookup.session(platform, request), lookup.body(platform, request, request_bodies.AddParticipants)
    platform.participants(session, request.now)
    added = [platform.invite(session, request.now, **lookup.given_fields(person)) for person in body.participants]
    return [person.as_json() for person in added]


@routes("PUT", "/sessions/{id}/participants", documented=True, access="user")
def update_participants(platform: SessionsUs, request: ApiRequest) -> Any:
    """Update participants from session."""
    session, body = lookup.session(platform, request), lookup.body(platform, request, request_bodies.UpdateParticipants)
    platform.participants(session, request.now)
    changed = [(_find_participant(session, change.id), change) for change in body.participants]
    for person, change in changed:
        for name, value in lookup.given_fields(change).items():
            if name != "id":
                setattr(person, name, value)
    return [person.as_json() for person, _ in changed]


@routes("DELETE", "/sessions/{id}/participants", documented=True, access="user")
def remove_participants(platform: SessionsUs, request: ApiRequest) -> Any:
    """Delete session participants; the owner cannot be deleted."""
    session, body = lookup.session(platform, request), lookup.body(platform, request, request_bodies.RemoveParticipants)
    platform.participants(session, request.now)
    leaving = [_find_participant(session, wanted) for wanted in body.participants]
    if any(person.is_owner for person in leaving):
        raise lookup.invalid("participants", "must not contain the owner")
    for person in leaving:
        person.removed_at = request.now
    return platform.build_delete_response([person.as_json() for person in leaving])
