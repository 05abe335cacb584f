"""How Sessions' responses are mapped to the model, each by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_sessions.client.api_models import validate_leniently
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model import Participant, Presence, Session, SessionState
from airflow_provider_sessions.platforms.sessions_us.mapping import (
    get_state,
    is_partial,
    lacks_state,
    map_participant,
    map_session,
)
from airflow_provider_sessions.platforms.sessions_us.models import ParticipantItem, SessionItem

ADA = {"id": "p1", "isOwner": True, "user": {"id": "u1", "email": "ada@example.com", "firstName": "Ada"}}
BO = {"id": "p2", "isOwner": False, "guest": {"email": "Bo@example.com", "firstName": "Bo", "lastName": "Ek"}}
START = "2026-03-02T14:00:00Z"


def item(**fields: Any) -> SessionItem:
    return validate_leniently(SessionItem, {"id": "s1"} | fields)


def participant(**fields: Any) -> Participant:
    return map_participant(validate_leniently(ParticipantItem, fields), 3)


def at(hour: int) -> datetime:
    return datetime(2026, 3, 2, hour, tzinfo=UTC)


def test_a_session_is_mapped_field_by_field() -> None:
    whole = item(
        name="Intro",
        description="A first call",
        room={"id": "r1"},
        createdAt="2026-03-02T08:00:00Z",
        updatedAt="2026-03-02T09:00:00Z",
        startAt=START,
        plannedEnd="2026-03-02T15:00:00Z",
        timeZone="Europe/Berlin",
        actualStart="2026-03-02T14:00:00Z",
        endedAt="2026-03-02T16:00:00Z",
        sessionLink="https://sessions.example/s1",
        participants=[BO, ADA],
    )
    assert map_session(whole, "https://page.example/s1") == Session(
        platform="sessions_us",
        session_id="s1",
        title="Intro",
        state=SessionState.ENDED,
        description="A first call",
        scheduled_start=at(14),
        scheduled_end=at(15),
        time_zone="Europe/Berlin",
        actual_start=at(14),
        actual_end=at(16),
        host_id="account:u1",
        host_name="Ada",
        room_id="r1",
        url="https://sessions.example/s1",
        join_url="https://sessions.example/s1",
        created_at=at(8),
        updated_at=at(9),
    )


@pytest.mark.parametrize("participants", [None, [], [BO]])
def test_a_session_that_says_little_has_its_id_as_title_and_the_page_that_the_connection_knows(
    participants: Any,
) -> None:
    session = map_session(item(participants=participants), "https://page.example/s1")
    assert session == Session(
        platform="sessions_us",
        session_id="s1",
        title="s1",
        state=SessionState.SCHEDULED,
        url="https://page.example/s1",
    )


@pytest.mark.parametrize("session_id", [None, ""])
def test_a_session_without_an_id_cannot_be_read(session_id: str | None) -> None:
    with pytest.raises(MalformedResponseError, match="no id"):
        map_session(item(id=session_id), None)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, SessionState.SCHEDULED),
        ({"actualStart": START}, SessionState.LIVE),
        ({"actualStart": "soon"}, SessionState.LIVE),
        ({"actualStart": START, "endedAt": START}, SessionState.ENDED),
        ({"endedAt": START}, SessionState.ENDED),
        ({"actualStart": START, "endedAt": "soon"}, SessionState.ENDED),
    ],
)
def test_the_actual_times_determine_the_state_even_if_they_cannot_be_read(
    fields: dict[str, Any], state: SessionState
) -> None:
    assert get_state(item(**fields)) is state
    assert map_session(item(**fields), None).state is state


def test_fields_that_cannot_be_read_are_named_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    session = map_session(item(name=["Intro"], startAt="soon", room={"id": ["r1"]}), None)
    assert session.unreadable == {"title", "scheduled_start", "room_id"}
    assert "startAt of session 's1' cannot be read" in caplog.text
    assert map_session(item(), None).unreadable == frozenset()


def test_only_an_item_that_leaves_out_its_start_lacks_its_state() -> None:
    assert lacks_state(item())
    assert not lacks_state(item(actualStart=None))
    assert not lacks_state(item(endedAt=START))


def test_an_item_of_a_list_is_partial_if_it_leaves_out_one_field_that_it_may() -> None:
    fields = {"description": None, "room": None, "participants": [], "actualStart": None}
    assert not is_partial(item(**fields))
    assert not is_partial(item(**fields, name="Intro"))
    for name in fields:
        assert is_partial(item(**{key: value for key, value in fields.items() if key != name})), name


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        (ADA, "account:u1"),
        (ADA | {"user": {"email": "Ada@example.com"}}, "email:ada@example.com"),
        (BO, "email:bo@example.com"),
        (BO | {"guest": {"id": "g1"}}, "participant:p2"),
        ({"id": "p3"}, "participant:p3"),
        ({}, "participant:3"),
    ],
)
def test_a_participant_is_known_by_account_or_address_or_else_by_place(fields: dict[str, Any], key: str) -> None:
    assert participant(**fields).participant_key == key


def test_a_participant_is_mapped_field_by_field() -> None:
    assert participant(**BO, role="Speaker") == Participant(
        participant_key="email:bo@example.com",
        name="Bo Ek",
        email="Bo@example.com",
        role="Speaker",
        is_guest=True,
        presence=Presence.REGISTERED,
        source_id="p2",
    )
    assert (participant(**ADA).role, participant(**ADA).is_guest) == ("host", False)
    assert participant(**ADA, role="Speaker").role == "Speaker"
    assert participant(**BO).role is None


def test_the_first_participant_without_an_id_has_place_zero() -> None:
    assert map_participant(ParticipantItem()).participant_key == "participant:0"
