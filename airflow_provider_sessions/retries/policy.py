"""The retry policy itself. It can be imported on Airflow 3.3 and newer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import RetryDecision, RetryPolicy

from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.retries.permanent_errors import is_permanent


class SessionsRetryPolicy(RetryPolicy):
    """See :func:`airflow_provider_sessions.retries.sessions_default_args`."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any | None = None
    ) -> RetryDecision:
        """Decide about the next try.

        :param exception: what the task failed with.
        :param try_number: 1 for the first.
        :param max_tries: tries at most.
        :param context: the task's context; not used.
        """
        if is_permanent(exception):
            return RetryDecision.fail(f"{type(exception).__name__}: another try would fail as well")
        if isinstance(exception, RateLimitedError) and exception.retry_after is not None:
            wait = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(wait, f"rate limit: the next request may be sent in {wait}")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """The policy as JSON: it has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryPolicy:
        """The policy from JSON."""
        return cls()
