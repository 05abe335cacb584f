"""A session with its artifacts, fetched from the platform; the rows of an export are made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, TypeVar

from airflow_provider_sessions.errors import (
    ApiError,
    ExportError,
    NotFoundError,
    RejectedError,
    ResponseError,
    SessionsError,
)
from airflow_provider_sessions.export.summary import resolve_presence
from airflow_provider_sessions.model import (
    ArtifactStatus,
    AttendanceInterval,
    Booking,
    ChatMessage,
    Event,
    Participant,
    Poll,
    Recording,
    Registration,
    Session,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
T = TypeVar("T")
_ATTENDANCE_FINAL_AFTER: Final = timedelta(hours=1)
"""How long after a session's end its attendance counts as final without a request. Source: inferred."""

_NO_ENDPOINT: Final = (404, 405)
"""Statuses of a request to an endpoint that does not exist."""
OPT_IN: Final = frozenset(
    (Feature.POLLS, Feature.CHAT_MESSAGES, Feature.BOOKINGS, Feature.EVENTS, Feature.REGISTRATIONS)
)
"""What is requested only for datasets that are named."""


@dataclass(frozen=True)
class SessionArtifacts:
    """A session and its artifacts. What was not requested is empty.

    :param account: see :func:`~airflow_provider_sessions.export.datasets.account_name`.
    :param version: see :class:`~airflow_provider_sessions.export.rows.Row`.
    :param deleted: whether the platform no longer has the session.
    :param attendance_status: whether the attendance is complete; None if that needed no request.
    :param unreadable: by feature, why its response cannot be read.
    :param absent: by feature, why the platform does not have it.
    """

    session: Session
    account: str
    version: int = 1
    deleted: bool = False
    participants: Sequence[Participant] = ()
    attendance: Sequence[AttendanceInterval] = ()
    attendance_status: ArtifactStatus | None = None
    transcripts: Sequence[Transcript] = ()
    takeaways: Takeaways | None = None
    recordings: Sequence[Recording] = ()
    polls: Sequence[Poll] = ()
    chat_messages: Sequence[ChatMessage] = ()
    bookings: Sequence[Booking] = ()
    events: Sequence[Event] = ()
    registrations: Sequence[Registration] = ()
    unreadable: Mapping[Feature, str] = field(default_factory=dict)
    absent: Mapping[Feature, str] = field(default_factory=dict)

    @cached_property
    def presence(self) -> list[AttendanceInterval]:
        """The attendance by person, from which two datasets are made."""
        return resolve_presence(self.attendance, self.session)


def get_end(session: Session) -> datetime:
    """Return when a session ended.

    :raises ExportError: its end is unknown.
    """
    if session.ended_at is None:
        raise ExportError(f"session {session.session_id!r} cannot be exported: its end is unknown")
    return session.ended_at


async def fetch_session_artifacts(
    adapter: Adapter, session: Session, account: str, features: Collection[Feature]
) -> SessionArtifacts:
    """Fetch what the platform has of a session.

    :param account: see :attr:`SessionArtifacts.account`.
    :param features: what to fetch.
    :returns: a session that the platform no longer has is marked as deleted.
    :raises SessionsError: a request failed; a note names the session.
    """
    try:
        detailed = await adapter.get_details(session)
        # The session's end decides which file its rows go to. If it has just changed, the next run sees that.
        session = detailed if detailed.ended_at == session.ended_at else session
        return await _fetch_features(adapter, session, account, features)
    except NotFoundError as missing:
        if not await _is_deleted(adapter, session):
            missing.add_note(f"while exporting session {session.session_id}, which exists")
            raise
        log.warning("Session %s was deleted during the export; exporting it as deleted", session.session_id)
        return SessionArtifacts(session, account, deleted=True)
    except SessionsError as error:
        error.add_note(f"while exporting session {session.session_id}")
        raise


