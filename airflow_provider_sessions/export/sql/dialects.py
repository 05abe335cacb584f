"""What differs between databases: which ones are supported, how their connections are configured, and their errors.

A database is identified by the name of its SQLAlchemy dialect; an error by its code alone (SQLSTATE, MySQL's error
number, SQLite's result code, the name of DuckDB's exception), since drivers do not agree on exception classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from airflow_provider_sessions.errors import InputError

Code = str | int | None

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before each retry of a transaction."""
LOCKED_FILE_PAUSES: Final = 300 * (0.2,)
"""The same while another process has the DuckDB file open: frequent attempts for a minute, as there is no queue."""
_DOES_NOT_FIT: Final = "a value does not fit its column, which differs from the one that an export creates"
_NOT_UNIQUE: Final = "a row that must be unique exists already"
_CONSTRAINT: Final = "a constraint does not allow a row"


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A kind of database.

    :param name: its name, for errors.
    :param code: returns the code of an error from the driver's exception.
    :param transient: whether a retry may succeed after an error with this code.
    :param is_plain: whether the driver's text of an error with this code is only about objects, rights and connections.
        All other texts may quote values of rows, which are personal and must not be logged.
    :param meanings: descriptions of errors with other codes, by code or by its first two characters.
    :param place: returns the constraint or column that an error is about, if that is possible without a value.
    """

    name: str
    code: Callable[[BaseException], Code]
    transient: Callable[[Code], bool]
    is_plain: Callable[[Code], bool]
    meanings: Mapping[Code, str]
    place: Callable[[BaseException, Code], str | None] = lambda cause, code: None

    def is_transient(self, error: BaseException) -> bool:
        """Return whether a transaction that failed with this error should be retried."""
        if not isinstance(error, DBAPIError):
            return False
        if isinstance(error, IntegrityError) or error.connection_invalidated:
            return True
        return error.orig is not None and self.transient(self.code(error.orig))

    def describe(self, error: BaseException, *, connecting: bool) -> str:
        """Return a message for an error, without values of rows.

        :param connecting: whether the connection was being opened, so that no rows had been sent.
        """
        if isinstance(error, UnicodeError):
            encoding = getattr(error, "encoding", "")
            return f"{encoding!r} codec can't encode a character: the connection's encoding must be UTF-8"
        if not isinstance(error, DBAPIError) or error.orig is None:
            # A StatementError is about a value that SQLAlchemy cannot convert, and quotes all values.
            return type(error.orig).__name__ if isinstance(error, StatementError) else _first_line(error)
        cause = error.orig
        code = self.code(cause)
        if error.connection_invalidated and not connecting:
            return f"the connection broke ({type(cause).__name__})"
        if connecting or self.is_plain(code):
            return _first_line(cause)
        kind = type(cause).__name__
        known = f"{self.name} {kind}" if code in (None, kind) else f"{self.name} error {code}, {kind}"
        meaning = self.meanings.get(code) or self.meanings.get(str(code)[:2])
        place = self.place(cause, code)
        about = ", ".join(part for part in (meaning, place) if part) or "its text is omitted, because it may quote rows"
        return f"{about} ({known})"


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's text: drivers put values into the others."""
    message = getattr(error, "msg", None) or (error.args[1] if _is_numbered(error) else str(error))
    lines = str(message).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return f"{text} ({error.args[0]})" if _is_numbered(error) else text


def _is_numbered(error: BaseException) -> bool:
    """Return whether an exception has a number and a text, like those of MySQL's drivers."""
    return len(error.args) >= 2 and isinstance(error.args[0], int) and isinstance(error.args[1], str)


# PostgreSQL

_POSTGRES_TRANSIENT: Final = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock not available
    "42P07",  # the table was created meanwhile
    "42701",  # the column was
    "42710",  # the index was
}
_POSTGRES_PLAIN: Final = {"08", "0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"}
_SYNTAX_ERROR: Final = "42601"
"""The only code of class 42 whose text quotes the statement, into which psycopg2 puts the values."""


def _sqlstate(cause: BaseException) -> Code:
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)


