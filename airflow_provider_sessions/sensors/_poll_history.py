"""How the looks of a rescheduled sensor went: each is a run of its own, so only Airflow 3.3's store remembers them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.polling.wait_conditions import History

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_KEY = "sessions_wait"


def recall(context: Context) -> History | None:
    """How the looks of this try went so far; None where there is no task state store (before Airflow 3.3).

    :param context: the task's context.
    """
    store: Any = context.get("task_state_store")
    if store is None:
        return None
    known = store.get(_KEY)
    # The store outlives tries and clears; failures of an earlier try do not count.
    if not isinstance(known, dict) or known.get("try_number") != _try_number(context):
        return History()
    return History(**known["history"])


def remember(context: Context, before: History, history: History) -> None:
    """Write down how the looks went, if anything has changed.

    :param context: the task's context, which has a task state store.
    :param before: what was recalled.
    :param history: how it is now.
    """
    if history != before:
        store: Any = context["task_state_store"]
        store.set(_KEY, {"try_number": _try_number(context), "history": asdict(history)})


def _try_number(context: Context) -> int:
    number: int = context["ti"].try_number
    return number
