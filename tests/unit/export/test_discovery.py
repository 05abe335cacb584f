"""Nightly exports that read a part of the account's list: what they request, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.export.datasets import parse_datasets
from airflow_provider_sessions.export.discovery import SWEEP_PAGES
from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.export.formats import FORMATS
from airflow_provider_sessions.export.layout import RunId
from airflow_provider_sessions.export.run import ExportResult, list_sessions, run_export
from airflow_provider_sessions.export.sql.database import Database
from airflow_provider_sessions.export.sql.tables import Tables
from airflow_provider_sessions.export.sql.target import SqlTarget
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import SessionQuery, Window
from tests.databases import Place, sqlite
from tests.unit.platforms.bench import DAY, Bench, BenchHook

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
        hook, into = BenchHook(self.bench), self.target(f"night {next(self._numbers)}")
        plan = list_sessions(hook, into, query, parse_datasets(datasets), sweep_pages=sweep_pages)
        return run_export(hook, plan, into)[1]

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


@pytest.fixture(params=["sessions_us", "vidinfra"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    made = Bench(request.param)
    yield made
    await made.close()


@pytest.fixture(params=["files", "tables"])
def nights(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path, sqlite: Place) -> Nights:
    return Nights(bench, request.param, tmp_path, sqlite)


def test_a_night_costs_what_is_new(nights: Nights) -> None:
    nights.history(300)
    nights.plan_ahead(30)
    nights.hold(3)
    first = nights.count_requests(nights.export)
    new = nights.hold(3)
    second = nights.count_requests(lambda: nights.export(2))
    assert nights.exported() >= set(new)
    assert second < first * 0.7, (first, second)
