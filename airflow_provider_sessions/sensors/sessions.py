"""Sensors that wait for a state or an artifact of a session, on every platform.

They are deferrable by default: while they wait, no worker is held and one poll serves all that wait on a connection.
That needs a triggerer, as every ``airflow standalone`` and managed Airflow has. With ``deferrable=False`` they poke, or
reschedule themselves, and look with the same eyes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import InputError, SessionsError, UnreachableError, WaitError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.platforms.base import Adapter
from airflow_provider_sessions.triggers.sessions import ArtifactTrigger, SessionStateTrigger, _WaitTrigger
from airflow_provider_sessions.waiting.goals import Goal, Sighting, Verdict, artifact_goal, decide, state_goal
from airflow_provider_sessions.waiting.patience import Patience
from airflow_provider_sessions.waiting.wait import Ending

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

_FIRST_EVENT_AFTER = 6.0
"""Seconds. Airflow fails a task whose trigger fires within about 5 s of its deferral."""
_ON_UNREACHABLE = ("fail", "skip", "succeed")


class _SessionSensor(BaseSensorOperator):
    """What both sensors share: looking once, deferring, poking, and making sense of the outcome."""

    template_fields: Sequence[str] = ("conn_id", "session_id")
    operator_extra_links = (SessionLink(), JoinLink())

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        poll_interval: float | timedelta | None = None,
        max_consecutive_failures: int = 10,
        on_unreachable: str = "fail",
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs["poke_interval"] = poll_interval
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.session_id = session_id
        self.max_consecutive_failures = max_consecutive_failures
        self.on_unreachable = on_unreachable
        self.deferrable = deferrable
        self._patience: Patience | None = None
        self._last: Sighting | None = None

    def goal(self) -> Goal:
        """What is waited for.

        :raises InputError: there is no such thing.
        """
        raise NotImplementedError

    def trigger(self, arguments: Mapping[str, Any]) -> _WaitTrigger:
        """The trigger that waits in this sensor's stead."""
        raise NotImplementedError

    def execute(self, context: Context) -> Any:
        """Look once; if what is waited for is not there, defer, or poke on."""
        self._check()
        if not self.deferrable:
            return super().execute(context)
        now = SYSTEM_CLOCK.now().timestamp()
        found = self.poke(context)
        if isinstance(found, PokeReturnValue):
            return found.xcom_value
        trigger = self.trigger(
            {
                "conn_id": self.conn_id,
                "session_id": self.session_id,
                "deadline": now + self.timeout,
                "not_before": SYSTEM_CLOCK.now().timestamp() + _FIRST_EVENT_AFTER,
                "poll_interval": max(1.0, float(self.poke_interval)),
                "max_consecutive_failures": self.max_consecutive_failures,
            }
        )
        # The trigger keeps the deadline and says why it passed; Airflow's own limit is only a backstop behind it.
        backstop = self.timeout + 2 * float(self.poke_interval) + 60
        return self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=backstop))

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once. A look that fails in passing counts as "not yet".

        Failures in a row are counted within one run of the task: with ``mode="reschedule"`` each look is a run.
        """
        goal = self.goal()
        self._patience = self._patience or Patience(self.max_consecutive_failures)
        try:
            sighting = hook_for(self.conn_id).ask(lambda adapter: _look(adapter, self.session_id, goal))
        except SessionsError as failed:
            log.warning("The look failed: %s", failed)
            self._patience.fail(failed)
            return False
        self._patience.succeed()
        if self._last is None:
            push_links(context, sighting.session)
        self._last = sighting
        decision = decide(goal, sighting)
        log.info("Session %s: %s", self.session_id, decision.reason)
        if decision.verdict is Verdict.WAIT:
            return False
        if decision.verdict is Verdict.UNREACHABLE:
            self._end_unreachable(decision.reason)
        return PokeReturnValue(is_done=True, xcom_value=sighting.session.summary())

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Make sense of the trigger's event.

        :param event: ``status``, ``message`` and ``session``.
        :raises UnreachableError: what was waited for can no longer come.
        :raises AirflowSensorTimeout: the deadline passed.
        :raises WaitError: looks failed too often, or the event is none of ours.
        """
        status = (event or {}).get("status")
        if event is None or status not in tuple(Ending):
            raise WaitError(f"the trigger sent an event that cannot be understood: status {status!r}")
        message, session = str(event.get("message")), event.get("session")
        if status == Ending.TIMEOUT:
            raise AirflowSensorTimeout(message)
        if status == Ending.FAILED:
            raise WaitError(message)
        if status == Ending.UNREACHABLE:
            self._end_unreachable(message)
        log.info("Session %s: %s", self.session_id, message)
        return session if isinstance(session, dict) else None

    def _check(self) -> None:
        """Refuse arguments that cannot be meant, before any request.

        :raises InputError: names the argument.
        """
        if not isinstance(self.session_id, str) or self.session_id.strip() in ("", "None"):
            raise InputError(f"session_id: {self.session_id!r} is not an id; did the task that it comes from succeed?")
        if self.on_unreachable not in _ON_UNREACHABLE:
            raise InputError(
                f"on_unreachable: {self.on_unreachable!r} is unknown; expected one of {', '.join(_ON_UNREACHABLE)}"
            )
        if self.max_consecutive_failures < 1:
            raise InputError(f"max_consecutive_failures: {self.max_consecutive_failures!r} must be at least 1")
        self.goal()

    def _end_unreachable(self, reason: str) -> None:
        """End as the user asked; return where that is a success."""
        if self.on_unreachable == "skip":
            raise AirflowSkipException(reason)
        if self.on_unreachable == "fail":
            raise UnreachableError(f"session {self.session_id}: {reason}")


