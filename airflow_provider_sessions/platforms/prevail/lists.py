"""Finding records in Prevail's two lists: there is no request for a single one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Set
from datetime import datetime, timedelta

from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.model import Session, Window
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import identity
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.mapping import Listed, Reader
from airflow_provider_sessions.platforms.prevail.models import RequestRecord, SessionRecord

LONGEST = timedelta(days=2)
"""No session is planned to last longer: how far around a window sessions have to be read."""
_BEFORE, _AHEAD = timedelta(days=7), timedelta(days=31)
"""Where a session is looked for first, of which nothing but its slug is known."""
_MINUTE = timedelta(minutes=1)


class Lists:
    """The list of requests and the list of sessions.

    :param client: sends the requests.
    :param reader: reads what they answer.
    """

    def __init__(self, client: Client, reader: Reader) -> None:
        self._client = client
        self._reader = reader
        self._planned: dict[str, tuple[datetime, datetime]] = {}
        self._last_requests: tuple[datetime, list[RequestRecord]] | None = None
        self._scheduled: dict[str, RequestRecord] = {}
        self._without_request: set[str] = set()
        self._noted_at = client.clock.now()

    def _expect(self, slug: str, session: Session) -> None:
        """Note when a session is planned: that is where it is looked for."""
        start = session.scheduled_start
        if start is not None:
            self._planned[slug] = (start, session.scheduled_end or shifted(start, LONGEST))

    def forget(self) -> None:
        """Read the list of requests anew next time: something has changed."""
        self._last_requests = None

    async def requests(self, *, max_age: float = 0.0) -> list[RequestRecord]:
        """The organization's requests.

        :param max_age: seconds for which the last list will do.
        """
        now = self._client.clock.now()
        if self._last_requests is not None and now - self._last_requests[0] < timedelta(seconds=max_age):
            return self._last_requests[1]
        records = [record async for record in self._client.pages(endpoints.list_session_requests())]
        self._last_requests = (now, records)
        self._note_requests(records)
        return records

    def note_made(self, record: RequestRecord) -> None:
        """Note a request that was made just now: its slug was free."""
        if record.remote_session_id:
            self._scheduled[record.remote_session_id] = record

    async def scheduled(self) -> Mapping[str, RequestRecord]:
        """The requests that were scheduled, by slug; a canceled one only where no other has its slug."""
        await self.requests()
        return self._scheduled

    async def scheduled_as(self, slugs: Set[str], *, max_age: float) -> Mapping[str, RequestRecord]:
        """The requests with these slugs, and perhaps others.

        The list of requests is read until they are found; also where one of them is new, whatever is known of others.

        :param max_age: seconds for which what is known will do.
        """
        is_old = self._client.clock.now() - self._noted_at >= timedelta(seconds=max_age)
        if is_old or not slugs <= self._scheduled.keys() | self._without_request:
            self._note_requests([])
            missing = set(slugs)
            async for record in self._client.pages(endpoints.list_session_requests()):
                self._note_request(record)
                if not record.is_canceled:  # else another one may have its slug
                    missing.discard(record.remote_session_id or "")
                if not missing:
                    break
            self._without_request = missing - self._scheduled.keys()
        return self._scheduled

    def _note_requests(self, records: Iterable[RequestRecord]) -> None:
        self._scheduled, self._without_request, self._noted_at = {}, set(), self._client.clock.now()
        for record in records:
            self._note_request(record)

    def _note_request(self, record: RequestRecord) -> None:
        slug = record.remote_session_id
        if slug and (slug not in self._scheduled or self._scheduled[slug].is_canceled):
            self._scheduled[slug] = record

    def walk(self, window: Window | None, *, ahead: bool = False) -> AsyncIterator[Listed]:
        """The list of sessions, page by page; see :func:`list_of`.

        :param ahead: whether to fetch pages ahead, see :meth:`Client.pages`.
        """
        return self._client.pages(
            list_of(window).map_items(self._reader.reading, key="key", identity=_identity), prefetch=ahead
        )

    async def sessions(self, slugs: Set[str]) -> dict[str, Listed]:
        """Sessions by slug: from the list of their days, and where one is not in it, from all there is.

        A canceled session counts only where no other has its slug.
        """
        found: dict[str, Listed] = {}
        for window in (self._days(slugs), None):
            async for listed in self.walk(window):
                slug = listed.slug
                if slug is not None and slug in slugs and (slug not in found or found[slug].is_canceled):
                    found[slug] = listed
                    if isinstance(listed.outcome, Session):
                        self._expect(slug, listed.outcome)
                    if len(found) == len(slugs) and not any(listed.is_canceled for listed in found.values()):
                        return found
        return found

    def _days(self, slugs: Iterable[str]) -> Window:
        """The least time that holds sessions as planned; where that is not known of one, the weeks around now too."""
        now = self._client.clock.now()
        spans = [self._planned.get(slug, (now - _BEFORE, now + _AHEAD + LONGEST)) for slug in slugs]
        start, end = min(start for start, _ in spans), max(end for _, end in spans)
        return Window(start=shifted(start, -_MINUTE), end=shifted(end, _MINUTE))  # one may be of no length


def _identity(listed: Listed) -> object:
    return None if listed.is_canceled else identity(listed)  # what was canceled may have left its slug to others


def list_of(window: Window | None) -> Paged[SessionRecord]:
    """The list of sessions that start after a window's start and end before its end, a minute wider at both ends."""
    if window is None:
        return endpoints.list_sessions()
    return endpoints.list_sessions(
        start_time=int(shifted(window.start, -_MINUTE).timestamp()),
        end_time=int(shifted(window.end, _MINUTE).timestamp()),
    )
