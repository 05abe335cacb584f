"""Transactions that are done again when another one was quicker."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Table, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from airflow_provider_sessions.errors import ExportError

T = TypeVar("T")

_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
_QUICKER: Final = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # a lock is not to be had
    "42P07",  # the table has been made meanwhile
    "42701",  # the column has
}
"""SQLSTATE of what goes away by itself."""
_SQLITE_BUSY: Final = {5, 6}
"""SQLite's primary result codes for a database or table that another connection holds."""


class Database:
    """A database that is written to.

    :param engine: how it is reached. It is changed where its transactions would not hold back other writers.
    :param pause: waits for seconds before a transaction is done again.
    """

    def __init__(self, engine: Engine, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._pause = pause
        if engine.dialect.name == "sqlite" and not event.contains(engine, "begin", _hold_back_writers):
            event.listen(engine, "begin", _hold_back_writers)

    def transaction(self, what: str, do: Callable[[Connection], T]) -> T:
        """Do something in one transaction; anew from the beginning where another was quicker, or the connection broke.

        :param what: what it is about, for an error.
        :param do: must do the same each time it is called.
        :raises ExportError: the database does not do it. Nothing of it is there.
        """
        pauses = iter(_PAUSES)
        while True:
            try:
                with self._engine.begin() as connection:
                    return do(connection)
            except (SQLAlchemyError, UnicodeError) as error:  # the latter where its encoding lacks a letter
                pause = next(pauses, None) if _passes(error) else None
                if pause is None:
                    # Not chained: SQLAlchemy's text quotes the rows, which are about people and belong into no log.
                    raise ExportError(f"{what}: the database refused: {_told(error)}") from None
            self._pause(pause)

    def uri(self, table: Table) -> str:
        """The address of a table, without a secret: ``postgresql://host:port/database/schema/table``."""
        url, schema = self._engine.url, table.schema or self._engine.dialect.default_schema_name
        host = f"{url.host or ''}:{url.port}" if url.port else url.host or ""
        parts = [(url.database or "").lstrip("/"), schema if schema != url.database else None, table.name]
        return f"{url.get_backend_name()}://{host}/{'/'.join(part for part in parts if part)}"

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _hold_back_writers(connection: Connection) -> None:
    """SQLite has no locks on rows: who is going to write takes the database from the beginning."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _passes(error: Exception) -> bool:
    """Whether it is worth while to do the transaction again."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error, IntegrityError) or error.connection_invalidated:
        return True
    cause = error.orig
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _QUICKER or getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_BUSY


def _told(error: Exception) -> str:
    """The first line of what the database said: the others quote values, as does the first where one does not fit."""
    if isinstance(error, DataError):
        return f"a value does not fit its column, which is not as an export makes it ({type(error.orig).__name__})"
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
