"""Plain text by speaker turns: a line with time and name, below it what was said until someone else speaks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from airflow_provider_sessions.captions.times import stamp
from airflow_provider_sessions.captions.words import tidy, tidy_name
from airflow_provider_sessions.model import Transcript, TranscriptSegment

NOBODY = "Unknown speaker"


def plain_text(transcript: Transcript) -> Iterator[str]:
    """A transcript as plain text, turn by turn."""
    said = (segment for segment in transcript.segments if tidy(segment.text))
    separator = ""
    for (_, name), turn in groupby(said, key=_speaker):
        segments = list(turn)
        text = " ".join(" ".join(tidy(segment.text).split("\n")) for segment in segments)
        yield f"{separator}[{stamp(segments[0].start, '.')[:-4]}] {name or NOBODY}\n{text}\n"
        separator = "\n"


def _speaker(segment: TranscriptSegment) -> tuple[str | None, str | None]:
    return segment.speaker_key, tidy_name(segment.speaker_name)
