"""What a session leaves: people and their attendance, transcript, takeaways, recordings, polls, chat, bookings."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
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
    """A transcript in the platform's own form: its bytes as they were received, and its media type (``text/vtt``)."""

    content: bytes = Field(repr=False)
    media_type: str


class Transcript(Value):
    """The ordered segments of a session's transcript in one language; a translation is a transcript of its own.

    ``started_at`` is the time of second zero, if known. ``original`` is what the segments were read from. Where one
    response holds several transcripts, the first one has it. It is only written where ``keep_original`` is set.

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


def _strip_email(email: str | None) -> str | None:
    return (email or "").strip() or None


Email = Annotated[str | None, AfterValidator(_strip_email)]
"""An e-mail address without surrounding spaces; None if it is empty."""


def email_key(email: str | None) -> str | None:
    """Return the key of a person with this e-mail address; None if it is empty.

    It depends neither on upper and lower case nor on surrounding spaces.
    """
    address = _strip_email(email)
    return f"email:{address.casefold()}" if address else None


class Presence(StrEnum):
    """Why somebody is a participant."""

    INVITED = "invited"
    REGISTERED = "registered"
    PRESENT = "present"
    ASSIGNED = "assigned"
    """Given a role in the session by its host (co-host, moderator), whether present or not."""


class Attribution(StrEnum):
    """How certain it is that the intervals of one summary belong to one person."""

    EXACT = "exact"
    """The platform reports an account, or the e-mail address is the same."""
    PROBABLE = "probable"
    """The same device or guest identity."""
    NAME_ONLY = "name_only"
    """Only a display name is known: never merged with another row of that name."""


class Participant(Value):
    """A person invited, registered, present or given a role.

    ``participant_key`` is stable for a person within an account if the platform allows it (``account:...``,
    ``email:...``), else only within a session.
    """

    participant_key: str
    name: str | None = None
    email: Email = None
    role: str | None = None
    is_guest: bool | None = None
    presence: Presence
    source_id: str | None = None


class AttendanceInterval(Value):
    """One interval of presence, or the span of several if the platform reports only totals.

    ``joins`` is how often the person joined within it (1 for a single interval); ``reported_seconds`` is the presence
    that the platform reports for it. ``left_at_inferred`` is true if the platform reported no time of leaving.
    """

    participant_key: str
    attribution: Attribution
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
    joined_at: UtcDatetime | None = None
    left_at: UtcDatetime | None = None
    left_at_inferred: bool = False
    joins: int = 1
    reported_seconds: float | None = None
    device: str | None = None
    source_id: str | None = None


class AttendanceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One person's attendance of one session, made of checked intervals.

    ``present_seconds`` is the union of the intervals, at most the length of the session; ``connected_seconds`` is their
    sum. ``from_totals`` is true if the platform reported totals instead of intervals.
    """

    participant_key: str
    attribution: Attribution
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
    first_join: UtcDatetime | None = None
    last_leave: UtcDatetime | None = None
    present_seconds: float | None = None
    connected_seconds: float | None = None
    rejoins: int = 0
    from_totals: bool = False


class PollStatus(StrEnum):
    """Whether a poll takes votes."""

    ACTIVE = "active"
    CLOSED = "closed"


class PollOption(Value):
    """One option of a poll. ``votes`` is None where the platform gives no number."""

    option_id: str | None = None
    text: str
    votes: int | None = None


class Poll(Value):
    """One poll of a session, its options in the platform's order."""

    poll_id: str
    session_id: str
    question: str
    status: PollStatus
    multiple_choice: bool | None = None
    options: tuple[PollOption, ...] = ()
    created_at: UtcDatetime | None = None
    closed_at: UtcDatetime | None = None


class ChatMessage(Value):
    """One message of a session's chat.

    ``sender_key`` and ``recipient_key`` are participant keys (``account:...``); a message to all has no recipient.
    """

    message_id: str
    session_id: str
    sent_at: UtcDatetime | None = None
    sender_key: str | None = None
    sender_name: str | None = None
    recipient_key: str | None = None
    recipient_name: str | None = None
    is_direct: bool | None = None
    text: str


class Booking(Value):
    """One booked time. ``guests`` are e-mail addresses of further people; ``answers`` those to the page's questions."""

    booking_id: str
    session_id: str
    booking_page_id: str | None = None
    title: str | None = None
    status: str | None = None
    start: UtcDatetime | None = None
    end: UtcDatetime | None = None
    time_zone: str | None = None
    participant_name: str | None = None
    participant_email: Email = None
    guests: tuple[str, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    created_at: UtcDatetime | None = None


class Event(Value):
    """One event, which is held as a session. What the platform does not say is None."""

    event_id: str
    session_id: str
    title: str | None = None
    slug: str | None = None
    is_published: bool | None = None
    is_public: bool | None = None
    published_at: UtcDatetime | None = None
    created_at: UtcDatetime | None = None


class Registration(Value):
    """One person who is registered for an event. ``participant_key`` is that of :class:`.Participant`."""

    registration_id: str
    event_id: str
    session_id: str
    participant_key: str
    name: str | None = None
    email: Email = None
    is_guest: bool | None = None
