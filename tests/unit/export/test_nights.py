"""Nightly exports of a platform that is played: what comes late, filters, and sessions that are checked again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ExportError, MalformedResponseError, PermissionDeniedError
from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import add_due_sessions, plan_export
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode
from airflow_provider_sessions.export.rows import PersonalData
from airflow_provider_sessions.export.run import ExportResult, ExportTarget
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import (
    Recording,
    RecordingStatus,
    Session,
    SessionQuery,
    SessionState,
    Transcript,
    TranscriptSegment,
    Window,
)
from tests.databases import Place, sqlite
from tests.unit.export.stand_in import NOON, QUERY, StandIn, fetch_all, session
from tests.unit.platforms.bench import Bench

__all__ = ["sqlite"]

DAY = timedelta(days=1)
Night = Callable[..., Any]


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    platform, settings = getattr(request, "param", ("prevail", {}))
    made = Bench(platform, **settings)
    yield made
    await made.close()


@pytest.fixture(params=["files", "tables"])
def night(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path, sqlite: Place) -> Night:
    """Export the day before now, then let a day pass: ``await night(1, case="7")``."""

    def target(number: int) -> ExportTarget:
        run = RunId("nightly", f"night {number}", "export")
        if request.param == "files":
            return FileTarget(LocalStore(tmp_path), FORMATS["jsonl"], run, clock=bench.clock)
        return SqlTarget(Database(sqlite.engine()), Tables(None), run, clock=bench.clock)

    async def export(
        number: int, datasets: str = "sessions,transcript_segments,recordings", **filters: Any
    ) -> ExportResult:
        now = bench.clock.now()
        query = SessionQuery(window=Window(start=now - DAY, end=now), **filters)
        adapter, into = bench.adapter(), target(number)
        plan = await plan_export(adapter, query, parse_datasets(datasets))
        plan = await add_due_sessions(adapter, plan, into.begin(plan))
        written = into.write(plan, await fetch_all(adapter, plan))
        bench.clock.jump(DAY.total_seconds())
        return written

    return export


def held(bench: Bench, due: float = 0.0) -> list[str]:
    """Two cases' sessions of the day before; their artifacts come late, in hours."""
    now = bench.clock.now()
    made: list[str] = []
    for case in ("7", "8"):
        ended = {"ended_between": (now - DAY / 2, now - DAY / 4), "duration": 1800}
        made += bench.platform.create(count=2, case=case, script={"artifacts_after": due * 3600}, **ended)
    return made


async def test_a_filtered_export_has_what_came_30_hours_late(bench: Bench, night: Night) -> None:
    held(bench, due=30)
    first = await night(1, case="7")
    assert (first.datasets["transcript_segments"]["rows"], len(first.outcome.pending)) == (0, 2)
    written = [await night(number, case="7") for number in range(2, 5)]
    assert sum(one.datasets["sessions"]["rows"] for one in (first, *written)) == 2
    assert sum(one.datasets["transcript_segments"]["rows"] > 0 for one in written) == 1
    assert sum(one.datasets["recordings"]["rows"] for one in written) == 2
    assert written[-1].outcome.pending == {}


async def test_what_did_not_change_is_written_once_however_often_it_is_checked(bench: Bench, night: Night) -> None:
    held(bench)
    written = [await night(number) for number in range(1, 12)]
    assert [one.outcome.sessions for one in written] == [4] + 10 * [0]
    assert sum(one.outcome.unchanged for one in written) == 3 * 4, "each is checked three times"


@pytest.mark.parametrize(
    "bench",
    [("sessions_us", shown) for shown in ({}, {"list_participants": False}, {"list_actual_start": False})],
    indirect=True,
    ids=str,
)
@pytest.mark.parametrize("count", [1, 3])
async def test_a_list_that_shows_less_than_a_get_makes_no_second_version(
    night: Night, bench: Bench, count: int
) -> None:
    """Whether a session comes from a list or from a request of its own depends on how many are checked."""
    now = bench.clock.now()
    bench.platform.create(count=count, ended_between=(now - DAY / 2, now - DAY / 4), script={"artifacts_after": 0})
    written = [await night(number, datasets="sessions,transcript_segments") for number in range(1, 12)]
    assert [one.outcome.sessions for one in written] == [count] + 10 * [0]


@pytest.fixture(params=["files", "tables"])
def kind(request: pytest.FixtureRequest) -> str:
    """What the sessions of a stand-in are exported into."""
    return str(request.param)


