"""Insert rows in the fastest way that a database offers within a transaction.

Rows are converted to columns first, because checking or converting a whole column is a loop in C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from operator import methodcaller
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import Dataset
from airflow_provider_sessions.export.rows import Column, Kind, Row, value_getter
from airflow_provider_sessions.export.sql.column_types import LONGEST_KEY, storable_key, storable_text

_BATCH: Final = 5000
_LARGEST: Final = 2**63
_NULL: Final = "\\N"
_ESCAPES: Final = {ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
_DUCKDB_TYPES: Final = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INSTANT: "TIMESTAMPTZ",
}
Values = Sequence[Any]


def insert_rows(connection: Connection, table: sa.Table, dataset: Dataset, rows: Sequence[Row]) -> None:
    """Insert rows of a dataset into its table, in the connection's transaction.

    Characters that no database stores (NUL, lone surrogates) are replaced by the replacement character.

    :raises ExportError: a number does not fit its column; the text names session and column.
    :raises DBAPIError: the database rejects a row.
    """
    insert = {"postgresql": _copy, "duckdb": _insert_columns}.get(connection.dialect.name, _insert_many)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        insert(connection, table, dataset, _make_columns(dataset, batch))


def _make_columns(dataset: Dataset, rows: Sequence[Row]) -> list[Values]:
    """Return the values of rows as databases can store them, one sequence for each column."""
    columns = zip(*map(value_getter(dataset.row), rows), strict=True)
    made: list[Values] = []
    for column, values in zip(dataset.columns, columns, strict=True):
        if column.kind is Kind.TEXT:
            made.append(_make_texts(column, values))
            continue
        if not _fits(column.kind, values):
            value, session_id = next(
                (value, row.session_id)
                for value, row in zip(values, rows, strict=True)
                if not _fits(column.kind, [value])
            )
            where = f"{dataset.name}.{column.name}"
            raise ExportError(f"session {session_id!r}: {where} is {value!r}, which does not fit its column")
        made.append(values)
    return made


def _fits(kind: Kind, values: Values) -> bool:
    """Return whether all values fit a column of a kind."""
    present = filter(_is_given, values)
    if kind is Kind.INTEGER:
        numbers = list(present)
        return not numbers or (min(numbers) >= -_LARGEST and max(numbers) < _LARGEST)
    return kind is not Kind.NUMBER or all(map(math.isfinite, present))


def _is_given(value: object) -> bool:
    return value is not None


def _make_texts(column: Column, values: Values) -> Values:
    is_key = column.key or column.indexed
    text = "".join(filter(None, values))
    is_short = not is_key or max(map(len, filter(None, values)), default=0) <= LONGEST_KEY
    if is_short and text == storable_text(text):
        return values
    return _convert(values, storable_key if is_key else storable_text)


def _convert(values: Values, convert: Callable[[Any], Any], null: str | None = None) -> list[Any]:
    return [null if value is None else convert(value) for value in values]


def _insert_many(connection: Connection, table: sa.Table, dataset: Dataset, columns: Sequence[Values]) -> None:
    """Insert with the driver's ``executemany``, without SQLAlchemy's processing of each row."""
    dialect = connection.dialect
    compiled = sa.insert(table).compile(dialect=dialect)
    names = [column.name for column in dataset.columns]
    converted = []
    for name, values in zip(names, columns, strict=True):
        convert = table.columns[name].type.dialect_impl(dialect).bind_processor(dialect)
        converted.append(values if convert is None else list(map(convert, values)))
    if compiled.positiontup is None:
        connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in _zip_rows(converted)])
        return
    ordered = [converted[names.index(name)] for name in compiled.positiontup]
    connection.exec_driver_sql(str(compiled), list(_zip_rows(ordered)))


def _zip_rows(columns: Sequence[Values]) -> Iterator[tuple[Any, ...]]:
    return zip(*columns, strict=True)


def _insert_columns(connection: Connection, table: sa.Table, dataset: Dataset, columns: Sequence[Values]) -> None:
    """Insert columns as lists: DuckDB's ``executemany`` plans a statement for each row."""
    lists = ", ".join(
        f"unnest(${number}::{_DUCKDB_TYPES[column.kind]}[])" for number, column in enumerate(dataset.columns, 1)
    )
    statement = f"INSERT INTO {_format_target(connection, table, dataset)} SELECT {lists}"
    connection.exec_driver_sql(statement, tuple(map(list, columns)))


def _copy(connection: Connection, table: sa.Table, dataset: Dataset, columns: Sequence[Values]) -> None:
    """Insert with COPY, in the text format of PostgreSQL."""
    driver = connection.dialect.driver
    if driver not in ("psycopg", "psycopg2"):
        _insert_many(connection, table, dataset, columns)
        return
    texts = [_encode(column.kind, values) for column, values in zip(dataset.columns, columns, strict=True)]
    text = "\n".join(map("\t".join, _zip_rows(texts))) + "\n"
    statement = f"COPY {_format_target(connection, table, dataset)} FROM STDIN"
    cursor: Any = connection.connection.cursor()
    error_class = connection.dialect.loaded_dbapi.Error
    try:
        if driver == "psycopg2":
            # Encoded here, because the driver reports a character that the encoding lacks as an error of the server.
            codec = connection.dialect.loaded_dbapi.extensions.encodings[cursor.connection.encoding]
            cursor.copy_expert(statement, BytesIO(text.encode(codec)))
        else:
            with cursor.copy(statement) as copy:
                copy.write(text)
    except error_class as error:
        is_broken = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
        if is_broken:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, error_class, hide_parameters=True, connection_invalidated=is_broken
        ) from None
    finally:
        cursor.close()


def _format_target(connection: Connection, table: sa.Table, dataset: Dataset) -> str:
    preparer = connection.dialect.identifier_preparer
    names = ", ".join(preparer.format_column(table.columns[column.name]) for column in dataset.columns)
    return f"{preparer.format_table(table)} ({names})"


def _encode(kind: Kind, values: Values) -> list[str]:
    """Return values as PostgreSQL's COPY reads them. Source: PostgreSQL, COPY, text format."""
    if kind is not Kind.TEXT:
        return _convert(values, _ENCODERS[kind], _NULL)
    text = "".join(filter(None, values))
    if any(letter in text for letter in "\\\n\r\t"):
        return _convert(values, methodcaller("translate", _ESCAPES), _NULL)
    return [_NULL if value is None else value for value in values]


_ENCODERS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.INTEGER: str,
    Kind.NUMBER: repr,
    Kind.BOOLEAN: str,
    Kind.INSTANT: datetime.isoformat,
}
