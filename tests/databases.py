"""Databases that tests write to: files of SQLite and DuckDB, and schemas of their own on PostgreSQL and MariaDB."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

__all__ = [
    "DATABASES",
    "Place",
    "database",
    "duckdb_file",
    "fields_of",
    "file_of",
    "mariadb",
    "mariadb_by_pymysql",
    "mariadb_database",
    "mariadb_pymysql",
    "mariadb_schema",
    "need_provider",
    "postgres",
    "postgres_database",
    "postgres_schema",
    "sqlite",
    "warehouse",
]

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg2://postgres@127.0.0.1:5432/test")
MARIADB = os.environ.get("TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306")
DATABASES = ("sqlite", "duckdb_file", "postgres", "mariadb", "mariadb_pymysql")
"""Fixtures of all databases that are supported; those of MariaDB by Airflow's default driver, and by PyMySQL."""
if not version("apache-airflow").startswith("3.3."):  # with which everything is tested
    DATABASES = ("sqlite", "postgres")
_IN_FILES = ("sqlite", "duckdb")


@dataclass(frozen=True)
class Place:
    """Where tables go, and a look at them past everything that is tested."""

    url: str
    schema: str | None

    @property
    def kind(self) -> str:
        """Which database it is: ``sqlite``, ``duckdb``, ``postgresql`` or ``mysql``."""
        return sa.make_url(self.url).get_backend_name()

    def engine(self) -> sa.Engine:
        """A new engine. SQLite lets a look wait for a writer on a busy machine."""
        return sa.create_engine(self.url, connect_args={"timeout": 60} if self.kind == "sqlite" else {})

    def rows(self, query: str, *, before: str | None = None, **values: Any) -> list[Any]:
        """What a query gives; ``{schema}`` stands for the tables' schema and a dot.

        :param before: what is said in the same session before it.
        """
        with self._connected() as connection:
            if before is not None:
                connection.exec_driver_sql(before)
            return list(connection.execute(sa.text(self._here(query)), values).all())

    def column(self, query: str, **values: Any) -> list[Any]:
        """The first column of what a query gives."""
        return [row[0] for row in self.rows(query, **values)]

    def run(self, *statements: str) -> None:
        """Change something."""
        with self._connected() as connection:
            for statement in statements:
                connection.exec_driver_sql(self._here(statement))
            connection.commit()

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """A connection; to a DuckDB file as soon as no other process has it open."""
        engine, deadline = self.engine(), time.monotonic() + 60
        while True:
            try:
                connection = engine.connect()
                break
            except sa.exc.OperationalError:
                if self.kind != "duckdb" or time.monotonic() > deadline:
                    raise
        with connection:
            yield connection
        engine.dispose()

    def tables(self) -> set[str]:
        """Names of the tables that are there."""
        if self.kind == "duckdb":  # whose file is there once it has been opened
            return set(self.column("SELECT table_name FROM duckdb_tables()"))
        with self._connected() as connection:
            return set(sa.inspect(connection).get_table_names(schema=self.schema))

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns."""
        with self._connected() as connection:
            return list(connection.exec_driver_sql(self._here(f"SELECT * FROM {{schema}}{table} WHERE 1 = 0")).keys())

    def key(self, table: str) -> list[str]:
        """The columns of a table's primary key."""
        if self.kind == "duckdb":
            keys = "SELECT constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
            [names] = self.column(f"{keys} AND table_name = :table", table=table)
            return list(names)
        with self._connected() as connection:
            return list(sa.inspect(connection).get_pk_constraint(table, self.schema)["constrained_columns"])

    def indexes(self, table: str) -> dict[str, list[str]]:
        """The columns of a table's indexes, by their names."""
        if self.kind == "duckdb":
            query = "SELECT index_name, expressions FROM duckdb_indexes() WHERE table_name = :table"
            return {name: columns.strip("[]").split(", ") for name, columns in self.rows(query, table=table)}
        with self._connected() as connection:
            found = sa.inspect(connection).get_indexes(table, self.schema)
        return {str(one["name"]): [str(name) for name in one["column_names"]] for one in found}

    def quoted(self, name: str) -> str:
        """A name as a statement has it."""
        return sa.make_url(self.url).get_dialect()().identifier_preparer.quote_identifier(name)

    def _here(self, statement: str) -> str:
        return statement.replace("{schema}", f"{self.quoted(self.schema)}." if self.schema else "")


def file_of(kind: str, folder: Path) -> Place:
    """A file of SQLite or DuckDB, which is made when it is first written to or opened."""
    return Place(f"{kind}:///{folder}/sessions.{kind}", None)


