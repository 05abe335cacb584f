"""Store the id of the session that a create made, beyond retries and clears of its task.

It saves a search, and finds the session where people have removed its mark. There are two stores, since neither is
enough by itself. Airflow's task state store (3.3 and newer) is shared by all workers, but from 3.4 on a clear empties
it unless it is told to keep it. The store beside the connection's rate limit outlives a clear on every Airflow, but
without Redis it belongs to one host: see :mod:`airflow_provider_sessions.operators._record_stores`.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.operators._record_stores import RecordKind, record_store
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_NAME = "airflow_provider_sessions.created"
_MADE = RecordKind("made", "made", "It cannot be remembered beyond a clear which session this create made (%s)")
_KEPT_AFTER_END = 30 * 86400.0
"""Seconds after the planned end for which the id is kept where it outlives a clear."""


class SessionIdStore:
    """The id of the session that one create made.

    :param context: the task's context.
    :param conn_id: the connection with which the session is made: an id says nothing on another platform.
    :param key: the key of the create.
    :param place: what distinguishes the platform from others: its connection type and base URL.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    """

    def __init__(
        self, context: Context, conn_id: str, key: str, place: tuple[str, str], store: RedisAddress | None
    ) -> None:
        self._task_store: Any = context.get("task_state_store")
        self._conn_id = conn_id
        self._key = key
        self._record = record_store(_MADE, key, place, store)

    def load(self) -> str | None:
        """Return the id of the session that was made with this key, or None if none is known.

        The task's store goes by map index alone, and so may hold what another item of a list has made: the key tells.
        """
        kept = None if self._task_store is None else self._task_store.get(_NAME)
        if not isinstance(kept, dict) or kept.get("conn_id") != self._conn_id or kept.get("key") != self._key:
            return self._record.read()
        session_id = kept.get("session_id")
        return session_id if isinstance(session_id, str) else None

    def save(self, session_id: str, planned_end: datetime | None) -> None:
        """Store the id of the session.

        :param session_id: its id.
        :param planned_end: when it is planned to end, if that is known.
        """
        end = time.time() if planned_end is None else planned_end.timestamp()
        self._record.write(session_id, max(end, time.time()) + _KEPT_AFTER_END)
        if self._task_store is not None:
            # As new as the store, so not imported above. Airflow compares by identity; its stubs lack the name.
            from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]

            kept = {"conn_id": self._conn_id, "key": self._key, "session_id": session_id}
            self._task_store.set(_NAME, kept, retention=NEVER_EXPIRE)
