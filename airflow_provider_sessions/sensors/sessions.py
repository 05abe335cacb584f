"""Sensors that wait for a state or an artifact of a session, on every platform.

They are deferrable by default: while they wait, no worker is held, and one poll serves all that wait on a connection.
That needs a triggerer, as every ``airflow standalone`` and managed Airflow has. With ``deferrable=False`` they poke, or
reschedule themselves, and decide by the same rules: see
:func:`airflow_provider_sessions.polling.wait_conditions.decide`.

======================  ================================================================================================
how a wait ends         what the task does
======================  ================================================================================================
what was waited for     succeeds; returns the session as a small dict, as the operators do
it can no longer come   ``on_unreachable``: fails (:class:`~airflow_provider_sessions.errors.UnreachableError`), is
                        skipped, or succeeds
``timeout``             fails for good (``AirflowSensorTimeout``: not retried); is skipped with ``soft_fail``: see below
looks keep failing      fails (:class:`~airflow_provider_sessions.errors.TooManyFailuresError`, quoting the last error)
                        and may be retried, also with ``soft_fail``: a broken connection is no reason to skip
======================  ================================================================================================

**The last look.** Whatever the intervals say, one more look begins when ``timeout`` has passed, and decides: the wait
succeeds if what was waited for is there by then, also where nothing was asked for hours. So a long ``poll_interval``,
``max_idle`` or planned start never costs a wait its end. If that look fails, the wait times out and quotes the error.
Where the rate limit, or a platform that answers late, puts it off, a deferred wait waits for it for 45 s; a poke, as
long as the connection's ``max_wait`` says.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import TooManyFailuresError, UnreachableError, WaitError
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.model import ArtifactName, Session, StateName, parse_seconds
from airflow_provider_sessions.model.closed_words import unknown_words
from airflow_provider_sessions.operators._closed_words import check_words
from airflow_provider_sessions.operators._deferring import SHORT_WAIT
from airflow_provider_sessions.operators._template_values import (
    none_if_empty,
    parse_count,
    parse_id,
    parse_interval,
    parse_untemplated_bool,
)
from airflow_provider_sessions.polling.check import check
from airflow_provider_sessions.polling.poll_schedule import MAX_IDLE
from airflow_provider_sessions.polling.wait_conditions import (
    FAILURES,
    ArtifactGoal,
    Decision,
    Goal,
    History,
    StateGoal,
    Tolerance,
    Verdict,
    decide,
)
from airflow_provider_sessions.retries import DEFAULT_POLICY, policy_argument
from airflow_provider_sessions.retries.hopeless import name_argument
from airflow_provider_sessions.safe_text import get_logger, sanitize_text
from airflow_provider_sessions.sensors._poll_history import recall, remember
from airflow_provider_sessions.triggers._cancel_on_kill import TRIGGERS_ARE_TOLD, note_end, note_try
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
"""What a sensor does where what it waits for can no longer come."""
_LEEWAY = 60.0
"""Seconds between a trigger's own deadline and the one that Airflow keeps behind it, at least."""


