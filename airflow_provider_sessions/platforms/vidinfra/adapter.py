"""VidInfra speaking the model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
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
    ResponseError,
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
from airflow_provider_sessions.platforms.api_key import ApiKeyAuth
from airflow_provider_sessions.platforms.description_marker import (
    Candidate,
    format_description,
    has_marker,
    parse_marker,
)
from airflow_provider_sessions.platforms.list_cache import ListCache
from airflow_provider_sessions.platforms.list_items import Reading, Readings, identity
from airflow_provider_sessions.platforms.poll_strategy import Depth
from airflow_provider_sessions.platforms.unread import ListedSession, may_match, readable, skip_items_without_id
from airflow_provider_sessions.platforms.vidinfra import endpoints, interactions, mapping
from airflow_provider_sessions.platforms.vidinfra.api.base import PAGE_SIZE
from airflow_provider_sessions.platforms.vidinfra.api.live.attendance import AttendanceResponse
from airflow_provider_sessions.platforms.vidinfra.api.live.sessions import SessionResponse
from airflow_provider_sessions.platforms.vidinfra.auth import DIALECT, LoginAuth
from airflow_provider_sessions.platforms.vidinfra.options import ChangeOptions, CreateOptions
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

BASE_URL = "https://api.tenbyte.io/v1/webinar"
VIDEO_BASE_URL = "https://api.tenbyte.io/v1/vidinfra"
_AT_ONCE = 8
"""Single looks that are sent side by side."""
_BOOKS_CLOSED = timedelta(minutes=15)
"""How long after a session's end its attendance is taken as complete, whatever the counters say."""
_LISTED = (SessionState.SCHEDULED, SessionState.LIVE)
"""States of which the list of live sessions tells whether they have changed."""
_TITLE_LENGTH = range(3, 256)

_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO
_PATH = "The vendor names this operation and documents its answer; its path is inferred."

CAPABILITIES: Mapping[Feature, Capability] = {
    Feature.CREATE: Capability(_YES, "Needs the options room_id and preset_id. A planned duration is not kept."),
    Feature.FIND_EXISTING: Capability(_YES, "By the mark in the description, among the room's sessions."),
    Feature.GET: Capability(_YES),
    Feature.POLL_SESSIONS: Capability(_YES, "One list of live sessions, and single requests where it does not tell."),
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
        "The vendor sums nothing up; make takeaways from a transcript that another tool wrote of the recording.",
    ),
    Feature.RECORDINGS: Capability(_INFERRED, _PATH),
    Feature.RECORDING_REQUEST: Capability(_INFERRED, _PATH),
    Feature.POLLS: Capability(_INFERRED, f"Votes are counted by option; nobody can see who voted. {_PATH}"),
    Feature.CHAT_MESSAGES: Capability(_INFERRED, f"Deleted messages are missing. {_PATH}"),
    Feature.BOOKINGS: Capability(_NO, "VidInfra has no bookings; a webinar is scheduled by its host."),
    Feature.EVENTS: Capability(_NO, "VidInfra has no events besides its sessions; export the 'sessions' dataset."),
    Feature.REGISTRATIONS: Capability(_NO, "VidInfra has no registrations; who came is in the dataset 'attendance'."),
}


