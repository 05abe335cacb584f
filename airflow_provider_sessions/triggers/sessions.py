"""Triggers that wait for a state or an artifact of a session, all on one poll for each connection.

A trigger's arguments are plain JSON and hold no secret: the connection is read in the triggerer. Ending, for whatever
reason, never touches the session itself.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.hooks.connections import aresolve
from airflow_provider_sessions.hooks.masking import mask_soon
from airflow_provider_sessions.platforms.base import Adapter, adapter_class
from airflow_provider_sessions.waiting.goals import Goal, artifact_goal, state_goal
from airflow_provider_sessions.waiting.wait import Ending, Outcome, Wait

log = logging.getLogger(__name__)


class _WaitTrigger(BaseTrigger):
    """What both triggers share.

    :param conn_id: the connection.
    :param session_id: the session.
    :param deadline: when the wait ends in any case, epoch seconds: absolute, so that a restart does not move it.
    :param not_before: the event does not come earlier, epoch seconds: Airflow fails a task whose trigger fires within
        seconds of its deferral.
    :param poll_interval: seconds between two looks.
    :param max_consecutive_failures: how many failed looks in a row end the wait.
    """

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        deadline: float,
        not_before: float = 0.0,
        poll_interval: float = 60.0,
        max_consecutive_failures: int = 10,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.conn_id = conn_id
        self.session_id = session_id
        self.deadline = deadline
        self.not_before = not_before
        self.poll_interval = poll_interval
        self.max_consecutive_failures = max_consecutive_failures

    def goal(self) -> Goal:
        """What is waited for."""
        raise NotImplementedError

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        names = ("conn_id", "session_id", "deadline", "not_before", "poll_interval", "max_consecutive_failures")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and tell the outcome in one event: ``status``, ``message`` and ``session``."""
        outcome = await self._outcome()
        await SYSTEM_CLOCK.sleep(self.not_before - SYSTEM_CLOCK.now().timestamp())
        yield TriggerEvent(outcome.event())

    async def _outcome(self) -> Outcome:
        try:
            wait = Wait(
                self.conn_id,
                self.session_id,
                self.goal(),
                connect=self._connect,
                clock=SYSTEM_CLOCK,
                poll_interval=self.poll_interval,
                deadline=self.deadline,
                max_consecutive_failures=self.max_consecutive_failures,
            )
            return await wait.outcome()
        except SessionsError as failed:
            return Outcome(ending=Ending.FAILED, message=str(failed))

    async def _connect(self) -> Adapter:
        account = await aresolve(self.conn_id)
        return adapter_class(account.conn_type).open(account, on_secret=mask_soon, attempts=1)


class SessionStateTrigger(_WaitTrigger):
    """Fires when a session is in a state, can no longer come there, or the wait fails. Parameters: see the base.

    :param state: one of ``requested``, ``scheduled``, ``live``, ``ended``, ``canceled``, ``expired``.
    """

    def __init__(self, *, state: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state = state

    def goal(self) -> Goal:
        """The state."""
        return state_goal(self.state)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        path, arguments = super().serialize()
        return path, {**arguments, "state": self.state}


class ArtifactTrigger(_WaitTrigger):
    """Fires when an artifact of a session is ready, will never come, or the wait fails. Parameters: see the base.

    :param artifact: one of ``attendance``, ``transcript``, ``takeaways``, ``recording``.
    """

    def __init__(self, *, artifact: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.artifact = artifact

    def goal(self) -> Goal:
        """The artifact."""
        return artifact_goal(self.artifact)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments."""
        path, arguments = super().serialize()
        return path, {**arguments, "artifact": self.artifact}
