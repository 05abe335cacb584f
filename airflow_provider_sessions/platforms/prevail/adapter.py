"""Prevail, speaking the model.

**When a session has ended.** Prevail has no word for it, so this rule infers it, in this order, and the session says
``state_inferred``:

1. ``canceled`` and ``initial`` are what they say.
2. There are recordings: it has ended, even if its state still says ``active``.
3. ``transcript_status`` names a finished transcript: it has ended.
4. ``active``: it is live.
5. The planned end and the connection's grace have passed while it is ``scheduled`` or ``ready``: it has ended.

Recordings are asked for only where they can decide, and in looks at many sessions only at those that are looked at
closely.

**Ids.** A session's id is its ``remote_session_id``. While staff have not scheduled a request it has none; its id is
``request:`` and the request's number until then, and every question understands that id for ever.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict

from airflow_provider_sessions.client.answers import Dialect
from airflow_provider_sessions.client.budget import Lane
from airflow_provider_sessions.client.call import Paged
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ConflictError,
    InputError,
    MalformedAnswerError,
    NotFoundError,
    SessionsError,
)
from airflow_provider_sessions.model import (
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    SessionChanges,
    SessionDraft,
    SessionQuery,
    SessionState,
    Transcript,
    TranscriptSegment,
    Window,
    WindowBy,
)
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.base import Adapter, Capability, Question, Support
from airflow_provider_sessions.platforms.prevail import endpoints
from airflow_provider_sessions.platforms.prevail.auth import SignedToken
from airflow_provider_sessions.platforms.prevail.models import (
    TRANSCRIPT_READY,
    RecordingItem,
    RemoteSession,
    RequestRecord,
    SessionRecord,
    TranscriptItem,
    state_of,
)
from airflow_provider_sessions.platforms.prevail.options import (
    PrevailOptions,
    chosen_slug,
    create_arguments,
    invites_of,
    slug_of,
)
from airflow_provider_sessions.platforms.prevail.zones import end_of, hours, iana_name, read_time, write_time

_REQUEST = "request:"
_LONGEST = timedelta(days=2)
"""No session is planned to last longer: how far before a window of ends its starts are listed."""
_YES, _INFERRED, _NO = Support.YES, Support.INFERRED, Support.NO


class UpdateOptions(BaseModel):
    """Prevail knows no options of a change."""

    model_config = ConfigDict(extra="forbid")


class PrevailAdapter(Adapter):
    """Adapter of connection type ``prevail``."""

    platform = "prevail"
    endpoints = endpoints.api
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
    capabilities: ClassVar[Mapping[Question, Capability]] = {
        Question.CREATE: Capability(
            _YES, "E-mails everybody invited. options={'flow': 'request'} asks Prevail's staff"
        ),
        Question.FIND: Capability(_YES, "By the session's slug, which this package chooses"),
        Question.GET: Capability(_INFERRED, "There is no request for one session: lists are read until it is found"),
        Question.LOOK: Capability(_YES, "One list of the sessions' days; that one has ended is inferred"),
        Question.UPDATE: Capability(_YES, "Title, times, duration; people can be added, never removed"),
        Question.START: Capability(
            _NO, "Hosts start a session in Prevail; wait for it with SessionStateSensor(state='live')"
        ),
        Question.END: Capability(
            _NO, "Hosts end a session in Prevail; wait for it with SessionStateSensor(state='ended')"
        ),
        Question.CANCEL: Capability(_YES, "E-mails participants unless notify=False"),
        Question.SESSIONS: Capability(_YES, "By time; case and title are filtered here"),
        Question.PARTICIPANTS: Capability(_YES, "The people invited, and the deponent: not who came"),
        Question.ATTENDANCE: Capability(
            _NO,
            "Prevail has no attendance API: nobody knows who came. Participants are the invited people; export the "
            "'participants' dataset, and speakers stand in the transcript",
        ),
        Question.TRANSCRIPTS: Capability(
            _INFERRED, "Path and shape are inferred; the connection's paths can mend them"
        ),
        Question.TAKEAWAYS: Capability(
            _NO, "Prevail's API offers no takeaways; export the 'transcript_segments' dataset instead"
        ),
        Question.RECORDINGS: Capability(_YES, "Audio"),
        Question.RECORDING_ADDRESS: Capability(_YES, "Expires after 24 hours"),
    }

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
        async for _ in self.client.pages(_list(window)):
            count += 1
        host = urlsplit(self.client.config.base_url).hostname
        return f"Prevail at {host} answered: {count} sessions in the next 24 hours"

    def validate(self, draft: SessionDraft) -> None:
        """See :meth:`Adapter.validate`."""
        create_arguments(draft, self.options(PrevailOptions, draft.options))

    async def create(self, draft: SessionDraft) -> Session:
        """Schedule or request a session; everybody invited is e-mailed."""
        options = self.options(PrevailOptions, draft.options)
        arguments = create_arguments(draft, options)
        endpoint = endpoints.create_session_request if options.flow == "request" else endpoints.create_session
        records = await self.client.send(endpoint(**arguments))
        if not records:
            raise MalformedAnswerError(f"{endpoint.__name__}: the answer holds no request")
        return self._from_request(records[0])

    async def find(self, draft: SessionDraft) -> list[Session]:
        """Sessions with the draft's slug; while a request has none, those of its title, case and start."""
        options = self.options(PrevailOptions, draft.options)
        asked = create_arguments(draft, options)["remote_session"]
        slug = slug_of(chosen_slug(draft, options) or draft.title)
        requests = [record async for record in self.client.pages(endpoints.list_session_requests())]
        found = {
            session.session_id: session
            for record in requests
            if record.remote_session_id == slug or (not record.remote_session_id and _same(record, asked))
            for session in [self._from_request(record)]
        }
        if slug not in found and (scheduled := await self._listed({slug: None}, Lane.CALL)).get(slug):
            found[slug] = await self._closely(scheduled[slug], Lane.CALL)
        gone = (SessionState.CANCELED, SessionState.EXPIRED)
        return [session for session in found.values() if session.state not in gone]

    async def get(self, session_id: str) -> Session:
        """One session as it is now, found by reading lists."""
        answer = (await self.look({session_id: None}))[session_id]
        if isinstance(answer, SessionsError):
            raise answer
        return answer

    async def look(self, known: Mapping[str, Session | None]) -> dict[str, Session | SessionsError]:
        """One list of the sessions' days, and one of the requests where a session has no slug yet."""
        answers: dict[str, Session | SessionsError] = {}
        slugs: dict[str, str] = {}
        if any(session_id.startswith(_REQUEST) for session_id in known):
            requests = await self._requests(Lane.POLL)
            for session_id in known:
                if session_id.startswith(_REQUEST):
                    asked = requests.get(session_id)
                    if asked is None:
                        answers[session_id] = _missing(session_id)
                    elif asked.remote_session_id:
                        slugs[session_id] = asked.remote_session_id
                    else:
                        answers[session_id] = self._from_request(asked)
        slugs |= {session_id: session_id for session_id in known if not session_id.startswith(_REQUEST)}
        if slugs:
            listed = await self._listed({slug: known[session_id] for session_id, slug in slugs.items()}, Lane.POLL)
            for session_id, slug in slugs.items():
                record = listed.get(slug)
                if record is None:
                    answers[session_id] = _missing(session_id)
                elif known[session_id] is None:
                    answers[session_id] = await self._closely(record, Lane.POLL)
                else:
                    answers[session_id] = self._from_listed(record)
        return answers

    async def update(self, session_id: str, changes: SessionChanges) -> Session:
        """Change title, times or duration, and add people; date, time and zone always go together."""
        self.options(UpdateOptions, changes.options)
        if changes.description is not None:
            raise InputError("description: prevail cannot change the details of a scheduled session")
        if changes.time_zone is not None and changes.start is None:
            raise InputError("time_zone: prevail changes date, time and zone together; give start as well")
        invites = invites_of(changes.add_participants)
        slug = await self._slug(session_id)
        remote_session: dict[str, object] = {"title": changes.title} if changes.title is not None else {}
        if changes.start is not None:
            iana = changes.time_zone or (await self.get(session_id)).time_zone or "UTC"
            remote_session |= write_time(changes.start, iana)
        if changes.duration_seconds is not None:
            remote_session["estimated_duration"] = hours(changes.duration_seconds)
        if invites:
            remote_session["invites"] = invites
        records = await self.client.send(endpoints.edit_session(slug, remote_session))
        return self._from_listed(records[0]) if records and records[0].state else await self.get(slug)

    async def cancel(self, session_id: str, *, notify: bool = True) -> Session:
        """Cancel a session that has not begun; the answer holds no session, so it is read again."""
        session = await self.get(session_id)
        if session.state is SessionState.REQUESTED and session.session_id.startswith(_REQUEST):
            raise ConflictError(
                f"{session_id} is a request that staff have not scheduled: it has no remote_session_id, so the API "
                f"cannot cancel it; ask Prevail's Scheduling Team, or wait for state 'scheduled'",
                status=409,
            )
        await self.client.send(endpoints.cancel_session(session.session_id, None if notify else True))
        return session.model_copy(update={"state": SessionState.CANCELED, "state_inferred": False})

    async def sessions(self, query: SessionQuery) -> AsyncIterator[Session]:
        """Sessions of a window, from the list of those that start around it."""
        now = self.client.clock.now()
        window = query.window
        if window is not None and query.by is WindowBy.ENDED:
            window = Window(start=window.start - _LONGEST, end=window.end)
        async for record in self.client.pages(_list(window)):
            session = self._from_listed(record)
            planned = session.scheduled_end
            if session.state is SessionState.LIVE and planned is not None and planned <= now:
                session = await self._closely(record, Lane.CALL)
            if query.matches(session):
                yield session

    async def participants(self, session: Session) -> list[Participant]:
        """The people invited and the deponent, each once; nobody knows who came."""
        for record in (await self._requests(Lane.CALL)).values():
            if session.session_id in (record.remote_session_id, f"{_REQUEST}{record.id}"):
                return _people(record)
        return []

    async def transcripts(self, session: Session) -> list[Transcript]:
        """The session's transcripts; empty while there is none."""
        try:
            items = await self.client.send(endpoints.list_transcripts(await self._slug(session.session_id)))
        except NotFoundError:
            return []
        return [_transcript(item, session) for item in items if item.segments]

    async def recordings(self, session: Session) -> list[Recording]:
        """The session's audio."""
        items = await self.client.send(endpoints.list_recordings(await self._slug(session.session_id)))
        return [_recording(item, session.session_id) for item in items]

    async def recording_address(self, recording: Recording) -> str:
        """A fresh presigned address."""
        items = await self.client.send(endpoints.list_recordings(await self._slug(recording.session_id)))
        for item in items:
            if _recording(item, recording.session_id).recording_id == recording.recording_id and item.presigned_url:
                return item.presigned_url.get_secret_value()
        raise NotFoundError(f"{recording.session_id} has no recording {recording.recording_id} any more", status=404)

    async def _slug(self, session_id: str) -> str:
        """The slug of an id of either kind.

        :raises ConflictError: it is a request that has no slug yet.
        """
        if not session_id.startswith(_REQUEST):
            return session_id
        record = (await self._requests(Lane.CALL)).get(session_id)
        if record is None:
            raise _missing(session_id)
        if not record.remote_session_id:
            raise ConflictError(f"{session_id} is not scheduled yet; wait for state 'scheduled' first", status=409)
        return record.remote_session_id

    async def _requests(self, lane: Lane) -> dict[str, RequestRecord]:
        pages = self.client.pages(endpoints.list_session_requests(), lane=lane)
        return {f"{_REQUEST}{record.id}": record async for record in pages}

    async def _listed(self, known: Mapping[str, Session | None], lane: Lane) -> dict[str, SessionRecord]:
        """The sessions' records: from the list of their days, or from all there is where a day is not known."""
        starts = [session.scheduled_start for session in known.values() if session and session.scheduled_start]
        window = None
        if starts and len(starts) == len(known):
            window = Window(start=min(starts) - timedelta(minutes=1), end=max(starts) + _LONGEST)
        found: dict[str, SessionRecord] = {}
        for part in [window, None] if window else [None]:
            async for record in self.client.pages(_list(part), lane=lane):
                if record.remote_session_id in known:
                    found[str(record.remote_session_id)] = record
                    if len(found) == len(known):
                        return found
        return found

    async def _closely(self, record: SessionRecord, lane: Lane) -> Session:
        """Read a record with its recordings, where they can decide."""
        session = self._from_listed(record)
        begun = session.scheduled_start is None or session.scheduled_start <= self.client.clock.now()
        if session.state in (SessionState.LIVE, SessionState.SCHEDULED) and begun:
            try:
                items = await self.client.send(endpoints.list_recordings(session.session_id), lane=lane)
            except NotFoundError:
                items = []
            if items:
                return session.model_copy(update={"state": SessionState.ENDED, "state_inferred": True})
        return session

    def _from_request(self, record: RequestRecord) -> Session:
        state = state_of(record.session_state, self._own_words())
        details = record.provider_specific_details
        return self._session(
            record.remote_session,
            record.remote_session_id or f"{_REQUEST}{record.id}",
            state,
            url=record.session_url,
            join_url=(details.prevail_join_url if details else None) or record.session_url,
        )

    def _from_listed(self, record: SessionRecord) -> Session:
        slug = record.remote_session_id or ""
        parts = urlsplit(self.client.config.base_url)
        url = record.session_url or self.page(slug) or f"{parts.scheme}://{parts.netloc}/sessions/{slug}"
        session = self._session(record, slug, state_of(record.state, self._own_words()), url=url, join_url=url)
        if self._has_ended(session, record.transcript_status):
            return session.model_copy(update={"state": SessionState.ENDED, "state_inferred": True})
        return session

    def _session(
        self, planned: RemoteSession, session_id: str, state: SessionState, *, url: str | None, join_url: str | None
    ) -> Session:
        start = read_time(planned.start_date, planned.start_time, planned.time_zone)
        return Session(
            platform=self.platform,
            session_id=session_id,
            title=planned.title or session_id,
            state=state,
            scheduled_start=start,
            scheduled_end=end_of(start, planned.estimated_duration),
            time_zone=iana_name(planned.time_zone) if planned.time_zone else None,
            case=planned.case,
            url=url,
            join_url=join_url,
        )

    def _has_ended(self, session: Session, transcript_status: str | None) -> bool:
        """Rules 3 to 5 of the module's docstring."""
        if session.state in (SessionState.CANCELED, SessionState.REQUESTED, SessionState.ENDED):
            return False
        if (transcript_status or "").strip().lower() in TRANSCRIPT_READY:
            return True
        if session.state is SessionState.LIVE or session.scheduled_start is None:
            return False
        grace = timedelta(seconds=self.account.seconds("end_grace", 3600.0))
        planned = session.scheduled_end or session.scheduled_start + timedelta(hours=8)
        return self.client.clock.now() >= planned + grace

    def _own_words(self) -> dict[str, SessionState]:
        """State words that the connection adds: ``{"states": {"completed": "ended"}}`` in its extra."""
        words = self.account.extra.get("states") or {}
        try:
            return {str(word): SessionState(ours) for word, ours in dict(words).items()}
        except ValueError as unknown:
            raise self.account.wrong("states", f"maps a word to something else than our states: {unknown}") from None


