"""What operators share that make one thing, once: a lock, a record of what was sent, and no blind second request."""

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
from airflow_provider_sessions.operators._deferring import DeferringOperator
from airflow_provider_sessions.operators._send_record import SendRecord, format_clock_time
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.registry import adapter_class

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

T = TypeVar("T")


class OnceOperator(DeferringOperator):
    """An operator that makes one thing: one attempt at a time, with a record of what earlier attempts sent."""

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

        :param sends: what earlier attempts sent.
        """
        self._sends = sends
        return super().execute_in_slot(context, event, slots=slots, began=began, times=times)

    def get_resume_arguments(self) -> dict[str, Any]:
        """Return what earlier attempts sent, as an argument of :meth:`execute_in_slot`."""
        return {} if self._record is None else {"sends": self._record.as_json()}

    def run_once(
        self,
        context: Context,
        hook: SessionsHook,
        what: Sequence[str],
        make: Callable[[Adapter, SendRecord], Coroutine[Any, Any, T]],
    ) -> T:
        """Run ``make`` while no other attempt at the same thing runs.

        :param what: what tells the thing from others.
        :param make: is given the adapter and the record; it looks for the thing before it makes one.
        """
        key = hashlib.sha256("\n".join(what).encode()).hexdigest()[:17]
        account, store = hook.account, hook.account.rate_store
        place = (hook.conn_type, account.base_url(adapter_class(hook.conn_type).default_base_url))
        with create_lock(key, store):
            self._record = record = SendRecord(key, place, store, context["ti"].try_number, SYSTEM_CLOCK, self._sends)
            made = hook.run(lambda adapter: make(adapter, record))
            record.close()
        self._record = self._sends = None  # a later deferral has nothing to carry
        return made


async def send_recorded(adapter: Adapter, record: SendRecord, attempt: str, call: Call[T]) -> T:
    """Send a call, and note in the record whether it got a response.

    :param attempt: its name in the record.
    :raises SessionsError: one of ``UNCLEAR_ERRORS`` if the call may have been carried out all the same.
    """
    record.record_send(attempt)
    try:
        response = await adapter.client.send(call)
    except UNCLEAR_ERRORS:
        record.record_give_up(attempt)
        raise
    except SessionsError:
        record.settle(attempt)
        raise
    record.settle(attempt)
    return response


def check_quiet(record: SendRecord) -> None:
    """Refuse to send while an earlier request may still be carried out.

    :raises TooEarlyError: one may.
    """
    if not record.is_quiet():
        until = record.quiet_until()
        raise TooEarlyError(
            f"the platform may still carry out an earlier try's request, which got no response; no other is sent "
            f"before {format_clock_time(until)}",
            until,
        )