@pytest.fixture
def export(kind: str, tmp_path: Path, sqlite: Place) -> Night:
    """Export the sessions of a stand-in: ``await export(adapter, "run", day=3, title="A")``.

    The window of day 0 contains them, that of the others nothing, unless there is one.
    """

    async def export(
        adapter: StandIn,
        run: str,
        day: float = 0,
        datasets: str = "sessions,recordings",
        window: Window | None = None,
        redaction: Redaction | None = None,
        **filters: Any,
    ) -> ExportResult:
        clock = VirtualClock(NOON + timedelta(days=day, hours=12))
        adapter.client.clock = clock
        of = RunId("nightly", run, "export")
        into: ExportTarget = (
            FileTarget(LocalStore(tmp_path), FORMATS["jsonl"], of, clock=clock)
            if kind == "files"
            else SqlTarget(Database(sqlite.engine()), Tables(None), of, clock=clock)
        )
        if window is None:
            window = QUERY.window if day == 0 else Window(start=NOON + 99 * DAY, end=NOON + 100 * DAY)
        query = QUERY.model_copy(update={"window": window, **filters})
        plan = await plan_export(adapter, query, parse_datasets(datasets), redaction or Redaction())
        plan = await add_due_sessions(adapter, plan, into.begin(plan))
        return into.write(plan, await fetch_all(adapter, plan))

    return export


@pytest.fixture
def read(kind: str, tmp_path: Path, sqlite: Place) -> Callable[[str, str], list[Any]]:
    """Read a column of the rows that count: ``read("transcript_segments", "text")``."""

    def read(dataset: str, column: str) -> list[Any]:
        if kind == "tables":
            return sqlite.column(f"SELECT {column} FROM {dataset}")
        paths = sorted((tmp_path / "latest" / dataset).rglob("*.jsonl"))
        return [json.loads(line)[column] for path in paths for line in path.read_text().splitlines()]

    return read


def said(*texts: str, session_id: str = "s1") -> list[Transcript]:
    segments = [TranscriptSegment(start=0, end=1, text=text) for text in texts]
    return [Transcript(session_id=session_id, segments=tuple(segments))]


class TestUnreadable:
    """A run that is older than ``give_up_after`` is cleared, and meets a response that cannot be read."""

    datasets = "sessions,transcript_segments"

    @pytest.mark.parametrize("what", ["transcript", "session"])
    @pytest.mark.parametrize("day", [3, 40])
    async def test_a_cleared_run_keeps_its_rows_until_it_can_read_them_again(
        self, export: Night, read: Any, kind: str, what: str, day: int
    ) -> None:
        adapter = StandIn.of(session(), transcripts={"s1": said("before")})
        await export(adapter, "a", datasets=self.datasets)
        if what == "transcript":
            adapter.results["transcripts"] = {"s1": MalformedResponseError("HTML instead of JSON")}
        else:
            adapter.held = {"s1": session(actual_end=None)}
        cleared = export(adapter, "a", day=day, datasets=self.datasets, window=QUERY.window)
        if kind == "files":
            with pytest.raises(ExportError, match=r"s1 cannot be read again .*ledger forget s1"):
                await cleared
        else:
            assert "transcript_segments" in (await cleared).outcome.pending["s1"]
        assert read("transcript_segments", "text") == ["before"]

        adapter.held, adapter.results["transcripts"] = {"s1": session()}, {"s1": said("after")}
        # Tables: another run finds what is pending. Files: the run is retried.
        window = {"window": QUERY.window} if kind == "files" else {}
        await export(adapter, "a" if kind == "files" else "b", day=day + 1, datasets=self.datasets, **window)
        assert read("transcript_segments", "text") == ["after"]

    async def test_rows_that_no_run_owns_any_more_come_back_however_late(self, export: Night, read: Any) -> None:
        adapter = StandIn.of(session(), transcripts={"s1": said("before")})
        await export(adapter, "a", datasets=self.datasets)
        adapter.held["s1"] = session(state=SessionState.LIVE, actual_end=None)
        await export(adapter, "a", day=1, datasets=self.datasets)  # resumed, so its run owns it no more
        adapter.held["s1"], adapter.results["transcripts"]["s1"] = session(), MalformedResponseError("not JSON")
        assert "s1" in (await export(adapter, "b", day=30, datasets=self.datasets)).outcome.pending
        adapter.results["transcripts"]["s1"] = said("after")
        await export(adapter, "c", day=31, datasets=self.datasets)
        assert read("transcript_segments", "text") == ["after"]

    async def test_one_that_was_never_read_is_given_up(self, export: Night) -> None:
        adapter = StandIn.of(session(), transcripts={"s1": MalformedResponseError("not JSON")})
        await export(adapter, "a", datasets=self.datasets)
        assert (await export(adapter, "b", day=20, datasets=self.datasets)).outcome.absent == {
            "s1": {"transcript_segments": "not available 14 days after the end: not JSON"}
        }