class _SessionSensor(BaseSensorOperator):
    """What both sensors share: looking once, deferring, poking, and making sense of the outcome."""

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
        max_consecutive_failures: int | str = FAILURES,
        on_unreachable: OnUnreachable | str = "fail",
        deferrable: bool = True,
        retry_policy: Any = DEFAULT_POLICY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**policy_argument(retry_policy), **kwargs)  # see DeferringOperator
        check_words(on_unreachable, read_on_unreachable)
        self.conn_id = conn_id
        self.session_id = session_id
        self.poll_interval = poll_interval
        self.max_idle = max_idle
        self.max_consecutive_failures = max_consecutive_failures
        self.on_unreachable = on_unreachable
        self.deferrable = parse_untemplated_bool(deferrable, "deferrable")
        self._history: History | None = None
        self._has_links = False

    @abstractmethod
    def goal(self) -> Goal:
        """What is waited for.

        :raises InputError: there is no such thing.
        """

    @abstractmethod
    def trigger(self, **arguments: Any) -> WaitTrigger:
        """The trigger that waits in this sensor's stead."""

    def execute(self, context: Context) -> Any:
        """Look once; if what is waited for is not there, defer, or poke on."""
        self.conn_id = parse_id(self.conn_id, "conn_id")
        self.poke_interval = self._interval()
        self.max_idle = parse_seconds(self.max_idle, "max_idle")
        self._unreachable_means()
        self._bearable()
        if not self.deferrable:
            return super().execute(context)
        deadline = SYSTEM_CLOCK.now().timestamp() + self.timeout
        # The trigger counts failures from the beginning; here nothing is borne that looking again will not mend.
        patience = Tolerance(failures=None, refused=1, missing=None)
        decision, session, _ = self._look(context, History(), patience)
        if decision.verdict is Verdict.WAIT:
            self._defer(deadline, session)
        return self._end(context, decision, _summary(session))

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once. A look that fails in passing counts as "not yet".

        Failures in a row are counted, as in the trigger. With ``mode="reschedule"`` each look is a run of its own: they
        are counted in the task state store of Airflow 3.3. Before it they cannot be, so that any number of looks may
        fail in passing, and one is enough that is refused or does not find the session.
        """
        before = recall(context) if self.reschedule else self._history
        patience = Tolerance(failures=self._bearable())
        if self.reschedule and before is None:
            patience = Tolerance(failures=None, refused=1, missing=1)
        decision, session, self._history = self._look(context, before or History(), patience)
        if before is not None and self.reschedule:
            remember(context, before, self._history)
        if decision.verdict is Verdict.WAIT:
            return False
        return PokeReturnValue(is_done=True, xcom_value=self._end(context, decision, _summary(session)))

    def _get_next_poke_interval(
        self, started_at: datetime | float, run_duration: Callable[[], float], poke_count: int
    ) -> float:
        """Seconds until the next poke: Airflow's, but the last poke comes at the deadline, and decides."""
        interval = super()._get_next_poke_interval(started_at, run_duration, poke_count)
        return max(0.0, min(interval, self.timeout - run_duration()))

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any] | None:
        """Make sense of the trigger's event.

        :param event: ``status``, ``session`` and ``message``.
        :raises UnreachableError: what was waited for can no longer come.
        :raises AirflowSensorTimeout: the deadline has passed.
        :raises TooManyFailuresError: looks failed too often.
        :raises WaitError: the event is none of ours.
        """
        status = event.get("status") if isinstance(event, dict) else None
        if not isinstance(status, str) or status not in set(Verdict) - {Verdict.WAIT}:
            raise self._failure(WaitError(f"the trigger's event cannot be understood: {sanitize_text(repr(event))}"))
        return self._end(context, Decision(Verdict(status), str(event.get("message"))), event.get("session"))

    def _look(self, context: Context, before: History, patience: Tolerance) -> tuple[Decision, Session | None, History]:
        """Look once, and decide."""
        goal, session_id = self.goal(), parse_id(self.session_id)
        hook = hook_for(self.conn_id, max_wait=SHORT_WAIT if self.deferrable else None)
        seen = hook.ask(lambda adapter: check(adapter, goal, session_id))
        if seen.session is not None and not self._has_links:  # a rescheduled task loses them with each run
            push_links(context, seen.session)
            self._has_links = True
        history = before.after(seen)
        decision = decide(goal, seen, history, patience)
        if seen.error is None:
            log.info("%s (waiting for %s)", decision.message, goal)
        else:
            log.warning("The look failed with %s: %s", type(seen.error).__name__, seen.error)
        return decision, seen.session, history

    def _defer(self, deadline: float, session: Session | None) -> NoReturn:
        now = SYSTEM_CLOCK.now().timestamp()
        not_before = now + SETTLING_SECONDS
        trigger = self.trigger(
            conn_id=self.conn_id,
            session_id=parse_id(self.session_id),
            poll_interval=self.poke_interval,
            deadline=deadline,
            not_before=not_before,
            max_consecutive_failures=self._bearable(),
            last_seen=_summary(session),
            max_idle=parse_seconds(self.max_idle, "max_idle"),
        )
        # The trigger keeps the deadline and says what it saw; Airflow's own limit is only a backstop behind it.
        backstop = max(deadline, not_before) - now + max(2 * self.poke_interval, _LEEWAY)
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=backstop))

    def _end(self, context: Context, decision: Decision, summary: dict[str, Any] | None) -> dict[str, Any] | None:
        """End the task as a decision, the trigger's or our own, demands."""
        log.info("%s: %s", decision.verdict.value, decision.message)
        if summary is not None:  # a request that was scheduled has another id now than the one that was waited for
            context["ti"].xcom_push(key="session_id", value=summary["session_id"])
        if decision.verdict is Verdict.SUCCESS:
            return summary
        if decision.verdict is Verdict.TIMEOUT:
            raise AirflowSensorTimeout(decision.message)
        if decision.verdict is Verdict.FAILED:
            raise self._failure(decision.error or TooManyFailuresError(decision.message))
        unreachable_means = self._unreachable_means()
        if unreachable_means == "skip":
            raise AirflowSkipException(decision.message)
        if unreachable_means == "fail":
            raise self._failure(UnreachableError(decision.message))
        return summary

    def _failure(self, error: Exception) -> Exception:
        """The error, or a skip where the task shall never fail: in all modes alike."""
        name_argument(error, self)
        return AirflowSkipException(f"Skipping, as never_fail is set: {error}") if self.never_fail else error

    def _interval(self) -> float:
        """Seconds between looks."""
        value = none_if_empty(self.poll_interval)
        return parse_interval(self.poke_interval if value is None else value)

    def _bearable(self) -> int:
        return parse_count(self.max_consecutive_failures, "max_consecutive_failures") or FAILURES

    def _unreachable_means(self) -> str:
        return read_on_unreachable(self.on_unreachable)


