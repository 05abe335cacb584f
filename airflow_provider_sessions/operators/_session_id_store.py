"""Store the id of the session that a task created, beyond retries and clears of the task.

This saves a search, and finds the session if people have removed its marker. There are two stores, since neither is
enough by itself. Airflow's task state store (3.3 and newer) is shared by all workers, but from 3.4 on a clear empties
it unless ``keep_task_state`` is set. The store beside the connection's rate limit outlives a clear on every Airflow,
but without Redis it belongs to one host: see :mod:`airflow_provider_sessions.operators._record_stores`.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.operators._record_stores import RecordKind, get_record_store
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_NAME = "airflow_provider_sessions.created"
_KIND = RecordKind("made", "made", "Cannot store the id of this task's session beyond a clear (%s)")
_KEEP_AFTER_END = 30 * 86400.0
"""Seconds after the planned end for which the id is kept in the store that outlives a clear."""


class SessionIdStore:
    """Stores the id of the session that one task created.

    :param context: the task's context.
    :param conn_id: the connection of the session: an id is valid on one platform only.
    :param key: the key of the create.
    :param place: identifies the platform: its connection type and base URL.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    """

    def __init__(
        self, context: Context, conn_id: str, key: str, place: tuple[str, str], store: RedisAddress | None
    ) -> None:
        self._task_store: Any = context.get("task_state_store")
        self._conn_id = conn_id
        self._key = key
        self._record = get_record_store(_KIND, key, place, store)

    def load(self) -> str | None:
        """Return the id of the session that was created with this key, or None if none is known.

        The task's store is per map index, so it may hold the session of another item of a list: the key decides.
        """
        stored = None if self._task_store is None else self._task_store.get(_NAME)
        if not isinstance(stored, dict) or stored.get("conn_id") != self._conn_id or stored.get("key") != self._key:
            return self._record.read()
        session_id = stored.get("session_id")
        return session_id if isinstance(session_id, str) else None

    def save(self, session_id: str, planned_end: datetime | None) -> None:
        """Store the id of the session.

        :param session_id: its id.
        :param planned_end: its planned end; None if it is unknown.
        """
        end = time.time() if planned_end is None else planned_end.timestamp()
        self._record.write(session_id, max(end, time.time()) + _KEEP_AFTER_END)
        if self._task_store is not None:
            # As new as the store, so not imported above. Airflow compares by identity; its stubs lack the name.
            from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]

            stored = {"conn_id": self._conn_id, "key": self._key, "session_id": session_id}
            self._task_store.set(_NAME, stored, retention=NEVER_EXPIRE)
