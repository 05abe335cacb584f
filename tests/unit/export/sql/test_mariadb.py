"""What only MariaDB and MySQL have: character sets, collations that pad, engines without transactions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import DATASETS, parse_datasets
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.run import ExportResult
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import LEDGER, Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.model import Recording, RecordingStatus
from tests.databases import Place, mariadb, mariadb_pymysql
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

__all__ = ["mariadb", "mariadb_pymysql"]

Load = Callable[..., Any]


@pytest.fixture(params=["mariadb", "mariadb_pymysql"])
def place(request: pytest.FixtureRequest) -> Place:
    """A database whose own character set is latin1, by each of the drivers."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def load(place: Place) -> Load:
    """Load what a platform has: ``await load(adapter, "sessions,attendance")``."""

    async def load(adapter: StandIn, datasets: str | None = None, run: str = "night") -> ExportResult:
        engine = place.engine()
        plan = await plan_export(adapter, QUERY, parse_datasets(datasets))
        clock = VirtualClock(NOON + timedelta(hours=12))
        target = SqlTarget(Database(engine), Tables(place.schema), RunId("nightly", run, "load"), clock=clock)
        plan = await add_due_sessions(adapter, plan, target.begin(plan))
        known = await fetch_all(adapter, plan)
        try:
            return target.write(plan, known)
        finally:
            engine.dispose()

    return load


LETTERS = "\N{PARTY POPPER} Łukasz Ωμέγα 漢字 ß İ"


async def test_every_text_takes_every_letter(load: Load, place: Place) -> None:
    texts = {"name": LETTERS, "device": LETTERS}
    await load(StandIn.of(session(title=LETTERS), attendance={"s1": [interval(f"name:{LETTERS}", **texts)]}))
    assert place.column("select title from {schema}sessions") == [LETTERS]
    assert place.rows("select name, device, participant_key from {schema}attendance") == [
        (LETTERS, LETTERS, f"name:{LETTERS}")
    ]
    charsets = place.rows(
        "select distinct character_set_name, collation_name from information_schema.columns "
        "where table_schema = coalesce(:schema, database()) and character_set_name is not null",
        schema=place.schema,
    )
    assert charsets == [("utf8mb4", "utf8mb4_nopad_bin")]


async def test_ids_are_different_that_differ_in_case_accents_or_a_blank_at_the_end(load: Load, place: Place) -> None:
    ids = ["a", "a ", "A", "ä", "a\t", "ss", "ß"]
    people = [interval(f"account:{key}") for key in ids]
    await load(StandIn.of(*(session(key) for key in ids), attendance=dict.fromkeys(ids, people)))
    assert sorted(place.column("select session_id from {schema}sessions")) == sorted(ids)
    assert place.column("select count(*) from {schema}attendance") == [len(ids) ** 2]
    again = await load(StandIn.of(*(session(key) for key in ids)), "sessions", run="another")
    assert again.outcome.unchanged == len(ids)


async def test_numbers_and_times_come_back_to_the_last_digit(load: Load, place: Place) -> None:
    starts = [NOON + timedelta(microseconds=number) for number in (1, 999_999)]
    lengths = (0.1 + 0.2, 1 / 3, 1e-300, 1.7976931348623157e308, 86399.999999)
    recordings = [
        Recording(
            recording_id=f"r{number}", session_id="s0", status=RecordingStatus.READY, duration_seconds=length,
            size_bytes=2**63 - 1,
        )
        for number, length in enumerate(lengths)
    ]  # fmt: skip
    sessions = [session(f"s{number}", start=start) for number, start in enumerate(starts)]
    await load(StandIn.of(*sessions, recordings={"s0": recordings}), "sessions,recordings")
    tables, engine = Tables(place.schema), place.engine()
    with engine.connect() as connection:
        connection.exec_driver_sql("SET SESSION time_zone = '-05:00'")
        began = connection.scalars(
            sa.select(tables.get("sessions").c.actual_start).order_by(sa.text("session_id"))
        ).all()
        kept = connection.execute(
            sa.select(tables.get("recordings").c["duration_seconds", "size_bytes"]).order_by(sa.text("recording_id"))
        ).all()
    engine.dispose()
    assert list(began) == starts
    assert kept == [(length, 2**63 - 1) for length in lengths]


OLD = (
    "CREATE TABLE {schema}sessions (platform VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, "
    "account VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, "
    "session_id VARCHAR(180) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, title LONGTEXT, notes TEXT, "
    "PRIMARY KEY (platform, account, session_id)) ENGINE=Aria"
)
"""As a database without Unicode had it made before."""


async def test_tables_that_are_there_are_used_and_the_log_gives_what_makes_them_right(
    load: Load, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.run(OLD)
    await load(StandIn.of(session(title="Plain")), "sessions")
    alters = re.findall(r"To remove them, run: (ALTER TABLE .*;)", caplog.text)
    assert len(alters) == 1
    assert "notes" not in alters[0], "a column of the user's is theirs"
    with pytest.raises(ExportError, match=r"session 's2': .* column title \(MySQL error 1366"):
        await load(StandIn.of(session("s2", title=LETTERS)), "sessions", run="with letters")

    place.run(
        f"DELETE FROM {{schema}}{LEDGER} WHERE session_id <> 's1'",
        "DELETE FROM {schema}sessions WHERE session_id <> 's1'",
    )
    place.run(*alters)
    caplog.clear()
    await load(StandIn.of(session("s2", title=LETTERS), session("s2 ")), "sessions", run="altered")
    assert "ALTER TABLE" not in caplog.text
    assert place.rows("select session_id, title, notes from {schema}sessions order by 1") == [
        ("s1", "Plain", None),
        ("s2", LETTERS, None),
        ("s2 ", "Session s2 ", None),
    ]
    query = "select engine from information_schema.tables where table_name = 'sessions' and table_schema = {}"
    assert place.column(query.format("coalesce(:schema, database())"), schema=place.schema) == ["InnoDB"]


async def test_tables_of_an_export_need_no_change(load: Load, place: Place, caplog: pytest.LogCaptureFixture) -> None:
    await load(StandIn.of(session()), ",".join(DATASETS))
    await load(StandIn.of(session()), ",".join(DATASETS), run="another")
    assert place.tables() == {*DATASETS, LEDGER}
    assert "ALTER" not in caplog.text


async def test_keys_have_room_whatever_row_format_is_usual(load: Load, place: Place) -> None:
    """InnoDB's older row formats hold keys of 767 bytes."""
    await load(StandIn.of(session()))
    tables = "information_schema.tables where table_schema = coalesce(:schema, database())"
    found = place.rows(f"select distinct engine, row_format from {tables}", schema=place.schema)
    assert found == [("InnoDB", "Dynamic")]
