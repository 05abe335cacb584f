"""The tables of an export: one for each dataset, and the ledger's. They follow from the row types.

Tables are made when they are first needed. When the schema has grown, its new columns are added to tables that are
there, and allow nulls, because rows of before have no value for them. Nothing is ever dropped or changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.columns import INDEX, KEY, Column, Kind, columns_of
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.sql.values import LONGEST_KEY

LEDGER: Final = "sessions_export_ledger"
_PREFIX: Final = re.compile(r"[A-Za-z0-9_]{0,20}")
_NAMES: Final = {"ix": "%(table_name)s_%(column_0_N_name)s_ix", "pk": "%(table_name)s_pk"}


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What is known of one dataset of one session: an entry of the ledger, and whose it is."""

    platform: Annotated[str, "Connection type of the platform.", KEY]
    account: Annotated[str, "Account on the platform.", KEY]
    session_id: Annotated[str, "The platform's id of the session.", KEY]
    dataset: Annotated[str, "Name of the dataset.", KEY]
    status: Annotated[str, "pending, exported, absent or deleted."]
    version: Annotated[int, "Of the rows; 0 if there never were any."]
    content: Annotated[str | None, "Checksum of the rows and of the session's end."]
    run: Annotated[str | None, "The run that owns it.", INDEX]
    reason: Annotated[str | None, "Why it is pending or absent."]
    attempts: Annotated[int, "How often it was looked for without being ready."]
    looks: Annotated[int, "How often it was looked at again since it was written."]
    first_seen: Annotated[datetime, "When it was first looked at."]
    next_check: Annotated[datetime | None, "When it is to be looked at again.", INDEX]
    session: Annotated[str, "The session's id and times, as JSON."]
    seen_by: Annotated[str | None, "The connections, and filters, through which the session was seen, as JSON."]


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. Where a database has no type for it, it is text that sorts by time and names its offset."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that the database has for it."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sqlite.DATETIME(storage_format=_TEXT))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Hand it over in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read it as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_TEXT: Final = "%(year)04d-%(month)02d-%(day)02d %(hour)02d:%(minute)02d:%(second)02d.%(microsecond)06d+00:00"
_TYPES: Final[dict[Kind, TypeEngine[Any]]] = {
    Kind.TEXT: sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"),
    Kind.INTEGER: sa.BigInteger(),
    Kind.NUMBER: sa.Double(),
    Kind.BOOLEAN: sa.Boolean(),
    Kind.INSTANT: Instant(),
}
_FOUND_BY: Final = sa.String(LONGEST_KEY).with_variant(
    mysql.VARCHAR(LONGEST_KEY, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
"""Texts in keys and indexes, whose length databases limit. MySQL by itself takes ``aB`` and ``Ab`` for the same id."""


class Tables:
    """The tables of one place.

    :param schema: the database's schema that they are in; None for the connection's own.
    :param prefix: what their names begin with.
    :raises InputError: the prefix cannot be part of a name.
    """

    def __init__(self, schema: str | None = None, prefix: str = "") -> None:
        if not _PREFIX.fullmatch(prefix):
            raise InputError(f"table_prefix: {prefix!r} is not up to 20 letters, digits and underscores")
        metadata = sa.MetaData(schema=schema, naming_convention=_NAMES)
        self._of_dataset = {
            name: _table(metadata, f"{prefix}{name}", dataset.columns) for name, dataset in DATASETS.items()
        }
        self.ledger = _table(metadata, f"{prefix}{LEDGER}", columns_of(LedgerRow))

    def of(self, dataset: str) -> sa.Table:
        """The table of a dataset."""
        return self._of_dataset[dataset]

    def prepare(self, connection: Connection, datasets: Iterable[str]) -> None:
        """Make the tables of datasets and the ledger's, or add the columns that they lack.

        :raises ExportError: there is no such schema, or a table of that name is not one of an export.
        """
        there = sa.inspect(connection)
        schema = self.ledger.schema
        if schema is not None and not there.has_schema(schema):
            raise ExportError(f"the database has no schema {schema!r}: make it first, or name another one")
        for table in (self.ledger, *(self.of(name) for name in datasets)):
            if there.has_table(table.name, schema=schema):
                _grow(connection, table, {column["name"] for column in there.get_columns(table.name, schema=schema)})
            else:
                table.create(connection)


def _table(metadata: sa.MetaData, name: str, columns: Iterable[Column]) -> sa.Table:
    return sa.Table(name, metadata, *(_column(column) for column in columns))


def _column(column: Column) -> sa.Column[Any]:
    found_by = column.kind is Kind.TEXT and (column.key or column.indexed)
    return sa.Column(
        column.name,
        _FOUND_BY if found_by else _TYPES[column.kind],
        primary_key=column.key,
        nullable=column.nullable,
        index=column.indexed,
        autoincrement=False,
        comment=column.description,
    )


def _grow(connection: Connection, table: sa.Table, there: set[str]) -> None:
    """Add the columns that a table lacks."""
    if not {column.name for column in table.primary_key} <= there:
        raise ExportError(
            f"there is a table {table.fullname!r} that is not one of an export: give schema or table_prefix, "
            "so that the export has tables of its own"
        )
    preparer = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in there:
            kind = column.type.compile(connection.dialect)
            name = preparer.format_column(column)
            connection.exec_driver_sql(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {name} {kind}")
            for index in table.indexes:
                if column.name in index.columns:
                    index.create(connection)
