"""Requests: sessions that Prevail's staff are asked to schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.asking import Asked
from airflow_provider_sessions.sandbox.life import Life
from airflow_provider_sessions.sandbox.prevail import bodies, shapes, zones
from airflow_provider_sessions.sandbox.prevail.pages import page
from airflow_provider_sessions.sandbox.prevail.state import Deposition, PrevailDraft
from airflow_provider_sessions.sandbox.prevail.table import routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def answered(prevail: Prevail, held: Deposition, asked: Asked) -> dict[str, Any]:
    """The documented answer to both kinds of creation: a list of one."""
    return {"requests": [shapes.request(prevail, held, asked.origin)]}


def draft_of(asked: Asked, *, requested: bool) -> PrevailDraft:
    """What the body of a creation asks for.

    :raises Refusal: 400, 422.
    """
    wanted = asked.read(bodies.Create).session_request
    planned = wanted.remote_session
    return PrevailDraft(
        company_id=asked.caller.company_id,
        title=planned.title,
        case=planned.case,
        scheduled_start=zones.start_of(planned.start_date, planned.start_time, planned.time_zone),
        time_zone=planned.time_zone,
        estimated_duration=planned.estimated_duration,
        invites=wanted.invites,
        deponent=wanted.deponent,
        session_details=wanted.session_details,
        remote_session_id=planned.remote_session_id,
        requested=requested,
    )


def add(prevail: Prevail, draft: PrevailDraft, asked: Asked) -> Deposition:
    """Keep what was asked for through the API."""
    return prevail.add(draft, Life(asked.now, draft.scheduled_start, prevail.script_for_new))


@routes("POST", "/session_requests", documented=True, access="token")
def create_session_request(prevail: Prevail, asked: Asked) -> Any:
    """Submit a Session request, which staff review."""
    return answered(prevail, add(prevail, draft_of(asked, requested=True), asked), asked)


@routes("GET", "/session_requests", documented=True, access="token")
def list_session_requests(prevail: Prevail, asked: Asked) -> Any:
    """List the Organization's Session requests."""
    found = prevail.listed(asked.caller)
    if prevail.settings.requests_listed == "requested":
        found = [held for held in found if held.requested]
    chosen, pagy = page(prevail, asked, found)
    return {"pagy": pagy, "requests": [shapes.request(prevail, held, asked.origin) for held in chosen]}
