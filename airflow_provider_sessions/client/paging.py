"""Lists in pages: which page to request next, which items are new, and pages that are requested ahead.

A :class:`Paging` is a value that knows the query of the first page and of the page after one. :class:`Walk` detects
pages that repeat, end too early or never end, and a list that changes while it is read. :class:`ItemKeys` identifies
items, so that one that moves to a later page is returned once. :class:`PagePrefetcher` requests pages ahead.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from airflow_provider_sessions.errors import MalformedResponseError, PagingError
from airflow_provider_sessions.messages import quote_value

T = TypeVar("T")

MAX_PAGES = 20_000
_DIGITS = re.compile("[0-9]{1,18}")
_PAGES_PER_GUESS = 8
"""Full pages read for each page that is requested ahead though it may not exist."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was read.

    :param query: the query that requested it.
    :param items: how many items it holds.
    :param seen: how many items the pages up to this one hold together.
    :param meta: what stands beside the list in the response (``total``, ``page``, ``limit``, ``pagy``).
    :param route: the endpoint's name, for errors.
    """

    query: Mapping[str, Any]
    items: int
    seen: int
    meta: Mapping[str, Any]
    route: str


class Paging(Protocol):
    """A way to request pages."""

    @property
    def size(self) -> int | None:
        """The requested page size; None if the platform decides."""

    def first(self) -> Mapping[str, Any]:
        """Return the query of the first page."""

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """Return the query of the page after ``page``; None if that was the last."""

    def total(self, page: Page) -> int | None:
        """Return how many items there are in all; None if the platform does not say."""


@runtime_checkable
class NumberedPaging(Paging, Protocol):
    """A way to request pages by their numbers."""

    def at(self, number: int) -> Mapping[str, Any]:
        """Return the query of a page by its number, from 1."""


def get_count(fields: Mapping[str, Any], name: str, route: str) -> int | None:
    """Return a number that stands beside a list, as a number or a text of digits; None if it is unknown.

    It is unknown if it is missing, null, empty or negative: some APIs give -1 for a total that they do not count.

    :param fields: the fields beside the list.
    :param name: the field.
    :param route: the endpoint's name, for errors.
    :raises MalformedResponseError: it is something else: without it the list might be cut off.
    """
    value = fields.get(name)
    count = _parse_count(value)
    is_negative = isinstance(value, int | float) and value < 0
    if count is None and value not in (None, "") and not is_negative:
        raise MalformedResponseError(f"{route}: {name} of the list is {quote_value(value)} instead of a number")
    return count


def _parse_count(value: object) -> int | None:
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _has_next(page: Page, total: int | None, requested: int | None) -> bool:
    """Whether another page follows: by the total, or else by whether this page is full."""
    if total is not None:
        return page.seen < total
    limit = get_count(page.meta, "limit", page.route) or requested
    return limit is not None and page.items >= min(limit, requested or limit)


@dataclass(frozen=True, slots=True)
class PageLimit:
    """``page`` and ``limit`` in the query, ``total`` in the response.

    A platform may return fewer items per page than requested. If its response has neither ``total`` nor the ``limit``
    that it applies, the first page that is not full is the last one.

    :param limit: the requested page size; None leaves it to the platform, for lists without documented pages.
    :param first_page: the number of the first page.
    """

    limit: int | None = 100
    first_page: int = 1

    @property
    def size(self) -> int | None:
        """The requested page size."""
        return self.limit

    def first(self) -> Mapping[str, Any]:
        """Return the query of the first page."""
        return {} if self.limit is None else {"page": self.first_page, "limit": self.limit}

    def at(self, number: int) -> Mapping[str, Any]:
        """Return the query of a page by its number, from 1."""
        limit = {} if self.limit is None else {"limit": self.limit}
        return self.first() if number == 1 else {"page": self.first_page + number - 1, **limit}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """Return the query of the next page, if there are more items."""
        if not _has_next(page, self.total(page), self.limit):
            return None
        limit = {} if self.limit is None else {"limit": self.limit}
        return {"page": int(page.query.get("page", self.first_page)) + 1, **limit}

    def total(self, page: Page) -> int | None:
        """Return ``total`` of the response."""
        return get_count(page.meta, "total", page.route)


@dataclass(frozen=True, slots=True)
class LimitOffset:
    """``limit`` and ``offset`` in the query, ``total`` in the response."""

    limit: int = 100

    @property
    def size(self) -> int | None:
        """The requested page size."""
        return self.limit

    def first(self) -> Mapping[str, Any]:
        """Return the query of the first page."""
        return {"limit": self.limit, "offset": 0}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """Return the query of the next page, if there are more items."""
        has_next = _has_next(page, self.total(page), self.limit)
        return {"limit": self.limit, "offset": page.seen} if has_next else None

    def total(self, page: Page) -> int | None:
        """Return ``total`` of the response."""
        return get_count(page.meta, "total", page.route)


@dataclass(frozen=True, slots=True)
class NumberedPages:
    """``page`` in the query and nothing in the response: a page that is not full is the last one.

    :param size: items in a full page.
    :param first_page: the number of the first page.
    :param name_first: whether the first request has the parameter ``page``.
    """

    size: int
    first_page: int = 1
    name_first: bool = False

    def first(self) -> Mapping[str, Any]:
        """Return the query of the first page."""
        return {"page": self.first_page} if self.name_first else {}

    def at(self, number: int) -> Mapping[str, Any]:
        """Return the query of a page by its number, from 1."""
        return self.first() if number == 1 else {"page": self.first_page + number - 1}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """Return the query of the next page, if this one is full."""
        if page.items < self.size:
            return None
        return {"page": int(page.query.get("page", self.first_page)) + 1}

    def total(self, page: Page) -> int | None:
        """Return None: the platform does not say."""
        return None


@dataclass(slots=True)
class Walk:
    """One pass through the pages of a list.

    A list may change between two pages. If it grew by as many items as the next page repeats, these were inserted
    before the pages read so far: all later items moved on, and none is missed. In every other case in which the total
    changed, an item may have moved from a page not yet read to one already read, and :attr:`shifted` is set. Without a
    total, a change cannot be detected, and an item that moved that way is found by the next pass only.

    :param route: the endpoint's name, for errors.
    :param paging: how pages are requested.
    :param expected_total: how many items the caller expects; used if the platform does not say.
    :ivar shifted: whether items may be missing.
    :ivar shrank: whether the list became shorter.
    """

    route: str
    paging: Paging
    expected_total: int = 0
    shifted: bool = False
    shrank: bool = False
    _has_changed: bool = False
    _page: Page | None = None
    _page_count: int = 0
    _seen: int = 0
    _total: int | None = None
    _keys: set[str] = field(default_factory=set)
    _contents: set[int] = field(default_factory=set)

    def next_query(
        self, query: Mapping[str, Any], keys: tuple[str, ...], meta: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Record a page and return the query of the next; None after the last.

        :param query: the query that requested the page.
        :param keys: the keys of its items, in order.
        :param meta: what stands beside the list in the response.
        :raises PagingError: the page repeats an earlier one, is empty though more items were announced, or there is no
            end.
        """
        self._page_count += 1
        self._seen += len(keys)
        self._page = page = Page(query=query, items=len(keys), seen=self._seen, meta=meta, route=self.route)
        self._detect_change(self.paging.total(page), keys)
        self._check_repetition(query, keys)
        following = self.paging.after(page)
        if following is None:
            return None
        if not keys:
            counts = _describe_counts(meta)
            raise PagingError(
                f"{self.route}: page {self._page_count} is empty, but more items were announced ({counts})"
            )
        if self._page_count >= MAX_PAGES:
            raise PagingError(f"{self.route}: no end after {MAX_PAGES} pages")
        return following

    def next_queries(self, limit: int) -> list[Mapping[str, Any]]:
        """Return the queries of the pages that follow the last one, as far as these are known to exist.

        If nobody knows how long the list is: the next page, and one more for every eight that were read. So after many
        full pages most of the waiting is saved, for a few requests in vain at the end.

        :param limit: the maximum number of queries.
        """
        page, queries = self._page, list[Mapping[str, Any]]()
        total: float = (self.paging.total(page) if page is not None else None) or self.expected_total
        if not total:
            total, limit = math.inf, min(limit, 1 + self._page_count // _PAGES_PER_GUESS)
        while page is not None and page.items and page.seen < total and len(queries) < limit:
            query = self.paging.after(page)
            if query is None:
                break
            queries.append(query)
            page = replace(page, query=query, seen=page.seen + page.items)
        return queries

    def _detect_change(self, total: int | None, keys: tuple[str, ...]) -> None:
        repeated = sum(key in self._keys for key in keys)
        if total is not None and self._total is not None:
            self._has_changed = self._has_changed or total != self._total
            self.shifted = self.shifted or total - self._total != repeated
            self.shrank = self.shrank or total < self._total
        self._total = total if total is not None else self._total
        self._keys.update(keys)

    def _check_repetition(self, query: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        content = hash(keys)
        if keys and content in self._contents and not self._has_changed:
            raise PagingError(
                f"{self.route}: page {self._page_count} repeats an earlier page; the platform ignores {dict(query)}"
            )
        self._contents.add(content)


def _describe_counts(meta: Mapping[str, Any]) -> str:
    """Return the numbers beside a list, without anything else."""
    counts = {name: _parse_count(value) for name, value in meta.items()}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count is not None) or "no total"


class ItemKeys:
    """The keys of the items that one pass through a list has read.

    :param route: the endpoint's name, for errors.
    :param field: the field that identifies an item.
    :param get_identity: returns what an item keeps while the list is read: two items with the same key and different
        identities are an error. None if that is not known of the items.
    """

    def __init__(self, route: str, field: str, get_identity: Callable[[Any], object] | None) -> None:
        self._route = route
        self._field = field
        self._get_identity = get_identity
        self._identities: dict[str, int] = {}

    def get_keys(self, items: Sequence[Any]) -> tuple[str, ...]:
        """Return a key for each item of a page, which no other item of the list has.

        It is the item's id. Without an id, it is the whole item, and its number among equal items of the page, so that
        these are as many as the platform says.

        :raises MalformedResponseError: two different items have the same id.
        """
        on_page: dict[str, list[Any]] = {}
        return tuple(self._get_key(item, on_page) for item in items)

    def _get_key(self, item: Any, on_page: dict[str, list[Any]]) -> str:
        item_id = item.get(self._field) if isinstance(item, Mapping) else getattr(item, self._field, None)
        key = repr(item) if item_id is None else str(item_id)
        others = on_page.setdefault(key, [])
        if self._get_identity is not None:
            self._check_identity(key, item, self._get_identity(item), others)
        elif item_id is None or (others and item not in others):
            others.append(item)
            return key if len(others) == 1 else f"{key} {len(others)}"
        others.append(item)
        return key

    def _check_identity(self, key: str, item: Any, identity: object, others: Sequence[Any]) -> None:
        if identity is None:
            return
        known = self._identities.setdefault(key, hash(identity))
        if known != hash(identity) or any(repr(other) != repr(item) for other in others):
            raise MalformedResponseError(
                f"{self._route}: the list holds two different items with the id {key!r}; one would be lost"
            )


class PagePrefetcher(Generic[T]):
    """Fetches pages, some of them before they are read. Leaving the context cancels requests whose pages were not read.

    :param fetch: fetches the page of a query.
    """

    def __init__(self, fetch: Callable[[Mapping[str, Any]], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._pending: dict[str, asyncio.Future[T]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for page in self._pending.values():
            page.cancel()
        await asyncio.gather(*self._pending.values(), return_exceptions=True)

    def prefetch(self, queries: Iterable[Mapping[str, Any]]) -> None:
        """Start to fetch the pages of queries, as far as that has not been done."""
        for query in queries:
            if (key := repr(query)) not in self._pending:
                self._pending[key] = asyncio.ensure_future(self._fetch(query))

    async def read(self, query: Mapping[str, Any]) -> T:
        """Return the page of a query."""
        pending = self._pending.get(repr(query))
        if pending is None:
            return await self._fetch(query)
        page = await pending
        del self._pending[repr(query)]
        return page
