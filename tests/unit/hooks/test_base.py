from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.sdk.log import redact
from pytest_mock import MockerFixture

from airflow_provider_sessions.errors import (
    AuthenticationError,
    ConnectionConfigError,
    InputError,
    NotFoundError,
    RateLimitedError,
    UnsupportedError,
)
from airflow_provider_sessions.hooks import base, portal
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.hooks.vidinfra import VidInfraHook
from airflow_provider_sessions.model import Artifact, SessionQuery, SessionState
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from tests.connected import Connect


@pytest.fixture
def hook(vidinfra: Any) -> VidInfraHook:
    return VidInfraHook()


@pytest.fixture
def draft(vidinfra: Any) -> dict[str, Any]:
    return {
        "title": "Quarterly review",
        "start": "2026-03-02T16:00:00Z",
        "options": {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id},
    }


def test_a_session_from_its_creation_to_its_artifacts(
    hook: VidInfraHook, draft: dict[str, Any], vidinfra: Any, sandbox: Sandbox
) -> None:
    made = hook.create_session(**draft)
    assert made.state is SessionState.SCHEDULED
    assert made.url == f"https://live.example.com/sessions/{made.session_id}"
    key = made.session_id

    moved = hook.update_session(key, start="2026-03-02T17:00:00Z")
    assert moved.scheduled_start is not None
    assert moved.scheduled_start.isoformat() == "2026-03-02T17:00:00+00:00"

    assert hook.start_session(key).state is SessionState.LIVE
    sandbox.clock.advance(1800)
    assert hook.end_session(key).state is SessionState.ENDED
    sandbox.clock.advance(86400)

    session = hook.get_session(key)
    assert session.duration_seconds == 1800
    assert hook.attendance(session) == hook.attendance(key)
    assert {interval.name for interval in hook.attendance(key)} <= {one.name for one in hook.participants(key)}
    assert len(hook.recordings(key)) == hook.artifact_status(key, Artifact.RECORDING).count > 0


def test_a_session_is_canceled(hook: VidInfraHook, draft: dict[str, Any]) -> None:
    made = hook.create_session(**draft)

    assert hook.cancel_session(made.session_id, notify=False).state is SessionState.CANCELED
    with pytest.raises(NotFoundError):
        hook.get_session(made.session_id)


@pytest.mark.parametrize("feature", ["transcripts", "takeaways"])
def test_unsupported_features_are_refused_with_a_hint(hook: VidInfraHook, vidinfra: Any, feature: str) -> None:
    (key,) = vidinfra.create()

    with pytest.raises(UnsupportedError, match=f"vidinfra does not support '{feature}'. The vendor"):
        getattr(hook, feature)(key)


def test_lists_come_in_pages(hook: VidInfraHook, vidinfra: Any, sandbox: Sandbox) -> None:
    vidinfra.create(count=250)
    found = [session.session_id for session in hook.list_sessions()]

    assert len(found) == len(set(found)) == 250
    assert sandbox.log.count(route="list_sessions") == 3


def test_lists_are_narrowed_down(hook: VidInfraHook, vidinfra: Any) -> None:
    vidinfra.create("Board meeting")
    vidinfra.create("All hands", count=3)

    assert [session.title for session in hook.list_sessions(SessionQuery(title="board"))] == ["Board meeting"]


def test_any_endpoint_can_be_called(hook: VidInfraHook, vidinfra: Any) -> None:
    assert hook.call(endpoints.get_room(vidinfra.room_id)).id == vidinfra.room_id
    assert vidinfra.room_id in [room.id for room in hook.pages(endpoints.list_rooms())]


async def test_any_endpoint_can_be_called_in_an_event_loop(hook: VidInfraHook, vidinfra: Any) -> None:
    assert (await hook.acall(endpoints.get_room(vidinfra.room_id))).id == vidinfra.room_id
    assert vidinfra.room_id in [room.id async for room in hook.apages(endpoints.list_rooms())]
    async with hook.get_conn() as client:
        assert (await client.send(endpoints.get_room(vidinfra.room_id))).id == vidinfra.room_id


