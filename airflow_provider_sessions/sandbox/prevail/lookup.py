"""Finding what a request's path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_sessions.sandbox.asking import Asked, Refusal
from airflow_provider_sessions.sandbox.life import State
from airflow_provider_sessions.sandbox.prevail.state import Deposition

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def session(prevail: Prevail, asked: Asked) -> Deposition:
    """The session of the path, of the organization that asks.

    :raises Refusal: 404. Requests that staff have not scheduled have no slug, so no path names them.
    """
    found = prevail.by_slug(asked.args["remote_session_id"])
    if found is None or found.organization is not asked.caller:
        raise Refusal(404, "Session not found")
    return found


def require_not_begun(prevail: Prevail, held: Deposition, action: str) -> None:
    """Refuse what can be done only before a session begins.

    :raises Refusal: 409, or what the settings say.
    """
    if held.life.state is not State.SCHEDULED:
        raise conflict(prevail, f"A Session that is {prevail.word(held)} cannot be {action}")


def conflict(prevail: Prevail, reason: str) -> Refusal:
    """What is said where something stands in the way."""
    return Refusal(prevail.settings.conflict_status, reason)
