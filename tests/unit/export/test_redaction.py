"""What becomes of what is personal in a session's rows."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.checks import check_rows, make_rows
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.redaction import Redaction, RedactionMode, parse_redaction_modes
from airflow_provider_sessions.export.rows import PersonalData
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import (
    Attribution,
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Takeaways,
    Transcript,
    TranscriptSegment,
)
from tests.databases import postgres_database
from tests.unit.export.stand_in import interval, session

KEY = "correct horse battery staple"
EVERYTHING = dict.fromkeys(PersonalData, RedactionMode.DROP)
PEOPLE = ("Ada", "ada@example.com", "a1"), ("Bo", "Bo@Example.com", "b2")


def participant(key: str, **fields: Any) -> Participant:
    return Participant(participant_key=key, presence=Presence.REGISTERED, **fields)


def segment(key: str | None, name: str | None = None, text: str = "Hello") -> TranscriptSegment:
    return TranscriptSegment(start=0, end=1, speaker_key=key, speaker_name=name, text=text)


def artifacts(**fields: Any) -> SessionArtifacts:
    """A session with all that there is, of two people."""
    held = session(
        title="Ada and Bo", description="Ada asked", host_id="email:ada@example.com", host_name="Ada", case="Ada v. Bo"
    )
    given = {
        "participants": [
            participant("email:ada@example.com", name="Ada", email="ada@example.com", source_id="row-a"),
            participant("account:b2", name="Bo", email=" Bo@Example.com", source_id="row-b"),
        ],
        "attendance": [
            interval("email:ada@example.com", name="Ada", email="ADA@example.com", device="Ada's phone"),
            interval("account:b2", name="Bo", email="bo@example.com"),
            interval("name:Walk-in Cy", name="Walk-in Cy", attribution=Attribution.NAME_ONLY),
        ],
        "transcripts": [
            Transcript(
                session_id="s1",
                segments=(
                    segment("email:ada@example.com", "Ada", "I am Ada"),
                    segment("account:b2", "bo@example.com"),
                    segment("name:Dee", "Dee"),
                    segment(None),
                ),
            )
        ],
        "takeaways": Takeaways(session_id="s1", text="Ada decides"),
        "recordings": [
            Recording(recording_id="r1", session_id="s1", name="speaker-ada.mp4", status=RecordingStatus.READY)
        ],
    }
    return SessionArtifacts(held, "live.example.com", **given | fields)


def redacted(modes: dict[str, str], of: SessionArtifacts | None = None, *only: str, key: str | None = KEY) -> Any:
    """Rows by dataset, redacted as a user configures it."""
    datasets = [DATASETS[name] for name in only or DATASETS]
    return make_rows(of or artifacts(), datasets, Redaction(parse_redaction_modes(modes), key))


def column(rows: Any, dataset: str, name: str) -> list[Any]:
    return [getattr(row, name) for row in rows[dataset]]


def hashed(value: str) -> str:
    """As the documentation says how to do it."""
    return hmac.new(KEY.encode(), value.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("key", ["short", "x" * 15, " " * 20 + "short"])
def test_a_key_that_could_be_guessed_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(InputError, match=r"redact_conn_id: the key has fewer than 16 characters") as refused:
        Redaction(parse_redaction_modes({"email": "hash"}), key)
    assert key.strip() not in str(refused.value)


@pytest.mark.parametrize("key", ["x" * 16, f" {'x' * 16} "])
def test_a_key_of_sixteen_characters_will_do(key: str) -> None:
    assert Redaction(parse_redaction_modes({"email": "hash"}), key).key == key


def test_every_word_has_its_columns() -> None:
    marked = {
        word.value: [
            f"{name}.{column.name}"
            for name, dataset in DATASETS.items()
            for column in dataset.columns
            if word in column.personal and not column.person
        ]
        for word in PersonalData
    }
    assert marked == {
        "email": [
            "participants.email",
            "attendance.email",
            "attendance_summary.email",
            "bookings.participant_email",
            "bookings.guests",
            "bookings.answers",
            "registrations.email",
        ],
        "name": [
            "sessions.host_name",
            "participants.name",
            "attendance.name",
            "attendance_summary.name",
            "transcript_segments.speaker_name",
            "recordings.name",
            "chat_messages.sender_name",
            "chat_messages.recipient_name",
            "bookings.participant_name",
            "bookings.guests",
            "bookings.answers",
            "registrations.name",
        ],
        "user_id": ["participants.source_id", "attendance.source_id", "registrations.registration_id"],
        "device": ["attendance.device"],
        "title": ["sessions.title", "sessions.case_name", "recordings.name", "bookings.title", "events.title"],
        "text": [
            "sessions.description",
            "transcript_segments.text",
            "takeaways.text",
            "takeaways.markdown",
            "takeaways.document",
            "recordings.error",
            "polls.question",
            "polls.option_text",
            "chat_messages.text",
            "bookings.answers",
        ],
        "link": ["sessions.url", "sessions.join_url", "events.slug"],
    }
    assert [f"{name}.{one.name}" for name, dataset in DATASETS.items() for one in dataset.columns if one.person] == [
        "sessions.host_id",
        "participants.participant_key",
        "attendance.participant_key",
        "attendance_summary.participant_key",
        "transcript_segments.speaker_key",
        "chat_messages.sender_key",
        "chat_messages.recipient_key",
        "registrations.participant_key",
    ]


def test_nothing_changes_where_nothing_is_configured() -> None:
    rows = {name: dataset.make(artifacts()) for name, dataset in DATASETS.items()}
    assert redacted({}) == redacted(dict.fromkeys(PersonalData, "keep")) == rows


def test_addresses_have_one_hash_however_they_are_spelt_and_wherever_they_are() -> None:
    rows = redacted({"email": "hash"})
    ada, bo = hashed("ada@example.com"), hashed("bo@example.com")
    assert column(rows, "participants", "email") == [bo, ada]
    assert column(rows, "attendance", "email") == [bo, ada, None]
    assert column(rows, "attendance_summary", "participant_key") == ["account:b2", f"email:{ada}", "name:Walk-in Cy"]
    assert column(rows, "sessions", "host_id") == [f"email:{ada}"]
    assert column(rows, "participants", "name") == ["Bo", "Ada"]


def test_an_address_in_the_place_of_a_name_counts_as_one() -> None:
    assert column(redacted({"email": "hash"}), "transcript_segments", "speaker_name") == [
        "Ada",
        hashed("bo@example.com"),
        "Dee",
        None,
    ]
    assert column(redacted({"email": "drop"}), "transcript_segments", "speaker_name")[1] is None
    assert column(redacted({"email": "drop", "name": "hash"}), "transcript_segments", "speaker_name")[1] is None


@pytest.mark.parametrize(
    ("name", "is_address"),
    [("a@b", True), (" ada@example.com ", True), ("@ada", False), (" @ada", False), ("Ada", False)],
)
def test_a_name_is_an_address_where_something_stands_before_the_sign(name: str, is_address: bool) -> None:
    of = artifacts(participants=[participant("account:b2", name=name)])
    assert column(redacted({"email": "drop"}, of, "participants"), "participants", "name") == [
        None if is_address else name
    ]


def test_names_that_differ_have_hashes_that_differ() -> None:
    of = artifacts(participants=[participant("account:1", name="Ada"), participant("account:2", name=" ada")])
    assert column(redacted({"name": "hash"}, of, "participants"), "participants", "name") == [
        hashed("Ada"),
        hashed(" ada"),
    ]


@pytest.mark.parametrize("word", ["email", "user_id"])
def test_keys_that_hold_an_address_are_hashed_as_they_are(word: str) -> None:
    of = artifacts(participants=[participant("account:Ada@example.com"), participant("account:ada@example.com")])
    keys = column(redacted({word: "hash"}, of, "participants"), "participants", "participant_key")
    assert keys == [f"account:{hashed('Ada@example.com')}", f"account:{hashed('ada@example.com')}"]


def test_a_key_of_a_kind_that_nobody_knows_is_an_id_as_a_whole() -> None:
    of = artifacts(participants=[participant("device:7"), participant("7")])
    keys = column(redacted({"user_id": "hash"}, of, "participants"), "participants", "participant_key")
    assert set(keys) == {hashed("device:7"), hashed("7")}
    kept = column(redacted({"name": "hash"}, of, "participants"), "participants", "participant_key")
    assert set(kept) == {"device:7", "7"}


def test_what_is_dropped_is_null_or_empty_and_the_rest_stays() -> None:
    rows = redacted(dict.fromkeys(PersonalData, "drop"))
    [one] = rows["sessions"]
    assert (one.title, one.description, one.host_id, one.host_name, one.case_name) == ("", None, None, None, None)
    assert (one.session_id, one.actual_end) == ("s1", artifacts().session.actual_end)
    assert column(rows, "transcript_segments", "text") == [""] * 4
    assert [(row.text, row.markdown, row.document) for row in rows["takeaways"]] == [("", "", None)]
    assert column(rows, "recordings", "name") == [None]
    text = repr(rows).casefold()
    assert not [word for word in ("ada", "cy'", "dee", "@", "phone", "account:", "b2'", "row-") if word in text]


PEOPLE = ("email", "name", "user_id")


@pytest.mark.parametrize(("mode", "reason"), [("keep", "Ada hung up"), ("drop", "no reason given")])
def test_the_reason_why_recordings_never_come_quotes_no_more_than_their_rows(mode: str, reason: str) -> None:
    failed = Recording(recording_id="r1", session_id="s1", status=RecordingStatus.FAILED, error="Ada hung up")
    of = artifacts(recordings=[failed])
    checked = check_rows(of, [DATASETS["recordings"]], redacted({"text": mode}, of, "recordings"))
    assert checked["recordings"].reason == f"all 1 recordings failed: {reason}"


def test_without_a_key_people_are_numbered_in_each_dataset() -> None:
    rows = redacted(dict.fromkeys(PEOPLE, "drop"), key=None)
    assert column(rows, "participants", "participant_key") == ["participants:1", "participants:2"]
    assert column(rows, "attendance", "participant_key") == ["attendance:1", "attendance:2", "attendance:3"]
    assert column(rows, "attendance_summary", "participant_key") == column(rows, "attendance", "participant_key")
    assert column(rows, "transcript_segments", "speaker_key") == [
        "transcripts:1",
        "transcripts:2",
        "transcripts:3",
        None,
    ]
    assert column(rows, "sessions", "host_id") == [None]


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_with_a_key_datasets_join_whenever_they_were_exported(mode: str) -> None:
    modes = dict.fromkeys(PEOPLE, mode)
    rows = redacted(modes)
    bo, ada = column(rows, "participants", "participant_key")
    assert column(rows, "attendance", "participant_key")[:2] == [bo, ada]
    assert column(rows, "transcript_segments", "speaker_key")[:2] == [ada, bo]
    assert redacted(modes, None, "transcript_segments")["transcript_segments"] == rows["transcript_segments"]


def test_only_hashes_follow_a_person_from_session_to_session() -> None:
    def keys(mode: str, session_id: str) -> set[str]:
        there = artifacts()
        of = SessionArtifacts(session(session_id), there.account, attendance=there.attendance)
        return set(column(redacted(dict.fromkeys(PEOPLE, mode), of), "attendance", "participant_key"))

    assert keys("hash", "s1") == keys("hash", "s2")
    assert not keys("drop", "s1") & keys("drop", "s2")


def test_time_is_added_up_before_people_are_hidden() -> None:
    guest = interval("email:bo@example.com", joined=90, left=120, email="bo@example.com")
    twice = artifacts(attendance=[interval("account:b2", email="Bo@example.com"), guest])
    whole = redacted({}, twice)["attendance_summary"]
    hidden = redacted(dict.fromkeys(PersonalData, "drop"), twice)["attendance_summary"]
    figures = ("attribution", "present_seconds", "connected_seconds", "rejoins", "first_join", "last_leave")
    assert [[getattr(row, name) for name in figures] for row in hidden] == [
        [getattr(row, name) for name in figures] for row in whole
    ]
    assert len(hidden) == 1


@given(
    keys=st.lists(
        st.text(max_size=8).map(lambda name: f"name:{name}") | st.emails().map("email:{}".format), unique=True
    ),
    mode=st.sampled_from(["hash", "drop"]),
    key=st.sampled_from([KEY, None]),
)
def test_different_people_stay_different(keys: list[str], mode: str, key: str | None) -> None:
    people = artifacts(attendance=[interval(key) for key in keys], participants=[participant(key) for key in keys])
    rows = redacted({"email": mode, "name": mode}, people, key=KEY if mode == "hash" else key)
    found = column(rows, "attendance_summary", "participant_key")
    assert len(set(found)) == len(keys) == len(set(column(rows, "participants", "participant_key")))


@pytest.mark.parametrize(
    ("redact", "reason"),
    [
        (
            {"phone": "drop"},
            "redact: 'phone' is unknown; expected one of email, name, user_id, device, title, text, link",
        ),
        ({"email": "mask"}, "redact: email: 'mask' is unknown; expected one of keep, hash, drop"),
        ("email", "redact: 'email' is not a mapping"),
    ],
)
def test_an_invalid_argument_is_refused_with_the_choices(redact: Any, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_redaction_modes(redact)
    assert reason in str(refused.value)


@pytest.mark.parametrize("key", [None, ""])
def test_hashes_take_a_key(key: str | None) -> None:
    with pytest.raises(InputError, match="hashing email requires a key; set redact_conn_id"):
        Redaction(parse_redaction_modes({"email": "hash", "name": "drop"}), key)
    assert Redaction(parse_redaction_modes({"name": "drop"}), key).modes == {PersonalData.NAME: RedactionMode.DROP}


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Redaction(parse_redaction_modes({"email": "hash"}), KEY))


PAGE = (Path(__file__).parents[3] / "docs" / "guides" / "privacy.md").read_text(encoding="utf-8")
LIKE_SQL = ["ada@example.com", "  Ada.Lovelace@EXAMPLE.com ", "a+b_c@example.co.uk"]
UNLIKE_SQL = [
    "stra\u00dfe@example.de",
    "\u0130@example.com",
    "\u03bb\u03bf\u03b3\u03bf\u03c2@example.gr",
    "\ta@b.c",
    "a@b.c\u00a0",
]


def hashed_as_documented(address: str) -> str:
    """The hash that the documented function makes."""
    [sample] = re.findall(r"^```python\n(import hashlib\n.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(sample, "privacy.md", "exec"), names)
    made: str = names["hashed"](address, KEY)
    return made


@pytest.mark.parametrize(
    "address", [*LIKE_SQL, *UNLIKE_SQL, "\u1e9e@x.y", "\u2003\u00c9@x.y\r\n", "\ufb01@x.y", "e\u0301@x.y"]
)
def test_the_documented_function_makes_the_hash_of_the_product(address: str) -> None:
    redaction = Redaction({PersonalData.EMAIL: RedactionMode.HASH}, KEY)
    known = SessionArtifacts(session(), "live.example.com", participants=[participant("account:a", email=address)])
    [row] = redaction.rows(make_rows(known, [DATASETS["participants"]], Redaction()))["participants"]
    assert row.email == hashed_as_documented(address)


def test_the_documented_formula_makes_the_same_of_ascii_and_differs_where_it_says() -> None:
    [formula] = re.findall(r"`(encode\(hmac\(.*?'hex'\))`", PAGE)
    with postgres_database() as url:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE EXTENSION pgcrypto")
            query = sa.text(f"SELECT {formula} FROM (SELECT CAST(:email AS text) AS email) AS people")
            made = {
                address: connection.scalar(query, {"email": address, "key": KEY})
                for address in (*LIKE_SQL, *UNLIKE_SQL)
            }
        engine.dispose()
    assert [address for address in made if made[address] == hashed_as_documented(address)] == LIKE_SQL