def read_on_unreachable(word: Any) -> str:
    """Read what is to be done where it can no longer come.

    :raises InputError: another word.
    """
    choices: tuple[str, ...] = get_args(OnUnreachable)
    if word not in choices:
        raise unknown_words("on_unreachable", [word], choices)
    return str(word)


def _summary(session: Session | None) -> dict[str, Any] | None:
    return None if session is None else session.summary()


class SessionStateSensor(_SessionSensor):
    """Wait until a session is in a state. Returns the session as a small dict, as the operators do.

    What counts as having reached a state, and from where it can no longer be reached, is written down at
    :func:`airflow_provider_sessions.polling.wait_conditions.decide`: ``scheduled`` is also reached by a session
    that is live or has ended, ``live`` is out of reach once it has.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param session_id: the session. (templated)
    :param state: ``requested``, ``scheduled``, ``live``, ``ended``, ``canceled`` or ``expired``. (templated)
    :param poll_interval: time between two looks: a timedelta, seconds (1 at least) or ISO 8601. ``poke_interval``, 60 s
        by default, if not given. All that wait on a connection share the looks. (templated)
    :param max_idle: time between two looks at most, however far away the planned start is, for a deferred wait: as late
        you may learn that a session was moved, canceled or begun early. 15 minutes by default. (templated)
    :param max_consecutive_failures: failed looks in a row that end the wait; being told to come back later (429) is no
        failure. (templated)
    :param on_unreachable: what to do where the state can no longer be reached, say because the session was canceled:
        ``fail``, ``skip`` or ``succeed``. (templated)
    :param cancel_on_kill: cancel the session, unless it has begun, when somebody marks the task failed or successful
        while it is deferred, or its DAG run runs out of time. Nothing else does: no clear, no restart or failure of a
        triggerer, no timeout of the sensor. Has an effect from Airflow 3.3 on, with ``deferrable=True``, and if a
        triggerer runs at that time; where it can have none, a warning is logged.
    :param deferrable: wait in the triggerer, without holding a worker.
    :param timeout: seconds, or a timedelta, after which the wait ends with a last look; 7 days by default (``[sensors]
        default_timeout``). ``execution_timeout`` is not kept by Airflow while a task is deferred.
    :param mode: ``poke`` or ``reschedule``, for ``deferrable=False``. Where it is rescheduled, failed looks in a row
        are counted from Airflow 3.3 on; before, any number may fail in passing until ``timeout``.
    :param soft_fail: skip instead of fail when ``timeout`` has passed; other failures stay failures.
    :raises UnreachableError: the state can no longer be reached.
    :raises TooManyFailuresError: a run of looks failed; quotes the last error.
    :raises InputError: an argument cannot be meant; nothing was sent.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "state")

    def __init__(self, *, state: StateName | str = "live", cancel_on_kill: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_words(state, StateGoal.read)
        self.state = state
        self.cancel_on_kill = parse_untemplated_bool(cancel_on_kill, "cancel_on_kill")

    def execute(self, context: Context) -> Any:
        """Look once; if what is waited for is not there, defer, or poke on."""
        if self.cancel_on_kill:
            self._prepare_for_kill(context)
        return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, Any] | None:
        """Make sense of the trigger's event."""
        if self.cancel_on_kill:
            note_end(context["ti"])
        return super().execute_complete(context, event)

    def goal(self) -> Goal:
        """What is waited for."""
        return StateGoal.read(self.state)

    def trigger(self, **arguments: Any) -> WaitTrigger:
        """The trigger that waits in this sensor's stead."""
        state = StateGoal.read(self.state).state
        return SessionStateTrigger(state=state.value, cancel_on_kill=self.cancel_on_kill, **arguments)

    def _prepare_for_kill(self, context: Context) -> None:
        if not TRIGGERS_ARE_TOLD:
            log.warning("cancel_on_kill has no effect before Airflow 3.3: triggers do not learn of a kill")
        elif not self.deferrable:
            # A worker's on_kill comes with every SIGTERM and in the middle of anything: it cannot ask what happened.
            log.warning("cancel_on_kill has no effect with deferrable=False: a worker cannot tell a kill from a clear")
        else:
            note_try(context["ti"])


