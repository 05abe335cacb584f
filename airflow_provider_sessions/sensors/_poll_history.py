"""The poll history of a rescheduled sensor: each poke is a run of its own, so only Airflow 3.3's store can keep it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.polling.wait_conditions import PollHistory

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_KEY = "sessions_wait"


def load_history(context: Context) -> PollHistory | None:
    """Return the polls of this try so far; None if there is no task state store (before Airflow 3.3).

    :param context: the task's context.
    """
    store: Any = context.get("task_state_store")
    if store is None:
        return None
    stored = store.get(_KEY)
    # The store outlives tries and clears; failures of an earlier try do not count.
    if not isinstance(stored, dict) or stored.get("try_number") != _try_number(context):
        return PollHistory()
    return PollHistory(**stored["history"])


def save_history(context: Context, before: PollHistory, history: PollHistory) -> None:
    """Store the history if it has changed.

    :param context: the task's context, which has a task state store.
    :param before: the history as it was loaded.
    :param history: the history now.
    """
    if history != before:
        store: Any = context["task_state_store"]
        store.set(_KEY, {"try_number": _try_number(context), "history": asdict(history)})


def _try_number(context: Context) -> int:
    number: int = context["ti"].try_number
    return number
