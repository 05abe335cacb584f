"""The datasets of an export: the rows of each, the feature that they need, and the function that makes them.

The same artifacts give the same rows in the same order, whatever the order in a platform's response.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.rows import (
    AttendanceRow,
    AttendanceSummaryRow,
    BookingRow,
    ChatMessageRow,
    Column,
    EventRow,
    ParticipantRow,
    PollRow,
    RecordingRow,
    RegistrationRow,
    Row,
    SessionRow,
    TakeawaysRow,
    TranscriptSegmentRow,
    get_columns,
)
from airflow_provider_sessions.export.session_artifacts import OPT_IN, SessionArtifacts
from airflow_provider_sessions.export.summary import accounts_by_address, summarize_attendance
from airflow_provider_sessions.export.takeaways import takeaways_to_markdown, takeaways_to_text
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import (
    Presence,
    Transcript,
)
from airflow_provider_sessions.platforms.adapter import Adapter, Feature, Support


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    :param row: the type of its rows.
    :param feature: what a platform must support for it.
    :param make: makes a session's rows.
    """

    name: str
    row: type[Row]
    feature: Feature
    make: Callable[[SessionArtifacts], Sequence[Row]]

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns, in the order in which they are written."""
        return get_columns(self.row)

    @property
    def opt_in(self) -> bool:
        """Whether it is exported only if it is named."""
        return self.feature in OPT_IN

    @property
    def description(self) -> str:
        """What one row is, in a few words."""
        return (self.row.__doc__ or "").partition("\n")[0]


def account_name(adapter: Adapter) -> str:
    """Return the name of the account in exported rows: the host, and the connection's login if it names a company.

    It does not change with a key or the connection's id, so the keys of rows are stable. A login that is an e-mail
    address is left out: it is personal, and the ids of such platforms are unique without it.
    """
    host = urlsplit(adapter.client.config.base_url).hostname or ""
    login = (adapter.account.login or "").strip()
    return f"{host}/{login}" if login and "@" not in login else host


def session_rows(artifacts: SessionArtifacts) -> list[SessionRow]:
    """Return the row of a session."""
    session = artifacts.session
    return [
        _make_row(
            SessionRow,
            artifacts,
            session,
            title=session.title or "",
            case_name=session.case,
            deleted=artifacts.deleted,
        )
    ]


def participant_rows(artifacts: SessionArtifacts) -> list[ParticipantRow]:
    """Return one row per presence of each person. Who was present has the same key as in the attendance."""
    key = _key(artifacts)
    accounts = accounts_by_address(one for one in artifacts.participants if one.presence is Presence.PRESENT)
    ordered = sorted(
        (
            one.model_copy(update={"participant_key": accounts[one.participant_key]})
            if one.participant_key in accounts
            else one
            for one in artifacts.participants
        ),
        key=lambda one: (one.participant_key, one.presence, one.role or "", one.source_id or "", one.name or ""),
    )
    return [
        ParticipantRow(
            *key,
            seq=seq,
            participant_key=one.participant_key,
            presence=one.presence.value,
            name=one.name,
            email=one.email,
            role=one.role,
            is_guest=one.is_guest,
            source_id=one.source_id,
        )
        for seq, one in enumerate(ordered)
    ]


def attendance_rows(artifacts: SessionArtifacts) -> list[AttendanceRow]:
    """Return one row per interval of presence."""
    key = _key(artifacts)
    rows: list[AttendanceRow] = []
    for one in artifacts.presence:
        follows = rows and rows[-1].participant_key == one.participant_key
        rows.append(
            AttendanceRow(
                *key,
                participant_key=one.participant_key,
                seq=rows[-1].seq + 1 if follows else 0,
                attribution=one.attribution.value,
                name=one.name,
                email=one.email,
                is_guest=one.is_guest,
                joined_at=one.joined_at,
                left_at=one.left_at,
                left_at_inferred=one.left_at_inferred,
                joins=one.joins,
                reported_seconds=one.reported_seconds,
                device=one.device,
                source_id=one.source_id,
            )
        )
    return rows


def attendance_summary_rows(artifacts: SessionArtifacts) -> list[AttendanceSummaryRow]:
    """Return one row per person who was present."""
    key = _key(artifacts)
    return [
        AttendanceSummaryRow(
            *key,
            participant_key=one.participant_key,
            attribution=one.attribution.value,
            name=one.name,
            email=one.email,
            is_guest=one.is_guest,
            first_join=one.first_join,
            last_leave=one.last_leave,
            present_seconds=one.present_seconds,
            connected_seconds=one.connected_seconds,
            rejoins=one.rejoins,
            from_totals=one.from_totals,
        )
        for one in summarize_attendance(artifacts.presence, artifacts.session)
    ]


def transcript_segment_rows(artifacts: SessionArtifacts) -> list[TranscriptSegmentRow]:
    """Return one row per segment of the transcript and of its translations.

    These are most of an export's rows. Positional arguments in the order of the columns take an eighth of the time.
    """
    key = _key(artifacts)
    return [
        TranscriptSegmentRow(
            *key,
            track,
            seq,
            transcript.is_translation,
            segment.language or transcript.language,
            segment.start,
            segment.end,
            segment.end_inferred,
            None if transcript.started_at is None else transcript.started_at + timedelta(0, segment.start),
            segment.speaker_key,
            segment.speaker_name,
            segment.text,
        )
        for track, transcript in enumerate(sort_transcripts(artifacts.transcripts))
        for seq, segment in enumerate(transcript.segments)
    ]


def takeaways_rows(artifacts: SessionArtifacts) -> list[TakeawaysRow]:
    """Return the row of a session's takeaways, if there are any."""
    takeaways = artifacts.takeaways
    if takeaways is None:
        return []
    document = takeaways.document
    return [
        TakeawaysRow(
            *_key(artifacts),
            text=takeaways_to_text(takeaways),
            markdown=takeaways_to_markdown(takeaways),
            document=None if document is None else json.dumps(document, ensure_ascii=False, sort_keys=True),
        )
    ]


