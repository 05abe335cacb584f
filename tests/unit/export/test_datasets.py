from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_sessions.errors import InputError, UnsupportedError
from airflow_provider_sessions.export.datasets import DATASETS, account_name, parse_datasets, select_datasets
from airflow_provider_sessions.export.rows import Kind
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import (
    Booking,
    ChatMessage,
    Event,
    Participant,
    Poll,
    PollOption,
    PollStatus,
    Presence,
    Recording,
    RecordingStatus,
    Registration,
    SessionState,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from airflow_provider_sessions.platforms.adapter import Capability, Feature, Support
from tests.unit.export.stand_in import NOON, StandIn, interval, session

SCHEMA = Path(__file__).parent / "schema.txt"
"""The schema as it was first written: lines may be added to a dataset's end, never changed."""


def schema_lines() -> list[str]:
    return [
        f"{dataset.name}.{column.name} {column.kind}"
        f"{'' if column.nullable else ' not null'}{' key' if column.key else ''}"
        for dataset in DATASETS.values()
        for column in dataset.columns
    ]


def test_the_written_schema_is_the_one_that_was_promised() -> None:
    assert schema_lines() == SCHEMA.read_text().splitlines()


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_row_begins_with_the_session_it_belongs_to(dataset) -> None:
    assert [column.name for column in dataset.columns[:4]] == ["platform", "account", "session_id", "version"]
    assert [column.key for column in dataset.columns[:4]] == [True, True, True, False]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_every_column_and_dataset_is_described(dataset) -> None:
    assert all(len(column.description) > 4 and column.description.endswith(".") for column in dataset.columns)
    assert dataset.description.endswith(".")
    assert all(isinstance(column.kind, Kind) for column in dataset.columns)


def full() -> SessionArtifacts:
    return SessionArtifacts(
        session(state=SessionState.ENDED, case="Smith v. Jones", time_zone="Europe/Berlin"),
        "live.example.com",
        participants=[
            Participant(participant_key="email:z@example.com", presence=Presence.INVITED, email="z@example.com"),
            Participant(participant_key="account:1", presence=Presence.PRESENT, name="Anna"),
            Participant(participant_key="account:1", presence=Presence.ASSIGNED, name="Anna", role="host"),
        ],
        attendance=[interval("account:1", 30, 60), interval("account:1", 0, 10), interval("account:0", 5, None)],
        transcripts=[
            Transcript(session_id="s1", language="de", is_translation=True, segments=(said(1, "Hallo"),)),
            Transcript(session_id="s1", language="en", started_at=NOON, segments=(said(1, "Hello"), said(3, "Bye"))),
        ],
        takeaways=Takeaways(session_id="s1", text="Agreed.", document={"type": "doc", "content": []}),
        recordings=[
            recording("r2", created_at=NOON + timedelta(hours=1)),
            recording("r1", created_at=NOON),
            recording("r1", created_at=NOON),
        ],
        polls=[poll("p2", NOON + timedelta(minutes=2)), poll("p1", NOON), poll("p1", NOON)],
        chat_messages=[message("m2", NOON), message("m1", NOON), message("m0", None), message("m1", NOON)],
        bookings=[Booking(booking_id="b1", session_id="s1", guests=("lee@example.com",))],
        events=[Event(event_id="e1", session_id="s1", title="Open day")],
        registrations=[registration("2", "email:z@example.com"), registration("1", "account:1")],
    )


def poll(poll_id: str, created_at: datetime) -> Poll:
    options = (PollOption(text="Yes", votes=3), PollOption(text="No", votes=0))
    return Poll(
        poll_id=poll_id,
        session_id="s1",
        question="Well?",
        status=PollStatus.CLOSED,
        options=options,
        created_at=created_at,
    )


def message(message_id: str, sent_at: datetime | None) -> ChatMessage:
    return ChatMessage(message_id=message_id, session_id="s1", sent_at=sent_at, sender_key="account:1", text="Hello")


def registration(registration_id: str, key: str) -> Registration:
    return Registration(registration_id=registration_id, event_id="e1", session_id="s1", participant_key=key)


def said(start: float, text: str) -> TranscriptSegment:
    return TranscriptSegment(start=start, end=start + 1, text=text, speaker_key="account:1")


def test_what_a_segment_says_stands_in_its_columns() -> None:
    segment = TranscriptSegment(
        start=1.5,
        end=2.25,
        end_inferred=True,
        speaker_key="account:1",
        speaker_name="Anna",
        language="fr",
        text="Salut",
    )
    spoken = Transcript(session_id="s1", language="en", started_at=NOON, segments=(said(0, "Hello"), segment))
    [_, row] = DATASETS["transcript_segments"].make(
        SessionArtifacts(session(), "api.example.com", transcripts=[spoken])
    )
    assert {column.name: getattr(row, column.name) for column in DATASETS["transcript_segments"].columns} == {
        "platform": session().platform,
        "account": "api.example.com",
        "session_id": session().session_id,
        "version": 1,
        "track": 0,
        "seq": 1,
        "is_translation": False,
        "language": "fr",
        "start_seconds": 1.5,
        "end_seconds": 2.25,
        "end_inferred": True,
        "started_at": NOON + timedelta(seconds=1.5),
        "speaker_key": "account:1",
        "speaker_name": "Anna",
        "text": "Salut",
    }


def recording(recording_id: str, **fields) -> Recording:
    return Recording(recording_id=recording_id, session_id="s1", status=RecordingStatus.READY, **fields)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_primary_keys_are_unique_and_present(dataset) -> None:
    rows = dataset.make(full())
    names = [column.name for column in dataset.columns if column.key]
    keys = [tuple(getattr(row, name) for name in names) for row in rows]
    assert len(keys) == len(set(keys)) > 0
    assert all(part is not None for key in keys for part in key)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_values_are_of_the_type_the_schema_says(dataset) -> None:
    types = {Kind.TEXT: str, Kind.INTEGER: int, Kind.NUMBER: float, Kind.BOOLEAN: bool, Kind.INSTANT: datetime}
    for row in dataset.make(full()):
        for column in dataset.columns:
            value = getattr(row, column.name)
            if value is None:
                assert column.nullable, column.name
            else:
                assert type(value) is types[column.kind], column.name
                assert column.kind is not Kind.INSTANT or value.tzinfo is UTC


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_rows_do_not_depend_on_the_order_of_the_platforms_response(dataset) -> None:
    artifacts = full()
    turned = SessionArtifacts(
        artifacts.session,
        artifacts.account,
        participants=artifacts.participants[::-1],
        attendance=artifacts.attendance[::-1],
        transcripts=artifacts.transcripts[::-1],
        takeaways=artifacts.takeaways,
        recordings=artifacts.recordings[::-1],
        polls=artifacts.polls[::-1],
        chat_messages=artifacts.chat_messages[::-1],
        bookings=artifacts.bookings[::-1],
        events=artifacts.events[::-1],
        registrations=artifacts.registrations[::-1],
    )
    assert dataset.make(turned) == dataset.make(artifacts)


def test_the_session_row_says_when_it_ended_and_how_long_it_was() -> None:
    [row] = DATASETS["sessions"].make(full())
    assert (row.ended_at, row.duration_seconds, row.state) == (NOON + timedelta(hours=1), 3600.0, "ended")
    assert (row.case_name, row.time_zone, row.deleted) == ("Smith v. Jones", "Europe/Berlin", False)


def test_stretches_of_a_person_are_numbered_by_time() -> None:
    rows = DATASETS["attendance"].make(full())
    assert [(row.participant_key, row.seq) for row in rows] == [("account:0", 0), ("account:1", 0), ("account:1", 1)]
    assert rows[0].left_at_inferred
    assert rows[1].joined_at == NOON


def test_who_came_with_an_account_and_as_a_guest_has_one_key_in_all_datasets() -> None:
    came = {"presence": Presence.PRESENT, "email": "kim@example.com"}
    invited = Participant(participant_key="email:kim@example.com", presence=Presence.INVITED, email="kim@example.com")
    known = SessionArtifacts(
        session(),
        "live.example.com",
        participants=[
            Participant(participant_key="email:kim@example.com", **came),
            Participant(participant_key="account:7", **came),
            invited,
        ],
        attendance=[
            interval("account:7", 0, 10, email="Kim@example.com"),
            interval("email:kim@example.com", 20, 30, email="kim@example.com"),
        ],
    )
    keys = [row.participant_key for row in DATASETS["participants"].make(known)]
    assert keys == ["account:7"] * 3
    assert {row.participant_key for row in DATASETS["attendance"].make(known)} == {"account:7"}


def test_the_original_is_track_0_and_segments_have_an_instant_where_it_is_known() -> None:
    rows = DATASETS["transcript_segments"].make(full())
    assert [(row.track, row.seq, row.language, row.is_translation) for row in rows] == [
        (0, 0, "en", False),
        (0, 1, "en", False),
        (1, 0, "de", True),
    ]
    assert [row.started_at for row in rows] == [NOON + timedelta(seconds=1), NOON + timedelta(seconds=3), None]


def test_a_session_without_takeaways_has_no_row() -> None:
    assert DATASETS["takeaways"].make(SessionArtifacts(session(), "here")) == []


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["recordings", "sessions"], ["sessions", "recordings"]),
        ("attendance, sessions", ["sessions", "attendance"]),
        ("sessions", ["sessions"]),
    ],
)
def test_datasets_are_read_in_one_order(given, names: list[str]) -> None:
    assert [dataset.name for dataset in parse_datasets(given)] == names