def _postgres_place(cause: BaseException, code: Code) -> str | None:
    found = getattr(cause, "diag", None)
    names = ((word, getattr(found, f"{word}_name", None)) for word in ("table", "column", "constraint"))
    return ", ".join(f"{word} {name}" for word, name in names if name) or None


_POSTGRES_VERSION: Final = re.compile(r"(PostgreSQL|EnterpriseDB) \d")
_NOT_POSTGRES: Final = ("Redshift", "CockroachDB", "Greenplum", "-YB-", "Materialize")


def check_postgres_version(version: str) -> None:
    """Raise if a server with PostgreSQL's protocol is another database.

    :param version: the result of ``version()``.
    :raises InputError: it is another database.
    """
    other = next((word.strip("-") for word in _NOT_POSTGRES if word in version), None)
    if other or not _POSTGRES_VERSION.match(version):
        raise InputError(explain_unsupported((other or version.partition(" ")[0] or "nameless").lower()))


# MariaDB and MySQL

_MYSQL_TRANSIENT: Final = {
    1020,  # the row was changed since it was read (MariaDB's snapshot isolation)
    1040,  # too many connections
    1050,  # the table was created meanwhile
    1060,  # the column was
    1061,  # the index was
    1205,  # lock wait timeout
    1213,  # deadlock
    1412,  # the table was changed meanwhile
    1684,  # the table is being changed
}
_MYSQL_PLAIN: Final = frozenset(
    {1020, 1021, 1030, 1040, 1044, 1045, 1046, 1047, 1048, 1049, 1050, 1051, 1053, 1054, 1060, 1061, 1071, 1114, 1115}
    | {1118, 1130, 1142, 1143, 1146, 1153, 1203, 1205, 1213, 1226, 1227, 1264, 1265, 1267, 1273, 1286, 1290, 1317}
    | {1364, 1370, 1406, 1412, 1451, 1452, 1665, 1684, 1792, 1836, 1927, 1932, 1969, 2002, 2003, 2006, 2013, 3024, 3819}
    | {4025}
)
_MYSQL_PLACES: Final = {
    1062: re.compile(r" for key '([^']*)'$"),
    1366: re.compile(r" for column [`'](?:[^`']*`\.`)*([^`']*)[`'] at row \d+$"),
}
"""For texts that begin with a value: the name at their end."""
_MYSQL_MODE: Final = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
_OLDEST_MYSQL: Final = (8, 0, 17)
"""The first with the collation ``utf8mb4_0900_bin``."""
_OLDEST_MARIADB: Final = (10, 2)
"""The first with the collation ``utf8mb4_nopad_bin``."""
_NOT_MYSQL: Final = ("TiDB", "Vitess", "SingleStore", "MemSQL", "Doris", "StarRocks", "OceanBase", "ClickHouse")


def _mysql_number(cause: BaseException) -> Code:
    """Return the number: an attribute in mysql-connector-python, the first argument in all other drivers."""
    number = getattr(cause, "errno", None) or (cause.args[0] if cause.args else None)
    return number if isinstance(number, int) else None


def _mysql_place(cause: BaseException, code: Code) -> str | None:
    pattern = _MYSQL_PLACES.get(code) if isinstance(code, int) else None
    found = pattern.search(str(getattr(cause, "msg", None) or cause.args[-1])) if pattern else None
    return f"{'key' if code == 1062 else 'column'} {found[1]}" if found else None


def check_mysql_version(version: str, comment: str) -> None:
    """Raise if a server with MySQL's protocol is another database, or too old.

    :param version: the result of ``version()``.
    :param comment: the value of ``@@version_comment``.
    :raises InputError: it is another database, or too old.
    """
    other = next((word for word in _NOT_MYSQL if word.lower() in f"{version} {comment}".lower()), None)
    if other:
        raise InputError(explain_unsupported(other.lower()))
    is_mariadb = "mariadb" in version.lower()
    numbers = tuple(int(number) for number in re.findall(r"\d+", version.removeprefix("5.5.5-"))[:3])
    name, oldest = ("MariaDB", _OLDEST_MARIADB) if is_mariadb else ("MySQL", _OLDEST_MYSQL)
    if numbers < oldest:
        wanted = ".".join(map(str, oldest))
        raise InputError(
            f"the database is {name} {version}, in which keys that differ by a trailing space are equal; "
            f"exports need {name} {wanted} or newer"
        )


