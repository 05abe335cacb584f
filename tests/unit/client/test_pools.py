"""Connections in pools of their own: as few as there are requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from airflow_provider_sessions.client.pools import MAX_CONNECTIONS, SmallPools


class Body(httpx.AsyncByteStream):
    """Is closed when that may be."""

    def __init__(self, closing: asyncio.Event, closes: asyncio.Event) -> None:
        self._closing = closing
        self._closes = closes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"done"

    async def aclose(self) -> None:
        self._closing.set()
        await self._closes.wait()


class Connection(httpx.AsyncBaseTransport):
    """Answers when it is told to; remembers what went over it."""

    def __init__(self, answers: asyncio.Event, closes: asyncio.Event) -> None:
        self.requests: list[str] = []
        self.closed = False
        self.closing = asyncio.Event()
        self._answers = answers
        self._closes = closes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        await self._answers.wait()
        if request.url.path == "/broken":
            raise httpx.ReadError("reset")
        return httpx.Response(200, stream=Body(self.closing, self._closes))

    async def aclose(self) -> None:
        self.closed = True


class Pools:
    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.answers = asyncio.Event()
        self.closes = asyncio.Event()
        self.closes.set()
        self.transport = SmallPools(self._make)

    def _make(self) -> Connection:
        self.made.append(Connection(self.answers, self.closes))
        return self.made[-1]


@pytest.fixture
async def pools() -> Pools:
    return Pools()


async def test_one_request_after_the_other_keeps_using_one_connection(pools: Pools) -> None:
    pools.answers.set()
    async with httpx.AsyncClient(transport=pools.transport) as client:
        for number in range(5):
            await client.get(f"http://platform.test/{number}")
    assert [one.requests for one in pools.made] == [["/0", "/1", "/2", "/3", "/4"]]
    assert pools.made[0].closed


async def test_requests_at_once_have_a_connection_each_and_more_than_there_may_be_wait(pools: Pools) -> None:
    count = MAX_CONNECTIONS + 2
    async with httpx.AsyncClient(transport=pools.transport) as client:
        asked = [asyncio.create_task(client.get(f"http://platform.test/{number}")) for number in range(count)]
        while sum(len(one.requests) for one in pools.made) < MAX_CONNECTIONS:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        pools.answers.set()
        await asyncio.gather(*asked)
    assert len(pools.made) == MAX_CONNECTIONS
    assert sum(len(one.requests) for one in pools.made) == count


async def test_a_connection_is_free_when_its_answer_is_closed_and_not_before(pools: Pools) -> None:
    pools.answers.set()
    async with httpx.AsyncClient(transport=pools.transport) as client:
        async with client.stream("GET", "http://platform.test/film") as film:
            await client.get("http://platform.test/list")
            assert await film.aread() == b"done"
        await client.get("http://platform.test/next")
    assert [one.requests for one in pools.made] == [["/film", "/next"], ["/list"]]


async def test_a_connection_whose_request_failed_is_closed_and_another_takes_its_place(pools: Pools) -> None:
    pools.answers.set()
    async with httpx.AsyncClient(transport=pools.transport) as client:
        with pytest.raises(httpx.ReadError):
            await client.get("http://platform.test/broken")
        await client.get("http://platform.test/next")
    assert [one.requests for one in pools.made] == [["/broken"], ["/next"]]
    assert [one.closed for one in pools.made] == [True, True]


async def test_a_connection_whose_request_was_taken_back_while_its_answer_was_closed_is_not_used_again(
    pools: Pools,
) -> None:
    pools.answers.set()
    pools.closes.clear()
    async with httpx.AsyncClient(transport=pools.transport) as client:
        asked = asyncio.create_task(client.get("http://platform.test/taken-back"))
        await pools.made[0].closing.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        pools.closes.set()
        await client.get("http://platform.test/next")
    assert [one.requests for one in pools.made] == [["/taken-back"], ["/next"]]
    assert [one.closed for one in pools.made] == [True, True]


async def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again(pools: Pools) -> None:
    pools.answers.set()
    async with httpx.AsyncClient(transport=pools.transport) as client:
        async with client.stream("GET", "http://platform.test/film"):
            pass
        await client.get("http://platform.test/next")
    assert [one.requests for one in pools.made] == [["/film"], ["/next"]]
