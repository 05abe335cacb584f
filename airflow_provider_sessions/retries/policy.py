"""The retry policy, which can be imported on Airflow 3.3 and newer."""

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
        """Decide whether a task is retried, and when.

        :param exception: the error of the task.
        :param try_number: not used.
        :param max_tries: not used.
        :param context: not used.
        """
        if is_permanent(exception):
            return RetryDecision.fail(f"{type(exception).__name__}: a retry would fail as well")
        if isinstance(exception, RateLimitedError) and exception.retry_after is not None:
            wait = timedelta(seconds=exception.retry_after)
            return RetryDecision.retry(wait, f"rate limited; the next request can be sent in {wait}")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON. It has no settings."""
        return {"__type": type(self).__name__}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> RetryPolicy:
        """Return the policy from JSON."""
        return cls()
