"""Requests: sessions that Prevail's staff are asked to schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.lifecycle import Lifecycle
from airflow_provider_sessions.sandbox.prevail import rails, request_bodies, response_bodies
from airflow_provider_sessions.sandbox.prevail.pages import page
from airflow_provider_sessions.sandbox.prevail.state import Deposition, PrevailDraft
from airflow_provider_sessions.sandbox.prevail.table import routes
from airflow_provider_sessions.sandbox.request_parsing import PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def answered(prevail: Prevail, held: Deposition, asked: PlatformRequest) -> dict[str, Any]:
    """The documented answer to both kinds of creation: a list of one."""
    return {"requests": [response_bodies.request(prevail, held, asked.origin)]}


def draft_of(asked: PlatformRequest, *, requested: bool) -> PrevailDraft:
    """What the body of a creation asks for.

    :raises ApiError: 400, 422.
    """
    wanted = asked.read(request_bodies.Create).session_request
    planned = wanted.remote_session
    return PrevailDraft(
        company_id=asked.caller.company_id,
        title=planned.title,
        case=planned.case,
        scheduled_start=rails.start_of(planned.start_date, planned.start_time, planned.time_zone),
        time_zone=planned.time_zone,
        estimated_duration=planned.estimated_duration,
        invites=wanted.invites,
        deponent=wanted.deponent,
        session_details=wanted.session_details,
        remote_session_id=planned.remote_session_id,
        requested=requested,
    )


def add(prevail: Prevail, draft: PrevailDraft, asked: PlatformRequest) -> Deposition:
    """Keep what was asked for through the API."""
    return prevail.add(draft, Lifecycle(asked.now, draft.scheduled_start, prevail.new_session_script))


@routes("POST", "/session_requests", documented=True, access="token")
def create_session_request(prevail: Prevail, asked: PlatformRequest) -> Any:
    """Submit a Session request, which staff review."""
    return answered(prevail, add(prevail, draft_of(asked, requested=True), asked), asked)


@routes("GET", "/session_requests", documented=True, access="token")
def list_session_requests(prevail: Prevail, asked: PlatformRequest) -> Any:
    """List the Organization's Session requests."""
    found = prevail.listed(asked.caller)
    if prevail.settings.requests_listed == "requested":
        found = [held for held in found if held.requested]
    chosen, pagy = page(prevail, asked, found)
    return {"pagy": pagy, "requests": [response_bodies.request(prevail, held, asked.origin) for held in chosen]}
