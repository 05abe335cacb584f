"""The web page of a session. VidInfra's API names none: a connection's field ``session_url`` does."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from airflow_provider_sessions.sandbox.request_parsing import ApiRequest
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.web_pages import make_page

VENDOR = "VidInfra Live"


@routes("GET", "/pages/sessions/{id}", access="public")
def show_session(vidinfra: VidInfra, request: ApiRequest) -> HTMLResponse:
    """Show the page of a session."""
    session = vidinfra.find(request.path_params["id"])
    if session is None:
        return make_page(VENDOR, "Not found", "There is no such page.", status=404)
    lifecycle = session.lifecycle
    return make_page(
        VENDOR,
        session.title,
        f"State: {lifecycle.state.value}",
        f"Planned start: {rfc3339(lifecycle.scheduled_start)}" if lifecycle.scheduled_start else "",
        f"Started: {rfc3339(lifecycle.started_at)}" if lifecycle.started_at else "",
        f"Ended: {rfc3339(lifecycle.ended_at)}" if lifecycle.ended_at else "",
        f"Room: {vidinfra.rooms[session.room_id].title}",
    )
