"""Waiting for a free slot of the account's rate limit without holding a worker.

An operator whose request would have to wait longer than :data:`SHORT_WAIT` reserves as many slots as its work usually
needs, and its task is deferred until the last of them has come. The resumed task does its work from the beginning, with
those slots (see :mod:`airflow_provider_sessions.rate_limit.reservations`). So a hundred tasks on an account that allows
ten requests a minute are a hundred deferrals, each until a time of its own, and nobody storms the account in between.
If the slots did not suffice, it reserves one more than it used up: each time the work comes further.

A deferral spends none of the task's ``retries``. It is Airflow's own trigger that waits.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import ApiError, RateLimitedError, ServerError
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.hooks.portal import get_process_portal
from airflow_provider_sessions.operators._create import TooEarlyError
from airflow_provider_sessions.operators._template_values import parse_id, parse_untemplated_bool
from airflow_provider_sessions.rate_limit.reservations import ReservationLimiter
from airflow_provider_sessions.retries import DEFAULT_POLICY, policy_argument
from airflow_provider_sessions.retries.hopeless import judged
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers.sessions import SETTLING_SECONDS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

SHORT_WAIT = 10.0
"""Seconds that a request of a deferrable task waits for its slot, or after a 429, on the worker."""
_LONGEST = 86400.0
"""Seconds after its beginning that a task is deferred no more, if it has no ``execution_timeout``."""
_MOST_DEFERRALS = 20
"""Of one task. A platform that refuses everything, and says "come back at once", must not keep it going for ever."""
_SPREAD = 5.0
"""Seconds over which tasks come back where nobody knows the platform's limit, and so nobody can have a slot."""


class DeferringOperator(BaseOperator):
    """An operator that asks a platform. A subclass says what, in :meth:`work`.

    Where an error cannot be healed by another try, the task fails at once, unless its author gives a ``retry_policy``
    (also None); before Airflow 3.3, which knows none, always. See :mod:`airflow_provider_sessions.retries.hopeless`.

    :cvar usual_requests: how many requests the work sends as a rule: so many slots are reserved at once.
    :cvar repeated_after: errors after which the work may be done again from the beginning without harm. Where one of
        them says when to come back, and that is far, the task is deferred. If there are none, the task is deferred only
        before its first request, and requests after that wait as long as the connection's ``max_wait`` says.
    """

    usual_requests: ClassVar[int] = 2
    repeated_after: ClassVar[tuple[type[ApiError], ...]] = (RateLimitedError, ServerError)

    def __init__(
        self, *, conn_id: str, deferrable: bool = True, retry_policy: Any = DEFAULT_POLICY, **kwargs: Any
    ) -> None:
        # As the default of a parameter, the policy gives way to what an author gives, in default_args, too, and Airflow
        # finds it for mapped tasks. Set by kwargs.setdefault, it would beat default_args without a word.
        super().__init__(**policy_argument(retry_policy), **kwargs)
        self.conn_id = conn_id
        self.deferrable = parse_untemplated_bool(deferrable, "deferrable")

    @abstractmethod
    def work(self, context: Context, hook: SessionsHook) -> Any:
        """Do the work. It may be called again after a deferral.

        :param context: the task's context.
        :param hook: asks the platform, with the slots that were reserved.
        """

    def execute(self, context: Context) -> Any:
        """Do the work, or defer until it can be done."""
        return self._attempt(context, slots=0, began=SYSTEM_CLOCK.now().timestamp(), times=0)

    def execute_in_slot(
        self,
        context: Context,
        event: Any = None,
        *,
        slots: int | None = None,
        began: float | None = None,
        times: int = 1,
    ) -> Any:
        """Do the work after a deferral, or defer once more. ``dag.test`` hands over nothing but the event.

        :param event: the trigger's; it says nothing but that the time has come.
        :param slots: how many slots were reserved; as many as usual if not given.
        :param began: when the task first began, in seconds since 1970; now if not given.
        :param times: how often it was deferred.
        """
        return self._attempt(
            context,
            slots=self.usual_requests if slots is None else slots,
            began=SYSTEM_CLOCK.now().timestamp() if began is None else began,
            times=times,
        )

    def _attempt(self, context: Context, slots: int, began: float, times: int) -> Any:
        with judged(self):
            return self._work_or_defer(context, slots, began, times)

    def _work_or_defer(self, context: Context, slots: int, began: float, times: int) -> Any:
        self.conn_id = parse_id(self.conn_id, "conn_id")
        if not self.deferrable:
            return self._work(context, hook_for(self.conn_id), began, times)
        hook = hook_for(self.conn_id, max_wait=SHORT_WAIT if self.repeated_after else None)
        reservations = hook.use_reservations(slots, SHORT_WAIT)
        try:
            return self._work(context, hook, began, times)
        except (RateLimitedError, ServerError) as full:
            if reservations.sent and not self._may_repeat(full):
                raise
            self._defer(reservations, full, began, times)

    def _work(self, context: Context, hook: SessionsHook, began: float, times: int) -> Any:
        """Do the work; where it is too early, come back when it is not."""
        while True:
            try:
                return self.work(context, hook)
            except TooEarlyError as early:
                wait = early.until - SYSTEM_CLOCK.now().timestamp()
                if self.deferrable and wait > SHORT_WAIT:
                    self._defer_for(wait, early, {"slots": 0, "began": began, "times": times})
                log.info("Waiting for %.0f s: %s", wait, early)
                get_process_portal().run(lambda: SYSTEM_CLOCK.sleep(wait))  # noqa: B023 - run at once

    def _may_repeat(self, full: ApiError) -> bool:
        knows_when = full.retry_after is not None or isinstance(full, RateLimitedError)
        return knows_when and isinstance(full, self.repeated_after)

    def _defer(self, reservations: ReservationLimiter, full: ApiError, began: float, times: int) -> NoReturn:
        """Defer until the slots come.

        :raises ApiError: ``full``, where that is too far, or has been too often.
        """
        now = SYSTEM_CLOCK.now()
        left = began + self._longest() - now.timestamp()
        slots = max(self.usual_requests, reservations.sent + 1)
        if times >= _MOST_DEFERRALS or (full.retry_after or 0.0) > left:
            raise full
        slot = get_process_portal().run(lambda: reservations.reserve_ahead(slots, left))
        if slot is None:
            raise full
        spread = random.uniform(0, _SPREAD) if reservations.limit is None else 0.0  # noqa: S311 - no secret
        wait = max(SETTLING_SECONDS, slot, full.retry_after or 0.0) + spread
        self._defer_for(wait, full, {"slots": slots, "began": began, "times": times + 1})

    def _defer_for(self, seconds: float, why: Exception, resumed_with: dict[str, Any]) -> NoReturn:
        until = SYSTEM_CLOCK.now() + timedelta(seconds=seconds)
        log.info("Deferred for %.0f s, until %s: %s", seconds, until.strftime("%Y-%m-%d %H:%M:%S UTC"), why)
        self.defer(
            trigger=DateTimeTrigger(moment=until),
            method_name="execute_in_slot",
            kwargs=resumed_with | self.carried(),
        )

    def carried(self) -> dict[str, Any]:
        """What a deferral carries along besides, as JSON: arguments of :meth:`execute_in_slot`."""
        return {}

    def _longest(self) -> float:
        return _LONGEST if self.execution_timeout is None else self.execution_timeout.total_seconds()
