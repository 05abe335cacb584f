"""What a poll costs on each platform: pages of a list or single requests, whichever are fewer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import AuthenticationError, NotFoundError
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.poll_strategy import PageSearch
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock

Known = dict[str, Session | None]


class Place:
    """A platform of the sandbox, and an adapter for it."""

    def __init__(self, name: str, clock: VirtualClock) -> None:
        self.sandbox = Sandbox(clock=SandboxClock(follow=clock))
        self.platform: Any = getattr(self.sandbox, name)
        self.clock = clock
        if name == "sessions_us":
            self.platform.remove_rate_limit()
        fields = {"login": self.platform.company_id} if name == "prevail" else {}
        account = Account(
            "c",
            name,
            host=self.platform.base_url,
            password=self.platform.api_key,
            extra={"rate_limit": "100000/s"},
            **fields,
        )
        transport = httpx.ASGITransport(self.sandbox.app)
        self.adapter: Adapter = adapter_class(name).open(account, clock=clock, transport=transport)

    def make(self, count: int, hours: float = 1.0) -> list[str]:
        made: list[str] = self.platform.create(count=count, scheduled_start=self.clock.now() + timedelta(hours=hours))
        return made

    async def poll_sessions(self, known: Known) -> tuple[Known, int]:
        """The polled sessions, and the number of requests."""
        self.sandbox.log.clear()
        polled = await self.adapter.poll_sessions(known)
        assert polled.keys() == known.keys()
        return {k: v if isinstance(v, Session) else None for k, v in polled.items()}, self.sandbox.log.count()


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    made = Place(request.param, VirtualClock(auto=True))
    yield made
    await made.adapter.aclose()
    made.sandbox.close()


def pages(place: Place, count: int) -> int:
    return -(-count // (20 if place.adapter.platform == "sessions_us" else 100))


@pytest.mark.parametrize("count", [1, 100, 1000])
async def test_a_poll_costs_no_more_than_its_sessions_or_their_pages(place: Place, count: int) -> None:
    made = place.make(count)
    bound = min(count, pages(place, count))

    known, first = await place.poll_sessions(dict.fromkeys(made))
    lists = 2 if place.adapter.platform == "prevail" else 1  # the list of sessions shows no case, that of requests does
    assert first <= lists * bound, "all unknown"
    known, steady = await place.poll_sessions(known)
    assert steady <= bound
    _, closely = await place.poll_sessions(dict.fromkeys(made))
    assert closely <= bound
    place.platform.start(made[0])
    polled, transition = await place.poll_sessions(known)
    assert transition <= bound + 1
    assert [key for key, session in polled.items() if session and session.state is SessionState.LIVE] == made[:1]


async def test_a_session_that_did_not_change_is_held_once_though_its_page_did(place: Place) -> None:
    made = place.make(50)
    known, _ = await place.poll_sessions(dict.fromkeys(made))
    place.platform.start(made[0])
    polled, _ = await place.poll_sessions(dict.fromkeys(made))
    assert [key for key in made if polled[key] is not known[key]] == made[:1]


@pytest.mark.parametrize("place", ["vidinfra", "sessions_us"], indirect=True)
async def test_sessions_among_many_strangers_are_searched_for_once(place: Place) -> None:
    """Three of ours are the oldest of a long list, where pages cost more than a request for each."""
    made = place.make(3)
    place.make(600)
    known, first = await place.poll_sessions(dict.fromkeys(made))
    assert first <= 2 * len(made)
    for _ in range(3):
        known, later = await place.poll_sessions(dict.fromkeys(made))
        assert later <= len(made)
    assert None not in known.values()


@pytest.mark.parametrize("place", ["prevail"], indirect=True)
async def test_a_window_of_prevails_list_is_no_larger_than_it_must_be(place: Place) -> None:
    made = place.make(3)
    place.make(500, hours=30)
    known, _ = await place.poll_sessions(dict.fromkeys(made))
    _, later = await place.poll_sessions(known)

    assert later == 1


async def get(session_id: str) -> Session:
    raise NotFoundError("gone", status=404)


class TestDepth:
    """Pages or single requests."""

    @staticmethod
    async def walk(search: PageSearch, wanted: set[str], items: list[str]) -> tuple[set[str], int]:
        """What is found, and how many pages were begun."""
        read: list[int] = []

        async def given() -> AsyncIterator[str]:
            for number, item in enumerate(items):
                read.append(number // 10 + 1)
                yield item

        found = {key async for key, _ in search.search(given(), wanted, lambda item: item)}
        return found, max(read, default=0)

    @pytest.fixture
    def items(self) -> list[str]:
        return [f"s{number}" for number in range(100)]

    async def test_one_session_is_requested(self, items: list[str]) -> None:
        assert await self.walk(PageSearch(10, get), {"s0"}, items) == (set(), 0)

    async def test_new_ones_are_expected_on_the_first_page(self, items: list[str]) -> None:
        assert await self.walk(PageSearch(10, get), {"s0", "s9"}, items) == ({"s0", "s9"}, 1)

    async def test_fewer_pages_are_read_in_vain_than_there_are_sessions_missing(self, items: list[str]) -> None:
        search, wanted = PageSearch(10, get), {"s70", "s71", "s72"}
        assert await self.walk(search, wanted, items) == (set(), 2)
        assert await self.walk(search, wanted, items) == (set(), 0), "requested one by one from now on"
        assert search.estimate_requests(wanted) == 3

    async def test_deep_pages_are_read_where_many_are_on_them(self, items: list[str]) -> None:
        search, wanted = PageSearch(10, get), {f"s{number}" for number in range(40, 60)}
        for _ in range(3):
            assert await self.walk(search, wanted, items) == (wanted, 6)
        assert search.estimate_requests(wanted) == 6

    async def test_one_that_moved_down_is_requested_and_two_are_followed(self, items: list[str]) -> None:
        search, wanted = PageSearch(10, get), {"s0", "s8", "s9"}
        await self.walk(search, wanted, items)
        assert await self.walk(search, wanted, ["new", *items]) == ({"s0", "s8"}, 1)
        assert await self.walk(search, wanted, ["new", "newer", "newest", *items]) == ({"s0"}, 1)
        assert await self.walk(search, wanted, ["new", "newer", "newest", *items]) == (wanted, 2)

    async def test_what_the_list_lacks_is_expected_there_no_more(self, items: list[str]) -> None:
        search, wanted = PageSearch(10, get), {"x1", "x2", "x3", "s0"}
        short = items[:12]
        assert await self.walk(search, wanted, short) == ({"s0"}, 2)
        assert search.estimate_requests(wanted) == 4


@pytest.mark.parametrize("place", ["prevail"], indirect=True)
async def test_a_key_that_is_refused_from_the_start_is_refused_once(place: Place) -> None:
    """Signing the same again would be no other token."""
    place.sandbox.faults.add("status", status=401, times=None)
    with pytest.raises(AuthenticationError):
        await place.adapter.poll_sessions({"smith-v-jones": None})

    assert place.sandbox.log.count() == 1
