"""Maps Prevail's API to the model.

**When a session has ended.** Prevail has no state for it, so it is inferred by these rules, in this order, and the
session has ``state_inferred``:

1. ``canceled`` and ``initial`` mean what they say.
2. There are recordings: it has ended, even if its state is still ``active``.
3. ``transcript_status`` means a finished transcript: it has ended.
4. It was live at the last poll, and is now ``scheduled`` or ``ready`` again or no longer listed: it has ended.
5. ``active``, and listed: it is live.
6. The planned end and the connection's grace period have passed: it has ended. The planned end counts as its end.

Recordings are requested only if they can decide, and by polls only for some of the sessions at a time. A session that
is no longer in the list of sessions is searched for in the list of requests, which has every session that had one.

**Two lists, one session.** The list of sessions has neither the case nor how to join; the list of requests has both. So
every method reads both lists, and returns the same of one session. A poll reads the second list only if a session is
new or not in the first one, and else once an hour.

**Ids.** A session's id is its ``remote_session_id``. A request that staff have not scheduled yet has none; its id is
``request:`` and the request's number, and every method accepts that id later, too.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar
from urllib.parse import urlsplit

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import is_id
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    ConflictError,
    InputError,
    MalformedResponseError,
    NotFoundError,
    ResponseError,
    SessionsError,
    UnknownStateError,
)
from airflow_provider_sessions.messages import format_count, quote_value
from airflow_provider_sessions.model import (
    Invitee,
    Participant,
    Recording,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Transcript,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import (
    Adapter,
    Capability,
    Feature,
    Support,
    add_original,
    find_listed,
    get_download_url,
)
from airflow_provider_sessions.platforms.description_marker import Candidate
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.list_items import (
    ListedSession,
    may_match,
    skip_unknown_states,
)
from airflow_provider_sessions.platforms.poll_strategy import SHARED_ERRORS, get_each, keep_polled
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.artifacts import map_participants, map_recordings, map_transcript
from airflow_provider_sessions.platforms.prevail.auth import DIALECT, SignedTokenAuth
from airflow_provider_sessions.platforms.prevail.lists import MAX_LENGTH, SessionLists, list_window, may_start_in
from airflow_provider_sessions.platforms.prevail.mapping import (
    OPEN_STATES,
    REQUEST_PREFIX,
    SessionListItem,
    SessionMapper,
    as_ended,
)
from airflow_provider_sessions.platforms.prevail.models import RecordingItem, RequestRecord
from airflow_provider_sessions.platforms.prevail.options import PrevailOptions, create_arguments, make_invites
from airflow_provider_sessions.platforms.prevail.slugs import choose_slug, has_keyed_slug, make_matcher
from airflow_provider_sessions.platforms.prevail.zones import format_hours, format_time
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_REQUESTS_MAX_AGE = 60.0
"""Seconds for which the list of requests is used again."""
_POLL_REQUESTS_MAX_AGE = 3600.0
"""Seconds for which polls use the list of requests again, for sessions that are in it."""
_FULL_POLL_ONE_IN = 10
"""Polls request the recordings of at most one session in this many."""
_GONE = (SessionState.CANCELED, SessionState.EXPIRED)
_MAX_TURNS = 9
"""Slugs to try for one create, as its sessions are canceled."""
_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO


@dataclass(frozen=True, slots=True)
class _FoundSession:
    """A session, and whether it is in the list of sessions or only in the list of requests."""

    session: Session
    is_listed: bool


class PrevailAdapter(Adapter):
    """One connection to Prevail."""

    platform = "prevail"
    hook_class = "airflow_provider_sessions.hooks.prevail:PrevailHook"
    endpoints = endpoints.api
    create_options = PrevailOptions
    filters = frozenset(("case",))
    keeps_original_transcripts = True
    default_base_url = "https://prevail.ai/api/v1"
    dialect = DIALECT
    capabilities: ClassVar[Mapping[Feature, Capability]] = {
        Feature.CREATE: Capability(_YES, "E-mails everybody invited. options={'flow': 'request'} asks Prevail's staff"),
        Feature.FIND_EXISTING: Capability(_YES, "By the session's slug, which this package chooses"),
        Feature.GET: Capability(_INFERRED, "No endpoint returns one session: lists are read until it is found"),
        Feature.POLL_SESSIONS: Capability(_YES, "One list of the sessions' days; that one has ended is inferred"),
        Feature.UPDATE: Capability(_YES, "Title, times, duration; people can be added, never removed"),
        Feature.START: Capability(
            _NO, "Hosts start a session in Prevail; wait for it with SessionStateSensor(state='live')"
        ),
        Feature.END: Capability(
            _NO, "Hosts end a session in Prevail; wait for it with SessionStateSensor(state='ended')"
        ),
        Feature.CANCEL: Capability(_YES, "E-mails participants unless notify=False"),
        Feature.SESSIONS: Capability(
            _YES,
            "By time; case and title are filtered here. That a session has ended is inferred; its planned end counts "
            "as its end",
        ),
        Feature.PARTICIPANTS: Capability(_YES, "The people who are invited, and the deponent: not who was present"),
        Feature.ATTENDANCE: Capability(
            _NO,
            "Prevail has no attendance API. Participants are the invited people; export the 'participants' dataset, "
            "and 'transcript_segments' for those who spoke",
        ),
        Feature.TRANSCRIPTS: Capability(
            _INFERRED, "Path and shape are inferred; the connection's field paths can correct the path"
        ),
        Feature.TAKEAWAYS: Capability(
            _NO, "Prevail's API offers no takeaways; export the 'transcript_segments' dataset instead"
        ),
        Feature.RECORDINGS: Capability(_YES, "Audio"),
        Feature.RECORDING_REQUEST: Capability(_YES, "Expires after 24 hours"),
        Feature.POLLS: Capability(_NO, "Prevail's API has no polls"),
        Feature.CHAT_MESSAGES: Capability(_NO, "Prevail's API has no chat; export 'transcript_segments' instead"),
        Feature.BOOKINGS: Capability(_NO, "Prevail has no bookings; a session is scheduled or requested"),
        Feature.EVENTS: Capability(_NO, "Prevail has no events; export the 'sessions' dataset instead"),
        Feature.REGISTRATIONS: Capability(
            _NO, "Nobody registers on Prevail: people are invited; export the 'participants' dataset instead"
        ),
    }

    def __init__(self, account: Account, client: Client) -> None:
        super().__init__(account, client)
        self._was_live: set[str] = set()
        self._mapper = SessionMapper(account, client.config.base_url, self.page, client.clock, self.warnings)
        self._lists = SessionLists(client, self._mapper, self.warnings)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """Sign tokens with the API key.

        :raises ConnectionConfigError: key or company ID is missing.
        """
        key = account.required_password("organization's API key")
        if not account.login or not account.login.strip():
            raise account.make_field_error("login", "is empty; it holds the Company ID (Organizations > Credentials)")
        return SignedTokenAuth(
            key,
            account.login.strip(),
            clock=clock,
            on_secret=on_secret,
            lifetime=account.seconds("token_lifetime", 300.0),
        )

    async def check(self) -> str:
        """List the coming day's sessions."""
        now = self.client.clock.now()
        count = 0
        window = Window(start=now, end=now + timedelta(days=1))
        async for _ in self.client.pages(list_window(window)):
            count += 1
        host = urlsplit(self.client.config.base_url).hostname
        return f"Prevail at {host} responded: {format_count(count, 'session')} in the next 24 hours"

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`."""
        create_arguments(draft, self.options(PrevailOptions, draft.options), slug=None)

    async def create(self, draft: SessionDraft) -> Session:
        """Schedule or request a session; everybody invited is e-mailed.

        If the response has another start, a scheduled session is moved once, in UTC.

        :raises SessionsError: it was created, but starts at another time.
        """
        options = self.options(PrevailOptions, draft.options)
        arguments = create_arguments(draft, options, choose_slug(draft, options))
        endpoint = endpoints.create_session_request if options.flow == "request" else endpoints.create_session
        records = await self.client.send(endpoint(**arguments))
        if not records:
            raise MalformedResponseError(f"{endpoint.__name__}: the response holds no request")
        self._lists.add_created(records[0])
        session = self._mapper.map_request(records[0])
        if draft.start is None or _starts_at(session, draft.start):
            return session
        if options.flow == "request":
            raise _make_start_error(session, draft.start)
        moved = await self._move(session, draft.start)
        return session.model_copy(
            update={name: getattr(moved, name) for name in ("scheduled_start", "scheduled_end", "time_zone")}
        )

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Do nothing but warn if the session, created by an earlier attempt, was moved since."""
        if draft.start is not None and not _starts_at(session, draft.start):
            log.warning("%s, unless that is intended", _make_start_error(session, draft.start))
        return session

    def has_unique_names(self, draft: SessionDraft) -> bool:
        """Whether the slug is chosen here: slugs are unique. A request gets its slug from staff, much later."""
        options = self.options(PrevailOptions, draft.options)
        return options.flow == "self_service" and has_keyed_slug(draft, options)

    def with_other_name(self, draft: SessionDraft) -> SessionDraft | None:
        """Return the draft with the next slug: it is not documented whether a canceled session's can be used again."""
        if draft.turn >= _MAX_TURNS or not self.has_unique_names(draft):
            return None
        return draft.model_copy(update={"turn": draft.turn + 1})

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Search for slugs of the task; if staff chose another or none yet, for the draft's title, case and start.

        If the list of requests does not show a session, the list of sessions around the planned start is read.
        """
        self.validate(draft)
        match = make_matcher(draft, self.options(PrevailOptions, draft.options))
        found = [
            Candidate(self._mapper.map_request(record), *matched)
            async for record in self._lists.iterate_requests(ahead=True)
            if (matched := match(record.remote_session_id, record.remote_session))
        ]
        if any(candidate.was_created_for(draft) and candidate.session.state not in _GONE for candidate in found):
            return found
        listed = [
            (record, matched)
            async for record in self.client.pages(list_window(None if everywhere else _get_window_around(draft.start)))
            if (matched := match(record.remote_session_id, record))
        ]
        slugs = {record.remote_session_id or "" for record, _ in listed}
        requests = await self._lists.find_scheduled(slugs, max_age=_REQUESTS_MAX_AGE) if slugs else {}
        for record, matched in listed:
            session = self._mapper.map_record(record, requests.get(record.remote_session_id or ""))
            found.append(Candidate(await self._check_recordings(session), *matched))
        return found

    async def get(self, session_id: str) -> Session:
        """Return one session as it is now; the lists are read until it is found."""
        result = (await self._poll({session_id: None}, requests_max_age=_REQUESTS_MAX_AGE))[session_id]
        if isinstance(result, SessionsError):
            raise result
        return result

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """Read one list of the sessions' days, and the list of requests if one is new, has no slug or is not listed."""
        return await self._poll(known, requests_max_age=_POLL_REQUESTS_MAX_AGE)

    async def _poll(
        self, known: Mapping[str, Session | None], *, requests_max_age: float
    ) -> dict[str, Session | SessionsError]:
        polled = _check_ids(known)
        known = {session_id: last for session_id, last in known.items() if session_id not in polled}
        slugs = {session_id: session_id for session_id in known if not session_id.startswith(REQUEST_PREFIX)}
        requested = known.keys() - slugs.keys()
        requests = await self._find_by_number(requested)
        for session_id in requested:
            request = requests.get(session_id)
            if request is None:
                polled[session_id] = _make_not_found_error(session_id)
            elif request.remote_session_id:
                slugs[session_id] = request.remote_session_id
            else:
                polled[session_id] = self._map_request(request)
        found = await self._find_sessions(set(slugs.values()), requests_max_age) if slugs else {}
        unknown = (session_id for session_id in slugs if known[session_id] is None)
        one_in = _FULL_POLL_ONE_IN if self.client.traffic_class is TrafficClass.POLL else 1
        in_full = set(islice(unknown, math.ceil(len(known) / one_in)))
        unchecked: dict[str, Session] = {}
        for session_id, slug in slugs.items():
            result = found.get(slug)
            if not isinstance(result, _FoundSession):
                polled[session_id] = result or _make_not_found_error(session_id)
                continue
            last = known[session_id]
            if last is not None and last.state is SessionState.LIVE:
                self._was_live.add(last.session_id)
            session = self._end_if_was_live(result)
            if session_id in in_full:
                unchecked[session_id] = session
            else:
                polled[session_id] = session

        async def check_recordings(session_id: str) -> Session:
            return await self._check_recordings(unchecked[session_id])

        checks = get_each(check_recordings, list(unchecked), polled, concurrent=1)
        return await keep_polled(polled, known, checks)

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change title, times or duration, and add people; date, time and zone are always sent together.

        People who are invited already are not invited again: each time they would get another e-mail. If the response
        has another start, the session is moved once more, in UTC.

        :raises SessionsError: it was changed, but starts at another time.
        """
        self.options(self.change_options, changes.options)
        if changes.description is not None:
            raise InputError("description: prevail cannot change the details of a scheduled session")
        if changes.time_zone is not None and changes.start is None:
            raise InputError("time_zone: prevail changes date, time and zone together; give start as well")
        make_invites(changes.add_participants)  # refuses an unknown role before any request
        slug = await self._get_slug(session_id)
        invites = make_invites(await self._filter_uninvited(slug, changes.add_participants))
        remote_session: dict[str, object] = {"title": changes.title} if changes.title is not None else {}
        if changes.start is not None:
            iana = changes.time_zone or (await self.get(session_id)).time_zone or "UTC"
            remote_session |= format_time(changes.start, iana)
        if changes.duration_seconds is not None:
            remote_session["estimated_duration"] = format_hours(changes.duration_seconds)
        if invites:
            remote_session["invites"] = invites
        if not remote_session:
            return await self.get(slug)
        session = await self._edit(slug, remote_session)
        if changes.start is None or _starts_at(session, changes.start):
            return session
        return await self._move(session, changes.start)

    async def _edit(self, slug: str, remote_session: Mapping[str, object]) -> Session:
        """Change a session, and return it; it is read again if the response does not hold all of it."""
        self._lists.invalidate()
        records = await self.client.send(endpoints.edit_session(slug, remote_session))
        if not records or not records[0].state:
            return await self.get(slug)
        requests = await self._lists.find_scheduled({slug}, max_age=_REQUESTS_MAX_AGE)
        return self._mapper.map_record(records[0], requests.get(slug))

    async def _move(self, session: Session, start: datetime) -> Session:
        """Plan a session in UTC, after the platform took its local time for another time.

        :raises SessionsError: it still starts at another time.
        """
        log.warning("%s; moving it, in UTC", _make_start_error(session, start))
        moved = await self._edit(session.session_id, format_time(start, "UTC"))
        if not _starts_at(moved, start):
            raise _make_start_error(moved, start)
        return moved

    async def _filter_uninvited(self, slug: str, invitees: Sequence[Invitee]) -> list[Invitee]:
        """Return those who are not invited to a session, or have another role there."""
        if not invitees:
            return []
        roles = {
            (person.email or "").lower(): person.role
            async for record in self._lists.iterate_requests(ahead=True)
            if record.remote_session_id == slug
            for person in map_participants(record)
        }
        return [
            invitee
            for invitee in invitees
            if (email := invitee.email.lower()) not in roles or invitee.role not in (None, roles[email])
        ]

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not started. The response holds no session, so it is read before."""
        session = await self.get(session_id)
        if session.state is SessionState.REQUESTED and session.session_id.startswith(REQUEST_PREFIX):
            raise ConflictError(
                f"{session_id} is a request that staff have not scheduled: it has no remote_session_id, so the API "
                f"cannot cancel it; ask Prevail's Scheduling Team, or wait for state 'scheduled'",
                status=409,
            )
        self._lists.invalidate()
        await self.client.send(endpoints.cancel_session(session.session_id, None if notify else True))
        return session.model_copy(update={"state": SessionState.CANCELED, "state_inferred": False})

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """See :meth:`Adapter.sessions`."""
        return skip_unknown_states(self.sessions_and_errors(query), self.warnings)

    async def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Yield the sessions of a window, from the list of those that start around it and from the list of requests.

        The list of sessions has no cases, and perhaps no sessions that are over; the list of requests has both.

        :raises InputError: the query filters by room; Prevail has none.
        """
        self.check_query(query)
        window = _widen_window(query)
        items, requests = await self._lists.read_window(window)
        listed: set[str] = set()
        canceled: dict[str, SessionListItem] = {}
        for item in items:
            slug = item.slug or ""
            if item.is_canceled:
                canceled[slug] = item  # another session may have taken its slug
                continue
            listed.add(slug)
            session = await self._resolve(item, requests.get(slug))
            if session is not None and may_match(query, session):
                yield session
        due = (slug for slug, request in requests.items() if may_start_in(window, request))
        for slug in dict.fromkeys([*canceled, *due]):
            session = None if slug in listed else await self._resolve(canceled.get(slug), requests.get(slug))
            if session is not None and may_match(query, session):
                yield session

    async def participants(self, session: Session) -> list[Participant]:
        """Return the people who are invited and the deponent, each once; nobody knows who was present."""
        if session.session_id.startswith(REQUEST_PREFIX):
            record = (await self._find_by_number({session.session_id})).get(session.session_id)
        else:
            record = await self._lists.find_request(session.session_id)
        if record is None:
            return []
        for name, reason in record.unread_people.items():
            raise MalformedResponseError(
                f"{self.platform}: {name} of session {session.session_id!r} cannot be read: {reason}"
            )
        self.warnings.log_fields(f"session {session.session_id!r}", record.unread)
        return map_participants(record)

    async def transcripts(self, session: Session) -> list[Transcript]:
        """See :meth:`Adapter.transcripts`."""
        try:
            call = endpoints.list_transcripts(await self._get_slug(session.session_id))
            items, body = await self.client.send_for_body(call)
        except NotFoundError:
            return []
        return add_original([map_transcript(item, session) for item in items if item.segments], body)

    async def recordings(self, session: Session) -> list[Recording]:
        """Return the session's audio; empty while there is none."""
        items = await self._list_recordings(await self._get_slug(session.session_id))
        self.warnings.check_rows("recording", session.session_id, items)
        return map_recordings(items, session.session_id)

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """Return the presigned URL that the list of recordings gave, or gives now."""
        if recording.download_url is None:
            items = await self._list_recordings(await self._get_slug(recording.session_id))
            recording = find_listed(recording, map_recordings(items, recording.session_id))
        return get_download_url(recording), {}

    async def _list_recordings(self, slug: str) -> list[RecordingItem]:
        try:
            return await self.client.send(endpoints.list_recordings(slug))
        except NotFoundError:  # not documented: it may be the response while there is none
            return []

    async def _get_slug(self, session_id: str) -> str:
        """Return the slug of an id of either kind.

        :raises ConflictError: it is a request that has no slug yet.
        """
        _check_id(session_id)
        if not session_id.startswith(REQUEST_PREFIX):
            return session_id
        record = (await self._find_by_number({session_id})).get(session_id)
        if record is None:
            raise _make_not_found_error(session_id)
        if not record.remote_session_id:
            raise ConflictError(f"{session_id} is not scheduled yet; wait for state 'scheduled'", status=409)
        return record.remote_session_id

    async def _find_by_number(self, session_ids: Set[str]) -> dict[str, RequestRecord]:
        """Return requests by the ids of their sessions, which begin with :data:`REQUEST_PREFIX`."""
        if not session_ids:
            return {}
        requests = self._lists.iterate_requests(ahead=True)
        return {session_id: one async for one in requests if (session_id := f"{REQUEST_PREFIX}{one.id}") in session_ids}

    async def _find_sessions(
        self, slugs: Set[str], requests_max_age: float
    ) -> dict[str, _FoundSession | SessionsError]:
        """Return sessions as the list of sessions shows them, or else the list of requests."""
        items = await self._lists.find_sessions(slugs)
        listed = {slug for slug, item in items.items() if not item.is_canceled}
        requests = await self._lists.find_scheduled(slugs, max_age=requests_max_age if slugs <= listed else 0.0)
        found: dict[str, _FoundSession | SessionsError] = {}
        for slug in slugs:
            try:
                session = self._combine(items.get(slug), requests.get(slug))
            except ResponseError as error:
                found[slug] = error
            else:
                found |= {} if session is None else {slug: session}
        return found

    def _map_request(self, request: RequestRecord) -> Session | SessionsError:
        try:
            return self._mapper.map_request(request)
        except ResponseError as error:
            return error

    def _combine(self, item: SessionListItem | None, request: RequestRecord | None) -> _FoundSession | None:
        """Return a session from the two lists. If one was canceled, another may have its slug."""
        if request is not None and (item is None or self._mapper.is_of_another(request, item)):
            return _FoundSession(self._mapper.map_unlisted(request), is_listed=False)
        return None if item is None else _FoundSession(self._mapper.map_listed(item, request), is_listed=True)

    def _end_if_was_live(self, found: _FoundSession) -> Session:
        """Return a session; if it was live before and is not now, as ended: rule 4 of the module's docstring."""
        session = found.session
        if session.session_id in self._was_live and (
            session.state is SessionState.SCHEDULED or (session.state in OPEN_STATES and not found.is_listed)
        ):
            return as_ended(session)
        if session.state is SessionState.LIVE and found.is_listed:
            self._was_live.add(session.session_id)
        return session

    async def _resolve(self, item: SessionListItem | None, request: RequestRecord | None) -> ListedSession | None:
        """Return a session of the two lists. Polls check its recordings only after its planned end.

        An error response to that fails an export. A poll of many sessions does without.
        """
        try:
            found = self._combine(item, request)
        except UnknownStateError as unknown:
            return unknown
        if found is None:
            return None
        session = self._end_if_was_live(found)
        planned = session.scheduled_end
        is_due = planned is not None and planned <= self.client.clock.now()
        is_poll = self.client.traffic_class is TrafficClass.POLL
        if is_poll and not is_due:
            return session
        try:
            return await self._check_recordings(session)
        except ApiError as error:
            if not is_poll or isinstance(error, SHARED_ERRORS):
                raise
            self._log_unread_recordings(session, error)
            return session

    async def _check_recordings(self, session: Session) -> Session:
        """Return a session, as ended if it has recordings; they are requested only if they can decide (rule 2)."""
        has_begun = session.scheduled_start is None or session.scheduled_start <= self.client.clock.now()
        is_open = session.state is SessionState.LIVE or (session.state is SessionState.SCHEDULED and has_begun)
        try:
            return as_ended(session) if is_open and await self._list_recordings(session.session_id) else session
        except ResponseError as error:
            self._log_unread_recordings(session, error)
            return session

    def _log_unread_recordings(self, session: Session, error: SessionsError) -> None:
        self.warnings.log_fields(f"session {session.session_id!r}", {"the recordings": str(error)})


def _starts_at(session: Session, start: datetime) -> bool:
    """Whether a session is planned to start then, to the minute, as far as the response says."""
    planned = session.scheduled_start
    return planned is None or planned == start.replace(second=0, microsecond=0)


def _make_start_error(session: Session, start: datetime) -> SessionsError:
    """Return the error for a session that starts at another time. A retry would find it and leave it as it is."""
    return SessionsError(
        f"prevail planned session {session.session_id} for {session.scheduled_start} ({session.time_zone}) instead of "
        f"{start}; move or cancel it in Prevail"
    )


def _widen_window(query: SessionQuery) -> Window | None:
    """Return the window of sessions to list: the platform lists those that begin AND end in one."""
    window = query.window
    if window is None:
        return None
    if query.by in (WindowBy.ENDED, WindowBy.ENDED_OR_DUE):
        return Window(start=shifted(window.start, -MAX_LENGTH), end=window.end)
    return Window(start=window.start, end=shifted(window.end, MAX_LENGTH))


def _get_window_around(start: datetime | None) -> Window | None:
    """Return the window to list for a session that is planned to start then."""
    if start is None:
        return None
    return Window(start=shifted(start, -timedelta(minutes=1)), end=shifted(start, MAX_LENGTH))


def _check_id(session_id: object) -> None:
    """Refuse an id that endpoints would refuse in their path.

    :raises InputError: it is no text, is empty, or would change the path.
    """
    if not is_id(session_id):
        raise InputError(
            f"session_id: {quote_value(session_id)} is no id; prevail's is the session's remote_session_id "
            f"(the end of its URL)"
        )


def _check_ids(session_ids: Iterable[str]) -> dict[str, Session | SessionsError]:
    """Return the errors of ids that :func:`_check_id` refuses."""
    errors: dict[str, Session | SessionsError] = {}
    for session_id in session_ids:
        try:
            _check_id(session_id)
        except InputError as error:
            errors[session_id] = error
    return errors


def _make_not_found_error(session_id: str) -> NotFoundError:
    return NotFoundError(
        f"prevail lists no session with session_id={session_id!r}; it is the session's remote_session_id (the end of "
        f"its URL)",
        status=404,
        arguments={"session_id": session_id},
    )
