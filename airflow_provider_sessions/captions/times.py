"""Times of captions: milliseconds, written ``HH:MM:SS`` with a point (WebVTT) or a comma (SRT)."""

from __future__ import annotations

from airflow_provider_sessions.model import TranscriptSegment
from airflow_provider_sessions.model.artifacts import to_milliseconds


def stamp(seconds: float, point: str) -> str:
    """A time, to the millisecond. Hours have two digits, or more where they need more."""
    total = to_milliseconds(seconds)
    minutes = total // 60_000
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{total // 1000 % 60:02d}{point}{total % 1000:03d}"


def span(segment: TranscriptSegment, point: str) -> str:
    """The line of times of a cue."""
    return f"{stamp(segment.start, point)} --> {stamp(segment.end, point)}"
