"""Finds records in Prevail's two lists, as no endpoint returns a single record."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Set
from contextlib import aclosing
from datetime import datetime, timedelta

from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.model import Session, Window
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import ReadWarnings, item_identity, skip_items_without_id
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.mapping import SessionListItem, SessionMapper
from airflow_provider_sessions.platforms.prevail.models import RequestRecord, SessionRecord
from airflow_provider_sessions.rate_limit.limit import TrafficClass

MAX_LENGTH = timedelta(days=2)
"""No session is planned to last longer: how far around a window sessions have to be listed."""
_BEFORE, _AHEAD = timedelta(days=7), timedelta(days=31)
"""Where a session is searched first if its times are unknown."""
_MINUTE = timedelta(minutes=1)


_PEOPLE_MIN_AGE, _PEOPLE_AGE_PER_READING = timedelta(minutes=1), 10
"""How long people are used again: at least this, and so many times as long as the list took to read."""


class SessionLists:
    """The list of requests and the list of sessions.

    Of the requests, it keeps those that were asked for: an organization may have had tens of thousands. Only polls keep
    all that they read, since each poll may ask for other sessions.

    :param client: sends the requests.
    :param mapper: maps the records.
    :param warnings: logs the sessions that are left out of a list.
    """

    def __init__(self, client: Client, mapper: SessionMapper, warnings: ReadWarnings) -> None:
        self._client = client
        self._mapper = mapper
        self._warnings = warnings
        self._keeps_all = client.traffic_class is TrafficClass.POLL
        self._planned: dict[str, tuple[datetime, datetime]] = {}
        self._scheduled: dict[str, RequestRecord] = {}
        self._without_request: set[str] = set()
        self._scheduled_at = client.clock.now()
        self._people_until = self._scheduled_at
        self._lock = asyncio.Lock()

    def invalidate(self) -> None:
        """Read the people of a request again next time: something has changed."""
        self._people_until = self._client.clock.now()

    def add_created(self, record: RequestRecord) -> None:
        """Add a request that was just created."""
        if record.remote_session_id:
            self._scheduled[record.remote_session_id] = record

    def iterate_requests(self, *, ahead: bool = False) -> AsyncGenerator[RequestRecord, None]:
        """Iterate over the organization's requests, page by page.

        :param ahead: see :meth:`Client.pages`.
        """
        return self._client.pages(endpoints.list_session_requests(), prefetch=ahead)

    async def read_window(self, window: Window | None) -> tuple[list[SessionListItem], Mapping[str, RequestRecord]]:
        """Read both lists at the same time.

        :returns: the sessions that :func:`list_window` lists; and by slug the requests of these and of all that are
            planned to start in the window. A canceled request is among them only if no other has its slug.
        """
        began = self._client.clock.now()
        listing = asyncio.ensure_future(self._list_sessions(window))
        slugs: Set[str | None] | None = None
        kept: list[RequestRecord] = []
        taken = _Slugs()
        try:
            async with aclosing(self.iterate_requests(ahead=True)) as requests:
                async for record in requests:
                    if slugs is None and listing.done():
                        slugs = {item.slug for item in listing.result()}
                    if slugs is None or record.remote_session_id in slugs or self._may_be_asked_for(record, window):
                        kept.append(record)
                    else:
                        taken.add(record)
            listed = await listing
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
        slugs, found = {item.slug for item in listed}, dict[str, RequestRecord]()
        for record in kept:
            if record.remote_session_id in slugs or self._may_be_asked_for(record, window):
                _add_by_slug(found, record)
            else:
                taken.add(record)
        replaced = taken.find(slug for slug, one in found.items() if one.is_canceled)
        self._set_scheduled({slug: one for slug, one in found.items() if slug not in replaced}, began)
        self._without_request = {slug for slug in slugs if slug} - found.keys()
        return listed, self._scheduled

    async def _list_sessions(self, window: Window | None) -> list[SessionListItem]:
        items = skip_items_without_id(self.iterate_sessions(window, ahead=True), self._warnings)
        return [item async for item, _ in items]

    def _may_be_asked_for(self, record: RequestRecord, window: Window | None) -> bool:
        return self._keeps_all or may_start_in(window, record)

    async def find_scheduled(self, slugs: Set[str], *, max_age: float) -> Mapping[str, RequestRecord]:
        """Return the requests with these slugs, and perhaps others.

        The list of requests is read until they are found; also if one of the slugs is new.

        :param max_age: seconds for which the last response may be used.
        """
        is_old = self._client.clock.now() - self._scheduled_at >= timedelta(seconds=max_age)
        if is_old or not slugs <= self._scheduled.keys() | self._without_request:
            await self._find(slugs)
        return self._scheduled

    async def find_request(self, slug: str) -> RequestRecord | None:
        """Return the request of a session, with its people; None if it has none.

        What was read is used again for a minute, or for ten times as long as it took to read. Then the requests of all
        sessions that were asked for are read again together.
        """
        async with self._lock:  # a session that waits for another's reading need not read again
            known = self._scheduled.keys() | self._without_request
            if self._client.clock.now() >= self._people_until or slug not in known:
                await self._find({slug} if self._keeps_all else {slug, *known})
        return self._scheduled.get(slug)

    async def _find(self, slugs: Set[str]) -> None:
        """Read the list of requests until these slugs are found."""
        began = self._client.clock.now()
        missing, found = set(slugs), dict[str, RequestRecord]()
        async with aclosing(self.iterate_requests()) as requests:
            async for record in requests:
                if self._keeps_all or record.remote_session_id in slugs:
                    _add_by_slug(found, record)
                if not record.is_canceled:  # else another one may have its slug
                    missing.discard(record.remote_session_id or "")
                if not missing:
                    break
        self._set_scheduled(found, began)
        self._without_request = missing - found.keys()

    def _set_scheduled(self, scheduled: dict[str, RequestRecord], began: datetime) -> None:
        """Replace all requests.

        :param began: when they were requested.
        """
        self._scheduled, self._scheduled_at = scheduled, began
        now = self._client.clock.now()
        self._people_until = now + max(_PEOPLE_MIN_AGE, _PEOPLE_AGE_PER_READING * (now - began))

    def iterate_sessions(self, window: Window | None, *, ahead: bool = False) -> AsyncIterator[SessionListItem]:
        """Iterate over the list of sessions, page by page; see :func:`list_window`.

        :param ahead: see :meth:`Client.pages`.
        """
        listed = list_window(window).map_items(self._mapper.make_item, key="key", identity=_item_identity)
        return self._client.pages(listed, prefetch=ahead)

    async def find_sessions(self, slugs: Set[str]) -> dict[str, SessionListItem]:
        """Return sessions by slug: from the list of their days, or if one is not in it, from the whole list.

        A canceled session counts only if no other has its slug.
        """
        found: dict[str, SessionListItem] = {}
        for window in (self._get_window(slugs), None):
            async for item in self.iterate_sessions(window):
                slug = item.slug
                if slug is not None and slug in slugs and (slug not in found or found[slug].is_canceled):
                    found[slug] = item
                    if isinstance(item.result, Session):
                        self._remember_times(slug, item.result)
                    if len(found) == len(slugs) and not any(item.is_canceled for item in found.values()):
                        return found
        return found

    def _remember_times(self, slug: str, session: Session) -> None:
        start = session.scheduled_start
        if start is not None:
            self._planned[slug] = (start, session.scheduled_end or shifted(start, MAX_LENGTH))

    def _get_window(self, slugs: Iterable[str]) -> Window:
        """Return the window of all sessions as planned; if one's times are unknown, also the weeks around now."""
        now = self._client.clock.now()
        times = [self._planned.get(slug, (now - _BEFORE, now + _AHEAD + MAX_LENGTH)) for slug in slugs]
        start, end = min(start for start, _ in times), max(end for _, end in times)
        return Window(start=shifted(start, -_MINUTE), end=shifted(end, _MINUTE))  # a session may have no length


