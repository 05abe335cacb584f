"""The contract of adapters, kept by each of ours however its platform behaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import SessionQuery, SessionState, Window, WindowBy
from airflow_provider_sessions.testing import FakePlatform, PlatformContract
from airflow_provider_sessions.testing.contract import ListContract
from tests.unit.platforms.bench import DAY, Bench, SandboxFake


class TestPrevail(PlatformContract):
    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        with SandboxFake("prevail") as fake:
            yield fake

    def more_sessions(self, platform: FakePlatform) -> list[str]:
        """Create a meeting that is joined elsewhere, one whose slug was freed and taken again, and ones not held."""
        create = sandbox_of(platform).create
        ids = script_sessions(platform)
        ids += create("By Zoom", case="7", session_details={"video_provider": "zoom_meeting"})
        for title in ("Canceled", "Canceled and not created again"):
            [canceled] = create(title, case="8")
            sandbox_of(platform).cancel(canceled)
            ids.append(canceled)
        return [*ids, *create("Canceled", case="9")]


class TestVidInfra(PlatformContract):
    changes = {"start": "2026-03-04T15:00:00Z"}  # noqa: RUF012

    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        with SandboxFake("vidinfra") as fake:
            yield fake

    def more_sessions(self, platform: FakePlatform) -> list[str]:
        return script_sessions(platform)


class TestSessionsUs(PlatformContract):
    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        with SandboxFake("sessions_us") as fake:
            yield fake

    def more_sessions(self, platform: FakePlatform) -> list[str]:
        return script_sessions(platform)


def sandbox_of(platform: FakePlatform) -> Any:
    assert isinstance(platform, SandboxFake)
    return platform.platform


def script_sessions(platform: FakePlatform) -> list[str]:
    """Sessions that run by themselves: two that are over, with late artifacts, and one that is soon live and over."""
    now, late = platform.clock.now(), {"artifacts_after": 30 * 3600}
    create = sandbox_of(platform).create
    ids = list(create(count=2, ended_between=(now - DAY / 2, now - DAY / 4), script=late))
    script = {"live_after": 900, "duration": 1200} | late
    return [*ids, *create("Soon over", scheduled_start=now + timedelta(minutes=15), script=script)]


PREVAIL: dict[str, dict[str, Any]] = {
    "case in both lists": {"case_in_sessions": True},
    "over and not listed": {"after_end": "gone"},
    "over and ready again": {"after_end": "ready"},
    "requests alone in their list": {"requests_listed": "requested"},
    "canceled not listed": {"list_canceled": False},
    "short pages, oldest first": {"page_items": 2, "newest_first": False},
    "no planned length": {"default_duration": None},
}
"""Ways of behaving that Prevail's documentation leaves open."""


class TestPrevailAsItMayBe(ListContract):
    more_sessions = TestPrevail.more_sessions

    @pytest.fixture(params=PREVAIL)
    def platform(self, request: pytest.FixtureRequest) -> Iterator[FakePlatform]:
        with SandboxFake("prevail", **PREVAIL[request.param]) as fake:
            yield fake


class TestVidInfraWithShortPages(ListContract):
    more_sessions = TestVidInfra.more_sessions

    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        with SandboxFake("vidinfra", max_limit=2, newest_first=False) as fake:
            yield fake


class TestSessionsUsOldestFirst(ListContract):
    more_sessions = TestSessionsUs.more_sessions

    @pytest.fixture
    def platform(self) -> Iterator[FakePlatform]:
        with SandboxFake("sessions_us", newest_first=False) as fake:
            yield fake


@pytest.mark.parametrize("shown", [{}, {"list_actual_start": False}])
async def test_a_live_session_is_live_in_the_list_of_a_window_though_its_items_do_not_say_so(
    shown: dict[str, bool],
) -> None:
    bench = Bench("sessions_us", **shown)
    now = bench.clock.now()
    [live] = bench.platform.create(started_at=now, scheduled_start=now)
    [later] = bench.platform.create(scheduled_start=now + timedelta(days=1))
    query = SessionQuery(window=Window(start=now - DAY, end=now + 2 * DAY), by=WindowBy.SCHEDULED_START)
    adapter = bench.adapter()
    found = {one.session_id: one async for one in adapter.sessions(query)}
    assert found == {live: await adapter.get(live), later: await adapter.get(later)}
    assert found[live].state is SessionState.LIVE
    await bench.close()
