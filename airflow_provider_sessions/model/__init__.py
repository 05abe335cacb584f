"""The model: sessions, people and artifacts of all platforms as frozen values, without any input or output.

All times are aware UTC datetimes, durations are seconds, sizes are bytes.
"""

from airflow_provider_sessions.model.artifacts import (
    Artifact,
    ArtifactName,
    ArtifactStatus,
    Recording,
    RecordingStatus,
    Takeaways,
    Transcript,
    TranscriptFile,
    TranscriptSegment,
)
from airflow_provider_sessions.model.attendance import (
    AttendanceInterval,
    AttendanceSummary,
    Attribution,
    Participant,
    Presence,
    email_key,
)
from airflow_provider_sessions.model.bookings import Booking, Event, Registration
from airflow_provider_sessions.model.draft import Invitee, SessionChanges, SessionDraft
from airflow_provider_sessions.model.interactions import ChatMessage, Poll, PollOption, PollStatus
from airflow_provider_sessions.model.session import Session, SessionQuery, SessionState, StateName, WindowBy
from airflow_provider_sessions.model.values import (
    UtcDatetime,
    Value,
    Window,
    as_text,
    is_given,
    parse_instant,
    parse_seconds,
)

__all__ = [
    "Artifact",
    "ArtifactName",
    "ArtifactStatus",
    "AttendanceInterval",
    "AttendanceSummary",
    "Attribution",
    "Booking",
    "ChatMessage",
    "Event",
    "Invitee",
    "Participant",
    "Poll",
    "PollOption",
    "PollStatus",
    "Presence",
    "Recording",
    "RecordingStatus",
    "Registration",
    "Session",
    "SessionChanges",
    "SessionDraft",
    "SessionQuery",
    "SessionState",
    "StateName",
    "Takeaways",
    "Transcript",
    "TranscriptFile",
    "TranscriptSegment",
    "UtcDatetime",
    "Value",
    "Window",
    "WindowBy",
    "as_text",
    "email_key",
    "is_given",
    "parse_instant",
    "parse_seconds",
]
