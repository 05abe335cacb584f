"""The button "Test" of Airflow's list of connections, on every platform, with what people get wrong.

Airflow exports the connection under a random id, in URI form, and tests it with the hook.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.models.connection import Connection as StoredConnection
from airflow.sdk.log import redact
from pytest_mock import MockerFixture

from airflow_provider_sessions.hooks import portal
from airflow_provider_sessions.hooks.base import SessionsHook, hook_for
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from airflow_provider_sessions.sandbox.sandbox_state import PLATFORMS
from tests.connected import requests_of

WRONG_KEY = "0123456789-not-the-right-key-0123456789"
HELP = {
    "prevail": ("Company ID", "active API key"),
    "vidinfra": ("password",),
    "sessions_us": ("password holds the API key", "Public API"),
}
"""What helps somebody whose credential is refused."""
NO_CREDENTIAL = {
    "prevail": "password is empty; it holds the organization's API key",
    "vidinfra": "password is empty; it holds the API key",
    "sessions_us": "password is empty; it holds the API key",
}
all_platforms = pytest.mark.parametrize("platform", PLATFORMS)


@pytest.fixture
def sandbox() -> Sandbox:
    """A sandbox in real time: the button knows no other."""
    return Sandbox(clock=SandboxClock())


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch, sandbox_server: SandboxServer) -> Any:
    """Press the button for the sandbox's connection to a platform, with some fields changed."""

    def press(platform: str, **changed: Any) -> tuple[bool, str]:
        fields = sandbox_server.sandbox.platform(platform).connection() | changed
        extra = json.dumps(fields.pop("extra", {}))
        stored = StoredConnection(conn_id="saved", extra=extra, **fields)
        monkeypatch.setenv("AIRFLOW_CONN_QWERTYUIOP", stored.get_uri())
        hook: SessionsHook = hook_for("qwertyuiop")
        assert hook.conn_type == platform
        passed, message = type(hook)(conn_id="qwertyuiop").test_connection()
        assert_no_secret(message, fields)
        return passed, message

    return press


def assert_no_secret(message: str, fields: dict[str, Any]) -> None:
    password = fields.get("password")
    assert not password or password not in message
    assert "eyJ" not in message, "a token is in the message"


@all_platforms
def test_right_credentials(press: Any, platform: str, sandbox: Sandbox) -> None:
    passed, message = press(platform)

    assert passed, message
    assert "127.0.0.1" in message
    assert len(requests_of(sandbox)) == 1


@all_platforms
def test_a_wrong_key_says_where_to_look(press: Any, platform: str) -> None:
    passed, message = press(platform, password=WRONG_KEY)

    assert not passed
    assert f"{platform} responded with 401" in message
    for hint in HELP[platform]:
        assert hint in message


@all_platforms
def test_a_key_that_was_replaced(press: Any, platform: str, sandbox: Sandbox) -> None:
    old = sandbox.platform(platform).connection()["password"]
    sandbox.platform(platform).new_api_key()
    passed, message = press(platform, password=old)

    assert not passed
    assert f"{platform} responded with 401" in message


@all_platforms
def test_an_empty_key_is_named_and_nothing_is_sent(press: Any, platform: str, sandbox: Sandbox) -> None:
    passed, message = press(platform, password="")

    assert not passed
    assert message == f"connection 'qwertyuiop' ({platform}): {NO_CREDENTIAL[platform]}"
    assert requests_of(sandbox) == []


@all_platforms
def test_an_unknown_host(press: Any, platform: str) -> None:
    passed, message = press(platform, host="http://127.0.0.1:1/api")

    assert not passed
    assert "127.0.0.1:1" in message


@all_platforms
def test_a_host_that_answers_with_a_web_page(press: Any, platform: str, sandbox: Sandbox) -> None:
    sandbox.faults.add("html", times=None)
    passed, message = press(platform)

    assert not passed
    assert "the response is not JSON (text/html" in message


def test_prevails_company_id_is_missing_or_anothers(press: Any, sandbox: Sandbox) -> None:
    assert press("prevail", login="") == (
        False,
        "connection 'qwertyuiop' (prevail): login is empty; it holds the Company ID (Organizations > Credentials)",
    )
    assert requests_of(sandbox) == []
    passed, message = press("prevail", login=sandbox.prevail.credentials()["other_company_id"])
    assert not passed
    assert "login holds the Company ID" in message


def test_prevails_tokens_are_masked(press: Any, mocker: MockerFixture) -> None:
    mask = mocker.spy(portal, "mask")
    press("prevail")

    (token,) = [call.args[0] for call in mask.call_args_list]
    assert token.startswith("eyJ")
    assert redact(f"Bearer {token}") == "Bearer ***"


def test_a_host_is_needed_where_no_address_can_be_taken_for_granted(press: Any, sandbox: Sandbox) -> None:
    passed, message = press("sessions_us", host="")

    assert not passed
    assert "host is empty, and this platform has no default" in message
    assert requests_of(sandbox) == []


def test_a_guests_key(press: Any, sandbox: Sandbox) -> None:
    key = sandbox.sessions_us.guest_api_key
    passed, message = press("sessions_us", password=key)
    assert not passed
    assert "make one of role USER" in message

    sandbox.log.clear()
    passed, message = press("sessions_us", password=key, extra={"key_role": "GUEST"})
    assert not passed
    assert "key_role is GUEST" in message
    assert requests_of(sandbox) == []
