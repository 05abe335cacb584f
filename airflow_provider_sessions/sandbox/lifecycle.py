"""The lifecycle of a session on any platform: when it goes live, ends, expires, and when its artifacts are ready.

Nothing here runs in the background. A :class:`Script` says what is to happen and when, and every request first calls
:meth:`Lifecycle.apply_due_changes`. So a stopped clock, a running one and one that jumps a day give the same history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]

DAY = 86_400.0
DEFAULT_ARTIFACT_DELAY = 30.0
"""Seconds from the end of a session until its artifacts are ready, unless the script says otherwise."""


class State(StrEnum):
    """The state of a session, in this package's terms."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Script(BaseModel):
    """What happens to a session without any request.

    :param live_after: seconds until it goes live; None: only by a manual action or through the platform's API.
    :param counted_from: what ``live_after`` counts from. A session without a planned start counts from its creation,
        a requested one from its approval.
    :param duration: seconds it stays live; None: until it is ended.
    :param artifacts_after: seconds from the end until artifacts are ready, for all or by kind
        (``{"recording": 86400}``); None: never. A kind that is not named has the default of 30.
    :param expire_after: seconds after the planned start at which a session that was not started expires; None: never.
    :param revisions: by kind, seconds after the end at which the content changes.
    :param recording: the outcome of recordings; ``none``: nothing is recorded.
    :param approve_after: seconds from a request until the platform's staff schedule it, on platforms with such
        requests; None: only by a manual action.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    live_after: Seconds | None = None
    counted_from: Literal["creation", "scheduled_start"] = "creation"
    duration: Seconds | None = None
    artifacts_after: Seconds | dict[str, Seconds | None] | None = DEFAULT_ARTIFACT_DELAY
    expire_after: Seconds | None = DAY
    revisions: dict[str, list[Seconds]] = {}
    recording: Literal["completed", "failed", "none"] = "completed"
    approve_after: Seconds | None = None

    def artifact_delay(self, kind: str) -> float | None:
        """Return the seconds from the end until the artifact ``kind`` is ready; None: never."""
        if isinstance(self.artifacts_after, Mapping):
            return self.artifacts_after.get(kind, DEFAULT_ARTIFACT_DELAY)
        return self.artifacts_after


@dataclass
class Lifecycle:
    """What has happened to one session, and when."""

    created_at: datetime
    scheduled_start: datetime | None = None
    script: Script = field(default_factory=Script)
    script_set_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    deleted_at: datetime | None = None
    awaits_staff: bool = False
    approved_at: datetime | None = None
    revised_at: dict[str, list[datetime]] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The state as of the last :meth:`apply_due_changes`."""
        if self.canceled_at:
            return State.CANCELED
        if self.ended_at:
            return State.ENDED
        if self.started_at:
            return State.LIVE
        if self.expired_at:
            return State.EXPIRED
        return State.REQUESTED if self.awaits_staff else State.SCHEDULED

    @property
    def stopped_at(self) -> datetime | None:
        """When everybody had to leave: the session ended, or was canceled or deleted while live."""
        return self.ended_at or self.canceled_at or self.deleted_at

    @property
    def live_seconds(self) -> float | None:
        """How long the session was live; None unless it has ended."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else None

    @property
    def is_over(self) -> bool:
        """Whether the script has no further effect."""
        return bool(self.deleted_at or self.canceled_at or self.ended_at or self.expired_at)

    def apply_due_changes(self, now: datetime) -> None:
        """Apply the changes that the script has due by ``now``."""
        if self.is_over:
            return
        if self.awaits_staff:
            self._approve_if_due(now)
        if self.started_at is None and not self.awaits_staff:
            self._start_or_expire_if_due(now)
        if self.started_at and self.script.duration is not None:
            end = self.started_at + timedelta(seconds=self.script.duration)
            self.ended_at = end if end <= now else None

    def _approve_if_due(self, now: datetime) -> None:
        if self.script.approve_after is None:
            return
        due = self.created_at + timedelta(seconds=self.script.approve_after)
        due = max(due, self.script_set_at or self.created_at)
        if due <= now:
            self.awaits_staff, self.approved_at = False, due

    def _start_or_expire_if_due(self, now: datetime) -> None:
        start, expiry = self._start_due_at(), self._expiry_due_at()
        if start and start <= now and not (expiry and expiry < start):
            self.started_at = start
        elif expiry and expiry <= now:
            self.expired_at = expiry

    def _start_due_at(self) -> datetime | None:
        if self.script.live_after is None:
            return None
        planned = self.scheduled_start if self.script.counted_from == "scheduled_start" else None
        due = (planned or self.approved_at or self.created_at) + timedelta(seconds=self.script.live_after)
        # A script that is set late does not change the past: what it has overdue happens when it is set.
        return max(due, self.script_set_at or self.created_at)

    def _expiry_due_at(self) -> datetime | None:
        if self.script.expire_after is None or self.scheduled_start is None:
            return None
        return self.scheduled_start + timedelta(seconds=self.script.expire_after)

    def ready_at(self, kind: str) -> datetime | None:
        """Return when the artifact ``kind`` is ready; None while that is unknown, or if it never is."""
        delay = self.script.artifact_delay(kind)
        return self.ended_at + timedelta(seconds=delay) if self.ended_at and delay is not None else None

    def is_ready(self, kind: str, now: datetime) -> bool:
        """Return whether the artifact ``kind`` is ready at ``now``."""
        ready = self.ready_at(kind)
        return ready is not None and ready <= now

    def revisions(self, kind: str, now: datetime) -> list[datetime]:
        """Return when the content of the artifact ``kind`` changed, up to ``now``."""
        scripted = [
            self.ended_at + timedelta(seconds=after) for after in self.script.revisions.get(kind, []) if self.ended_at
        ]
        return sorted(instant for instant in [*scripted, *self.revised_at.get(kind, [])] if instant <= now)