class TestRefused:
    """The platform answers 403 for sessions that were exported."""

    async def test_a_refused_session_costs_the_others_nothing(self, export: Night, read: Any, mocker: Any) -> None:
        adapter = StandIn.of(session("s1"), session("s2"))
        await export(adapter, "a", datasets="sessions")
        adapter.refused, adapter.held["s2"] = {"s1"}, session("s2", title="Renamed")
        written = await export(adapter, "b", day=2, datasets="sessions")
        assert (written.outcome.sessions, written.outcome.deleted_sessions) == (1, ())
        assert sorted(read("sessions", "title")) == ["Renamed", "Session s1"]
        polled = mocker.spy(adapter, "poll_sessions")
        await export(adapter, "c", day=2.5, datasets="sessions")
        assert polled.call_count == 0, "it is due at its next recheck, and no sooner"

    async def test_what_is_late_of_a_refused_session_is_pending_with_the_reason(self, export: Night) -> None:
        adapter = StandIn.of(session())
        await export(adapter, "a")
        adapter.refused = {"s1"}
        assert "not yours" in (await export(adapter, "b", day=1)).outcome.pending["s1"]["recordings"]
        last = (await export(adapter, "c", day=20)).outcome
        assert (last.pending, list(last.absent["s1"])) == ({}, ["recordings"])

    async def test_a_key_that_may_read_none_of_several_sessions_fails_the_export(self, export: Night) -> None:
        adapter = StandIn.of(session("s1"), session("s2"))
        await export(adapter, "a")
        adapter.refused = {"s1", "s2"}
        with pytest.raises(PermissionDeniedError) as refused:
            await export(adapter, "b", day=1)
        assert "all 2 sessions" in refused.value.__notes__[0]

    async def test_a_cleared_run_keeps_the_rows_of_a_refused_session(self, export: Night, read: Any, kind: str) -> None:
        adapter = StandIn.of(session("s1"), session("s2"))
        await export(adapter, "a", datasets="sessions")
        adapter.refused = {"s1"}
        if kind == "files":
            with pytest.raises(ExportError, match="s1 cannot be read again"):
                await export(adapter, "a", day=40, datasets="sessions", window=QUERY.window)
        else:
            await export(adapter, "a", day=40, datasets="sessions", window=QUERY.window)
        assert sorted(read("sessions", "session_id")) == ["s1", "s2"]


