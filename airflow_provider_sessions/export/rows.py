"""The schema of an export: a frozen type for the rows of each dataset, from which everything else is derived.

A column is a field whose type is ``Annotated`` with a description, and with :data:`KEY`, :data:`INDEX`, :data:`PERSON`,
kinds of :class:`PersonalData`, or the enum whose values it has. Formats, tables, redaction, the documentation, the dbt
project and the data contract read the columns from here.

Rows are msgspec structs, since an export makes hundreds of thousands of them, and making and writing one takes a tenth
of the time of a frozen dataclass. Airflow itself depends on msgspec.

Order, names and types of the columns are stable. A new column comes at the end of its dataset and raises
:data:`SCHEMA_VERSION`; none is renamed or removed.

All instants are UTC, durations seconds, sizes bytes. The names avoid words that SQL reserves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import EnumType, StrEnum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from airflow_provider_sessions.model import Attribution, PollStatus, Presence, RecordingStatus, SessionState


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """An instant in UTC, to the microsecond."""


PersonalDataName = Literal["email", "name", "user_id", "device", "title", "text", "link"]
"""The values of :class:`PersonalData`, for type hints of arguments."""


class PersonalData(StrEnum):
    """Kinds of personal data, as in the argument ``redact``. A column with several kinds may contain any of them."""

    EMAIL = "email"
    NAME = "name"
    """Names of people, and of files that are named after them."""
    USER_ID = "user_id"
    """A platform's ids of accounts, guests and their rows."""
    DEVICE = "device"
    TITLE = "title"
    """Titles of sessions and cases, which may be named after a person."""
    TEXT = "text"
    """Text that was written or spoken freely, also by the platform; it may contain names."""
    LINK = "link"
    """URLs of pages, which may contain names."""


class _Mark:
    """The type of :data:`KEY`, :data:`INDEX` and :data:`PERSON`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


KEY: Final = _Mark("KEY")
"""Marks a column of the primary key."""

INDEX: Final = _Mark("INDEX")
"""Marks a column on which tables have an index."""

PERSON: Final = _Mark("PERSON")
"""Marks a column that identifies a person: ``account:...``, ``email:...``, ``name:...``, or an id alone."""

_PERSON_DATA: Final = (PersonalData.EMAIL, PersonalData.NAME, PersonalData.USER_ID)
"""What a column that identifies a person may contain."""

_KINDS: Final = {str: Kind.TEXT, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN, datetime: Kind.INSTANT}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a dataset.

    :param key: whether it belongs to the primary key.
    :param indexed: whether tables have an index on it.
    :param person: whether it is marked with :data:`PERSON`.
    :param personal: the personal data that it may contain.
    :param values: the only values that it may have; empty if it may have any.
    """

    name: str
    kind: Kind
    nullable: bool
    key: bool
    description: str
    indexed: bool = False
    person: bool = False
    personal: tuple[PersonalData, ...] = ()
    values: tuple[str, ...] = ()


def get_columns(row: type) -> tuple[Column, ...]:
    """Return the columns of a row type, in the order in which they are written.

    :raises TypeError: the row type is invalid.
    """
    return _read_columns(row)


def value_getter(row: type) -> Callable[[object], tuple[Any, ...]]:
    """Return a function that returns a row's values in the order of its columns."""
    return attrgetter(*(column.name for column in get_columns(row)))


@cache
def _read_columns(row: Any) -> tuple[Column, ...]:
    # Cached, because it is called for every session.
    return tuple(_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items())


def _column(name: str, hint: Any) -> Column:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"column {name} has no description")
    plain, *notes = get_args(hint)
    options = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    kinds = [_KINDS[option] for option in options if option is not NoneType]
    if len(kinds) != 1:
        raise TypeError(f"column {name} must be of one type, or of one type or None")
    key, nullable = KEY in notes, NoneType in options
    if key and nullable:
        raise TypeError(f"column {name} belongs to the primary key and must not be None")
    person = PERSON in notes
    personal = _PERSON_DATA if person else tuple(note for note in notes if isinstance(note, PersonalData))
    if personal and kinds[0] is not Kind.TEXT:
        raise TypeError(f"column {name} is personal and must be a text")
    values = tuple(str(value) for note in notes if isinstance(note, EnumType) for value in list[StrEnum](note))
    return Column(name, kinds[0], nullable, key, notes[0], INDEX in notes, person, personal, values)


