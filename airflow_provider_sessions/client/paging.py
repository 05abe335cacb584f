"""How lists that come in pages are walked.

A :class:`Paging` is a value that knows the query of the first page and of the page after one; it can be tested by
itself. :class:`Walk` guards against pages that repeat, end too early or never end, and lets an item that moved from one
page to the next come once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from airflow_provider_sessions.errors import PagingError

MAX_PAGES = 20_000
_PAGES_A_GUESS = 8
"""Full pages read for each page that is asked for on the guess that there is one."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is known when a page has come.

    :param query: the query that asked for it.
    :param items: how many items it holds.
    :param seen: how many items all pages up to this one held.
    :param meta: what the answer says beside the list (``total``, ``page``, ``limit``, ``pagy``).
    """

    query: Mapping[str, Any]
    items: int
    seen: int
    meta: Mapping[str, Any]


class Paging(Protocol):
    """One way of asking for pages."""

    @property
    def size(self) -> int | None:
        """Items that a page is asked to hold; None where the platform decides."""

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The query of the page after ``page``; None if that was the last."""

    def total(self, page: Page) -> int | None:
        """How many items there are in all, where the platform says so."""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _more(page: Page, total: int | None, asked: int | None) -> bool:
    """Whether a page follows: by the total, else by whether this one was full."""
    if total is not None:
        return page.seen < total
    kept = _whole(page.meta.get("limit")) or asked
    return kept is not None and page.items >= min(kept, asked or kept)


@dataclass(frozen=True, slots=True)
class PageLimit:
    """``page`` and ``limit`` in the query, ``total`` in the answer.

    A platform may give fewer items a page than asked for. Where it says neither ``total`` nor the ``limit`` it keeps
    to, the first page that is not full is taken as the last.

    :param limit: the page size asked for; None leaves it to the platform (lists that are not documented to have pages).
    :param first_page: the number of the first page.
    """

    limit: int | None = 100
    first_page: int = 1

    @property
    def size(self) -> int | None:
        """The page size asked for."""
        return self.limit

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""
        return {} if self.limit is None else {"page": self.first_page, "limit": self.limit}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, while fewer items came than there are."""
        if not _more(page, self.total(page), self.limit):
            return None
        asked = {} if self.limit is None else {"limit": self.limit}
        return {"page": int(page.query.get("page", self.first_page)) + 1, **asked}

    def total(self, page: Page) -> int | None:
        """``total`` of the answer."""
        return _whole(page.meta.get("total"))


@dataclass(frozen=True, slots=True)
class LimitOffset:
    """``limit`` and ``offset`` in the query, ``total`` in the answer."""

    limit: int = 100

    @property
    def size(self) -> int | None:
        """The page size asked for."""
        return self.limit

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""
        return {"limit": self.limit, "offset": 0}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, while fewer items came than there are."""
        more = _more(page, self.total(page), self.limit)
        return {"limit": self.limit, "offset": page.seen} if more else None

    def total(self, page: Page) -> int | None:
        """``total`` of the answer."""
        return _whole(page.meta.get("total"))


@dataclass(frozen=True, slots=True)
class NumberedPages:
    """``page`` in the query and nothing in the answer: a page that is not full is the last.

    :param size: items in a full page.
    :param first_page: the number of the first page.
    :param name_first: whether the first request names its page.
    """

    size: int
    first_page: int = 1
    name_first: bool = False

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""
        return {"page": self.first_page} if self.name_first else {}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, if this one was full."""
        if page.items < self.size:
            return None
        return {"page": int(page.query.get("page", self.first_page)) + 1}

    def total(self, page: Page) -> int | None:
        """Such a platform does not say."""
        return None


@dataclass(slots=True)
class Walk:
    """One walk through the pages of one list.

    A list may change between two pages. Where it grew by just as many items as come once more on the next page, they
    were put in before: all moved on, and nothing is missed. In every other case where its total changed, an item may
    have moved from a page not yet read to one that was, and :attr:`shifted` says so. A list without a total cannot be
    watched like that: an item that slips through is found by the next walk only.

    :param route: the endpoint's name, for error texts.
    :param paging: how pages are asked for.
    :param expected: how many items there are, as far as the caller knows, where the platform does not say.
    """

    route: str
    paging: Paging
    expected: int = 0
    seen: int = 0
    pages: int = 0
    changed: bool = False
    shifted: bool = False
    shrank: bool = False
    _total: int | None = None
    _page: Page | None = None
    _keys: set[str] = field(default_factory=set)
    _contents: set[int] = field(default_factory=set)

    def next_query(
        self, query: Mapping[str, Any], keys: tuple[str, ...], meta: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Take note of a page and tell the query of the next; None after the last.

        :param query: the query that asked for the page.
        :param keys: what tells its items apart, in order.
        :param meta: what the answer says beside the list.
        :raises PagingError: the page repeats an earlier one, is empty though more are promised, or there is no end.
        """
        self.pages += 1
        self.seen += len(keys)
        self._page = page = Page(query=query, items=len(keys), seen=self.seen, meta=meta)
        self._watch(self.paging.total(page), keys)
        self._refuse_repetition(query, keys)
        following = self.paging.after(page)
        if following is None:
            return None
        if not keys:
            raise PagingError(f"{self.route}: page {self.pages} is empty although more are promised ({_said(meta)})")
        if self.pages >= MAX_PAGES:
            raise PagingError(f"{self.route}: no end after {MAX_PAGES} pages")
        return following

    def ahead(self, most: int) -> list[Mapping[str, Any]]:
        """The queries of the pages that follow the last one, as far as anybody knows that there are such.

        Where nobody knows how long the list is: the next page, and one more for every eight that were read. Whoever has
        read many full pages asks for a few in vain at the end, and is spared most of the waiting.

        :param most: how many queries at most.
        """
        page, queries = self._page, list[Mapping[str, Any]]()
        total: float = (self.paging.total(page) if page is not None else None) or self.expected
        if not total:
            total, most = math.inf, min(most, 1 + self.pages // _PAGES_A_GUESS)
        while page is not None and page.items and page.seen < total and len(queries) < most:
            query = self.paging.after(page)
            if query is None:
                break
            queries.append(query)
            page = replace(page, query=query, seen=page.seen + page.items)
        return queries

    def _watch(self, total: int | None, keys: tuple[str, ...]) -> None:
        """Notice that the list changed since the page before."""
        again = sum(key in self._keys for key in keys)
        if total is not None and self._total is not None:
            self.changed = self.changed or total != self._total
            self.shifted = self.shifted or total - self._total != again
            self.shrank = self.shrank or total < self._total
        self._total = total if total is not None else self._total
        self._keys.update(keys)

    def _refuse_repetition(self, query: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        content = hash(keys)
        if keys and content in self._contents and not self.changed:
            raise PagingError(
                f"{self.route}: page {self.pages} repeats an earlier page; the platform ignores {dict(query)}"
            )
        self._contents.add(content)


def _said(meta: Mapping[str, Any]) -> str:
    """The numbers beside a list; the list itself, or a stranger's text, is not for an error."""
    return ", ".join(f"{name} {value}" for name, value in meta.items() if _whole(value) is not None) or "no total"
