"""Databases that tests write to: a file of SQLite, and a schema of its own on PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

__all__ = ["Place", "database", "fields_of", "postgres", "postgres_database", "postgres_schema", "sqlite", "warehouse"]

POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg2://postgres@127.0.0.1:5432/test")


@dataclass(frozen=True)
class Place:
    """Where tables go, and a look at them past everything that is tested."""

    url: str
    schema: str | None

    def engine(self) -> sa.Engine:
        """A new engine. SQLite lets a look wait for a writer on a busy machine."""
        return sa.create_engine(self.url, connect_args={"timeout": 60} if self.url.startswith("sqlite") else {})

    def rows(self, query: str, **values: Any) -> list[Any]:
        """What a query gives; ``{schema}`` stands for the tables' schema and a dot."""
        engine = self.engine()
        with engine.connect() as connection:
            found = connection.execute(sa.text(self._here(query)), values).all()
        engine.dispose()
        return list(found)

    def column(self, query: str, **values: Any) -> list[Any]:
        """The first column of what a query gives."""
        return [row[0] for row in self.rows(query, **values)]

    def run(self, *statements: str) -> None:
        """Change something."""
        engine = self.engine()
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(self._here(statement))
        engine.dispose()

    def tables(self) -> set[str]:
        """Names of the tables that are there."""
        engine = self.engine()
        names = set(sa.inspect(engine).get_table_names(schema=self.schema))
        engine.dispose()
        return names

    def _here(self, statement: str) -> str:
        return statement.replace("{schema}", f'"{self.schema}".' if self.schema else "")


@pytest.fixture
def sqlite(tmp_path: Path) -> Place:
    """A file that is made when it is first written to."""
    return Place(f"sqlite:///{tmp_path}/sessions.db", None)


@contextmanager
def postgres_schema() -> Iterator[Place]:
    """A schema of its own on PostgreSQL, for as long as the block."""
    place = Place(POSTGRES, f"test_{uuid.uuid4().hex[:12]}")
    try:
        place.run(f'CREATE SCHEMA "{place.schema}"')
    except sa.exc.OperationalError:
        _skip()
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
        _skip()
    try:
        yield sa.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        run(f'DROP DATABASE "{name}" WITH (FORCE)')
        server.dispose()


def _skip() -> NoReturn:
    url = sa.make_url(POSTGRES)
    pytest.skip(f"no PostgreSQL answers at {url.host}:{url.port}")


@pytest.fixture
def postgres() -> Iterator[Place]:
    """A schema of its own."""
    with postgres_schema() as place:
        yield place


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Place:
    """Each of the two."""
    place: Place = request.getfixturevalue(request.param)
    return place


@pytest.fixture
def warehouse(database: Place, connect: Any) -> Place:
    """Each of the two, behind the connection ``warehouse``."""
    connect("warehouse", **fields_of(database))
    return database


def fields_of(place: Place) -> dict[str, Any]:
    """An Airflow connection to it."""
    url = sa.make_url(place.url)
    if url.get_backend_name() == "sqlite":
        return {"conn_type": "sqlite", "host": url.database}
    return {
        "conn_type": "postgres",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password or "",
        "schema": url.database,
    }
