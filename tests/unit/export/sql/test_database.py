"""Transactions that meet others."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.sql.database import Database
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]


def test_a_database_that_another_holds_is_waited_for(sqlite: Place) -> None:
    sqlite.run("CREATE TABLE t (n INTEGER)")
    other = sqlite.engine().connect()
    other.exec_driver_sql("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            other.rollback()

    mine = Database(sa.create_engine(sqlite.url, connect_args={"timeout": 0}), pause=pause)
    mine.transaction("a test", lambda one: one.exec_driver_sql("INSERT INTO t VALUES (1)"))
    assert sqlite.column("SELECT n FROM t") == [1]
    assert pauses == [0.1, 0.2, 0.4]
    other.close()
    mine.close()


def test_one_that_is_held_for_long_is_told(sqlite: Place) -> None:
    sqlite.run("CREATE TABLE t (n INTEGER)")
    other = sqlite.engine().connect()
    other.exec_driver_sql("BEGIN IMMEDIATE")
    pauses: list[float] = []
    mine = Database(sa.create_engine(sqlite.url, connect_args={"timeout": 0}), pause=pauses.append)
    with pytest.raises(ExportError, match="a test: the database refused: database is locked"):
        mine.transaction("a test", lambda one: one.exec_driver_sql("INSERT INTO t VALUES (1)"))
    assert len(pauses) == 5
    other.close()
    mine.close()


def test_of_two_in_a_deadlock_one_begins_anew(postgres: Place) -> None:
    postgres.run("CREATE TABLE {schema}t (n INTEGER PRIMARY KEY, times INTEGER)")
    postgres.run("INSERT INTO {schema}t VALUES (1, 0), (2, 0)")
    meet, tries = threading.Barrier(2), []

    def both(first: int, second: int) -> None:
        met = []

        def do(connection: sa.Connection) -> None:
            tries.append(first)
            for n in (first, second):
                connection.exec_driver_sql(f'UPDATE "{postgres.schema}".t SET times = times + 1 WHERE n = {n}')
                if not met:
                    met.append(meet.wait())

        mine = Database(postgres.engine(), pause=lambda seconds: None)
        mine.transaction("a test", do)
        mine.close()

    threads = [threading.Thread(target=both, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert postgres.column("SELECT times FROM {schema}t") == [2, 2]
    assert len(tries) >= 3, "the one that was undone did it again"


def test_a_connection_that_breaks_is_made_anew(postgres: Place) -> None:
    engine, tries = postgres.engine(), []

    def do(connection: sa.Connection) -> int:
        tries.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        if len(tries) == 1:
            postgres.rows("SELECT pg_terminate_backend(:pid)", pid=tries[0])
        found: int = connection.exec_driver_sql("SELECT 7").scalar()
        return found

    mine = Database(engine, pause=lambda seconds: None)
    assert mine.transaction("a test", do) == 7
    assert len(set(tries)) == 2
    mine.close()


def test_an_error_that_lasts_is_not_tried_again(database: Place) -> None:
    pauses: list[float] = []
    mine = Database(database.engine(), pause=pauses.append)
    with pytest.raises(ExportError, match="a test: the database refused: "):
        mine.transaction("a test", lambda one: one.exec_driver_sql("SELECT * FROM nothing"))
    assert pauses == []
    mine.close()


def test_addresses_of_tables_hold_no_secret(postgres: Place) -> None:
    table = sa.Table("sessions", sa.MetaData(schema="reports"))
    mine = Database(sa.create_engine("postgresql+psycopg2://ada:hunter2@db.example.com:5433/sales"))
    assert mine.uri(table) == "postgresql://db.example.com:5433/sales/reports/sessions"
    file = Database(sa.create_engine("sqlite:////var/lib/sessions.db"))
    assert file.uri(sa.Table("sessions", sa.MetaData())) == "sqlite:///var/lib/sessions.db/sessions"
