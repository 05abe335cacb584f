"""Maps Prevail's sessions to :mod:`airflow_provider_sessions.model`; see the adapter for when a session has ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, urlsplit
from weakref import ref

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import Session, SessionState
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import (
    ItemMapper,
    ListItem,
    ReadWarnings,
    SharedSessions,
    mark_unreadable,
    rename_fields,
)
from airflow_provider_sessions.platforms.prevail.models import (
    PlannedTimes,
    RemoteSession,
    RequestRecord,
    SessionRecord,
    is_finished,
    parse_state,
    parse_times,
)

T = TypeVar("T")

REQUEST_PREFIX = "request:"
"""Precedes a request's number in the id of a session that has no slug yet."""
OPEN_STATES = (SessionState.SCHEDULED, SessionState.LIVE)
_API_PATH = "/api/v1"
_MAX_MERGED = 10_000
"""Sessions whose merge with their request is kept, so that polls do it once."""
_Ref = Callable[[], T | None]
"""A weak reference."""
_DEFAULT_LENGTH = timedelta(hours=8)


def _nothing() -> None:
    return None


_NOTHING = (_nothing, _nothing, _nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionListItem(ListItem):
    """A record of the list of sessions, mapped independently of the time.

    :param slug: the session's ``remote_session_id``.
    :param is_canceled: whether another session may have taken its slug.
    """

    slug: str | None
    is_canceled: bool


class SessionMapper:
    """Maps the records of one connection.

    :param account: has the grace period after a planned end, and further state words.
    :param base_url: the API's.
    :param get_url: returns the URL of a session's page, if the connection knows it.
    :param clock: the clock.
    :param warnings: logs fields that cannot be read.
    :raises ConnectionConfigError: ``states`` or ``end_grace`` is invalid.
    """

    def __init__(
        self,
        account: Account,
        base_url: str,
        get_url: Callable[[str], str | None],
        clock: Clock,
        warnings: ReadWarnings,
    ) -> None:
        self._own_words = _parse_own_words(account)
        self._grace = timedelta(seconds=account.seconds("end_grace", 3600.0))
        self._base_url = base_url
        self._get_url = get_url
        self._clock = clock
        self._warnings = warnings
        self._items = ItemMapper(self._map_listed_record)
        self._shared = SharedSessions()
        self._merged: dict[str, tuple[_Ref[Session], _Ref[RequestRecord], _Ref[Session]]] = {}

    def map_request(self, record: RequestRecord) -> Session:
        """Return the session of a request, in the state that it has there."""
        slug = record.remote_session_id
        session_id = slug or f"{REQUEST_PREFIX}{record.id}"
        url = self._make_url(slug, record.session_url) if slug else record.session_url
        times = record.times
        return self._make_session(
            record.remote_session,
            session_id,
            record.session_state,
            times._replace(unread={**record.unread, **record.unread_plan, **times.unread}),
            url=url,
            join_url=record.join_url or url,
        )

    def map_unlisted(self, record: RequestRecord) -> Session:
        """Return the session of a scheduled request that the list of sessions does not show.

        :raises UnknownStateError: its state is an unknown word.
        """
        session = self.map_request(record)
        return as_ended(session) if session.state in OPEN_STATES and self._is_past(session) else session

    def map_record(self, record: SessionRecord, request: RequestRecord | None) -> Session:
        """Return the session of a record of the list of sessions, as it is now; see :meth:`map_listed`."""
        return self.map_listed(self.make_item(record), request)

    def make_item(self, record: SessionRecord) -> SessionListItem:
        """Map a record of the list of sessions, independently of the time."""
        return SessionListItem(
            record.place,
            self._items.map(record),
            slug=record.remote_session_id,
            is_canceled=record.is_canceled,
        )

    def _map_listed_record(self, record: SessionRecord) -> Session:
        slug = record.remote_session_id
        if not slug:
            raise MalformedResponseError("prevail returned a session that has no remote_session_id")
        url = self._make_url(slug, record.session_url)
        times = parse_times(record, record.unread)
        times = times._replace(unread={**record.unread, **times.unread})
        session = self._make_session(record, slug, record.state, times, url=url, join_url=url)
        return as_ended(session) if session.state in OPEN_STATES and is_finished(record.transcript_status) else session

    def map_listed(self, item: SessionListItem, request: RequestRecord | None = None) -> Session:
        """Return a session of the list of sessions, as it is now.

        :param request: its request, which alone has the case, and how to join. With it the session has the same fields
            as when the list does not show it any more.
        :raises SessionsError: the record cannot be mapped to a session.
        """
        try:
            session = self._merge_request(item.session, request)
        except UnknownStateError as unknown:
            raise unknown.with_session(self._merge_request(unknown.session, request)) from None
        return as_ended(session) if session.state is SessionState.SCHEDULED and self._is_past(session) else session

    def _merge_request(self, session: Session, request: RequestRecord | None) -> Session:
        if request is None:
            return session
        session_ref, request_ref, merged_ref = self._merged.get(session.session_id, _NOTHING)
        if session_ref() is session and request_ref() is request and (known := merged_ref()) is not None:
            return known
        merged = self._shared.share(self._merge(session, request))
        if len(self._merged) >= _MAX_MERGED:
            self._merged.clear()
        self._merged[session.session_id] = (ref(session), ref(request), ref(merged))
        return merged

    def _merge(self, session: Session, request: RequestRecord) -> Session:
        url = request.session_url or session.url
        case = session.case or request.remote_session.case
        lost = {name: why for name, why in request.unread_plan.items() if name == "case"} if case is None else {}
        self._warnings.log_fields(f"session {session.session_id!r}", lost)
        unreadable = session.unreadable | frozenset(lost) if case is None else session.unreadable - {"case"}
        fields = {"case": case, "url": url, "join_url": request.join_url or url, "unreadable": unreadable}
        return session.model_copy(update=fields)

    def is_of_another(self, request: RequestRecord, item: SessionListItem) -> bool:
        """Whether a request belongs to another session, which has taken the slug of a canceled one."""
        if not item.is_canceled or request.is_canceled:
            return False
        return isinstance(item.result, Session) and request.times.start != item.result.scheduled_start

    def _make_url(self, slug: str, given: str | None) -> str:
        """Return the URL of a session's page: the platform's, else the connection's, else one next to the API."""
        return given or self._get_url(slug) or f"{self._get_site()}/sessions/{quote(slug, safe='')}"

    def _get_site(self) -> str:
        parts = urlsplit(self._base_url)
        path = parts.path.rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{path.removesuffix(_API_PATH) if path.endswith(_API_PATH) else ''}"

    def _make_session(
        self,
        planned: RemoteSession,
        session_id: str,
        word: str | None,
        times: PlannedTimes,
        *,
        url: str | None,
        join_url: str | None,
    ) -> Session:
        """Return a session, without the fields that cannot be read.

        :raises UnknownStateError: its state is an unknown word.
        """
        try:
            state, unknown = parse_state(word, self._own_words, session_id), None
        except UnknownStateError as error:
            state, unknown = SessionState.SCHEDULED, error
        session = Session(
            platform="prevail",
            session_id=session_id,
            title=planned.title or session_id,
            state=state,
            scheduled_start=times.start,
            scheduled_end=times.end,
            time_zone=times.zone,
            case=planned.case,
            url=url,
            join_url=join_url,
        )
        if times.unread:
            without_state = {name: why for name, why in times.unread.items() if name not in ("state", "session_state")}
            self._warnings.log_fields(f"session {session_id!r}", without_state)
            session = mark_unreadable(session, rename_fields(times.unread, _FIELDS) | _get_lost_times(times))
        if unknown is not None:
            raise unknown.with_session(session)
        return session

    def _is_past(self, session: Session) -> bool:
        """Whether the planned end and the grace period have passed."""
        planned = _get_planned_end(session)
        return planned is not None and self._clock.now() >= shifted(planned, self._grace)


_FIELDS = {"title": "title", "case": "case", "time_zone": "time_zone", "estimated_duration": "scheduled_end"}
"""The platform's names of fields, and the model's."""


def _get_lost_times(times: PlannedTimes) -> frozenset[str]:
    """Return the model's planned times that cannot be read: the start depends on three fields, the end on one more."""
    is_lost = times.unread.keys() & {"start_date", "start_time", "time_zone"}
    return frozenset({"scheduled_start", "scheduled_end"}) if is_lost and times.start is None else frozenset()


def _parse_own_words(account: Account) -> dict[str, SessionState]:
    """Return the state words of the connection: ``{"states": {"completed": "ended"}}`` in its extra, or that as JSON.

    :raises ConnectionConfigError: it is no mapping of words to the model's states.
    """
    words = account.extra.get("states") or {}
    if isinstance(words, str):
        try:
            words = json.loads(words.strip() or "{}") or {}
        except ValueError:
            raise account.make_field_error("states", "is not JSON") from None
    if not isinstance(words, Mapping):
        raise account.make_field_error("states", """must be an object such as {"completed": "ended"}""")
    try:
        return {str(word): SessionState(state) for word, state in words.items()}
    except ValueError as unknown:
        raise account.make_field_error(
            "states", f"maps a word to an unknown state: {unknown}; the states are {', '.join(SessionState)}"
        ) from None


def _get_planned_end(session: Session) -> datetime | None:
    """Return when a session should be over; one of unknown length may take a working day."""
    if session.scheduled_end is not None or session.scheduled_start is None:
        return session.scheduled_end
    return shifted(session.scheduled_start, _DEFAULT_LENGTH)


def as_ended(session: Session) -> Session:
    """Return the session as ended, at its planned end: the platform does not say when it ended."""
    changes = {"state": SessionState.ENDED, "state_inferred": True, "scheduled_end": _get_planned_end(session)}
    return session.model_copy(update=changes)
