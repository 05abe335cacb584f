"""Wait for the account's rate limit without holding a worker.

If a request of an operator would have to wait longer than :data:`SHORT_WAIT`, the operator makes as many reservations
as its work usually needs, and its task is deferred until the last of them. The resumed task does its work from the
beginning with these reservations (see :mod:`airflow_provider_sessions.rate_limit.reservations`). So a hundred tasks on
an account that allows ten requests per minute are a hundred deferrals that end at different times, without a rush on
the account in between. If the reservations were not enough, the operator makes one more than it has used, so that the
work gets further each time.

A deferral uses none of the task's ``retries``. Airflow's own trigger waits.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from airflow_provider_sessions.arguments import parse_id, parse_untemplated_bool
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import ApiError, RateLimitedError, ServerError
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.hooks.portal import get_process_portal
from airflow_provider_sessions.metrics import RATE_LIMIT_DEFERRAL
from airflow_provider_sessions.operators._create import TooEarlyError
from airflow_provider_sessions.rate_limit.reservations import ReservationLimiter
from airflow_provider_sessions.retries import DEFAULT_POLICY, make_policy_argument
from airflow_provider_sessions.retries.permanent_errors import fail_on_permanent_error
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers.sessions import SETTLING_SECONDS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

SHORT_WAIT = 10.0
"""Seconds that a request of a deferrable task may wait on the worker, for the rate limit or after a 429."""
_DEFAULT_TIMEOUT = 86400.0
"""Seconds after its start beyond which a task without ``execution_timeout`` is not deferred any more."""
_MAX_DEFERRALS = 20
"""Deferrals of one task. A platform that refuses every request with a short ``Retry-After`` must not cause more."""
_MAX_SPREAD = 5.0
"""Seconds over which tasks resume if the platform's limit is unknown, so that there are no reservations."""


