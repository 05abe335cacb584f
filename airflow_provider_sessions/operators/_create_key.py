"""The key of a create: the same for every attempt of a task instance that asks for the same session."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from airflow_provider_sessions.model import SessionDraft

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_TASK, _REQUEST = 10, 6
"""Hexadecimal digits: together 64 bits, compared only within one account and one platform's lists."""
_DAY = timedelta(days=1)


def create_key(context: Context, draft: SessionDraft) -> str:
    """``task-request``: who asks (DAG, run, task, map index, iteration), and a fingerprint of what is asked for.

    A retried or cleared task has the same key. A new run, another mapped task, another iteration of a task loop and
    other arguments have another, and so has an item that a changed list has moved to another index.

    :param context: the task's context.
    :param draft: what is asked for.
    """
    ti = context["ti"]
    map_index = -1 if ti.map_index is None else ti.map_index
    iteration = get_loop_index(context)
    instance = [ti.dag_id, ti.run_id, ti.task_id, map_index, *([] if iteration is None else [iteration])]
    return f"{_digest(instance, _TASK)}-{_digest(draft.asked, _REQUEST)}"


def get_loop_index(context: Context) -> int | None:
    """The iteration of the task loop that a task instance is in, from 0; None outside loops.

    All else that names a task instance repeats in each iteration: DAG, run, task, map index and try number. Source:
    Airflow 3.4, ``airflow.sdk.execution_time.loop``; before 3.4 there are no loops.
    """
    loop: Any = context.get("loop")
    return None if loop is None else int(loop.index)


def get_earliest_attempt(context: Context) -> datetime | None:
    """A time before which no attempt of this task instance made anything, if it is known.

    A run does not begin before it is due. A first try has no predecessor, or one that was lost from Airflow's database;
    it looks back a day at most, however late it is.
    """
    run = context.get("dag_run")
    due = None if run is None else run.run_after
    if due is not None and context["ti"].try_number <= 1:
        return max(due, datetime.now(UTC) - _DAY)
    return due


def _digest(value: object, digits: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _plain(value: Any) -> Any:
    """What JSON has no word for. A set has no order, and must not have another one in the next process."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return to_jsonable_python(value, serialize_unknown=True)
