"""Reading Prevail's records of sessions in the words of the model; the adapter's docstring has the rule of the end."""

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
from airflow_provider_sessions.platforms.list_items import Held, Reading, Readings
from airflow_provider_sessions.platforms.prevail.models import (
    RemoteSession,
    RequestRecord,
    SessionRecord,
    Times,
    is_finished,
    state_of,
    times_of,
)
from airflow_provider_sessions.platforms.unread import ReadWarnings, fields_of, without

T = TypeVar("T")

REQUEST = "request:"
"""Goes before a request's number: the id of a session that has no slug yet."""
OPEN = (SessionState.SCHEDULED, SessionState.LIVE)
_API = "/api/v1"
_MERGED_KEPT = 10_000
"""Sessions of which it is remembered what was made of them and their requests: who polls makes it once."""
_Ref = Callable[[], T | None]
"""A weak reference."""
_UNKNOWN_LENGTH = timedelta(hours=8)


def _nothing() -> None:
    return None


_NOTHING = (_nothing, _nothing, _nothing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Reading):
    """What a record of the list of sessions was read as, whatever time it is.

    :param slug: the session's ``remote_session_id``.
    :param is_canceled: whether another session may have taken its slug.
    """

    slug: str | None
    is_canceled: bool


class Reader:
    """Reads records of one connection.

    :param account: knows the grace after a planned end, and further state words.
    :param base_url: the API's.
    :param page: gives a session's page where the connection says how it is made up.
    :param clock: time.
    :param unread: warns of fields that cannot be read.
    :raises ConnectionConfigError: ``states`` or ``end_grace`` cannot be read.
    """

    def __init__(
        self, account: Account, base_url: str, page: Callable[[str], str | None], clock: Clock, unread: ReadWarnings
    ) -> None:
        self._own_words = _own_words(account)
        self._grace = timedelta(seconds=account.seconds("end_grace", 3600.0))
        self._base_url = base_url
        self._page = page
        self._clock = clock
        self._unread = unread
        self._known = Readings(self._planned)
        self._whole = Held()
        self._merged: dict[str, tuple[_Ref[Session], _Ref[RequestRecord], _Ref[Session]]] = {}

    def request(self, record: RequestRecord) -> Session:
        """A request, as it says itself."""
        slug = record.remote_session_id
        session_id = slug or f"{REQUEST}{record.id}"
        url = self._url(slug, record.session_url) if slug else record.session_url
        times = record.times
        return self._session(
            record.remote_session,
            session_id,
            record.session_state,
            times._replace(unread={**record.unread, **record.unread_plan, **times.unread}),
            url=url,
            join_url=record.join_url or url,
        )

    def unlisted(self, record: RequestRecord) -> Session:
        """A scheduled request that the list of sessions does not show.

        :raises UnknownStateError: its state is a word that nobody knows.
        """
        session = self.request(record)
        return ended(session) if session.state in OPEN and self._is_past(session) else session

    def record(self, record: SessionRecord, request: RequestRecord | None) -> Session:
        """A session of the list of sessions, as it is now; see :meth:`list_sessions`."""
        return self.listed(self.reading(record), request)

    def reading(self, record: SessionRecord) -> Listed:
        """What the list of sessions tells of a session, whatever time it is."""
        return Listed(
            record.place,
            self._known.outcome(record),
            slug=record.remote_session_id,
            is_canceled=record.is_canceled,
        )

    def _planned(self, record: SessionRecord) -> Session:
        slug = record.remote_session_id
        if not slug:
            raise MalformedResponseError("prevail answered with a session that has no remote_session_id")
        url = self._url(slug, record.session_url)
        times = times_of(record, record.unread)
        times = times._replace(unread={**record.unread, **times.unread})
        session = self._session(record, slug, record.state, times, url=url, join_url=url)
        return ended(session) if session.state in OPEN and is_finished(record.transcript_status) else session

    def listed(self, listed: Listed, request: RequestRecord | None = None) -> Session:
        """A session of the list of sessions, as it is now.

        :param request: its request, which alone knows the case, and how to join. So the session reads the same once the
            list does not show it any more.
        :raises SessionsError: the list's record cannot be read as a session.
        """
        try:
            session = self._with_request(listed.session, request)
        except UnknownStateError as unknown:
            raise unknown.with_session(self._with_request(unknown.session, request)) from None
        return ended(session) if session.state is SessionState.SCHEDULED and self._is_past(session) else session

    def _with_request(self, session: Session, request: RequestRecord | None) -> Session:
        if request is None:
            return session
        session_was, request_was, made = self._merged.get(session.session_id, _NOTHING)
        if session_was() is session and request_was() is request and (held := made()) is not None:
            return held
        whole = self._whole.same(self._merge(session, request))
        if len(self._merged) >= _MERGED_KEPT:
            self._merged.clear()
        self._merged[session.session_id] = (ref(session), ref(request), ref(whole))
        return whole

    def _merge(self, session: Session, request: RequestRecord) -> Session:
        url = request.session_url or session.url
        case = session.case or request.remote_session.case
        lost = {name: why for name, why in request.unread_plan.items() if name == "case"} if case is None else {}
        self._unread.fields(f"session {session.session_id!r}", lost)
        unreadable = session.unreadable | frozenset(lost) if case is None else session.unreadable - {"case"}
        known = {"case": case, "url": url, "join_url": request.join_url or url, "unreadable": unreadable}
        return session.model_copy(update=known)

    def is_of_another(self, request: RequestRecord, listed: Listed) -> bool:
        """Whether a request is of another session, which has taken the slug of a canceled one."""
        if not listed.is_canceled or request.is_canceled:
            return False
        return isinstance(listed.outcome, Session) and request.times.start != listed.outcome.scheduled_start

    def _url(self, slug: str, named: str | None) -> str:
        """A session's page: as the platform names it, else as the connection does, else beside the API."""
        return named or self._page(slug) or f"{self._site()}/sessions/{quote(slug, safe='')}"

    def _site(self) -> str:
        """Where Prevail's pages are: beside its API."""
        parts = urlsplit(self._base_url)
        path = parts.path.rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{path.removesuffix(_API) if path.endswith(_API) else ''}"

    def _session(
        self,
        planned: RemoteSession,
        session_id: str,
        word: str | None,
        times: Times,
        *,
        url: str | None,
        join_url: str | None,
    ) -> Session:
        """A session, without the fields that cannot be read.

        :raises UnknownStateError: nobody knows the word for its state.
        """
        try:
            state, unknown = state_of(word, self._own_words, session_id), None
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
            told = {name: why for name, why in times.unread.items() if name not in ("state", "session_state")}
            self._unread.fields(f"session {session_id!r}", told)
            session = without(session, fields_of(times.unread, _FIELDS) | _planned_fields(times))
        if unknown is not None:
            raise unknown.with_session(session)
        return session

    def _is_past(self, session: Session) -> bool:
        """Whether the planned end and the grace have passed."""
        planned = _planned_end(session)
        return planned is not None and self._clock.now() >= shifted(planned, self._grace)


