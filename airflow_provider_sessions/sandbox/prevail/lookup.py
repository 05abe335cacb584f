"""Finding what a request's path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sessions.sandbox.lifecycle import State
from airflow_provider_sessions.sandbox.prevail.state import Deposition
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def session(prevail: Prevail, asked: PlatformRequest) -> Deposition:
    """The session of the path, of the organization that asks.

    :raises ApiError: 404. Requests that staff have not scheduled have no slug, so no path names them.
    """
    found = prevail.find_by_slug(asked.args["remote_session_id"])
    if found is None or found.organization is not asked.caller:
        raise ApiError(404, "Session not found")
    return found


def require_not_begun(prevail: Prevail, held: Deposition, action: str) -> None:
    """Refuse what can be done only before a session begins.

    :raises ApiError: 409, or what the settings say.
    """
    if held.lifecycle.state is not State.SCHEDULED:
        raise conflict(prevail, f"A Session that is {prevail.word(held)} cannot be {action}")


def conflict(prevail: Prevail, reason: str) -> ApiError:
    """What is said where something stands in the way."""
    return ApiError(prevail.settings.conflict_status, reason)
