"""What is said of errors: what failed and where, and no value of a row, whatever the database quotes."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.model import Participant, Presence, Recording, RecordingStatus
from tests.databases import DATABASES, Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, session

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]

Load = Callable[..., Any]
ADA = Participant(
    participant_key="account:ada", presence=Presence.PRESENT, name="Ada Lovelace", email="ada@example.com", role="host"
)
SECRETS = ("Ada", "ada@", "Lovelace", "Hearing", r"F0\x9F", "\N{WAVING HAND SIGN}", "account:ada", str(2**60))
"""What no text may hold: who is in the rows, what a session is about, and pieces of these as servers quote them."""


@pytest.fixture
def load() -> Load:
    """Load a session with somebody in it: ``await load(place, "s1")``."""

    async def load(database: Place, session_id: str, title: str = "Hearing of Ada \N{WAVING HAND SIGN}") -> None:
        recording = Recording(
            recording_id="r1", session_id=session_id, status=RecordingStatus.READY, name="Ada.mp4", size_bytes=2**60
        )
        adapter = StandIn.of(
            session(session_id, title=title), participants={session_id: [ADA]}, recordings={session_id: [recording]}
        )
        engine = database.engine()
        plan = await plan_export(adapter, QUERY, parse_datasets("sessions,participants,recordings"))
        target = SqlTarget(
            Database(engine, pause=lambda seconds: None),
            Tables(database.schema),
            RunId("nightly", f"run of {session_id}", "load"),
            clock=VirtualClock(NOON + timedelta(hours=12)),
        )
        plan = await add_due_sessions(adapter, plan, target.begin(plan))
        known = await fetch_all(adapter, plan)
        try:
            target.write(plan, known)
        finally:
            engine.dispose()

    return load


def retyped(table: str, column: str, kind: str) -> list[str]:
    """Statements that give a column another type."""
    return [f"ALTER TABLE {{schema}}{table} DROP COLUMN {column}", f"ALTER TABLE {{schema}}{table} ADD {column} {kind}"]


UNIQUE = ["CREATE UNIQUE INDEX one_of_each ON {schema}participants (email, name)"]
NUMBER, DATE = retyped("sessions", "title", "INTEGER"), retyped("sessions", "title", "DATE")
SHORT, SMALL = retyped("sessions", "title", "VARCHAR(5)"), retyped("recordings", "size_bytes", "INTEGER")
CHECK = retyped("participants", "role", "VARCHAR(20) CHECK (role < 'a')")
UNFIT = "a value does not fit its column, which differs from the one that an export creates"
FAULTS: dict[str, dict[str, tuple[list[str], str]]] = {
    "postgresql": {
        "a unique index": (
            UNIQUE,
            "a row that must be unique exists already, table participants, constraint one_of_each "
            "(PostgreSQL error 23505, UniqueViolation)",
        ),
        "a number for a text": (NUMBER, f"{UNFIT} (PostgreSQL error 22P02, InvalidTextRepresentation)"),
        "a date for a text": (DATE, f"{UNFIT} (PostgreSQL error 22007, InvalidDatetimeFormat)"),
        "too short": (SHORT, f"{UNFIT} (PostgreSQL error 22001, StringDataRightTruncation)"),
        "too small": (SMALL, f"{UNFIT} (PostgreSQL error 22003, NumericValueOutOfRange)"),
        "a check": (
            CHECK,
            "a constraint does not allow a row, table participants, constraint participants_role_check "
            "(PostgreSQL error 23514, CheckViolation)",
        ),
        "to be filled": (
            [
                "ALTER TABLE {schema}participants ADD badge INTEGER NOT NULL DEFAULT 0",
                "ALTER TABLE {schema}participants ALTER badge DROP DEFAULT",
            ],
            "a constraint does not allow a row, table participants, column badge "
            "(PostgreSQL error 23502, NotNullViolation)",
        ),
        "a trigger that quotes": (
            [
                "CREATE FUNCTION {schema}guard() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION USING MESSAGE = NEW.name || ' is not wanted'; END $$",
                "CREATE TRIGGER guard BEFORE INSERT ON {schema}participants "
                "FOR EACH ROW EXECUTE FUNCTION {schema}guard()",
            ],
            "its text is omitted, because it may quote rows (PostgreSQL error P0001, RaiseException)",
        ),
        "a unique constraint that is checked at the end": (
            ["ALTER TABLE {schema}participants ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE INITIALLY DEFERRED"],
            "a row that must be unique exists already, table participants, constraint one_name "
            "(PostgreSQL error 23505, UniqueViolation)",
        ),
        "a view in the place of a table": (
            [
                "ALTER TABLE {schema}recordings RENAME TO kept",
                "CREATE VIEW {schema}recordings AS "
                "SELECT platform, account, session_id, recording_id, version, name, status, media_type, size_bytes, "
                "duration_seconds, sha256, error, created_at, updated_at FROM {schema}kept GROUP BY 1, 2, 3, 4",
            ],
            'cannot delete from view "recordings"',
        ),
    },
    "mysql": {
        "a unique index": (
            ["CREATE UNIQUE INDEX one_of_each ON {schema}participants (email(50), name(50))"],
            "a row that must be unique exists already, key one_of_each (MySQL error 1062, IntegrityError)",
        ),
        "a number for a text": (NUMBER, f"{UNFIT}, column title (MySQL error 1366, "),
        "a date for a text": (DATE, f"{UNFIT} (MySQL error 1292, "),
        "too short": (SHORT, "Data too long for column 'title' at row 1 (1406)"),
        "too small": (SMALL, "Out of range value for column 'size_bytes' at row 1 (1264)"),
        "a character set that lacks letters": (
            retyped("sessions", "title", "TEXT CHARACTER SET latin1"),
            f"{UNFIT}, column title (MySQL error 1366, ",
        ),
        "a check": (CHECK, "CONSTRAINT `participants.role` failed for "),
        "to be filled": (
            ["ALTER TABLE {schema}participants ADD badge INTEGER NOT NULL"],
            "Field 'badge' doesn't have a default value (1364)",
        ),
        "a trigger that quotes": (
            [
                "CREATE TRIGGER {schema}guard BEFORE INSERT ON {schema}participants FOR EACH ROW "
                "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Ada Lovelace is not wanted'"
            ],
            "its text is omitted, because it may quote rows (MySQL error 1644, ",
        ),
    },
    "sqlite": {
        "a unique index": (UNIQUE, "UNIQUE constraint failed: participants.email, participants.name"),
        "a check": (CHECK, "CHECK constraint failed: role < 'a'"),
        "a trigger that quotes": (
            [
                "CREATE TRIGGER guard BEFORE INSERT ON participants "
                "BEGIN SELECT RAISE(ABORT, 'Ada Lovelace is not wanted'); END"
            ],
            "a trigger does not allow a row (SQLite error 1811, IntegrityError)",
        ),
    },
    "duckdb": {
        "a unique index": (
            UNIQUE,
            "a constraint does not allow a row (DuckDB ConstraintException)",
        ),
        "a number for a text": (NUMBER, f"{UNFIT} (DuckDB ConversionException)"),
        "a date for a text": (DATE, f"{UNFIT} (DuckDB ConversionException)"),
        "too small": (SMALL, f"{UNFIT} (DuckDB ConversionException)"),
    },
}
CASES = [
    pytest.param(fixture, *case, id=f"{fixture}-{fault}")
    for fixture, kind in zip(DATABASES, ("sqlite", "duckdb", "postgresql", "mysql", "mysql"), strict=True)
    for fault, case in FAULTS[kind].items()
]


@pytest.mark.parametrize(("fixture", "statements", "text"), CASES)
async def test_what_a_database_refuses_is_said_without_any_value(
    load: Load,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    fixture: str,
    statements: list[str],
    text: str,
) -> None:
    place: Place = request.getfixturevalue(fixture)
    await load(place, "s1")
    place.run(*statements)
    caplog.clear()
    with pytest.raises(ExportError) as caught:
        await load(place, "s2")
    assert str(caught.value).startswith(f"session 's2': the database refused: {text}")
    everything = "".join((*_all_texts(caught.value), caplog.text))
    assert [secret for secret in SECRETS if secret in everything] == []
    assert place.column("select count(*) from {schema}sessions") == [1], "nothing of it is there"


def _all_texts(error: BaseException) -> list[str]:
    """Everything that a tool may show of an exception, what led to it included."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        found += traceback.format_exception(cause, chain=False)
        cause = cause.__cause__ or cause.__context__
    return found


async def test_values_are_not_cut_where_the_server_would_let_them(load: Load, mariadb: Place) -> None:
    """A session that is not strict cuts what is too long, and says so in a warning that nobody reads."""
    await load(mariadb, "s1")
    mariadb.run(*SHORT)
    lax = replace(mariadb, url=f"{mariadb.url}?init_command=SET sql_mode='ANSI_QUOTES'")
    with pytest.raises(ExportError, match="Data too long for column 'title'"):
        await load(lax, "s2")