class ArtifactSensor(_SessionSensor):
    """Wait until something that a session leaves behind is ready. Returns the session as a small dict.

    It may begin at any time: nothing is asked of the artifact before the session has ended. What the platform does not
    have (VidInfra makes no transcripts) is an error at once.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param session_id: the session. (templated)
    :param artifact: ``attendance``, ``transcript``, ``takeaways`` or ``recording``. (templated)
    :param poll_interval: see :class:`SessionStateSensor`, as for all other parameters. (templated)
    :param max_consecutive_failures: failed looks in a row that end the wait. (templated)
    :param on_unreachable: what to do where it will not come, because the session was never held or nothing was
        recorded: ``fail``, ``skip`` or ``succeed``. (templated)
    :param deferrable: wait in the triggerer, without holding a worker.
    :raises UnreachableError: it will not come.
    :raises UnsupportedError: the platform has no such artifact; the text says what to use instead.
    :raises TooManyFailuresError: a run of looks failed; quotes the last error.
    :raises InputError: an argument cannot be meant; nothing was sent.
    """

    template_fields: Sequence[str] = (*_SessionSensor.template_fields, "artifact")

    def __init__(self, *, artifact: ArtifactName | str = "transcript", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_words(artifact, ArtifactGoal.read)
        self.artifact = artifact

    def goal(self) -> Goal:
        """What is waited for."""
        return ArtifactGoal.read(self.artifact)

    def trigger(self, **arguments: Any) -> WaitTrigger:
        """The trigger that waits in this sensor's stead."""
        return ArtifactTrigger(artifact=ArtifactGoal.read(self.artifact).artifact.value, **arguments)
