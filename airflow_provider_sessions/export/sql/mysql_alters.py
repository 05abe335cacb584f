"""Tables that are there on MariaDB or MySQL and were made otherwise than exports make them now.

They are used as they are. What would make them as they should be is for their owner to decide, and to run when nothing
is loaded: it writes the whole table anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import Connection

from airflow_provider_sessions.export.sql.columns import MYSQL_CHARSET, ExactText, mysql_collation

_COLUMNS = sa.text(
    "SELECT column_name, character_set_name, collation_name FROM information_schema.columns "
    "WHERE table_schema = coalesce(:schema, database()) AND table_name = :name"
)
_HAS_TRANSACTIONS = sa.text(
    "SELECT e.transactions FROM information_schema.tables t JOIN information_schema.engines e ON e.engine = t.engine "
    "WHERE t.table_schema = coalesce(:schema, database()) AND t.table_name = :name"
)


def missing_alter(connection: Connection, table: sa.Table) -> str | None:
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
