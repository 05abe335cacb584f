"""``cancel_on_kill``: cancel a session when the task that waits for it is killed, and only then.

Airflow (from 3.3 on) calls a trigger's ``on_kill`` when the deferred task was marked; but also when it was cleared, and
when a triggerer that was frozen finds its triggers assigned to another one. Therefore the state of the task instance is
requested first, and without it nothing is canceled.

=======================================  ===============================================================================
state of the task instance               what happens
=======================================  ===============================================================================
success, failed or skipped               the session is canceled: the task was marked, or its DAG run timed out
the same, but the wait had ended, or     nothing: while this triggerer was frozen another one took over, or the task was
another try has started                  cleared and had finished before this trigger received the call
any other                                nothing: the task was cleared or is still waiting
unknown                                  nothing
=======================================  ===============================================================================

Whether the wait had ended or another try has started is known from an XCom; see :func:`record_try` and
:func:`record_end`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from airflow.sdk.execution_time.comms import GetTaskStates, GetXCom
from airflow.triggers.base import BaseTrigger

from airflow_provider_sessions.hooks.connections import aresolve_connection
from airflow_provider_sessions.hooks.masking import get_supervisor, mask_in_background
from airflow_provider_sessions.hooks.metrics import make_metrics
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.operators._transitions import cancel_session
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers._connector import import_adapter

log = get_logger(__name__)

TRIGGERS_HAVE_ON_KILL = hasattr(BaseTrigger, "on_kill")
"""Whether this Airflow version calls ``on_kill`` of a trigger: from 3.3 on."""

_MARKED_STATES = frozenset({"success", "failed", "skipped"})
"""States that a user can set. ``removed`` is not among them: a DAG without the task was deployed."""
_NOT_STARTED = frozenset({SessionState.REQUESTED, SessionState.SCHEDULED})
_XCOM_KEY = "waiting_try"
_WAIT_ENDED = 0
_TIMEOUT = 25.0
"""Seconds for the whole cancellation: Airflow stops waiting for ``on_kill`` after 30 s."""

_running: set[asyncio.Future[None]] = set()
"""References that keep running tasks from being garbage-collected."""


def record_try(task_instance: Any) -> None:
    """Record the number of the waiting try in an XCom, before the task is deferred. A new try overwrites it."""
    task_instance.xcom_push(key=_XCOM_KEY, value=task_instance.try_number)


def record_end(task_instance: Any) -> None:
    """Record in the XCom that the wait has ended, before the task does."""
    task_instance.xcom_push(key=_XCOM_KEY, value=_WAIT_ENDED)


async def cancel_if_task_was_marked(task_instance: Any, conn_id: str, session_id: str) -> None:
    """Cancel a session that has not started, if the task that waits for it was marked. Errors are only logged.

    :param task_instance: the trigger's task instance; None if it has none.
    :param conn_id: the connection.
    :param session_id: the session.
    """
    task = asyncio.ensure_future(_cancel_if_marked(task_instance, conn_id, session_id))
    _running.add(task)
    task.add_done_callback(_running.discard)
    # The triggerer cancels a trigger that is still there in its next loop, a second later: possibly in the middle.
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)


async def _cancel_if_marked(task_instance: Any, conn_id: str, session_id: str) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT):
            if await _was_marked(task_instance):
                await _cancel_session(conn_id, session_id)
    except Exception as failure:  # Airflow would log a warning without the session
        log.exception("Session %s was not canceled: %s: %s", session_id, type(failure).__name__, failure)


async def _was_marked(task_instance: Any) -> bool:
    """Return whether the trigger's try was set to a final state from outside."""
    try:
        state = await _get_state(task_instance)
        waiting_try = await _get_waiting_try(task_instance) if state in _MARKED_STATES else None
    except Exception:  # without the state, nothing may be canceled
        log.exception("The session is not canceled: the state of the task is unknown")
        return False
    if state not in _MARKED_STATES:
        log.info("The session is not canceled: the task was not marked, its state is %s", state or "none")
        return False
    if waiting_try not in (None, task_instance.try_number):
        log.info("The session is not canceled: the task is %s, but this wait was not killed", state)
        return False
    log.info("The task was marked %s while it was waiting", state)
    return True


async def _get_state(task_instance: Any) -> str | None:
    """Return the state of exactly this task instance: its run and its map index.

    :raises LookupError: the task instance no longer exists.
    """
    task_id, run_id, map_index = task_instance.task_id, task_instance.run_id, task_instance.map_index
    request = GetTaskStates(dag_id=task_instance.dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index)
    response = await get_supervisor().asend(request)
    is_mapped = map_index is not None and map_index >= 0
    name = f"{task_id}_{map_index}" if is_mapped else task_id
    state: str | None = response.task_states[run_id][name]
    return state


async def _get_waiting_try(task_instance: Any) -> Any:
    """Return what was recorded; None if nothing was, for example because another operator uses the trigger."""
    request = GetXCom(
        key=_XCOM_KEY,
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
    )
    return getattr(await get_supervisor().asend(request), "value", None)


async def _cancel_session(conn_id: str, session_id: str) -> None:
    account = await aresolve_connection(conn_id)
    kind = await import_adapter(account)
    adapter: Adapter
    async with kind.open(
        account,
        metrics=make_metrics(account),
        on_secret=mask_in_background,
        traffic_class=TrafficClass.CALL,
        max_wait=_TIMEOUT,
    ) as adapter:
        session = await adapter.get(session_id)
        if session.state not in _NOT_STARTED:
            log.info(
                "Session %s is not canceled: it is %s, and only a session that has not started is canceled",
                session_id,
                session.state,
            )
            return
        await cancel_session(adapter, session.session_id, notify=True)
    log.info("Session %s was canceled because cancel_on_kill is set", session.session_id)
