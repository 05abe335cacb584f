"""Routes for sessions and requests, and the web page of a session.

An organization with Self-Service schedules, edits and cancels sessions itself; others submit requests, which Prevail's
staff schedule.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.responses import HTMLResponse

from airflow_provider_sessions.sandbox.lifecycle import Lifecycle, State
from airflow_provider_sessions.sandbox.prevail import lookup, rails, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.prevail.platform import Prevail, routes
from airflow_provider_sessions.sandbox.prevail.state import ZOOM, Deposition, PrevailDraft, build_invites
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, FieldError
from airflow_provider_sessions.sandbox.web_pages import make_page

VENDOR = "Prevail"


def _parse_draft(request: ApiRequest, *, requested: bool) -> PrevailDraft:
    """Parse the body that creates a session or request.

    :raises ApiError: 400, 422.
    """
    body = request.parse_body(request_bodies.Create).session_request
    planned = body.remote_session
    return PrevailDraft(
        company_id=request.caller.company_id,
        title=planned.title,
        case=planned.case,
        scheduled_start=rails.parse_start(planned.start_date, planned.start_time, planned.time_zone),
        time_zone=planned.time_zone,
        estimated_duration=planned.estimated_duration,
        invites=body.invites,
        deponent=body.deponent,
        session_details=body.session_details,
        remote_session_id=planned.remote_session_id,
        requested=requested,
    )


def _create(prevail: Prevail, draft: PrevailDraft, request: ApiRequest) -> dict[str, Any]:
    """Store a session and return the documented response to its creation: a list with one item."""
    lifecycle = Lifecycle(request.now, draft.scheduled_start, prevail.new_session_script)
    session = prevail.add_session(draft, lifecycle)
    return {"requests": [response_bodies.session_request(prevail, session, request.origin)]}


@routes("POST", "/session_requests", documented=True, access="token")
def create_session_request(prevail: Prevail, request: ApiRequest) -> Any:
    """Submit a Session request, which staff review."""
    return _create(prevail, _parse_draft(request, requested=True), request)


@routes("GET", "/session_requests", documented=True, access="token")
def list_session_requests(prevail: Prevail, request: ApiRequest) -> Any:
    """List the Organization's Session requests."""
    found = prevail.listed_sessions(request.caller.company_id)
    if prevail.settings.requests_listed == "requested":
        found = [session for session in found if session.requested]
    chosen, pagy = lookup.page(prevail, request, found)
    return {
        "pagy": pagy,
        "requests": [response_bodies.session_request(prevail, session, request.origin) for session in chosen],
    }


@routes("POST", "/sessions", documented=True, access="self_service")
def create_session(prevail: Prevail, request: ApiRequest) -> Any:
    """Schedule a Session at once."""
    draft = _parse_draft(request, requested=False)
    slug = rails.slug_of(draft.remote_session_id or draft.title or "")
    if prevail.is_taken(slug):
        raise lookup.conflict(prevail, f"remote_session_id {slug} has already been taken")
    return _create(prevail, draft, request)


@routes("GET", "/sessions", documented=True, access="token")
def list_sessions(prevail: Prevail, request: ApiRequest) -> Any:
    """List scheduled Sessions: those that start after start_time and end before end_time."""
    after, before = _parse_epoch(request, "start_time"), _parse_epoch(request, "end_time")
    found = [
        session
        for session in prevail.listed_sessions(request.caller.company_id)
        if _is_listed(prevail, session) and _is_between(session, after, before)
    ]
    chosen, pagy = lookup.page(prevail, request, found)
    return {"pagy": pagy, "sessions": [response_bodies.session(prevail, session, request.now) for session in chosen]}


def _is_listed(prevail: Prevail, session: Deposition) -> bool:
    state, settings = session.lifecycle.state, prevail.settings
    if state is State.CANCELED and not settings.list_canceled:
        return False
    return session.slug is not None and not (state is State.ENDED and settings.after_end == "gone")


def _is_between(session: Deposition, after: int | None, before: int | None) -> bool:
    """Return whether the planned start and end lie in the filter; without a planned duration the end is the start."""
    start = session.lifecycle.scheduled_start or session.lifecycle.created_at
    end: datetime = start + timedelta(hours=session.estimated_duration or 0)
    return (after is None or start.timestamp() > after) and (before is None or end.timestamp() < before)


def _parse_epoch(request: ApiRequest, name: str) -> int | None:
    text = request.query.get(name)
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    error = FieldError(name, "epoch", "must be a time in seconds since 1970")
    raise ApiError(422, "Invalid parameters", fields=(error,))


@routes("PATCH", "/sessions/{remote_session_id}", documented=True, access="self_service")
def edit_session(prevail: Prevail, request: ApiRequest) -> Any:
    """Edit a Session that has not started; people can only be added."""
    session = lookup.session(prevail, request)
    changes = request.parse_body(request_bodies.Edit).remote_session
    lookup.require_not_started(prevail, session, "edited")
    if changes.start_date and changes.start_time and changes.time_zone:
        start = rails.parse_start(changes.start_date, changes.start_time, changes.time_zone)
        session.lifecycle.scheduled_start, session.time_zone = start, changes.time_zone
    session.title = changes.title or session.title
    session.estimated_duration = changes.estimated_duration or session.estimated_duration
    session.invites += build_invites(changes.invites, None, session.organization)
    prevail.send_invitations(session, request.now)
    return {"sessions": [response_bodies.session(prevail, session, request.now)]}


@routes("PATCH", "/sessions/{remote_session_id}/cancel", documented=True, access="self_service")
def cancel_session(prevail: Prevail, request: ApiRequest) -> Any:
    """Cancel a Session that has not started; participants are e-mailed unless cancel_without_email is true."""
    session = lookup.session(prevail, request)
    without_email = request.query.get("cancel_without_email", "false")
    if without_email not in ("true", "false"):
        error = FieldError("cancel_without_email", "boolean", "must be true or false")
        raise ApiError(422, "Invalid parameters", fields=(error,))
    lookup.require_not_started(prevail, session, "canceled")
    session.lifecycle.canceled_at = request.now
    if without_email == "false":
        prevail.send_cancellations(session, request.now)
    return {"messages": "Session successfully canceled."}


# --- web pages --------------------------------------------------------------------------------------------------------


@routes("GET", "/prevail/sessions/{remote_session_id}", access="public")
def show_session(prevail: Prevail, request: ApiRequest) -> HTMLResponse:
    """Show the page of a Session, where people join it."""
    return _page(prevail, prevail.find_by_slug(request.path_params["remote_session_id"]))


@routes("GET", "/prevail/sessions/{remote_session_id}/zoom_meeting", access="public")
def show_zoom_meeting(prevail: Prevail, request: ApiRequest) -> HTMLResponse:
    """Show the page from which people join a Session's Zoom meeting."""
    session = prevail.find_by_slug(request.path_params["remote_session_id"])
    return _page(prevail, session if session and session.details.video_provider == ZOOM else None)


def _page(prevail: Prevail, session: Deposition | None) -> HTMLResponse:
    if session is None:
        return make_page(VENDOR, "Session not found", "There is no such session.", status=404)
    if session.lifecycle.state is State.CANCELED:
        return make_page(VENDOR, session.title, "This session was canceled.", status=410)
    start = session.lifecycle.scheduled_start or session.lifecycle.created_at
    when = " ".join(rails.format_start(start, session.time_zone).values())
    return make_page(VENDOR, session.title, f"{when}. State: {prevail.state_name(session)}.")
