"""Participants of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.sessions_us.nest import invalid, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import Meeting, Participant
from airflow_provider_sessions.sandbox.sessions_us.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs


def _found(session: Meeting, wanted: Any) -> Participant:
    for person in session.present_people():
        if person.id == str(wanted):
            return person
    raise not_found("Participant")


@routes("GET", "/sessions/{id}/participants", documented=True, access="user")
def list_participants(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Returns a specific session's participants; all of them."""
    session = lookup.session(platform, asked)
    return [response_bodies.participant(person) for person in platform.participants(session, asked.now)]


@routes("POST", "/sessions/{id}/participants", documented=True, access="user", status=201)
def add_participants(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Add participants to session; who is one already is not added again."""
    session, body = lookup.session(platform, asked), lookup.body(platform, asked, request_bodies.AddParticipants)
    platform.participants(session, asked.now)
    added = [platform.invite(session, asked.now, **lookup.given(person)) for person in body.participants]
    return [response_bodies.participant(person) for person in added]


@routes("PUT", "/sessions/{id}/participants", documented=True, access="user")
def update_participants(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Update participants from session."""
    session, body = lookup.session(platform, asked), lookup.body(platform, asked, request_bodies.UpdateParticipants)
    platform.participants(session, asked.now)
    changed = [(_found(session, change.id), change) for change in body.participants]
    for person, change in changed:
        for name, value in lookup.given(change).items():
            if name != "id":
                setattr(person, name, value)
    return [response_bodies.participant(person) for person, _ in changed]


@routes("DELETE", "/sessions/{id}/participants", documented=True, access="user")
def remove_participants(platform: SessionsUs, asked: PlatformRequest) -> Any:
    """Delete session participants; the owner stays."""
    session, body = lookup.session(platform, asked), lookup.body(platform, asked, request_bodies.RemoveParticipants)
    platform.participants(session, asked.now)
    leaving = [_found(session, wanted) for wanted in body.participants]
    if any(person.is_owner for person in leaving):
        raise invalid("participants", "must not contain the owner")
    for person in leaving:
        person.removed_at = asked.now
    return platform.deleted([response_bodies.participant(person) for person in leaving])
