from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from airflow_provider_sessions.errors import (
    ConflictError,
    ConnectionConfigError,
    InputError,
    NotFoundError,
    ResultTooLargeError,
    UnsupportedError,
)
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CancelSessionOperator,
    EndSessionOperator,
    StartSessionOperator,
    UpdateSessionOperator,
)
from airflow_provider_sessions.platforms.adapter import Capability, Feature, Support
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from tests.connected import Connect, requests_of
from tests.unit.operators.attempts import Place, prepare


@pytest.fixture
def run(context: Any, vidinfra: Any) -> Any:
    def run(operator: Any, **fields: Any) -> Any:
        return operator(task_id="task", conn_id="vidinfra_default", **fields).execute(context)

    return run


@pytest.fixture
def session_id(vidinfra: Any) -> str:
    (session_id,) = vidinfra.create("Town hall")
    return str(session_id)


def test_a_session_is_started_and_ended(run: Any, session_id: str, context: Any) -> None:
    assert run(StartSessionOperator, session_id=session_id)["state"] == "live"
    assert run(EndSessionOperator, session_id=session_id)["state"] == "ended"
    assert context["ti"].xcoms["session_url"] == f"https://live.example.com/sessions/{session_id}"


def test_the_result_is_logged(run: Any, session_id: str, caplog: pytest.LogCaptureFixture) -> None:
    page = f"https://live.example.com/sessions/{session_id}"
    with caplog.at_level(logging.INFO):
        run(UpdateSessionOperator, session_id=session_id, start="2031-01-02T03:04:05.678+01:00")
        run(StartSessionOperator, session_id=session_id)
        run(CallApiOperator, endpoint="list_rooms", limit=1)
        run(CallApiOperator, endpoint="get_session", arguments={"session_id": session_id})

    messages = [text for text in caplog.messages if text.startswith((f"Session {session_id} is", "Called"))]
    assert messages == [
        f"Session {session_id} is scheduled; start: 2031-01-02T02:04:05+00:00; page: {page}",
        f"Session {session_id} is live; start: 2031-01-02T02:04:05+00:00; page: {page}",
        "Called list_rooms of vidinfra: received 1 item",
        "Called get_session of vidinfra: received one object",
    ]


@pytest.mark.parametrize(
    ("operator", "begin", "state"),
    [(StartSessionOperator, ["start"], "live"), (EndSessionOperator, ["start", "end"], "ended")],
)
def test_a_session_already_in_the_state_is_logged_and_unchanged(
    run: Any,
    vidinfra: Any,
    sandbox: Sandbox,
    session_id: str,
    caplog: pytest.LogCaptureFixture,
    operator: Any,
    begin: list[str],
    state: str,
) -> None:
    for step in begin:
        getattr(vidinfra, step)(session_id)
    with caplog.at_level(logging.INFO):
        assert run(operator, session_id=session_id)["state"] == state

    assert f"Session {session_id} is already {state}" in caplog.text
    assert sandbox.log.count(method="POST") == 0


def test_a_session_that_reaches_the_state_meanwhile_is_accepted(
    run: Any, vidinfra: Any, sandbox: Sandbox, session_id: str
) -> None:
    sandbox.on_request(lambda entry: vidinfra.start(session_id) if entry.method == "POST" else None)

    assert run(StartSessionOperator, session_id=session_id)["state"] == "live"


@pytest.mark.parametrize("fault", [{"kind": "lost_response"}, {"kind": "shorten", "after_bytes": 9}])
def test_a_start_whose_response_is_lost_counts(
    run: Any, sandbox: Sandbox, session_id: str, fault: dict[str, Any]
) -> None:
    sandbox.faults.add(route="start_session", **fault)

    assert run(StartSessionOperator, session_id=session_id)["state"] == "live"