class DeferringOperator(BaseOperator):
    """An operator that sends requests to a platform. A subclass does so in :meth:`work`.

    After an error that a retry cannot fix, the task fails at once, unless its author sets a ``retry_policy`` (even
    None); before Airflow 3.3, which has none, always. See :mod:`airflow_provider_sessions.retries.permanent_errors`.

    :cvar usual_requests: how many requests the work usually sends, and so how many reservations are made together.
    :cvar repeated_after: errors after which the work can be repeated from the beginning without harm. If one of them
        says to retry later than :data:`SHORT_WAIT`, the task is deferred. If there are none, the task is deferred only
        before its first request, and later requests wait as long as the connection's ``max_wait`` says.
    """

    usual_requests: ClassVar[int] = 2
    repeated_after: ClassVar[tuple[type[ApiError], ...]] = (RateLimitedError, ServerError)

    def __init__(
        self, *, conn_id: str, deferrable: bool = True, retry_policy: Any = DEFAULT_POLICY, **kwargs: Any
    ) -> None:
        # As the default of a parameter, the policy yields to what an author sets, even in default_args, and Airflow
        # finds it for mapped tasks. With kwargs.setdefault it would silently override default_args.
        super().__init__(**make_policy_argument(retry_policy), **kwargs)
        self.conn_id = conn_id
        self.deferrable = parse_untemplated_bool(deferrable, "deferrable")

    @abstractmethod
    def work(self, context: Context, hook: SessionsHook) -> Any:
        """Do the work. It may be called again after a deferral.

        :param context: the task's context.
        :param hook: sends requests, with the reservations that were made.
        """

    def execute(self, context: Context) -> Any:
        """Do the work, or defer until it can be done."""
        return self._attempt(context, reserved=0, began=SYSTEM_CLOCK.now().timestamp(), times=0)

    def execute_in_slot(
        self,
        context: Context,
        event: Any = None,
        *,
        slots: int | None = None,
        began: float | None = None,
        times: int = 1,
    ) -> Any:
        """Do the work after a deferral, or defer again. ``dag.test`` passes only the event.

        :param event: the trigger's event; it has no content.
        :param slots: how many reservations were made; by default as many as usual.
        :param began: when the task first started, in seconds since 1970; by default now.
        :param times: how often the task was deferred.
        """
        return self._attempt(
            context,
            reserved=self.usual_requests if slots is None else slots,
            began=SYSTEM_CLOCK.now().timestamp() if began is None else began,
            times=times,
        )

    def _attempt(self, context: Context, reserved: int, began: float, times: int) -> Any:
        with fail_on_permanent_error(self):
            return self._work_or_defer(context, reserved, began, times)

    def _work_or_defer(self, context: Context, reserved: int, began: float, times: int) -> Any:
        self.conn_id = parse_id(self.conn_id, "conn_id")
        if not self.deferrable:
            return self._work(context, hook_for(self.conn_id), began, times)
        hook = hook_for(self.conn_id, max_wait=SHORT_WAIT if self.repeated_after else None)
        with hook.use_reservations(reserved, SHORT_WAIT) as reservations:
            try:
                return self._work(context, hook, began, times)
            except (RateLimitedError, ServerError) as error:
                if reservations.sent and not self._can_repeat_after(error):
                    raise
                self._defer_with_reservations(hook, reservations, error, began, times)

    def _work(self, context: Context, hook: SessionsHook, began: float, times: int) -> Any:
        """Do the work; if it is too early, wait or defer until it is not."""
        while True:
            try:
                return self.work(context, hook)
            except TooEarlyError as error:
                wait = error.until - SYSTEM_CLOCK.now().timestamp()
                if self.deferrable and wait > SHORT_WAIT:
                    self._defer_for(wait, error, {"slots": 0, "began": began, "times": times})
                log.info("Waiting for %.0f s: %s", wait, error)
                get_process_portal().run(lambda: SYSTEM_CLOCK.sleep(wait))  # noqa: B023 - runs before wait changes

    def _can_repeat_after(self, error: ApiError) -> bool:
        says_when = error.retry_after is not None or isinstance(error, RateLimitedError)
        return says_when and isinstance(error, self.repeated_after)

    def _defer_with_reservations(
        self, hook: SessionsHook, reservations: ReservationLimiter, error: ApiError, began: float, times: int
    ) -> NoReturn:
        """Defer until the time of new reservations.

        :raises ApiError: ``error``, if that is later than the task's timeout, or the task was deferred too often.
        """
        now = SYSTEM_CLOCK.now()
        left = began + self._get_timeout() - now.timestamp()
        count = max(self.usual_requests, reservations.sent + 1)
        if times >= _MAX_DEFERRALS or (error.retry_after or 0.0) > left:
            raise error
        last = get_process_portal().run(lambda: reservations.reserve_ahead(count, left))
        if last is None:
            raise error
        spread = random.uniform(0, _MAX_SPREAD) if reservations.limit is None else 0.0  # noqa: S311 - not a secret
        wait = max(SETTLING_SECONDS, last, error.retry_after or 0.0) + spread
        make_metrics(hook.account).record_seconds(RATE_LIMIT_DEFERRAL, wait)
        self._defer_for(wait, error, {"slots": count, "began": began, "times": times + 1})

    def _defer_for(self, seconds: float, reason: Exception, resume_arguments: dict[str, Any]) -> NoReturn:
        until = SYSTEM_CLOCK.now() + timedelta(seconds=seconds)
        log.info("Deferred for %.0f s, until %s: %s", seconds, until.strftime("%Y-%m-%d %H:%M:%S UTC"), reason)
        self.defer(
            trigger=DateTimeTrigger(moment=until),
            method_name="execute_in_slot",
            kwargs=resume_arguments | self.get_resume_arguments(),
        )

    def get_resume_arguments(self) -> dict[str, Any]:
        """Return further arguments of :meth:`execute_in_slot`, as JSON."""
        return {}

    def _get_timeout(self) -> float:
        return _DEFAULT_TIMEOUT if self.execution_timeout is None else self.execution_timeout.total_seconds()
