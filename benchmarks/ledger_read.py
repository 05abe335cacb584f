"""What the beginning of a night costs as the ledger grows: reading what is due from 50,000 known sessions.

A ledger is filled with exported sessions, ten a day. Then a new process begins a night, into files and into SQLite:
it finds the sessions that are due for a recheck. Measured are its CPU time and how much its memory grows.

    python benchmarks/ledger_read.py                     # 1,000, 10,000 and 50,000 sessions: about ten minutes
    python benchmarks/ledger_read.py --sizes 1000 5000

prints a table, then each target with what was measured, and exits with 1 if one was missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Session, SessionQuery, SessionState
from benchmarks._measuring import Bounds, Meter, in_child

SIZES = (1_000, 10_000, 50_000)
CPU_SECONDS, GROWN_MIB = 1.0, 20.0
NIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
A_DAY = 10


def open_target(kind: str, folder: str, run: str, now: datetime) -> Any:
    """Return a target of a kind, ``files`` or ``tables``."""
    clock, of = VirtualClock(now), RunId("nightly", run, "export")
    if kind == "files":
        return FileTarget(LocalStore(Path(folder)), FORMATS["jsonl"], of, clock=clock)
    return SqlTarget(Database(sa.create_engine(f"sqlite:///{folder}/export.db")), Tables(None), of, clock=clock)


def make_sessions(count: int) -> Iterator[Session]:
    """Make sessions that ended, ten a day, the last of them in the night."""
    for number in range(count):
        ended = NIGHT - (count - number) * DAY / A_DAY
        yield Session(
            platform="stand_in",
            session_id=f"session-{number:06}",
            title=f"Session {number}",
            state=SessionState.ENDED,
            actual_start=ended - timedelta(hours=1),
            actual_end=ended,
        )


def make_plan(sessions: tuple[Session, ...] = ()) -> ExportPlan:
    return ExportPlan("stand_in", "acme", SessionQuery(), (DATASETS["sessions"],), sessions)


def fill(meter: Meter, kind: str, folder: str, count: int) -> None:
    """Export the last days' sessions on the night before, and the others when nothing of them is rechecked any more."""
    sessions = list(make_sessions(count))
    for first in range(0, count, 1000):
        part = sessions[first : first + 1000]
        now = NIGHT if first + 1000 >= count else NIGHT + 100 * DAY
        target, plan = open_target(kind, folder, f"night {first}", now), make_plan(tuple(part))
        target.begin(plan)
        target.write(plan, (SessionArtifacts(one, "acme") for one in part))


def begin(meter: Meter, kind: str, folder: str) -> None:
    """Begin the next night."""
    target, plan = open_target(kind, folder, "next", NIGHT + DAY), make_plan()
    with meter:
        due = target.begin(plan)
    meter.results["due"] = len(due)


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, help="known sessions")
    given = parser.parse_args()
    bounds, found = Bounds(), []
    print(f"{'':<8} {'known':>7} {'due':>6} {'CPU s':>7} {'MiB grown':>10}")
    for kind in ("files", "tables"):
        for size in given.sizes:
            with tempfile.TemporaryDirectory(prefix="benchmark-ledger-") as folder:
                in_child(fill, kind, folder, size)
                meter = in_child(begin, kind, folder)
            due = meter.results["due"]
            print(f"{kind:<8} {size:>7,} {due:>6,} {meter.cpu_seconds:>7.2f} {meter.grown_mib:>10.1f}", flush=True)
            found.append((f"{kind}, {size:,} known sessions", meter))
    for what, meter in found:
        bounds.at_most(f"{what}: CPU s", CPU_SECONDS, meter.cpu_seconds)
        bounds.at_most(f"{what}: MiB grown", GROWN_MIB, meter.grown_mib, ".1f")
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
