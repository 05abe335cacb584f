"""Transactions that are retried if a concurrent transaction prevented them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Table
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_sessions.errors import ExportError, SessionsError
from airflow_provider_sessions.export.sql.dialects import (
    LOCKED_FILE_PAUSES,
    PAUSES,
    configure_engine,
    get_backend,
    is_locked_file,
)
from airflow_provider_sessions.safe_text import get_logger

T = TypeVar("T")

log = get_logger(__name__)

_WRONG_OPTIONS: Final = (OSError, RuntimeError, TypeError, ValueError)
"""What drivers raise, besides their own errors, for an invalid option of the connection."""


class Database:
    """A database to write to.

    :param engine: must not have been used yet, because its connections are configured for exports.
    :param allow_untested: whether to allow a server on which exports were never tested.
    :param pause: sleeps for some seconds before a retry.
    """

    def __init__(
        self, engine: Engine, *, allow_untested: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._engine = engine
        self._backend = get_backend(engine)
        self._pause = pause
        configure_engine(engine, allow_untested=allow_untested)

    def check(self) -> None:
        """Connect once.

        :raises InputError: the server is not supported.
        :raises ExportError: it cannot be reached.
        """
        self.transaction("preparing the tables", lambda connection: None)

    def transaction(self, what: str, do: Callable[[Connection], T]) -> T:
        """Run a function in a transaction; retry it after a conflict, or if the connection broke.

        :param what: what the transaction is about, for an error.
        :param do: must do the same each time it is called.
        :raises ExportError: the transaction failed and was rolled back. The text contains no values of rows.
        """
        pauses = {is_held: iter(LOCKED_FILE_PAUSES if is_held else PAUSES) for is_held in (True, False)}
        is_waiting = False
        while isinstance(result := self._attempt(do), _Failure):
            pause = next(pauses[result.is_locked_file], None) if result.is_transient else None
            if pause is None:
                # Outside of the except clause, so that the driver's exception, which may quote rows, is no context.
                raise ExportError(f"{what}: the database refused: {result.text}")
            if result.is_locked_file and not is_waiting:
                is_waiting = True
                log.info("Waiting: %s", result.text)
            self._pause(pause)
        return result

    def _attempt(self, do: Callable[[Connection], T]) -> T | _Failure:
        connecting = True
        try:
            with self._engine.connect() as connection:
                connecting = False
                with connection.begin():
                    return do(connection)
        except SessionsError:
            raise
        except (SQLAlchemyError, UnicodeError) as error:
            text = self._backend.describe(error, connecting=connecting)
            if connecting and is_locked_file(self._engine, error):
                return _Failure(
                    f"another process has the DuckDB file open, which allows one at a time: {text}", True, True
                )
            return _Failure(text, self._backend.is_transient(error))
        except _WRONG_OPTIONS as error:
            if not connecting:
                raise
            return _Failure(self._backend.describe(error, connecting=True), is_transient=False)
        finally:
            if self._engine.dialect.name == "duckdb":
                self._engine.dispose()  # which closes the file, so that other processes can open it

    def make_uri(self, table: Table) -> str:
        """Return the URI of a table, without a secret: ``postgresql://host:port/database/schema/table``.

        MySQL has no schemas besides databases: ``mysql://host:port/database/table``.
        """
        url, schema = self._engine.url, table.schema or self._engine.dialect.default_schema_name
        host = f"{url.host or ''}:{url.port}" if url.port else url.host or ""
        database = (url.database or "").lstrip("/")
        parts = [schema or database] if url.get_backend_name() == "mysql" else [database, schema]
        return f"{url.get_backend_name()}://{host}/{'/'.join(part for part in (*parts, table.name) if part)}"

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a transaction failed.

    :param text: the error message.
    :param is_transient: whether a retry may succeed.
    :param is_locked_file: whether another process has the database's file open.
    """

    text: str
    is_transient: bool
    is_locked_file: bool = False
