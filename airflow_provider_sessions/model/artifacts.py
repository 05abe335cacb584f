"""What a session leaves behind: transcript, takeaways, recordings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from airflow_provider_sessions.model.values import UtcDatetime, Value

ArtifactName = Literal["attendance", "transcript", "takeaways", "recording"]
"""The words of :class:`Artifact`, for the types of arguments."""


class Artifact(StrEnum):
    """The kinds of things a session leaves behind."""

    ATTENDANCE = "attendance"
    TRANSCRIPT = "transcript"
    TAKEAWAYS = "takeaways"
    RECORDING = "recording"


class ArtifactStatus(Value):
    """Whether an artifact of a session is there.

    ``ready`` ends a wait; ``absent`` gives the reason why it will never come (None: it may still come).
    ``count`` is how many there are (recordings, people, segments).
    """

    artifact: Artifact
    ready: bool
    count: int = 0
    absent: str | None = None
    detail: str | None = None


MAX_SESSION_SECONDS = 1e9
"""Seconds that no session lasts: a time within a transcript is below."""
_SPOKEN_A_SECOND = 15
"""Characters, at an ordinary pace."""

Seconds = Annotated[float, Field(gt=-MAX_SESSION_SECONDS, lt=MAX_SESSION_SECONDS, allow_inf_nan=False)]
"""A time within a transcript, from its beginning."""


def to_milliseconds(seconds: float) -> int:
    """A time within a transcript, as captions hold it."""
    return round(seconds * 1000) if seconds > 0 else 0


def later_starts(starts: Sequence[float]) -> list[float | None]:
    """For each start the next later one, by a millisecond or more and in whatever order; None where there is none."""
    by_time = {to_milliseconds(start): start for start in starts}
    times = sorted(by_time)
    places = (bisect_right(times, to_milliseconds(start)) for start in starts)
    return [by_time[times[place]] if place < len(times) else None for place in places]


class TranscriptSegment(Value):
    """One stretch of speech. ``start`` and ``end`` are seconds from the transcript's beginning."""

    start: Seconds
    end: Seconds
    end_inferred: bool = False
    speaker_key: str | None = None
    speaker_name: str | None = None
    language: str | None = None
    text: str


def _has_length(segment: TranscriptSegment) -> bool:
    return to_milliseconds(segment.end) > to_milliseconds(segment.start)


def _with_lengths(segments: tuple[TranscriptSegment, ...]) -> tuple[TranscriptSegment, ...]:
    if all(map(_has_length, segments)):
        return segments
    following = later_starts([segment.start for segment in segments])
    return tuple(
        segment if _has_length(segment) else _ending(segment, later)
        for segment, later in zip(segments, following, strict=True)
    )


def _ending(segment: TranscriptSegment, later: float | None) -> TranscriptSegment:
    if later is None:
        later = round(max(segment.start, 0.0) + min(1 + len(segment.text) / _SPOKEN_A_SECOND, 10.0), 3)
    return segment.model_copy(update={"end": later, "end_inferred": True})


class TranscriptFile(Value):
    """A transcript as the platform wrote it: a file's text, and its media type (``text/vtt``)."""

    text: str = Field(repr=False)
    media_type: str


class Transcript(Value):
    """The ordered segments of one language of a session's transcript; translations are transcripts of their own.

    ``started_at`` is the instant of second zero, where it is known. ``original`` is the file that the segments were
    read from, where the platform gives one; it is never exported.

    Every segment ends later than it starts, by a millisecond or more, since players never show a caption that does not:
    where that is not given, it ends at the next later start, the last one after as long as its text takes to say, up to
    ten seconds, and is marked as inferred. Source: WebVTT, W3C.
    """

    session_id: str
    language: str | None = None
    is_translation: bool = False
    started_at: UtcDatetime | None = None
    segments: Annotated[tuple[TranscriptSegment, ...], AfterValidator(_with_lengths)] = ()
    original: TranscriptFile | None = Field(default=None, exclude=True, repr=False)


class Takeaways(Value):
    """What a platform sums a session up to. ``document`` is a ProseMirror document, where the platform has one."""

    session_id: str
    text: str
    document: dict[str, Any] | None = None


class RecordingStatus(StrEnum):
    """Whether a recording's file can be had."""

    IN_PROGRESS = "in_progress"
    READY = "ready"
    FAILED = "failed"


class Recording(Value):
    """One media file of a session, of any media type.

    ``download_url`` is where a list of recordings tells it: it is never written or shown, and may have expired.
    """

    recording_id: str
    session_id: str
    name: str | None = None
    status: RecordingStatus
    media_type: str | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    sha256: str | None = None
    error: str | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime | None = None
    download_url: SecretStr | None = Field(default=None, exclude=True, repr=False)