def recording_rows(artifacts: SessionArtifacts) -> list[RecordingRow]:
    """Return one row per recording, the oldest first."""
    # An id that occurs twice is one recording: the list may have changed while its pages were read.
    recordings = {one.recording_id: one for one in artifacts.recordings}.values()
    ordered = sorted(recordings, key=lambda one: (str(one.created_at or ""), one.recording_id))
    return [_make_row(RecordingRow, artifacts, one) for one in ordered]


def poll_rows(artifacts: SessionArtifacts) -> list[PollRow]:
    """Make one row for each option of each poll, the oldest poll first."""
    polls = {one.poll_id: one for one in artifacts.polls}.values()
    return [
        _make_row(
            PollRow,
            artifacts,
            poll,
            seq=seq,
            option_id=option.option_id,
            option_text=option.text,
            votes=option.votes,
        )
        for poll in sorted(polls, key=lambda one: (str(one.created_at or ""), one.poll_id))
        for seq, option in enumerate(poll.options)
    ]


def chat_message_rows(artifacts: SessionArtifacts) -> list[ChatMessageRow]:
    """Make one row for each message, the oldest first."""
    # Pages may have moved while they were read, so that one id came twice.
    messages = {one.message_id: one for one in artifacts.chat_messages}.values()
    ordered = sorted(messages, key=lambda one: (str(one.sent_at or ""), one.message_id))
    return [_make_row(ChatMessageRow, artifacts, one) for one in ordered]


def booking_rows(artifacts: SessionArtifacts) -> list[BookingRow]:
    """Make the row of the booking that a session was made for."""
    return [
        _make_row(
            BookingRow,
            artifacts,
            one,
            start_at=one.start,
            end_at=one.end,
            guests=_as_json(one.guests),
            answers=_as_json(one.answers),
        )
        for one in sorted(artifacts.bookings, key=lambda one: one.booking_id)
    ]


def event_rows(artifacts: SessionArtifacts) -> list[EventRow]:
    """Make the row of the event that a session is held as."""
    return [_make_row(EventRow, artifacts, one) for one in sorted(artifacts.events, key=lambda one: one.event_id)]


def registration_rows(artifacts: SessionArtifacts) -> list[RegistrationRow]:
    """Make one row for each person registered."""
    ordered = sorted(artifacts.registrations, key=lambda one: (one.participant_key, one.registration_id))
    return [_make_row(RegistrationRow, artifacts, one, seq=seq) for seq, one in enumerate(ordered)]


R = TypeVar("R", bound=Row)


def _make_row(row: type[R], artifacts: SessionArtifacts, item: object, **values: object) -> R:
    """Make a row of an item of the model.

    Rows of participants and attendance, of which a session has hundreds, are made in a third of the time without it.

    :param item: has the values of all columns that are not given, in fields with the names of the columns.
    """
    names, get_fields = _fields_to_copy(row, tuple(values))
    copied = (value.value if isinstance(value, Enum) else value for value in get_fields(item))
    make: Callable[..., R] = row
    return make(*_key(artifacts), **dict(zip(names, copied, strict=True)), **values)


