"""Insert rows in the fastest way that a database offers within a transaction.

Rows are converted to columns first, because checking or converting a whole column is a loop in C. Most columns have the
same value in all rows of a session. Such a value is converted once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from io import BytesIO
from itertools import chain, repeat
from operator import methodcaller
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import Compiled

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.rows import Column, Kind, Row, get_columns
from airflow_provider_sessions.export.sql.column_types import LONGEST_KEY, storable_key, storable_text
from airflow_provider_sessions.export.sql.tables import LedgerRow

_BATCH: Final = 5000
_LONGEST_STATEMENT: Final = 1_000_000
"""Characters. The server's ``max_allowed_packet`` is 16 MB or more by default."""
_MOST_PARAMETERS: Final = 900
"""Parameters of a statement. SQLite allows 999 unless it was built with a higher limit."""
_LARGEST: Final = 2**63
_SEPARATOR: Final = "\x1f"
_DUCKDB_TYPES: Final = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INSTANT: "TIMESTAMPTZ",
}
Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows as columns.

    :param columns: each column with one value for each row, or with a single one if it is the same in all rows. The
        latter come first; at least one column has a value for each row.
    :param size: number of rows.
    """

    columns: Sequence[tuple[Column, Values]]
    size: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column, _ in self.columns)

    def is_constant(self, values: Values) -> bool:
        """Return whether a column has a single value for several rows."""
        return len(values) < self.size

    def take(self, start: int, end: int) -> _Batch:
        """Return some of the rows."""
        return _Batch(
            [(column, values if self.is_constant(values) else values[start:end]) for column, values in self.columns],
            end - start,
        )


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Row | LedgerRow]) -> None:
    """Insert rows of one type into its table, in the connection's transaction.

    Characters that no database stores (NUL, lone surrogates) are replaced by the replacement character.

    :raises ExportError: a number does not fit its column; the text names session and column.
    :raises DBAPIError: the database rejects a row.
    """
    insert = _choose_insert(connection)
    for start in range(0, len(rows), _BATCH):
        insert(connection, table, _make_batch(table, rows[start : start + _BATCH]))


def _choose_insert(connection: Connection) -> Callable[[Connection, sa.Table, _Batch], None]:
    """Return the function for a database and its driver."""
    name = connection.dialect.name
    if name == "postgresql" and connection.dialect.driver in ("psycopg", "psycopg2"):
        return _copy
    if name in ("mysql", "mariadb") and hasattr(connection.connection.dbapi_connection, "literal"):
        return _insert_literals
    return {"duckdb": _insert_columns, "sqlite": _insert_selected}.get(name, _insert_many)


def _make_batch(table: sa.Table, rows: Sequence[Row | LedgerRow]) -> _Batch:
    """Return the values of rows as databases can store them."""
    known = get_columns(type(rows[0]))
    columns: list[tuple[Column, Values]] = []
    last = known[-1]
    for column, values in zip(known, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True):
        first = values[0]
        # Most columns that are not constant end with another value.
        is_constant = column is not last and first == values[-1] and values.count(first) == len(values)
        distinct: Values = values[:1] if is_constant else values
        if column.kind is Kind.TEXT:
            distinct = _make_texts(column, distinct)
        elif not _fits(column.kind, distinct):
            number = next(number for number, value in enumerate(values) if not _fits(column.kind, [value]))
            where = f"session {rows[number].session_id!r}: {table.name}.{column.name}"
            raise ExportError(f"{where} is {values[number]!r}, which does not fit its column")
        columns.append((column, distinct))
    columns.sort(key=lambda pair: len(pair[1]))  # the constant ones first
    return _Batch(columns, len(rows))


def _fits(kind: Kind, values: Values) -> bool:
    """Return whether all values fit a column of a kind."""
    if kind not in (Kind.INTEGER, Kind.NUMBER):
        return True
    present = _drop_none(values)
    if kind is Kind.NUMBER:
        return all(map(math.isfinite, present))
    return not present or (min(present) >= -_LARGEST and max(present) < _LARGEST)


def _drop_none(values: Values) -> Values:
    return [value for value in values if value is not None] if None in values else values


def _make_texts(column: Column, values: Values) -> Values:
    is_key = column.key or column.indexed
    present = _drop_none(values)
    text = "".join(present)
    is_short = not is_key or max(map(len, present), default=0) <= LONGEST_KEY
    if is_short and text == storable_text(text):
        return values
    return _convert(values, storable_key if is_key else storable_text)


def _convert(values: Values, convert: Callable[[Any], Any]) -> list[Any]:
    """Convert the values that are not None."""
    return [None if value is None else convert(value) for value in values]


def _insert_many(connection: Connection, table: sa.Table, batch: _Batch) -> None:
    """Insert with the driver's ``executemany``, without SQLAlchemy's processing of each row."""
    compiled = _compile_insert(table, connection.dialect)
    converted: dict[str, Iterator[Any]] = {}
    for name, values in zip(batch.names, _bind(connection.dialect, table, batch), strict=True):
        converted[name] = repeat(values[0], batch.size) if batch.is_constant(values) else iter(values)
    names = compiled.positiontup  # type: ignore[attr-defined]  # of an insert
    rows: Iterator[Any] = zip(*(converted[name] for name in names or converted), strict=True)
    if names is None:
        rows = (dict(zip(converted, row, strict=True)) for row in rows)
    connection.exec_driver_sql(str(compiled), list(rows))


def _bind(dialect: Dialect, table: sa.Table, batch: _Batch) -> list[Values]:
    """Return the values of each column as the driver takes them."""
    bound: list[Values] = []
    for column, values in batch.columns:
        convert = table.columns[column.name].type.dialect_impl(dialect).bind_processor(dialect)
        bound.append(values if convert is None else list(map(convert, values)))
    return bound


@lru_cache(maxsize=64)
def _compile_insert(table: sa.Table, dialect: Dialect) -> Compiled:
    return sa.insert(table).compile(dialect=dialect)


def _insert_selected(connection: Connection, table: sa.Table, batch: _Batch) -> None:
    """Insert with statements of many rows that have each constant once: SQLite binds and moves fewer values, then."""
    bound = _bind(connection.dialect, table, batch)
    constant = [values[0] for values in bound if batch.is_constant(values)]
    rows = list(zip(*bound[len(constant) :], strict=True))
    target = _format_target(connection.dialect, table, batch.names)
    size = max(1, (_MOST_PARAMETERS - len(constant)) // len(rows[0]))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        statement = _format_selected(target, len(constant), len(rows[0]), len(part))
        connection.exec_driver_sql(statement, (*constant, *chain.from_iterable(part)))


@lru_cache(maxsize=64)
def _format_selected(target: str, constants: int, values: int, rows: int) -> str:
    row = f"({', '.join('?' * values)})"
    return f"INSERT INTO {target} SELECT {'?, ' * constants}* FROM (VALUES {', '.join([row] * rows)})"  # noqa: S608


def _insert_columns(connection: Connection, table: sa.Table, batch: _Batch) -> None:
    """Insert columns as lists: DuckDB's ``executemany`` plans a statement for each row."""
    selected, parameters = [], []
    for number, (column, values) in enumerate(batch.columns, 1):
        kind = _DUCKDB_TYPES[column.kind]
        is_constant = batch.is_constant(values)
        selected.append(f"${number}::{kind}" if is_constant else f"unnest(${number}::{kind}[])")
        parameters.append(values[0] if is_constant else list(values))
    target = _format_target(connection.dialect, table, batch.names)
    connection.exec_driver_sql(f"INSERT INTO {target} SELECT {', '.join(selected)}", tuple(parameters))


