"""Lists in pages of the gem pagy."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter


async def list_slugs(make_pagy: Callable[[int], object]) -> list[str | None]:
    """Return the sessions of a list of three pages, which describes each as ``make_pagy`` says."""

    def respond(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", 1))
        sessions = [{"remote_session_id": f"s{page}-{number}"} for number in range(20)]
        return httpx.Response(200, json={"sessions": sessions, "pagy": make_pagy(page)})

    account = Account("c", "prevail", host="http://x.test", login="acme", password="k" * 32)
    async with PrevailAdapter.open(account, clock=VirtualClock(), transport=httpx.MockTransport(respond)) as adapter:
        return [session.remote_session_id async for session in adapter.client.pages(endpoints.list_sessions())]


@pytest.mark.parametrize("kind", [int, str])
async def test_page_numbers_may_be_texts(kind: Callable[[int], object]) -> None:
    slugs = await list_slugs(lambda page: {"page": kind(page), "pages": kind(3), "count": kind(60)})
    assert len(set(slugs)) == 60


@pytest.mark.parametrize(
    "pagy",
    [{"page": "first", "pages": 3}, {"page": 1, "pages": "three"}, {"page": 1, "pages": 3, "count": []}, "1 of 3"],
)
async def test_page_numbers_that_cannot_be_read_are_an_error(pagy: object) -> None:
    """The other pages would be missing."""
    with pytest.raises(MalformedResponseError, match=r"list_sessions: .* of the list is"):
        await list_slugs(lambda page: pagy)
