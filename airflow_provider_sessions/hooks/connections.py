"""From an Airflow connection to an account: the one place that reads connections."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.common.compat.sdk import BaseHook, Connection

from airflow_provider_sessions.errors import ConnectionConfigError
from airflow_provider_sessions.hooks.masking import amask, mask, secrets_of, supervisor_is_async
from airflow_provider_sessions.platforms.account import Account


def account_from(connection: Connection) -> Account:
    """Convert a connection. Nothing is masked and nobody is asked.

    :param connection: Airflow's connection; its extra is read as JSON.
    :raises ConnectionConfigError: the extra is no JSON object.
    """
    return Account(
        conn_id=connection.conn_id,
        conn_type=connection.conn_type or "",
        host=connection.host or None,
        port=connection.port,
        schema=connection.schema or None,
        login=connection.login or None,
        password=connection.password or None,
        extra=_extra(connection),
    )


def resolve(conn_id: str) -> Account:
    """Read a connection and mask its secrets: on a worker, and on the thread that runs the task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: its extra is no JSON object.
    """
    account = account_from(BaseHook.get_connection(conn_id))
    for secret in secrets_of(account):
        mask(secret)
    return account


async def aresolve(conn_id: str) -> Account:
    """Read a connection and mask its secrets, in an event loop: the triggerer's, or that of an async task.

    :param conn_id: the connection's id.
    :raises AirflowNotFoundException: there is no such connection.
    :raises ConnectionConfigError: its extra is no JSON object.
    """
    if not supervisor_is_async():
        # A worker of Airflow 3.1, or no supervisor at all: there the blocking way is the only one.
        return resolve(conn_id)
    account = account_from(await BaseHook.aget_connection(conn_id))
    await amask(secrets_of(account))
    return account


def _extra(connection: Connection) -> dict[str, Any]:
    # ``extra_dejson`` would talk to the supervisor, and answers {} for what is no JSON.
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConnectionConfigError(f"connection {connection.conn_id!r}: extra is not a JSON object")
    return extra
