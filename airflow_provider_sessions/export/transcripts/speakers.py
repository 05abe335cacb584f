"""Names for speakers of whom only the key is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_provider_sessions.model import Participant, Transcript, TranscriptSegment


def lacks_names(transcripts: Iterable[Transcript]) -> bool:
    """Whether some speaker has a key but no name."""
    return any(
        segment.speaker_key is not None and segment.speaker_name is None
        for transcript in transcripts
        for segment in transcript.segments
    )


def named(transcripts: Iterable[Transcript], participants: Iterable[Participant]) -> list[Transcript]:
    """The same transcripts, with speakers named as the participants of their key. What has a name keeps it."""
    names = {one.participant_key: one.name for one in participants if one.name}
    return [
        transcript.model_copy(update={"segments": tuple(_with_names(transcript.segments, names))})
        for transcript in transcripts
    ]


def _with_names(segments: Sequence[TranscriptSegment], names: dict[str, str]) -> Iterable[TranscriptSegment]:
    for segment in segments:
        name = None if segment.speaker_key is None else names.get(segment.speaker_key)
        unnamed = segment.speaker_name is None and name is not None
        yield segment.model_copy(update={"speaker_name": name}) if unnamed else segment
