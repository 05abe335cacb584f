"""Loads in processes of their own: at once, and killed in the middle."""

from __future__ import annotations

import time
from multiprocessing.process import BaseProcess

import pytest

from airflow_provider_sessions.export.sql.tables import LEDGER
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite
from tests.forks import make_process
from tests.unit.export.sql.loading import PEOPLE, run_load, sessions_for

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]

PATIENCE = 120.0


def start(place: Place, run: str, prefix: str = "s") -> BaseProcess:
    process = make_process(run_load, place.url, place.schema or "", run, prefix)
    process.start()
    return process


def wait(process: BaseProcess) -> int | None:
    """Wait until a process has ended, and return its exit code."""
    process.join(PATIENCE)
    return process.exitcode


def loaded(place: Place) -> int:
    """How many sessions are there, once there is a table."""
    return place.column("select count(*) from {schema}sessions")[0] if "sessions" in place.tables() else 0


def whole(place: Place) -> set[str]:
    """The sessions that are there; each is whole, and there once."""
    sessions = place.column("select session_id from {schema}sessions")
    assert len(sessions) == len(set(sessions))
    people = dict(tuple(row) for row in place.rows("select session_id, count(*) from {schema}attendance group by 1"))
    assert people == dict.fromkeys(sessions, PEOPLE)
    noted = place.rows(f"select session_id, count(*) from {{schema}}{LEDGER} where status = 'exported' group by 1")
    assert {row[0]: row[1] for row in noted} == dict.fromkeys(sessions, 2)
    return set(sessions)


def test_processes_that_load_the_same_at_once_leave_everything_once(database: Place) -> None:
    loads = [start(database, f"run {number}") for number in range(4)]
    assert [wait(one) for one in loads] == [0] * 4
    assert len(whole(database)) == sessions_for(database.url)


@pytest.mark.parametrize("fixture", ["postgres", "mariadb", "mariadb_pymysql"])
def test_processes_that_load_other_sessions_each_do_not_meet(request: pytest.FixtureRequest, fixture: str) -> None:
    """On InnoDB, a search for a row that is not there may lock the gap in which others are going to insert."""
    place: Place = request.getfixturevalue(fixture)
    loads = [start(place, f"run {number}", f"of-{number}-") for number in range(4)]
    assert [wait(one) for one in loads] == [0] * 4
    assert len(whole(place)) == 4 * sessions_for(place.url)


def test_a_process_killed_in_the_middle_leaves_whole_sessions_and_a_retry_the_rest(database: Place) -> None:
    dies, deadline = start(database, "night"), time.monotonic() + PATIENCE
    some = sessions_for(database.url) // 6
    while loaded(database) < some:
        assert dies.exitcode is None
        assert time.monotonic() < deadline
    dies.kill()
    dies.join()
    assert some <= len(whole(database)) < sessions_for(database.url)
    assert wait(start(database, "night")) == 0
    assert len(whole(database)) == sessions_for(database.url)