class _Slugs:
    """The slugs of requests that are not canceled, by their hashes: 8 bytes each, as there may be tens of thousands."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, record: RequestRecord) -> None:
        """Add the slug of a request, unless it is canceled or has none."""
        if record.remote_session_id and not record.is_canceled:
            self._hashes.append(hash(record.remote_session_id))

    def find(self, slugs: Iterable[str]) -> set[str]:
        """Return those of some slugs that were added."""
        by_hash = {hash(slug): slug for slug in slugs}
        return {by_hash[found] for found in by_hash.keys() & self._hashes}


def _item_identity(item: SessionListItem) -> object:
    return None if item.is_canceled else item_identity(item)  # another session may have taken its slug


def list_window(window: Window | None) -> Paged[SessionRecord]:
    """List the sessions that start after a window's start and end before its end, a minute wider at both ends."""
    if window is None:
        return endpoints.list_sessions()
    return endpoints.list_sessions(
        start_time=int(shifted(window.start, -_MINUTE).timestamp()),
        end_time=int(shifted(window.end, _MINUTE).timestamp()),
    )


def may_start_in(window: Window | None, request: RequestRecord) -> bool:
    """Whether a request is planned to start in a window, as far as its times can be read."""
    if window is None:
        return True
    times = request.times
    return times.start in window if times.start is not None else bool(times.unread)


def _add_by_slug(found: dict[str, RequestRecord], record: RequestRecord) -> None:
    slug = record.remote_session_id
    if slug and (slug not in found or found[slug].is_canceled):
        found[slug] = record
