"""Nightly exports of a platform that is played: what comes late, filters, and sessions that are looked at again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.export.datasets import read_datasets
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.run import Target, Written, extend, materials, plan
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.export.to_files import FileTarget
from airflow_provider_sessions.model import SessionQuery, Window
from tests.databases import Place, sqlite
from tests.unit.platforms.contract import Bench

__all__ = ["sqlite"]

DAY = timedelta(days=1)
Night = Callable[..., Any]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench("prevail")
    yield made
    await made.close()


@pytest.fixture(params=["files", "tables"])
def night(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path, sqlite: Place) -> Night:
    """Export the day before now, then let a day pass: ``await night(1, case="7")``."""

    def target(number: int) -> Target:
        run = RunId("nightly", f"night {number}", "export")
        if request.param == "files":
            return FileTarget(LocalStore(tmp_path), FORMATS["jsonl"], run, clock=bench.clock)
        return SqlTarget(Database(sqlite.engine()), Tables(None), run, clock=bench.clock)

    async def export(number: int, **filters: Any) -> Written:
        now = bench.clock.now()
        query = SessionQuery(window=Window(start=now - DAY, end=now), **filters)
        adapter, into = bench.adapter(), target(number)
        work = await plan(adapter, query, read_datasets("sessions,transcript_segments,recordings"))
        work = await extend(adapter, work, into.begin(work))
        written = into.write(work, [material async for material in materials(adapter, work)])
        bench.clock.jump(DAY.total_seconds())
        return written

    return export


def held(bench: Bench, late: float = 0.0) -> list[str]:
    """Two cases' sessions of the day before; what they leave behind comes late, in hours."""
    now = bench.clock.now()
    made: list[str] = []
    for case in ("7", "8"):
        ended = {"ended_between": (now - DAY / 2, now - DAY / 4), "duration": 1800}
        made += bench.platform.create(count=2, case=case, script={"artifacts_after": late * 3600}, **ended)
    return made


async def test_a_filtered_export_has_what_came_30_hours_late(bench: Bench, night: Night) -> None:
    held(bench, late=30)
    first = await night(1, case="7")
    assert (first.datasets["transcript_segments"]["rows"], len(first.outcome.pending)) == (0, 2)
    written = [await night(number, case="7") for number in range(2, 5)]
    assert sum(one.datasets["sessions"]["rows"] for one in (first, *written)) == 2
    assert sum(one.datasets["transcript_segments"]["rows"] > 0 for one in written) == 1
    assert sum(one.datasets["recordings"]["rows"] for one in written) == 2
    assert written[-1].outcome.pending == {}


async def test_what_did_not_change_is_written_once_however_often_it_is_looked_at(bench: Bench, night: Night) -> None:
    held(bench)
    written = [await night(number) for number in range(1, 12)]
    assert [one.outcome.sessions for one in written] == [4] + 10 * [0]
    assert sum(one.outcome.unchanged for one in written) == 3 * 4, "each is looked at three times"
