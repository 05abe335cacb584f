"""Sessions, speaking the model.

State is no field of a session there: it has ended with ``endedAt``, is live with ``actualStart`` alone, and is
scheduled otherwise (inferred). A canceled session is a deleted one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import Call, Paged
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import ConflictError, InputError, NotFoundError, ResponseError, SessionsError
from airflow_provider_sessions.model import (
    Booking,
    Event,
    Participant,
    Registration,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Takeaways,
    Transcript,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support
from airflow_provider_sessions.platforms.api_key import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import Candidate, has_marker, keep_marker, parse_marker
from airflow_provider_sessions.platforms.list_cache import ListCache
from airflow_provider_sessions.platforms.list_items import Reading, Readings, identity
from airflow_provider_sessions.platforms.poll_strategy import Depth
from airflow_provider_sessions.platforms.sessions_us import endpoints
from airflow_provider_sessions.platforms.sessions_us.artifacts import read_transcripts
from airflow_provider_sessions.platforms.sessions_us.bookings import (
    SessionIndex,
    booking_session,
    event_session,
    map_booking,
    map_event,
    map_registration,
)
from airflow_provider_sessions.platforms.sessions_us.models import SessionItem
from airflow_provider_sessions.platforms.sessions_us.options import (
    SessionsUsOptions,
    create_arguments,
    instant,
    person,
    update_fields,
)
from airflow_provider_sessions.platforms.unread import ListedSession, may_match, readable, skip_items_without_id
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass

T = TypeVar("T")
_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO
_WALKS = 3
"""How often the list of sessions is read at most, while it changes."""
_FIND_PAGES = 5
"""Pages that are searched for what an earlier attempt made, where nobody knows since when to search."""
_SKEW = timedelta(hours=1)
"""How far the platform's clock and ours may be apart."""
_SOON = timedelta(hours=1)
"""How long before its planned start a session that a list is silent about is asked for by itself."""


