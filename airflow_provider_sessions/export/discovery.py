"""Finds the sessions of an export without reading the account's whole list of sessions.

The order of a list is inferred, so it is not trusted. The first run reads the whole list, as every run does with
``discovery="full"``, and notes in the :mod:`~airflow_provider_sessions.export.catalogue` what it has seen, and whether
the list was newest first. If it was, later runs read

1. from the front until a page holds nothing new, and nothing that was created less than a day before the last run. If
   that took several pages, they are read again until that brings nothing new, because a deletion moves sessions to
   pages that were read already. A deletion cannot hide a known session: what is not found on its page is requested by
   itself;
2. the sessions that may have changed, as they have not ended, and those of the window. Whole pages are read where at
   least two of them are expected, the others are requested by their ids;
3. some of the other pages, each time the next ones, once a day. What an order that lies has hidden is found here, at
   the latest when all pages have had their turn: see :func:`count_sweep_nights`.

A session that was hidden and ended in a window that an earlier run exported is exported by the run that finds it.
If a page shows that the list is not newest first, the whole list is read at once, and by all runs until it was found in
order seven times in a row.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, count, islice
from typing import Final, Literal, TypeVar, get_args

from airflow_provider_sessions.errors import (
    InputError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    ResponseError,
    UnknownStateError,
)
from airflow_provider_sessions.export.catalogue import (
    OPEN_AFTER_PLANNED_END,
    WALKS_AFTER_DISORDER,
    Catalogue,
    CatalogueEntry,
    CatalogueUpdate,
    can_be_stored,
    make_entry,
    to_microseconds,
)
from airflow_provider_sessions.messages import format_count, unknown_choice_error
from airflow_provider_sessions.model import Session, SessionQuery, Window
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.platforms.list_items import ListedSession, ListItem, NumberedList, may_match
from airflow_provider_sessions.safe_text import get_logger

T = TypeVar("T")

log = get_logger(__name__)

DiscoveryName = Literal["incremental", "full"]
"""How an export finds its sessions: by its catalogue, or by reading the whole list, for type hints of arguments."""

SWEEP_PAGES: Final = 70
"""Pages beyond the newest that a run reads again by default."""
MIN_SWEEP_PAGES: Final = 2
"""Each run begins with the page on which the last one ended."""
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_SWEEP_EVERY: Final = timedelta(hours=20)
"""A day, less 4 hours, so that a nightly run that starts somewhat earlier than the last one is not too early."""
_CLOCK_SKEW: Final = timedelta(hours=1)
"""How much newer than the session before it a session may be: servers' clocks differ."""
_MAX_PASSES: Final = 3
"""How often the newest pages are read at most, if each pass brings something new."""
_CONCURRENT_REQUESTS: Final = 8
_MAX_NAMED: Final = 10
_MAX_LOST: Final = 8
"""Sessions missing from their pages that a run requests by themselves, to learn whether they were deleted."""


def count_sweep_nights(pages: int, sweep_pages: int = SWEEP_PAGES) -> int:
    """Return after how many nights each page has been read again.

    :param pages: number of pages beyond the newest.
    :param sweep_pages: how many of them a run reads. The first is the one with which the last run ended.
    """
    return max(1, math.ceil((pages - 1) / (sweep_pages - 1)))


def check_discovery(name: str) -> bool:
    """Return whether a way to find sessions uses a catalogue.

    :raises InputError: the name is unknown.
    """
    if name not in get_args(DiscoveryName):
        raise unknown_choice_error("discovery", [name], get_args(DiscoveryName))
    return name == "incremental"


def check_sweep_pages(sweep_pages: int) -> int:
    """Return how many pages beyond the newest a run reads again.

    :raises InputError: it is too low.
    """
    if sweep_pages < MIN_SWEEP_PAGES:
        raise InputError(f"sweep_pages: {sweep_pages!r} must be {MIN_SWEEP_PAGES} or more")
    return sweep_pages


class _UnexpectedListError(Exception):
    """The list is not what was expected of its pages; read it as a whole."""


