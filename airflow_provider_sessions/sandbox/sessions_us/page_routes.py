"""The web pages of sessions, rooms and booking pages."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.platform import PAGES, SessionsUs, routes
from airflow_provider_sessions.sandbox.web_pages import make_page

VENDOR = "sessions.us"
_STATE_TEXTS = {
    State.SCHEDULED: "This session has not started yet.",
    State.LIVE: "This session is live.",
    State.ENDED: "This session has ended.",
}


@routes("GET", f"{PAGES}/session/{{id}}", access="page")
def session_page(platform: SessionsUs, request: ApiRequest) -> HTMLResponse:
    """Show the page of a session."""
    session = platform.find(request.path_params["id"])
    if session is None:
        return _not_found()
    lifecycle = session.lifecycle
    times = f"{rfc3339(lifecycle.scheduled_start)} to {rfc3339(session.planned_end)} ({session.time_zone})"
    people = platform.participants(session, request.now)
    names = [f"{person.first_name or ''} {person.last_name or ''}".strip() for person in people]
    present = f"Participants: {', '.join(filter(None, names))}"
    return make_page(VENDOR, session.title, _STATE_TEXTS[lifecycle.state], times, present)


@routes("GET", f"{PAGES}/room/{{slug}}", access="page")
def room_page(platform: SessionsUs, request: ApiRequest) -> HTMLResponse:
    """Show the page of a room."""
    for room in platform.rooms.values():
        if room.slug == request.path_params["slug"] and not room.deleted:
            return make_page(VENDOR, room.name, room.description)
    return _not_found()


@routes("GET", f"{PAGES}/book/{{owner}}/{{slug}}", access="page")
def booking_page_page(platform: SessionsUs, request: ApiRequest) -> HTMLResponse:
    """Show a booking page."""
    for page in platform.booking_pages.values():
        address = platform.owner_slug(page.owner), page.slug
        if address == (request.path_params["owner"], request.path_params["slug"]) and not page.deleted:
            return make_page(VENDOR, page.name, page.description, f"{page.duration} minutes")
    return _not_found()


def _not_found() -> HTMLResponse:
    return make_page(VENDOR, "Not found", "There is no such page.", status=404)