def test_an_error_says_what_to_do(hook: VidInfraHook, connect: Connect, vidinfra: Any) -> None:
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password="wrong-key-123")

    with pytest.raises(AuthenticationError, match="401") as refused:
        list(hook.pages(endpoints.list_my_rooms()))
    assert "wrong-key-123" not in str(refused.value)


def test_making_a_hook_reads_no_connection() -> None:
    assert VidInfraHook("there_is_no_such_connection").conn_id == "there_is_no_such_connection"
    assert VidInfraHook().conn_id == "vidinfra_default"


def test_a_hook_for_another_platforms_connection_is_refused(connect: Connect) -> None:
    connect("mine", conn_type="prevail", password="x")

    with pytest.raises(InputError, match="connection 'mine' has the type 'prevail'; VidInfraHook needs one of type"):
        VidInfraHook("mine").get_session("s")


def test_the_hook_is_found_by_the_connections_type(vidinfra: Any) -> None:
    hook = hook_for("vidinfra_default")

    assert isinstance(hook, VidInfraHook)
    assert hook.account.password == vidinfra.api_key


def test_a_connection_of_another_type_is_refused_with_the_known_types(connect: Connect) -> None:
    connect("web", conn_type="http", host="example.com")

    with pytest.raises(InputError, match=r"connection 'web': connection type 'http' is no platform.*known are .*vidi"):
        hook_for("web")


@pytest.fixture
def login(connect: Connect, vidinfra: Any) -> Any:
    connect(
        "by_login",
        conn_type="vidinfra",
        host=vidinfra.base_url,
        login=vidinfra.host_email,
        password=vidinfra.host_password,
        extra={"auth_mode": "login"},
    )
    return vidinfra


def test_a_login_is_shared_by_all_hooks_of_a_connection(login: Any, sandbox: Sandbox) -> None:
    for _ in range(3):
        list(hook_for("by_login").pages(endpoints.list_my_rooms()))

    assert [entry.path.rpartition("/")[2] for entry in sandbox.log.entries(method="POST")] == ["login"]


