"""Nightly exports that read a part of the account's list: what they request, and that nothing is lost."""

from __future__ import annotations

import json
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.discovery import SWEEP_PAGES, count_sweep_nights
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.plan import ExportPlan
from airflow_provider_sessions.export.run import ExportResult, list_sessions, run_export
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Session, SessionQuery, Window
from tests.databases import Place, sqlite
from tests.unit.platforms.bench import DAY, Bench, BenchHook, corrupt_record

__all__ = ["sqlite"]

HOUR = timedelta(hours=1)


class Nights:
    """Nightly exports of a platform.

    :param into: ``files`` or ``tables``.
    """

    def __init__(self, bench: Bench, into: str, folder: Path, place: Place) -> None:
        self.bench = bench
        self._into, self._folder, self._place = into, folder, place
        self._numbers = iter(range(1, 1000))
        if bench.platform.name == "vidinfra":
            bench.platform.settings.max_limit = 20

    @property
    def now(self) -> Any:
        return self.bench.clock.now()

    def target(self, run: str) -> Any:
        of = RunId("nightly", run, "export")
        if self._into == "files":
            return FileTarget(LocalStore(self._folder), FORMATS["jsonl"], of, clock=self.bench.clock)
        return SqlTarget(Database(self._place.engine()), Tables(None), of, clock=self.bench.clock)

    def hold(self, count: int = 1, ended: timedelta = -DAY / 2, created: timedelta | None = None, **more: Any) -> Any:
        """Add sessions that ended, one minute after the other."""
        made: list[str] = []
        for number in range(count):
            at = self.now + ended + number * timedelta(seconds=1)
            made += self.bench.platform.create(
                ended_at=at,
                duration=60,
                created_at=at - HOUR if created is None else self.now + created,
                script={"artifacts_after": 0},
                attendees=1,
                **more,
            )
        return made

    def plan_ahead(self, count: int) -> list[str]:
        """Add sessions that are planned for the next days."""
        return [
            key
            for number in range(count)
            for key in self.bench.platform.create(
                scheduled_start=self.now + number * 3 * HOUR, created_at=self.now - DAY + number * HOUR / 100, script={}
            )
        ]

    def history(self, count: int) -> list[str]:
        """Add sessions of the weeks before, in the order in which they were created."""
        return [key for number in range(count) for key in self.hold(ended=-40 * DAY + number * HOUR)]

    def export(self, sweep_pages: int | None = SWEEP_PAGES, *, window: Window | None = None, **more: Any) -> Any:
        """Export the day before, and let a day pass."""
        try:
            return self.export_now(sweep_pages, window=window, **more)
        finally:
            self.bench.clock.jump(DAY.total_seconds())

    def export_now(
        self, sweep_pages: int | None, *, window: Window | None = None, datasets: str = "sessions", **filters: Any
    ) -> ExportResult:
        query = SessionQuery(window=window or Window(start=self.now - DAY, end=self.now), **filters)
        return self.list_sessions(query, sweep_pages, datasets)()

    def list_sessions(
        self, query: SessionQuery, sweep_pages: int | None = 2, datasets: str = "sessions"
    ) -> Callable[[], ExportResult]:
        """Begin a run, and return a function that does the rest of it."""
        hook, into = BenchHook(self.bench), self.target(f"night {next(self._numbers)}")
        plan = self.plan(query, sweep_pages, datasets, into)
        return lambda: run_export(hook, plan, into)[1]

    def plan(
        self, query: SessionQuery, sweep_pages: int | None, datasets: str = "sessions", into: Any = None
    ) -> ExportPlan:
        into = into or self.target("no run")
        return list_sessions(BenchHook(self.bench), into, query, parse_datasets(datasets), sweep_pages=sweep_pages)

    def count_requests(self, do: Callable[[], object]) -> int:
        self.bench.sandbox.log.clear()
        do()
        return self.bench.sandbox.log.count()

    def exported(self) -> set[str]:
        """The sessions that are exported, each once."""
        if self._into == "files":
            files = (self._folder / "sessions").rglob("*.jsonl")
            found = [json.loads(line)["session_id"] for file in files for line in file.read_text().splitlines()]
        else:
            found = self._place.column("select session_id from {schema}sessions")
        assert len(found) == len(set(found)), "a session is there twice"
        return set(found)

    def day_of(self, session_id: str) -> str:
        """Return the day under which a session is exported."""
        if self._into == "tables":
            [ended] = self._place.column(
                "select actual_end from {schema}sessions where session_id = :id", id=session_id
            )
            return str(ended)[:10]
        files = (self._folder / "sessions").rglob("*.jsonl")
        [file] = [file for file in files if session_id in file.read_text()]
        return file.parent.name.removeprefix("dt=")

    def count_pages(self) -> int:
        return math.ceil(len([one for one in self.bench.platform.sessions() if not one["deleted_at"]]) / 20)

    def catalogue(self) -> bytes | None:
        """Return the stored catalogue."""
        [*_, last] = [None, *sorted(self._folder.rglob("catalogue/*/*"))]
        return None if last is None else last.read_bytes()

    def damage_catalogue(self, content: bytes | None) -> None:
        """Replace the stored catalogue; None deletes it."""
        for file in self._folder.rglob("catalogue/*/*"):
            file.unlink() if content is None else file.write_bytes(content)


