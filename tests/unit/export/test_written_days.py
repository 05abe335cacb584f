"""The days that a run reports as written, to files and to tables: those with new or replaced rows, and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.run import ExportTarget
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Session, Transcript, TranscriptSegment, Window
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, interval, session

DAY = timedelta(days=1)
Night = Callable[[int], Any]


def transcript(session_id: str) -> Transcript:
    return Transcript(session_id=session_id, segments=[TranscriptSegment(start=0, end=1.5, text="Good morning")])


def held(number: int, **fields: Any) -> Session:
    """The session of a day in March."""
    return session(f"of {number} March", start=NOON + (number - NOON.day) * DAY, **fields)


@pytest.fixture
def platform() -> StandIn:
    """A session on 2, 3 and 4 March. Those of 2 and 3 March have a transcript."""
    adapter = StandIn.of(*(held(number) for number in (2, 3, 4)))
    adapter.results["transcripts"] = {key: [transcript(key)] for key in ("of 2 March", "of 3 March")}
    adapter.results["attendance"] = {"of 2 March": [interval()]}
    return adapter


@pytest.fixture(params=["files", "tables"])
def night(request: pytest.FixtureRequest, platform: StandIn, tmp_path: Path) -> Night:
    """Export a day in March in the night after it, and return the days of March that were written."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/tables.db")

    def target(run: RunId, clock: VirtualClock) -> ExportTarget:
        if request.param == "tables":
            return SqlTarget(Database(engine), Tables(), run, clock=clock)
        return FileTarget(LocalStore(tmp_path / "files"), FORMATS["jsonl"], run, clock=clock)

    async def night(number: int) -> list[int]:
        start = NOON.replace(day=number, hour=0)
        query = QUERY.model_copy(update={"window": Window(start=start, end=start + DAY)})
        made = target(RunId("nightly", f"of {number} March", "export"), VirtualClock(start + DAY))
        plan = await plan_export(platform, query, parse_datasets("sessions,attendance,transcript_segments"))
        plan = await add_due_sessions(platform, plan, made.begin(plan))
        days = made.write(plan, await fetch_all(platform, plan)).days
        assert days == tuple(date(2026, 3, day.day) for day in days)
        return [day.day for day in days]

    return night


async def test_a_late_transcript_is_of_the_day_of_its_session(night: Night, platform: StandIn) -> None:
    assert [await night(number) for number in (2, 3, 4, 5)] == [[2], [3], [4], []]
    platform.results["transcripts"]["of 4 March"] = [transcript("of 4 March")]
    assert await night(6) == [4]
    assert await night(7) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda platform: platform.held.update({"of 2 March": held(2, title="Renamed")}),
        lambda platform: platform.deleted.add("of 2 March"),
        lambda platform: platform.results["attendance"].clear(),
    ],
    ids=["another title", "deleted", "a dataset that has no rows any more"],
)
async def test_a_change_is_of_the_day_of_its_session(night: Night, platform: StandIn, change: Any) -> None:
    assert [await night(number) for number in (2, 3)] == [[2], [3]]
    change(platform)
    assert await night(5) == [2]


async def test_a_session_that_moves_to_another_day_is_of_both(night: Night, platform: StandIn) -> None:
    assert await night(2) == [2]
    platform.held["of 2 March"] = session("of 2 March", start=NOON + DAY)
    assert await night(5) == [2, 3]
    assert await night(6) == []


async def test_a_run_that_runs_again_has_written_its_days(night: Night) -> None:
    assert [await night(number) for number in (2, 3, 2)] == [[2], [3], [2]]


async def test_what_is_given_up_is_no_day_that_was_written(night: Night) -> None:
    assert await night(4) == [4]
    assert await night(19) == []
