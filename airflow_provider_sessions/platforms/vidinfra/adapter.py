"""Maps VidInfra's API to the model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urljoin
from uuid import UUID

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ConflictError,
    InputError,
    MalformedResponseError,
    NotFoundError,
    SessionsError,
)
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import (
    ArtifactStatus,
    AttendanceInterval,
    ChatMessage,
    Participant,
    Poll,
    Recording,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.adapter import Adapter, Capability, Feature, Support
from airflow_provider_sessions.platforms.auth import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import (
    Candidate,
    find_candidates,
    format_description,
    has_title_and_start,
)
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
from airflow_provider_sessions.platforms.poll_strategy import PageSearch, get_each, keep_final, keep_polled
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.api.base import PAGE_SIZE
from airflow_provider_sessions.platforms.vidinfra.api.people import AttendanceResponse
from airflow_provider_sessions.platforms.vidinfra.api.sessions import SessionResponse
from airflow_provider_sessions.platforms.vidinfra.artifacts import (
    attendance_sort_key,
    map_attendance,
    map_participants,
    map_recording,
)
from airflow_provider_sessions.platforms.vidinfra.auth import DIALECT, LoginAuth
from airflow_provider_sessions.platforms.vidinfra.interactions import map_message, map_poll
from airflow_provider_sessions.platforms.vidinfra.mapping import PLATFORM, map_session
from airflow_provider_sessions.platforms.vidinfra.options import ChangeOptions, CreateOptions
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

BASE_URL = "https://api.tenbyte.io/v1/webinar"
VIDEO_BASE_URL = "https://api.tenbyte.io/v1/vidinfra"
_ATTENDANCE_FINAL_AFTER = timedelta(minutes=15)
"""How long after a session's end its attendance counts as final, even if somebody still counts as watching."""
_STATES_IN_LIVE_LIST = (SessionState.SCHEDULED, SessionState.LIVE)
"""Last known states of sessions for which the list of live sessions shows whether they changed."""
_TITLE_LENGTH = range(3, 256)
"""Numbers of characters: see CreateSessionRequest in the vendor's OpenAPI document ``live-api.json``."""
_REUSE_SECONDS = 60.0
"""Seconds for which attendance is used again to list the participants."""

_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO
_PATH = "The vendor names this operation and documents its response; its path is inferred."


