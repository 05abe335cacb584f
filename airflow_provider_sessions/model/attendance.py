"""People and their presence.

A platform gives either intervals of presence, or one row a person that sums several joins up. Both are kept as they
came: an interval that stands for several joins says so in ``joins``, and carries the platform's own total.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from airflow_provider_sessions.model.values import UtcDatetime, Value


def _address(email: str | None) -> str | None:
    return (email or "").strip() or None


Email = Annotated[str | None, AfterValidator(_address)]
"""An e-mail address, without the spaces that people and platforms leave around it; one of spaces alone is none."""


def email_key(email: str | None) -> str | None:
    """The key of somebody who is known by an e-mail address; None where there is none.

    However it is spelt: capital letters, and spaces around it, make nobody else of anybody.
    """
    address = _address(email)
    return f"email:{address.casefold()}" if address else None


class Presence(StrEnum):
    """How a participant came to be known."""

    INVITED = "invited"
    REGISTERED = "registered"
    PRESENT = "present"
    ASSIGNED = "assigned"
    """Given a role in the session by its host (co-host, moderator), whether or not they came."""


class Attribution(StrEnum):
    """How sure it is that the intervals of one summary belong to one person."""

    EXACT = "exact"
    """The platform names an account, or the e-mail address is the same."""
    PROBABLE = "probable"
    """The same device or guest identity."""
    NAME_ONLY = "name_only"
    """Only a display name is known: never merged with another row of that name."""


class Participant(Value):
    """A person invited, registered or present.

    ``participant_key`` is stable for a person within an account where the platform allows it (``account:...``,
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
    """One stretch of presence, or an envelope of several where the platform gives only totals.

    ``joins`` is how often the person joined within it (1 for a true interval); ``reported_seconds`` is the presence
    the platform itself reports for it. ``left_at_inferred`` is true where the platform gave no time of leaving.
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
    """One person in one session.

    ``present_seconds`` is the union of the intervals, never more than the session lasted; ``connected_seconds`` their
    sum. ``from_totals`` is true where the platform gave totals instead of intervals and those were kept.
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
