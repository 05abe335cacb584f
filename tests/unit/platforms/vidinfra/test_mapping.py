"""VidInfra's responses, mapped to the model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from airflow_provider_sessions.client.api_models import validate_leniently
from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import (
    AttendanceInterval,
    Attribution,
    Participant,
    Presence,
    Recording,
    RecordingStatus,
    Session,
    SessionState,
)
from airflow_provider_sessions.platforms.list_items import ReadWarnings
from airflow_provider_sessions.platforms.vidinfra.api.people import AttendanceResponse, SessionParticipantResponse
from airflow_provider_sessions.platforms.vidinfra.api.sessions import RecordingResponse, SessionResponse
from airflow_provider_sessions.platforms.vidinfra.artifacts import (
    attendance_sort_key,
    map_attendance,
    map_participants,
    map_recording,
)
from airflow_provider_sessions.platforms.vidinfra.mapping import map_session


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def session(**fields: Any) -> Session:
    return map_session(SessionResponse.model_validate({"id": "s1", "status": "ended"} | fields), lambda key: None)


def row(**fields: Any) -> AttendanceResponse:
    return AttendanceResponse.model_validate({"id": "a1"} | fields)


@pytest.mark.parametrize("word", ["scheduled", "live", "ended", "expired"])
def test_states(word: str) -> None:
    assert session(status=word).state is SessionState(word)


@pytest.mark.parametrize("word", ["paused", "", None, "LIVE"])
def test_an_unknown_state_is_quoted_with_the_session_it_belongs_to(word: str | None) -> None:
    with pytest.raises(UnknownStateError, match=f"unknown session state {word!r} of '.+'; known are scheduled, live"):
        session(status=word)


def test_a_session_without_an_id_is_refused() -> None:
    with pytest.raises(MalformedResponseError, match="no id"):
        session(id=None)


def test_a_session_keeps_the_fields_of_the_platform() -> None:
    host = {"id": "u1", "username": "Ada"}
    found = session(
        title="Hello",
        room={"id": "r1", "host_id": "u1", "host": host},
        scheduled_start_time=at(15),
        started_at=at(15, 1),
        ended_at=at(16),
        recording_enabled=True,
    )
    assert (found.title, found.room_id, found.host_id, found.host_name) == ("Hello", "r1", "u1", "Ada")
    assert (found.scheduled_start, found.actual_start, found.actual_end) == (at(15), at(15, 1), at(16))
    assert (found.scheduled_end, found.time_zone, found.join_url) == (None, None, None)
    assert found.recording_enabled is True


def test_a_missing_end_follows_from_the_duration() -> None:
    assert session(started_at=at(15), duration=1800).actual_end == at(15, 30)
    assert session(status="live", started_at=at(15), duration=1800).actual_end is None


def test_a_session_that_ended_has_an_end_even_if_the_platform_gives_none() -> None:
    assert session(started_at=at(15), updated_at=at(16)).actual_end == at(16)
    assert session(duration=1800, updated_at=at(16)).ended_at == at(16)
    assert session(status="expired", updated_at=at(16)).actual_end is None


@pytest.mark.parametrize("word", ["live", "scheduled"])
def test_a_session_that_was_started_again_has_not_ended(word: str) -> None:
    again = session(status=word, started_at=at(17), ended_at=at(16))
    assert (again.actual_end, again.ended_at) == (None, None)


@pytest.mark.parametrize(
    ("fields", "key", "attribution"),
    [
        ({"user_id": "u1", "email": "a@x.org", "is_guest": False}, "account:u1", Attribution.EXACT),
        ({"user_id": "u1"}, "account:u1", Attribution.EXACT),
        ({"user_id": "g1", "is_guest": True}, "guest:g1", Attribution.PROBABLE),
        ({"user_id": "g1", "is_guest": True, "email": "A@x.org"}, "email:a@x.org", Attribution.EXACT),
        ({"email": "A@x.org"}, "email:a@x.org", Attribution.EXACT),
        ({"email": " A@X.org\n"}, "email:a@x.org", Attribution.EXACT),
        ({"email": "  ", "username": "Ada"}, "row:a1", Attribution.NAME_ONLY),
        ({"username": "Ada"}, "row:a1", Attribution.NAME_ONLY),
        ({"id": None, "username": "Ada"}, "row:7", Attribution.NAME_ONLY),
    ],
)
def test_who_a_row_of_attendance_is_about(fields: dict[str, Any], key: str, attribution: Attribution) -> None:
    interval = map_attendance(row(**fields), 7)
    assert (interval.participant_key, interval.attribution) == (key, attribution)


def test_a_row_of_attendance_is_an_envelope_of_its_joins() -> None:
    interval = map_attendance(
        row(joined_at=at(15), left_at=at(16), last_seen_at=at(17), watch_duration=1200, join_count=3), 0
    )
    assert (interval.joined_at, interval.left_at, interval.left_at_inferred) == (at(15), at(16), False)
    assert (interval.joins, interval.reported_seconds) == (3, 1200)
    assert map_attendance(row(join_count=0, watch_duration=0), 0).joins == 0


def test_an_unnoticed_leaving_is_when_somebody_was_last_seen() -> None:
    interval = map_attendance(row(joined_at=at(15), last_seen_at=at(15, 40)), 0)
    assert (interval.left_at, interval.left_at_inferred) == (at(15, 40), True)
    assert map_attendance(row(joined_at=at(15)), 0).left_at_inferred is False


def test_participants_come_once_with_role_and_presence() -> None:
    held = session(room={"id": "r1", "host_id": "u1", "host": {"id": "u1", "username": "Ada"}})
    assigned = [
        SessionParticipantResponse.model_validate({"id": "p1", "user_id": "u2", "username": "Ben", "role": "co_host"}),
        SessionParticipantResponse.model_validate(
            {"id": "p2", "user": {"id": "u3", "username": "Cem", "email": "c@x.org"}, "role": "moderator"}
        ),
        SessionParticipantResponse.model_validate(
            {"id": "p3", "user_id": "u4", "role": "moderator", "removed_at": "2026-03-02T14:00:00Z"}
        ),
    ]
    present = [
        row(id="a1", user_id="u1", username="Ada", email="ada@x.org", is_guest=False),
        row(id="a2", user_id="u2", username="Ben", is_guest=False),
        row(id="a3", username="Ada"),
        row(id="a4", username="Ada"),
    ]
    people = map_participants(held, assigned, present)
    assert [(who.participant_key, who.role, who.presence) for who in people] == [
        ("account:u1", "host", Presence.PRESENT),
        ("account:u2", "co_host", Presence.PRESENT),
        ("account:u3", "moderator", Presence.ASSIGNED),
        ("row:a3", None, Presence.PRESENT),
        ("row:a4", None, Presence.PRESENT),
    ]
    assert (people[0].email, people[2].email) == ("ada@x.org", "c@x.org")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("recording", RecordingStatus.IN_PROGRESS),
        ("completed", RecordingStatus.READY),
        ("failed", RecordingStatus.FAILED),
    ],
)
def test_recording_statuses(word: str, status: RecordingStatus) -> None:
    assert map_recording(RecordingResponse(id="x1", status=word), "s1").status is status


def test_an_unknown_recording_status_is_quoted() -> None:
    with pytest.raises(UnknownStateError, match="unknown recording status 'processing' of 'x1'; known are recording"):
        map_recording(RecordingResponse(id="x1", status="processing"), "s1")


def test_a_recordings_size_is_given_when_it_is_finished() -> None:
    fields: dict[str, Any] = {"id": "x1", "file_path": "a/b.mp4", "file_size": 0, "duration": 0}
    running = map_recording(RecordingResponse(**fields, status="recording"), "s1")
    assert (running.size_bytes, running.duration_seconds, running.session_id) == (None, None, "s1")
    fields |= {"file_size": 1000, "duration": 60}
    finished = map_recording(RecordingResponse(**fields, status="completed"), "s1")
    assert (finished.size_bytes, finished.duration_seconds, finished.media_type) == (1000, 60, "video/mp4")


def test_a_negative_duration_ends_no_session_before_it_began() -> None:
    started = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert session(status="ended", started_at=started, ended_at=None, duration=-60).actual_end == started


def test_people_with_a_role_but_no_id_are_kept() -> None:
    assigned = [SessionParticipantResponse(username=name, role="moderator") for name in ("Ada", "Ben")]
    people = map_participants(session(), assigned, [row(id=None, username="Cem")])
    assert [(one.participant_key, one.name) for one in people] == [
        ("role:0", "Ada"),
        ("role:1", "Ben"),
        ("row:0", "Cem"),
    ]


def test_a_duration_may_have_a_fraction() -> None:
    assert session(started_at=at(15), duration=90.5).actual_end == at(15, 1).replace(second=30, microsecond=500_000)
    assert map_attendance(row(watch_duration=1800.25), 0).reported_seconds == 1800.25
    assert map_attendance(row(watch_duration="1800"), 0).reported_seconds == 1800
    finished = RecordingResponse.model_validate({"id": "r1", "status": "completed", "duration": 12.5})
    assert map_recording(finished, "s1").duration_seconds == 12.5


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), "soon"])
def test_what_is_no_duration_is_refused(duration: object) -> None:
    with pytest.raises(ValidationError):
        row(watch_duration=duration)


def test_a_field_that_cannot_be_read_is_left_empty_named_and_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    item = {"id": "s1", "status": "ended", "title": ["Town hall"], "ended_at": "2026-03-02T09:00:00Z"}
    read = map_session(validate_leniently(SessionResponse, item), lambda _: None, ReadWarnings("vidinfra"))

    assert (read.title, read.unreadable) == (None, {"title"})
    assert read.actual_end == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert [one for one in caplog.messages if "title of session 's1' cannot be read" in one]


def test_a_status_that_cannot_be_read_is_an_error_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    item = {"id": "s1", "status": ["ended"], "title": "Town hall"}
    with pytest.raises(UnknownStateError) as unknown:
        map_session(validate_leniently(SessionResponse, item), lambda _: None, ReadWarnings("vidinfra"))

    assert unknown.value.session is not None
    assert unknown.value.session.title == "Town hall"
    assert caplog.messages == []


def test_every_field_of_a_session_is_mapped() -> None:
    response = SessionResponse.model_validate(
        {
            "id": "s1",
            "title": "Town hall",
            "description": "All hands",
            "status": "ended",
            "room_id": "r1",
            "room": {"id": "r2", "host_id": "u1", "host": {"id": "u2", "username": "Ada"}},
            "scheduled_start_time": at(9),
            "started_at": at(10),
            "ended_at": at(11),
            "recording_enabled": False,
            "created_at": at(7),
            "updated_at": at(12),
        }
    )
    assert map_session(response, lambda key: f"https://live.example/{key}") == Session(
        platform="vidinfra",
        session_id="s1",
        title="Town hall",
        description="All hands",
        state=SessionState.ENDED,
        room_id="r1",
        host_id="u1",
        host_name="Ada",
        scheduled_start=at(9),
        actual_start=at(10),
        actual_end=at(11),
        recording_enabled=False,
        url="https://live.example/s1",
        created_at=at(7),
        updated_at=at(12),
    )


def test_a_host_is_known_by_the_room_or_by_its_account() -> None:
    assert session(room={"host": {"id": "u2"}}).host_id == "u2"
    assert session(room={"host_id": "u1"}).host_id == "u1"
    assert session().host_id is None


@pytest.mark.parametrize(("message", "error"), [("disk full", "disk full"), ("", None), (None, None)])
def test_every_field_of_a_recording_is_mapped(message: str | None, error: str | None) -> None:
    response = RecordingResponse.model_validate(
        {
            "id": "x1",
            "session_id": "s1",
            "name": "Part 1",
            "file_path": "a/b.mp4",
            "duration": 60,
            "file_size": 1000,
            "status": "completed",
            "error_message": message,
            "created_at": at(11),
            "updated_at": at(12),
        }
    )
    assert map_recording(response, "s2") == Recording(
        recording_id="x1",
        session_id="s1",
        name="Part 1",
        status=RecordingStatus.READY,
        media_type="video/mp4",
        size_bytes=1000,
        duration_seconds=60,
        error=error,
        created_at=at(11),
        updated_at=at(12),
    )


@pytest.mark.parametrize(("count", "joins"), [(None, 1), (0, 0), (-3, 0), (4, 4)])
def test_every_field_of_a_row_of_attendance_is_mapped(count: int | None, joins: int) -> None:
    given = row(
        user_id="u1",
        username="Ada",
        email="ada@example.com",
        is_guest=False,
        joined_at=at(10),
        left_at=at(11),
        last_seen_at=at(12),
        watch_duration=3000,
        join_count=count,
    )
    assert map_attendance(given, 7) == AttendanceInterval(
        participant_key="account:u1",
        attribution=Attribution.EXACT,
        name="Ada",
        email="ada@example.com",
        is_guest=False,
        joined_at=at(10),
        left_at=at(11),
        joins=joins,
        reported_seconds=3000,
        source_id="a1",
    )
    assert map_attendance(row(username=""), 7).name is None


def test_rows_are_ordered_by_time_then_by_who_they_are_about() -> None:
    rows = [
        row(id="b", joined_at=at(10)),
        row(id="a", joined_at=at(10)),
        row(id="", joined_at=at(11), username="b"),
        row(id="", joined_at=at(11), username="a", email="b@example.com"),
        row(id="", joined_at=at(11), username="a", email="a@example.com"),
        row(id="z"),
        row(id=""),
    ]
    ordered = sorted(rows, key=attendance_sort_key)
    assert [(one.id, one.username, one.email) for one in ordered] == [
        ("a", None, None),
        ("b", None, None),
        ("", "a", "a@example.com"),
        ("", "a", "b@example.com"),
        ("", "b", None),
        ("", None, None),
        ("z", None, None),
    ]


def test_every_field_of_participants_is_mapped() -> None:
    held = session(room={"host_id": "h1", "host": {"username": "Hal"}})
    assigned = [SessionParticipantResponse.model_validate({"user": {"id": "u1"}, "role": "moderator"})]
    present = [
        row(user_id="u1", username="Ada", email="ada@example.com"),
        row(user_id="g1", username="Guest", is_guest=True),
    ]
    assert map_participants(held, assigned, present) == [
        Participant(participant_key="account:h1", name="Hal", role="host", presence=Presence.ASSIGNED, source_id="h1"),
        Participant(
            participant_key="account:u1",
            name="Ada",
            email="ada@example.com",
            role="moderator",
            presence=Presence.PRESENT,
            source_id="u1",
        ),
        Participant(participant_key="guest:g1", name="Guest", is_guest=True, presence=Presence.PRESENT, source_id="g1"),
    ]


def test_who_was_given_a_role_keeps_the_name_and_address_of_it_unless_attendance_has_them() -> None:
    user = {"id": "u1", "username": "Ada", "email": "ada@example.com"}
    assigned = [SessionParticipantResponse.model_validate({"user": user, "role": "co_host"})]
    [same] = map_participants(session(), assigned, [row(user_id="u1")])
    assert (same.name, same.email) == ("Ada", "ada@example.com")
    [other] = map_participants(session(), assigned, [row(user_id="u1", username="Ada L.", email="al@example.com")])
    assert (other.name, other.email) == ("Ada L.", "al@example.com")


def test_who_has_a_role_and_was_not_present_is_a_participant() -> None:
    assigned = [SessionParticipantResponse.model_validate({"user": {"id": "u1", "username": "Ada"}, "role": "co_host"})]
    assert map_participants(session(), assigned, []) == [
        Participant(
            participant_key="account:u1", name="Ada", role="co_host", presence=Presence.ASSIGNED, source_id="u1"
        )
    ]