def test_a_state_that_cannot_be_reached_is_an_error(run: Any, vidinfra: Any, session_id: str) -> None:
    with pytest.raises(ConflictError):
        run(EndSessionOperator, session_id=session_id)
    vidinfra.start(session_id)
    vidinfra.end(session_id)
    with pytest.raises(ConflictError):
        run(StartSessionOperator, session_id=session_id)
    with pytest.raises(ConflictError, match="can only cancel what has not begun"):
        run(CancelSessionOperator, session_id=session_id)


def test_a_session_can_be_canceled_twice(run: Any, session_id: str, caplog: pytest.LogCaptureFixture) -> None:
    first = run(CancelSessionOperator, session_id=session_id, notify="False")
    again = run(CancelSessionOperator, session_id=session_id)

    assert (first["state"], first["state_inferred"]) == ("canceled", False)
    assert (again["session_id"], again["state"], again["state_inferred"]) == (session_id, "canceled", True)
    assert "does not exist: it was canceled before, or never created" in caplog.text


def test_a_platform_that_keeps_canceled_sessions_does_not_take_a_missing_one_for_canceled(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VidInfraAdapter, "keeps_canceled", True)

    with pytest.raises(NotFoundError):
        run(CancelSessionOperator, session_id="6f1f0a52-4d0f-4e3a-9a50-000000000000")


