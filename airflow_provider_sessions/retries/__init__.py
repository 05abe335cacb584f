"""Decide by the error of a task whether it is retried, and when: a retry policy for this provider's errors."""

from __future__ import annotations

from typing import Any

from airflow_provider_sessions.retries.permanent_errors import HAS_RETRY_POLICIES

DEFAULT_POLICY: Any = None
"""The retry policy of this provider's operators and sensors, unless they are given one; None before Airflow 3.3."""
if HAS_RETRY_POLICIES:
    from airflow_provider_sessions.retries.policy import SessionsRetryPolicy

    DEFAULT_POLICY = SessionsRetryPolicy()


def make_policy_argument(retry_policy: Any) -> dict[str, Any]:
    """Return the argument ``retry_policy`` of Airflow's operators; empty before Airflow 3.3, which does not know it."""
    return {"retry_policy": retry_policy} if HAS_RETRY_POLICIES else {}


def sessions_default_args() -> dict[str, Any]:
    """Return ``default_args`` with which the tasks of a DAG are retried only if that can help.

    ``DAG("nightly", default_args={"retries": 3, **sessions_default_args()})``

    They are for tasks that call this provider's hooks; its operators and sensors have the same policy by default.

    - Rate limits: the task is retried when the next request may be sent.
    - Errors that a retry cannot fix: the task fails at once. See
      :func:`~airflow_provider_sessions.retries.permanent_errors.is_permanent`.
    - All other errors: ``retries`` and ``retry_delay`` apply as usual.

    Every retry counts as one of the task's ``retries``.

    :returns: ``{"retry_policy": ...}``; ``{}`` before Airflow 3.3, which does not know that argument.
    """
    return make_policy_argument(DEFAULT_POLICY)
