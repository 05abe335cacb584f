"""Transactions that meet others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.sql.database import Database
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]

SERVERS = ["postgres", "mariadb", "mariadb_pymysql"]


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


def test_a_database_that_is_locked_for_long_is_reported(sqlite: Place) -> None:
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


@pytest.mark.parametrize("fixture", SERVERS)
def test_of_two_in_a_deadlock_one_begins_again(request: pytest.FixtureRequest, fixture: str) -> None:
    place: Place = request.getfixturevalue(fixture)
    place.run("CREATE TABLE {schema}t (n INTEGER PRIMARY KEY, times INTEGER)")
    place.run("INSERT INTO {schema}t VALUES (1, 0), (2, 0)")
    meet, tries = threading.Barrier(2), []
    table = f"{place.quoted(place.schema)}.t" if place.schema else "t"

    def both(first: int, second: int) -> None:
        met = []

        def do(connection: sa.Connection) -> None:
            tries.append(first)
            for n in (first, second):
                connection.exec_driver_sql(f"UPDATE {table} SET times = times + 1 WHERE n = {n}")
                if not met:
                    met.append(meet.wait())

        mine = Database(place.engine(), pause=lambda seconds: None)
        mine.transaction("a test", do)
        mine.close()

    threads = [threading.Thread(target=both, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert place.column("SELECT times FROM {schema}t") == [2, 2]
    assert len(tries) >= 3, "the one that was undone did it again"


@pytest.mark.parametrize("fixture", SERVERS)
def test_a_connection_that_breaks_is_made_again(request: pytest.FixtureRequest, fixture: str) -> None:
    place: Place = request.getfixturevalue(fixture)
    tries: list[int] = []
    own_id = "SELECT pg_backend_pid()" if place.kind == "postgresql" else "SELECT connection_id()"

    def do(connection: sa.Connection) -> int:
        tries.append(connection.exec_driver_sql(own_id).scalar_one())
        if len(tries) == 1 and place.kind == "postgresql":
            place.rows("SELECT pg_terminate_backend(:pid)", pid=tries[0])
        elif len(tries) == 1:
            place.run(f"KILL {tries[0]}")
        found: int = connection.exec_driver_sql("SELECT 7").scalar_one()
        return found

    mine = Database(place.engine(), pause=lambda seconds: None)
    assert mine.transaction("a test", do) == 7
    assert len(set(tries)) == 2
    mine.close()


@pytest.mark.parametrize("fixture", ["mariadb", "mariadb_pymysql"])
def test_a_lock_that_is_not_to_be_had_is_tried_again(request: pytest.FixtureRequest, fixture: str) -> None:
    place: Place = request.getfixturevalue(fixture)
    place.run("CREATE TABLE {schema}t (n INTEGER PRIMARY KEY)", "INSERT INTO {schema}t VALUES (1)")
    table = f"{place.quoted(place.schema)}.t" if place.schema else "t"
    other = place.engine().connect()
    other.exec_driver_sql(f"SELECT * FROM {table} FOR UPDATE")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        other.rollback()

    def do(connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 0")
        connection.exec_driver_sql(f"DELETE FROM {table}")

    mine = Database(place.engine(), pause=pause)
    with other:  # which lets go of the lock, whatever happens
        mine.transaction("a test", do)
    assert pauses == [0.1]
    mine.close()


@pytest.mark.parametrize("fixture", ["mariadb", "mariadb_pymysql"])
@pytest.mark.parametrize(
    "statement", ["CREATE TABLE {t} (n INTEGER)", "ALTER TABLE {t} ADD n INTEGER", "CREATE INDEX t_n ON {t} (n)"]
)
def test_what_another_has_made_meanwhile_is_looked_at_again(
    request: pytest.FixtureRequest, fixture: str, statement: str
) -> None:
    """Two loads that find no table make it both: the second gets error 1050, 1060 or 1061."""
    place: Place = request.getfixturevalue(fixture)
    place.run("CREATE TABLE {schema}t (n INTEGER, KEY t_n (n))")
    table = f"{place.quoted(place.schema)}.t" if place.schema else "t"
    tries: list[int] = []

    def do(connection: sa.Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            connection.exec_driver_sql(statement.format(t=table))

    mine = Database(place.engine(), pause=lambda seconds: None)
    mine.transaction("a test", do)
    assert len(tries) == 2
    mine.close()


@pytest.mark.parametrize("fixture", ["mariadb", "mariadb_pymysql"])
def test_sessions_of_mariadb_are_the_same_whatever_server_and_connection_say(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    place: Place = request.getfixturevalue(fixture)
    strange = "SET sql_mode = 'ANSI_QUOTES,EMPTY_STRING_IS_NULL', time_zone = '-05:00', tx_isolation = 'SERIALIZABLE'"
    mine = Database(sa.create_engine(f"{place.url}?charset=latin1&init_command={strange}"))
    query = "SELECT @@tx_isolation, @@time_zone, @@sql_mode, @@character_set_client, '\N{WAVING HAND SIGN}', \"a\""
    found = mine.transaction("a test", lambda one: tuple(one.exec_driver_sql(query).one()))
    mode = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
    assert found == ("READ-COMMITTED", "+00:00", mode, "utf8mb4", "\N{WAVING HAND SIGN}", "a")
    mine.close()


HOLDS = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(duckdb_file: Place) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the DuckDB file open until its input ends."""
    command = [sys.executable, "-c", HOLDS, str(sa.make_url(duckdb_file.url).database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_duckdb_file_that_another_process_has_open_is_waited_for(
    duckdb_file: Place, holder: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            holder.communicate("")

    mine = Database(duckdb_file.engine(), pause=pause)
    assert mine.transaction("a test", lambda one: one.exec_driver_sql("SELECT 7").scalar()) == 7
    assert len(pauses) == 3
    assert caplog.text.count("Waiting: another process has the DuckDB file open") == 1
    mine.close()


def test_a_duckdb_file_that_is_held_for_a_minute_is_reported_with_the_process(
    duckdb_file: Place, holder: subprocess.Popen[str]
) -> None:
    pauses: list[float] = []
    mine = Database(duckdb_file.engine(), pause=pauses.append)
    with pytest.raises(ExportError, match=rf"a test: .* another process has the DuckDB file open.*PID {holder.pid}"):
        mine.transaction("a test", lambda one: None)
    assert sum(pauses) == pytest.approx(60)


def test_a_duckdb_file_is_free_between_transactions(duckdb_file: Place) -> None:
    mine = Database(duckdb_file.engine())
    mine.transaction("a test", lambda one: one.exec_driver_sql("CREATE TABLE t (n INTEGER)"))
    opens = [
        sys.executable,
        "-c",
        "import sys, duckdb; duckdb.connect(sys.argv[1]).execute('INSERT INTO t VALUES (1)')",
    ]
    subprocess.run([*opens, str(sa.make_url(duckdb_file.url).database)], check=True)
    assert mine.transaction("a test", lambda one: one.exec_driver_sql("SELECT n FROM t").all()) == [(1,)]
    mine.close()


def test_a_duckdb_file_that_cannot_be_made_is_reported_at_once(tmp_path: Path) -> None:
    pauses: list[float] = []
    mine = Database(sa.create_engine(f"duckdb:///{tmp_path}/nowhere/sessions.duckdb"), pause=pauses.append)
    with pytest.raises(ExportError, match="a test: the database refused: IO Error: Cannot open file"):
        mine.transaction("a test", lambda one: None)
    assert pauses == []


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        (
            "mysql+pymysql://ada:hunter2@127.0.0.1:1/test",
            {},
            r"Can't connect to MySQL server on '127\.0\.0\.1' .*\(2003\)",
        ),
        ("mysql+pymysql://root@127.0.0.1/nowhere", {}, r"(Unknown database|Access denied).* \(10\d\d\)"),
        ("mysql+pymysql://root@127.0.0.1/test", {"cursor": "sscursor"}, "unexpected keyword argument 'cursor'"),
        ("postgresql+psycopg2://ada:hunter2@127.0.0.1:1/test", {}, "connection to server at"),
    ],
)
def test_a_connection_that_cannot_be_opened_is_reported_with_the_drivers_reason(
    url: str, options: dict[str, str], reason: str
) -> None:
    mine = Database(sa.create_engine(url, connect_args=options), pause=lambda seconds: None)
    with pytest.raises(ExportError, match=reason) as caught:
        mine.check()
    assert "hunter2" not in str(caught.value)


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
    assert mine.make_uri(table) == "postgresql://db.example.com:5433/sales/reports/sessions"
    file = Database(sa.create_engine("sqlite:////var/lib/sessions.db"))
    assert file.make_uri(sa.Table("sessions", sa.MetaData())) == "sqlite:///var/lib/sessions.db/sessions"
