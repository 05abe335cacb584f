"""Participants: the people who have a role in a session, co-hosts and moderators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra import lookup, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.state import RoleName
from airflow_provider_sessions.sandbox.vidinfra.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


@routes("GET", "/sessions/{id}/participants", access="user")
def list_participants(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get session participants (co-hosts, moderators)."""
    session = lookup.session(vidinfra, asked)
    rows = [response_bodies.participant(vidinfra, session, role) for role in session.roles if role.removed_at is None]
    return {"participants": rows, "total": len(rows)}


@routes("POST", "/sessions/{id}/co_hosts", access="host", status=201)
def add_co_host(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Add a co-host to a session."""
    return _add(vidinfra, asked, "co_host")


@routes("POST", "/sessions/{id}/moderators", access="host", status=201)
def add_moderator(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Add a moderator to a session."""
    return _add(vidinfra, asked, "moderator")


@routes("DELETE", "/sessions/{id}/co_hosts/{user_id}", access="host")
def remove_co_host(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Remove a co-host from a session."""
    return _remove(vidinfra, asked, "co_host")


@routes("DELETE", "/sessions/{id}/moderators/{user_id}", access="host")
def remove_moderator(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Remove a moderator from a session."""
    return _remove(vidinfra, asked, "moderator")


def _add(vidinfra: VidInfra, asked: PlatformRequest, role: RoleName) -> Any:
    session = lookup.session(vidinfra, asked, own=True)
    user_id = str(asked.read(request_bodies.AddRole).user_id)
    if vidinfra.known_account(user_id) is None:
        raise lookup.not_found()
    assigned = vidinfra.assign(session, user_id, role, asked.now)
    return response_bodies.participant(vidinfra, session, assigned)


def _remove(vidinfra: VidInfra, asked: PlatformRequest, role: str) -> Any:
    session = lookup.session(vidinfra, asked, own=True)
    for held in session.roles:
        if held.user_id == asked.args["user_id"] and held.role == role and held.removed_at is None:
            held.removed_at = asked.now
            return {"message": "Participant removed"}
    raise lookup.not_found()
