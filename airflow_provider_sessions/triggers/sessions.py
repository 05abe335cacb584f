"""Triggers that wait for sessions while their tasks are deferred.

All of them that wait on one connection share one poll; see :mod:`airflow_provider_sessions.polling.poller`. Their
arguments are plain JSON. Each fires one event, a small dict::

    {"status": "success" | "unreachable" | "failed" | "timeout", "session": Session.summary() | None, "message": "..."}

A trigger changes no session: a triggerer that stops, restarts or hands its triggers on does no harm. The one exception
is asked for with ``cancel_on_kill``, and is made only where the task was marked; see
:mod:`airflow_provider_sessions.triggers._cancel_on_kill`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.model import ArtifactName, StateName
from airflow_provider_sessions.operators._closed_words import check_words
from airflow_provider_sessions.operators._template_values import parse_untemplated_bool
from airflow_provider_sessions.polling.poll_schedule import MAX_IDLE
from airflow_provider_sessions.polling.wait import Outcome, Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import (
    FAILURES,
    ArtifactGoal,
    Goal,
    StateGoal,
    Tolerance,
    Verdict,
)
from airflow_provider_sessions.safe_text import get_logger, sanitize_text
from airflow_provider_sessions.triggers._cancel_on_kill import call_off_if_marked
from airflow_provider_sessions.triggers._connector import shared_poller
from airflow_provider_sessions.triggers.events import SessionEventTrigger

__all__ = ["SETTLING_SECONDS", "ArtifactTrigger", "SessionEventTrigger", "SessionStateTrigger", "WaitTrigger"]

log = get_logger(__name__)

SETTLING_SECONDS = 6.0
"""Airflow fails a task whose trigger fires within about 5 s of the deferral: before this, none of ours does."""


class WaitTrigger(BaseTrigger):
    """What both triggers have in common: all but what is waited for.

    :param conn_id: the connection.
    :param session_id: the session.
    :param poll_interval: seconds between looks.
    :param deadline: when to give up, in seconds since 1970.
    :param not_before: when the event may fire at the earliest, in seconds since 1970.
    :param max_consecutive_failures: failed looks in a row that end the wait.
    :param last_seen: the session's summary when it was last seen; None if it was not.
    :param max_idle: seconds between looks at most, however far away a change seems.
    """

    clock: Clock = SYSTEM_CLOCK

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        poll_interval: float,
        deadline: float,
        not_before: float = 0.0,
        max_consecutive_failures: int = FAILURES,
        last_seen: dict[str, Any] | None = None,
        max_idle: float = MAX_IDLE,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.conn_id = conn_id
        self.session_id = session_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.not_before = not_before
        self.max_consecutive_failures = max_consecutive_failures
        self.last_seen = last_seen
        self.max_idle = max_idle

    @abstractmethod
    def goal(self) -> Goal:
        """What is waited for."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what it takes to make the trigger again elsewhere."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "conn_id": self.conn_id,
            "session_id": self.session_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "not_before": self.not_before,
            "max_consecutive_failures": self.max_consecutive_failures,
            "last_seen": self.last_seen,
            "max_idle": self.max_idle,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and fire the one event."""
        try:
            outcome = await self._wait()
        except Exception as defect:
            # Whatever went wrong, the task shall learn it in its own words and not by the framework's failure.
            log.exception("The wait broke down")
            outcome = Outcome(
                Verdict.FAILED, f"the wait broke down with {type(defect).__name__}: {sanitize_text(defect)}"
            )
        await self.clock.sleep(self.not_before - self.clock.now().timestamp())
        event = outcome.event()
        yield TriggerEvent(event | {"session": event["session"] or self.last_seen})

    async def _wait(self) -> Outcome:
        wait = Wait(
            session_id=self.session_id,
            goal=self.goal(),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            tolerance=Tolerance(failures=self.max_consecutive_failures),
            seen=self.last_seen is not None,
            max_idle=self.max_idle,
        )
        return await wait_for(wait, shared_poller(self.conn_id, self.clock))


class SessionStateTrigger(WaitTrigger):
    """Waits until a session is in a state.

    :param state: the state, one of :class:`~airflow_provider_sessions.model.SessionState`.
    :param cancel_on_kill: whether the session is canceled, if it has not begun, when the task is marked while it is
        deferred. From Airflow 3.3 on; before, nothing happens.
    :param waiting: what :class:`WaitTrigger` takes.
    """

    def __init__(self, *, state: StateName | str, cancel_on_kill: bool = False, **waiting: Any) -> None:
        super().__init__(**waiting)
        check_words(state, StateGoal.read)
        self.state = state
        self.cancel_on_kill = parse_untemplated_bool(cancel_on_kill, "cancel_on_kill")

    def goal(self) -> Goal:
        """What is waited for."""
        return StateGoal.read(self.state)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what it takes to make the trigger again elsewhere."""
        path, waiting = super().serialize()
        return path, {"state": self.state, "cancel_on_kill": self.cancel_on_kill, **waiting}

    async def on_kill(self) -> None:
        """Cancel the session, if that was asked for and the task was marked: Airflow calls this not only then."""
        if self.cancel_on_kill:
            await call_off_if_marked(self.task_instance, self.conn_id, self.session_id)


class ArtifactTrigger(WaitTrigger):
    """Waits until something that a session leaves behind is ready. It is not asked for before the session is over.

    :param artifact: what is waited for, one of :class:`~airflow_provider_sessions.model.Artifact`.
    :param waiting: what :class:`WaitTrigger` takes.
    """

    def __init__(self, *, artifact: ArtifactName | str, **waiting: Any) -> None:
        super().__init__(**waiting)
        check_words(artifact, ArtifactGoal.read)
        self.artifact = artifact

    def goal(self) -> Goal:
        """What is waited for."""
        return ArtifactGoal.read(self.artifact)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what it takes to make the trigger again elsewhere."""
        path, waiting = super().serialize()
        return path, {"artifact": self.artifact, **waiting}
