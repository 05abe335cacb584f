"""Finding and mending what a target lost or holds wrongly, because sessions that were checked again had no case."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.errors import RateLimitedError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.ledger import EntryStatus
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.repair import Finding, repair, verify
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Session, SessionQuery, Window
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from tests.databases import Place, sqlite
from tests.unit.export.stand_in import fetch_all
from tests.unit.platforms.bench import Bench, BenchHook

__all__ = ["sqlite"]

DAY = timedelta(days=1)


class Nights:
    """Nightly exports of Prevail into files or tables.

    :param into: ``files`` or ``tables``.
    """

    def __init__(self, into: str, folder: Path, place: Place) -> None:
        self.bench = Bench("prevail")
        self._into, self._folder, self._place = into, folder, place

    def target(self, run: str) -> Any:
        of = RunId("nightly", run, "export")
        if self._into == "files":
            return FileTarget(LocalStore(self._folder), FORMATS["jsonl"], of, clock=self.bench.clock)
        return SqlTarget(Database(self._place.engine()), Tables(None), of, clock=self.bench.clock)

    async def export(self, number: int, **filters: Any) -> None:
        """Export the day before, then let a day pass."""
        now = self.bench.clock.now()
        query = SessionQuery(window=Window(start=now - DAY, end=now), **filters)
        adapter, into = self.bench.adapter(), self.target(f"night {number}")
        plan = await plan_export(adapter, query, parse_datasets("sessions,recordings"))
        plan = await add_due_sessions(adapter, plan, into.begin(plan))
        into.write(plan, await fetch_all(adapter, plan))
        self.bench.clock.jump(DAY.total_seconds())

    def cases(self) -> dict[str, str | None]:
        """The case of each session, as its highest version has it; and no version is there twice."""
        rows = self.rows("sessions")
        assert len({(row["session_id"], row["version"]) for row in rows}) == len(rows)
        return {row["session_id"]: row["case_name"] for row in sorted(rows, key=lambda row: row["version"])}

    def rows(self, dataset: str) -> list[dict[str, Any]]:
        if self._into == "files":
            files = (self._folder / dataset).rglob("*.jsonl")
            return [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [dict(row._mapping) for row in self._place.rows(f"select * from {{schema}}{dataset}")]

    def hold(self, case: str, due: float = 0.0) -> list[str]:
        now = self.bench.clock.now()
        script = {"artifacts_after": due * 3600}
        made: list[str] = self.bench.platform.create(
            count=2, case=case, ended_between=(now - DAY / 2, now - DAY / 4), duration=1800, script=script
        )
        return made


@pytest.fixture(params=["files", "tables"])
async def nights(request: pytest.FixtureRequest, tmp_path: Path, sqlite: Place) -> AsyncIterator[Nights]:
    made = Nights(request.param, tmp_path, sqlite)
    yield made
    await made.bench.close()


@pytest.fixture
def forgetful(mocker: Any) -> Any:
    """Polls that do not know the case, as those of an earlier version; ``stop`` mends them."""
    poll = PrevailAdapter.poll_sessions

    async def without_case(adapter: PrevailAdapter, known: Any) -> Any:
        polled = await poll(adapter, known)
        return {
            key: one.model_copy(update={"case": None}) if isinstance(one, Session) else one
            for key, one in polled.items()
        }

    mocker.patch.object(PrevailAdapter, "poll_sessions", without_case)
    return mocker


async def test_rows_that_lost_their_case_are_found_and_get_it_back(nights: Nights, forgetful: Any) -> None:
    ids = nights.hold("7") + nights.hold("8")
    for number in range(1, 12):
        await nights.export(number)
    whole = dict(zip(ids, "7788", strict=True))
    assert nights.cases() == dict.fromkeys(ids), "the second version has no case"
    forgetful.stopall()

    platform = BenchHook(nights.bench)
    found = verify(platform, nights.target("verify"))
    assert {(one.session_id, one.dataset, one.status) for one in found} == {
        (key, "sessions", EntryStatus.EXPORTED) for key in ids
    }
    assert verify(platform, nights.target("verify"), query=SessionQuery(case="8"))  # its view knows them by their case
    written = repair(platform, nights.target("repair"))
    assert (written.outcome.sessions, written.outcome.deleted_sessions) == (4, ())
    assert nights.cases() == whole
    assert verify(platform, nights.target("verify")) == []
    assert repair(platform, nights.target("repair again")).outcome.sessions == 0
    for number in range(12, 15):
        await nights.export(number)
    assert nights.cases() == whole


async def test_what_a_filter_dropped_is_found_and_written(nights: Nights) -> None:
    """The export is no longer run, so nothing would ever check it again."""
    ids = nights.hold("7", due=30)
    nights.hold("8", due=30)
    await nights.export(1, case="7")
    nights.bench.clock.jump(20 * DAY.total_seconds())
    assert nights.rows("recordings") == []

    platform = BenchHook(nights.bench)
    found = verify(platform, nights.target("verify"), query=SessionQuery(case="7"))
    reason = "is available, but was never exported"
    assert {one for one in found if one.dataset == "recordings"} == {
        Finding(key, "recordings", EntryStatus.PENDING, reason) for key in ids
    }
    repair(platform, nights.target("repair"), query=SessionQuery(case="7"))
    assert {row["session_id"] for row in nights.rows("recordings")} == set(ids)
    assert set(nights.cases().values()) == {"7"}
    assert verify(platform, nights.target("verify"), query=SessionQuery(case="7")) == []


async def test_what_is_right_or_not_there_yet_is_left_alone(nights: Nights) -> None:
    nights.hold("7")
    nights.hold("8", due=1000)
    await nights.export(1)
    before = nights.rows("sessions"), nights.rows("recordings")
    platform = BenchHook(nights.bench)
    assert verify(platform, nights.target("verify")) == []
    written = repair(platform, nights.target("repair"))
    assert written.outcome.sessions == 0
    assert (nights.rows("sessions"), nights.rows("recordings")) == before


async def test_a_session_that_the_platform_lost_is_left_as_it_is(nights: Nights) -> None:
    [deleted, *_] = nights.hold("7")
    await nights.export(1)
    nights.bench.platform.delete(deleted)
    platform = BenchHook(nights.bench)
    assert verify(platform, nights.target("verify")) == []
    repair(platform, nights.target("repair"))
    assert [row["deleted"] for row in nights.rows("sessions") if row["session_id"] == deleted] in ([False], [0])


async def test_only_the_datasets_that_are_named_are_compared(nights: Nights) -> None:
    ids = nights.hold("7")
    await nights.export(1)
    nights.bench.platform.find(ids[0]).title = "Renamed"
    platform = BenchHook(nights.bench)
    assert verify(platform, nights.target("verify"), datasets=parse_datasets("recordings")) == []
    [found] = verify(platform, nights.target("verify"))
    assert (found.session_id, found.dataset) == (ids[0], "sessions")


async def test_what_was_recorded_as_absent_is_found_where_its_dataset_is_named(nights: Nights) -> None:
    ids = nights.hold("7", due=24 * 20)
    await nights.export(1)
    nights.bench.clock.jump(14 * DAY.total_seconds())
    await nights.export(2)
    nights.bench.clock.jump(10 * DAY.total_seconds())

    platform, both = BenchHook(nights.bench), parse_datasets("sessions,recordings")
    reason = "is available, but was recorded as absent"
    absent = {
        name: {Finding(key, name, EntryStatus.ABSENT, reason) for key in ids} for name in ("sessions", "recordings")
    }
    assert set(verify(platform, nights.target("verify"))) == absent["sessions"]
    found = verify(platform, nights.target("verify"), datasets=both)
    assert set(found) == absent["sessions"] | absent["recordings"]
    repair(platform, nights.target("repair"), datasets=both)
    assert nights.cases() == dict.fromkeys(ids, "7")
    assert {row["session_id"] for row in nights.rows("recordings")} == set(ids)
    assert verify(platform, nights.target("verify"), datasets=both) == []


async def test_sessions_that_cannot_be_requested_are_not_left_out(nights: Nights, mocker: Any) -> None:
    """The rest of a poll that stops has the error that stopped it."""
    ids = nights.hold("7")
    for number in range(1, 12):
        await nights.export(number)
    poll = PrevailAdapter.poll_sessions

    async def stop(adapter: PrevailAdapter, known: Any) -> Any:
        return await poll(adapter, known) | {ids[1]: RateLimitedError("refused", status=429)}

    mocker.patch.object(PrevailAdapter, "poll_sessions", stop)
    with pytest.raises(RateLimitedError):
        verify(BenchHook(nights.bench), nights.target("verify"))
