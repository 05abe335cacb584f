"""How a database is reached: through the hook of its Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.operators._reading import identifier

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection
    from airflow.providers.common.sql.hooks.sql import DbApiHook
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
        hook = _hook(connection)
        if not isinstance(hook, DbApiHook):
            raise InputError(f"{kind}, which is no database with a DbApiHook")
        options = _driver_options(hook, connection)
        engine = hook.get_sqlalchemy_engine({"connect_args": options} if options else None)
    except AirflowNotFoundException:
        raise
    except (ImportError, AirflowException, NoSuchModuleError) as failure:
        raise InputError(
            f"{kind}, for which a package is missing ({failure}). For PostgreSQL: "
            "pip install 'airflow-provider-sessions[postgres]'; for others the provider of that database"
        ) from failure
    if engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:"):
        raise InputError(f"{kind} and names no file: what is written would be gone with the task; give one as host")
    return engine


def _hook(connection: Connection) -> Any:
    """The hook of a connection; None where its type has none, such as ``generic``."""
    try:
        return connection.get_hook()
    except AttributeError:  # Airflow imports a name that is not there
        return None


def _driver_options(hook: DbApiHook, connection: Connection) -> dict[str, Any]:
    """What the connection's extra tells the driver, such as ``sslmode``.

    PostgreSQL's hook heeds it where it connects by itself, but leaves it out of its engines.
    """
    others = getattr(hook, "ignored_extra_options", None)
    return {} if others is None else {k: v for k, v in connection.extra_dejson.items() if k not in others}