def _insert_literals(connection: Connection, table: sa.Table, batch: _Batch) -> None:
    """Insert with multi-row statements, in which the driver of MariaDB and MySQL escapes the texts."""
    literal: Callable[[str], str | bytes] = connection.connection.literal

    def escape(text: str) -> str:
        quoted = literal(text)
        return (quoted if isinstance(quoted, str) else quoted.decode())[1:-1]

    statement = f"INSERT INTO {_format_target(connection.dialect, table, batch.names)} VALUES "  # noqa: S608 - quoted names
    _execute_values(connection, statement, _render(batch, escape, quote="'", null="NULL"))


def _execute_values(connection: Connection, statement: str, batch: _Batch) -> None:
    values = _join_rows(batch, ",", "),(")
    if len(values) > _LONGEST_STATEMENT and batch.size > 1:
        half = batch.size // 2
        _execute_values(connection, statement, batch.take(0, half))
        _execute_values(connection, statement, batch.take(half, batch.size))
        return
    with _open_cursor(connection, statement) as cursor:
        cursor.execute(f"{statement}({values})")


def _copy(connection: Connection, table: sa.Table, batch: _Batch) -> None:
    """Insert with COPY, in the text format of PostgreSQL. Source: PostgreSQL, COPY, text format."""
    text = _join_rows(_render(batch, _escape_copied, quote="", null="\\N", zone="Z"), "\t", "\n") + "\n"
    statement = f"COPY {_format_target(connection.dialect, table, batch.names)} FROM STDIN"
    with _open_cursor(connection, statement) as cursor:
        if connection.dialect.driver == "psycopg2":
            # Encoded here, because the driver reports a character that the encoding lacks as an error of the server.
            codec = connection.dialect.loaded_dbapi.extensions.encodings[cursor.connection.encoding]
            data = text.encode(codec)
            cursor.copy_expert(statement, BytesIO(data), len(data))
        else:
            with cursor.copy(statement) as copy:
                copy.write(text)