def _list(window: Window | None) -> Paged[SessionRecord]:
    """The list of sessions that start after a window's start and end before its end, a minute wider at both ends."""
    if window is None:
        return endpoints.list_sessions()
    return endpoints.list_sessions(
        start_time=int((window.start - timedelta(minutes=1)).timestamp()),
        end_time=int((window.end + timedelta(minutes=1)).timestamp()),
    )


def _missing(session_id: str) -> NotFoundError:
    return NotFoundError(
        f"prevail lists no session {session_id!r}; the id is the session's remote_session_id (the end of its URL)",
        status=404,
    )


def _same(record: RequestRecord, asked: Mapping[str, object]) -> bool:
    """Whether a request without a slug is the one asked for."""
    fields = ("title", "case", "start_date", "start_time", "time_zone")
    return all(getattr(record.remote_session, name) == asked[name] for name in fields)


def _people(record: RequestRecord) -> list[Participant]:
    deponent = record.session_request.deponent
    people: dict[str, Participant] = {}
    for invite in record.session_request.invites:
        if invite.email and (key := f"email:{invite.email.lower()}") not in people:
            people[key] = Participant(
                participant_key=key,
                name=invite.name,
                email=invite.email,
                role=invite.access_level,
                presence=Presence.INVITED,
            )
    if deponent and (deponent.email or deponent.name):
        key = f"email:{deponent.email.lower()}" if deponent.email else f"name:{deponent.name}"
        people[key] = Participant(
            participant_key=key,
            name=deponent.name,
            email=deponent.email,
            role=deponent.role or "deponent",
            presence=Presence.INVITED,
        )
    return list(people.values())