def read_all(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("key", [None, "a key of the redaction"])
@pytest.mark.parametrize("hidden", ["title", "case"])
async def test_exports_whose_filters_are_redacted_leave_each_others_sessions_alone(
    export: Night, read: Any, tmp_path: Path, mocker: Any, hidden: str, key: str | None
) -> None:
    """One drops what was said, the other one writes it; both drop the titles that they filter by."""
    mocker.patch.object(StandIn, "filters", frozenset({"case"}))
    names = ("Sealed matter", "Open matter")
    adapter = StandIn.of(*(session(name[:4], **{hidden: name}) for name in names))
    drop = RedactionMode.DROP
    strict = Redaction({PersonalData.TITLE: drop, PersonalData.TEXT: drop}, key)
    lax = Redaction({PersonalData.TITLE: drop}, key)
    datasets = "sessions,transcript_segments"
    await export(adapter, "sealed", datasets=datasets, redaction=strict, **{hidden: names[0]})
    await export(adapter, "open", datasets=datasets, redaction=lax, **{hidden: names[1]})
    adapter.results["transcripts"] = {
        name[:4]: said(f"What was said of the {name}", session_id=name[:4]) for name in names
    }
    later = await export(adapter, "open later", day=1, datasets=datasets, redaction=lax, **{hidden: names[1]})
    assert read("transcript_segments", "text") == ["What was said of the Open matter"]
    assert later.outcome.pending == {}
    await export(adapter, "sealed later", day=1, datasets=datasets, redaction=strict, **{hidden: names[0]})
    assert sorted(read("transcript_segments", "text")) == ["", "What was said of the Open matter"]
    assert b"Sealed matter" not in read_all(tmp_path)


async def test_a_session_that_was_resumed_and_then_deleted_is_marked_as_deleted(export: Night, read: Any) -> None:
    adapter = StandIn.of(session())
    await export(adapter, "a")
    adapter.held["s1"] = session(state=SessionState.LIVE, actual_end=None)
    await export(adapter, "b", day=1)
    adapter.held.clear()
    last = (await export(adapter, "c", day=3)).outcome
    assert (last.deleted_sessions, last.pending, last.absent) == (("s1",), {}, {})
    assert read("sessions", "deleted") in ([True], [1])


class TestLive:
    """A full export of each hour, a few seconds after it, while the platform shows a session as live."""

    @staticmethod
    async def hour(export: Night, adapter: StandIn, number: int, **filters: Any) -> ExportResult:
        begin = NOON + timedelta(hours=number)
        window = Window(start=begin, end=begin + timedelta(hours=1))
        day = (window.end - NOON) / DAY - 0.5 + 3 / 86_400
        written: ExportResult = await export(adapter, f"hour {number}", day=day, window=window, **filters)
        return written

    @pytest.mark.parametrize("filters", [{}, {"title": "s1"}], ids=["full", "filtered"])
    @pytest.mark.parametrize("planned", [{}, {"scheduled_start": NOON, "scheduled_end": NOON + timedelta(minutes=90)}])
    async def test_one_that_ended_before_it_was_planned_to_and_is_shown_late_is_exported_once(
        self, export: Night, read: Any, planned: dict[str, Any], filters: dict[str, Any]
    ) -> None:
        live = session(state=SessionState.LIVE, actual_end=None, **planned)
        adapter = StandIn.of(live)
        first = await self.hour(export, adapter, 0, **filters)
        assert first.outcome.pending["s1"]["sessions"] == "the session has not ended; its state is live"
        end = NOON + timedelta(minutes=59, seconds=58)
        adapter.held["s1"] = live.model_copy(update={"state": SessionState.ENDED, "actual_end": end})
        later = [await self.hour(export, adapter, number, **filters) for number in range(1, 4)]
        assert [one.datasets["sessions"]["rows"] for one in later] == [1, 0, 0]
        assert [str(day) for one in later for day in one.days] == ["2026-03-02"]
        assert read("sessions", "session_id") == ["s1"]

    async def test_one_that_starts_after_the_window_or_never_ends_is_not_awaited(self, export: Night) -> None:
        live: dict[str, Any] = {"state": SessionState.LIVE, "actual_end": None}
        adapter = StandIn.of(session("later", start=NOON + timedelta(hours=1), **live))
        adapter.held["never"] = session("never", start=NOON - timedelta(days=15), **live)
        outcome = (await self.hour(export, adapter, 0)).outcome
        assert (outcome.pending, outcome.absent) == ({}, {})


class TestTwoConnections:
    """One account through two connections, into one place."""

    @staticmethod
    def of(conn_id: str, *held: Session) -> StandIn:
        return StandIn.of(*held, conn_id=conn_id)

    async def test_a_deleted_session_is_known_as_one_by_each_connection_that_showed_it(self, export: Night) -> None:
        first, second = self.of("first", session()), self.of("second", session())
        await export(first, "a")
        await export(second, "b")
        first.deleted = {"s1"}
        assert (await export(first, "c", day=2)).outcome.deleted_sessions == ("s1",)

    @pytest.mark.parametrize("datasets", [("sessions", "recordings"), ("recordings", "sessions")])
    async def test_it_does_not_matter_which_of_its_datasets_showed_it(self, export: Night, datasets: Any) -> None:
        first, second = self.of("first", session()), self.of("second", session())
        await export(first, "a", datasets=datasets[0])
        await export(second, "b", datasets=datasets[1])
        first.deleted = {"s1"}
        assert (await export(first, "c", day=2)).outcome.deleted_sessions == ("s1",)

    async def test_one_that_is_over_since_nobody_knows_when_waits_and_is_given_up(self, export: Night) -> None:
        adapter = self.of("first", session(actual_end=None))
        reason = "the session has ended, but its end is unknown"
        assert (await export(adapter, "a")).outcome.pending["s1"]["sessions"] == reason
        assert (await export(adapter, "b", day=1)).outcome.pending["s1"]["sessions"] == reason
        last = await export(adapter, "c", day=15)
        assert (last.outcome.pending, last.outcome.absent["s1"]["sessions"]) == (
            {},
            f"not available 14 days after the end: {reason}",
        )

    async def test_a_session_is_not_taken_as_deleted_by_who_never_saw_it(self, export: Night) -> None:
        await export(self.of("first", session()), "a")
        assert (await export(self.of("third"), "b", day=2)).outcome.deleted_sessions == ()

    async def test_what_an_export_began_it_ends_whatever_its_filter_would_say_now(self, export: Night) -> None:
        """It was renamed, or its room is spelt otherwise in the response for it alone."""
        adapter = self.of("first", session(title="Weekly"))
        written = await export(adapter, "a", title="week")
        assert written.outcome.pending == {"s1": {"recordings": "there is no recording yet"}}
        adapter.held["s1"] = session(title="Monthly")
        adapter.results["recordings"] = {
            "s1": [Recording(recording_id="r", session_id="s1", status=RecordingStatus.READY)]
        }
        assert (await export(adapter, "b", day=1, title="week")).datasets["recordings"]["rows"] == 1

    async def test_what_another_export_began_is_left_to_it(self, export: Night) -> None:
        adapter = self.of("first", session(title="Weekly"))
        await export(adapter, "a", title="week")
        adapter.results["recordings"] = {
            "s1": [Recording(recording_id="r", session_id="s1", status=RecordingStatus.READY)]
        }
        assert (await export(adapter, "b", day=1, title="month")).datasets["recordings"]["rows"] == 0
