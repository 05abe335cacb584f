"""The SQLAlchemy engine of an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

from airflow_provider_sessions.arguments import parse_id
from airflow_provider_sessions.errors import InputError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from sqlalchemy.engine import Engine

_EXTRAS = {"postgres": "postgres", "mysql": "mysql", "duckdb": "duckdb"}
"""By connection type, the extra of this package with what it needs."""


def resolve_engine(conn_id: Any, *, allow_untested: bool = False) -> Engine:
    """Return the SQLAlchemy engine of a connection. Nothing is sent yet.

    :param conn_id: the operator's ``sql_conn_id``.
    :param allow_untested: whether to allow databases on which exports were never tested.
    :raises InputError: the database is not supported, or a package for it is missing.
    :raises AirflowNotFoundException: the connection does not exist.
    """
    conn_id = parse_id(conn_id, "sql_conn_id")
    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
        from sqlalchemy.exc import NoSuchModuleError
    except ImportError as missing:
        raise InputError(f"exports to databases need {missing.name}: {_install('sql')}") from None
    from airflow_provider_sessions.export.sql.dialects import (
        explain_unsupported,
        is_refused_type,
        is_remote_duckdb,
        is_supported,
    )

    connection = BaseHook.get_connection(conn_id)
    conn_type = connection.conn_type or ""
    kind = f"sql_conn_id: the connection {conn_id!r} is of the type {conn_type!r}"
    if is_refused_type(conn_type) and not allow_untested:
        raise InputError(f"{kind}: {explain_unsupported(conn_type)}")
    try:
        hook = _get_hook(connection)
        if not isinstance(hook, DbApiHook):
            raise InputError(f"{kind}, which has no DbApiHook")
        engine = hook.get_sqlalchemy_engine(_engine_options(hook, connection))
    except AirflowNotFoundException:
        raise
    except (ImportError, AirflowException, NoSuchModuleError) as failure:
        extra = _EXTRAS.get(conn_type)
        remedy = _install(extra) if extra else "install the provider of that database, and SQLAlchemy's dialect"
        raise InputError(f"{kind}, for which a package is missing ({failure}): {remedy}") from failure
    if not (allow_untested or is_supported(engine.dialect.name)):
        raise InputError(f"{kind}: {explain_unsupported(engine.dialect.name)}")
    if is_remote_duckdb(engine.url) and not allow_untested:
        raise InputError(f"{kind}: {explain_unsupported('motherduck')}")
    if engine.dialect.name in ("sqlite", "duckdb") and engine.url.database in (None, "", ":memory:"):
        raise InputError(f"{kind} and has no file: the tables would be lost at the end of the task; set a file as host")
    return engine


def _install(extra: str) -> str:
    return f"pip install 'airflow-provider-sessions[{extra}]'"


def _get_hook(connection: Connection) -> Any:
    """Return the hook of a connection; None if its type has none, such as ``generic``."""
    try:
        return connection.get_hook()
    except AttributeError:  # Airflow imports a class that does not exist
        return None


def _engine_options(hook: DbApiHook, connection: Connection) -> dict[str, Any] | None:
    """Return options in the connection's extra that the hook uses for its own connections, but not for engines.

    :raises InputError: the connection is read-only.
    """
    # PostgreSQL: options of the driver, such as ``sslmode``.
    if (others := getattr(hook, "ignored_extra_options", None)) is not None:
        options = {name: value for name, value in connection.extra_dejson.items() if name not in others}
        return {"connect_args": options} if options else None
    # DuckDB: memory, threads, extensions.
    if (configuration := getattr(hook, "get_connect_config", None)) is not None:
        if getattr(hook, "read_only", False):
            raise InputError("sql_conn_id: the connection is read_only in its extra, but an export writes")
        return {"connect_args": {"config": configuration(), "preload_extensions": hook.get_extensions()}}
    return None
