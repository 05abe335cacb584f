"""What a task that failed does next, decided by its error: Airflow's retry policies, for this provider's errors."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.retries.permanent_errors import HAS_RETRY_POLICIES

DEFAULT_POLICY: Any = None
"""The policy of this provider's own operators and sensors, where their author gives none: None before Airflow 3.3."""
if HAS_RETRY_POLICIES:
    from airflow_provider_sessions.retries.policy import SessionsRetryPolicy

    DEFAULT_POLICY = SessionsRetryPolicy()


def make_policy_argument(retry_policy: Any) -> dict[str, Any]:
    """Return the argument by which a policy is handed to Airflow's operators; before 3.3 they take none."""
    return {"retry_policy": retry_policy} if HAS_RETRY_POLICIES else {}


def sessions_default_args() -> dict[str, Any]:
    """Arguments for a DAG's ``default_args`` that make all of its tasks retry where that helps, and only there.

    ``DAG("nightly", default_args={"retries": 3, **sessions_default_args()})``

    This provider's own operators and sensors do so by themselves; it is for tasks that call its hooks.

    - A rate limit: the next try comes when the platform, or the account's budget, wants to be asked again.
    - What another try would meet again: the task fails at once. See
      :func:`~airflow_provider_sessions.retries.permanent_errors.is_permanent`.
    - All other errors: ``retries`` and ``retry_delay`` decide, as ever.

    A retry spends one of the task's ``retries``, whatever brought it about.

    :returns: ``{"retry_policy": ...}``; before Airflow 3.3, which does not know that argument, ``{}``.
    """
    return make_policy_argument(DEFAULT_POLICY)
