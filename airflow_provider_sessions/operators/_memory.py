"""What a task remembers of the session it made, over retries and clears, where Airflow keeps that (3.3 and newer).

It saves a search, and finds the session where people have removed its mark. Before Airflow 3.3 nothing is remembered,
and the session is searched for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_NAME = "airflow_provider_sessions.created"


class Memory:
    """The state store of a task instance, if there is one.

    :param context: the task's context.
    :param conn_id: the connection with which the session is made: an id says nothing on another platform.
    """

    def __init__(self, context: Context, conn_id: str) -> None:
        self._store: Any = context.get("task_state_store")
        self._conn_id = conn_id

    def recall(self, key: str) -> str | None:
        """The id of the session that was made with this key.

        The store goes by map index alone, and so may hold what another item of a list has made: the key tells.
        """
        if self._store is None:
            return None
        kept = self._store.get(_NAME)
        if not isinstance(kept, dict) or kept.get("conn_id") != self._conn_id or kept.get("key") != key:
            return None
        session_id = kept.get("session_id")
        return session_id if isinstance(session_id, str) else None

    def keep(self, key: str, session_id: str) -> None:
        """Remember a session."""
        if self._store is not None:
            self._store.set(_NAME, {"conn_id": self._conn_id, "key": key, "session_id": session_id})