class VidInfraAdapter(Adapter):
    """One connection to VidInfra Live."""

    platform = mapping.PLATFORM
    hook_class = "airflow_provider_sessions.hooks.vidinfra:VidInfraHook"
    endpoints = endpoints.api
    create_options = CreateOptions
    change_options = ChangeOptions
    dialect = DIALECT
    default_base_url = BASE_URL
    keeps_canceled = False
    filters = frozenset(("room_id",))
    capabilities = CAPABILITIES

    def __init__(self, account: Account, client: Client) -> None:
        super().__init__(account, client)
        self._attendance = ListCache(self._attendance_of, client.clock)
        self._depth = Depth(PAGE_SIZE)
        self._known = Readings(self._session)

    @classmethod
    def auth(cls, account: Account, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]) -> httpx.Auth:
        """An API key, or with ``auth_mode`` ``login`` an e-mail and a password.

        :raises ConnectionConfigError: a part of the credential is missing.
        """
        if account.choice("auth_mode", ("api_key", "login"), "api_key") == "api_key":
            return ApiKeyAuth("X-API-Key", account.required_password("API key"))
        if not account.login or not account.login.strip():
            raise account.wrong("login", "is empty; with auth_mode 'login' it holds the host's e-mail")
        password = account.required_password("password of the account in the login field")
        return LoginAuth(account.login.strip(), password, config=config, clock=clock, on_secret=on_secret)

    @classmethod
    def configure(cls, account: Account, config: ClientConfig) -> ClientConfig:
        """Add the library, where the connection names one, the video API, and other products of the vendor.

        The video API is at the field ``video_host``, or at the vendor's own beside the vendor's own host.

        :raises ConnectionConfigError: the library is no UUID, or another base URL no address.
        """
        others = {name: account.address("base_urls", url) for name, url in account.mapping("base_urls").items()}
        bases = {**others, "live": config.base_url}
        if video := account.text("video_host", VIDEO_BASE_URL if config.base_url == BASE_URL else None):
            bases["video"] = account.address("video_host", video)
        return replace(config, scope=_scope(account), bases=bases)

    async def check(self) -> str:
        """Ask for the session counters, which need a credential."""
        stats = await self.client.send(endpoints.get_dashboard_stats())
        host = httpx.URL(self.client.config.base_url).host
        place = "the library" if self.client.config.scope else "the account"
        return (
            f"{host} accepted the credential; {place} has {format_count(stats.total_sessions or 0, 'session')}, "
            f"{stats.live_now or 0} live and {stats.scheduled or 0} scheduled"
        )

    def validate(self, draft: SessionDraft) -> None:
        """Refuse a draft that VidInfra cannot make. A duration is let pass: VidInfra has no field to keep it in.

        :raises InputError: the text names the field.
        """
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
        """Make a session in a room.

        :raises InputError: see :meth:`validate`.
        """
        self.validate(draft)
        options = self.options(CreateOptions, draft.options)
        answer = await self.client.send(
            endpoints.create_session(
                str(options.room_id),
                draft.title,
                str(options.preset_id),
                description=format_description(draft),
                mode=options.mode,
                scheduled_start_time=draft.start,
            )
        )
        return self._session(answer.session)

    async def find_existing(self, draft: SessionDraft, *, everywhere: bool = False) -> list[Candidate]:
        """The room's sessions that bear a mark of the task, or have the draft's title and planned start."""
        self.validate(draft)
        room_id = str(self.options(CreateOptions, draft.options).room_id)
        pages = self.client.pages(endpoints.list_room_sessions(room_id))
        return [candidate async for answer in pages if (candidate := await self._trace(answer, draft))]

    async def _trace(self, answer: SessionResponse, draft: SessionDraft) -> Candidate | None:
        is_similar = _is_similar(draft, answer)
        if is_similar and answer.description is None and answer.id and has_marker(draft):
            try:
                answer = await self.client.send(endpoints.get_session(answer.id))  # a list may show less of a session
            except NotFoundError:  # another attempt has just taken it back
                return None
        mark = parse_marker(answer.description)
        if not is_similar and not (mark and mark.is_of_same_task(draft)):
            return None
        can_have_marker = has_marker(draft) and answer.description is not None
        return Candidate(self._session(answer), mark, is_similar, can_have_marker)

    def _session(self, answer: SessionResponse | None) -> Session:
        return mapping.session_from(answer, self.page, self.unread)

    async def get(self, session_id: str) -> Session:
        """One session as it is now."""
        return self._session(await self.client.send(endpoints.get_session(session_id)))

    async def poll_sessions(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """See how many sessions are: by the list of live ones, and closely where it does not tell.

        The list of live ones says of a session that was scheduled, and is not in it, that it is not live: it is taken
        as unchanged. It may have been live and over between two looks, or moved, expired or deleted; so the caller
        passes None for it now and then. What is over stays as it is.
        """
        seen: dict[str, Session | SessionsError] = {
            key: session for key, session in known.items() if session is not None and session.state.is_final
        }
        rest = {key: session for key, session in known.items() if key not in seen}
        listed = {key: session for key, session in rest.items() if session is not None and session.state in _LISTED}
        live_list = 1 + self._depth.cost(rest.keys() - listed.keys())
        if len(listed) > 1 and live_list <= self._depth.cost(rest):
            seen |= await self._look_at_live(rest)
            seen |= {
                key: session
                for key, session in listed.items()
                if key not in seen and session.state is SessionState.SCHEDULED
            }
        return seen | await self._look_closely(rest.keys() - seen.keys())

    async def _look_at_live(self, wanted: Collection[str]) -> dict[str, Session | SessionsError]:
        live = self._readings(endpoints.list_live_sessions())
        return {reading.key: reading.outcome async for reading in live if reading.key in wanted}

    async def _look_closely(self, wanted: Collection[str]) -> dict[str, Session | SessionsError]:
        """By pages of the list of all sessions, or one by one, whichever takes fewer requests."""
        found = await self._depth.search(self._readings(endpoints.list_sessions()), wanted, lambda reading: reading.key)
        seen = {key: reading.outcome for key, reading in found.items()}
        return seen | await self._look_at_each([key for key in wanted if key not in seen])

    def _readings(self, listed: Paged[SessionResponse], *, ahead: bool = False) -> AsyncIterator[Reading]:
        return self.client.pages(listed.map_items(self._reading, key="key", identity=identity), prefetch=ahead)

    def _reading(self, answer: SessionResponse) -> Reading:
        return Reading(answer.id or repr(answer), self._known.outcome(answer))

    async def _look_at_each(self, session_ids: Sequence[str]) -> dict[str, Session | SessionsError]:
        seen: dict[str, Session | SessionsError] = {}
        for first in range(0, len(session_ids), _AT_ONCE):
            batch = session_ids[first : first + _AT_ONCE]
            found = await asyncio.gather(*(self._look_at(key) for key in batch), return_exceptions=True)
            for key, session in zip(batch, found, strict=True):
                if isinstance(session, BaseException) and not isinstance(session, NotFoundError | ResponseError):
                    raise session
                if isinstance(session, NotFoundError):
                    self._depth.forget(key)
                seen[key] = session
        return seen

    async def _look_at(self, session_id: str) -> Session:
        return self._session(await self.client.send(endpoints.get_session(session_id)))

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Move a session, or change its settings.

        :raises InputError: something else is to change.
        """
        options = self._check(changes)
        if changes.start is not None:
            await self.client.send(endpoints.reschedule_session(session_id, changes.start))
        settings = options.model_dump(exclude_none=True)
        if settings:
            await self.client.send(endpoints.update_session_settings(session_id, **settings))
        return await self.get(session_id)

    def _check(self, changes: SessionChanges) -> ChangeOptions:
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
        """Make a session live.

        :raises ConflictError: it is not scheduled, or its room has another live session.
        """
        answer = await self.client.send(endpoints.start_session(session_id))
        return self._session(answer.session) if answer.session else await self.get(session_id)

    async def end(self, session_id: str) -> Session:
        """End a live session.

        :raises ConflictError: it is not live.
        """
        await self.client.send(endpoints.end_session(session_id))
        return await self.get(session_id)

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Delete a session that has not begun: VidInfra has no canceled state.

        :param notify: makes no difference; whether the platform tells anybody is not documented.
        :raises ConflictError: the session is live or over; it is never deleted then.
        :raises NotFoundError: there is no such session; also where it was canceled before.
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
            log.info("session %s is gone: a deletion whose answer was lost has been repeated", session_id)
        return session.model_copy(update={"state": SessionState.CANCELED})

    def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """All sessions that are meant, page by page.

        :raises InputError: a case is asked for; VidInfra has none.
        """
        return readable(self.sessions_and_errors(query), self.unread)

    def sessions_and_errors(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        """See :meth:`Adapter.sessions_and_errors`.

        :raises InputError: see :meth:`sessions`.
        """
        self.check_query(query)
        return self._matching(query)

    async def _matching(self, query: SessionQuery) -> AsyncIterator[ListedSession]:
        room_id = query.room_id
        listed = endpoints.list_sessions() if room_id is None else endpoints.list_room_sessions(room_id)
        # The room's own list holds its sessions alone: comparing ids again could only lose one that is spelt otherwise.
        rest = query.model_copy(update={"room_id": None})
        async for _, outcome in skip_items_without_id(self._readings(listed, ahead=True), self.unread):
            if may_match(rest, outcome):
                yield outcome

    async def participants(self, session: Session) -> list[Participant]:
        """The host, co-hosts, moderators and those who came, each once."""
        key = session.session_id
        assigned = [answer async for answer in self.client.pages(endpoints.list_participants(key))]
        self.unread.rows("participant", key, assigned)
        present = await self._attendance.take(key)
        return mapping.participants_from(session, assigned, present)

    async def attendance(self, session: Session) -> list[AttendanceInterval]:
        """One envelope of all joins a person; see :func:`.mapping.interval_from`."""
        rows = await self._attendance.read(session.session_id)
        return [mapping.interval_from(row, number) for number, row in enumerate(rows)]

    async def _attendance_of(self, session_id: str) -> list[AttendanceResponse]:
        """In an order of our own: what is told of a person hangs on it, and so do the keys of rows without an id."""
        rows = [row async for row in self.client.pages(endpoints.list_attendance(session_id))]
        self.unread.rows("attendance", session_id, rows)
        return sorted(rows, key=mapping.order_of)

    async def attendance_status(self, session: Session) -> ArtifactStatus:
        """Whether people have stopped counting as watching, which may take a while after a session's end (inferred)."""
        status = await super().attendance_status(session)
        if session.state is not SessionState.ENDED:
            return status
        stats = await self.client.send(endpoints.get_attendance_stats(session.session_id))
        people, watching = stats.total_attendees or 0, stats.currently_watching or 0
        settled = people > 0 and watching == 0
        long_over = session.actual_end is None or self.client.clock.now() - session.actual_end >= _BOOKS_CLOSED
        detail = f"{people} attendees, {watching} of them count as still watching"
        return status.model_copy(update={"ready": settled or long_over, "count": people, "detail": detail})

    async def recordings(self, session: Session) -> list[Recording]:
        """The session's recordings, finished or not."""
        answers = self.client.pages(endpoints.list_session_recordings(session.session_id))
        return [mapping.recording_from(answer, session.session_id, self.unread) async for answer in answers]

    async def recording_request(self, recording: Recording) -> tuple[str, Mapping[str, str]]:
        """An address that gives access to a recording's file for a while; asked for anew each time."""
        answer = await self.client.send(endpoints.get_recording_download_url(recording.recording_id))
        if answer.download_url is None or not answer.download_url.get_secret_value():
            raise MalformedResponseError(f"{self.platform} gave no download_url for recording {recording.recording_id}")
        return urljoin(self.client.config.base_url + "/", answer.download_url.get_secret_value()), {}

    async def polls(self, session: Session) -> list[Poll]:
        """Return the session's polls, with the votes of each option."""
        responses = self.client.pages(endpoints.list_polls(session.session_id))
        return [interactions.map_poll(response, session.session_id, self.unread) async for response in responses]

    async def chat_messages(self, session: Session) -> list[ChatMessage]:
        """Return the messages of the session's chat, those between two people too."""
        responses = self.client.pages(endpoints.list_chat_messages(session.session_id))
        return [interactions.map_message(response, session.session_id, self.unread) async for response in responses]


def _scope(account: Account) -> str | None:
    library_id = account.text("library_id")
    if library_id is None:
        return None
    try:
        return f"/libraries/{UUID(library_id)}"
    except ValueError:
        raise account.wrong("library_id", f"is {library_id!r}; expected a UUID") from None


def _is_similar(draft: SessionDraft, answer: SessionResponse) -> bool:
    """Whether a session has the draft's title and planned start.

    Without a planned start the title alone would also fit last week's session of that name, so then only one that is
    still to come, or is running, counts.
    """
    if answer.title != draft.title:
        return False
    start = answer.scheduled_start_time
    if draft.start is None or start is None:
        return draft.start is start and answer.status in ("scheduled", "live")
    return start.replace(microsecond=0) == draft.start.replace(microsecond=0)
