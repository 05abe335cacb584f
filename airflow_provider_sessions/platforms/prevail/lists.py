"""Finds records in Prevail's two lists, as no endpoint returns a single record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Set
from datetime import datetime, timedelta

from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.model import Session, Window
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import item_identity
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.mapping import SessionListItem, SessionMapper
from airflow_provider_sessions.platforms.prevail.models import RequestRecord, SessionRecord

MAX_LENGTH = timedelta(days=2)
"""No session is planned to last longer: how far around a window sessions have to be listed."""
_BEFORE, _AHEAD = timedelta(days=7), timedelta(days=31)
"""Where a session is searched first if its times are unknown."""
_MINUTE = timedelta(minutes=1)


class SessionLists:
    """The list of requests and the list of sessions.

    :param client: sends the requests.
    :param mapper: maps the records.
    """

    def __init__(self, client: Client, mapper: SessionMapper) -> None:
        self._client = client
        self._mapper = mapper
        self._planned: dict[str, tuple[datetime, datetime]] = {}
        self._last_requests: tuple[datetime, list[RequestRecord]] | None = None
        self._scheduled: dict[str, RequestRecord] = {}
        self._without_request: set[str] = set()
        self._scheduled_at = client.clock.now()

    def invalidate(self) -> None:
        """Request the list of requests again next time: something has changed."""
        self._last_requests = None

    async def list_requests(self, *, max_age: float = 0.0) -> list[RequestRecord]:
        """Return the organization's requests.

        :param max_age: seconds for which the last response may be used.
        """
        now = self._client.clock.now()
        if self._last_requests is not None and now - self._last_requests[0] < timedelta(seconds=max_age):
            return self._last_requests[1]
        records = [record async for record in self._client.pages(endpoints.list_session_requests())]
        self._last_requests = (now, records)
        self._set_scheduled(records)
        return records

    def add_created(self, record: RequestRecord) -> None:
        """Add a request that was just created."""
        if record.remote_session_id:
            self._scheduled[record.remote_session_id] = record

    async def list_scheduled(self) -> Mapping[str, RequestRecord]:
        """Return the requests that were scheduled, by slug; a canceled one only if no other has its slug."""
        await self.list_requests()
        return self._scheduled

    async def find_scheduled(self, slugs: Set[str], *, max_age: float) -> Mapping[str, RequestRecord]:
        """Return the requests with these slugs, and perhaps others.

        The list of requests is read until they are found; also if one of the slugs is new.

        :param max_age: seconds for which the last response may be used.
        """
        is_old = self._client.clock.now() - self._scheduled_at >= timedelta(seconds=max_age)
        if is_old or not slugs <= self._scheduled.keys() | self._without_request:
            self._set_scheduled([])
            missing = set(slugs)
            async for record in self._client.pages(endpoints.list_session_requests()):
                self._add_scheduled(record)
                if not record.is_canceled:  # else another one may have its slug
                    missing.discard(record.remote_session_id or "")
                if not missing:
                    break
            self._without_request = missing - self._scheduled.keys()
        return self._scheduled

    def _set_scheduled(self, records: Iterable[RequestRecord]) -> None:
        self._scheduled, self._without_request, self._scheduled_at = {}, set(), self._client.clock.now()
        for record in records:
            self._add_scheduled(record)

    def _add_scheduled(self, record: RequestRecord) -> None:
        slug = record.remote_session_id
        if slug and (slug not in self._scheduled or self._scheduled[slug].is_canceled):
            self._scheduled[slug] = record

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
