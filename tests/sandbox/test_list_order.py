"""The order of lists of sessions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox

Titles = Callable[[str], Awaitable[list[str]]]


@pytest.fixture
def listed_titles(api: httpx.AsyncClient, prevail_api: httpx.AsyncClient, sessions_us_api: httpx.AsyncClient) -> Titles:
    """Return the titles in a platform's list of sessions."""
    clients = {"vidinfra": api, "prevail": prevail_api, "sessions_us": sessions_us_api}

    async def list_titles(platform: str) -> list[str]:
        content: Any = (await clients[platform].get("/sessions")).json()
        content = content.get("data", content)["sessions"] if isinstance(content, dict) else content
        return [item.get("title") or item["name"] for item in content]

    return list_titles


@pytest.mark.parametrize("platform", ["vidinfra", "prevail", "sessions_us"])
class TestOrder:
    async def test_lists_can_be_sorted_by_another_field(
        self, sandbox: Sandbox, listed_titles: Titles, platform: str
    ) -> None:
        played, now = sandbox.platform(platform), sandbox.clock.now()
        for number, title in enumerate("BCA"):
            created_at = now - timedelta(days=3 - number)
            played.create(title, created_at=created_at, scheduled_start=now + timedelta(days=3 - number))
        assert await listed_titles(platform) == ["A", "C", "B"]
        played.settings.sorted_by = "title"
        assert await listed_titles(platform) == ["C", "B", "A"]
        played.settings.sorted_by = "planned_start"
        assert await listed_titles(platform) == ["B", "C", "A"]
        played.settings.newest_first = False
        assert await listed_titles(platform) == ["A", "C", "B"]
        played.settings.sorted_by = "creation"
        assert await listed_titles(platform) == ["B", "C", "A"]

    async def test_a_session_can_be_listed_where_its_time_of_creation_does_not_place_it(
        self, sandbox: Sandbox, listed_titles: Titles, platform: str
    ) -> None:
        played, now = sandbox.platform(platform), sandbox.clock.now()
        played.create("Old", created_at=now - timedelta(days=9))
        played.create("New", created_at=now - timedelta(days=1))
        assert await listed_titles(platform) == ["New", "Old"]
        played.create("Between", listed_at=now - timedelta(days=5))
        [imported] = played.create("Imported", created_at=now - timedelta(days=20))
        assert await listed_titles(platform) == ["New", "Between", "Old", "Imported"]
        played.delete(imported)
        assert await listed_titles(platform) == ["New", "Between", "Old"]


def test_people_who_schedule_depositions_of_one_title_take_the_next_number(sandbox: Sandbox) -> None:
    assert sandbox.prevail.create("Deposition", count=3) == ["deposition", "deposition-2", "deposition-3"]
    sandbox.prevail.create("Hearing")
    [other] = sandbox.prevail.create("Deposition 5")
    assert sandbox.prevail.create("Deposition", count=2) == ["deposition-4", "deposition-6"]
    sandbox.prevail.delete(other)
    assert sandbox.prevail.create("Deposition 5") == ["deposition-5"]