async def _fetch_features(
    adapter: Adapter, session: Session, account: str, features: Collection[Feature]
) -> SessionArtifacts:
    """Fetch one feature after the other: sessions are fetched in parallel, features are not."""
    unreadable: dict[Feature, str] = {}
    absent: dict[Feature, str] = {}

    async def fetch(feature: Feature, call: Callable[[], Awaitable[T]], default: T) -> T:
        """Return the result of a call, or the default if the feature is not wanted or its response is unreadable."""
        try:
            return await call() if feature in features else default
        except ResponseError as error:
            unreadable[feature] = str(error)
            return default
        except (NotFoundError, RejectedError) as error:
            if not await _lacks_endpoint(adapter, feature, error, session):
                raise
            absent[feature] = str(error)
            log.warning("Session %s has no %s: %s", session.session_id, feature, error)
            return default

    status = await fetch(Feature.ATTENDANCE, lambda: _fetch_attendance_status(adapter, session), None)
    # Before the participants: an adapter that takes both from one list then requests that once.
    attendance = await fetch(Feature.ATTENDANCE, lambda: adapter.attendance(session), list[AttendanceInterval]())
    participants = await fetch(Feature.PARTICIPANTS, lambda: adapter.participants(session), None)
    speakers = () if Feature.PARTICIPANTS in unreadable else participants
    return SessionArtifacts(
        session,
        account,
        participants=participants or (),
        attendance_status=status,
        attendance=attendance,
        transcripts=await fetch(Feature.TRANSCRIPTS, lambda: fetch_transcripts(adapter, session, speakers), []),
        takeaways=await fetch(Feature.TAKEAWAYS, lambda: adapter.takeaways(session), None),
        recordings=await fetch(Feature.RECORDINGS, lambda: adapter.recordings(session), []),
        polls=await fetch(Feature.POLLS, lambda: adapter.polls(session), []),
        chat_messages=await fetch(Feature.CHAT_MESSAGES, lambda: adapter.chat_messages(session), []),
        bookings=await fetch(Feature.BOOKINGS, lambda: adapter.bookings(session), []),
        events=await fetch(Feature.EVENTS, lambda: adapter.events(session), []),
        registrations=await fetch(Feature.REGISTRATIONS, lambda: adapter.registrations(session), []),
        unreadable=unreadable,
        absent=absent,
    )


async def _lacks_endpoint(adapter: Adapter, feature: Feature, error: ApiError, session: Session) -> bool:
    """Return whether an error says that the platform has no endpoint for a feature that is opt-in and inferred.

    A session that is gone has the same error.
    """
    is_inferred = feature in OPT_IN and adapter.capabilities[feature].support is Support.INFERRED
    return is_inferred and error.status in _NO_ENDPOINT and not await _is_deleted(adapter, session)


async def _fetch_attendance_status(adapter: Adapter, session: Session) -> ArtifactStatus | None:
    """Return whether the attendance is final; None, without a request, when the session ended long ago."""
    if adapter.client.clock.now() - get_end(session) > _ATTENDANCE_FINAL_AFTER:
        return None
    return await adapter.attendance_status(session)


async def _is_deleted(adapter: Adapter, session: Session) -> bool:
    try:
        await adapter.get(session.session_id)
    except NotFoundError:
        return True
    return False


async def fetch_transcripts(
    adapter: Adapter, session: Session, participants: Sequence[Participant] | None = None
) -> list[Transcript]:
    """Fetch a session's transcripts. Speakers of whom only a key is known get the names of the session's participants.

    :param participants: None to request them if they are needed.
    """
    transcripts = await adapter.transcripts(session)
    if not _lacks_names(transcripts):
        return transcripts
    if participants is None:
        has_participants = adapter.capabilities[Feature.PARTICIPANTS].support is not Support.NO
        participants = await adapter.participants(session) if has_participants else ()
    return name_speakers(transcripts, participants)


def name_speakers(transcripts: Iterable[Transcript], participants: Iterable[Participant]) -> list[Transcript]:
    """Return the transcripts, with the names of the participants whose keys the unnamed speakers have."""
    names = {one.participant_key: one.name for one in participants if one.name}
    return [
        transcript.model_copy(update={"segments": tuple(_with_names(transcript.segments, names))})
        for transcript in transcripts
    ]


def _lacks_names(transcripts: Iterable[Transcript]) -> bool:
    return any(
        segment.speaker_key is not None and segment.speaker_name is None
        for transcript in transcripts
        for segment in transcript.segments
    )


def _with_names(segments: Sequence[TranscriptSegment], names: dict[str, str]) -> Iterator[TranscriptSegment]:
    for segment in segments:
        name = None if segment.speaker_key is None else names.get(segment.speaker_key)
        is_unnamed = segment.speaker_name is None and name is not None
        yield segment.model_copy(update={"speaker_name": name}) if is_unnamed else segment
