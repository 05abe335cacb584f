"""Names for speakers of whom only the key is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_provider_sessions.model import Participant, Session, Transcript, TranscriptSegment
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support


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
