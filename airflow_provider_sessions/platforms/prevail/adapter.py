"""Prevail, speaking the model.

**When a session has ended.** Prevail has no word for it, so this rule infers it, in this order, and the session says
``state_inferred``:

1. ``canceled`` and ``initial`` are what they say.
2. There are recordings: it has ended, even if its state still says ``active``.
3. ``transcript_status`` names a finished transcript: it has ended.
4. It was live at the last look, and now is ``scheduled`` or ``ready`` again or is no longer listed: it has ended.
5. ``active``, and listed: it is live.
6. The planned end and the connection's grace have passed: it has ended. When is not known: as planned, it is taken.

Recordings are asked for only where they can decide, and by who polls many sessions only of some of them at a time. A
session that the list of sessions no longer shows is looked up in the list of requests, which shows it as long as there
is one.

**Two lists, one session.** The list of sessions shows no case, nor how to join; the list of requests does. So every
question reads both: what one says of a session, all say. A poll reads the second list only where a session is new to it
or not in the first, and else once an hour.

**Ids.** A session's id is its ``remote_session_id``. While staff have not scheduled a request it has none; its id is
``request:`` and the request's number until then, and every question understands that id for ever.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar
from urllib.parse import urlsplit

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import is_id
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
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
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support
from airflow_provider_sessions.platforms.defaults import url_of, with_url
from airflow_provider_sessions.platforms.description_marker import Candidate
from airflow_provider_sessions.platforms.instants import shifted
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.artifacts import people_of, recordings_of, transcript_of
from airflow_provider_sessions.platforms.prevail.auth import SignedToken
from airflow_provider_sessions.platforms.prevail.lists import LONGEST, Lists, list_of
from airflow_provider_sessions.platforms.prevail.mapping import OPEN, REQUEST, Listed, Reader, ended
from airflow_provider_sessions.platforms.prevail.models import RecordingItem, RequestRecord
from airflow_provider_sessions.platforms.prevail.options import (
    PrevailOptions,
    create_arguments,
    invites_of,
    is_named_by_key,
)
from airflow_provider_sessions.platforms.prevail.traces import footprints
from airflow_provider_sessions.platforms.prevail.zones import hours, write_time
from airflow_provider_sessions.platforms.unread import ListedSession, may_match, readable, skip_items_without_id
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

_REQUESTS_KEPT = 60.0
"""Seconds for which a list of requests serves when people of many sessions are asked for."""
_POLLS_REQUESTS_KEPT = 3600.0
"""Seconds for which a list of requests serves when sessions that it knows are looked at again and again."""
_CLOSELY_ONE_IN = 10
"""Sessions of a poll, of which one at most is asked for its recordings."""
_GONE = (SessionState.CANCELED, SessionState.EXPIRED)
_TURNS = 9
"""Slugs that are tried for one create, one after the other, as its sessions are called off."""
_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO


@dataclass(frozen=True, slots=True)
class _Seen:
    """A session, and whether it is in the list of sessions or in that of requests alone."""

    session: Session
    listed: bool


class PrevailAdapter(Adapter):
    """Adapter of connection type ``prevail``."""

    platform = "prevail"
    hook_class = "airflow_provider_sessions.hooks.prevail:PrevailHook"
    endpoints = endpoints.api
    create_options = PrevailOptions
    filters = frozenset(("case",))
    default_base_url = "https://prevail.ai/api/v1"
    dialect = Dialect(
        "prevail",
        hints={
            401: "Check the connection: login holds the Company ID, password the organization's active API key "
            "(Organizations > Credentials)",
            403: "Scheduling, editing and canceling need Self-Service, which Prevail's staff enable for an "
            "organization; without it use options={'flow': 'request'}",
        },
    )
    capabilities: ClassVar[Mapping[Feature, Capability]] = {
        Feature.CREATE: Capability(_YES, "E-mails everybody invited. options={'flow': 'request'} asks Prevail's staff"),
        Feature.FIND_EXISTING: Capability(_YES, "By the session's slug, which this package chooses"),
        Feature.GET: Capability(_INFERRED, "There is no request for one session: lists are read until it is found"),
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
            _YES, "By time; case and title are filtered here. That one has ended is inferred, and when: as planned"
        ),
        Feature.PARTICIPANTS: Capability(_YES, "The people invited, and the deponent: not who came"),
        Feature.ATTENDANCE: Capability(
            _NO,
            "Prevail has no attendance API: nobody knows who came. Participants are the invited people; export the "
            "'participants' dataset, and speakers stand in the transcript",
        ),
        Feature.TRANSCRIPTS: Capability(_INFERRED, "Path and shape are inferred; the connection's paths can mend them"),
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
        self._live: set[str] = set()
        self._reader = Reader(account, client.config.base_url, self.page, client.clock, self.unread)
        self._lists = Lists(client, self._reader)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """Sign tokens with the API key.

        :raises ConnectionConfigError: key or company ID is missing.
        """
        key = account.required_password("organization's API key")
        if not account.login or not account.login.strip():
            raise account.wrong("login", "is empty; it holds the Company ID (Organizations > Credentials)")
        return SignedToken(
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
        async for _ in self.client.pages(list_of(window)):
            count += 1
        host = urlsplit(self.client.config.base_url).hostname
        return f"Prevail at {host} answered: {format_count(count, 'session')} in the next 24 hours"

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`."""
        create_arguments(draft, self.options(PrevailOptions, draft.options))

    async def create(self, draft: SessionDraft) -> Session:
        """Schedule or request a session; everybody invited is e-mailed.

        Where the answer gives another start than was asked for, a scheduled session is moved once, in UTC.

        :raises SessionsError: it was made, but starts at another time.
        """
        options = self.options(PrevailOptions, draft.options)
        arguments = create_arguments(draft, options)
        endpoint = endpoints.create_session_request if options.flow == "request" else endpoints.create_session
        records = await self.client.send(endpoint(**arguments))
        if not records:
            raise MalformedResponseError(f"{endpoint.__name__}: the answer holds no request")
        self._lists.note_made(records[0])
        session = self._reader.request(records[0])
        if draft.start is None or _starts(session, draft.start):
            return session
        if options.flow == "request":
            raise _misplaced(session, draft.start)
        moved = await self._move(session, draft.start)
        return session.model_copy(
            update={name: getattr(moved, name) for name in ("scheduled_start", "scheduled_end", "time_zone")}
        )

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Nothing is left to do; a session that an earlier attempt made may have been moved since."""
        if draft.start is not None and not _starts(session, draft.start):
            log.warning("%s, unless that is meant", _misplaced(session, draft.start))
        return session

    def has_unique_names(self, draft: SessionDraft) -> bool:
        """Whether slugs are ours to choose: they are unique. A request gets its slug from staff, much later."""
        options = self.options(PrevailOptions, draft.options)
        return options.flow == "self_service" and is_named_by_key(draft, options)

    def with_other_name(self, draft: SessionDraft) -> SessionDraft | None:
        """The draft with the next slug: whether the slug of a canceled session can be had again is not documented."""
        if draft.turn >= _TURNS or not self.has_unique_names(draft):
            return None
        return draft.model_copy(update={"turn": draft.turn + 1})

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Sessions with a slug of this task; where staff chose another or none yet, those of its title, case and start.

        The list of sessions is asked where that of requests does not tell, around the planned start.
        """
        footprint = footprints(draft, self.options(PrevailOptions, draft.options))
        found = [
            Candidate(self._reader.request(record), *told)
            for record in await self._lists.requests()
            if (told := footprint(record.remote_session_id, record.remote_session))
        ]
        if any(candidate.was_created_for(draft) and candidate.session.state not in _GONE for candidate in found):
            return found
        listed = self.client.pages(list_of(None if everywhere else _around(draft.start)))
        requests = await self._lists.scheduled_as(frozenset(), max_age=_REQUESTS_KEPT)
        return found + [
            Candidate(
                await self._closely(self._reader.record(record, requests.get(record.remote_session_id or ""))), *told
            )
            async for record in listed
            if (told := footprint(record.remote_session_id, record))
        ]

    async def get(self, session_id: str) -> Session:
        """One session as it is now, found by reading lists."""
        answer = (await self._look({session_id: None}, requests_kept=_REQUESTS_KEPT))[session_id]
        if isinstance(answer, SessionsError):
            raise answer
        return answer

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """One list of the sessions' days, and that of requests where a session is new, has no slug or is not listed."""
        return await self._look(known, requests_kept=_POLLS_REQUESTS_KEPT)

    async def _look(
        self, known: Mapping[str, Session | None], *, requests_kept: float
    ) -> dict[str, Session | SessionsError]:
        for session_id in known:
            _refuse_no_id(session_id)
        answers: dict[str, Session | SessionsError] = {}
        slugs = {session_id: session_id for session_id in known if not session_id.startswith(REQUEST)}
        waiting = known.keys() - slugs.keys()
        requests = {f"{REQUEST}{r.id}": r for r in await self._lists.requests()} if waiting else {}
        for session_id in waiting:
            request = requests.get(session_id)
            if request is None:
                answers[session_id] = _missing(session_id)
            elif request.remote_session_id:
                slugs[session_id] = request.remote_session_id
            else:
                answers[session_id] = self._requested(request)
        current = await self._current(set(slugs.values()), requests_kept) if slugs else {}
        unknown = (session_id for session_id in slugs if known[session_id] is None)
        one_in = _CLOSELY_ONE_IN if self.client.traffic_class is TrafficClass.POLL else 1
        closely = set(islice(unknown, math.ceil(len(known) / one_in)))
        for session_id, slug in slugs.items():
            seen = current.get(slug)
            if not isinstance(seen, _Seen):
                answers[session_id] = seen or _missing(session_id)
                continue
            session = self._after(seen, known[session_id])
            answers[session_id] = await self._closely(session) if session_id in closely else session
        return answers

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change title, times or duration, and add people; date, time and zone always go together.

        Who is invited already is not invited again: that would send another e-mail each time. Where the answer gives
        another start than was asked for, the session is moved once more, in UTC.

        :raises SessionsError: it was changed, but starts at another time.
        """
        self.options(self.change_options, changes.options)
        if changes.description is not None:
            raise InputError("description: prevail cannot change the details of a scheduled session")
        if changes.time_zone is not None and changes.start is None:
            raise InputError("time_zone: prevail changes date, time and zone together; give start as well")
        invites_of(changes.add_participants)  # refuses a wrong role before any request
        slug = await self._slug(session_id)
        invites = invites_of(await self._uninvited(slug, changes.add_participants))
        remote_session: dict[str, object] = {"title": changes.title} if changes.title is not None else {}
        if changes.start is not None:
            iana = changes.time_zone or (await self.get(session_id)).time_zone or "UTC"
            remote_session |= write_time(changes.start, iana)
        if changes.duration_seconds is not None:
            remote_session["estimated_duration"] = hours(changes.duration_seconds)
        if invites:
            remote_session["invites"] = invites
        if not remote_session:
            return await self.get(slug)
        session = await self._edit(slug, remote_session)
        if changes.start is None or _starts(session, changes.start):
            return session
        return await self._move(session, changes.start)

    async def _edit(self, slug: str, remote_session: Mapping[str, object]) -> Session:
        """Change a session; it is read again where the answer does not hold it whole."""
        self._lists.forget()
        records = await self.client.send(endpoints.edit_session(slug, remote_session))
        if not records or not records[0].state:
            return await self.get(slug)
        requests = await self._lists.scheduled_as({slug}, max_age=_REQUESTS_KEPT)
        return self._reader.record(records[0], requests.get(slug))

    async def _move(self, session: Session, start: datetime) -> Session:
        """Plan a session in UTC, of which the platform took the local time for another instant.

        :raises SessionsError: it starts at another time all the same.
        """
        log.warning("%s; moving it, in UTC", _misplaced(session, start))
        moved = await self._edit(session.session_id, write_time(start, "UTC"))
        if not _starts(moved, start):
            raise _misplaced(moved, start)
        return moved

    async def _uninvited(self, slug: str, invitees: Sequence[Invitee]) -> list[Invitee]:
        """Those who are not invited to a session, or not in their role."""
        if not invitees:
            return []
        records = [record for record in await self._lists.requests() if record.remote_session_id == slug]
        there = {(person.email or "").lower(): person.role for record in records for person in people_of(record)}
        return [
            invitee
            for invitee in invitees
            if (email := invitee.email.lower()) not in there or invitee.role not in (None, there[email])
        ]

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not begun; the answer holds no session, so it is read again."""
        session = await self.get(session_id)
        if session.state is SessionState.REQUESTED and session.session_id.startswith(REQUEST):
            raise ConflictError(
                f"{session_id} is a request that staff have not scheduled: it has no remote_session_id, so the API "
                f"cannot cancel it; ask Prevail's Scheduling Team, or wait for state 'scheduled'",
                status=409,
            )
        self._lists.forget()
        await self.client.send(endpoints.cancel_session(session.session_id, None if notify else True))
        return session.model_copy(update={"state": SessionState.CANCELED, "state_inferred": False})

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """See :meth:`sessions_and_errors`."""
        return readable(self.sessions_and_errors(query), self.unread)

    async def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Sessions of a window, from the list of those that start around it and from the list of requests.

        The list of sessions shows no case, and perhaps not those that are over: the list of requests does.

        :raises InputError: a room is asked for; Prevail has none.
        """
        self.check_query(query)
        window = _widened(query)
        requests = await self._lists.scheduled()
        listed: set[str] = set()
        canceled: dict[str, Listed] = {}
        async for reading, _ in skip_items_without_id(self._lists.walk(window, ahead=True), self.unread):
            slug = reading.slug or ""
            if reading.is_canceled:
                canceled[slug] = reading  # its slug may have been taken again by one that counts
                continue
            listed.add(slug)
            outcome = await self._settled(reading, requests.get(slug))
            if outcome is not None and may_match(query, outcome):
                yield outcome
        due = (slug for slug, request in requests.items() if _may_start_in(window, request))
        for slug in dict.fromkeys([*canceled, *due]):
            outcome = None if slug in listed else await self._settled(canceled.get(slug), requests.get(slug))
            if outcome is not None and may_match(query, outcome):
                yield outcome

    async def participants(self, session: Session) -> list[Participant]:
        """The people invited and the deponent, each once; nobody knows who came."""
        for record in await self._lists.requests(max_age=_REQUESTS_KEPT):
            if session.session_id in (record.remote_session_id, f"{REQUEST}{record.id}"):
                for name, reason in record.unread_people.items():
                    raise MalformedResponseError(
                        f"{self.platform}: {name} of session {session.session_id!r} cannot be read: {reason}"
                    )
                self.unread.fields(f"session {session.session_id!r}", record.unread)
                return people_of(record)
        return []

    async def transcripts(self, session: Session) -> list[Transcript]:
        """The session's transcripts; empty while there is none."""
        try:
            items = await self.client.send(endpoints.list_transcripts(await self._slug(session.session_id)))
        except NotFoundError:
            return []
        return [transcript_of(item, session) for item in items if item.segments]

    async def recordings(self, session: Session) -> list[Recording]:
        """The session's audio; empty while there is none."""
        items = await self._recordings(await self._slug(session.session_id))
        self.unread.rows("recording", session.session_id, items)
        return recordings_of(items, session.session_id)

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """The presigned address that the list of recordings gave, or gives now."""
        if recording.download_url is None:
            items = await self._recordings(await self._slug(recording.session_id))
            recording = with_url(recording, recordings_of(items, recording.session_id))
        return url_of(recording), {}

    async def _recordings(self, slug: str) -> list[RecordingItem]:
        try:
            return await self.client.send(endpoints.list_recordings(slug))
        except NotFoundError:  # not documented: it may be the answer while there is none
            return []

    async def _slug(self, session_id: str) -> str:
        """The slug of an id of either kind.

        :raises ConflictError: it is a request that has no slug yet.
        """
        _refuse_no_id(session_id)
        if not session_id.startswith(REQUEST):
            return session_id
        for record in await self._lists.requests():
            if session_id == f"{REQUEST}{record.id}":
                if not record.remote_session_id:
                    raise ConflictError(f"{session_id} is not scheduled yet; wait for state 'scheduled'", status=409)
                return record.remote_session_id
        raise _missing(session_id)

    # --- how sessions are seen ----------------------------------------------------------------------------------------

    async def _current(self, slugs: Set[str], requests_kept: float) -> dict[str, _Seen | SessionsError]:
        """Sessions as the list of sessions shows them, or else the list of requests."""
        listed = await self._lists.sessions(slugs)
        is_shown = {slug for slug, reading in listed.items() if not reading.is_canceled}
        requests = await self._lists.scheduled_as(slugs, max_age=requests_kept if slugs <= is_shown else 0.0)
        found: dict[str, _Seen | SessionsError] = {}
        for slug in slugs:
            try:
                seen = self._seen(listed.get(slug), requests.get(slug))
            except ResponseError as unreadable:
                found[slug] = unreadable
            else:
                found |= {} if seen is None else {slug: seen}
        return found

    def _requested(self, request: RequestRecord) -> Session | SessionsError:
        try:
            return self._reader.request(request)
        except ResponseError as unreadable:
            return unreadable

    def _seen(self, listed: Listed | None, request: RequestRecord | None) -> _Seen | None:
        """A session as the two lists show it. Where one was canceled, another may have its slug."""
        if request is not None and (listed is None or self._reader.is_of_another(request, listed)):
            return _Seen(self._reader.unlisted(request), listed=False)
        return None if listed is None else _Seen(self._reader.listed(listed, request), listed=True)

    def _after(self, seen: _Seen, before: Session | None) -> Session:
        """A session, knowing what the last look saw of it: rules 2 and 4 of the module's docstring."""
        if before is not None and before.state is SessionState.LIVE:
            self._live.add(before.session_id)
        return self._live_no_more(seen)

    def _live_no_more(self, seen: _Seen) -> Session:
        """A session, as ended if it was live when it was seen last and is not now: rule 4."""
        session = seen.session
        if session.session_id in self._live and (
            session.state is SessionState.SCHEDULED or (session.state in OPEN and not seen.listed)
        ):
            return ended(session)
        if session.state is SessionState.LIVE and seen.listed:
            self._live.add(session.session_id)
        return session

    async def _settled(self, listed: Listed | None, request: RequestRecord | None) -> ListedSession | None:
        """A session of a list, looked at closely; who polls does that only once it should be over by plan."""
        try:
            seen = self._seen(listed, request)
        except UnknownStateError as unknown:
            return unknown
        if seen is None:
            return None
        session = self._live_no_more(seen)
        planned = session.scheduled_end
        is_due = planned is not None and planned <= self.client.clock.now()
        return await self._closely(session) if is_due or self.client.traffic_class is not TrafficClass.POLL else session

    async def _closely(self, session: Session) -> Session:
        """A session, looked at together with its recordings where they can decide."""
        begun = session.scheduled_start is None or session.scheduled_start <= self.client.clock.now()
        asked = session.state is SessionState.LIVE or (session.state is SessionState.SCHEDULED and begun)
        try:
            return ended(session) if asked and await self._recordings(session.session_id) else session
        except ResponseError as unreadable:
            self.unread.fields(f"session {session.session_id!r}", {"the recordings": str(unreadable)})
            return session