def ids_of(sessions: Sequence[Session]) -> list[str]:
    return sorted(one.session_id for one in sessions)


@pytest.fixture(params=[("sessions_us", {}), ("vidinfra", {})], ids=["sessions_us", "vidinfra"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    platform, settings = request.param
    made = Bench(platform, **settings)
    yield made
    await made.close()


@pytest.fixture
def nights(bench: Bench, tmp_path: Path, sqlite: Place) -> Nights:
    return Nights(bench, "files", tmp_path, sqlite)


@pytest.fixture(params=["files", "tables"])
def nights_into(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path, sqlite: Place) -> Nights:
    return Nights(bench, request.param, tmp_path, sqlite)


def test_a_night_requests_what_is_new(nights_into: Nights) -> None:
    nights = nights_into
    nights.history(200)
    planned = nights.plan_ahead(20)
    first = nights.count_requests(nights.export)
    new = nights.hold(3)
    nights.bench.platform.start(planned[0])
    nights.bench.platform.end(planned[0])
    assert nights.count_requests(lambda: nights.export(2)) < first * 0.6
    nights.export(2)
    assert nights.exported() == {*new, planned[0]}


def test_the_whole_list_is_read_if_it_is_asked_for(nights: Nights) -> None:
    nights.history(60)
    counts = [nights.count_requests(lambda: nights.export(None)) for _ in range(3)]
    assert len(set(counts)) == 1
    assert nights.catalogue() is None


def test_the_number_of_nights_until_all_pages_were_read_again() -> None:
    assert [count_sweep_nights(pages) for pages in (1, 70, 71, 480, 2480)] == [1, 1, 2, 7, 36]
    assert count_sweep_nights(5, sweep_pages=2) == 4


class TestWhatTheOrderHides:
    """Sessions that are not where the order of the list would have them."""

    def test_is_exported_late_with_its_own_day(self, nights_into: Nights) -> None:
        nights = nights_into
        nights.history(140)
        nights.export(2)
        day = (nights.now - DAY / 2).date().isoformat()
        [hidden] = nights.hold(created=-39.9 * DAY)
        pages = nights.count_pages()
        needed = 0
        while hidden not in nights.exported():
            nights.export(2)
            needed += 1
            assert needed <= count_sweep_nights(pages - 1, 2)
        assert needed > 2
        assert nights.day_of(hidden) == day
        nights.export(2)
        assert nights.exported() == {hidden}

    def test_of_the_last_day_before_a_run_is_found_by_the_next(self, nights: Nights) -> None:
        """The list shows a session only after a run, behind a page of newer ones that this run has seen."""
        nights.history(140)
        nights.export(2)  # the pages that are read again by turns are the next ones, then
        seen = nights.hold(25, created=-6 * HOUR)
        nights.export(2)
        [hidden] = nights.hold(ended=-1.4 * DAY, created=-1.5 * DAY)
        nights.export(2)
        assert nights.exported() == {*seen, hidden}

    def test_is_left_out_if_no_run_exported_its_window(self, nights: Nights) -> None:
        nights.history(60)
        nights.export()
        nights.bench.clock.jump(5 * DAY.total_seconds())
        nights.hold(ended=-3 * DAY, created=-39.9 * DAY)
        nights.export()
        assert nights.exported() == set()

    def test_a_session_that_goes_on_after_its_end_is_exported_with_its_new_end(self, nights: Nights) -> None:
        nights.history(60)
        [key] = nights.hold(ended=-20 * DAY)
        nights.export()
        nights.bench.platform.start(key)
        nights.bench.platform.end(key)
        nights.export()
        nights.export()
        assert nights.exported() == {key}

    def test_one_that_ends_long_after_it_was_made(self, nights: Nights) -> None:
        [planned] = nights.bench.platform.create(
            scheduled_start=nights.now + 40 * DAY, created_at=nights.now - 60 * DAY, script={}
        )
        nights.history(60)
        nights.export(2)
        nights.bench.clock.jump(40 * DAY.total_seconds())
        nights.bench.platform.start(planned)
        nights.bench.platform.end(planned)
        nights.bench.clock.jump(60)
        nights.export(2)
        assert nights.exported() == {planned}


def test_a_list_out_of_order_is_read_whole_until_it_was_in_order_seven_times(nights: Nights) -> None:
    nights.history(120)
    nights.plan_ahead(1)
    whole = nights.count_requests(nights.export)
    pages = nights.count_pages()
    nights.bench.platform.settings.sorted_by = "title"
    new = nights.hold(title="A title that comes last")
    nights.bench.platform.settings.newest_first = True
    assert nights.count_requests(lambda: nights.export(2)) >= pages
    assert nights.exported() >= set(new)
    nights.bench.platform.settings.sorted_by = "creation"
    counts = [nights.count_requests(lambda: nights.export(2)) for _ in range(8)]
    assert min(counts[:7]) >= pages > counts[7]
    assert whole >= pages


class TestWhileTheListIsRead:
    """The list changes between two requests."""

    @staticmethod
    def between(nights: Nights, change: Callable[[], object], *, page: int = 2) -> None:
        """Change something when a page of the list is requested, before it is returned."""
        numbers = iter(range(1, 1000))

        def listener(entry: Any) -> None:
            if entry.route == "list_sessions" and next(numbers) == page:
                change()

        nights.bench.sandbox.on_request(listener)

    def test_a_deletion_hides_nothing(self, nights: Nights) -> None:
        nights.history(60)
        nights.export()
        new = nights.hold(30)
        self.between(nights, lambda: nights.bench.platform.delete(new[-1]))
        nights.export()
        assert nights.exported() >= set(new[:-1])

    def test_an_insertion_hides_nothing(self, nights: Nights) -> None:
        nights.history(60)
        nights.export()
        new = nights.hold(30)
        self.between(nights, lambda: nights.hold(5))
        nights.export()
        nights.export()
        assert nights.exported() >= set(new)
        assert len(nights.exported()) == 35

    def test_what_a_deletion_moves_is_requested_by_itself(self, nights: Nights) -> None:
        nights.history(60)
        planned = nights.plan_ahead(60)
        nights.export()
        for key in planned:
            nights.bench.platform.start(key)
            nights.bench.platform.end(key)
        nights.bench.clock.jump(60)
        self.between(nights, lambda: nights.bench.platform.delete(planned[-1]), page=3)
        nights.export()
        assert nights.exported() >= set(planned[:-1])


class TestRuns:
    def test_a_run_that_is_killed_before_it_has_written_loses_nothing(self, nights: Nights) -> None:
        nights.history(60)
        nights.export()
        [hidden] = nights.hold(created=-39.9 * DAY)
        nights.export(2)
        before = nights.catalogue()
        query = SessionQuery(window=Window(start=nights.now - DAY, end=nights.now))
        nights.list_sessions(query)
        assert nights.catalogue() == before
        nights.export()
        assert nights.exported() == {hidden}

    def test_two_at_once_do_not_forget_what_the_other_has_noted(self, nights_into: Nights) -> None:
        nights = nights_into
        nights.history(60)
        nights.export()
        one, other = nights.hold(), nights.hold(ended=-3 * DAY, created=-DAY / 2)
        now = nights.now
        windows = [Window(start=now - DAY, end=now), Window(start=now - 4 * DAY, end=now - 2 * DAY)]
        runs = [nights.list_sessions(SessionQuery(window=window)) for window in windows]
        for finish in runs:
            finish()
        assert nights.exported() == {*one, *other}
        hidden = nights.hold(created=-39.9 * DAY) + nights.hold(ended=-3 * DAY, created=-39.8 * DAY)
        nights.bench.clock.jump(DAY.total_seconds())
        nights.export()
        assert nights.exported() == {*one, *other, *hidden}

    def test_a_backfill_of_an_old_day_requests_its_sessions(self, nights: Nights) -> None:
        nights.history(200)
        old = nights.hold(3, ended=-45 * DAY)
        whole = nights.count_requests(nights.export)
        nights.export()
        window = Window(start=nights.now - 48 * DAY, end=nights.now - 46 * DAY)
        assert nights.count_requests(lambda: nights.export(2, window=window)) < whole / 2
        assert nights.exported() == set(old)

    def test_a_filter_reads_the_whole_list_and_notes_nothing(self, nights: Nights) -> None:
        nights.history(60)
        nights.export()
        before = nights.catalogue()
        [new] = nights.hold(title="Weekly")
        nights.export_now(2, title="monthly")
        assert (nights.catalogue(), nights.exported()) == (before, set())
        nights.export()
        assert nights.exported() == {new}

    def test_other_datasets_have_a_catalogue_of_their_own(self, nights: Nights) -> None:
        nights.history(60)
        nights.export_now(2)
        [hidden] = nights.hold(created=-39.9 * DAY)
        nights.bench.clock.jump(DAY.total_seconds())
        nights.export()
        result = nights.export(
            datasets="sessions,participants", window=Window(start=nights.now - 3 * DAY, end=nights.now)
        )
        assert result.datasets["participants"]["rows"] > 0
        assert nights.exported() == {hidden}


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bno gzip", None])
def test_a_catalogue_that_cannot_be_read_is_replaced(
    nights: Nights, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    nights.history(100)
    whole = nights.count_requests(nights.export)
    nights.damage_catalogue(content)
    [new] = nights.hold()
    assert nights.count_requests(nights.export) >= whole
    assert ("cannot be read" in caplog.text) == (content is not None)
    assert nights.count_requests(lambda: nights.export(2)) < whole
    assert nights.exported() == {new}


def test_a_session_in_an_unknown_state_is_requested_until_it_is_readable(nights: Nights) -> None:
    platform = nights.bench.platform
    nights.history(60)
    [key] = nights.hold(created=-39.9 * DAY)
    build = platform.build_response
    platform.build_response = lambda result, request: build(corrupt_record(result, key), request)
    assert nights.export(2).outcome.pending.keys() == {key}
    nights.hold()
    nights.export(2)
    platform.build_response = build
    nights.export(2)
    nights.export(2)
    assert key in nights.exported()


def test_a_session_that_is_deleted_is_exported_as_deleted(nights: Nights) -> None:
    nights.history(60)
    [key] = nights.hold()
    nights.plan_ahead(3)
    nights.export()
    nights.bench.platform.delete(key)
    deleted = [nights.export(2).outcome.deleted_sessions for _ in range(3)]
    assert (key,) in deleted


@pytest.mark.parametrize(
    "bench",
    [("vidinfra", {}), ("sessions_us", {}), ("sessions_us", {"list_actual_start": False})],
    indirect=True,
    ids=str,
)
@pytest.mark.parametrize("seed", [1])
def test_the_same_sessions_are_exported_as_by_reading_the_whole_list(nights: Nights, seed: int) -> None:
    """As long as lists are in order. The changes of each day are drawn at random."""
    rng = random.Random(seed)
    platform = nights.bench.platform
    nights.history(80)
    planned = nights.plan_ahead(40)
    for _ in range(6):
        rng.shuffle(planned)
        for key in planned[:3]:
            platform.start(key)
            nights.bench.clock.jump(60)
            if rng.random() < 0.7:
                platform.end(key)
        for key in planned[3:5]:
            platform.delete(key)
        planned = planned[5:] + nights.plan_ahead(rng.randint(0, 4))
        nights.hold(rng.randint(0, 25))
        nights.bench.clock.jump(60)
        window = Window(start=nights.now - DAY, end=nights.now)
        if rng.random() < 0.3:
            window = Window(start=nights.now - 30 * DAY, end=nights.now - 28 * DAY)
        query = SessionQuery(window=window)
        whole, partial = (nights.plan(query, sweep_pages) for sweep_pages in (None, 2))
        for name in ("sessions", "unfinished"):
            assert ids_of(getattr(partial, name)) == ids_of(getattr(whole, name))
        assert partial.reasons == whole.reasons
        nights.export(2, window=window)