_FIELDS = {"title": "title", "case": "case", "time_zone": "time_zone", "estimated_duration": "scheduled_end"}
"""Our names of the platform's fields."""


def _planned_fields(times: Times) -> frozenset[str]:
    """Our names of the planned times that cannot be told: the start hangs on three fields, the end on a fourth too."""
    is_lost = times.unread.keys() & {"start_date", "start_time", "time_zone"}
    return frozenset({"scheduled_start", "scheduled_end"}) if is_lost and times.start is None else frozenset()


def _own_words(account: Account) -> dict[str, SessionState]:
    """State words that the connection adds: ``{"states": {"completed": "ended"}}`` in its extra, or that as JSON.

    :raises ConnectionConfigError: it is no mapping of words to our states.
    """
    words = account.extra.get("states") or {}
    if isinstance(words, str):
        try:
            words = json.loads(words.strip() or "{}") or {}
        except ValueError:
            raise account.wrong("states", "is not JSON") from None
    if not isinstance(words, Mapping):
        raise account.wrong("states", """must be an object such as {"completed": "ended"}""")
    try:
        return {str(word): SessionState(ours) for word, ours in words.items()}
    except ValueError as unknown:
        raise account.wrong(
            "states", f"maps a word to something else than our states: {unknown}; they are {', '.join(SessionState)}"
        ) from None


def _planned_end(session: Session) -> datetime | None:
    """When a session should be over; one of unknown length may take a day's work."""
    if session.scheduled_end is not None or session.scheduled_start is None:
        return session.scheduled_end
    return shifted(session.scheduled_start, _UNKNOWN_LENGTH)


def ended(session: Session) -> Session:
    """The session as ended. Its planned end is when it ended, as far as anybody knows."""
    changes = {"state": SessionState.ENDED, "state_inferred": True, "scheduled_end": _planned_end(session)}
    return session.model_copy(update=changes)