def _starts(session: Session, start: datetime) -> bool:
    """Whether a session is planned to start then, to the minute, as far as the answer tells."""
    planned = session.scheduled_start
    return planned is None or planned == start.replace(second=0, microsecond=0)


def _misplaced(session: Session, start: datetime) -> SessionsError:
    """The error of a session that was planned for another time. Another try would find it and leave it as it is."""
    return SessionsError(
        f"prevail planned session {session.session_id} for {session.scheduled_start} ({session.time_zone}) instead of "
        f"{start}; move or cancel it in Prevail"
    )


def _widened(query: SessionQuery) -> Window | None:
    """The window of sessions that have to be read: the platform lists those that begin AND end in one."""
    window = query.window
    if window is None:
        return None
    if query.by in (WindowBy.ENDED, WindowBy.ENDED_OR_DUE):
        return Window(start=shifted(window.start, -LONGEST), end=window.end)
    return Window(start=window.start, end=shifted(window.end, LONGEST))


def _may_start_in(window: Window | None, request: RequestRecord) -> bool:
    """Whether a request is planned to start in a window, as far as its times can be read."""
    if window is None:
        return True
    start, _, _, unread = request.times
    return start in window if start is not None else bool(unread)


def _around(start: datetime | None) -> Window | None:
    """Where a session is to be expected that is planned to start then."""
    return None if start is None else Window(start=shifted(start, -timedelta(minutes=1)), end=shifted(start, LONGEST))


def _refuse_no_id(session_id: object) -> None:
    """Refuse what can be nobody's id, as endpoints refuse it as a part of their path.

    :raises InputError: it is no text, is empty, or would lead to another path.
    """
    if not is_id(session_id):
        raise InputError(
            f"session_id: {quote_value(session_id)} is no id; prevail's is the session's remote_session_id "
            "(the end of its URL)"
        )


def _missing(session_id: str) -> NotFoundError:
    return NotFoundError(
        f"prevail lists no session with session_id={session_id!r}; it is the session's remote_session_id (the end of "
        f"its URL)",
        status=404,
        arguments={"session_id": session_id},
    )
