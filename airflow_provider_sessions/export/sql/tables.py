"""The tables of an export: one for each dataset, and the ledger's. They are derived from the row types.

Tables are created when they are first needed. If the schema of a later version has more columns, these are added to
existing tables, and allow nulls, because older rows have no value for them. Nothing is ever dropped or changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import Connection

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.rows import INDEX, KEY, Column, get_columns
from airflow_provider_sessions.export.sql.column_types import (
    MYSQL_CHARSET,
    ExactText,
    column_type,
    mysql_collation,
    storable_key,
)
from airflow_provider_sessions.export.sql.dialects import can_have_indexes
from airflow_provider_sessions.safe_text import OwnText, get_logger

log = get_logger(__name__)

LEDGER: Final = "sessions_export_ledger"
CATALOGUE: Final = "sessions_export_catalogue"
SESSION_KEY: Final = ("platform", "account", "session_id")
"""The columns that select a session's rows."""
_PREFIX: Final = re.compile(r"[A-Za-z0-9_]{0,20}")
_NAMES: Final = {"ix": "%(table_name)s_%(column_0_N_name)s_ix", "pk": "%(table_name)s_pk"}


class LedgerRow(msgspec.Struct, frozen=True, gc=False):
    """An entry of the ledger: the state of one dataset of one session."""

    platform: Annotated[str, "Connection type of the platform.", KEY]
    account: Annotated[str, "Account on the platform.", KEY]
    session_id: Annotated[str, "The platform's id of the session.", KEY]
    dataset: Annotated[str, "Name of the dataset.", KEY]
    status: Annotated[str, "pending, exported, absent or deleted."]
    version: Annotated[int, "Of the rows; 0 if there never were any."]
    content: Annotated[str | None, "Checksum of the rows and of the session's end."]
    run: Annotated[str | None, "The run that owns it.", INDEX]
    reason: Annotated[str | None, "Why it is pending or absent."]
    attempts: Annotated[int, "How often it was checked without being ready."]
    looks: Annotated[int, "How often it was rechecked since it was written."]
    first_seen: Annotated[datetime, "When it was first checked."]
    next_check: Annotated[datetime | None, "When it is to be checked again.", INDEX]
    session: Annotated[str, "The session's id and times, as JSON."]
    seen_by: Annotated[str | None, "The connections, and filters, through which the session was seen, as JSON."]


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """A part of a catalogue: what exports have seen of an account's list of sessions."""

    platform: Annotated[str, "Connection type of the platform.", KEY]
    account: Annotated[str, "Account on the platform.", KEY]
    name: Annotated[str, "Name of the catalogue.", KEY]
    part: Annotated[int, "Number of the part, from 0.", KEY]
    content: Annotated[str, "The part of the catalogue: JSON, compressed, in base 64."]


class Tables:
    """The tables of one export.

    :param schema: the database's schema for the tables; None for the connection's default.
    :param prefix: prefix of their names.
    :raises InputError: the prefix is invalid.
    """

    def __init__(self, schema: str | None = None, prefix: str = "") -> None:
        if not _PREFIX.fullmatch(prefix):
            raise InputError(f"table_prefix: {prefix!r} must be up to 20 letters, digits and underscores")
        metadata = sa.MetaData(schema=schema, naming_convention=_NAMES)
        self._of_dataset = {
            name: _table(metadata, f"{prefix}{name}", dataset.columns) for name, dataset in DATASETS.items()
        }
        self.ledger = _table(metadata, f"{prefix}{LEDGER}", get_columns(LedgerRow))
        self.catalogue = _table(metadata, f"{prefix}{CATALOGUE}", get_columns(CatalogueRow))
        self._deletes = {
            name: sa.delete(table).where(*match_session(table)) for name, table in self._of_dataset.items()
        }

    def get(self, dataset: str) -> sa.Table:
        """Return the table of a dataset."""
        return self._of_dataset[dataset]

    def delete_session(self, dataset: str) -> sa.Delete:
        """Return the statement that deletes a session's rows of a dataset; see :func:`match_session`."""
        return self._deletes[dataset]

    def prepare(self, connection: Connection, datasets: Iterable[str]) -> None:
        """Create the tables of datasets and of the ledger, or add missing columns.

        :raises InputError: the schema does not exist.
        :raises ExportError: a table of that name does not belong to an export.
        """
        schema = self.ledger.schema
        if schema is not None and not sa.inspect(connection).has_schema(schema):
            raise InputError(f"the database has no schema {schema!r}: create it first, or set another one")
        self._prepare(connection, (self.ledger, *(self.get(name) for name in datasets)))

    def prepare_catalogue(self, connection: Connection) -> None:
        """Create the table of catalogues.

        :raises ExportError: a table of that name does not belong to an export.
        """
        self._prepare(connection, (self.catalogue,))

    def has_ledger(self, connection: Connection) -> bool:
        """Return whether there is the table of the ledger."""
        return _has_table(connection, self.ledger)

    def has_catalogue(self, connection: Connection) -> bool:
        """Return whether there is the table of catalogues."""
        return _has_table(connection, self.catalogue)

    def _prepare(self, connection: Connection, wanted: Iterable[sa.Table]) -> None:
        # All are checked before one is created, because MySQL cannot roll back the creation of a table.
        existing = {table: _list_columns(connection, table) for table in wanted}
        for table, names in existing.items():
            if names is None:
                table.create(connection)
                continue
            _add_columns(connection, table, names)
            if alter := suggest_alter(connection, table):
                log.warning(
                    "Table %s has limitations: it refuses characters that its character set lacks, or treats different "
                    "ids as equal, or has no transactions. To remove them, run: %s",
                    table.fullname,
                    OwnText(alter),
                )


