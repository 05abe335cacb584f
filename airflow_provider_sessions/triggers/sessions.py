"""Triggers that wait for sessions while their tasks are deferred.

All triggers of one connection share one poller; see :mod:`airflow_provider_sessions.polling.poller`. Their arguments
are plain JSON. Each yields one event, a small dict::

    {"status": "success" | "unreachable" | "failed" | "timeout", "session": Session.summary() | None, "message": "..."}

A trigger changes no session, so a triggerer may stop, restart or hand over its triggers at any time. The one exception
is ``cancel_on_kill``, which cancels a session if the task was marked; see
:mod:`airflow_provider_sessions.triggers._cancel_on_kill`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sessions.arguments import check_untemplated_values, parse_interval, parse_untemplated_bool
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.model import ArtifactName, StateName
from airflow_provider_sessions.polling.poll_schedule import DEFAULT_POLL_INTERVAL, MAX_IDLE
from airflow_provider_sessions.polling.wait import Wait, wait_for
from airflow_provider_sessions.polling.wait_conditions import (
    DEFAULT_MAX_FAILURES,
    ArtifactCondition,
    StateCondition,
    WaitCondition,
    WaitResult,
    WaitStatus,
    make_failure_limits,
)
from airflow_provider_sessions.safe_text import get_logger, sanitize_text
from airflow_provider_sessions.triggers._arguments import get_stored_arguments
from airflow_provider_sessions.triggers._cancel_on_kill import cancel_if_task_was_marked
from airflow_provider_sessions.triggers._connector import get_shared_poller
from airflow_provider_sessions.triggers.events import SessionEventTrigger

__all__ = ["SETTLING_SECONDS", "ArtifactTrigger", "SessionEventTrigger", "SessionStateTrigger", "WaitTrigger"]

log = get_logger(__name__)

SETTLING_SECONDS = 6.0
"""Seconds from the deferral to the first event: Airflow fails a task whose trigger fires within about 5 s."""


@dataclass(kw_only=True, eq=False, repr=False)
class WaitTrigger(BaseTrigger):
    """Base of the triggers that wait for one session.

    :param conn_id: the connection.
    :param session_id: the session.
    :param poll_interval: seconds between polls, at least 1.
    :param deadline: when to give up, in seconds since 1970.
    :param not_before: the earliest time of the event, in seconds since 1970.
    :param max_consecutive_failures: consecutive failed polls that end the wait.
    :param last_seen: the session's summary from a poll before the deferral: the event's, if no later poll succeeds.
    :param max_idle: maximum seconds between polls, however far away the next change seems.
    :param seen: whether a poll before the deferral found the session; implied by ``last_seen``.
    """

    conn_id: str
    session_id: str
    poll_interval: float = DEFAULT_POLL_INTERVAL
    deadline: float
    not_before: float = 0.0
    max_consecutive_failures: int = DEFAULT_MAX_FAILURES
    last_seen: dict[str, Any] | None = None
    max_idle: float = MAX_IDLE
    seen: bool = False
    clock: ClassVar[Clock] = SYSTEM_CLOCK

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.poll_interval = parse_interval(self.poll_interval)
        self.seen = parse_untemplated_bool(self.seen, "seen")

    @abstractmethod
    def condition(self) -> WaitCondition:
        """Return the condition to wait for."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", get_stored_arguments(self)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait and yield one event."""
        try:
            result = await wait_for(self._make_wait(), get_shared_poller(self.conn_id, self.clock))
        except Exception as failure:
            # The task should end with a clear message, not with the framework's "trigger failure".
            log.exception("The trigger failed with an unexpected error")
            text = f"The trigger failed with {type(failure).__name__}: {sanitize_text(failure)}"
            result = WaitResult(WaitStatus.FAILED, text)
        await self.clock.sleep(self.not_before - self.clock.now().timestamp())
        event = result.to_event()
        yield TriggerEvent(event | {"session": event["session"] or self.last_seen})

    def _make_wait(self) -> Wait:
        return Wait(
            session_id=self.session_id,
            condition=self.condition(),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            limits=make_failure_limits(self.max_consecutive_failures),
            seen=self.seen or self.last_seen is not None,
            max_idle=self.max_idle,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class SessionStateTrigger(WaitTrigger):
    """Wait until a session is in a state.

    The other parameters are those of :class:`WaitTrigger`.

    :param state: one of :class:`~airflow_provider_sessions.model.SessionState`.
    :param cancel_on_kill: cancel the session, if it has not started, when the task is marked while it is deferred.
        Has no effect before Airflow 3.3.
    """

    state: StateName | str
    cancel_on_kill: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_untemplated_values(self.state, StateCondition.parse)
        self.cancel_on_kill = parse_untemplated_bool(self.cancel_on_kill, "cancel_on_kill")

    def condition(self) -> WaitCondition:
        """Return the condition to wait for."""
        return StateCondition.parse(self.state)

    async def on_kill(self) -> None:
        """Cancel the session, if that is requested and the task was marked: Airflow calls this in other cases too."""
        if self.cancel_on_kill:
            await cancel_if_task_was_marked(self.task_instance, self.conn_id, self.session_id)


@dataclass(kw_only=True, eq=False, repr=False)
class ArtifactTrigger(WaitTrigger):
    """Wait until an artifact of a session is ready. It is not polled before the session has ended.

    The other parameters are those of :class:`WaitTrigger`.

    :param artifact: one of :class:`~airflow_provider_sessions.model.Artifact`.
    """

    artifact: ArtifactName | str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_untemplated_values(self.artifact, ArtifactCondition.parse)

    def condition(self) -> WaitCondition:
        """Return the condition to wait for."""
        return ArtifactCondition.parse(self.artifact)
