"""Prevail's web pages for people, as far as links lead to them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail import rails
from airflow_provider_sessions.sandbox.prevail.state import ZOOM, Deposition
from airflow_provider_sessions.sandbox.prevail.table import routes
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


@routes("GET", "/prevail/sessions/{remote_session_id}", access="public")
def show_session(prevail: Prevail, asked: PlatformRequest) -> HTMLResponse:
    """The page of a Session, where people join it."""
    return _page(prevail, prevail.find_by_slug(asked.args["remote_session_id"]))


@routes("GET", "/prevail/sessions/{remote_session_id}/zoom_meeting", access="public")
def show_zoom_meeting(prevail: Prevail, asked: PlatformRequest) -> HTMLResponse:
    """The page from which people join a Session's Zoom meeting."""
    held = prevail.find_by_slug(asked.args["remote_session_id"])
    return _page(prevail, held if held and held.details.video_provider == ZOOM else None)


def _page(prevail: Prevail, held: Deposition | None) -> HTMLResponse:
    if held is None:
        return _html(404, "Session not found", "There is no such session.")
    if held.lifecycle.state is State.CANCELED:
        return _html(410, held.title, "This session was canceled.")
    start = held.lifecycle.scheduled_start or held.lifecycle.created_at
    when = " ".join(rails.written(start, held.time_zone).values())
    return _html(200, held.title, f"{when}. State: {prevail.word(held)}.")


def _html(status: int, title: str, text: str) -> HTMLResponse:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return HTMLResponse(f"{head}<h1>{escape(title)}</h1><p>{escape(text)}</p></html>", status)
