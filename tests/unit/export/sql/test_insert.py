"""Rows that are inserted by each database's fastest way are read back as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.rows import TranscriptSegmentRow, value_getter
from airflow_provider_sessions.export.sql.column_types import storable_text
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.insert import insert_rows
from airflow_provider_sessions.export.sql.tables import Tables
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite"]

SEGMENTS = DATASETS["transcript_segments"]
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
BASE = {
    "platform": "stand_in",
    "account": "acme",
    "session_id": "s1",
    "version": 1,
    "track": 0,
    "is_translation": False,
    "language": "en",
    "start_seconds": 0.1,
    "end_seconds": 1e-9,
    "end_inferred": True,
    "started_at": NOON,
    "speaker_key": "p1",
    "speaker_name": "Anna",
    "text": "Hello",
}
AWKWARD = [
    "",
    "\\",
    "\\N",
    "\\.",
    "a\n\\.\nb",
    "tab\tand\rreturn",
    '"quoted", with comma',
    "NULL",
    "\0",
    "\ud800",
    " end ",
    "𝄞",
    "don't",
    "100 % %s %(text)s :text ?",
    "\x1f",
    "a\x1fb\x1a",
]


def rows_of(values: Sequence[dict[str, Any]]) -> list[TranscriptSegmentRow]:
    known = {column.name for column in SEGMENTS.columns}
    fields = {name: value for name, value in BASE.items() if name in known}
    return [TranscriptSegmentRow(**fields | {"seq": seq} | value) for seq, value in enumerate(values)]


def inserted(place: Place, rows: Sequence[TranscriptSegmentRow], url: str | None = None) -> list[tuple[Any, ...]]:
    """Insert rows into the table, empty before, and read what is there."""
    tables = Tables(place.schema)
    opened = Database(sa.create_engine(url) if url else place.engine())
    table = tables.get(SEGMENTS.name)

    def insert(connection: sa.Connection) -> list[tuple[Any, ...]]:
        tables.prepare(connection, [SEGMENTS.name])
        connection.execute(sa.delete(table))
        insert_rows(connection, table, rows)
        columns = [table.columns[column.name] for column in SEGMENTS.columns]
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(table.columns["seq"]))]

    try:
        return opened.transaction("inserting", insert)
    finally:
        opened.close()


def test_awkward_texts_nulls_and_times_come_back(database: Place) -> None:
    values: list[dict[str, Any]] = [{"text": text, "speaker_name": text} for text in AWKWARD]
    values += [{"speaker_name": None, "started_at": None, "language": None}, {"start_seconds": 3}]
    rows = rows_of(values)
    expected = [tuple(storable_text(one) if isinstance(one, str) else one for one in GET(row)) for row in rows]
    assert inserted(database, rows) == expected


GET = value_getter(TranscriptSegmentRow)


VALUES = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.text(),
            "speaker_name": st.none() | st.text(),
            "start_seconds": st.floats(allow_nan=False, allow_infinity=False),
            "started_at": st.none() | st.integers(-(10**15), 10**15).map(lambda us: NOON + timedelta(microseconds=us)),
        }
    ),
    min_size=1,
    max_size=20,
)


def check_any_values_come_back(place: Place, values: Sequence[dict[str, Any]], drivername: str) -> None:
    rows = rows_of(values)
    url = sa.make_url(place.url).set(drivername=drivername).render_as_string(hide_password=False)
    expected = [tuple(storable_text(one) if isinstance(one, str) else one for one in GET(row)) for row in rows]
    assert inserted(place, rows, url) == expected


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=VALUES, driver=st.sampled_from(["psycopg", "psycopg2"]))
def test_any_values_come_back_from_postgresql(postgres: Place, values: list[dict[str, Any]], driver: str) -> None:
    check_any_values_come_back(postgres, values, f"postgresql+{driver}")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=VALUES, driver=st.sampled_from(["mysqldb", "pymysql"]))
def test_any_values_come_back_from_mariadb(mariadb: Place, values: list[dict[str, Any]], driver: str) -> None:
    check_any_values_come_back(mariadb, values, f"mysql+{driver}")


def test_rows_that_are_too_long_for_one_statement_all_come(mariadb: Place) -> None:
    texts = [f"{number}{'x' * 600_000}" for number in range(5)]
    assert [row[-1] for row in inserted(mariadb, rows_of([{"text": text} for text in texts]))] == texts


def test_more_rows_than_go_at_once_all_come(postgres: Place) -> None:
    rows = rows_of([{"text": f"Segment {number}"} for number in range(12_001)])
    assert [row[-1] for row in inserted(postgres, rows)] == [f"Segment {number}" for number in range(12_001)]


def test_two_keys_that_differ_only_beyond_the_longest_key_are_kept_apart(database: Place) -> None:
    keys = [f"{'k' * 300}{number}" for number in range(2)]
    found = inserted(database, rows_of([{"session_id": key} for key in keys]))
    position = [column.name for column in SEGMENTS.columns].index("session_id")
    assert len({row[position] for row in found}) == 2


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_number_that_no_column_holds_is_named_with_its_session(database: Place, value: float) -> None:
    with pytest.raises(
        ExportError, match=r"session 's1': transcript_segments.end_seconds is (inf|nan), which does not fit"
    ):
        inserted(database, rows_of([{}, {"end_seconds": value}]))


def test_a_row_that_postgresql_refuses_is_not_quoted(postgres: Place) -> None:
    tables = Tables(postgres.schema)
    rows = rows_of([{"text": "a secret confession"}]) * 2

    def insert_twice(connection: sa.Connection) -> None:
        tables.prepare(connection, [SEGMENTS.name])
        insert_rows(connection, tables.get(SEGMENTS.name), rows)

    opened = Database(postgres.engine(), pause=lambda seconds: None)
    with pytest.raises(ExportError, match="the database refused") as refused:
        opened.transaction("inserting", insert_twice)
    opened.close()
    assert "confession" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_connection_that_breaks_in_a_copy_is_made_again(postgres: Place) -> None:
    tables, rows = Tables(postgres.schema), rows_of([{}])
    opened = Database(postgres.engine(), pause=lambda seconds: None)
    opened.transaction("preparing", lambda connection: tables.prepare(connection, [SEGMENTS.name]))
    attempts: list[int] = []

    def insert(connection: sa.Connection) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            pid = connection.scalar(sa.text("select pg_backend_pid()"))
            postgres.rows(f"select pg_terminate_backend({pid})")
        insert_rows(connection, tables.get(SEGMENTS.name), rows)

    opened.transaction("inserting", insert)
    opened.close()
    assert len(attempts) == 2
    assert postgres.column("select count(*) from {schema}transcript_segments") == [1]


def test_times_far_apart_keep_their_microseconds(database: Place) -> None:
    times = [NOON, NOON - timedelta(days=20_000, microseconds=1)]
    found = inserted(database, rows_of([{"started_at": time} for time in times]))
    position = [column.name for column in SEGMENTS.columns].index("started_at")
    assert [row[position] for row in found] == times
