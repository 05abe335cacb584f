"""How a database is reached: through the hook of its Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.operators._reading import identifier

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

_EXTRA = "pip install 'airflow-provider-sessions[sql]'"


def engine_for(conn_id: Any) -> Engine:
    """An SQLAlchemy engine for a connection. Nothing is sent yet.

    :param conn_id: the operator's ``sql_conn_id``.
    :raises InputError: it is no connection of a database, or what is needed for it is not installed.
    :raises AirflowNotFoundException: there is no such connection.
    """
    conn_id = identifier(conn_id, "sql_conn_id")
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
        from sqlalchemy.exc import NoSuchModuleError
    except ImportError as missing:
        raise InputError(f"exports into databases need {missing.name}: {_EXTRA}") from None
    connection = BaseHook.get_connection(conn_id)
    kind = f"sql_conn_id: the connection {conn_id!r} is of the type {connection.conn_type!r}"
    try:
        hook = connection.get_hook()
        if not isinstance(hook, DbApiHook):
            raise InputError(f"{kind}, which is no database with a DbApiHook")
        return hook.get_sqlalchemy_engine()
    except AirflowNotFoundException:
        raise
    except (ImportError, AirflowException, NoSuchModuleError) as failure:
        raise InputError(
            f"{kind}, for which a package is missing ({failure}). For PostgreSQL: "
            "pip install 'airflow-provider-sessions[postgres]'; for others the provider of that database"
        ) from failure