class SessionsUsAdapter(Adapter):
    """Adapter of connection type ``sessions_us``."""

    platform = "sessions_us"
    hook_class = "airflow_provider_sessions.hooks.sessions_us:SessionsUsHook"
    endpoints = endpoints.api
    create_options = SessionsUsOptions
    change_options = SessionsUsOptions
    default_base_url = None
    default_rate_limit = RateLimit(10, 60.0)
    default_max_wait = 300.0  # an export may have 32 requests waiting at once: that is four windows and a bit
    keeps_canceled = False
    filters = frozenset(("room_id",))
    dialect = Dialect(
        "sessions_us",
        hints={
            401: "Check the connection: password holds the API key (Profile > Workspace settings > Public API); "
            "a revoked key stops working",
            403: "The key's role does not allow this: a key of role GUEST serves guest requests alone; make one of "
            "role USER",
        },
    )
    capabilities: ClassVar[Mapping[Feature, Capability]] = {
        Feature.CREATE: Capability(_YES, "Needs start and duration; participants are added in a second request"),
        Feature.FIND_EXISTING: Capability(_INFERRED, "By the mark in the description, among the newest sessions"),
        Feature.GET: Capability(_YES, "State is inferred from actualStart and endedAt"),
        Feature.POLL_SESSIONS: Capability(_YES, "Pages of the list, newest first, until all are found"),
        Feature.UPDATE: Capability(_INFERRED, "The path is documented, the fields are not"),
        Feature.START: Capability(
            _NO, "The host starts a session in Sessions; wait for it with SessionStateSensor(state='live')"
        ),
        Feature.END: Capability(
            _NO, "The host ends a session in Sessions; wait for it with SessionStateSensor(state='ended')"
        ),
        Feature.CANCEL: Capability(_YES, "Deletes the session: the platform has no canceled state"),
        Feature.SESSIONS: Capability(_YES, "The whole list is read: the platform filters nothing"),
        Feature.PARTICIPANTS: Capability(_YES, "The people of a session, without times"),
        Feature.ATTENDANCE: Capability(
            _NO,
            "Sessions' API tells nobody's times of joining and leaving; export the 'participants' dataset instead",
        ),
        Feature.TRANSCRIPTS: Capability(_YES, "The shape is inferred from the vendor's webhooks"),
        Feature.TAKEAWAYS: Capability(_YES, "The shape is inferred from the vendor's webhooks"),
        Feature.RECORDINGS: Capability(
            _NO, "Sessions' API has no recordings; the product saves them to Google Drive through its own integration"
        ),
        Feature.RECORDING_REQUEST: Capability(_NO, "Sessions' API has no recordings"),
        Feature.POLLS: Capability(_NO, "Sessions' API has no polls"),
        Feature.CHAT_MESSAGES: Capability(_NO, "Sessions' API has no chat; export 'transcript_segments' instead"),
        Feature.BOOKINGS: Capability(
            _INFERRED,
            "The whole list is read, once an export; most of its fields are inferred. Of canceled ones no row",
        ),
        Feature.EVENTS: Capability(
            _INFERRED, "The whole list is read, once an export; most of its fields are inferred"
        ),
        Feature.REGISTRATIONS: Capability(
            _INFERRED, "The participants of an event's session besides its owner: no endpoint lists registrations"
        ),
    }

    def __init__(self, account: Account, client: Client) -> None:
        super().__init__(account, client)
        self._people = ListCache(self._people_of, client.clock)
        self._depth = Depth(endpoints.PAGES.size)
        self._known = Readings(self._read)
        self._partial: set[str] = set()
        self._bookings = SessionIndex(lambda: self._pages(endpoints.list_bookings()), booking_session, client.clock)
        self._events = SessionIndex(lambda: self._pages(endpoints.list_events()), event_session, client.clock)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """The key in a header. Source: observed in four public clients; the help page does not name the header.

        :raises ConnectionConfigError: the key is missing.
        """
        account.choice("key_role", ("USER", "GUEST"), "USER")
        return ApiKeyAuth("x-api-key", account.required_password("API key"))

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Add the number of a list's first page, 0 or 1: public clients disagree, and the vendor says nothing.

        :raises ConnectionConfigError: another number.
        """
        number = account.extra.get("first_page")
        if number in (None, ""):
            return config
        if str(number) not in ("0", "1"):
            raise account.wrong("first_page", f"is {number!r}; expected 0 or 1")
        return replace(config, first_page=int(number))

    async def check(self) -> str:
        """Read the first page of the list of sessions."""
        async for _ in self._pages(endpoints.list_sessions()):
            break
        return f"Sessions at {urlsplit(self.client.config.base_url).hostname} answered, and the API key is accepted"

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`."""
        self._refuse_guest_key("create_session")
        create_arguments(draft, self.options(SessionsUsOptions, draft.options))

    async def create(self, draft: SessionDraft) -> Session:
        """Make a session; :meth:`finish_create` adds the participants."""
        arguments = create_arguments(draft, self.options(SessionsUsOptions, draft.options))
        return self._read(await self._send(endpoints.create_session(**arguments)))

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Add the participants that are not there yet."""
        if not draft.participants:
            return session
        there = {(p.email or "").lower() for p in await self.participants(session)}
        missing = [person(invitee) for invitee in draft.participants if invitee.email.lower() not in there]
        if missing:
            await self._send(endpoints.add_participants(session.session_id, missing))
        return session

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Sessions that bear a mark of the task, or have the draft's title and times, among the newest."""
        self.validate(draft)
        found: list[Candidate] = []
        depth = _Depth(draft.since, everywhere)
        async for item in self._pages(endpoints.list_sessions()):
            if candidate := await self._trace(item, draft):
                found.append(candidate)
            if depth.is_reached(item):
                break
        return found

    async def _trace(self, item: SessionItem, draft: SessionDraft) -> Candidate | None:
        is_similar = _is_similar(draft, item)
        if is_similar and item.description is None and item.id and has_marker(draft):
            try:
                item = await self._send(endpoints.get_session(item.id))  # a list may show less of a session
            except NotFoundError:  # another attempt has just taken it back
                return None
        mark = parse_marker(item.description)
        if not is_similar and not (mark and mark.is_of_same_task(draft)):
            return None
        return Candidate(
            self._read(item), mark, is_similar, can_have_marker=has_marker(draft) and item.description is not None
        )

    async def get(self, session_id: str) -> Session:
        """One session as it is now."""
        return self._read(await self._send(endpoints.get_session(session_id)))

    async def get_details(self, session: Session) -> Session:
        """Ask for a session that a list showed in part."""
        return await self.get(session.session_id) if session.session_id in self._partial else session

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """Pages, newest first, until all are found; single requests where those are fewer, or a page is silent.

        What is over stays as it is, unless the caller passes None for it.
        """
        answers: dict[str, Session | SessionsError] = {
            key: session for key, session in known.items() if session is not None and session.state.is_final
        }
        rest = known.keys() - answers.keys()
        answers |= await self._look_at_pages(rest)
        for session_id in rest - answers.keys():
            answers[session_id] = await self._look_at_one(session_id)
        return answers

    async def _look_at_pages(self, wanted: Collection[str]) -> dict[str, Session | SessionsError]:
        """What the newest pages tell."""
        answers: dict[str, Session | SessionsError] = {}
        found = await self._depth.search(self._readings(), wanted, lambda reading: reading.key)
        for key, reading in found.items():
            if self._is_silent(reading):
                self._depth.forget(key)
            else:
                answers[key] = reading.outcome
        return answers

    async def _not_silent(self, reading: Reading, outcome: ListedSession) -> ListedSession:
        """What a list tells of a session; asked for by itself where the list does not tell whether it is live."""
        looked = await self._look_at_one(reading.key) if self._is_silent(reading) else outcome
        return looked if isinstance(looked, Session) else outcome

    def _is_silent(self, reading: Reading) -> bool:
        """Whether an item of a list leaves out whether its session is live, and it may be."""
        start = reading.outcome.scheduled_start if isinstance(reading.outcome, Session) else None
        return reading.is_silent and (start is None or start <= self.client.clock.now() + _SOON)

    async def _look_at_one(self, session_id: str) -> Session | SessionsError:
        try:
            return self._read(await self._send(endpoints.get_session(session_id)))
        except NotFoundError as gone:
            self._depth.forget(session_id)
            return gone
        except ResponseError as unreadable:
            return unreadable

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change a session; a new start moves the end along, unless a duration is given."""
        options = self.options(SessionsUsOptions, changes.options)
        moves = (changes.start is not None, changes.duration_seconds is not None)
        old = SessionItem()
        if changes.description is not None or moves in ((True, False), (False, True)):
            old = await self._send(endpoints.get_session(session_id))
        if changes.description is not None:
            kept = keep_marker(old.description, changes.description)
            changes = changes.model_copy(update={"description": kept})
        fields = update_fields(changes, options, _new_end(old, changes) if any(moves) else None)
        if fields:
            await self._send(endpoints.update_session(session_id, fields))
        session = await self.get(session_id)
        if changes.add_participants:
            draft = SessionDraft(title=session.title or session_id, participants=changes.add_participants)
            session = await self.finish_create(session, draft)
        return session

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Delete a session that has not begun; one that was held is never deleted.

        :raises ConflictError: it is live or over.
        """
        session = await self.get(session_id)
        if session.state is not SessionState.SCHEDULED:
            raise ConflictError(
                f"{session_id} is {session.state}: canceling deletes a session on sessions_us, so only one that has "
                f"not begun is canceled; to delete it nevertheless call the endpoint 'delete_session'",
                status=409,
            )
        await self._send(endpoints.delete_session(session_id))
        return session.model_copy(update={"state": SessionState.CANCELED})

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """See :meth:`sessions_and_errors`."""
        return readable(self.sessions_and_errors(query), self.unread)

    async def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """Every session of the list that is meant: an old one may have ended just now, so all pages are read.

        Where the list leaves out whether sessions are live, those of a window that may be are asked for one by one.

        The list has no total. Where a session is deleted while it is read, another one slips from a page not yet read
        to one that was, and nothing tells. So a list of several pages is read until that brings nothing new: twice, as
        a rule, the second time with its pages side by side. Who polls reads it once, and again with the next look.

        :raises InputError: a case is asked for; Sessions has none.
        """
        self.check_query(query)
        known: set[str] = set()
        polls = self.client.traffic_class is TrafficClass.POLL
        for walk in range(1 if polls else _WALKS):
            before = len(known)
            readings = self._readings(ahead=not polls, expected=before)
            async for reading, outcome in skip_items_without_id(readings, self.unread):
                if reading.key not in known:
                    known.add(reading.key)
                    if not may_match(query, outcome):
                        continue
                    session = outcome if query.window is None else await self._not_silent(reading, outcome)
                    if may_match(query, session):
                        yield session
            if len(known) < endpoints.PAGES.size or (walk and len(known) == before):
                return

    async def participants(self, session: Session) -> list[Participant]:
        """The people of a session."""
        return await self._people.read(session.session_id)

    async def _people_of(self, session_id: str) -> list[Participant]:
        items = await self._send(endpoints.list_participants(session_id))
        self.unread.rows("participant", session_id, items)
        return [item.to_model(number) for number, item in enumerate(items)]

    async def transcripts(self, session: Session) -> list[Transcript]:
        """The original and its translations; a missing or empty one means that there is none yet."""
        try:
            entries = await self._send(endpoints.get_transcripts(session.session_id))
        except NotFoundError:
            return []
        if not any(words.get("text") for entry in entries for words in entry.get("content") or ()):
            return []
        people = await self._people.take(session.session_id)
        return read_transcripts(entries, session, {p.source_id: p for p in people if p.source_id})

    async def takeaways(self, session: Session) -> Takeaways | None:
        """Takeaways; a missing or empty one means that there is none yet."""
        try:
            answer = await self._send(endpoints.get_takeaways(session.session_id))
        except NotFoundError:
            return None
        if not (answer.takeaways_text or answer.takeaways_raw):
            return None
        return Takeaways(session_id=session.session_id, text=answer.takeaways_text or "", document=answer.takeaways_raw)

    async def bookings(self, session: Session) -> list[Booking]:
        """Return the booking that the session was made for."""
        items = await self._bookings.find(session.session_id)
        return [map_booking(item, session.session_id, self.unread) for item in items]

    async def events(self, session: Session) -> list[Event]:
        """Return the event that the session is held for."""
        items = await self._events.find(session.session_id)
        return [map_event(item, session.session_id, self.unread) for item in items]

    async def registrations(self, session: Session) -> list[Registration]:
        """Return the participants of an event's session, without its owner (inferred)."""
        events = await self.events(session)
        people = await self._people.take(session.session_id) if events else []
        return [
            map_registration(person, events[0])
            for person in people
            if person.role != "host" and person.participant_key != session.host_id
        ]

    def _readings(self, *, ahead: bool = False, expected: int = 0) -> AsyncIterator[Reading]:
        """The list of sessions."""
        listed = endpoints.list_sessions().map_items(self._reading, key="key", identity=identity)
        return self._pages(listed, ahead=ahead, expected=expected)

    def _reading(self, item: SessionItem) -> Reading:
        if item.id and item.is_partial:
            self._partial.add(item.id)
        return Reading(item.id or repr(item), self._known.outcome(item), is_silent=not item.tells_whether_live)

    def _read(self, item: SessionItem) -> Session:
        return item.to_model(self.platform, self.page(item.id or ""), self.unread)

    async def _send(self, call: Call[T]) -> T:
        self._refuse_guest_key(call.route.name)
        return await self.client.send(call)

    def _pages(self, call: Paged[T], *, ahead: bool = False, expected: int = 0) -> AsyncIterator[T]:
        self._refuse_guest_key(call.route.name)
        return self.client.pages(call, prefetch=ahead, expected_total=expected)

    def _refuse_guest_key(self, route: str) -> None:
        """A key of role GUEST serves guest requests alone: say so before the platform refuses.

        :raises ConnectionConfigError: the connection's key has that role.
        """
        if self.account.choice("key_role", ("USER", "GUEST"), "USER") == "GUEST":
            raise self.account.wrong(
                "key_role",
                f"is GUEST, which serves guest requests alone, not {route}; use a key of role USER, or call the "
                f"endpoint 'register_guest'",
            )