# SQLite

_SQLITE_BUSY: Final = {5, 6}
"""SQLite's primary result codes for a database or table that another connection has locked."""
_SQLITE_TRIGGER: Final = 1811
"""A user's trigger has refused, with a text of its own."""


def _sqlite_code(cause: BaseException) -> Code:
    return getattr(cause, "sqlite_errorcode", None)


# DuckDB

_DUCKDB_PLAIN: Final = {
    "BinderException",
    "CatalogException",
    "DependencyException",
    "IOException",
    "OutOfMemoryException",
    "ResourceInUseException",
}
_DUCKDB_LOCKED: Final = {"BinderException", "IOException", "ResourceInUseException"}
"""Exceptions for a file that is locked; the first one in versions before 2.0."""


def _duckdb_code(cause: BaseException) -> Code:
    return type(cause).__name__


BACKENDS: Final[dict[str, Backend]] = {
    "postgresql": Backend(
        name="PostgreSQL",
        code=_sqlstate,
        transient=lambda code: code in _POSTGRES_TRANSIENT,
        is_plain=lambda code: code != _SYNTAX_ERROR and str(code)[:2] in _POSTGRES_PLAIN,
        meanings={
            "22": _DOES_NOT_FIT,
            "22P05": "the database's encoding lacks a character; it must be UTF-8",
            "23": _CONSTRAINT,
            "23505": _NOT_UNIQUE,
        },
        place=_postgres_place,
    ),
    "mysql": Backend(
        name="MySQL",
        code=_mysql_number,
        transient=lambda code: code in _MYSQL_TRANSIENT,
        is_plain=lambda code: code in _MYSQL_PLAIN,
        meanings={1062: _NOT_UNIQUE, 1292: _DOES_NOT_FIT, 1366: _DOES_NOT_FIT},
        place=_mysql_place,
    ),
    "sqlite": Backend(
        name="SQLite",
        code=_sqlite_code,
        transient=lambda code: isinstance(code, int) and code & 0xFF in _SQLITE_BUSY,
        is_plain=lambda code: isinstance(code, int) and code != _SQLITE_TRIGGER,
        meanings={_SQLITE_TRIGGER: "a trigger does not allow a row"},
    ),
    "duckdb": Backend(
        name="DuckDB",
        code=_duckdb_code,
        transient=lambda code: code == "TransactionException",
        is_plain=lambda code: code in _DUCKDB_PLAIN,
        meanings={
            "ConstraintException": _CONSTRAINT,
            "ConversionException": _DOES_NOT_FIT,
            "OutOfRangeException": _DOES_NOT_FIT,
            "TransactionException": "a conflict with another transaction",
        },
    ),
}
BACKENDS["mariadb"] = BACKENDS["mysql"]

_UNTESTED: Final = Backend(
    name="database", code=lambda cause: None, transient=lambda c: False, is_plain=lambda c: False, meanings={}
)

_NO_KEYS: Final = "its primary keys are not enforced, and the ledger relies on them"
_UNTRIED: Final = "exports were never tested on it"
_REASONS: Final = {
    "awsathena": _NO_KEYS,
    "bigquery": _NO_KEYS,
    "clickhouse": "its tables need an engine, and it has no transactions",
    "cockroachdb": _UNTRIED,
    "databricks": _NO_KEYS,
    "mssql": "its VARCHAR columns do not store Unicode",
    "oracle": "its DATE columns do not store microseconds",
    "redshift": _NO_KEYS,
    "snowflake": _NO_KEYS,
    "trino": _NO_KEYS,
}
"""By dialect, why exports do not support it."""
_ALSO_CALLED: Final = {"clickhousedb": "clickhouse", "gcpbigquery": "bigquery", "presto": "trino"}
"""Other names of dialects, and types of Airflow's connections."""


def is_supported(dialect: str) -> bool:
    """Return whether exports support the database of an SQLAlchemy dialect."""
    return dialect in BACKENDS


