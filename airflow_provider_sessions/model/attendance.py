"""Participants and their attendance.

A platform reports either intervals of presence, or one row per person that sums up several joins. Both are kept: an
interval of several joins has their number in ``joins``, and the platform's total.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from airflow_provider_sessions.model.values import UtcDatetime, Value


def _strip_email(email: str | None) -> str | None:
    return (email or "").strip() or None


Email = Annotated[str | None, AfterValidator(_strip_email)]
"""An e-mail address without surrounding spaces; None if it is empty."""


def email_key(email: str | None) -> str | None:
    """Return the key of a person with this e-mail address; None if it is empty.

    It depends neither on upper and lower case nor on surrounding spaces.
    """
    address = _strip_email(email)
    return f"email:{address.casefold()}" if address else None


class Presence(StrEnum):
    """Why somebody is a participant."""

    INVITED = "invited"
    REGISTERED = "registered"
    PRESENT = "present"
    ASSIGNED = "assigned"
    """Given a role in the session by its host (co-host, moderator), whether present or not."""


class Attribution(StrEnum):
    """How certain it is that the intervals of one summary belong to one person."""

    EXACT = "exact"
    """The platform reports an account, or the e-mail address is the same."""
    PROBABLE = "probable"
    """The same device or guest identity."""
    NAME_ONLY = "name_only"
    """Only a display name is known: never merged with another row of that name."""


class Participant(Value):
    """A person invited, registered, present or given a role.

    ``participant_key`` is stable for a person within an account if the platform allows it (``account:...``,
    ``email:...``), else only within a session.
    """

    participant_key: str
    name: str | None = None
    email: Email = None
    role: str | None = None
    is_guest: bool | None = None
    presence: Presence
    source_id: str | None = None


class AttendanceInterval(Value):
    """One interval of presence, or the span of several if the platform reports only totals.

    ``joins`` is how often the person joined within it (1 for a single interval); ``reported_seconds`` is the presence
    that the platform reports for it. ``left_at_inferred`` is true if the platform reported no time of leaving.
    """

    participant_key: str
    attribution: Attribution
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
    joined_at: UtcDatetime | None = None
    left_at: UtcDatetime | None = None
    left_at_inferred: bool = False
    joins: int = 1
    reported_seconds: float | None = None
    device: str | None = None
    source_id: str | None = None


class AttendanceSummary(Value):
    """One person's attendance of one session.

    ``present_seconds`` is the union of the intervals, at most the length of the session; ``connected_seconds`` is their
    sum. ``from_totals`` is true if the platform reported totals instead of intervals.
    """

    participant_key: str
    attribution: Attribution
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
    first_join: UtcDatetime | None = None
    last_leave: UtcDatetime | None = None
    present_seconds: float | None = None
    connected_seconds: float | None = None
    rejoins: int = 0
    from_totals: bool = False
