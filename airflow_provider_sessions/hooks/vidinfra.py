"""The hook of VidInfra."""

from __future__ import annotations

from airflow_provider_sessions.hooks.base import SessionsHook


class VidInfraHook(SessionsHook):
    """A connection to VidInfra Live; see :class:`~airflow_provider_sessions.hooks.base.SessionsHook`.

    :param conn_id: id of a connection of the type ``vidinfra``.
    """

    conn_type = "vidinfra"
    default_conn_name = "vidinfra_default"
    hook_name = "VidInfra Live"
