"""Times of captions: milliseconds, written ``HH:MM:SS`` with a point (WebVTT) or a comma (SRT)."""

from __future__ import annotations

from airflow_provider_sessions.model import TranscriptSegment


def stamp(seconds: float, point: str) -> str:
    """A time, to the millisecond. Hours have two digits, or more where they need more."""
    total = round(seconds * 1000) if seconds > 0 else 0
    minutes = total // 60_000
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{total // 1000 % 60:02d}{point}{total % 1000:03d}"


def span(segment: TranscriptSegment, point: str) -> str:
    """The line of times of a cue. An end before the start is no end: the cue has no length then."""
    return f"{stamp(segment.start, point)} --> {stamp(max(segment.start, segment.end), point)}"
