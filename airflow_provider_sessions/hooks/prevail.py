"""The hook of Prevail."""

from __future__ import annotations

from airflow_provider_sessions.hooks.base import SessionsHook


class PrevailHook(SessionsHook):
    """A connection to Prevail; see :class:`~airflow_provider_sessions.hooks.base.SessionsHook`.

    :param conn_id: id of a connection of the type ``prevail``.
    """

    conn_type = "prevail"
    default_conn_name = "prevail_default"
    hook_name = "Prevail"