@cache
def _fields_to_copy(row: type[Row], given: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[[object], Any]]:
    keys = tuple(column.name for column in get_columns(Row))
    names = tuple(column.name for column in get_columns(row) if column.name not in (*keys, *given))
    return names, attrgetter(*names)


def _as_json(values: Sequence[object]) -> str | None:
    return json.dumps(values, ensure_ascii=False) if values else None


def sort_transcripts(transcripts: Iterable[Transcript]) -> list[Transcript]:
    """Return the original first, then its translations by language."""
    return sorted(transcripts, key=lambda one: (one.is_translation, one.language or ""))


def _key(artifacts: SessionArtifacts) -> tuple[str, str, str, int]:
    return artifacts.session.platform, artifacts.account, artifacts.session.session_id, artifacts.version


DATASETS: Final[Mapping[str, Dataset]] = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            Dataset("sessions", SessionRow, Feature.SESSIONS, session_rows),
            Dataset("participants", ParticipantRow, Feature.PARTICIPANTS, participant_rows),
            Dataset("attendance", AttendanceRow, Feature.ATTENDANCE, attendance_rows),
            Dataset("attendance_summary", AttendanceSummaryRow, Feature.ATTENDANCE, attendance_summary_rows),
            Dataset("transcript_segments", TranscriptSegmentRow, Feature.TRANSCRIPTS, transcript_segment_rows),
            Dataset("takeaways", TakeawaysRow, Feature.TAKEAWAYS, takeaways_rows),
            Dataset("recordings", RecordingRow, Feature.RECORDINGS, recording_rows),
            Dataset("polls", PollRow, Feature.POLLS, poll_rows),
            Dataset("chat_messages", ChatMessageRow, Feature.CHAT_MESSAGES, chat_message_rows),
            Dataset("bookings", BookingRow, Feature.BOOKINGS, booking_rows),
            Dataset("events", EventRow, Feature.EVENTS, event_rows),
            Dataset("registrations", RegistrationRow, Feature.REGISTRATIONS, registration_rows),
        )
    }
)
"""All datasets by name, in the order in which they are documented."""
DatasetName = Literal[
    "sessions",
    "participants",
    "attendance",
    "attendance_summary",
    "transcript_segments",
    "takeaways",
    "recordings",
    "polls",
    "chat_messages",
    "bookings",
    "events",
    "registrations",
]
"""The names of :data:`DATASETS`, for type hints of arguments."""


def parse_datasets(names: str | Iterable[str] | None) -> tuple[Dataset, ...] | None:
    """Parse the argument ``datasets`` of an export; None for all that the platform supports, except opt-in ones.

    :param names: names, or one text with commas between them, as templates render it.
    :raises InputError: a name is unknown, the list is empty, or it is not a list of names.
    """
    if names is None or names == "":
        return None
    if not isinstance(names, Iterable):
        raise InputError(f"datasets: {names!r} must be a list of names; choose from {', '.join(DATASETS)}")
    given = names.split(",") if isinstance(names, str) else names
    listed = [name.strip() if isinstance(name, str) else name for name in given]
    if unknown := [name for name in listed if not isinstance(name, str) or name not in DATASETS]:
        raise unknown_choice_error("datasets", unknown, DATASETS)
    if not listed:
        raise InputError(f"datasets: the list is empty; choose from {', '.join(DATASETS)}")
    return tuple(dataset for name, dataset in DATASETS.items() if name in listed)


def list_available_datasets(adapter: Adapter) -> tuple[Dataset, ...]:
    """Return all datasets that a platform supports."""
    supported = {name for name, capability in adapter.capabilities.items() if capability.support is not Support.NO}
    return tuple(dataset for dataset in DATASETS.values() if dataset.feature in supported)


def select_datasets(adapter: Adapter, wanted: Sequence[Dataset] | None) -> tuple[Dataset, ...]:
    """Return the datasets to export from a platform.

    :param wanted: None for all that the platform supports, except opt-in ones.
    :raises UnsupportedError: the platform does not support one of them.
    """
    available = list_available_datasets(adapter)
    if wanted is None:
        return tuple(dataset for dataset in available if not dataset.opt_in)
    for dataset in wanted:
        if dataset not in available:
            raise adapter.unsupported(dataset.feature)
    return tuple(wanted)
