"""How lists that come in pages are walked.

A :class:`Paging` is a value that knows the query of the first page and of the page after one; it can be tested by
itself. :class:`Walk` guards against pages that repeat, end too early or never end, and lets an item that moved from one
page to the next come once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_sessions.errors import PagingError

MAX_PAGES = 20_000


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

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The query of the page after ``page``; None if that was the last."""

    def total(self, page: Page) -> int | None:
        """How many items there are in all, where the platform says so."""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


@dataclass(frozen=True, slots=True)
class PageLimit:
    """``page`` and ``limit`` in the query, ``total`` in the answer.

    :param limit: the page size asked for; None leaves it to the platform (lists that are not documented to have pages).
    :param first_page: the number of the first page.
    """

    limit: int | None = 100
    first_page: int = 1

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""
        return {} if self.limit is None else {"page": self.first_page, "limit": self.limit}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, while fewer items came than there are; a platform may give fewer a page than asked for."""
        total = self.total(page)
        if total is None:
            full = self.limit is not None and page.items >= self.limit
            if not full:
                return None
        elif page.seen >= total:
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

    def first(self) -> Mapping[str, Any]:
        """The query of the first page."""
        return {"limit": self.limit, "offset": 0}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, while fewer items came than there are."""
        total = self.total(page)
        more = page.items >= self.limit if total is None else page.seen < total
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

    :param route: the endpoint's name, for error texts.
    :param paging: how pages are asked for.
    """

    route: str
    paging: Paging
    seen: int = 0
    pages: int = 0
    totals: set[int] = field(default_factory=set)
    _before: tuple[str, ...] = ()

    def next_query(
        self, query: Mapping[str, Any], keys: tuple[str, ...], meta: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Take note of a page and tell the query of the next; None after the last.

        :param query: the query that asked for the page.
        :param keys: what tells its items apart, in order.
        :param meta: what the answer says beside the list.
        :raises PagingError: the page repeats the one before, is empty though more are promised, or there is no end.
        """
        self.pages += 1
        self.seen += len(keys)
        page = Page(query=query, items=len(keys), seen=self.seen, meta=meta)
        if keys and keys == self._before:
            raise PagingError(
                f"{self.route}: page {self.pages} repeats the page before; the platform ignores {dict(query)}"
            )
        self._before = keys
        if (total := self.paging.total(page)) is not None:
            self.totals.add(total)
        following = self.paging.after(page)
        if following is None:
            return None
        if not keys:
            raise PagingError(f"{self.route}: page {self.pages} is empty although more are promised ({dict(meta)})")
        if self.pages >= MAX_PAGES:
            raise PagingError(f"{self.route}: no end after {MAX_PAGES} pages")
        return following

    @property
    def shifted(self) -> bool:
        """Whether the list grew or shrank while it was walked, so that an item may have slipped between two pages."""
        return len(self.totals) > 1
