"""E-mails that Prevail sends by itself: to people invited, and to them again when a session is canceled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_sessions.sandbox.prevail import request_bodies
from airflow_provider_sessions.sandbox.prevail.state import Deposition, Email, Invite, Organization

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def invites_of(
    asked: Sequence[str | request_bodies.Invitee], deponent: request_bodies.Deponent | None, organization: Organization
) -> list[Invite]:
    """The people invited, none left out for being listed twice; the deponent comes last.

    Only members can be hosts; others become participants, and nobody is told.
    """
    people = [
        item if isinstance(item, request_bodies.Invitee) else request_bodies.Invitee(email=item) for item in asked
    ]
    invites = [
        Invite(person.email, person.access_level == "host" and organization.is_member(person.email))
        for person in people
    ]
    return [*invites, Invite(deponent.email)] if deponent and deponent.email else invites


def invite(prevail: Prevail, held: Deposition, at: datetime) -> None:
    """E-mail everybody invited who has not been e-mailed yet. Hosts get none, unless they are listed twice."""
    new = {entry.email: None for entry in held.invites if not entry.host and entry.email not in held.mailed}
    held.mailed |= new
    for address in new:
        _send(prevail, held, address, "invitation", at)


def tell_canceled(prevail: Prevail, held: Deposition, at: datetime) -> None:
    """E-mail everybody who was invited by e-mail."""
    for address in held.mailed:
        _send(prevail, held, address, "cancellation", at)


def _send(prevail: Prevail, held: Deposition, address: str, kind: str, at: datetime) -> None:
    join_url = prevail.session_url(held, prevail.shared.origin) or ""
    if kind == "invitation":
        email = Email(at, address, "invitation", prevail.public_id(held), f"Invitation: {held.title}", join_url)
    else:
        email = Email(at, address, "cancellation", prevail.public_id(held), f"Canceled: {held.title}", join_url)
    prevail.outbox.append(email)
