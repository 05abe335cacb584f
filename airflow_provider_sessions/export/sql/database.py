"""Transactions that are done again when another one was quicker."""

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
    backend_of,
    configure_engine,
    is_locked_file,
)
from airflow_provider_sessions.safe_text import get_logger

T = TypeVar("T")

log = get_logger(__name__)

_WRONG_OPTIONS: Final = (OSError, RuntimeError, TypeError, ValueError)
"""What drivers raise besides their own errors where they cannot use an option of the connection."""


class Database:
    """A database that is written to.

    :param engine: how it is reached. It must not have been used: its connections are set up for exports.
    :param allow_untested: whether it may be a server that exports were never run on.
    :param pause: waits for seconds before a transaction is done again.
    """

    def __init__(
        self, engine: Engine, *, allow_untested: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._engine = engine
        self._backend = backend_of(engine)
        self._pause = pause
        configure_engine(engine, allow_untested=allow_untested)

    def check(self) -> None:
        """Connect once.

        :raises InputError: the server is none that is supported.
        :raises ExportError: it cannot be reached.
        """
        self.transaction("preparing the tables", lambda connection: None)

    def transaction(self, what: str, do: Callable[[Connection], T]) -> T:
        """Do something in one transaction; anew from the beginning where another was quicker, or the connection broke.

        :param what: what it is about, for an error.
        :param do: must do the same each time it is called.
        :raises ExportError: the database does not do it. Nothing of it is there. The text holds no value of a row.
        """
        pauses = {is_held: iter(LOCKED_FILE_PAUSES if is_held else PAUSES) for is_held in (True, False)}
        is_waiting = False
        while isinstance(result := self._attempt(do), _Failure):
            pause = next(pauses[result.is_locked_file], None) if result.is_transient else None
            if pause is None:
                # Not in an except clause: the driver's exception, which may quote rows, is no context of this one.
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
                    f"another process has the DuckDB file open, which lets in one at a time: {text}", True, True
                )
            return _Failure(text, self._backend.is_transient(error))
        except _WRONG_OPTIONS as error:
            if not connecting:
                raise
            return _Failure(self._backend.describe(error, connecting=True), is_transient=False)
        finally:
            if self._engine.dialect.name == "duckdb":
                self._engine.dispose()  # which closes the file, so that other processes can open it

    def uri(self, table: Table) -> str:
        """The address of a table, without a secret: ``postgresql://host:port/database/schema/table``.

        Without the schema where a database has none besides itself: ``mysql://host:port/database/table``.
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

    :param text: what is said of it.
    :param is_transient: whether it goes away by itself.
    :param is_locked_file: whether another process has the database's file open.
    """

    text: str
    is_transient: bool
    is_locked_file: bool = False
