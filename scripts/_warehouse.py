"""The database that `make up` loads into: on this machine's PostgreSQL if there is one, else a file of SQLite."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

CONN_ID = "warehouse"


@dataclass(frozen=True)
class Warehouse:
    """A database.

    :param connection: the fields of Airflow's connection to it.
    :param schema: the schema of the tables.
    :param description: where it is, for people.
    """

    connection: Mapping[str, Any]
    schema: str
    description: str


@contextmanager
def open_warehouse(folder: Path) -> Iterator[Warehouse]:
    """Create a database for the time of a ``with`` block; a file of SQLite stays.

    PostgreSQL is looked for where the variables of its own programs say (PGHOST, PGPORT, PGUSER, PGPASSWORD), by
    default at 127.0.0.1 as the user postgres.

    :param folder: where a file of SQLite is put.
    """
    server = {
        "host": os.environ.get("PGHOST", "127.0.0.1"),
        "port": int(os.environ.get("PGPORT", "5432")),
        "user": os.environ.get("PGUSER", "postgres"),
        "password": os.environ.get("PGPASSWORD", ""),
    }
    name = f"sessions_{uuid.uuid4().hex[:8]}"
    try:
        _run(server, f"CREATE DATABASE {name}")
    except psycopg2.Error:
        file = folder.resolve() / "warehouse.sqlite"
        yield Warehouse({"conn_type": "sqlite", "host": str(file)}, "main", str(file))
        return
    try:
        fields = {"conn_type": "postgres", "host": server["host"], "port": server["port"], "schema": name}
        yield Warehouse(
            fields | {"login": server["user"], "password": server["password"]},
            "public",
            f"postgresql://{server['user']}@{server['host']}:{server['port']}/{name} (dropped at the end)",
        )
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run(server: Mapping[str, Any], statement: str) -> None:
    """Run a statement outside a transaction."""
    with closing(psycopg2.connect(**server, dbname="postgres", connect_timeout=3)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
