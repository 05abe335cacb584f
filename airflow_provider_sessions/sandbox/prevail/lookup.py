"""Finds what a request names: a page of a list, and the session of its path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail.platform import Prevail
from airflow_provider_sessions.sandbox.prevail.state import Deposition
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest


def page(prevail: Prevail, request: ApiRequest, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, int]]:
    """Return the requested page of a list and its ``pagy`` field, as the Ruby gem pagy does.

    :raises ApiError: 400, there is no such page. An empty list has one page.
    """
    size = prevail.settings.page_items
    pages = max(1, -(-len(items) // size))
    text = request.query.get("page", "1")
    if not text.isdecimal() or not 1 <= int(text) <= pages:
        raise ApiError(400, f"expected :page in 1..{pages}; got {text}")
    number = int(text)
    chosen = items[(number - 1) * size : number * size]
    return chosen, {"page": number, "items": size, "count": len(items), "pages": pages}


def session(prevail: Prevail, request: ApiRequest) -> Deposition:
    """Return the calling organization's session of the path.

    :raises ApiError: 404. Requests that staff have not scheduled have no slug, so no path names them.
    """
    found = prevail.find_by_slug(request.path_params["remote_session_id"])
    if found is None or found.organization is not request.caller:
        raise ApiError(404, "Session not found")
    return found


def require_not_started(prevail: Prevail, session: Deposition, action: str) -> None:
    """Reject an action that is only allowed before a session starts.

    :raises ApiError: 409, or the status in the settings.
    """
    if session.lifecycle.state is not State.SCHEDULED:
        raise conflict(prevail, f"A Session that is {prevail.state_name(session)} cannot be {action}")


def conflict(prevail: Prevail, reason: str) -> ApiError:
    """Return the error for a conflict with the current state."""
    return ApiError(prevail.settings.conflict_status, reason)