@pytest.mark.parametrize("given", [["session"], "sessions,chat", [], "transcripts", 5, [None], [["sessions"]]])
def test_unknown_datasets_are_refused_with_the_known_ones(given) -> None:
    with pytest.raises(InputError, match="transcript_segments"):
        parse_datasets(given)


async def test_a_named_dataset_that_the_platform_lacks_is_refused_and_otherwise_left_out(monkeypatch) -> None:
    adapter = StandIn.of()
    lacking = {
        Feature.TRANSCRIPTS: Capability(Support.NO, "Use the recording."),
        Feature.TAKEAWAYS: Capability(Support.NO),
    }
    monkeypatch.setattr(StandIn, "capabilities", {**StandIn.capabilities, **lacking})
    left = [dataset.name for dataset in select_datasets(adapter, None)]
    assert left == ["sessions", "participants", "attendance", "attendance_summary", "recordings"]
    with pytest.raises(UnsupportedError, match=r"Use the recording\."):
        select_datasets(adapter, parse_datasets(["sessions", "transcript_segments"]))


async def test_an_opt_in_dataset_is_exported_only_where_it_is_named() -> None:
    adapter = StandIn.of()
    usual = [dataset.name for dataset in select_datasets(adapter, None)]
    assert usual == [name for name, one in DATASETS.items() if not one.opt_in]
    assert [one.name for one in select_datasets(adapter, parse_datasets("polls,sessions"))] == ["sessions", "polls"]


def test_options_and_messages_are_in_the_order_of_time() -> None:
    polls, messages = (DATASETS[name].make(full()) for name in ("polls", "chat_messages"))
    assert [(row.poll_id, row.seq, row.option_text) for row in polls] == [
        ("p1", 0, "Yes"),
        ("p1", 1, "No"),
        ("p2", 0, "Yes"),
        ("p2", 1, "No"),
    ]
    assert [row.message_id for row in messages] == ["m0", "m1", "m2"]


async def test_an_account_is_named_by_its_host_and_company_and_never_by_a_person() -> None:
    assert account_name(StandIn.of()) == "live.example.com"
    assert account_name(StandIn.of(login="acme-reporting")) == "live.example.com/acme-reporting"
    assert account_name(StandIn.of(login="kim@example.com")) == "live.example.com"