SCHEMA_VERSION: Final = 1
"""Written into the metadata of Parquet files and into the record of each run."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """What every row begins with: the session that it belongs to."""

    platform: Annotated[str, "Connection type of the platform, such as vidinfra.", KEY]
    account: Annotated[
        str, "Account on the platform: its host, and the company where the connection names one. No secret.", KEY
    ]
    session_id: Annotated[str, "The platform's id of the session.", KEY, INDEX]
    version: Annotated[
        int,
        "1, and one more each time the source changed after it was written. Where files hold several versions of a "
        "session, the highest counts.",
    ]


class SessionRow(Row, frozen=True, gc=False):
    """One session."""

    title: Annotated[str, "Title.", PersonalData.TITLE]
    description: Annotated[str | None, "Description.", PersonalData.TEXT]
    state: Annotated[str, "requested, scheduled, live, ended, canceled or expired.", SessionState]
    state_inferred: Annotated[bool, "Whether a written rule found the state, because the platform has no word for it."]
    scheduled_start: Annotated[datetime | None, "When it was planned to start."]
    scheduled_end: Annotated[datetime | None, "When it was planned to end."]
    time_zone: Annotated[str | None, "IANA name of the zone in which it was planned."]
    actual_start: Annotated[datetime | None, "When it started."]
    actual_end: Annotated[datetime | None, "When it ended."]
    ended_at: Annotated[
        datetime | None,
        "actual_end; the planned end of a session that is over and of which no end is known. Its UTC day is the dt "
        "of the files.",
        INDEX,
    ]
    duration_seconds: Annotated[float | None, "How long it lasted, or was planned to last."]
    host_id: Annotated[str | None, "The platform's id of its host.", PERSON]
    host_name: Annotated[str | None, "Name of its host.", PersonalData.NAME]
    room_id: Annotated[str | None, "The room it was held in, on platforms with rooms.", INDEX]
    case_name: Annotated[str | None, "The case it belongs to, on platforms with cases.", PersonalData.TITLE]
    recording_enabled: Annotated[bool | None, "Whether it was to be recorded."]
    url: Annotated[str | None, "The session's page.", PersonalData.LINK]
    join_url: Annotated[str | None, "Address for participants; never one that holds a password.", PersonalData.LINK]
    created_at: Annotated[datetime | None, "When it was made on the platform."]
    updated_at: Annotated[datetime | None, "When it was last changed on the platform."]
    deleted: Annotated[
        bool,
        "Whether the platform no longer has it. In tables the other columns are what was known last; in files a row "
        "that says so may hold no more than id, state and times, and its lower versions hold the rest.",
    ]


class ParticipantRow(Row, frozen=True, gc=False):
    """One person invited, registered, present or given a role."""

    seq: Annotated[int, "Number of the row within its session, from 0.", KEY]
    participant_key: Annotated[
        str, "The person; the same as in attendance and in speaker_key where it is known.", PERSON, INDEX
    ]
    presence: Annotated[str, "invited, registered, present or assigned.", Presence]
    name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    email: Annotated[str | None, "E-mail address.", PersonalData.EMAIL, INDEX]
    role: Annotated[str | None, "Role in the platform's word."]
    is_guest: Annotated[bool | None, "Whether the person has no account."]
    source_id: Annotated[str | None, "The platform's id of its row.", PersonalData.USER_ID]


class AttendanceRow(Row, frozen=True, gc=False):
    """One stretch of presence, or the sum of several where the platform gives only totals."""

    participant_key: Annotated[str, "The person.", KEY, PERSON, INDEX]
    seq: Annotated[int, "Number of the stretch within the person's presence, by time, from 0.", KEY]
    attribution: Annotated[
        str, "How sure the person is: exact (account or e-mail), probable or name_only.", Attribution
    ]
    name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    email: Annotated[str | None, "E-mail address.", PersonalData.EMAIL, INDEX]
    is_guest: Annotated[bool | None, "Whether the person has no account."]
    joined_at: Annotated[datetime | None, "When the person joined.", INDEX]
    left_at: Annotated[datetime | None, "When the person left."]
    left_at_inferred: Annotated[bool, "Whether the platform gave no time of leaving, so that it was inferred."]
    joins: Annotated[int, "How often the person joined within it: more than 1 where several stretches are one row."]
    reported_seconds: Annotated[float | None, "Presence as the platform itself reports it."]
    device: Annotated[str | None, "Device, in the platform's word.", PersonalData.DEVICE]
    source_id: Annotated[str | None, "The platform's id of its row.", PersonalData.USER_ID]


class AttendanceSummaryRow(Row, frozen=True, gc=False):
    """One person's presence in one session."""

    participant_key: Annotated[str, "The person.", KEY, PERSON, INDEX]
    attribution: Annotated[
        str,
        "exact (account or e-mail), probable, or name_only: people are never merged because their names are the same.",
        Attribution,
    ]
    name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    email: Annotated[str | None, "E-mail address.", PersonalData.EMAIL, INDEX]
    is_guest: Annotated[bool | None, "Whether the person has no account."]
    first_join: Annotated[datetime | None, "When the person first joined.", INDEX]
    last_leave: Annotated[datetime | None, "When the person last left."]
    present_seconds: Annotated[
        float | None, "Time present: parallel stretches count once; never more than the session lasted."
    ]
    connected_seconds: Annotated[float | None, "Sum of all stretches: parallel ones count each."]
    rejoins: Annotated[int, "How often the person joined after the first time."]
    from_totals: Annotated[bool, "Whether the platform gave totals instead of stretches, and those were kept."]


