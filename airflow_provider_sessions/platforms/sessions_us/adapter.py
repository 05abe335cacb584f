"""Maps Sessions' API to the model.

A session has no field for its state: it has ended with ``endedAt``, is live with only ``actualStart``, and is scheduled
otherwise (inferred). Canceling deletes a session.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, TypeVar
from urllib.parse import urlsplit

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import Call, Paged
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    ConflictError,
    InputError,
    NotFoundError,
    ResponseError,
    SessionsError,
)
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
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support, add_original
from airflow_provider_sessions.platforms.auth import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import Candidate, find_candidates, keep_marker
from airflow_provider_sessions.platforms.list_cache import ListCache
from airflow_provider_sessions.platforms.list_items import (
    ItemMapper,
    ListedSession,
    ListItem,
    NumberedList,
    OnPage,
    item_identity,
    may_match,
    skip_items_without_id,
    skip_unknown_states,
)
from airflow_provider_sessions.platforms.poll_strategy import (
    SHARED_ERRORS,
    PageSearch,
    get_each,
    keep_final,
    keep_polled,
)
from airflow_provider_sessions.platforms.sessions_us import endpoints
from airflow_provider_sessions.platforms.sessions_us.artifacts import map_transcripts
from airflow_provider_sessions.platforms.sessions_us.auth import DIALECT, check_key_role, get_key_role
from airflow_provider_sessions.platforms.sessions_us.bookings import (
    SessionIndex,
    get_booking_session_id,
    get_event_session_id,
    map_booking,
    map_event,
    map_registration,
)
from airflow_provider_sessions.platforms.sessions_us.mapping import (
    PLATFORM,
    is_partial,
    lacks_state,
    map_participant,
    map_session,
)
from airflow_provider_sessions.platforms.sessions_us.models import SessionItem
from airflow_provider_sessions.platforms.sessions_us.options import (
    SessionsUsOptions,
    create_arguments,
    format_time,
    make_participant,
    update_fields,
)
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass

T = TypeVar("T")
_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO
_MAX_READS = 3
"""How often the list of sessions is read at most, if it changes meanwhile."""
_SEARCH_PAGES = 5
"""Pages to search for a session that an earlier attempt created, if it is unknown when that was."""
_CLOCK_SKEW = timedelta(hours=1)
"""How far the platform's clock may differ from this one."""
_EARLY_START = timedelta(hours=1)
"""How long before its planned start a session may go live: from then on it is polled by itself if a list lacks that."""
_REUSE_SECONDS = 60.0
"""Seconds for which a list of participants is used again, for the speakers of a transcript and for registrations."""


