"""Sessions: scheduled, listed, edited and canceled by the organization itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail import (
    lookup,
    mail,
    rails,
    request_bodies,
    request_routes,
    response_bodies,
)
from airflow_provider_sessions.sandbox.prevail.pages import page
from airflow_provider_sessions.sandbox.prevail.rails import slug_of
from airflow_provider_sessions.sandbox.prevail.state import Deposition
from airflow_provider_sessions.sandbox.prevail.table import routes
from airflow_provider_sessions.sandbox.request_parsing import ApiError, FieldError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


@routes("POST", "/sessions", documented=True, access="self_service")
def create_session(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Schedule a Session at once."""
    draft = request_routes.draft_of(asked, requested=False)
    slug = slug_of(draft.remote_session_id or draft.title or "")
    if prevail.is_taken(slug):
        raise lookup.conflict(prevail, f"remote_session_id {slug} has already been taken")
    return request_routes.answered(prevail, request_routes.add(prevail, draft, asked), asked)


@routes("GET", "/sessions", documented=True, access="token")
def list_sessions(prevail: Prevail, asked: PlatformRequest) -> Any:
    """List scheduled Sessions: those that start after start_time and end before end_time."""
    after, before = _epoch(asked, "start_time"), _epoch(asked, "end_time")
    found = [held for held in prevail.listed(asked.caller) if _is_shown(prevail, held) and _fits(held, after, before)]
    chosen, pagy = page(prevail, asked, found)
    return {"pagy": pagy, "sessions": [response_bodies.session(prevail, held, asked.now) for held in chosen]}


def _is_shown(prevail: Prevail, held: Deposition) -> bool:
    state, settings = held.lifecycle.state, prevail.settings
    if state is State.CANCELED and not settings.list_canceled:
        return False
    return held.slug is not None and not (state is State.ENDED and settings.after_end == "gone")


def _fits(held: Deposition, after: int | None, before: int | None) -> bool:
    """Whether a session is planned to start and to end within the filter; where no length is planned, it has none."""
    start = held.lifecycle.scheduled_start or held.lifecycle.created_at
    end: datetime = start + timedelta(hours=held.estimated_duration or 0)
    return (after is None or start.timestamp() > after) and (before is None or end.timestamp() < before)


def _epoch(asked: PlatformRequest, name: str) -> int | None:
    text = asked.query.get(name)
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    fault = FieldError(name, "epoch", "must be a time in seconds since 1970")
    raise ApiError(422, "Invalid parameters", fields=(fault,))


@routes("PATCH", "/sessions/{remote_session_id}", documented=True, access="self_service")
def edit_session(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Edit a Session that has not begun; people can only be added."""
    held = lookup.session(prevail, asked)
    changes = asked.read(request_bodies.Edit).remote_session
    lookup.require_not_begun(prevail, held, "edited")
    if changes.start_date and changes.start_time and changes.time_zone:
        held.lifecycle.scheduled_start = rails.start_of(changes.start_date, changes.start_time, changes.time_zone)
        held.time_zone = changes.time_zone
    held.title = changes.title or held.title
    held.estimated_duration = changes.estimated_duration or held.estimated_duration
    held.invites += mail.invites_of(changes.invites, None, held.organization)
    mail.invite(prevail, held, asked.now)
    return {"sessions": [response_bodies.session(prevail, held, asked.now)]}


@routes("PATCH", "/sessions/{remote_session_id}/cancel", documented=True, access="self_service")
def cancel_session(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Cancel a Session that has not begun; participants are e-mailed unless cancel_without_email is true."""
    held = lookup.session(prevail, asked)
    silent = asked.query.get("cancel_without_email", "false")
    if silent not in ("true", "false"):
        fault = FieldError("cancel_without_email", "boolean", "must be true or false")
        raise ApiError(422, "Invalid parameters", fields=(fault,))
    lookup.require_not_begun(prevail, held, "canceled")
    held.lifecycle.canceled_at = asked.now
    if silent == "false":
        mail.tell_canceled(prevail, held, asked.now)
    return {"messages": "Session successfully canceled."}