class TranscriptSegmentRow(Row, frozen=True, gc=False):
    """One stretch of speech."""

    track: Annotated[int, "0 for the original, then one number for each translation.", KEY]
    seq: Annotated[int, "Number of the segment within its track, from 0.", KEY]
    is_translation: Annotated[bool, "Whether the track is a translation."]
    language: Annotated[str | None, "Language of the text."]
    start_seconds: Annotated[float, "Start, from the beginning of the transcript."]
    end_seconds: Annotated[float, "End, from the beginning of the transcript."]
    end_inferred: Annotated[bool, "Whether the platform gave no end, so that it was inferred from the next start."]
    started_at: Annotated[datetime | None, "Start as an instant, where the platform says when the transcript begins."]
    speaker_key: Annotated[str | None, "The person; joins with participant_key.", PERSON, INDEX]
    speaker_name: Annotated[str | None, "Name of the person.", PersonalData.NAME]
    text: Annotated[str, "What was said.", PersonalData.TEXT]


class TakeawaysRow(Row, frozen=True, gc=False):
    """What the platform sums a session up to."""

    text: Annotated[str, "As plain text.", PersonalData.TEXT]
    markdown: Annotated[str, "As Markdown.", PersonalData.TEXT]
    document: Annotated[str | None, "The platform's own document, as JSON.", PersonalData.TEXT]


class RecordingRow(Row, frozen=True, gc=False):
    """One media file."""

    recording_id: Annotated[str, "The platform's id of the recording.", KEY]
    name: Annotated[str | None, "Name in the platform's words; never a path.", PersonalData.NAME, PersonalData.TITLE]
    status: Annotated[str, "in_progress, ready or failed.", RecordingStatus]
    media_type: Annotated[str | None, "Media type, such as video/mp4."]
    size_bytes: Annotated[int | None, "Size of the file."]
    duration_seconds: Annotated[float | None, "Length."]
    sha256: Annotated[str | None, "Checksum, where the platform gives one."]
    error: Annotated[str | None, "Why it failed, in the platform's words.", PersonalData.TEXT]
    created_at: Annotated[datetime | None, "When it was made."]
    updated_at: Annotated[datetime | None, "When it was last changed."]


