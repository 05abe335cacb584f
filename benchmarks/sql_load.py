"""Loading transcripts into databases, side by side with psycopg's COPY, an earlier version of this package, and dlt.

All make the rows of the same sessions, and load them. The process's CPU is measured, in a new process for each load;
into SQLite and DuckDB it includes that of the database.

- ``ours`` is :class:`~airflow_provider_sessions.export.sql.target.SqlTarget`, which replaces each session's rows
  together with its ledger entries in one transaction.
- ``copy`` does the same with psycopg and no library else, for PostgreSQL alone.
- ``earlier`` is the version of the package that a commit has. Of f11c62e's statements for DuckDB, ``FOR UPDATE`` is
  dropped, which it does not know.
- ``dlt`` loads all rows of all sessions into PostgreSQL at once, without a ledger. It is left out if it is missing.

    uv pip install --group bench
    python benchmarks/sql_load.py                        # all databases, 5 rounds of 300 sessions of 900 segments
    python benchmarks/sql_load.py --quick                # 1 round of 60 sessions
    python benchmarks/sql_load.py --only postgresql

prints the CPU of each, then each target with what was measured (medians); exits with 1 if one was missed.
"""

# The package is imported where it is used: in a new process, and from the folder of the version to measure.

from __future__ import annotations

import argparse
import gc
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks._measuring import Bounds, Meter, in_child

ROOT = Path(__file__).parents[1]
PACKAGE, EARLIER = "airflow_provider_sessions", "f11c62e"
POSTGRES = "postgresql+psycopg2://postgres@127.0.0.1:5432/test"
MARIADB = "mysql+mysqldb://root@127.0.0.1:3306"
DATABASES = ("postgresql", "mariadb", "sqlite", "duckdb")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LOADED = ("sessions", "transcript_segments")
LEDGER = "sessions_export_ledger"
SEGMENTS, SESSIONS, QUICK_SESSIONS, ROUNDS = 900, 300, 60, 5
TIMES_COPY, TIMES_DLT, TIMES_EARLIER = 1.4, 2.7, 2.0


@dataclass(frozen=True)
class Prepared:
    """Sessions, and empty tables for them."""

    target: Any
    plan: Any
    artifacts: list[Any]


def prepare(url: str, schema: str | None, sessions: int) -> Prepared:
    """Make sessions, and empty tables for them, with the package that is imported, of this version or f11c62e's."""
    from airflow_provider_sessions.export.datasets import DATASETS
    from airflow_provider_sessions.export.layout import RunId
    from airflow_provider_sessions.export.sql.database import Database
    from airflow_provider_sessions.export.sql.tables import Tables
    from airflow_provider_sessions.export.sql.target import SqlTarget
    from airflow_provider_sessions.model import SessionQuery

    make_artifacts, make_plan = import_names()
    artifacts = [make_artifacts(session, "acme", transcripts=[text]) for session, text in make_sessions(sessions)]
    chosen = tuple(DATASETS[name] for name in LOADED)
    plan = make_plan("stand_in", "acme", SessionQuery(), chosen, tuple(one.session for one in artifacts))
    target = SqlTarget(Database(make_engine(url)), Tables(schema), RunId("benchmark", "run", "load"))
    target.begin(plan)
    # An export does not hold all of its sessions, so garbage collections do not visit them.
    gc.collect()
    gc.freeze()
    return Prepared(target, plan, artifacts)


def import_names() -> tuple[Any, Any]:
    """Import the types of a session's artifacts and of a plan. In f11c62e they have other names."""
    try:
        from airflow_provider_sessions.export.plan import ExportPlan
        from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
    except ImportError:
        from airflow_provider_sessions.export import datasets, run

        return vars(datasets)["Material"], vars(run)["Plan"]
    return SessionArtifacts, ExportPlan


def make_sessions(count: int) -> Iterator[tuple[Any, Any]]:
    """Make sessions and their transcripts."""
    from airflow_provider_sessions.model import Session, SessionState, Transcript, TranscriptSegment

    for number in range(count):
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
        yield session, Transcript(session_id=session.session_id, language="en", segments=tuple(segments))


def make_engine(url: str) -> sa.Engine:
    """Make an engine that drops what DuckDB does not know from the statements of f11c62e."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "duckdb":

        @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
        def drop_lock(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
            return statement.replace(" FOR UPDATE", ""), parameters

    return engine


def ours(meter: Meter, url: str, schema: str | None, sessions: int) -> None:
    """Load with the package."""
    prepared = prepare(url, schema, sessions)
    with meter:
        prepared.target.write(prepared.plan, iter(prepared.artifacts))


def earlier(meter: Meter, folder: str, url: str, schema: str | None, sessions: int) -> None:
    """Load with the package in a folder."""
    sys.path.insert(0, folder)
    ours(meter, url, schema, sessions)
    imported = sys.modules[PACKAGE].__file__ or ""
    assert imported.startswith(folder), f"{imported} was measured"


def copy(meter: Meter, url: str, schema: str, sessions: int) -> None:
    """Load with psycopg's COPY."""
    import psycopg

    from airflow_provider_sessions.export.checks import check_datasets
    from airflow_provider_sessions.export.rows import value_getter

    prepared = prepare(url, schema, sessions)
    plan = prepared.plan
    dsn = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection, meter:
        for one in prepared.artifacts:
            rows, checked = check_datasets(one, plan.datasets, plan.redaction)
            with connection.transaction(), connection.cursor() as cursor:
                write_entries(cursor, schema, one.session.session_id, list(checked))
                for dataset in plan.datasets:
                    table = f"{schema}.{dataset.name}"
                    cursor.execute(f"DELETE FROM {table} WHERE session_id = %s", [one.session.session_id])
                    columns = ", ".join(column.name for column in dataset.columns)
                    values = value_getter(dataset.row)
                    with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copying:
                        for row in rows[dataset.name]:
                            copying.write_row(values(row))


