"""What a session leaves behind: transcript, takeaways, recordings."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

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


class TranscriptSegment(Value):
    """One stretch of speech. ``start`` and ``end`` are seconds from the transcript's beginning."""

    start: float
    end: float
    end_inferred: bool = False
    speaker_key: str | None = None
    speaker_name: str | None = None
    language: str | None = None
    text: str


class Transcript(Value):
    """The ordered segments of one language of a session's transcript; translations are transcripts of their own.

    ``started_at`` is the instant of second zero, where it is known.
    """

    session_id: str
    language: str | None = None
    is_translation: bool = False
    started_at: UtcDatetime | None = None
    segments: tuple[TranscriptSegment, ...] = ()


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
    """One media file of a session. Its address is asked for only when it is downloaded: it may be a secret."""

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