def _recording(item: RecordingItem, session_id: str) -> Recording:
    """A recording; Prevail gives none an id, so one is made of what does not change."""
    made = item.created_at.isoformat() if isinstance(item.created_at, datetime) else ""
    identity = hashlib.sha256(f"{item.filename}\n{item.user}\n{made}".encode()).hexdigest()[:16]
    guessed = mimetypes.guess_type(item.filename or "")[0] or ""
    audio = item.type == "audio" and guessed.startswith("video/")
    return Recording(
        recording_id=identity,
        session_id=session_id,
        name=item.filename,
        status=RecordingStatus.READY,
        media_type=guessed.replace("video/", "audio/", 1) if audio else guessed or None,
        size_bytes=item.size,
        created_at=item.created_at if item.created_at and item.created_at.tzinfo else None,
    )


def _transcript(item: TranscriptItem, session: Session) -> Transcript:
    """A transcript; an end that is missing is the next segment's start."""
    segments: list[TranscriptSegment] = []
    for position, line in enumerate(item.segments):
        start = line.start or 0.0
        following = item.segments[position + 1].start if position + 1 < len(item.segments) else None
        end = line.end if line.end is not None else max(start, following if following is not None else start)
        segments.append(
            TranscriptSegment(
                start=start,
                end=end,
                end_inferred=line.end is None,
                speaker_key=f"name:{line.speaker}" if line.speaker else None,
                speaker_name=line.speaker,
                language=item.language,
                text=line.text,
            )
        )
    started = item.started_at if item.started_at and item.started_at.tzinfo else session.actual_start
    return Transcript(
        session_id=session.session_id, language=item.language, started_at=started, segments=tuple(segments)
    )
