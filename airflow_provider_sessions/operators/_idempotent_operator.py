"""The base of operators that create an object exactly once, with a lock and a record of the requests that were sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.operators._create import UNCLEAR_ERRORS, TooEarlyError
from airflow_provider_sessions.operators._create_lock import create_lock
from airflow_provider_sessions.operators._deferring_operator import DeferringOperator
from airflow_provider_sessions.operators._send_record import SendRecord, format_clock_time
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

T = TypeVar("T")


class IdempotentOperator(DeferringOperator):
    """An operator that creates one object: one try runs at a time, and knows what earlier tries sent."""

    def __init__(self, *, conn_id: str, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self._record: SendRecord | None = None
        self._sends: dict[str, Any] | None = None

    def execute_in_slot(
        self,
        context: Context,
        event: Any = None,
        *,
        slots: int | None = None,
        began: float | None = None,
        times: int = 1,
        sends: dict[str, Any] | None = None,
    ) -> Any:
        """Do the work after a deferral. The other parameters are those of :class:`DeferringOperator`'s method.

        :param sends: what earlier tries sent.
        """
        self._sends = sends
        return super().execute_in_slot(context, event, slots=slots, began=began, times=times)

    def get_resume_arguments(self) -> dict[str, Any]:
        """Return what earlier tries sent, as an argument of :meth:`execute_in_slot`."""
        return {} if self._record is None else {"sends": self._record.as_json()}

    def run_once(
        self,
        context: Context,
        hook: SessionsHook,
        identity: Sequence[str],
        find_or_create: Callable[[Adapter, SendRecord], Coroutine[Any, Any, T]],
    ) -> T:
        """Run a coroutine function while no other try creates the same object.

        :param context: the task's context.
        :param hook: sends the requests.
        :param identity: texts that together identify the object.
        :param find_or_create: receives the adapter and the record; it returns the object, and creates it only if it
            does not exist.
        """
        key = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:17]
        account, store = hook.account, hook.account.rate_store
        place = (hook.conn_type, account.base_url(adapter_class(hook.conn_type).default_base_url))
        with create_lock(key, store):
            self._record = record = SendRecord(key, place, store, context["ti"].try_number, SYSTEM_CLOCK, self._sends)
            result = hook.run(lambda adapter: find_or_create(adapter, record))
            record.close()
        self._record = self._sends = None  # a later deferral carries no record
        return result


async def send_with_record(adapter: Adapter, record: SendRecord, send_id: str, call: Call[T]) -> T:
    """Send a call, and record whether it got a response.

    :param send_id: identifies the call in the record.
    :raises SessionsError: the call failed; it may have been carried out if this is one of ``UNCLEAR_ERRORS``.
    """
    record.record_send(send_id)
    try:
        response = await adapter.client.send(call)
    except UNCLEAR_ERRORS:
        record.record_give_up(send_id)
        raise
    except SessionsError:
        record.record_outcome(send_id)
        raise
    record.record_outcome(send_id)
    return response


def check_no_send_pending(record: SendRecord) -> None:
    """Check that no earlier request may still be carried out.

    :raises TooEarlyError: a request may still be carried out.
    """
    if record.has_pending_send():
        until = record.pending_until()
        raise TooEarlyError(
            f"the platform may still carry out an earlier try's request, if that sent one; no other is sent "
            f"before {format_clock_time(until)}",
            until,
        )
