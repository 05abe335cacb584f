"""The words of this package as frozen values: no input or output happens here.

All times are aware UTC datetimes, durations are seconds, sizes are bytes. Each value has one module; this one
gathers the public names.
"""

from airflow_provider_sessions.model.attendance import (
    AttendanceInterval,
    AttendanceSummary,
    Attribution,
    Participant,
    Presence,
    email_key,
)
from airflow_provider_sessions.model.draft import Invitee, SessionChanges, SessionDraft
from airflow_provider_sessions.model.materials import (
    Artifact,
    ArtifactStatus,
    Recording,
    RecordingStatus,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.model.query import SessionQuery, WindowBy
from airflow_provider_sessions.model.session import Session, SessionState
from airflow_provider_sessions.model.values import (
    UtcDatetime,
    Value,
    Window,
    is_given,
    parse_instant,
    parse_seconds,
    shown,
)

__all__ = [
    "Artifact",
    "ArtifactStatus",
    "AttendanceInterval",
    "AttendanceSummary",
    "Attribution",
    "Invitee",
    "Participant",
    "Presence",
    "Recording",
    "RecordingStatus",
    "Session",
    "SessionChanges",
    "SessionDraft",
    "SessionQuery",
    "SessionState",
    "Takeaways",
    "Transcript",
    "TranscriptSegment",
    "UtcDatetime",
    "Value",
    "Window",
    "WindowBy",
    "email_key",
    "is_given",
    "parse_instant",
    "parse_seconds",
    "shown",
]