@pytest.fixture
def sqlite(tmp_path: Path) -> Place:
    """A file of SQLite."""
    return file_of("sqlite", tmp_path)


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Place:
    """A file of DuckDB."""
    return file_of("duckdb", tmp_path)


@contextmanager
def postgres_schema() -> Iterator[Place]:
    """A schema of its own on PostgreSQL, for as long as the block."""
    place = Place(POSTGRES, f"test_{uuid.uuid4().hex[:12]}")
    try:
        place.run(f'CREATE SCHEMA "{place.schema}"')
    except sa.exc.OperationalError:
        _skip("PostgreSQL", sa.make_url(POSTGRES))
    try:
        yield place
    finally:
        place.run(f'DROP SCHEMA "{place.schema}" CASCADE')


@contextmanager
def postgres_database() -> Iterator[str]:
    """The URL of a database of its own on PostgreSQL, for as long as the block: for an Airflow to keep its state in."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with server.connect() as connection:
            connection.exec_driver_sql(statement)

    try:
        run(f'CREATE DATABASE "{name}"')
    except sa.exc.OperationalError:
        _skip("PostgreSQL", sa.make_url(POSTGRES))
    try:
        yield sa.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        run(f'DROP DATABASE "{name}" WITH (FORCE)')
        server.dispose()


@contextmanager
def mariadb_database(driver: str | None = None) -> Iterator[str]:
    """The URL of a database of its own on MariaDB, for as long as the block.

    Its character set lacks letters, as that of old databases does.

    :param driver: SQLAlchemy's name of the driver; None for the default one.
    """
    name, server = f"test_{uuid.uuid4().hex[:12]}", sa.make_url(MARIADB).set(drivername="mysql+pymysql")
    admin = Place(server.render_as_string(hide_password=False), None)
    try:
        admin.run(f"CREATE DATABASE {name} CHARACTER SET latin1")
    except sa.exc.OperationalError:
        _skip("MariaDB", server)
    try:
        drivername = f"mysql+{driver}" if driver else "mysql"
        yield server.set(drivername=drivername, database=name).render_as_string(hide_password=False)
    finally:
        admin.run(f"DROP DATABASE {name}")


def _skip(name: str, url: sa.URL) -> NoReturn:
    pytest.skip(f"no {name} answers at {url.host}:{url.port}")


@pytest.fixture
def postgres() -> Iterator[Place]:
    """A schema of its own."""
    with postgres_schema() as place:
        yield place


@contextmanager
def mariadb_schema() -> Iterator[Place]:
    """A database of its own, by mysqlclient, Airflow's default driver; it is named as a schema."""
    pytest.importorskip("MySQLdb", reason="mysqlclient is not installed: it is built where MariaDB's headers are")
    with mariadb_database() as url:
        own = sa.make_url(url)
        yield Place(own.set(database="information_schema").render_as_string(hide_password=False), own.database)


@contextmanager
def mariadb_by_pymysql() -> Iterator[Place]:
    """A database of its own, by PyMySQL; it is the connection's."""
    with mariadb_database("pymysql") as url:
        yield Place(url, None)


@pytest.fixture
def mariadb() -> Iterator[Place]:
    """A database of its own, by mysqlclient."""
    with mariadb_schema() as place:
        yield place


@pytest.fixture
def mariadb_pymysql() -> Iterator[Place]:
    """A database of its own, by PyMySQL."""
    with mariadb_by_pymysql() as place:
        yield place


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> Place:
    """Each of them."""
    place: Place = request.getfixturevalue(request.param)
    return place


@pytest.fixture
def warehouse(database: Place, connect: Any) -> Place:
    """Each of them, behind the connection ``warehouse``."""
    need_provider(database)
    connect("warehouse", **fields_of(database))
    return database


def need_provider(place: Place) -> None:
    """Skip where Airflow's provider of MySQL is not installed, which needs mysqlclient."""
    if place.kind == "mysql":
        pytest.importorskip("airflow.providers.mysql", reason="Airflow's provider of MySQL needs mysqlclient")


def fields_of(place: Place) -> dict[str, Any]:
    """An Airflow connection to it."""
    url = sa.make_url(place.url)
    if place.kind in _IN_FILES:
        return {"conn_type": place.kind, "host": url.database}
    client = {"extra": {"client": "pymysql"}} if url.drivername == "mysql+pymysql" else {}
    return {
        "conn_type": {"postgresql": "postgres"}.get(place.kind, place.kind),
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password or "",
        "schema": url.database,
        **client,
    }