class SessionsUsAdapter(Adapter):
    """One connection to Sessions."""

    platform = PLATFORM
    hook_class = "airflow_provider_sessions.hooks.sessions_us:SessionsUsHook"
    endpoints = endpoints.api
    create_options = SessionsUsOptions
    change_options = SessionsUsOptions
    dialect = DIALECT
    default_base_url = None
    default_rate_limit = RateLimit(10, 60.0)
    default_max_wait = 300.0  # an export may have 32 requests waiting at once: that is a bit more than four windows
    keeps_canceled = False
    keeps_original_transcripts = True
    filters = frozenset(("room_id",))
    capabilities: ClassVar[Mapping[Feature, Capability]] = {
        Feature.CREATE: Capability(_YES, "Needs start and duration; participants are added in a second request"),
        Feature.FIND_EXISTING: Capability(_INFERRED, "By the marker in the description, among the newest sessions"),
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
            "Sessions' API has no times of joining and leaving; export the 'participants' dataset instead",
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
            "The whole list is read, once an export; most of its fields are inferred. Canceled bookings have no row",
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
        self._people = ListCache(self._list_participants, client.clock)
        self._page_search = PageSearch(endpoints.PAGES.size, self.get)
        self._mapper = ItemMapper(self._map_session)
        self._partial: set[str] = set()
        self._bookings = SessionIndex(
            lambda: self._pages(endpoints.list_bookings()), get_booking_session_id, client.clock
        )
        self._events = SessionIndex(lambda: self._pages(endpoints.list_events()), get_event_session_id, client.clock)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """Send the key in a header. Source: observed in four public clients; the help page does not name the header.

        :raises ConnectionConfigError: the key is missing, or its role is invalid.
        """
        get_key_role(account)
        return ApiKeyAuth("x-api-key", account.required_password("API key"))

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Add the number of a list's first page, 0 or 1: public clients disagree, and the vendor documents none.

        :raises ConnectionConfigError: another number.
        """
        number = account.extra.get("first_page")
        if number in (None, ""):
            return config
        if str(number) not in ("0", "1"):
            raise account.make_field_error("first_page", f"is {number!r}; expected 0 or 1")
        return replace(config, first_page=int(number))

    async def check(self) -> str:
        """Read the first page of the list of sessions."""
        async for _ in self._pages(endpoints.list_sessions()):
            break
        return f"Sessions at {urlsplit(self.client.config.base_url).hostname} responded, and the API key is accepted"

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`."""
        check_key_role(self.account, "create_session")
        create_arguments(draft, self.options(SessionsUsOptions, draft.options))

    async def create(self, draft: SessionDraft) -> Session:
        """Create a session; :meth:`finish_create` adds the participants."""
        arguments = create_arguments(draft, self.options(SessionsUsOptions, draft.options))
        return self._map_session(await self._send(endpoints.create_session(**arguments)))

    async def finish_create(self, session: Session, draft: SessionDraft) -> Session:
        """Add the participants that are missing."""
        if not draft.participants:
            return session
        present = {(person.email or "").lower() for person in await self.participants(session)}
        missing = [make_participant(invitee) for invitee in draft.participants if invitee.email.lower() not in present]
        if missing:
            await self._send(endpoints.add_participants(session.session_id, missing))
        return session

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Search the newest sessions for markers of the task, and for the draft's title and times."""
        self.validate(draft)

        async def get_item(item: SessionItem) -> SessionItem:
            return await self._send(endpoints.get_session(item.id)) if item.id else item

        return await find_candidates(
            self._list_newest(draft.since, everywhere),
            draft,
            is_similar=lambda item: _is_similar(draft, item),
            get_description=lambda item: item.description,
            get_item=get_item,
            to_session=self._map_session,
        )

    async def _list_newest(self, since: datetime | None, everywhere: bool) -> AsyncIterator[SessionItem]:
        """Yield sessions back to a time, but at least one page; without a time some pages.

        If the list turns out not to be newest first (which was observed, but is not documented), it is read to its end.
        """
        oldest = None if since is None else since - _CLOCK_SKEW
        count, last_created = 0, None
        async for item in self._pages(endpoints.list_sessions()):
            yield item
            created = item.created_at
            if created and last_created and created > last_created:
                everywhere = True
            last_created = created or last_created
            count += 1
            if everywhere or count < endpoints.PAGES.size:
                continue
            if oldest is None:
                if count >= _SEARCH_PAGES * endpoints.PAGES.size:
                    return
            elif created is not None and created < oldest:
                return

    async def get(self, session_id: str) -> Session:
        """See :meth:`Adapter.get`."""
        return self._map_session(await self._send(endpoints.get_session(session_id)))

    async def get_details(self, session: Session) -> Session:
        """Request a session of which a list left out fields."""
        return await self.get(session.session_id) if session.session_id in self._partial else session

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """Poll sessions by the newest pages of the list, or one by one if that takes fewer requests.

        A session is also requested by itself if the list leaves out whether it is live. Sessions in a final state are
        not polled, unless the caller passes None for them.
        """
        polled = keep_final(known)
        return await keep_polled(polled, known, self._poll(known, polled))

    async def _poll(self, known: Mapping[str, Session | None], polled: dict[str, Session | SessionsError]) -> None:
        wanted = [key for key in known if key not in polled]
        await get_each(self._page_search.get, self._page_search.select_overdue(wanted), polled, concurrent=1)
        rest = {key for key in wanted if key not in polled}
        async for key, item in self._page_search.search(self._list_items(), rest, lambda item: item.key):
            if self._is_unclear(item):
                self._page_search.exclude(key)
            else:
                polled[key] = item.result
        # One at a time: with a low rate limit, the last of several would wait longer than a request may.
        await get_each(self._page_search.get, [key for key in wanted if key not in polled], polled, concurrent=1)

    def _is_unclear(self, item: ListItem) -> bool:
        """Whether a list leaves out whether a session is live, and it may be."""
        start = item.result.scheduled_start if isinstance(item.result, Session) else None
        return item.lacks_state and (start is None or start <= self.client.clock.now() + _EARLY_START)

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change a session. A new start moves the end, too, unless a duration is given."""
        options = self.options(SessionsUsOptions, changes.options)
        moves = (changes.start is not None, changes.duration_seconds is not None)
        old = SessionItem()
        if changes.description is not None or moves in ((True, False), (False, True)):
            old = await self._send(endpoints.get_session(session_id))
        if changes.description is not None:
            description = keep_marker(old.description, changes.description)
            changes = changes.model_copy(update={"description": description})
        fields = update_fields(changes, options, _get_new_end(old, changes) if any(moves) else None)
        if fields:
            await self._send(endpoints.update_session(session_id, fields))
        session = await self.get(session_id)
        if changes.add_participants:
            draft = SessionDraft(title=session.title or session_id, participants=changes.add_participants)
            session = await self.finish_create(session, draft)
        return session

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Delete a session that has not started; one that was held is never deleted.

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
        """See :meth:`Adapter.sessions`."""
        return skip_unknown_states(self.sessions_and_errors(query), self.warnings)

    def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """See :meth:`Adapter.sessions_and_errors`."""
        return self._read_all(query)

    def numbered_list(self) -> NumberedList:
        """See :meth:`Adapter.numbered_list`."""
        return NumberedList(endpoints.PAGES.size, self._read_page, self._read_all, self._get_if_unclear)

    async def _read_page(self, number: int) -> tuple[Sequence[ListItem], int | None]:
        call = self._map_items()
        check_key_role(self.account, call.route.name)
        return await self.client.read_page(call, number)

    async def _read_all(self, query: SessionQuery, on_page: OnPage | None = None) -> AsyncIterator[ListedSession]:
        """Yield the sessions that match a query. All pages are read, as an old session may have ended just now.

        If the list leaves out whether sessions are live, those of a window that may be are requested one by one.

        The list has no total. If a session is deleted while it is read, another one moves from a page not yet read to
        one that was. So a list of several pages is read until that brings nothing new: usually twice, the second time
        with all its pages at the same time. Polls read it once, and again the next time.

        :raises InputError: the query filters by case; Sessions has none.
        """
        self.check_query(query)
        known: set[str] = set()
        is_poll = self.client.traffic_class is TrafficClass.POLL
        for number in range(1 if is_poll else _MAX_READS):
            before = len(known)
            items = self._list_items(ahead=not is_poll, expected=before, on_page=on_page)
            async for item, listed in skip_items_without_id(items, self.warnings):
                if item.key not in known:
                    known.add(item.key)
                    if not may_match(query, listed):
                        continue
                    session = listed if query.window is None else await self._get_if_unclear(item)
                    if may_match(query, session):
                        yield session
            if len(known) < endpoints.PAGES.size or (number and len(known) == before):
                return

    async def _get_if_unclear(self, item: ListItem) -> ListedSession:
        """Return a session of a list, requested by itself if the list leaves out whether it is live.

        An error response to that fails an export. A poll of many sessions does without.
        """
        if not self._is_unclear(item):
            return item.listed
        try:
            return await self._page_search.get(item.key)
        except (NotFoundError, ResponseError):
            return item.listed
        except ApiError as error:
            if self.client.traffic_class is not TrafficClass.POLL or isinstance(error, SHARED_ERRORS):
                raise
            return item.listed

    async def participants(self, session: Session) -> list[Participant]:
        """See :meth:`Adapter.participants`."""
        return await self._people.get(session.session_id)

    async def _list_participants(self, session_id: str) -> list[Participant]:
        items = await self._send(endpoints.list_participants(session_id))
        self.warnings.check_rows("participant", session_id, items)
        return [map_participant(item, number) for number, item in enumerate(items)]

    async def transcripts(self, session: Session) -> list[Transcript]:
        """Return the original and its translations; a missing or empty one means that there is none yet."""
        try:
            call = endpoints.get_transcripts(session.session_id)
            check_key_role(self.account, call.route.name)
            entries, body = await self.client.send_for_body(call)
        except NotFoundError:
            return []
        if not any(content.get("text") for entry in entries for content in entry.get("content") or ()):
            return []
        people = await self._people.get(session.session_id, max_age=_REUSE_SECONDS)
        return add_original(map_transcripts(entries, session, {p.source_id: p for p in people if p.source_id}), body)

    async def takeaways(self, session: Session) -> Takeaways | None:
        """Return the takeaways; missing or empty ones mean that there are none yet."""
        try:
            response = await self._send(endpoints.get_takeaways(session.session_id))
        except NotFoundError:
            return None
        text, document = response.takeaways_text or "", response.takeaways_raw
        return Takeaways(session_id=session.session_id, text=text, document=document) if text or document else None

    async def bookings(self, session: Session) -> list[Booking]:
        """Return the booking that the session was made for."""
        items = await self._bookings.find(session)
        return [map_booking(item, session.session_id, self.warnings) for item in items]

    async def events(self, session: Session) -> list[Event]:
        """Return the event that the session is held for."""
        items = await self._events.find(session)
        return [map_event(item, session.session_id, self.warnings) for item in items]

    async def registrations(self, session: Session) -> list[Registration]:
        """Return the participants of an event's session, without its owner (inferred)."""
        events = await self.events(session)
        people = await self._people.get(session.session_id, max_age=_REUSE_SECONDS) if events else []
        return [
            map_registration(person, events[0])
            for person in people
            if person.role != "host" and person.participant_key != session.host_id
        ]

    def _list_items(
        self, *, ahead: bool = False, expected: int = 0, on_page: OnPage | None = None
    ) -> AsyncIterator[ListItem]:
        return self._pages(self._map_items(), ahead=ahead, expected=expected, on_page=on_page)

    def _map_items(self) -> Paged[ListItem]:
        return endpoints.list_sessions().map_items(self._map_item, key="key", identity=item_identity)

    def _map_item(self, item: SessionItem) -> ListItem:
        if item.id and is_partial(item):
            self._partial.add(item.id)
        return ListItem(item.id or repr(item), self._mapper.map(item), lacks_state=lacks_state(item))

    def _map_session(self, item: SessionItem) -> Session:
        return map_session(item, self.page(item.id or ""), self.warnings)

    async def _send(self, call: Call[T]) -> T:
        check_key_role(self.account, call.route.name)
        return await self.client.send(call)

    def _pages(
        self,
        call: Paged[T],
        *,
        ahead: bool = False,
        expected: int = 0,
        on_page: Callable[[int, Sequence[T]], None] | None = None,
    ) -> AsyncIterator[T]:
        check_key_role(self.account, call.route.name)
        return self.client.pages(call, prefetch=ahead, expected_total=expected, on_page=on_page)


def _get_new_end(old: SessionItem, changes: SessionChanges) -> datetime:
    """Return the planned end after a change of start or duration.

    :raises InputError: the platform does not give the old start or duration.
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


def _is_similar(draft: SessionDraft, item: SessionItem) -> bool:
    """Whether a session has the draft's title, and its times as they are sent."""
    times = ((item.start_at, draft.start), (item.planned_end or draft.end, draft.end))
    return item.name == draft.title and all(a and b and format_time(a) == format_time(b) for a, b in times)
