"""The tables of an export: one for each dataset, and the ledger's. They follow from the row types.

Tables are made when they are first needed. When the schema has grown, its new columns are added to tables that are
there, and allow nulls, because rows of before have no value for them. Nothing is ever dropped or changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import Connection

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.rows import INDEX, KEY, Column, get_columns
from airflow_provider_sessions.export.sql.column_types import MYSQL_CHARSET, ExactText, column_type, mysql_collation
from airflow_provider_sessions.export.sql.dialects import can_have_indexes
from airflow_provider_sessions.safe_text import OwnText, get_logger

log = get_logger(__name__)

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
        self.ledger = _table(metadata, f"{prefix}{LEDGER}", get_columns(LedgerRow))

    def of(self, dataset: str) -> sa.Table:
        """The table of a dataset."""
        return self._of_dataset[dataset]

    def prepare(self, connection: Connection, datasets: Iterable[str]) -> None:
        """Make the tables of datasets and the ledger's, or add the columns that they lack.

        :raises ExportError: there is no such schema, or a table of that name is not one of an export.
        """
        schema = self.ledger.schema
        if schema is not None and not sa.inspect(connection).has_schema(schema):
            raise ExportError(f"the database has no schema {schema!r}: make it first, or name another one")
        wanted = (self.ledger, *(self.of(name) for name in datasets))
        # All are looked at before one is made: on MySQL no transaction takes back a table.
        there = {table: _columns_there(connection, table) for table in wanted}
        for table, names in there.items():
            if names is None:
                table.create(connection)
                continue
            _add_columns(connection, table, names)
            if alter := suggest_alter(connection, table):
                log.warning(
                    "The table %s is used as it is, but keeps less than an export could: characters that its character "
                    "set lacks are refused, or ids that differ count as equal. To change that, run: %s",
                    table.fullname,
                    OwnText(alter),
                )


def _table(metadata: sa.MetaData, name: str, columns: Iterable[Column]) -> sa.Table:
    made = sa.Table(name, metadata, *(_column(column) for column in columns), **_MYSQL_OPTIONS)
    for index in made.indexes:
        index.ddl_if(callable_=lambda *args, dialect, **kwargs: can_have_indexes(dialect))
    return made


# Transactions, and keys of up to 3072 bytes, whatever the server's defaults are.
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


def _columns_there(connection: Connection, table: sa.Table) -> set[str] | None:
    """The names of the columns that a table has in the database; None where it is not there.

    :raises ExportError: it is not one of an export.
    """
    if not _is_there(connection, table):
        return None
    # Asked of the table itself: not every dialect can reflect what its database holds.
    names = set(connection.execute(sa.select(sa.text("*")).select_from(table).where(sa.false())).keys())
    if not {column.name for column in table.primary_key} <= names:
        raise ExportError(
            f"there is a table {table.fullname!r} that is not one of an export: give schema or table_prefix, "
            "so that the export has tables of its own"
        )
    return names


def _is_there(connection: Connection, table: sa.Table) -> bool:
    if connection.dialect.name != "duckdb":
        return sa.inspect(connection).has_table(table.name, schema=table.schema)
    # Its dialect looks into all schemas where none is named.
    return bool(connection.scalar(_ON_DUCKDB, {"schema": table.schema, "name": table.name}))


_ON_DUCKDB: Final = sa.text(
    "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_database() "
    "AND schema_name = coalesce(:schema, current_schema()) AND lower(table_name) = lower(:name)"
)


def _add_columns(connection: Connection, table: sa.Table, there: set[str]) -> None:
    """Add the columns that a table lacks.

    :param there: the columns that it has.
    """
    preparer = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in there:
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
    """The statement that makes a table that is there as an export makes it now; None where nothing is wrong with it.

    Wrong are a character set that lacks characters, a collation of a key that takes different ids for the same, and an
    engine without transactions.
    """
    if not isinstance(connection.dialect, MySQLDialect):
        return None
    place = {"schema": table.schema, "name": table.name}
    clauses = list(_modified(connection, table, connection.dialect))
    if connection.scalar(_HAS_TRANSACTIONS, place) == "NO":
        clauses.append("ENGINE=InnoDB")
    name = connection.dialect.identifier_preparer.format_table(table)
    return f"ALTER TABLE {name} {', '.join(clauses)};" if clauses else None


def _modified(connection: Connection, table: sa.Table, dialect: MySQLDialect) -> Iterator[str]:
    there = connection.execute(_COLUMNS, {"schema": table.schema, "name": table.name})
    known = {name: (charset, collation) for name, charset, collation in there if charset is not None}
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]  # no statement, but its columns
    for column in table.columns:
        if not isinstance(column.type, ExactText) or column.name not in known:
            continue
        charset, collation = known[column.name]
        is_key = column.type.length is not None
        if charset != MYSQL_CHARSET or (is_key and collation != mysql_collation(dialect)):
            yield f"MODIFY COLUMN {compiler.get_column_specification(column)}"
