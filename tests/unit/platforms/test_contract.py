"""The contract of adapters, kept by each of ours however its platform behaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import SessionQuery, SessionState, Window, WindowBy
from tests.unit.platforms.contract import DAY, Bench, PlatformContract

_PREVAIL: dict[str, dict[str, Any]] = {
    "as documented": {},
    "case in both lists": {"case_in_sessions": True},
    "over and not listed": {"after_end": "gone"},
    "over and ready again": {"after_end": "ready"},
    "requests alone in their list": {"requests_listed": "requested"},
    "canceled not listed": {"list_canceled": False},
    "short pages, oldest first": {"page_items": 2, "newest_first": False},
    "no planned length": {"default_duration": None},
}


_OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "vidinfra": ("vidinfra", {}),
    "vidinfra, short pages": ("vidinfra", {"max_limit": 2, "newest_first": False}),
    "sessions_us": ("sessions_us", {}),
    "sessions_us, oldest first": ("sessions_us", {"newest_first": False}),
}


class TestPrevail(PlatformContract):
    """Prevail, in every way in which its documentation leaves it free."""

    @pytest.fixture(params=_PREVAIL)
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
        made = Bench("prevail", **_PREVAIL[request.param])
        yield made
        await made.close()

    def sessions_of_all_kinds(self, bench: Bench) -> list[str]:
        """Also a meeting that is joined elsewhere, and one whose slug was freed and taken again."""
        ids = super().sessions_of_all_kinds(bench)
        ids += bench.platform.create("By Zoom", case="7", session_details={"video_provider": "zoom_meeting"})
        [again] = bench.platform.create("Called off", case="8")
        bench.platform.cancel(again)
        [called_off] = bench.platform.create("Called off and not made again", case="8")
        bench.platform.cancel(called_off)
        return [*ids, *bench.platform.create("Called off", case="9"), called_off]


class TestOthers(PlatformContract):
    """VidInfra and Sessions."""

    @pytest.fixture(params=_OTHERS)
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
        platform, settings = _OTHERS[request.param]
        made = Bench(platform, **settings)
        yield made
        await made.close()


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