async def _look(adapter: Adapter, session_id: str, goal: Goal) -> Sighting:
    session = await adapter.get(session_id)
    status = None
    if goal.artifact is not None and goal.needs_artifact(session):
        status = await adapter.artifact_status(session, goal.artifact)
    return Sighting(session=session, artifact=status)


class SessionStateSensor(_SessionSensor):
    """Wait until a session is in a state. Returns the session as a small dict, as operators do.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param session_id: the session. (templated)
    :param state: one of ``requested``, ``scheduled``, ``live``, ``ended``, ``canceled``, ``expired``. (templated)
    :param poll_interval: seconds, or a timedelta, between two looks (another name for ``poke_interval``).
    :param timeout: seconds, or a timedelta, after which the wait ends in failure, or in a skip with ``soft_fail``.
    :param max_consecutive_failures: how many failed looks in a row end the wait.
    :param on_unreachable: what to do where the session can no longer come there (it was canceled, say): ``fail``,
        ``skip`` or ``succeed``.
    :param deferrable: wait in the triggerer, without holding a worker.
    :raises UnreachableError: the session can no longer come there.
    :raises InputError: an argument cannot be meant; nothing was sent.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "state")

    def __init__(self, *, state: str = "live", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state = state

    def goal(self) -> Goal:
        """The state."""
        return state_goal(self.state)

    def trigger(self, arguments: Mapping[str, Any]) -> _WaitTrigger:
        """The trigger."""
        return SessionStateTrigger(state=self.state, **arguments)


class ArtifactSensor(_SessionSensor):
    """Wait until an artifact of a session is ready. Returns the session as a small dict.

    Nothing is asked of the artifact before the session has ended. Other parameters: see :class:`SessionStateSensor`.

    :param artifact: one of ``attendance``, ``transcript``, ``takeaways``, ``recording``. (templated)
    :raises UnreachableError: there will be none: the session was canceled or expired, or nothing was recorded.
    :raises UnsupportedError: the platform has no such artifact; the text says what to use instead.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "artifact")

    def __init__(self, *, artifact: str = "transcript", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.artifact = artifact

    def goal(self) -> Goal:
        """The artifact."""
        return artifact_goal(self.artifact)

    def trigger(self, arguments: Mapping[str, Any]) -> _WaitTrigger:
        """The trigger."""
        return ArtifactTrigger(artifact=self.artifact, **arguments)
