"""The contract of adapters, kept by each of ours however its platform behaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.platforms.contract import Bench, PlatformContract

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

    @pytest.fixture(params=["vidinfra", "sessions_us"])
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
        made = Bench(request.param)
        yield made
        await made.close()
