"""Sensors that wait for a state or an artifact of a session, on every platform.

They are deferrable by default: a waiting sensor holds no worker, and one poller serves all sensors of a connection.
That requires a triggerer, which every ``airflow standalone`` and managed Airflow has. With ``deferrable=False`` they
poke or reschedule, and evaluate the condition by the same rules; see
:func:`airflow_provider_sessions.polling.wait_conditions.evaluate_condition`.

end of the wait         what the task does
condition met           succeeds and returns the session as a small dict, as the operators do
condition unreachable   ``on_unreachable``: fails
                        (:class:`~airflow_provider_sessions.errors.UnreachableConditionError`), is skipped, or succeeds
``timeout``             fails without a retry (``AirflowSensorTimeout``), or is skipped with ``soft_fail``
polls keep failing      fails (:class:`~airflow_provider_sessions.errors.TooManyFailuresError`, quoting the last error)
                        and may be retried, also with ``soft_fail``: a broken connection is no reason to skip

**The final poll.** A last poll begins when ``timeout`` has passed, regardless of the intervals, and decides: the wait
succeeds if the condition is met by then. A long ``poll_interval``, ``max_idle`` or a distant planned start therefore
never delays the end of a wait. If the final poll fails, the wait times out and quotes the error. If the rate limit or a
slow platform delays it, a deferred sensor waits up to 45 s for it; a poking one, as long as the connection's
``max_wait``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_sessions.arguments import (
    check_untemplated_values,
    none_if_empty,
    parse_count,
    parse_id,
    parse_interval,
    parse_untemplated_bool,
)
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import InputError, TooManyFailuresError, UnreachableConditionError, WaitError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.links import JoinLink, SessionLink, name_mapped_task, push_links
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import ArtifactName, Session, StateName, parse_seconds
from airflow_provider_sessions.operators._deferring_operator import SHORT_WAIT
from airflow_provider_sessions.polling.poll_schedule import DEFAULT_POLL_INTERVAL, MAX_IDLE
from airflow_provider_sessions.polling.wait import poll_once
from airflow_provider_sessions.polling.wait_conditions import (
    DEFAULT_MAX_FAILURES,
    ArtifactCondition,
    FailureLimits,
    PollHistory,
    PollResult,
    StateCondition,
    WaitCondition,
    WaitResult,
    WaitStatus,
    evaluate_condition,
)
from airflow_provider_sessions.retries import DEFAULT_POLICY, make_policy_argument
from airflow_provider_sessions.retries.permanent_errors import name_argument
from airflow_provider_sessions.safe_text import get_logger, sanitize_text
from airflow_provider_sessions.sensors._poll_history import load_history, save_history
from airflow_provider_sessions.triggers._cancel_on_kill import TRIGGERS_HAVE_ON_KILL, record_end, record_try
from airflow_provider_sessions.triggers.sessions import (
    SETTLING_SECONDS,
    ArtifactTrigger,
    SessionStateTrigger,
    WaitTrigger,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

OnUnreachable = Literal["fail", "skip", "succeed"]
"""What a sensor does when its condition can no longer be met."""
_MIN_TIMEOUT_MARGIN = 60.0
"""Minimum seconds from the trigger's deadline to the timeout of Airflow's deferral."""


class _SessionSensor(BaseSensorOperator):
    """Base of both sensors: polls once, defers or pokes, and ends the task according to the result."""

    template_fields: Sequence[str] = (
        "conn_id",
        "session_id",
        "poll_interval",
        "max_idle",
        "max_consecutive_failures",
        "on_unreachable",
    )
    operator_extra_links = (SessionLink(), JoinLink())

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        poll_interval: float | timedelta | str | None = None,
        max_idle: float | timedelta | str = MAX_IDLE,
        max_consecutive_failures: int | str = DEFAULT_MAX_FAILURES,
        on_unreachable: OnUnreachable | str = "fail",
        deferrable: bool = True,
        timeout: float | timedelta | None = None,
        soft_fail: bool = False,
        retry_policy: Any = DEFAULT_POLICY,
        **kwargs: Any,
    ) -> None:
        soft_fail = parse_untemplated_bool(soft_fail, "soft_fail")
        if timeout is not None:  # Airflow 3.1 takes no None for its default
            kwargs["timeout"] = timeout
        super().__init__(soft_fail=soft_fail, **make_policy_argument(retry_policy), **kwargs)  # see DeferringOperator
        check_untemplated_values(on_unreachable, parse_on_unreachable)
        self.conn_id = conn_id
        self.session_id = session_id
        self.poll_interval = poll_interval
        self.max_idle = max_idle
        self.max_consecutive_failures = max_consecutive_failures
        self.on_unreachable = on_unreachable
        self.deferrable = parse_untemplated_bool(deferrable, "deferrable")
        self._history: PollHistory | None = None
        self._has_links = False

    @abstractmethod
    def condition(self) -> WaitCondition:
        """Return the condition to wait for.

        :raises InputError: there is no such state or artifact.
        """

    @abstractmethod
    def make_trigger(self, arguments: Mapping[str, Any]) -> WaitTrigger:
        """Return the trigger that waits for the condition.

        :param arguments: those of :class:`~airflow_provider_sessions.triggers.sessions.WaitTrigger`.
        """

    def execute(self, context: Context) -> Any:
        """Poll once; unless that ends the wait, defer, or continue to poke."""
        self.conn_id = parse_id(self.conn_id, "conn_id")
        self.poke_interval = self._parse_poll_interval()
        self.max_idle = parse_seconds(self.max_idle, "max_idle")
        parse_on_unreachable(self.on_unreachable)
        self._parse_max_failures()
        if not self.deferrable:
            return super().execute(context)
        deadline = SYSTEM_CLOCK.now().timestamp() + self.timeout
        # The trigger counts failures from zero; here only errors that another poll cannot fix end the wait.
        limits = FailureLimits(failures=None, refused=1, missing=None)
        result, _ = self._poll(context, PollHistory(), limits)
        if result.status is WaitStatus.WAITING:
            if result.session is not None:  # pushed again at the end, if its id has changed by then
                context["ti"].xcom_push(key="session_id", value=result.session.session_id)
            self._defer(deadline, result.session)
        return self._end(context, result, _summary(result.session))

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll once. A failed poll counts as "not yet" until the limit of consecutive failures is reached.

        With ``mode="reschedule"`` each poke is a run of its own, and failures are counted in Airflow 3.3's task state
        store. Before 3.3 they cannot be counted: any number of polls may fail, but a single one that is refused or does
        not find the session ends the wait.
        """
        before = load_history(context) if self.reschedule else self._history
        limits = FailureLimits(failures=self._parse_max_failures())
        if self.reschedule and before is None:
            limits = FailureLimits(failures=None, refused=1, missing=1)
        result, self._history = self._poll(context, before or PollHistory(), limits)
        if before is not None and self.reschedule:
            save_history(context, before, self._history)
        if result.status is WaitStatus.WAITING:
            return False
        return PokeReturnValue(is_done=True, xcom_value=self._end(context, result, _summary(result.session)))

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Return Airflow's seconds until the next poke, but not beyond the deadline: the final poke comes then."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        return max(0.0, min(interval, self.timeout - run_duration()))

    def execute_complete(
        self, context: Context, event: Any = None, last_seen: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """End the task according to the trigger's event.

        :param event: ``status``, ``session`` and ``message``.
        :param last_seen: the session's summary from before the deferral, if it may be returned.
        :raises UnreachableConditionError: the condition can no longer be met.
        :raises AirflowSensorTimeout: the deadline has passed.
        :raises TooManyFailuresError: too many polls failed.
        :raises WaitError: the event does not come from a trigger of this provider.
        """
        status = event.get("status") if isinstance(event, dict) else None
        if not isinstance(status, str) or status not in set(WaitStatus) - {WaitStatus.WAITING}:
            raise self._failure(WaitError(f"the trigger's event is invalid: {sanitize_text(repr(event))}"))
        result = WaitResult(WaitStatus(status), str(event.get("message")))
        return self._end(context, result, event.get("session") or last_seen)

    def _poll(self, context: Context, before: PollHistory, limits: FailureLimits) -> tuple[WaitResult, PollHistory]:
        """Poll once and evaluate the condition. Return the result, with the session, and the updated history."""
        condition = self.condition()
        polled = self._poll_session(context, condition)
        if polled.session is not None and not self._has_links:  # each run of a rescheduled task starts without them
            push_links(context, polled.session)
            self._has_links = True
        history = before.add(polled)
        result = evaluate_condition(condition, polled, history, limits)
        if polled.error is None and result.status is WaitStatus.WAITING:
            log.info("%s; waiting for %s", result.message, condition)
        elif polled.error is not None:
            log.warning("The poll failed with %s: %s", type(polled.error).__name__, polled.error)
        return replace(result, session=result.session or polled.session), history

    def _poll_session(self, context: Context, condition: WaitCondition) -> PollResult:
        """Poll once. A connection that cannot be read is a failed poll if an earlier poke has read it."""
        session_id = parse_id(self.session_id)
        try:
            hook = hook_for(self.conn_id, max_wait=SHORT_WAIT if self.deferrable else None)
        except InputError:
            raise
        except Exception as failure:
            # Airflow also raises "not found" while a secrets backend is unavailable.
            if not self._has_poked(context):
                raise
            return PollResult(error=failure)
        return hook.run(lambda adapter: poll_once(adapter, condition, session_id))

    def _has_poked(self, context: Context) -> bool:
        """Whether an earlier poke of this task has ended without an exception."""
        return bool(context.get("task_reschedule_count")) if self.reschedule else self._history is not None

    def _defer(self, deadline: float, session: Session | None) -> NoReturn:
        now = SYSTEM_CLOCK.now().timestamp()
        deadline, not_before = math.ceil(deadline), math.ceil(now + SETTLING_SECONDS)
        arguments = {
            "conn_id": self.conn_id,
            "session_id": parse_id(self.session_id),
            "poll_interval": self.poke_interval,
            "deadline": deadline,
            "not_before": not_before,
            "max_consecutive_failures": self._parse_max_failures(),
            "max_idle": parse_seconds(self.max_idle, "max_idle"),
            "seen": session is not None,
        }
        # The trigger keeps the deadline and explains what it found; Airflow's own timeout is only a safeguard.
        seconds = max(deadline, not_before) - now + max(2 * self.poke_interval, _MIN_TIMEOUT_MARGIN)
        self.defer(
            trigger=self.make_trigger(arguments),
            method_name="execute_complete",
            kwargs=self._get_resume_arguments(session),
            timeout=timedelta(seconds=seconds),
        )

    def _get_resume_arguments(self, session: Session | None) -> dict[str, Any]:
        """Return what :meth:`execute_complete` needs if no poll of the trigger finds the session, as it was deleted."""
        if session is None or parse_on_unreachable(self.on_unreachable) != "succeed":
            return {}
        return {"last_seen": session.summary()}

    def _end(self, context: Context, result: WaitResult, summary: dict[str, Any] | None) -> dict[str, Any] | None:
        """End the task according to the result of the wait."""
        log.info("The wait ended (%s): %s", result.status.value, result.message)
        if summary is not None:  # a request that was scheduled has another id than the one that was waited for
            context["ti"].xcom_push(key="session_id", value=summary["session_id"])
            name_mapped_task(context, summary.get("title"))
        if result.status is WaitStatus.SUCCESS:
            return summary
        if result.status is WaitStatus.TIMEOUT:
            raise AirflowSensorTimeout(result.message)
        if result.status is WaitStatus.FAILED:
            raise self._failure(result.error or TooManyFailuresError(result.message))
        on_unreachable = parse_on_unreachable(self.on_unreachable)
        if on_unreachable == "skip":
            raise AirflowSkipException(result.message)
        if on_unreachable == "fail":
            raise self._failure(UnreachableConditionError(result.message))
        return summary

    def _failure(self, error: Exception) -> Exception:
        """Return the exception to raise: with ``never_fail`` a skip, in all modes."""
        name_argument(error, self)
        return AirflowSkipException(f"Skipping, as never_fail is set: {error}") if self.never_fail else error

    def _parse_poll_interval(self) -> float:
        value = none_if_empty(self.poll_interval)
        return parse_interval(self.poke_interval if value is None else value)

    def _parse_max_failures(self) -> int:
        return parse_count(self.max_consecutive_failures, "max_consecutive_failures") or DEFAULT_MAX_FAILURES


def parse_on_unreachable(word: Any) -> str:
    """Parse the argument ``on_unreachable``.

    :raises InputError: it is none of :data:`OnUnreachable`.
    """
    choices: tuple[str, ...] = get_args(OnUnreachable)
    if word not in choices:
        raise unknown_choice_error("on_unreachable", [word], choices)
    return str(word)


def _summary(session: Session | None) -> dict[str, Any] | None:
    return None if session is None else session.summary()


class SessionStateSensor(_SessionSensor):
    """Wait until a session is in a state. Returns the session as a small dict, as the operators do.

    Which states meet the condition, and which make it unreachable, is documented at
    :func:`airflow_provider_sessions.polling.wait_conditions.evaluate_condition`: ``scheduled`` is also met by a session
    that is live or has ended, ``live`` is unreachable once it has ended.

    :param conn_id: the connection, of any type of this provider. (templated)
    :param session_id: the session. (templated)
    :param state: ``requested``, ``scheduled``, ``live``, ``ended``, ``canceled`` or ``expired``. (templated)
    :param poll_interval: time between two polls: a timedelta, seconds (at least 1) or ISO 8601. Defaults to
        ``poke_interval``, Airflow's own argument. All sensors of a connection share the polls. (templated)
    :param max_idle: maximum time between two polls of a deferred sensor, however far away the planned start is: a
        move, a cancellation or an early start may be noticed this late. Defaults to 15 minutes. (templated)
    :param max_consecutive_failures: consecutive failed polls that end the wait; a rate-limited poll (429) is not a
        failed one. Three that are refused (400, 401, 403, 409, 422) or do not find the session end it anyway.
        (templated)
    :param on_unreachable: what to do when the state can no longer be reached, for example because the session was
        canceled: ``fail``, ``skip`` or ``succeed``. (templated)
    :param cancel_on_kill: cancel the session, unless it has started, when a user marks the deferred task as failed or
        success, or its DAG run times out. Clearing the task, a restart or failure of the triggerer, and a timeout of
        the sensor do not cancel it. Requires Airflow 3.3, ``deferrable=True`` and a running triggerer; otherwise a
        warning is logged.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param timeout: seconds, or a timedelta, after which the wait ends with a final poll; defaults to 7 days
        (``[sensors] default_timeout``). Airflow does not apply ``execution_timeout`` while a task is deferred.
    :param mode: ``poke`` or ``reschedule``, for ``deferrable=False``. With ``reschedule``, consecutive failed polls are
        counted from Airflow 3.3 on; before, any number may fail until ``timeout``.
    :param soft_fail: skip instead of fail when ``timeout`` has passed; other failures stay failures.
    :raises UnreachableConditionError: the state can no longer be reached.
    :raises TooManyFailuresError: too many consecutive polls failed; quotes the last error.
    :raises InputError: an argument is invalid; no request was sent.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "state")

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        state: StateName | str = "live",
        poll_interval: float | timedelta | str | None = None,
        max_idle: float | timedelta | str = MAX_IDLE,
        max_consecutive_failures: int | str = DEFAULT_MAX_FAILURES,
        on_unreachable: OnUnreachable | str = "fail",
        cancel_on_kill: bool = False,
        deferrable: bool = True,
        poke_interval: float | timedelta = DEFAULT_POLL_INTERVAL,
        timeout: float | timedelta | None = None,
        mode: str = "poke",
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            conn_id=conn_id,
            session_id=session_id,
            poll_interval=poll_interval,
            max_idle=max_idle,
            max_consecutive_failures=max_consecutive_failures,
            on_unreachable=on_unreachable,
            deferrable=deferrable,
            poke_interval=poke_interval,
            timeout=timeout,
            mode=mode,
            soft_fail=soft_fail,
            **kwargs,
        )
        check_untemplated_values(state, StateCondition.parse)
        self.state = state
        self.cancel_on_kill = parse_untemplated_bool(cancel_on_kill, "cancel_on_kill")

    def execute(self, context: Context) -> Any:
        """Poll once; unless that ends the wait, defer, or continue to poke."""
        if self.cancel_on_kill:
            self._prepare_cancel_on_kill(context)
        return super().execute(context)

    def execute_complete(
        self, context: Context, event: Any = None, last_seen: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """End the task according to the trigger's event."""
        if self.cancel_on_kill:
            record_end(context["ti"])
        return super().execute_complete(context, event, last_seen)

    def condition(self) -> WaitCondition:
        """Return the condition to wait for."""
        return StateCondition.parse(self.state)

    def make_trigger(self, arguments: Mapping[str, Any]) -> WaitTrigger:
        """Return the trigger that waits for the condition."""
        state = StateCondition.parse(self.state).state
        return SessionStateTrigger(state=state.value, cancel_on_kill=self.cancel_on_kill, **arguments)

    def _prepare_cancel_on_kill(self, context: Context) -> None:
        if not TRIGGERS_HAVE_ON_KILL:
            log.warning("cancel_on_kill has no effect before Airflow 3.3, which does not notify triggers of a kill")
        elif not self.deferrable:
            # A worker's on_kill is called for every SIGTERM, at any point, and cannot find out the reason.
            log.warning("cancel_on_kill has no effect with deferrable=False: a worker cannot tell a kill from a clear")
        else:
            record_try(context["ti"])


class ArtifactSensor(_SessionSensor):
    """Wait until an artifact of a session is ready. Returns the session as a small dict.

    It may start at any time: the artifact is not polled before the session has ended. An artifact that the platform
    does not have (VidInfra has no transcripts) fails the task at once.

    :param conn_id: the connection, of any type of this provider. (templated)
    :param session_id: the session. (templated)
    :param artifact: ``attendance``, ``transcript``, ``takeaways`` or ``recording``. (templated)
    :param poll_interval: time between two polls: a timedelta, seconds (at least 1) or ISO 8601. Defaults to
        ``poke_interval``, Airflow's own argument. All sensors of a connection share the polls. (templated)
    :param max_idle: maximum time between two polls of a deferred sensor, however far away the planned start is.
        Defaults to 15 minutes. (templated)
    :param max_consecutive_failures: consecutive failed polls that end the wait; a rate-limited poll (429) is not a
        failed one. Three that are refused (400, 401, 403, 409, 422) or do not find the session end it anyway.
        (templated)
    :param on_unreachable: what to do when there will be no artifact, because the session was never held or nothing was
        recorded: ``fail``, ``skip`` or ``succeed``. (templated)
    :param deferrable: wait in the triggerer, without holding a worker.
    :param timeout: seconds, or a timedelta, after which the wait ends with a final poll; defaults to 7 days
        (``[sensors] default_timeout``).
    :param mode: ``poke`` or ``reschedule``, for ``deferrable=False``.
    :param soft_fail: skip instead of fail when ``timeout`` has passed; other failures stay failures.
    :raises UnreachableConditionError: there will be no artifact.
    :raises UnsupportedError: the platform does not have such artifacts; the message says what to use instead.
    :raises TooManyFailuresError: too many consecutive polls failed; quotes the last error.
    :raises InputError: an argument is invalid; no request was sent.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "artifact")

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        artifact: ArtifactName | str = "transcript",
        poll_interval: float | timedelta | str | None = None,
        max_idle: float | timedelta | str = MAX_IDLE,
        max_consecutive_failures: int | str = DEFAULT_MAX_FAILURES,
        on_unreachable: OnUnreachable | str = "fail",
        deferrable: bool = True,
        poke_interval: float | timedelta = DEFAULT_POLL_INTERVAL,
        timeout: float | timedelta | None = None,
        mode: str = "poke",
        soft_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            conn_id=conn_id,
            session_id=session_id,
            poll_interval=poll_interval,
            max_idle=max_idle,
            max_consecutive_failures=max_consecutive_failures,
            on_unreachable=on_unreachable,
            deferrable=deferrable,
            poke_interval=poke_interval,
            timeout=timeout,
            mode=mode,
            soft_fail=soft_fail,
            **kwargs,
        )
        check_untemplated_values(artifact, ArtifactCondition.parse)
        self.artifact = artifact

    def condition(self) -> WaitCondition:
        """Return the condition to wait for."""
        return ArtifactCondition.parse(self.artifact)

    def make_trigger(self, arguments: Mapping[str, Any]) -> WaitTrigger:
        """Return the trigger that waits for the condition."""
        return ArtifactTrigger(artifact=ArtifactCondition.parse(self.artifact).artifact.value, **arguments)
