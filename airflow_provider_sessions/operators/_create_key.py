"""The key of a create: the same for every try of a task instance that requests the same session."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from airflow_provider_sessions.model import SessionDraft

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_TASK_DIGITS, _REQUEST_DIGITS = 10, 6
"""Hexadecimal digits: together 64 bits, compared only within one account and one platform's lists."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Identifies a create; its text is ``task-request``.

    A retried or cleared task has the same key. A new run, another mapped task, another iteration of a task loop and
    other arguments have other keys. So does an item that moved to another index of a changed list.

    :param task: a digest of DAG, run, task, map index and iteration.
    :param request: a digest of what is requested.
    """

    task: str
    request: str

    @classmethod
    def of(cls, context: Context, draft: SessionDraft) -> CreateKey:
        """Return the key of a create.

        :param context: the task's context.
        :param draft: what is requested.
        """
        ti = context["ti"]
        map_index = -1 if ti.map_index is None else ti.map_index
        iteration = get_loop_index(context)
        task = [ti.dag_id, ti.run_id, ti.task_id, map_index, *([] if iteration is None else [iteration])]
        return cls(_digest(task, _TASK_DIGITS), _digest(draft.requested_fields, _REQUEST_DIGITS))

    def __str__(self) -> str:
        return f"{self.task}-{self.request}"


def get_loop_index(context: Context) -> int | None:
    """Return the iteration of the task loop that a task instance is in, from 0; None outside loops.

    DAG, run, task, map index and try number are the same in each iteration. Source: Airflow 3.4,
    ``airflow.sdk.execution_time.loop``; before 3.4 there are no loops.
    """
    loop: Any = context.get("loop")
    return None if loop is None else int(loop.index)


def get_earliest_attempt(context: Context) -> datetime | None:
    """Return a time before which no try of this task instance created anything; None if it is unknown.

    A run does not start before it is due. A first try has no predecessor, unless that was lost from Airflow's database,
    so it searches no further back than a day.
    """
    run = context.get("dag_run")
    due = None if run is None else run.run_after
    if due is not None and context["ti"].try_number <= 1:
        return max(due, datetime.now(UTC) - _DAY)
    return due


def _digest(value: object, digits: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_to_json)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _to_json(value: Any) -> Any:
    """Convert a value that JSON does not have. A set is sorted, because its order differs between processes."""
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return to_jsonable_python(value, serialize_unknown=True)
