"""Loading transcripts into a database, side by side with psycopg's COPY.

Both make the rows of the same sessions, and replace each session's rows together with its rows of the ledger in one
transaction. ``ours`` is :class:`~airflow_provider_sessions.export.sql.target.SqlTarget`; ``copy`` is the least that one
could write by hand for PostgreSQL alone: psycopg's ``COPY`` with rows as tuples. ``insert`` is SQLAlchemy's
``insert(table)`` with dicts, which is what a loader for any database does first.

    uv pip install --group dev
    python benchmarks/sql_load.py                    # 300 sessions of 900 segments
    python benchmarks/sql_load.py --quick            # 60 sessions
    python benchmarks/sql_load.py --postgres URL

prints the client's CPU of each in processes of their own, then the target; exits with 1 if it was missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_sessions.export.checks import check_datasets
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.rows import value_getter
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import LEDGER, Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.model import Session, SessionQuery, SessionState, Transcript, TranscriptSegment
from benchmarks._measuring import Bounds, Meter, in_child

POSTGRES = "postgresql+psycopg2://postgres@127.0.0.1:5432/test"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOADED = ("sessions", "transcript_segments")
SEGMENTS, ROUNDS = 900, 3
TIMES_COPY = 1.4


def make_artifacts(number: int) -> SessionArtifacts:
    """Make a session with a transcript."""
    segments = [
        TranscriptSegment(
            start=4.0 * seq,
            end=4.0 * seq + 3.5,
            speaker_key=f"p{seq % 5}",
            speaker_name=f"Person {seq % 5}",
            language="en",
            text=f"Segment number {seq} of a long talk, with a few words more to say about it",
        )
        for seq in range(SEGMENTS)
    ]
    session = Session(
        platform="stand_in",
        session_id=f"s{number}",
        title=f"Session {number}",
        state=SessionState.ENDED,
        actual_start=NOON,
        actual_end=NOON + timedelta(hours=1),
    )
    transcript = Transcript(session_id=session.session_id, language="en", segments=tuple(segments))
    return SessionArtifacts(session, "acme", transcripts=[transcript])


def prepare(url: str, schema: str, sessions: int) -> tuple[SqlTarget, ExportPlan, list[SessionArtifacts]]:
    """Make sessions, and empty tables for them."""
    artifacts = [make_artifacts(number) for number in range(sessions)]
    datasets = tuple(DATASETS[name] for name in LOADED)
    plan = ExportPlan("stand_in", "acme", SessionQuery(), datasets, tuple(one.session for one in artifacts))
    target = SqlTarget(Database(sa.create_engine(url)), Tables(schema), RunId("benchmark", "run", "load"))
    target.begin(plan)
    return target, plan, artifacts


def ours(meter: Meter, url: str, schema: str, sessions: int) -> None:
    """Load with the package."""
    target, plan, artifacts = prepare(url, schema, sessions)
    with meter:
        target.write(plan, iter(artifacts))


def copy(meter: Meter, url: str, schema: str, sessions: int) -> None:
    """Load with psycopg's COPY."""
    import psycopg

    _, plan, artifacts = prepare(url, schema, sessions)
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection, meter:
        for one in artifacts:
            rows, checked = check_datasets(one, plan.datasets, plan.redaction)
            with connection.transaction(), connection.cursor() as cursor:
                _note_in_ledger(cursor, schema, one.session.session_id, list(checked))
                for dataset in plan.datasets:
                    table = f"{schema}.{dataset.name}"
                    cursor.execute(f"DELETE FROM {table} WHERE session_id = %s", [one.session.session_id])
                    columns = ", ".join(column.name for column in dataset.columns)
                    values = value_getter(dataset.row)
                    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
                        for row in rows[dataset.name]:
                            copying.write_row(values(row))


def insert(meter: Meter, url: str, schema: str, sessions: int) -> None:
    """Load with SQLAlchemy's insert."""
    _, plan, artifacts = prepare(url, schema, sessions)
    tables, engine = Tables(schema), sa.create_engine(url)
    with meter:
        for one in artifacts:
            rows, checked = check_datasets(one, plan.datasets, plan.redaction)
            with engine.begin() as connection:
                raw = connection.connection.cursor()
                _note_in_ledger(raw, schema, one.session.session_id, list(checked))
                for dataset in plan.datasets:
                    table, values = tables.get(dataset.name), value_getter(dataset.row)
                    names = [column.name for column in dataset.columns]
                    connection.execute(sa.delete(table).where(table.c.session_id == one.session.session_id))
                    made: list[dict[str, Any]] = [
                        dict(zip(names, values(row), strict=True)) for row in rows[dataset.name]
                    ]
                    connection.execute(sa.insert(table), made)


def _note_in_ledger(cursor: Any, schema: str, session_id: str, datasets: list[str]) -> None:
    """Read and write a session's rows of the ledger, as an export does."""
    cursor.execute(f"SELECT * FROM {schema}.{LEDGER} WHERE session_id = %s", [session_id])
    cursor.fetchall()
    for dataset in datasets:
        cursor.execute(
            f"INSERT INTO {schema}.{LEDGER} (platform, account, session_id, dataset, status, version, attempts, looks, "
            "first_seen, session) VALUES ('stand_in', 'acme', %s, %s, 'exported', 1, 0, 0, now(), '{}')",
            [session_id, dataset],
        )


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="60 sessions")
    parser.add_argument("--postgres", default=POSTGRES, help=f"SQLAlchemy URL (default: {POSTGRES})")
    given = parser.parse_args()
    sessions = 60 if given.quick else 300
    admin = sa.create_engine(given.postgres)
    spent: dict[str, list[float]] = {"ours": [], "copy": [], "insert": []}
    for _ in range(ROUNDS):
        for work in (ours, copy, insert):
            schema = f"benchmark_{uuid.uuid4().hex[:8]}"
            with admin.begin() as connection:
                connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
            meter = in_child(work, given.postgres, schema, sessions)
            with admin.begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
            spent[work.__name__].append(meter.cpu_seconds)
            print(f"{work.__name__:<8} {meter.cpu_seconds:6.2f} CPU s for {sessions * SEGMENTS} segments", flush=True)
    of_copy, of_ours, of_insert = (statistics.median(spent[name]) for name in ("copy", "ours", "insert"))
    print(f"\nours is {of_insert / of_ours:.1f} times as fast as SQLAlchemy's insert")
    bounds = Bounds()
    bounds.at_most("PostgreSQL: client CPU, by that of psycopg's COPY", TIMES_COPY, of_ours / of_copy)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