class VidInfraAdapter(Adapter):
    """One connection to VidInfra Live."""

    platform = PLATFORM
    hook_class = "airflow_provider_sessions.hooks.vidinfra:VidInfraHook"
    endpoints = endpoints.api
    create_options = CreateOptions
    change_options = ChangeOptions
    dialect = DIALECT
    default_base_url = BASE_URL
    keeps_canceled = False
    filters = frozenset(("room_id",))
    capabilities: ClassVar[Mapping[Feature, Capability]] = {
        Feature.CREATE: Capability(_YES, "Needs the options room_id and preset_id. A planned duration is not kept."),
        Feature.FIND_EXISTING: Capability(_YES, "By the marker in the description, among the room's sessions."),
        Feature.GET: Capability(_YES),
        Feature.POLL_SESSIONS: Capability(_YES, "One list of live sessions, and single requests where needed."),
        Feature.UPDATE: Capability(
            _YES, "The start, and the options chat_enabled, stage_enabled and max_join_limit; nothing else."
        ),
        Feature.START: Capability(_YES),
        Feature.END: Capability(_YES),
        Feature.CANCEL: Capability(_YES, "VidInfra has no canceled state: a session that has not begun is deleted."),
        Feature.SESSIONS: Capability(_YES, "Filters by room; the rest is filtered here, after reading the whole list."),
        Feature.PARTICIPANTS: Capability(_INFERRED, f"Host, co-hosts, moderators and those who came. {_PATH}"),
        Feature.ATTENDANCE: Capability(_INFERRED, f"One row a person, with the number of joins. {_PATH}"),
        Feature.TRANSCRIPTS: Capability(
            _NO, "The vendor offers no transcripts; download the recording and have it transcribed by another tool."
        ),
        Feature.TAKEAWAYS: Capability(
            _NO,
            "The vendor offers no summaries; make takeaways from a transcript that another tool wrote of the "
            "recording.",
        ),
        Feature.RECORDINGS: Capability(_INFERRED, _PATH),
        Feature.RECORDING_REQUEST: Capability(_INFERRED, _PATH),
        # Polls that a host holds in a session, unlike POLL_SESSIONS.
        Feature.POLLS: Capability(_INFERRED, f"Votes are counted by option; nobody can see who voted. {_PATH}"),
        Feature.CHAT_MESSAGES: Capability(_INFERRED, f"Deleted messages are missing. {_PATH}"),
        Feature.BOOKINGS: Capability(_NO, "VidInfra has no bookings; a webinar is scheduled by its host."),
        Feature.EVENTS: Capability(_NO, "VidInfra has no events besides its sessions; export the 'sessions' dataset."),
        Feature.REGISTRATIONS: Capability(
            _NO, "VidInfra has no registrations; who came is in the dataset 'attendance'."
        ),
    }

    def __init__(self, account: Account, client: Client) -> None:
        super().__init__(account, client)
        self._attendance = ListCache(self._list_attendance, client.clock)
        self._page_search = PageSearch(PAGE_SIZE, self.get)
        self._mapper = ItemMapper(self._map_session)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """Use the API key, or with ``auth_mode`` ``login`` an e-mail address and a password.

        :raises ConnectionConfigError: a part of the credential is missing.
        """
        if account.choice("auth_mode", ("api_key", "login"), "api_key") == "api_key":
            return ApiKeyAuth("X-API-Key", account.required_password("API key"))
        if not account.login or not account.login.strip():
            raise account.make_field_error("login", "is empty; with auth_mode 'login' it holds the host's e-mail")
        password = account.required_password("password of the account in the login field")
        return LoginAuth(account.login.strip(), password, config=config, clock=clock, on_secret=on_secret)

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Add the connection's library, the video API, and other products of the vendor.

        The base URL of the video API is the field ``video_host``, or the vendor's own if the connection's host is.

        :raises ConnectionConfigError: the library is no UUID, or a base URL is invalid.
        """
        others = {name: account.address("base_urls", url) for name, url in account.mapping("base_urls").items()}
        bases = {**others, "live": config.base_url}
        if video := account.text("video_host", VIDEO_BASE_URL if config.base_url == BASE_URL else None):
            bases["video"] = account.address("video_host", video)
        return replace(config, scope=_parse_scope(account), bases=bases)

    async def check(self) -> str:
        """Get the session counters, which need a credential."""
        stats = await self.client.send(endpoints.get_dashboard_stats())
        host = httpx.URL(self.client.config.base_url).host
        owner = "the library" if self.client.config.scope else "the account"
        return (
            f"{host} accepted the credential; {owner} has {format_count(stats.total_sessions or 0, 'session')}, "
            f"{stats.live_now or 0} live and {stats.scheduled or 0} scheduled"
        )

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`. A duration is accepted, although VidInfra has no field to store it in."""
        if len(draft.title) not in _TITLE_LENGTH:
            raise InputError(
                f"title: {draft.title!r} has {len(draft.title)} characters; {self.platform} takes 3 to 255"
            )
        if draft.participants:
            raise InputError(
                f"participants: {self.platform} invites nobody to a new session; give people roles afterwards through "
                f"the endpoints add_co_host and add_moderator (CallApiOperator)"
            )
        self.options(CreateOptions, draft.options)

    async def create(self, draft: SessionDraft) -> Session:
        """Create a session in a room.

        :raises InputError: see :meth:`validate`.
        """
        self.validate(draft)
        options = self.options(CreateOptions, draft.options)
        response = await self.client.send(
            endpoints.create_session(
                str(options.room_id),
                draft.title,
                str(options.preset_id),
                description=format_description(draft),
                mode=options.mode,
                scheduled_start_time=draft.start,
            )
        )
        return self._map_session(response.session)

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """Search the room's sessions for markers of the task, and for the draft's title and planned start."""
        self.validate(draft)
        room_id = str(self.options(CreateOptions, draft.options).room_id)

        def is_similar(item: SessionResponse) -> bool:
            is_open = item.status in ("scheduled", "live")
            return has_title_and_start(draft, item.title, item.scheduled_start_time, is_open=is_open)

        async def get_item(item: SessionResponse) -> SessionResponse:
            return await self.client.send(endpoints.get_session(item.id)) if item.id else item

        return await find_candidates(
            self.client.pages(endpoints.list_room_sessions(room_id)),
            draft,
            is_similar=is_similar,
            get_description=lambda item: item.description,
            get_item=get_item,
            to_session=self._map_session,
        )

    async def get(self, session_id: str) -> Session:
        """See :meth:`Adapter.get`."""
        return self._map_session(await self.client.send(endpoints.get_session(session_id)))

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """Poll sessions: by the list of live ones, and in full if that does not show their state.

        A session that was scheduled and is not in the list of live ones is taken as unchanged. It may have been live
        and ended since the last poll, or been moved, expired or deleted; so the caller passes None for it now and then.
        Sessions in a final state are not polled.
        """
        polled = keep_final(known)
        return await keep_polled(polled, known, self._poll(known, polled))

    async def _poll(self, known: Mapping[str, Session | None], polled: dict[str, Session | SessionsError]) -> None:
        unfinished = {key: session for key, session in known.items() if key not in polled}
        in_live_list = {
            key: session
            for key, session in unfinished.items()
            if session is not None and session.state in _STATES_IN_LIVE_LIST
        }
        requests_with_list = 1 + self._page_search.estimate_requests(unfinished.keys() - in_live_list.keys())
        # For a single session, its own request is as cheap as the list, and returns it in any state.
        if len(in_live_list) > 1 and requests_with_list <= self._page_search.estimate_requests(unfinished):
            await self._poll_live(unfinished, polled)
            # A live session that is absent from the list has ended, so it is requested in full below.
            polled |= {
                key: session
                for key, session in in_live_list.items()
                if key not in polled and session.state is SessionState.SCHEDULED
            }
        await self._poll_in_full([key for key in unfinished if key not in polled], polled)

    async def _poll_live(self, wanted: Collection[str], polled: dict[str, Session | SessionsError]) -> None:
        async for item in self._list_items(endpoints.list_live_sessions()):
            if item.key in wanted:
                polled[item.key] = item.result

    async def _poll_in_full(self, wanted: Sequence[str], polled: dict[str, Session | SessionsError]) -> None:
        """Poll by pages of the list of all sessions, or one by one, whichever takes fewer requests."""
        await get_each(self._page_search.get, self._page_search.select_overdue(wanted), polled)
        items, rest = self._list_items(endpoints.list_sessions()), {key for key in wanted if key not in polled}
        async for key, item in self._page_search.search(items, rest, lambda item: item.key):
            polled[key] = item.result
        await get_each(self._page_search.get, [key for key in wanted if key not in polled], polled)

    def _list_items(
        self, listed: Paged[SessionResponse], *, ahead: bool = False, on_page: OnPage | None = None
    ) -> AsyncIterator[ListItem]:
        return self.client.pages(self._map_items(listed), prefetch=ahead, on_page=on_page)

    def _map_items(self, listed: Paged[SessionResponse]) -> Paged[ListItem]:
        return listed.map_items(self._map_item, key="key", identity=item_identity)

    def _map_item(self, response: SessionResponse) -> ListItem:
        return ListItem(response.id or repr(response), self._mapper.map(response))

    def _map_session(self, response: SessionResponse | None) -> Session:
        return map_session(response, self.page, self.warnings)

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Move a session, or change its settings.

        :raises InputError: another field is to change.
        """
        options = self._check_changes(changes)
        if changes.start is not None:
            await self.client.send(endpoints.reschedule_session(session_id, changes.start))
        settings = options.model_dump(exclude_none=True)
        if settings:
            await self.client.send(endpoints.update_session_settings(session_id, **settings))
        return await self.get(session_id)

    def _check_changes(self, changes: SessionChanges) -> ChangeOptions:
        fixed = {
            "title": changes.title is not None,
            "description": changes.description is not None,
            "duration": changes.duration_seconds is not None,
            "time_zone": changes.time_zone is not None and changes.start is None,
            "participants": bool(changes.add_participants),
        }
        if wrong := [name for name, is_set in fixed.items() if is_set]:
            raise InputError(
                f"{', '.join(wrong)}: {self.platform} cannot change this; it can change the start, and the options "
                f"{', '.join(ChangeOptions.model_fields)}"
            )
        return self.options(ChangeOptions, changes.options)

    async def start(self, session_id: str) -> Session:
        """Start a session.

        :raises ConflictError: it is not scheduled, or its room has another live session.
        """
        response = await self.client.send(endpoints.start_session(session_id))
        return self._map_session(response.session) if response.session else await self.get(session_id)

    async def end(self, session_id: str) -> Session:
        """End a live session.

        :raises ConflictError: it is not live.
        """
        await self.client.send(endpoints.end_session(session_id))
        return await self.get(session_id)

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Delete a session that has not started: VidInfra has no canceled state.

        :param notify: makes no difference; whether the platform notifies anybody is not documented.
        :raises ConflictError: the session is live or over; it is never deleted then.
        :raises NotFoundError: there is no such session; also if it was canceled before.
        """
        session = await self.get(session_id)
        if session.state is not SessionState.SCHEDULED:
            remedy = "end it instead" if session.state is SessionState.LIVE else "there is nothing left to cancel"
            raise ConflictError(
                f"session {session_id} is {session.state.value}; {self.platform} can only cancel what has not begun: "
                f"{remedy}",
                status=409,
                route="delete_session",
            )
        try:
            await self.client.send(endpoints.delete_session(session_id))
        except NotFoundError:
            log.info("Session %s no longer exists; it counts as canceled", session_id)
        return session.model_copy(update={"state": SessionState.CANCELED})

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """See :meth:`Adapter.sessions`."""
        return skip_unknown_states(self.sessions_and_errors(query), self.warnings)

    def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """See :meth:`Adapter.sessions_and_errors`."""
        return self._read_all(query)

    def numbered_list(self) -> NumberedList:
        """See :meth:`Adapter.numbered_list`."""

        async def read_page(number: int) -> tuple[Sequence[ListItem], int | None]:
            return await self.client.read_page(self._map_items(endpoints.list_sessions()), number)

        async def complete(item: ListItem) -> ListedSession:
            return item.listed

        return NumberedList(PAGE_SIZE, read_page, self._read_all, complete)

    async def _read_all(self, query: SessionQuery, on_page: OnPage | None = None) -> AsyncIterator[ListedSession]:
        self.check_query(query)
        room_id = query.room_id
        listed = endpoints.list_sessions() if room_id is None else endpoints.list_room_sessions(room_id)
        # The list of a room is not filtered again, as ids may be spelled differently there.
        rest = query.model_copy(update={"room_id": None})
        items = self._list_items(listed, ahead=True, on_page=on_page)
        async for _, session in skip_items_without_id(items, self.warnings):
            if may_match(rest, session):
                yield session

    async def participants(self, session: Session) -> list[Participant]:
        """Return the host, co-hosts, moderators and the people who were present, each once."""
        key = session.session_id
        assigned = [response async for response in self.client.pages(endpoints.list_participants(key))]
        self.warnings.check_rows("participant", key, assigned)
        return map_participants(session, assigned, await self._attendance.get(key, max_age=_REUSE_SECONDS))

    async def attendance(self, session: Session) -> list[AttendanceInterval]:
        """Return one interval for each person; see :func:`.artifacts.map_attendance`."""
        rows = await self._attendance.get(session.session_id)
        return [map_attendance(row, number) for number, row in enumerate(rows)]

    async def _list_attendance(self, session_id: str) -> list[AttendanceResponse]:
        """Return the rows in an order that does not change: the keys of rows without an id depend on it."""
        rows = [row async for row in self.client.pages(endpoints.list_attendance(session_id))]
        self.warnings.check_rows("attendance", session_id, rows)
        return sorted(rows, key=attendance_sort_key)

    async def attendance_status(self, session: Session) -> ArtifactStatus:
        """Return the status of the attendance.

        It is ready when nobody counts as watching any more, or 15 minutes after the session's end (both inferred).
        """
        status = await super().attendance_status(session)
        if session.state is not SessionState.ENDED:
            return status
        stats = await self.client.send(endpoints.get_attendance_stats(session.session_id))
        people, watching = stats.total_attendees or 0, stats.currently_watching or 0
        nobody_watches = people > 0 and watching == 0
        now = self.client.clock.now()
        is_final = session.actual_end is None or now - session.actual_end >= _ATTENDANCE_FINAL_AFTER
        detail = f"{people} attendees, {watching} of them count as still watching"
        return status.model_copy(update={"ready": nobody_watches or is_final, "count": people, "detail": detail})

    async def recordings(self, session: Session) -> list[Recording]:
        """See :meth:`Adapter.recordings`."""
        responses = self.client.pages(endpoints.list_session_recordings(session.session_id))
        return [map_recording(response, session.session_id, self.warnings) async for response in responses]

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """Request a temporary URL of a recording's file. How long it is valid is not documented."""
        response = await self.client.send(endpoints.get_recording_download_url(recording.recording_id))
        if response.download_url is None or not response.download_url.get_secret_value():
            raise MalformedResponseError(f"{self.platform} gave no download_url for recording {recording.recording_id}")
        return urljoin(self.client.config.base_url + "/", response.download_url.get_secret_value()), {}

    async def polls(self, session: Session) -> list[Poll]:
        """Return the polls of the session's audience, with the votes for each option."""
        responses = self.client.pages(endpoints.list_polls(session.session_id))
        return [map_poll(response, session.session_id, self.warnings) async for response in responses]

    async def chat_messages(self, session: Session) -> list[ChatMessage]:
        """Return the messages of the session's chat, those between two people too."""
        responses = self.client.pages(endpoints.list_chat_messages(session.session_id))
        return [map_message(response, session.session_id, self.warnings) async for response in responses]


def _parse_scope(account: Account) -> str | None:
    library_id = account.text("library_id")
    if library_id is None:
        return None
    try:
        return f"/libraries/{UUID(library_id)}"
    except ValueError:
        raise account.make_field_error("library_id", f"is {library_id!r}; expected a UUID") from None
