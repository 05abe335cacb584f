"""Artifacts of a session: transcript, takeaways, recordings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from airflow_provider_sessions.model.values import UtcDatetime, Value

ArtifactName = Literal["attendance", "transcript", "takeaways", "recording"]
"""The values of :class:`Artifact`, for type hints of arguments."""


class Artifact(StrEnum):
    """What a session produces."""

    ATTENDANCE = "attendance"
    TRANSCRIPT = "transcript"
    TAKEAWAYS = "takeaways"
    RECORDING = "recording"


class ArtifactStatus(Value):
    """Whether an artifact of a session is available.

    ``ready`` ends a wait; ``absent`` is why it never will be available, None if it still may be. ``count`` is the
    number of recordings, people or segments.
    """

    artifact: Artifact
    ready: bool
    count: int = 0
    absent: str | None = None
    detail: str | None = None


MAX_SESSION_SECONDS = 1e9
"""Upper bound of times within a transcript; no session lasts that long."""
_CHARACTERS_PER_SECOND = 15
"""At an ordinary pace of speech."""

Seconds = Annotated[float, Field(gt=-MAX_SESSION_SECONDS, lt=MAX_SESSION_SECONDS, allow_inf_nan=False)]
"""Seconds from the beginning of a transcript."""


def to_milliseconds(seconds: float) -> int:
    """Return a time within a transcript in milliseconds, as captions have it; at least 0."""
    return round(seconds * 1000) if seconds > 0 else 0


def later_starts(starts: Sequence[float]) -> list[float | None]:
    """Return for each start, in any order, the next one that is a millisecond or more later; None if there is none."""
    by_time = {to_milliseconds(start): start for start in starts}
    times = sorted(by_time)
    places = (bisect_right(times, to_milliseconds(start)) for start in starts)
    return [by_time[times[place]] if place < len(times) else None for place in places]


class TranscriptSegment(Value):
    """One segment of speech. ``start`` and ``end`` are seconds from the transcript's beginning."""

    start: Seconds
    end: Seconds
    end_inferred: bool = False
    speaker_key: str | None = None
    speaker_name: str | None = None
    language: str | None = None
    text: str


def _has_length(segment: TranscriptSegment) -> bool:
    return to_milliseconds(segment.end) > to_milliseconds(segment.start)


def _infer_ends(segments: tuple[TranscriptSegment, ...]) -> tuple[TranscriptSegment, ...]:
    if all(map(_has_length, segments)):
        return segments
    following = later_starts([segment.start for segment in segments])
    return tuple(
        segment if _has_length(segment) else _set_end(segment, later)
        for segment, later in zip(segments, following, strict=True)
    )


def _set_end(segment: TranscriptSegment, later: float | None) -> TranscriptSegment:
    if later is None:
        later = round(max(segment.start, 0.0) + min(1 + len(segment.text) / _CHARACTERS_PER_SECOND, 10.0), 3)
    return segment.model_copy(update={"end": later, "end_inferred": True})


class TranscriptFile(Value):
    """A transcript in the platform's own format: the file's text, and its media type (``text/vtt``)."""

    text: str = Field(repr=False)
    media_type: str


class Transcript(Value):
    """The ordered segments of a session's transcript in one language; a translation is a transcript of its own.

    ``started_at`` is the time of second zero, if known. ``original`` is the file from which the segments were read, if
    the platform provides one; it is never exported.

    Each segment ends a millisecond or more after its start, because players do not show other captions. If the platform
    reports no such end, it is inferred: the next later start, or for the last segment the time to say its text, up to
    ten seconds. Source: WebVTT, W3C.
    """

    session_id: str
    language: str | None = None
    is_translation: bool = False
    started_at: UtcDatetime | None = None
    segments: Annotated[tuple[TranscriptSegment, ...], AfterValidator(_infer_ends)] = ()
    original: TranscriptFile | None = Field(default=None, exclude=True, repr=False)


class Takeaways(Value):
    """A platform's summary of a session. ``document`` is a ProseMirror document, if the platform provides one."""

    session_id: str
    text: str
    document: dict[str, Any] | None = None


class RecordingStatus(StrEnum):
    """Whether a recording's file can be downloaded."""

    IN_PROGRESS = "in_progress"
    READY = "ready"
    FAILED = "failed"


class Recording(Value):
    """One media file of a session, of any media type.

    ``download_url`` is set if the list of recordings contains it. It is never exported or logged, and may have expired.
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
