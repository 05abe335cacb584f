"""The hook of Sessions."""

from __future__ import annotations

from airflow_provider_sessions.hooks.base import SessionsHook


class SessionsUsHook(SessionsHook):
    """A connection to Sessions (sessions.us); see :class:`~airflow_provider_sessions.hooks.base.SessionsHook`.

    :param conn_id: id of a connection of the type ``sessions_us``.
    """

    conn_type = "sessions_us"
    default_conn_name = "sessions_us_default"
    hook_name = "Sessions (sessions.us)"
