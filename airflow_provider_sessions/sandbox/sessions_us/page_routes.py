"""The few web pages for people: where links of sessions, rooms and booking pages lead."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.table import PAGES, routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title} - Sessions (sandbox)</title></head>
<body><h1>{title}</h1>{lines}<p><small>A stand-in for sessions.us: nobody meets here.</small></p></body>
</html>
"""
_SAYS = {
    State.SCHEDULED: "This session has not started yet.",
    State.LIVE: "This session is live.",
    State.ENDED: "This session has ended.",
}


@routes("GET", f"{PAGES}/session/{{id}}", access="page")
def session_page(platform: SessionsUs, asked: PlatformRequest) -> HTMLResponse:
    """A session's page."""
    session = platform.find(asked.args["id"])
    if session is None:
        return _nothing()
    lifecycle = session.lifecycle
    times = f"{rfc3339(lifecycle.scheduled_start)} to {rfc3339(session.planned_end)} ({session.time_zone})"
    people = [f"{p.first_name or ''} {p.last_name or ''}".strip() for p in platform.participants(session, asked.now)]
    return _page(session.title, _SAYS[lifecycle.state], times, f"Participants: {', '.join(filter(None, people))}")


@routes("GET", f"{PAGES}/room/{{slug}}", access="page")
def room_page(platform: SessionsUs, asked: PlatformRequest) -> HTMLResponse:
    """A room's page."""
    for room in platform.rooms.values():
        if room.slug == asked.args["slug"] and not room.deleted:
            return _page(room.name, room.description)
    return _nothing()


@routes("GET", f"{PAGES}/book/{{owner}}/{{slug}}", access="page")
def booking_page_page(platform: SessionsUs, asked: PlatformRequest) -> HTMLResponse:
    """The page on which people book."""
    for page in platform.booking_pages.values():
        address = platform.owner_slug(page.owner), page.slug
        if address == (asked.args["owner"], asked.args["slug"]) and not page.deleted:
            return _page(page.name, page.description, f"{page.duration} minutes")
    return _nothing()


def _page(title: str, *lines: str) -> HTMLResponse:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return HTMLResponse(_PAGE.format(title=escape(title), lines=paragraphs))


def _nothing() -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title="Not found", lines="<p>This link leads nowhere.</p>"), 404)
