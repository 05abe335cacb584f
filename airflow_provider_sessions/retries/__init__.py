"""What a task that failed does next, decided by its error: Airflow's retry policies, for this provider's errors."""

from __future__ import annotations

import importlib.util
from typing import Any

_SINCE = "airflow.sdk.definitions.retry_policy"
"""Airflow has it from 3.3 on."""


def sessions_default_args() -> dict[str, Any]:
    """Arguments for a DAG's ``default_args`` that make its tasks retry where that helps, and only there.

    ``DAG("nightly", default_args={"retries": 3, **sessions_default_args()})``

    - A rate limit: the next try comes when the platform, or the account's budget, wants to be asked again.
    - A wrong or missing credential, right or plan, input that cannot be meant, what the platform cannot do or does not
      accept: the task fails at once, since another try would fail as well.
    - All other errors: ``retries`` and ``retry_delay`` decide, as ever.

    A retry spends one of the task's ``retries``, whatever brought it about.

    :returns: ``{"retry_policy": ...}``; before Airflow 3.3, which does not know that argument, ``{}``.
    """
    if importlib.util.find_spec(_SINCE) is None:
        return {}
    from airflow_provider_sessions.retries.policy import SessionsRetryPolicy

    return {"retry_policy": SessionsRetryPolicy()}
