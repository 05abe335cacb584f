"""Calling a session off when the task that waited for it is killed, and only then.

Airflow calls a trigger's ``on_kill`` (from 3.3 on) when somebody has marked the deferred task; but also when the task
was cleared, and when a triggerer that was frozen finds its triggers in the hands of another. So the task instance is
asked for before anything is done, and where that is not possible nothing is.

=======================================  ===============================================================================
the task instance, when it is asked for  what is done
=======================================  ===============================================================================
success, failed or skipped               somebody marked it, or its DAG run ran out of time: the session is called off
the same, but the wait ended by itself,  nothing: while this triggerer was frozen another one took over, or the task was
or another try has begun                 cleared and done with before this trigger heard of it
in any other state                       nothing: it was cleared, or it still waits
not to be found out                      nothing
=======================================  ===============================================================================

Whether a wait ended by itself, or another try has begun, shows in the note that :func:`note_try` and :func:`note_end`
keep.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from airflow.sdk.execution_time.comms import GetTaskStates, GetXCom
from airflow.triggers.base import BaseTrigger

from airflow_provider_sessions.hooks.connections import aresolve
from airflow_provider_sessions.hooks.masking import mask_soon, supervisor
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.operators._transitions import cancel_session
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers._connector import adapter_of

log = get_logger(__name__)

TRIGGERS_ARE_TOLD = hasattr(BaseTrigger, "on_kill")
"""Whether this Airflow tells a trigger that its task was killed: from 3.3 on."""

_MARKED = frozenset({"success", "failed", "skipped"})
"""States in which somebody can put a task. ``removed`` is none: a DAG without the task was deployed."""
_NOT_BEGUN = frozenset({SessionState.REQUESTED, SessionState.SCHEDULED})
_WAITING_TRY = "waiting_try"
_OVER = 0
_PATIENCE = 25.0
"""Seconds for all of it: Airflow gives up on ``on_kill`` after 30 s."""

_at_work: set[asyncio.Future[None]] = set()
"""Keeps what is at work from being collected before it is done."""


def note_try(task_instance: Any) -> None:
    """Note, in an XCom, which try of a task waits: before it is deferred. A new try makes the note anew."""
    task_instance.xcom_push(key=_WAITING_TRY, value=task_instance.try_number)


def note_end(task_instance: Any) -> None:
    """Note that a wait has ended by itself: before its task ends."""
    task_instance.xcom_push(key=_WAITING_TRY, value=_OVER)


async def call_off_if_marked(task_instance: Any, conn_id: str, session_id: str) -> None:
    """Cancel a session that has not begun, if the task that waits for it has been marked. Never fails; logs instead.

    :param task_instance: the trigger's; None where it has none.
    :param conn_id: the connection.
    :param session_id: the session.
    """
    work = asyncio.ensure_future(_call_off_if_marked(task_instance, conn_id, session_id))
    _at_work.add(work)
    work.add_done_callback(_at_work.discard)
    # A trigger that is not gone at the triggerer's next round, a second later, is stopped again: in the middle of this.
    while not work.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(work)


async def _call_off_if_marked(task_instance: Any, conn_id: str, session_id: str) -> None:
    try:
        async with asyncio.timeout(_PATIENCE):
            if await _was_marked(task_instance):
                await _call_off(conn_id, session_id)
    except Exception as failure:  # Airflow would tell it as a warning of its own, without the session
        log.exception("Session %s was not canceled: %s: %s", session_id, type(failure).__name__, failure)


async def _was_marked(task_instance: Any) -> bool:
    """Whether the trigger's try was put into a final state from outside."""
    try:
        state = await _state_of(task_instance)
        waiting_try = await _waiting_try(task_instance) if state in _MARKED else None
    except Exception:  # whatever keeps us from knowing, nothing may be canceled
        log.exception("Nothing is canceled: the state of the task cannot be found out")
        return False
    if state not in _MARKED:
        log.info("Nothing is canceled: the task was not marked, it is %s", state or "to be scheduled")
        return False
    if waiting_try not in (None, task_instance.try_number):
        log.info("Nothing is canceled: the task is %s, but not because this wait was killed", state)
        return False
    log.info("The task was marked %s while it waited", state)
    return True


async def _state_of(task_instance: Any) -> str | None:
    """The state of exactly this instance of a task: its run and its map index.

    :raises LookupError: there is no such instance any more.
    """
    task_id, run_id, map_index = task_instance.task_id, task_instance.run_id, task_instance.map_index
    asked = GetTaskStates(dag_id=task_instance.dag_id, task_ids=[task_id], run_ids=[run_id], map_index=map_index)
    answer = await supervisor().asend(asked)
    is_mapped = map_index is not None and map_index >= 0
    name = f"{task_id}_{map_index}" if is_mapped else task_id
    state: str | None = answer.task_states[run_id][name]
    return state


async def _waiting_try(task_instance: Any) -> Any:
    """What was noted; None if nothing was, as where a task of somebody else's uses the trigger."""
    asked = GetXCom(
        key=_WAITING_TRY,
        dag_id=task_instance.dag_id,
        run_id=task_instance.run_id,
        task_id=task_instance.task_id,
        map_index=task_instance.map_index,
    )
    return getattr(await supervisor().asend(asked), "value", None)


async def _call_off(conn_id: str, session_id: str) -> None:
    account = await aresolve(conn_id)
    kind = await adapter_of(account)
    adapter: Adapter
    async with kind.open(account, on_secret=mask_soon, traffic_class=TrafficClass.CALL, max_wait=_PATIENCE) as adapter:
        session = await adapter.get(session_id)
        if session.state not in _NOT_BEGUN:
            log.info(
                "Session %s is %s and left alone: only one that has not begun is canceled", session_id, session.state
            )
            return
        await cancel_session(adapter, session.session_id, notify=True)
    log.info("Session %s was canceled, as cancel_on_kill is set", session.session_id)