def _escape_copied(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


@contextmanager
def _open_cursor(connection: Connection, statement: str) -> Iterator[Any]:
    """Open a cursor of the driver, for a statement that SQLAlchemy does not log, because it contains values of rows.

    :param statement: what may be shown of the statement.
    :raises DBAPIError: the database rejected it.
    """
    error_class = connection.dialect.loaded_dbapi.Error
    cursor: Any = connection.connection.cursor()
    try:
        yield cursor
    except error_class as error:
        is_broken = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
        if is_broken:
            connection.invalidate(error)
        raise DBAPIError.instance(
            statement, None, error, error_class, hide_parameters=True, connection_invalidated=is_broken
        ) from None
    finally:
        cursor.close()


@lru_cache(maxsize=64)
def _format_target(dialect: Dialect, table: sa.Table, names: tuple[str, ...]) -> str:
    preparer = dialect.identifier_preparer
    columns = ", ".join(preparer.format_column(table.columns[name]) for name in names)
    return f"{preparer.format_table(table)} ({columns})"


def _render(batch: _Batch, escape: Callable[[str], str], *, quote: str, null: str, zone: str = "") -> _Batch:
    """Return a batch with each value as text.

    :param escape: escapes characters of a text, each regardless of its neighbors.
    :param quote: what texts and instants begin and end with.
    :param zone: what instants, which are in UTC, end with.
    """
    columns: list[tuple[Column, Values]] = []
    for column, values in batch.columns:
        if column.kind is Kind.TEXT:
            columns.append((column, _render_texts(values, escape, quote, null)))
            continue
        is_instant = column.kind is Kind.INSTANT
        plain = _convert(values, methodcaller("astimezone", UTC)) if is_instant else values
        encoded = msgspec.json.encode(plain)[1:-1].decode().replace("null", null)
        columns.append((column, encoded.replace('"', quote).replace("Z", zone).split(",")))
    return _Batch(columns, batch.size)


def _render_texts(values: Values, escape: Callable[[str], str], quote: str, null: str) -> list[str]:
    present = _drop_none(values)
    joined = _SEPARATOR.join(present)
    if joined.count(_SEPARATOR) == len(present) - 1:
        escaped = escape(joined).replace(_SEPARATOR, f"{quote}{_SEPARATOR}{quote}")
        rendered = f"{quote}{escaped}{quote}".split(_SEPARATOR)
    else:
        rendered = [f"{quote}{escape(text)}{quote}" for text in present]
    if len(present) == len(values):
        return rendered
    remaining = iter(rendered)
    return [null if value is None else next(remaining) for value in values]


def _join_rows(batch: _Batch, separator: str, end: str) -> str:
    """Join the texts of a batch: a separator between two columns, and an end between two rows."""
    constant = "".join(f"{texts[0]}{separator}" for _, texts in batch.columns if batch.is_constant(texts))
    own = [texts for _, texts in batch.columns if not batch.is_constant(texts)]
    return constant + f"{end}{constant}".join(map(separator.join, zip(*own, strict=True)))