class PollRow(Row, frozen=True, gc=False):
    """One option of a poll."""

    poll_id: Annotated[str, "The platform's id of the poll.", KEY]
    seq: Annotated[int, "Number of the option within its poll, from 0.", KEY]
    question: Annotated[str, "What was asked.", PersonalData.TEXT]
    option_id: Annotated[str | None, "The platform's id of the option."]
    option_text: Annotated[str, "The option.", PersonalData.TEXT]
    votes: Annotated[int | None, "How many chose it. Who did is not known."]
    status: Annotated[str, "active or closed.", PollStatus]
    multiple_choice: Annotated[bool | None, "Whether a person could choose several options."]
    created_at: Annotated[datetime | None, "When the poll was made."]
    closed_at: Annotated[datetime | None, "When it was closed."]


class ChatMessageRow(Row, frozen=True, gc=False):
    """One message of the chat."""

    message_id: Annotated[str, "The platform's id of the message.", KEY]
    sent_at: Annotated[datetime | None, "When it was sent.", INDEX]
    sender_key: Annotated[
        str | None, "The person who wrote it; joins with participant_key of people with an account.", PERSON, INDEX
    ]
    sender_name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    recipient_key: Annotated[str | None, "The person it was for; null where it was for all.", PERSON]
    recipient_name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    is_direct: Annotated[bool | None, "Whether it was for one person alone."]
    text: Annotated[str, "What was written.", PersonalData.TEXT]


class BookingRow(Row, frozen=True, gc=False):
    """One booking, of the session that was made for it."""

    booking_id: Annotated[str, "The platform's id of the booking.", KEY]
    booking_page_id: Annotated[str | None, "The page it was booked on.", INDEX]
    title: Annotated[str | None, "What the booking is called.", PersonalData.TITLE]
    status: Annotated[str | None, "Status in the platform's word."]
    start_at: Annotated[datetime | None, "Start of the booked time.", INDEX]
    end_at: Annotated[datetime | None, "End of the booked time."]
    time_zone: Annotated[str | None, "IANA name of the zone in which it was booked."]
    participant_name: Annotated[str | None, "Name of the person who booked.", PersonalData.NAME]
    participant_email: Annotated[str | None, "E-mail address of the person who booked.", PersonalData.EMAIL, INDEX]
    guests: Annotated[
        str | None, "E-mail addresses of further people, as a JSON list.", PersonalData.EMAIL, PersonalData.NAME
    ]
    answers: Annotated[
        str | None,
        "Answers to the page's questions, as a JSON list of pairs.",
        PersonalData.TEXT,
        PersonalData.EMAIL,
        PersonalData.NAME,
    ]
    created_at: Annotated[datetime | None, "When it was booked."]


class EventRow(Row, frozen=True, gc=False):
    """One event, of the session that it is held as."""

    event_id: Annotated[str, "The platform's id of the event.", KEY]
    title: Annotated[str | None, "What the event is called.", PersonalData.TITLE]
    slug: Annotated[str | None, "The event's part of its address.", PersonalData.LINK]
    is_published: Annotated[bool | None, "Whether people can register."]
    is_public: Annotated[bool | None, "Whether anybody can see it."]
    published_at: Annotated[datetime | None, "When it was published."]
    created_at: Annotated[datetime | None, "When it was made."]


class RegistrationRow(Row, frozen=True, gc=False):
    """One person registered for an event, of the event's session."""

    seq: Annotated[int, "Number of the row within its session, from 0.", KEY]
    event_id: Annotated[str, "The event; joins with events.", INDEX]
    registration_id: Annotated[str | None, "The platform's id of the registration.", PersonalData.USER_ID]
    participant_key: Annotated[str, "The person; the same as in participants.", PERSON, INDEX]
    name: Annotated[str | None, "Name as shown.", PersonalData.NAME]
    email: Annotated[str | None, "E-mail address.", PersonalData.EMAIL, INDEX]
    is_guest: Annotated[bool | None, "Whether the person has no account."]