def _new_end(old: SessionItem, changes: SessionChanges) -> datetime:
    """The planned end that changes of start or duration lead to.

    :raises InputError: the session does not tell what is needed.
    """
    start = changes.start or old.start_at
    planned: timedelta | None = None
    if changes.duration_seconds is not None:
        planned = timedelta(seconds=changes.duration_seconds)
    elif old.start_at and old.planned_end:
        planned = old.planned_end - old.start_at
    if start is None or planned is None:
        raise InputError("sessions_us does not say how long this session is planned; give start and duration")
    return start + planned


class _Depth:
    """Tells when the list has been read far enough back.

    That is to a time, but a page at least, else for some pages; and to its end where it turns out not to be newest
    first (which was observed, but is not documented).

    :param since: the time, if it is known.
    :param everywhere: to the end in any case.
    """

    def __init__(self, since: datetime | None, everywhere: bool) -> None:
        self._oldest = None if since is None else since - _SKEW
        self._everywhere = everywhere
        self._read = 0
        self._last: datetime | None = None

    def is_reached(self, item: SessionItem) -> bool:
        """Whether no item after this one matters."""
        made = item.created_at
        if made and self._last and made > self._last:
            self._everywhere = True
        self._last = made or self._last
        self._read += 1
        if self._everywhere or self._read < endpoints.PAGES.size:
            return False
        if self._oldest is not None:
            return made is not None and made < self._oldest
        return self._read >= _FIND_PAGES * endpoints.PAGES.size


def _is_similar(draft: SessionDraft, item: SessionItem) -> bool:
    """Whether a session has the draft's title, and its times as they were written."""
    times = ((item.start_at, draft.start), (item.planned_end or draft.end, draft.end))
    return item.name == draft.title and all(a and b and instant(a) == instant(b) for a, b in times)
