"""The hook that Airflow makes for connections of type ``parley``: its class tells Airflow the type."""

from __future__ import annotations

from airflow_provider_sessions.hooks.base import SessionsHook


class ParleyHook(SessionsHook):
    """A connection to Parley."""

    conn_type = "parley"
    default_conn_name = "parley_default"
    hook_name = "Parley"
