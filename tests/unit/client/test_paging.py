"""Walking lists: complete, nothing twice, and with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.client import paging as paging_module
from airflow_provider_sessions.client.paging import LimitOffset, NumberedPages, Page, PageLimit, Paging, Walk
from airflow_provider_sessions.errors import MalformedResponseError, NotFoundError, PagingError
from tests.unit.client.servers import RawServer, Received, Responder, by, reply, says
from tests.unit.client.things import connect, list_things

ITEMS = [f"i{n}" for n in range(7)]


def page_of(ids: Iterable[str], **meta: Any) -> Responder:
    return says({"success": True, "data": {"things": [{"id": i} for i in ids], **meta}})


def lister(
    items: list[str], *, cap: int = 100, total: bool = True, size: int | None = None
) -> Callable[[Received], Responder]:
    """A server that pages ``items`` as the query asks, at most ``cap`` a page."""

    def responder(request: Received) -> Responder:
        query = request.query
        limit = min(int(query.get("limit", size or cap)), cap)
        offset = int(query["offset"]) if "offset" in query else (int(query.get("page", 1)) - 1) * limit
        return page_of(items[offset : offset + limit], **({"total": len(items)} if total else {}))

    return responder


async def walk(server: RawServer, paging: Paging, **query: Any) -> list[str]:
    async with connect(server.url) as client:
        return [item.id async for item in client.pages(list_things(paging=paging, query=query))]


@pytest.mark.parametrize(
    ("paging", "pages"),
    [
        (PageLimit(3), ["page=1&limit=3", "page=2&limit=3", "page=3&limit=3"]),
        (LimitOffset(3), ["limit=3&offset=0", "limit=3&offset=3", "limit=3&offset=6"]),
        (PageLimit(7), ["page=1&limit=7"]),
    ],
)
async def test_all_pages_are_read(paging: Paging, pages: list[str]) -> None:
    async with RawServer((by(lister(ITEMS)),)) as server:
        assert await walk(server, paging, room="r") == ITEMS
    assert [request.target for request in server.requests] == [f"/things?room=r&{page}" for page in pages]


async def test_numbered_pages_end_with_the_first_incomplete_one() -> None:
    async with RawServer((by(lister(ITEMS, total=False, size=3)),)) as server:
        assert await walk(server, NumberedPages(3)) == ITEMS
    assert [request.query for request in server.requests] == [{}, {"page": "2"}, {"page": "3"}]


async def test_numbered_pages_that_end_with_a_full_one_cost_one_more_request() -> None:
    async with RawServer((by(lister(ITEMS[:6], total=False, size=3)),)) as server:
        assert await walk(server, NumberedPages(3, name_first=True)) == ITEMS[:6]
    assert [request.query for request in server.requests] == [{"page": "1"}, {"page": "2"}, {"page": "3"}]


@pytest.mark.parametrize("paging", [PageLimit(100), LimitOffset(100)])
@pytest.mark.parametrize(
    "said", [{"total": 7}, {"limit": 2}, {"total": 7, "limit": 2}, {"total": "7"}, {"limit": "2"}, {"total": 7.0}]
)
async def test_a_page_may_hold_fewer_items_than_requested(paging: Paging, said: dict[str, Any]) -> None:
    def responder(request: Received) -> Responder:
        start = int(request.query.get("offset", (int(request.query.get("page", 1)) - 1) * 2))
        return page_of(ITEMS[start : start + 2], **said)

    async with RawServer((by(responder),)) as server:
        assert await walk(server, paging) == ITEMS


@pytest.mark.parametrize("paging", [PageLimit(3), LimitOffset(3), NumberedPages(3)])
async def test_a_platform_that_ignores_the_page_is_an_error(paging: Paging) -> None:
    async with RawServer((page_of(ITEMS[:3]),)) as server:
        with pytest.raises(PagingError, match="list_things: page 2 repeats an earlier page"):
            await walk(server, paging)
    assert len(server.requests) == 2


async def test_a_loop_of_pages_is_an_error() -> None:
    pages = [page_of(ITEMS[0:2]), page_of(ITEMS[2:4])]
    async with RawServer(tuple(pages * 5)) as server:
        with pytest.raises(PagingError, match="page 3 repeats"):
            await walk(server, NumberedPages(2))


async def test_an_empty_page_before_the_end_is_an_error() -> None:
    async with RawServer((page_of(ITEMS[:2], total=5), page_of([], total=5))) as server:
        with pytest.raises(PagingError, match=r"page 2 is empty, but more items were announced \(total 5\)"):
            await walk(server, PageLimit(2))


async def test_a_list_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging_module, "MAX_PAGES", 5)
    async with RawServer(
        (by(lambda r: page_of([f"p{r.query['page']}a", f"p{r.query['page']}b"], total=10**9)),)
    ) as server:
        with pytest.raises(PagingError, match="no end after 5 pages"):
            await walk(server, PageLimit(2))
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"things": [], "total": 0}},
        {"data": {"things": None, "total": 0}},
        {"data": {"things": None, "total": "0"}},
        {"data": {"things": None}},
        {"data": []},
    ],
)
async def test_an_empty_list_may_be_null(content: Any) -> None:
    async with RawServer((says(content),)) as server:
        assert await walk(server, PageLimit(2)) == []


@pytest.mark.parametrize("responder", [reply(200), says({"data": {}}), says({"data": None}), says({})])
async def test_a_missing_list_is_an_error(responder: Responder) -> None:
    async with RawServer((responder,)) as server:
        with pytest.raises(MalformedResponseError):
            await walk(server, PageLimit(2))


# Pages that are requested before it is their turn


async def walk_ahead(server: RawServer, paging: Paging) -> list[str]:
    async with connect(server.url) as client:
        return [item.id async for item in client.pages(list_things(paging=paging), prefetch=True)]


class Crowd:
    """Keeps requests after the first waiting until so many are there."""

    def __init__(self, responder: Callable[[Received], Responder], together: int) -> None:
        self._responder, self._together, self._request_count = responder, together, 0
        self._there = asyncio.Event()

    async def __call__(self, request: Received, writer: asyncio.StreamWriter) -> bool:
        self._request_count += 1
        if self._request_count > self._together:
            self._there.set()
        if self._request_count > 1:
            await asyncio.wait_for(self._there.wait(), 10)
        return await self._responder(request)(request, writer)


@pytest.mark.parametrize("paging", [PageLimit(2), LimitOffset(2)])
async def test_pages_of_a_list_with_a_total_are_requested_concurrently(paging: Paging) -> None:
    async with RawServer((Crowd(lister(ITEMS), together=3),)) as server:
        assert await walk_ahead(server, paging) == ITEMS
    assert len(server.requests) == 4  # none past the end


async def test_no_page_is_prefetched_if_the_length_is_unknown() -> None:
    async with RawServer((by(lister(ITEMS, total=False, size=3)),)) as server:
        assert await walk_ahead(server, NumberedPages(3)) == ITEMS
    assert len(server.requests) == 3


async def test_prefetching_is_canceled_when_the_caller_stops() -> None:
    hangs = asyncio.Event()

    def responder(request: Received) -> Responder:
        async def later(request: Received, writer: asyncio.StreamWriter) -> bool:
            if "page=1&" not in request.target:
                await hangs.wait()
            return await lister(ITEMS)(request)(request, writer)

        return later

    async with RawServer((by(responder),)) as server, connect(server.url) as client:
        pages = client.pages(list_things(paging=PageLimit(2)), prefetch=True)
        assert (await anext(pages)).id == "i0"
        await asyncio.wait_for(pages.aclose(), 10)
        hangs.set()


async def test_an_error_of_a_prefetched_page_is_raised_in_its_turn() -> None:
    def responder(request: Received) -> Responder:
        return reply(404) if "page=3&" in request.target else lister(ITEMS)(request)

    found = []
    async with RawServer((by(responder),)) as server, connect(server.url) as client:
        with pytest.raises(NotFoundError):
            async for item in client.pages(list_things(paging=PageLimit(2)), prefetch=True):
                found.append(item.id)  # noqa: PERF401 - what came before the failure counts
    assert found == ITEMS[:4]


# Lists that change while they are walked


class Changing:
    """A newest-first (or oldest-first) list that is changed after the n-th request."""

    def __init__(self, items: list[str], changes: dict[int, Callable[[list[str]], None]]) -> None:
        self.items, self.changes, self.request_count = list(items), changes, 0

    def __call__(self, request: Received) -> Responder:
        responder = lister(list(self.items))(request)
        self.request_count += 1
        self.changes.get(self.request_count, lambda items: None)(self.items)
        return responder


@pytest.mark.parametrize("read", [walk, walk_ahead])
async def test_a_deletion_on_a_page_already_read_loses_nothing(read: Callable[..., Any]) -> None:
    source = Changing(ITEMS, {1: lambda items: items.remove("i0")})
    async with RawServer((by(source),)) as server:
        found = await read(server, PageLimit(3))
    assert sorted(found) == ITEMS  # i3 moved to the first page after that was read: the second walk finds it


async def test_items_inserted_before_cause_no_duplicates_and_no_second_pass() -> None:
    source = Changing(ITEMS, {1: lambda items: items.insert(0, "new1"), 2: lambda items: items.insert(0, "new2")})
    async with RawServer((by(source),)) as server:
        assert await walk(server, PageLimit(3)) == ITEMS
    assert len(server.requests) == 3


async def test_a_whole_page_inserted_before_is_no_repetition() -> None:
    source = Changing(ITEMS, {1: lambda items: items.__setitem__(slice(0, 0), ["n1", "n2", "n3"])})
    async with RawServer((by(source),)) as server:
        assert await walk(server, PageLimit(3)) == ITEMS


async def test_items_added_at_the_end_are_read() -> None:
    source = Changing(ITEMS, {1: lambda items: items.append("new")})
    async with RawServer((by(source),)) as server:
        assert await walk(server, PageLimit(3)) == [*ITEMS, "new"]


async def test_a_list_that_keeps_shrinking_is_an_error_rather_than_incomplete() -> None:
    many = [f"i{n}" for n in range(60)]
    source = Changing(many, dict.fromkeys(range(1, 100), lambda items: items.pop(0) and None))
    async with RawServer((by(source),)) as server:
        with pytest.raises(PagingError, match="the list changed in each of 3 passes, and became shorter in the last"):
            await walk(server, PageLimit(10))


async def test_a_list_that_keeps_growing_is_read_to_an_end() -> None:
    source = Changing(ITEMS, {n: lambda items: items.append(f"new{len(items)}") for n in (1, 4, 8)})
    async with RawServer((by(source),)) as server:
        found = await walk(server, PageLimit(3))
    assert found[:7] == ITEMS
    assert len(found) == len(set(found))


@given(st.data())
def test_items_that_stay_are_found_once_whatever_else_changes(data: st.DataObject) -> None:
    items = [f"i{n}" for n in range(data.draw(st.integers(0, 20)))]
    size = data.draw(st.integers(1, 6))
    stay, found, fresh = set(items), [], 0
    for _ in range(3):
        walk, query = Walk("list", PageLimit(size)), PageLimit(size).first()
        while query is not None:
            start = (query["page"] - 1) * size
            keys = tuple(items[start : start + size])
            found += [key for key in keys if key not in found]
            query = walk.next_query(query, keys, {"total": len(items)})
            change = data.draw(st.sampled_from(["nothing", "come", "go"]))
            if change == "come":
                items.insert(0, f"new{fresh}")
                fresh += 1
            elif change == "go" and items:
                stay.discard(items.pop(data.draw(st.integers(0, len(items) - 1))))
        if not walk.shifted:
            assert stay <= set(found)
            return


@pytest.mark.parametrize("name", ["total", "limit"])
@pytest.mark.parametrize("said", ["many", "7 items", True, 7.5, "9" * 5000, {"value": 7}], ids=type)
async def test_a_count_that_cannot_be_read_is_an_error(name: str, said: Any) -> None:
    """Without it the list might be cut off."""
    async with RawServer((page_of(ITEMS[:2], **{name: said}),)) as server:
        with pytest.raises(MalformedResponseError, match=f"list_things: {name} of the list is .* instead of a number"):
            await walk(server, PageLimit(100))


@pytest.mark.parametrize("said", [None, "", -1])
async def test_a_count_may_be_unknown(said: Any) -> None:
    async with RawServer((page_of(ITEMS[:2], total=said, limit=said),)) as server:
        assert await walk(server, PageLimit(100)) == ITEMS[:2]


def test_a_list_without_documented_pages_is_continued_only_if_items_are_missing() -> None:
    unpaged = PageLimit(limit=None)
    assert unpaged.first() == {}
    assert unpaged.after(Page(query={}, items=5, seen=5, meta={}, route="r")) is None
    assert unpaged.after(Page(query={}, items=5, seen=5, meta={"total": 5}, route="r")) is None
    assert unpaged.after(Page(query={}, items=5, seen=5, meta={"total": 9}, route="r")) == {"page": 2}


def test_pages_are_prefetched_up_to_the_expected_total() -> None:
    known, unknown = (Walk("list_sessions", NumberedPages(size=20), expected_total=expected) for expected in (70, 0))
    page = tuple(f"s{number}" for number in range(20))
    for walk in (known, unknown):
        assert walk.next_query({}, page, {}) == {"page": 2}
    assert known.next_queries(8) == [{"page": 2}, {"page": 3}, {"page": 4}]
    assert unknown.next_queries(8) == [{"page": 2}]


def test_more_pages_of_a_long_list_are_prefetched() -> None:
    walk = Walk("list_sessions", NumberedPages(size=20))
    query: Mapping[str, Any] | None = {}
    for number in range(40):
        assert query is not None
        query = walk.next_query(query, tuple(f"s{number}-{place}" for place in range(20)), {})
        assert len(walk.next_queries(100)) == 1 + (number + 1) // 8
    assert walk.next_queries(3) == [{"page": 41}, {"page": 42}, {"page": 43}]
    assert walk.next_query({"page": 41}, ("the last",), {}) is None
    assert walk.next_queries(8) == []


async def test_prefetched_pages_after_the_end_are_no_error() -> None:
    items = [f"i{number}" for number in range(30)]

    def responder(request: Received) -> Responder:
        beyond = int(request.query.get("page", 1)) > 11
        return reply(404) if beyond else lister(items, total=False, size=3)(request)

    async with RawServer((by(responder),)) as server:
        assert await walk_ahead(server, NumberedPages(3)) == items