def match_session(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that select a session's rows in a table.

    A statement is executed with the parameters :func:`session_key`. It is made once, because SQLAlchemy takes longer to
    make a statement than to execute it.
    """
    return [table.c[name] == sa.bindparam(f"key_{name}") for name in SESSION_KEY]


def session_key(platform: str, account: str, session_id: str) -> dict[str, str]:
    """Return the parameters of :func:`match_session`."""
    values = zip(SESSION_KEY, (platform, account, session_id), strict=True)
    return {f"key_{name}": storable_key(value) for name, value in values}


def _table(metadata: sa.MetaData, name: str, columns: Iterable[Column]) -> sa.Table:
    made = sa.Table(name, metadata, *(_column(column) for column in columns), **_MYSQL_OPTIONS)
    for index in made.indexes:
        index.ddl_if(callable_=lambda *args, dialect, **kwargs: can_have_indexes(dialect))
    return made


# For transactions and keys of up to 3072 bytes, regardless of the server's defaults.
_MYSQL_OPTIONS: Final[dict[str, Any]] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("row_format", "DYNAMIC"))
}


def _column(column: Column) -> sa.Column[Any]:
    return sa.Column(
        column.name,
        column_type(column),
        primary_key=column.key,
        nullable=column.nullable,
        index=column.indexed,
        autoincrement=False,
        comment=column.description,
    )


def _list_columns(connection: Connection, table: sa.Table) -> set[str] | None:
    """Return the names of a table's columns in the database; None if the table does not exist.

    :raises ExportError: the table does not belong to an export.
    """
    if not _has_table(connection, table):
        return None
    # From the result of a query, because not every dialect can reflect columns.
    names = set(connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys())
    if not {column.name for column in table.primary_key} <= names:
        raise ExportError(
            f"the table {table.fullname!r} exists and does not belong to an export: set schema or table_prefix, so "
            "that the export has tables of its own"
        )
    return names


def _has_table(connection: Connection, table: sa.Table) -> bool:
    if connection.dialect.name != "duckdb":
        return sa.inspect(connection).has_table(table.name, schema=table.schema)
    # Its dialect searches all schemas if none is set.
    return bool(connection.scalar(_ON_DUCKDB, {"schema": table.schema, "name": table.name}))


_ON_DUCKDB: Final = sa.text(
    "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() "
    "AND schema_name = coalesce(:schema, current_schema()) AND lower(table_name) = lower(:name)"
)


def _add_columns(connection: Connection, table: sa.Table, existing: set[str]) -> None:
    """Add the columns that a table lacks.

    :param existing: the columns that it has.
    """
    preparer = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in existing:
            kind = column.type.compile(connection.dialect)
            name = preparer.format_column(column)
            connection.exec_driver_sql(f"ALTER TABLE {preparer.format_table(table)} ADD COLUMN {name} {kind}")
            for index in table.indexes:
                if column.name in index.columns:
                    index.create(connection)


_COLUMNS = sa.text(
    "SELECT column_name, character_set_name, collation_name FROM information_schema.columns "
    "WHERE table_schema = coalesce(:schema, database()) AND table_name = :name"
)
_HAS_TRANSACTIONS = sa.text(
    "SELECT e.transactions FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = coalesce(:schema, database()) AND t.table_name = :name"
)


def suggest_alter(connection: Connection, table: sa.Table) -> str | None:
    """Return the statement that changes an existing table to what an export creates now; None if nothing is wrong.

    On MariaDB and MySQL, what can be wrong is a character set that lacks characters, a collation of a key in which
    different ids are equal, and an engine without transactions. The statement rewrites the whole table, so its owner
    has to run it, while nothing is exported.
    """
    if not isinstance(connection.dialect, MySQLDialect):
        return None
    place = {"schema": table.schema, "name": table.name}
    clauses = list(_modify_columns(connection, table, connection.dialect))
    if connection.scalar(_HAS_TRANSACTIONS, place) == "NO":
        clauses.append("ENGINE=InnoDB")
    name = connection.dialect.identifier_preparer.format_table(table)
    return f"ALTER TABLE {name} {', '.join(clauses)};" if clauses else None


def _modify_columns(connection: Connection, table: sa.Table, dialect: MySQLDialect) -> Iterator[str]:
    found = connection.execute(_COLUMNS, {"schema": table.schema, "name": table.name})
    known = {name: (charset, collation) for name, charset, collation in found if charset is not None}
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]  # no statement, but its columns
    for column in table.columns:
        if not isinstance(column.type, ExactText) or column.name not in known:
            continue
        charset, collation = known[column.name]
        is_key = column.type.length is not None
        if charset != MYSQL_CHARSET or (is_key and collation != mysql_collation(dialect)):
            yield f"MODIFY COLUMN {compiler.get_column_specification(column)}"
