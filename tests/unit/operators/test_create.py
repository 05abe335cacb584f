"""The create operator: its arguments, its result and its errors."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.errors import ConflictError, InputError, OptionsError, ServerError, SessionsError
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox

START = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def options(vidinfra: Any) -> dict[str, str]:
    return {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}


@pytest.fixture
def create(context: Any, options: dict[str, str]) -> Any:
    def create(**fields: Any) -> dict[str, Any]:
        given = {"conn_id": "vidinfra_default", "title": "Town hall", "start": START, "options": options, **fields}
        return CreateSessionOperator(task_id="create", **given).execute(context)

    return create


def test_the_result_and_xcom(create: Any, vidinfra: Any, context: Any) -> None:
    result = create()
    page = f"https://live.example.com/sessions/{result['session_id']}"

    assert result == {
        "session_id": vidinfra.sessions()[0]["id"],
        "platform": "vidinfra",
        "state": "scheduled",
        "state_inferred": False,
        "title": "Town hall",
        "scheduled_start": "2026-03-03T09:00:00+00:00",
        "url": page,
        "join_url": None,
    }
    assert context["ti"].xcoms == {"session_id": result["session_id"], "session_url": page, "join_url": None}


@pytest.mark.parametrize(
    "start",
    [
        {"start": "2026-03-03T09:00:00Z"},
        {"start": "2026-03-03T10:00:00+01:00"},
        {"start": "2026-03-03T10:00", "time_zone": "Europe/Berlin"},
        {"start": 1772528400},
        {"start": "1772528400"},
        {"start": START + timedelta(hours=1), "time_zone": "None"} | {"start": START},
    ],
)
def test_a_start_may_have_many_forms(create: Any, start: dict[str, Any]) -> None:
    assert create(**start)["scheduled_start"] == "2026-03-03T09:00:00+00:00"


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_empty_rendered_values_count_as_not_set(create: Any, nothing: str | None) -> None:
    result = create(start=nothing, duration=nothing, end=nothing, time_zone=nothing, participants=nothing)

    assert result["scheduled_start"] is None


@pytest.mark.parametrize("duration", [3600, "3600", "PT1H", timedelta(hours=1), "1:00:00"])
def test_a_duration_may_have_many_forms(create: Any, duration: Any) -> None:
    assert create(duration=duration)["state"] == "scheduled"


def test_options_may_be_json(create: Any, options: dict[str, str]) -> None:
    assert create(options=f'{{"room_id": "{options["room_id"]}", "preset_id": "{options["preset_id"]}"}}')["session_id"]


BAD = [
    ({"title": ""}, "title: '' is not a title"),
    ({"start": datetime(2026, 3, 3, 9, 0)}, "start: .* has no time zone"),  # noqa: DTZ001 - naive on purpose
    ({"start": "soon"}, "start: 'soon' is not a time"),
    ({"time_zone": "Mars/Olympus"}, "time_zone: 'Mars/Olympus' is not an IANA time zone"),
    ({"end": START - timedelta(hours=1)}, "end: .* is not after the start"),
    ({"duration": "an hour"}, "duration: 'an hour' is not a duration"),
    ({"duration": 60, "end": START + timedelta(hours=1)}, "give duration or end, not both"),
    ({"options": "{'room_id': 'x'}"}, "options: .* is not JSON; in a template end with '| tojson'"),
    ({"participants": ["nobody"]}, "participants: .*'nobody' is not an e-mail address"),
    ({"on_existing": "replace"}, "on_existing: 'replace' is unknown; expected one of return, fail, recreate"),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_bad_input_fails_before_any_request(
    create: Any, sandbox: Sandbox, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        create(**fields)
    assert sandbox.log.count() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"preset_id": None},
            "options.preset_id for vidinfra: .*; vidinfra has the options room_id, preset_id, mode",
        ),
        ({"presetid": "x"}, r"options.presetid for vidinfra: .*not permitted \(given: 'x'\)"),
        ({"mode": "tv"}, "options.mode for vidinfra: .*'webcam' or 'rtmp'"),
    ],
)
def test_bad_options_fail_before_any_request(
    create: Any, options: dict[str, str], sandbox: Sandbox, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionsError, match=message):
        create(options=options | changes)
    assert sandbox.log.count() == 0


def test_creating_a_session_in_the_past_logs_a_warning(create: Any, caplog: pytest.LogCaptureFixture) -> None:
    def get_warnings() -> list[str]:
        return [message for message in caplog.messages if "in the past" in message]

    create(start="2026-03-03T10:00:00+01:00")
    assert get_warnings() == ["The planned start, 2026-03-03T09:00:00+00:00, is in the past"]

    caplog.clear()
    create(start="2026-03-03T10:00:00+01:00")
    create(start=datetime.now(UTC) - timedelta(seconds=10))
    create(start=datetime.now(UTC) + timedelta(days=1))
    create(start=None)
    assert get_warnings() == []


def test_the_constructor_leaves_templates_alone() -> None:
    operator = CreateSessionOperator(
        task_id="create", conn_id="{{ conn }}", title="{{ title }}", start="{{ ds }}", options="{{ params.options }}"
    )

    assert all(hasattr(operator, field) for field in CreateSessionOperator.template_fields)
    assert operator.start == "{{ ds }}"


def test_a_repeated_create_returns_the_existing_session(create: Any, vidinfra: Any) -> None:
    assert create() == create()
    assert len(vidinfra.sessions()) == 1


def test_other_sessions_are_created(create: Any, vidinfra: Any) -> None:
    create()
    create(title="Town hall, second part")
    create(start=START + timedelta(hours=1))

    assert len(vidinfra.sessions()) == 3


def test_a_session_of_others_is_ignored_unless_it_is_to_be_an_error(create: Any, vidinfra: Any) -> None:
    (theirs,) = vidinfra.create("Town hall", scheduled_start=START)

    with pytest.raises(
        ConflictError, match=f"vidinfra already has a session with this title .*: {theirs}, 'Town hall'"
    ):
        create(on_existing="fail")
    made = create()
    assert made["session_id"] != theirs
    assert create(on_existing="fail") == made, "a retry after the first attempt's success"
    assert {session["id"] for session in vidinfra.sessions()} == {theirs, made["session_id"]}


def test_without_a_marker_title_and_start_decide_and_the_oldest_is_used(
    create: Any, vidinfra: Any, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    (first,) = vidinfra.create("Town hall", scheduled_start=START)
    sandbox.clock.advance(60)
    (second,) = vidinfra.create("Town hall", scheduled_start=START)

    assert create(mark="False")["session_id"] == first
    assert f"There are 2 such sessions; using the oldest, {first}, not {second}" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "lost_response"},
        {"kind": "truncate", "after_bytes": 20},
        {"kind": "shorten", "after_bytes": 20},
        {"kind": "status", "status": 502, "carried_out": True},
        {"kind": "status", "status": 408, "carried_out": True},
        {"kind": "status", "status": 423, "carried_out": True},
        {"kind": "status", "status": 425, "carried_out": True},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_a_create_whose_response_is_lost_is_searched_for_and_not_sent_again(
    create: Any, vidinfra: Any, sandbox: Sandbox, fault: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(route="create_session", **fault)
    with caplog.at_level(logging.INFO):
        result = create()

    assert [session["id"] for session in vidinfra.sessions()] == [result["session_id"]]
    assert sandbox.log.count(route="create_session") == 1
    assert "The session may have been created or not" in caplog.text


def test_a_create_that_certainly_failed_is_an_error_and_a_retry_creates_it(
    create: Any, vidinfra: Any, sandbox: Sandbox
) -> None:
    sandbox.faults.add("status", route="create_session", status=500)

    with pytest.raises(ServerError, match="500"):
        create()
    assert vidinfra.sessions() == []
    assert create()["session_id"] == vidinfra.sessions()[0]["id"]


def test_the_first_error_is_raised_if_the_search_fails_too(
    create: Any, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add("status", route="create_session", status=502)
    sandbox.faults.add("status", route="list_room_sessions", status=403, skip=1)

    with pytest.raises(SessionsError, match="502"):
        create()
    assert "a retry of this task searches again" in caplog.text