def write_entries(cursor: Any, schema: str, session_id: str, datasets: list[str]) -> None:
    """Read and write a session's rows of the ledger, as an export does."""
    cursor.execute(f"SELECT * FROM {schema}.{LEDGER} WHERE session_id = %s", [session_id])
    cursor.fetchall()
    for dataset in datasets:
        cursor.execute(
            f"INSERT INTO {schema}.{LEDGER} (platform, account, session_id, dataset, status, version, attempts, looks, "
            "first_seen, session) VALUES ('stand_in', 'acme', %s, %s, 'exported', 1, 0, 0, now(), '{}')",
            [session_id, dataset],
        )


def dlt(meter: Meter, folder: str, url: str, schema: str, sessions: int) -> None:
    """Load with dlt."""
    import os

    os.environ |= {"DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    library: Any = importlib.import_module("dlt")
    from airflow_provider_sessions.export.checks import check_datasets
    from airflow_provider_sessions.export.rows import value_getter

    prepared = prepare(url, schema, sessions)
    plan = prepared.plan

    def make_rows(dataset: Any) -> Iterator[list[dict[str, Any]]]:
        names, values = [column.name for column in dataset.columns], value_getter(dataset.row)
        for one in prepared.artifacts:
            rows, _ = check_datasets(one, [dataset], plan.redaction)
            yield [dict(zip(names, values(row), strict=True)) for row in rows[dataset.name]]

    server = sa.make_url(url)
    # dlt requires a password, also for a server that needs none.
    server = server.set(drivername="postgresql", password=server.password or "unused")
    credentials = server.render_as_string(hide_password=False)
    pipeline = library.pipeline(
        "benchmark",
        destination=library.destinations.postgres(credentials),
        dataset_name=f"{schema}_dlt",
        pipelines_dir=folder,
    )
    resources = [
        library.resource(make_rows(dataset), name=dataset.name, write_disposition="append") for dataset in plan.datasets
    ]
    with meter:
        pipeline.run(resources)


@contextmanager
def make_place(database: str, postgres: str, mariadb: str) -> Iterator[tuple[str, str | None]]:
    """Make an empty database or schema for the time of a block. Yields its URL and schema."""
    name = f"benchmark_{uuid.uuid4().hex[:8]}"
    if database in ("sqlite", "duckdb"):
        with tempfile.TemporaryDirectory() as folder:
            yield f"{database}:///{folder}/tables", None
        return
    is_postgres = database == "postgresql"
    admin = sa.create_engine(postgres if is_postgres else mariadb)
    kind, suffix = ("SCHEMA", " CASCADE") if is_postgres else ("DATABASE", "")
    with admin.begin() as connection:
        connection.exec_driver_sql(f"CREATE {kind} {name}")
    try:
        yield (postgres, name) if is_postgres else (f"{mariadb}/{name}", None)
    finally:
        with admin.begin() as connection:
            for one in (name, f"{name}_dlt"):
                connection.exec_driver_sql(f"DROP {kind} IF EXISTS {one}{suffix}")
        admin.dispose()


def measure(database: str, given: argparse.Namespace, folder: str) -> dict[str, float]:
    """Return the median of the CPU seconds of each contender."""
    sessions = QUICK_SESSIONS if given.quick else SESSIONS
    contenders: dict[str, Any] = {"ours": (ours,), "earlier": (earlier, folder)}
    if database == "postgresql":
        contenders["copy"] = (copy,)
        if importlib.util.find_spec("dlt") is not None:
            contenders["dlt"] = (dlt,)
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(1 if given.quick else ROUNDS):
        for name, (work, *arguments) in contenders.items():
            with make_place(database, given.postgres, given.mariadb) as place, tempfile.TemporaryDirectory() as data:
                first = [data] if work is dlt else arguments
                spent[name].append(in_child(work, *first, *place, sessions).cpu_seconds)
            print(
                f"{database:<10} {name:<8} {spent[name][-1]:7.2f} CPU s, {sessions * SEGMENTS:,} segments", flush=True
            )
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"1 round of {QUICK_SESSIONS} sessions")
    parser.add_argument("--only", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--postgres", default=POSTGRES, help=f"SQLAlchemy URL (default: {POSTGRES})")
    parser.add_argument("--mariadb", default=MARIADB, help=f"SQLAlchemy URL without a database (default: {MARIADB})")
    parser.add_argument("--earlier", default=EARLIER, help=f"commit of the earlier version (default: {EARLIER})")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", given.earlier, PACKAGE], cwd=ROOT, check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        found = {database: measure(database, given, folder) for database in given.only}
    bounds = Bounds()
    for database, by_name in found.items():
        ours_took = by_name.pop("ours")
        if "copy" in by_name:
            bounds.at_most(f"{database}: CPU, by that of psycopg's COPY", TIMES_COPY, ours_took / by_name["copy"])
        if "dlt" in by_name:
            bounds.at_least(f"{database}: rows a CPU second, by those of dlt", TIMES_DLT, by_name["dlt"] / ours_took)
        what = f"{database}: rows a CPU second, by those of {given.earlier}"
        bounds.at_least(what, TIMES_EARLIER, by_name["earlier"] / ours_took)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
