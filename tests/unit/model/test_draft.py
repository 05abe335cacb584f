"""Drafts and changes as users write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Invitee, SessionChanges, SessionDraft

THREE = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def test_a_draft_is_read() -> None:
    draft = SessionDraft.read(
        title=" Weekly ",
        start="2026-03-02T16:00",
        duration="PT45M",
        time_zone="Europe/Berlin",
        description="All about amber",
        participants=["ada@example.com", {"email": "bo@example.com", "role": "host"}],
        options={"room_id": "r1"},
        key="k",
    )
    assert draft == SessionDraft(
        title="Weekly",
        start=THREE,
        duration_seconds=2700,
        time_zone="Europe/Berlin",
        description="All about amber",
        participants=(Invitee(email="ada@example.com"), Invitee(email="bo@example.com", role="host")),
        options={"room_id": "r1"},
        key="k",
    )
    assert draft.end == THREE + timedelta(minutes=45)


def test_an_end_instead_of_a_duration() -> None:
    draft = SessionDraft.read(title="x", start="2026-03-29T01:30", end="2026-03-29T03:30", time_zone="Europe/Berlin")
    assert draft.duration_seconds == 3600  # an hour is skipped that night


@pytest.mark.parametrize("nothing", [None, "", " ", "None"])
def test_what_a_template_leaves_that_found_nothing_was_not_given(nothing: Any) -> None:
    draft = SessionDraft.read(
        title="x",
        start=nothing,
        duration=nothing,
        end=nothing,
        time_zone=nothing,
        participants=nothing,
        options=nothing,
    )
    assert draft == SessionDraft(title="x")
    assert draft.end is None
    changes = SessionChanges.read(title=nothing, start=nothing, duration=nothing, time_zone=nothing, description="x")
    assert changes == SessionChanges(description="x")


@pytest.mark.parametrize(("number", "text"), [(20260302, "20260302"), (1.5, "1.5"), (0, "0"), (-3, "-3")])
def test_a_number_is_a_text_as_native_rendering_makes_it(number: float, text: str) -> None:
    draft = SessionDraft.read(title=number, description=number, participants=[{"email": "a@b.c", "name": number}])
    changes = SessionChanges.read(title=number, description=number)

    assert (draft.title, draft.description, draft.participants[0].name) == (text, text, text)
    assert (changes.title, changes.description) == (text, text)


@pytest.mark.parametrize("value", [True, False, float("inf"), float("nan"), ["x"], {"a": 1}])
@pytest.mark.parametrize("field", ["title", "description"])
def test_no_other_value_is_a_text(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        SessionDraft.read(**{"title": "x"} | {field: value})
    with pytest.raises(InputError, match=f"^{field}: "):
        SessionChanges.read(**{field: value})


def test_a_description_may_be_emptied() -> None:
    assert SessionChanges.read(description="").description == ""
    assert SessionDraft.read(title="x", description="None").description is None


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"title": ""}, "title: '' is not a title"),
        ({"title": "None"}, "title: 'None' is not a title"),
        ({"title": True}, "title: True is not a title"),
        ({"start": "soon"}, "start: 'soon' is not a time"),
        ({"start": "2026-03-02T15:00"}, "start: '2026-03-02T15:00' has no time zone"),
        ({"start": True}, "start: True is not a time"),
        ({"time_zone": "Mars/Olympus"}, "time_zone: 'Mars/Olympus' is not an IANA time zone"),
        ({"time_zone": 1}, "time_zone: 1 is not an IANA time zone"),
        ({"duration": 0}, "duration: 0 must be longer than zero"),
        ({"duration": "soon"}, "duration: 'soon' is not a duration"),
        ({"duration": 60, "end": THREE}, "give duration or end, not both"),
        ({"end": THREE}, "without a start has no duration"),
        ({"start": THREE, "end": "2026-03-02T15:00Z"}, "end: '2026-03-02T15:00Z' is not after the start"),
        ({"description": False}, "description: expected a text, got False"),
        ({"options": "room"}, "options: expected a mapping, got str: 'room'"),
        ({"options": {1: 2}}, "options: expected names as texts, got 1"),
        ({"participants": 5}, "participants: expected a list of addresses, got int"),
        ({"participants": [5]}, "participants: 5 is neither an address nor a mapping"),
        (
            {"participants": "ada"},
            "participants: 'ada' cannot be read: email: Value error, 'ada' is not an e-mail address",
        ),
        ({"participants": [{"mail": "ada@example.com"}]}, "email: Field required"),
        ({"participants": [{"email": "ada@example.com", "rol": "host"}]}, "rol: Extra inputs are not permitted"),
        ({"participants": "['ada@example.com']"}, "is not JSON; in a template use {{ people | tojson }}"),
    ],
)
def test_an_invalid_argument_is_refused_by_name(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        SessionDraft.read(**{"title": "x", **fields})
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "participants",
    [
        "ada@example.com",
        " ada@example.com ",
        ["ada@example.com"],
        ("ada@example.com",),
        {"ada@example.com"},
        {"email": "ada@example.com"},
        '["ada@example.com"]',
        '[{"email": "ada@example.com"}]',
        Invitee(email="ada@example.com"),
    ],
)
def test_participants_come_in_many_forms(participants: Any) -> None:
    assert SessionDraft.read(title="x", participants=participants).participants == (Invitee(email="ada@example.com"),)


def test_a_set_of_participants_is_the_same_in_every_process() -> None:
    people = {f"p{n}@example.com" for n in range(20)}
    read = SessionDraft.read(title="x", participants=people).participants
    assert [person.email for person in read] == sorted(people)


def test_changes_must_change_something() -> None:
    with pytest.raises(InputError, match="nothing to change: give at least one of title, start"):
        SessionChanges.read(title="", start=None, options={})
    assert SessionChanges.read(add_participants="ada@example.com").add_participants


def test_changes_are_checked_as_drafts_are() -> None:
    for fields in ({"start": "soon"}, {"duration": -1}, {"time_zone": "x"}, {"options": 5}, {"title": True}):
        with pytest.raises(InputError, match=next(iter(fields))):
            SessionChanges.read(**fields)  # type: ignore[arg-type]


@given(
    title=st.text(min_size=1).filter(lambda t: t.strip() not in ("", "None")),
    start=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    minutes=st.integers(1, 10_000),
)
def test_templates_change_nothing(title: str, start: datetime, minutes: int) -> None:
    given_as_values = SessionDraft.read(title=title, start=start, duration=timedelta(minutes=minutes))
    rendered = SessionDraft.read(title=title, start=start.isoformat(), duration=str(minutes * 60), time_zone="None")
    by_end = SessionDraft.read(title=title, start=str(start), end=str(start + timedelta(minutes=minutes)))
    assert given_as_values == rendered == by_end
    assert SessionDraft.model_validate_json(rendered.model_dump_json()) == rendered