def test_moving_a_session_into_the_past_logs_a_warning(
    run: Any, session_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    run(UpdateSessionOperator, session_id=session_id, start="2036-03-04T09:00Z")
    assert "in the past" not in caplog.text

    run(UpdateSessionOperator, session_id=session_id, start="2026-03-04T09:00Z")
    assert "The planned start, 2026-03-04T09:00:00+00:00, is in the past" in caplog.messages


def test_a_session_is_moved(run: Any, vidinfra: Any, session_id: str) -> None:
    moved = run(
        UpdateSessionOperator, session_id=session_id, start="2026-03-04T09:00", time_zone="Europe/Berlin", title="None"
    )

    assert moved["scheduled_start"] == "2026-03-04T08:00:00+00:00"
    assert run(UpdateSessionOperator, session_id=session_id, start="2026-03-04T08:00:00Z") == moved


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "nothing to change: give at least one of"),
        ({"title": "Another"}, "title: vidinfra cannot change this; it can change the start"),
        ({"start": "tomorrow"}, "start: 'tomorrow' is not a time"),
        ({"options": {"chat": True}}, "options.chat for vidinfra"),
        ({"options": ["chat"]}, "options: expected a mapping, got list"),
    ],
)
def test_an_invalid_update_fails_before_any_request(
    run: Any, sandbox: Sandbox, session_id: str, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(UpdateSessionOperator, session_id=session_id, **fields)
    assert sandbox.log.count() == 0


@pytest.mark.parametrize("operator", [StartSessionOperator, EndSessionOperator, CancelSessionOperator])
@pytest.mark.parametrize("bad", ["", "None", None, True, [17], "../rooms", "a/..", "a\nb"])
def test_an_invalid_id_fails_before_any_request(run: Any, sandbox: Sandbox, operator: Any, bad: Any) -> None:
    with pytest.raises(InputError, match="session_id"):
        run(operator, session_id=bad)
    assert sandbox.log.count() == 0


def test_an_invalid_notify_is_refused(run: Any, session_id: str) -> None:
    with pytest.raises(InputError, match="notify: 'maybe' is neither true nor false"):
        run(CancelSessionOperator, session_id=session_id, notify="maybe")


def test_an_unsupported_operation_fails_before_any_request(
    run: Any, sandbox: Sandbox, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = {**VidInfraAdapter.capabilities, Feature.START: Capability(Support.NO, "The host starts it by hand.")}
    monkeypatch.setattr(VidInfraAdapter, "capabilities", lacking)

    with pytest.raises(UnsupportedError, match=r"vidinfra does not support 'start'\. The host starts it by hand."):
        run(StartSessionOperator, session_id=session_id)
    assert sandbox.log.count() == 0


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
def place(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, request.param, connect)


ROUTES = {"prevail": "edit_session", "vidinfra": "reschedule_session", "sessions_us": "update_session"}
LATER = {"start": "2030-03-06T09:00:00Z", "time_zone": "America/New_York"}


def test_an_update_whose_response_is_lost_counts(place: Place, sandbox: Sandbox, context: Any) -> None:
    session_id = place.theirs()
    sandbox.faults.add("lost_response", route=ROUTES[place.name])
    update = UpdateSessionOperator(task_id="u", conn_id=place.conn_id, session_id=session_id, **LATER)

    assert update.execute(context)["scheduled_start"] == "2030-03-06T09:00:00+00:00"


def test_a_repeated_update_is_no_error_after_the_session_started(
    place: Place, context: Any, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = place.theirs()
    update = UpdateSessionOperator(task_id="u", conn_id=place.conn_id, session_id=session_id, **LATER)
    first = update.execute(context)
    place.platform.start(session_id)
    with caplog.at_level(logging.INFO):
        again = update.execute(context)

    assert again == first | {"state": "live"}
    assert f"Session {session_id} is already as requested" in caplog.text
    with pytest.raises(ConflictError):
        UpdateSessionOperator(task_id="u", conn_id=place.conn_id, session_id=session_id, start=1893456000).execute(
            context
        )


def test_invited_people_are_not_invited_again(
    sandbox_server: SandboxServer, connect: Connect, sandbox: Sandbox, context: Any
) -> None:
    place = prepare(sandbox, "prevail", connect)
    people = ["ada@example.com", {"email": sandbox.prevail.member_email, "role": "host"}]
    update = UpdateSessionOperator(
        task_id="u", conn_id=place.conn_id, session_id=place.theirs(), add_participants=people
    )
    for _ in range(2):
        update.execute(context)

    assert [email["to"] for email in sandbox.prevail.emails(to="ada@example.com")] == ["ada@example.com"]
    assert sandbox.log.count(route="edit_session") == 1


class TestCallApi:
    def test_an_endpoint_is_called(self, run: Any, vidinfra: Any) -> None:
        room = run(CallApiOperator, endpoint="get_room", arguments={"room_id": vidinfra.room_id})

        assert room["id"] == vidinfra.room_id
        assert json.loads(json.dumps(room)) == room

    def test_a_list_is_returned_whole_or_up_to_a_limit(self, run: Any, vidinfra: Any, sandbox: Sandbox) -> None:
        vidinfra.create(count=12)

        assert len(run(CallApiOperator, endpoint="list_sessions")) == 12
        sandbox.log.clear()
        assert len(run(CallApiOperator, endpoint="list_sessions", limit="3")) == 3
        assert requests_of(sandbox) == ["list_sessions"]

    def test_arguments_may_be_json(self, run: Any, vidinfra: Any) -> None:
        arguments = json.dumps({"room_id": vidinfra.room_id})

        assert run(CallApiOperator, endpoint="get_room", arguments=arguments)["id"] == vidinfra.room_id

    def test_secrets_are_not_returned(self, run: Any, vidinfra: Any) -> None:
        arguments = {"room_id": vidinfra.room_id, "title": "Studio", "preset_id": vidinfra.preset_id, "mode": "rtmp"}
        result = run(CallApiOperator, endpoint="create_session", arguments=arguments)

        assert set(result["stream_key"]) == {"*"}
        assert result["session"]["title"] == "Studio"

    def test_a_result_too_large_for_xcom_is_refused(self, run: Any, vidinfra: Any) -> None:
        vidinfra.create(count=200)

        with pytest.raises(ResultTooLargeError, match=r"list_sessions: the result has \d+ KiB, too much for XCom"):
            run(CallApiOperator, endpoint="list_sessions")

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"endpoint": "get_rooom"}, "vidinfra has no endpoint 'get_rooom'; it has .*get_room"),
            ({"endpoint": "get_room"}, r"endpoint get_room\(room_id: .*missing a required argument: 'room_id'"),
            ({"endpoint": "get_room", "arguments": {"id": "x"}}, r"endpoint get_room\(room_id: "),
            (
                {"endpoint": "get_room", "arguments": {"room_id": "a/../b"}},
                "room_id='a/../b' cannot be part of /rooms/",
            ),
            (
                {"endpoint": "get_room", "arguments": ["x"]},
                "arguments: expected a mapping of names and values, got list",
            ),
            ({"endpoint": "get_room", "arguments": "{x}"}, "arguments: '{x}' is not JSON"),
            ({"endpoint": "list_rooms", "limit": "many"}, "limit: 'many' is not a whole number above zero"),
            ({"endpoint": "list_rooms", "limit": 0}, "limit: 0 is not a whole number above zero"),
        ],
    )
    def test_an_invalid_call_fails_before_any_request(
        self, run: Any, sandbox: Sandbox, fields: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            run(CallApiOperator, **fields)
        assert sandbox.log.count() == 0


class TestRawCall:
    def test_a_path_is_called_and_its_envelope_returned(self, run: Any, vidinfra: Any) -> None:
        result = run(CallApiOperator, method="GET", path=f"/rooms/{vidinfra.room_id}")
        assert (result["success"], result["data"]["id"]) == (True, vidinfra.room_id)

    def test_query_and_body_may_be_json(self, run: Any, vidinfra: Any) -> None:
        vidinfra.create(count=3)
        result = run(CallApiOperator, method="get", path="/sessions", query='{"limit": 2}')
        assert len(result["data"]["sessions"]) == 2
        for body in ({"title": "Studio"}, '{"title": "Studio"}'):
            made = run(CallApiOperator, method="POST", path="/rooms", body=body)
            assert made["data"]["room"]["title"] == "Studio"

    def test_another_base_url_of_the_connection_gets_the_credential(
        self, run: Any, vidinfra: Any, connect: Connect
    ) -> None:
        extra = {"video_host": vidinfra.video_host, "base_urls": {"library": vidinfra.video_host}}
        fields = {"conn_type": "vidinfra", "host": vidinfra.base_url, "password": vidinfra.api_key, "extra": extra}
        connect("vidinfra_default", **fields)
        for base in ("video", "library"):
            found = run(CallApiOperator, method="GET", path="/libraries", base=base)
            assert vidinfra.library_id in [one["id"] for one in found["data"]]
        found = run(CallApiOperator, method="GET", path="/rooms/my", base="live")
        assert found["data"]["rooms"]

    def test_secrets_in_the_response_are_hidden(self, run: Any, session_id: str) -> None:
        result = run(CallApiOperator, method="POST", path=f"/sessions/{session_id}/start")
        assert result["data"]["livekit_token"] == "***"

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "set either endpoint, or method and path"),
            ({"endpoint": "list_rooms", "method": "GET", "path": "/rooms"}, "set either endpoint, or method and path"),
            ({"method": "GET", "path": "//evil.example"}, "path: must be relative"),
            ({"method": "TRACE", "path": "/rooms"}, "method: must be one of"),
            ({"method": "GET", "path": "/rooms", "query": "[1]"}, "query: expected a mapping"),
        ],
    )
    def test_invalid_calls_are_refused_before_any_request(
        self, run: Any, sandbox: Sandbox, fields: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            run(CallApiOperator, **fields)
        assert requests_of(sandbox) == []

    def test_a_base_url_that_the_connection_does_not_have_is_named(self, run: Any, sandbox: Sandbox) -> None:
        with pytest.raises(ConnectionConfigError, match=r"base URL for 'billing' .*base_urls"):
            run(CallApiOperator, method="GET", path="/invoices", base="billing")
        assert requests_of(sandbox) == []

    def test_a_platforms_refusal_names_method_and_path(self, run: Any) -> None:
        with pytest.raises(NotFoundError, match="GET /nothing"):
            run(CallApiOperator, method="GET", path="/nothing")