def is_refused_type(conn_type: str) -> bool:
    """Return whether connections of this type are known to be of a database that is not supported."""
    return _ALSO_CALLED.get(conn_type, conn_type) in _REASONS


def explain_unsupported(dialect: str) -> str:
    """Return why a database is not supported, and the alternatives.

    :param dialect: its SQLAlchemy dialect, or its name.
    """
    name = _ALSO_CALLED.get(dialect, dialect)
    reason = _REASONS.get(name, _UNTRIED)
    return (
        f"the database is {name}, which is not supported: {reason}. Supported are PostgreSQL, MariaDB and MySQL, "
        "SQLite, and DuckDB; for others, export files and load these, or try it with allow_untested_database=True"
    )


def get_backend(engine: Engine) -> Backend:
    """Return the kind of database of an engine; a generic one if it is not supported."""
    return BACKENDS.get(engine.dialect.name, _UNTESTED)


def has_row_locks(dialect: Dialect) -> bool:
    """Return whether ``SELECT ... FOR UPDATE`` works. SQLite's dialect omits it; in DuckDB it fails."""
    return dialect.name != "duckdb"


def can_have_indexes(dialect: Dialect) -> bool:
    """Return whether tables can have indexes. DuckDB cannot add a column to a table with an index."""
    return dialect.name != "duckdb"


def is_locked_file(engine: Engine, error: BaseException) -> bool:
    """Return whether a DuckDB file exists but cannot be opened, because another process or thread has it open.

    :param error: why the connection failed.
    """
    if engine.dialect.name != "duckdb" or not isinstance(error, DBAPIError):
        return False
    return type(error.orig).__name__ in _DUCKDB_LOCKED and Path(engine.url.database or "").is_file()


def is_remote_duckdb(url: URL) -> bool:
    """Return whether a URL is of MotherDuck, and not of a file."""
    return (url.database or "").startswith(("md:", "motherduck:"))


def configure_engine(engine: Engine, *, allow_untested: bool) -> None:
    """Configure the connections that an engine opens.

    :param engine: must not have been used yet.
    :param allow_untested: whether to allow a server on which exports were never tested.
    """
    name = engine.dialect.name
    if name == "sqlite":
        event.listen(engine, "begin", _begin_immediate)
    if name == "postgresql" and not allow_untested:
        event.listen(engine, "connect", _check_postgres, insert=True)
    if name in ("mysql", "mariadb"):
        # Listeners are called in reverse order. SQLAlchemy's own follows, and reads the mode that was set.
        event.listen(engine, "connect", _set_up_mysql_session, insert=True)
        if not allow_untested:
            event.listen(engine, "connect", _check_mysql, insert=True)
        event.listen(engine, "do_connect", _use_utf8mb4)


def _begin_immediate(connection: Connection) -> None:
    """Lock the database at the beginning of a transaction: SQLite has no row locks."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_postgres(dbapi_connection: Any, record: object) -> None:
    [version] = _execute(dbapi_connection, "SELECT version()")
    dbapi_connection.rollback()
    check_postgres_version(version)


def _check_mysql(dbapi_connection: Any, record: object) -> None:
    check_mysql_version(*_execute(dbapi_connection, "SELECT version(), @@version_comment"))


def _set_up_mysql_session(dbapi_connection: Any, record: object) -> None:
    """Set READ COMMITTED, which has no gap locks that block other sessions, and reject values that do not fit."""
    _execute(dbapi_connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    _execute(dbapi_connection, f"SET SESSION time_zone = '+00:00', sql_mode = '{_MYSQL_MODE}'")


def _use_utf8mb4(dialect: Any, record: Any, args: Any, options: dict[str, Any]) -> None:
    """Let all drivers send all characters, whatever the connection's charset: MySQL's ``utf8`` has no emoji."""
    options["charset"] = "utf8mb4"


def _execute(dbapi_connection: Any, statement: str) -> Any:
    """Execute a statement, and return the first row of its result, if there is one."""
    cursor = dbapi_connection.cursor()
    try:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None
    finally:
        cursor.close()