def test_tokens_are_masked_on_the_tasks_thread_and_never_logged(
    login: Any, mocker: MockerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    mask = mocker.spy(portal, "mask")
    hook = hook_for("by_login")
    with caplog.at_level(logging.DEBUG):
        list(hook.pages(endpoints.list_my_rooms()))

    tokens = [call.args[0] for call in mask.call_args_list]
    assert len(tokens) == 2
    for token in tokens:
        assert redact(f"Bearer {token}") == "Bearer ***"
        assert token not in caplog.text
    assert login.host_password not in caplog.text


async def test_tokens_are_masked_in_an_event_loop_too(login: Any, mocker: MockerFixture) -> None:
    masked = mocker.patch.object(base, "mask_in_background")

    await hook_for("by_login").acall(endpoints.get_dashboard_stats())

    assert len(masked.call_args_list) == 2


class TestTheTestButton:
    """Airflow exports the connection under a random id, in URI form, and tests it with the hook."""

    @pytest.fixture
    def press(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def press(**fields: Any) -> tuple[bool, str]:
            extra = json.dumps(fields.pop("extra", {}))
            stored = StoredConnection(conn_id="saved", conn_type="vidinfra", extra=extra, **fields)
            monkeypatch.setenv("AIRFLOW_CONN_QWERTYUIOP", stored.get_uri())
            return VidInfraHook(conn_id="qwertyuiop").test_connection()

        return press

    def test_a_good_connection(self, press: Any, vidinfra: Any) -> None:
        passed, message = press(host=vidinfra.base_url, password=vidinfra.api_key)

        assert passed
        assert message.startswith("127.0.0.1 accepted the credential; the account has")

    def test_a_good_login(self, press: Any, vidinfra: Any) -> None:
        passed, _ = press(
            host=vidinfra.base_url,
            login=vidinfra.host_email,
            password=vidinfra.host_password,
            extra={"auth_mode": "login", "timeout": 5},
        )

        assert passed

    def test_a_wrong_key_says_which_field_to_check_and_not_what_is_in_it(self, press: Any, vidinfra: Any) -> None:
        passed, message = press(host=vidinfra.base_url, password="a-wrong-key")

        assert not passed
        assert "401" in message
        assert "password" in message
        assert "a-wrong-key" not in message

    def test_an_empty_field_is_named(self, press: Any, vidinfra: Any) -> None:
        assert press(host=vidinfra.base_url) == (
            False,
            "connection 'qwertyuiop' (vidinfra): password is empty; it holds the API key",
        )

    def test_an_unknown_host(self, press: Any) -> None:
        passed, message = press(host="http://127.0.0.1:1/v1", password="abcdef")

        assert not passed
        assert "127.0.0.1:1" in message

    def test_a_missing_connection(self) -> None:
        passed, message = VidInfraHook("no_such_connection").test_connection()

        assert not passed
        assert "no_such_connection" in message


def test_a_wrong_field_fails_before_any_request(connect: Connect, vidinfra: Any, sandbox: Sandbox) -> None:
    connect(
        "bad", conn_type="vidinfra", host=vidinfra.base_url, password=vidinfra.api_key, extra={"session_url": "no/url"}
    )

    with pytest.raises(ConnectionConfigError, match="session_url is 'no/url'; expected an address such as"):
        hook_for("bad").get_session("s")
    assert sandbox.log.count() == 0


@pytest.mark.parametrize("max_wait", [5, "PT5S", timedelta(seconds=5)])
def test_a_hook_waits_no_longer_than_max_wait(vidinfra: Any, sandbox: Sandbox, max_wait: Any) -> None:
    sandbox.faults.add("status", status=429, headers={"Retry-After": "30"})
    impatient = hook_for("vidinfra_default", max_wait=max_wait)
    with pytest.raises(RateLimitedError, match="429") as refused:
        impatient.call(endpoints.list_rooms())
    assert refused.value.retry_after == 30
    with pytest.raises(RateLimitedError, match="for more than 5 s: the platform refuses requests") as caught:
        VidInfraHook(max_wait=max_wait).call(endpoints.list_rooms())
    assert caught.value.retry_after == pytest.approx(30, abs=5)
    assert sandbox.log.count() == 1


async def test_a_hook_waits_no_longer_than_max_wait_in_an_event_loop_too(vidinfra: Any, sandbox: Sandbox) -> None:
    sandbox.faults.add("status", status=429, headers={"Retry-After": "30"})
    hook = VidInfraHook(max_wait=5)
    with pytest.raises(RateLimitedError):
        await hook.acall(endpoints.list_rooms())
    async with hook.get_conn() as client:
        with pytest.raises(RateLimitedError, match="for more than 5 s"):
            await client.send(endpoints.list_rooms())
    with pytest.raises(InputError, match="max_wait: 'soon'"):
        await VidInfraHook(max_wait="soon").acall(endpoints.list_rooms())


@pytest.mark.parametrize("platform", ["prevail", "sessions_us"])
def test_the_participants_of_a_new_session_are_invited(
    sandbox_server: SandboxServer, connect: Connect, platform: str
) -> None:
    sandbox = sandbox_server.sandbox
    connect("invited", **getattr(sandbox, platform).connection())
    hook = hook_for("invited")
    created = hook.create_session(
        title="Kick-off",
        start="2026-03-03T16:00:00Z",
        duration="PT1H",
        time_zone="America/New_York",
        participants=["anna@example.com"],
        options={"case": "24-cv-1138"} if platform == "prevail" else None,
    )
    assert "anna@example.com" in {person.email for person in hook.participants(created)}