@dataclass(frozen=True, slots=True)
class _PageSummary:
    """What a page shows of its sessions' creation.

    :param newest: the latest time; None if there is none.
    :param oldest: the earliest.
    :param is_dated: whether all of them show it.
    :param is_in_order: whether they are newest first.
    :param has_news: whether one of them is not in the catalogue.
    """

    newest: int | None
    oldest: int | None
    is_dated: bool
    is_in_order: bool
    has_news: bool


class SessionDiscovery:
    """Lists the sessions of one run, by the catalogue of earlier ones.

    :param name: the catalogue's.
    :param base: the catalogue.
    :param sweep_pages: how many pages beyond the newest to read again.
    :ivar update: what :meth:`list_sessions` has seen; None before its end, or if there is nothing to note.
    """

    def __init__(self, name: str, base: Catalogue, sweep_pages: int = SWEEP_PAGES) -> None:
        self._name = name
        self._base = base
        self._sweep_pages = sweep_pages
        self.update: CatalogueUpdate | None = None
        self._ended_lately: Mapping[str, Session] = {}
        self._page_size = 1

    async def list_sessions(self, adapter: Adapter, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Yield the sessions that match a query, and those that an earlier run should have exported.

        :param query: a window, and no filter.
        """
        pages = adapter.numbered_list()
        if pages is None or query.window is None:
            async for listed in adapter.sessions_and_errors(query):
                yield listed
            return
        reading = _Reading(adapter, pages, self._base, query, query.window)
        is_complete = not self._base.is_in_order or not await reading.read_some(self._sweep_pages)
        if is_complete:
            async for listed in reading.read_all():
                yield listed
        async for listed in reading.complete_matches():
            yield listed
        self.update = reading.make_update(self._name, is_complete=is_complete)
        self._ended_lately = reading.ended_lately
        self._page_size = reading.page_size

    async def find_sessions(self, adapter: Adapter, session_ids: Set[str]) -> dict[str, Session]:
        """Return sessions by their ids, as far as :meth:`list_sessions` has read them, or a page holds several of them.

        :param adapter: the adapter, or another one of the same connection.
        """
        found = {key: self._ended_lately[key] for key in self._ended_lately.keys() & session_ids}
        pages, update = adapter.numbered_list(), self.update
        if pages is None or update is None:
            return found
        known = {**update.base.sessions, **update.seen}
        rest = session_ids - found.keys()
        counts = Counter(page for key, page in _estimate_pages(known, self._page_size) if key in rest)

        async def search(number: int) -> None:
            for item in (await pages.read_page(number))[0]:
                if item.key in rest and isinstance(item.result, Session) and not item.lacks_state:
                    found[item.key] = item.result

        # Nothing is noted: a session that is found here by chance would count as known, but it is not exported.
        numbers = sorted(number for number, of_page in counts.items() if of_page > 1)
        for batch in _batched(numbers, _CONCURRENT_REQUESTS):
            await _gather(map(search, batch))
        return found


class _Reading:
    """What one run reads of a list.

    :param window: the query's.
    """

    def __init__(
        self, adapter: Adapter, pages: NumberedList, base: Catalogue, query: SessionQuery, window: Window
    ) -> None:
        self._adapter = adapter
        self._list = pages
        self._base = base
        self._query = query
        self._start = to_microseconds(window.start)
        self._end = to_microseconds(window.end)
        self._window = window
        self._now = adapter.client.clock.now()
        self._oldest_open = to_microseconds(self._now - OPEN_AFTER_PLANNED_END)
        self.ended_lately: dict[str, Session] = {}
        self._seen: dict[str, CatalogueEntry] = {}
        self._gone: set[str] = set()
        self._matches: dict[str, ListItem] = {}
        self._late: dict[str, ListItem] = {}
        self._pages: dict[int, _PageSummary] = {}
        self._contents: dict[tuple[str, ...], int] = {}
        self.page_size = pages.page_size
        self._total: int | None = None
        self._last_page: int | None = None
        self._was_in_order = True
        """Whether all earlier passes were."""
        self._has_swept = False
        self._swept_to: int | None = None

    def make_update(self, name: str, *, is_complete: bool) -> CatalogueUpdate:
        """Return what was seen.

        :param is_complete: whether the whole list was read.
        """
        # A list that shows no time of creation proves nothing.
        proves_order = is_complete and (not self._seen or any(one.created is not None for one in self._seen.values()))
        walks_to_prove = max(0, self._base.walks_to_prove - proves_order)
        return CatalogueUpdate(
            name=name,
            base=self._base,
            started=self._now,
            seen=self._seen,
            window=self._window,
            walks_to_prove=walks_to_prove if self._is_in_order() else WALKS_AFTER_DISORDER,
            gone=frozenset(self._gone - self._seen.keys()),
            has_swept=is_complete or self._has_swept,
            swept_to=None if is_complete else self._swept_to,
        )

    async def complete_matches(self) -> AsyncIterator[ListedSession]:
        """Yield the sessions that match the query, and those that an earlier run should have exported."""
        for item in list(self._matches.values()):
            listed = await self._list.complete(item)
            if may_match(self._query, listed):
                yield listed
        if self._late:
            log.info(
                "%s ended in a window that was exported before, but could not be seen then; exporting now: %s",
                format_count(len(self._late), "session"),
                ", ".join(sorted(self._late)[:_MAX_NAMED]),
            )
        for item in self._late.values():
            yield item.listed

    # -- the whole list ------------------------------------------------------------------------------------------------

    async def read_all(self) -> AsyncIterator[ListedSession]:
        """Yield the sessions of the whole list that match the query, and note all of them."""

        def note(number: int, items: Sequence[ListItem]) -> None:
            if number == 1:
                self._begin_pass()
            self._note_page(number, items)

        async for listed in self._list.read_all(self._query, note):
            yield listed
        self._matches.clear()
        self._gone.update(self._base.sessions.keys() - self._seen.keys())

    # -- a part of it --------------------------------------------------------------------------------------------------

    async def read_some(self, sweep_pages: int) -> bool:
        """Read the newest pages, what may have changed, the sessions of the window, and some of the other pages.

        :returns: whether the list was what was expected of it; else it has to be read whole.
        """
        try:
            for step in (self._read_newest, self._read_wanted, lambda: self._sweep(sweep_pages)):
                await step()
                if not self._is_in_order():
                    raise _UnexpectedListError("is not newest first")
        except _UnexpectedListError as unexpected:
            log.warning("%s: the list of sessions %s; reading all of it", self._adapter.platform, unexpected)
            return False
        return True

    async def _read_newest(self) -> None:
        """Read from the front until a page is settled, again until that brings nothing new."""
        for number_of_pass in range(1, _MAX_PASSES + 1):
            before, totals = len(self._seen), set[int | None]()
            self._begin_pass()
            number = 0
            is_done = False
            while not is_done:
                number += 1
                is_done = await self._read_page(number) or self._is_settled(self._pages[number])
                totals.add(self._total)
            has_same_total = len(totals) == 1 and None not in totals
            if number == 1 or has_same_total or (number_of_pass > 1 and len(self._seen) == before):
                return

    def _is_settled(self, page: _PageSummary) -> bool:
        """Whether a page holds nothing new, and nothing created less than a day before the last run."""
        if page.has_news or not page.is_dated or page.newest is None or self._base.walked_at is None:
            return False
        return page.newest < self._base.walked_at - _DAY // _MICROSECOND

    async def _read_wanted(self) -> None:
        """Read what may have changed, and the window's sessions: by page or by id, whichever takes fewer requests."""
        wanted = {key for key, entry in self._base.sessions.items() if self._is_wanted(entry)} - self._seen.keys()
        by_page = Counter(
            page
            for key, page in _estimate_pages({**self._base.sessions, **self._seen}, self.page_size)
            if key in wanted
        )
        await self._read_pages([number for number, count in by_page.items() if count > 1])
        rest = set(range(1, self._estimate_last_page() + 1)) - self._pages.keys()
        if len(rest) < len(wanted - self._seen.keys()):
            await self._read_pages(rest)
        await self._get_each(wanted - self._seen.keys())

    def _is_wanted(self, entry: CatalogueEntry) -> bool:
        if entry.time is None:
            return True
        is_open = not entry.final and entry.time > self._oldest_open
        return is_open or self._start <= entry.time < self._end

    def _estimate_last_page(self) -> int:
        if self._last_page is not None:
            return self._last_page
        known = len(self._base.sessions.keys() | self._seen.keys()) if self._total is None else self._total
        return max(1, math.ceil(known / self.page_size))

    async def _sweep(self, sweep_pages: int) -> None:
        """Read the next pages beyond the newest, beginning with the last one of the previous run."""
        first = next(number for number in count(1) if number not in self._pages)
        last = self._estimate_last_page()
        lost = self._find_lost(1, first - 1)
        if self._last_page is not None and first > self._last_page:
            self._has_swept = True
        elif self._is_sweep_due():
            self._log_bound(last - first + 1, sweep_pages)
            start = await self._read_first_swept_page(first, last)
            number = start
            while (self._last_page is None or number < self._last_page) and number - start + 1 < sweep_pages:
                size = min(_CONCURRENT_REQUESTS, sweep_pages - (number - start + 1), max(1, last - number))
                await self._read_pages(range(number + 1, number + 1 + size))
                number += size
            self._has_swept = True
            is_at_end = self._last_page is not None and number >= self._last_page
            self._swept_to = None if is_at_end else self._pages[number].oldest
            lost += self._find_lost(start, number)
        await self._get_each(lost[:_MAX_LOST])

    def _is_sweep_due(self) -> bool:
        swept_at = self._base.swept_at
        return swept_at is None or to_microseconds(self._now - _SWEEP_EVERY) >= swept_at

    async def _read_first_swept_page(self, first: int, last: int) -> int:
        """Read the page on which the last run ended, and return its number."""
        swept_to = self._base.swept_to
        if swept_to is None:
            await self._read_page(first)
            return first
        known = {**self._base.sessions, **self._seen}
        newer = sum(entry.created is not None and entry.created > swept_to for entry in known.values())
        number = max(first, min(1 + newer // self.page_size, last))
        await self._read_page(number)
        step = 1
        # If many sessions were deleted, their successors have moved to earlier pages.
        while number > first and (self._pages[number].newest or 0) < swept_to:
            number = max(first, number - step)
            step *= 2
            await self._read_page(number)
        return number

    def _log_bound(self, pages: int, sweep_pages: int) -> None:
        nights = count_sweep_nights(pages, sweep_pages)
        log.info(
            "Reading the newest sessions; the other %s of the list within %s",
            format_count(pages, "page"),
            format_count(nights, "night"),
        )

    def _find_lost(self, first: int, last: int) -> list[str]:
        """Return known sessions that should be on pages that were read, but are not: most were deleted."""
        if first > last:
            return []
        newest, oldest = self._pages[first].newest, self._pages[last].oldest
        if newest is None or oldest is None:
            return []
        return [
            key
            for key, entry in self._base.sessions.items()
            if entry.created is not None
            and oldest < entry.created
            and (first == 1 or entry.created < newest)
            and key not in self._seen
            and key not in self._gone
        ]

    # -- pages and sessions --------------------------------------------------------------------------------------------

    def _begin_pass(self) -> None:
        self._was_in_order = self._is_in_order()
        self._pages.clear()
        self._contents.clear()

    def _is_in_order(self) -> bool:
        """Whether what was read of the list is newest first."""
        oldest: int | None = None
        for _, page in sorted(self._pages.items()):
            if not page.is_in_order or _is_newer(page.newest, oldest):
                return False
            oldest = page.oldest if oldest is None else min(oldest, page.oldest or oldest)
        return self._was_in_order

    async def _read_pages(self, numbers: Iterable[int]) -> None:
        """Read pages, as far as that was not done, some at the same time."""
        for batch in _batched(sorted(set(numbers) - self._pages.keys()), _CONCURRENT_REQUESTS):
            await _gather(map(self._read_page, batch))

    async def _read_page(self, number: int) -> bool:
        """Read a page and return whether it is the last.

        :raises _UnexpectedListError: it holds no sessions, or the same as another page.
        """
        items, self._total = await self._list.read_page(number)
        keys = tuple(item.key for item in items)
        if keys and (len(set(keys)) < len(keys) or self._contents.setdefault(keys, number) != number):
            raise _UnexpectedListError("repeats sessions")
        if items and not any(isinstance(item.result, Session | UnknownStateError) for item in items):
            raise _UnexpectedListError("has a page without sessions")
        if number == 1 and self._total is not None and self._total > len(items):
            self.page_size = max(1, len(items))
        self._note_page(number, items)
        is_last = not items or (
            len(items) < self.page_size if self._total is None else number * self.page_size >= self._total
        )
        if is_last:
            self._last_page = min(number, self._last_page or number)
        return is_last

    async def _get_each(self, session_ids: Iterable[str]) -> None:
        for batch in _batched(sorted(session_ids), _CONCURRENT_REQUESTS):
            await _gather(map(self._get, batch))

    async def _get(self, session_id: str) -> None:
        try:
            self._note(ListItem(session_id, await self._adapter.get(session_id)))
        except (NotFoundError, PermissionDeniedError):
            self._gone.add(session_id)
        except ResponseError as error:
            if isinstance(error, UnknownStateError) and error.session is not None:
                self._note(ListItem(session_id, error))
            else:
                self._adapter.warnings.log_skipped(f"session {session_id!r}", error)

    def _note_page(self, number: int, items: Sequence[ListItem]) -> None:
        entries = {item.key: self._note(item) for item in items if not _has_no_id(item)}
        created = [entry.created for entry in entries.values() if entry.created is not None]
        oldest_before = accumulate(created, min)
        self._pages[number] = _PageSummary(
            newest=max(created, default=None),
            oldest=min(created, default=None),
            is_dated=len(created) == len(items),
            is_in_order=not any(map(_is_newer, created[1:], oldest_before)),
            has_news=not entries.keys() <= self._base.sessions.keys(),
        )

    def _note(self, item: ListItem) -> CatalogueEntry:
        key, listed = item.key, item.listed
        entry = make_entry(listed)
        if can_be_stored(key):
            self._seen[key] = entry
        self._matches.pop(key, None)
        self._late.pop(key, None)
        if may_match(self._query, listed):
            self._matches[key] = item
        elif self._is_late(key, entry):
            self._late[key] = item
        if isinstance(listed, Session) and entry.final and entry.time is not None and entry.time > self._oldest_open:
            self.ended_lately[key] = listed
        return entry

    def _is_late(self, session_id: str, entry: CatalogueEntry) -> bool:
        """Whether a session ended in a window that was exported, and no run has seen that yet."""
        known = self._base.sessions.get(session_id)
        is_known = known is not None and known.final and known.time == entry.time
        return entry.final and not is_known and entry.time is not None and self._base.was_exported(entry.time)


def _estimate_pages(known: Mapping[str, CatalogueEntry], page_size: int) -> Iterator[tuple[str, int]]:
    """Yield known sessions, newest first, and the page on which each is expected."""
    dated = [(entry.created, key) for key, entry in known.items() if entry.created is not None]
    for place, (_, key) in enumerate(sorted(dated, reverse=True)):
        yield key, 1 + place // page_size


def _is_newer(created: int | None, oldest: int | None) -> bool:
    """Return whether a session was created later than an earlier one of its list, so that this is not newest first."""
    return created is not None and oldest is not None and created > oldest + _CLOCK_SKEW // _MICROSECOND


def _has_no_id(item: ListItem) -> bool:
    return isinstance(item.result, MalformedResponseError)


async def _gather(requests: Iterable[Awaitable[object]]) -> None:
    """Wait for requests that run at the same time, also if one of them fails."""
    for result in await asyncio.gather(*requests, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
