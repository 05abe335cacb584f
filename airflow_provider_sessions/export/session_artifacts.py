"""What is known of one session: itself and its artifacts, from which the rows of an export are made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, TypeVar

from airflow_provider_sessions.errors import (
    ExportError,
    NotFoundError,
    ResponseError,
    SessionsError,
)
from airflow_provider_sessions.export.summary import presence
from airflow_provider_sessions.model import (
    ArtifactStatus,
    AttendanceInterval,
    Participant,
    Recording,
    Session,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)
T = TypeVar("T")
_SETTLED: Final = timedelta(hours=1)
"""How long after a session's end its attendance is taken as settled without asking. Source: inferred."""


@dataclass(frozen=True)
class Material:
    """All that is known of one session, from which rows are made. What was not asked for is empty.

    :param account: see :func:`account_name`.
    :param version: see :class:`~airflow_provider_sessions.export.rows.Row`.
    :param deleted: whether the platform lost the session after it had named it.
    :param attendance_status: whether the attendance is all there; None where nobody asked, because it is.
    :param unreadable: by question: why its answer cannot be read.
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
    unreadable: Mapping[Feature, str] = field(default_factory=dict)

    @cached_property
    def presence(self) -> list[AttendanceInterval]:
        """The attendance by person, which two datasets are made of."""
        return presence(self.attendance, self.session)


def ended(session: Session) -> datetime:
    """When a session ended.

    :raises ExportError: it has not.
    """
    if session.ended_at is None:
        raise ExportError(f"session {session.session_id!r} is to be exported, but has no time at which it ended")
    return session.ended_at


async def _material(adapter: Adapter, session: Session, account: str, questions: set[Feature]) -> Material:
    try:
        whole = await adapter.get_details(session)
        # What it is written as hangs on its end; if that has just changed, the next run looks at it again.
        session = whole if whole.ended_at == session.ended_at else session
        return await _asked(adapter, session, account, questions)
    except NotFoundError as missing:
        if not await _is_gone(adapter, session):
            missing.add_note(f"while exporting session {session.session_id}, which is there")
            raise
        log.warning("session %s was deleted while it was exported; its row says so", session.session_id)
        return Material(session, account, deleted=True)
    except SessionsError as error:
        error.add_note(f"while exporting session {session.session_id}")
        raise


async def _asked(adapter: Adapter, session: Session, account: str, questions: set[Feature]) -> Material:
    """Ask what is needed, one question after the other: sessions are asked about at once, not questions."""
    unreadable: dict[Feature, str] = {}

    async def ask(question: Feature, answer: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """An answer; where it cannot be read, what hangs on it has to wait, and nothing else."""
        try:
            return await answer() if question in questions else otherwise
        except ResponseError as unfit:
            unreadable[question] = str(unfit)
            return otherwise

    status = await ask(Feature.ATTENDANCE, lambda: _attendance_status(adapter, session), None)
    # Before the participants: where these are read from the same list, the platform's adapter reads it once.
    attendance = await ask(Feature.ATTENDANCE, lambda: adapter.attendance(session), list[AttendanceInterval]())
    participants = await ask(Feature.PARTICIPANTS, lambda: adapter.participants(session), None)
    known = () if Feature.PARTICIPANTS in unreadable else participants
    return Material(
        session,
        account,
        participants=participants or (),
        attendance_status=status,
        attendance=attendance,
        transcripts=await ask(Feature.TRANSCRIPTS, lambda: named_transcripts(adapter, session, known), []),
        takeaways=await ask(Feature.TAKEAWAYS, lambda: adapter.takeaways(session), None),
        recordings=await ask(Feature.RECORDINGS, lambda: adapter.recordings(session), []),
        unreadable=unreadable,
    )


async def _attendance_status(adapter: Adapter, session: Session) -> ArtifactStatus | None:
    """Whether the attendance is settled, asked before it is read. Long after the end it is, and nobody is asked."""
    if adapter.client.clock.now() - ended(session) > _SETTLED:
        return None
    return await adapter.attendance_status(session)


async def _is_gone(adapter: Adapter, session: Session) -> bool:
    try:
        await adapter.get(session.session_id)
    except NotFoundError:
        return True
    return False


async def named_transcripts(
    adapter: Adapter, session: Session, participants: Sequence[Participant] | None = None
) -> list[Transcript]:
    """A session's transcripts, speakers named through its participants where the platform names them by key only.

    :param participants: where they are known already; else they are asked for if they are needed.
    """
    transcripts = await adapter.transcripts(session)
    if not _lacks_names(transcripts):
        return transcripts
    if participants is None:
        able = adapter.capabilities[Feature.PARTICIPANTS].support is not Support.NO
        participants = await adapter.participants(session) if able else ()
    return named(transcripts, participants)


def named(transcripts: Iterable[Transcript], participants: Iterable[Participant]) -> list[Transcript]:
    """The same transcripts, with speakers named as the participants of their key. What has a name keeps it."""
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
        unnamed = segment.speaker_name is None and name is not None
        yield segment.model_copy(update={"speaker_name": name}) if unnamed else segment
