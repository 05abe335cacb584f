"""Prevail's documentation: the sandbox has the same routes, request and response bodies."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.prevail.platform import routes
from tests.sandbox.prevail_calls import create_body, documented, list_sessions


def shape(value: Any) -> Any:
    """Return the keys of a response, recursively."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else None


async def test_the_documented_request_has_the_documented_response(prevail_api: httpx.AsyncClient) -> None:
    response = await prevail_api.post("/sessions", json=documented("create_session_plain_request"))
    expected = documented("create_session_answer")
    assert response.status_code == 200
    assert shape(response.json()) == shape(expected)
    given, wanted = response.json()["requests"][0], expected["requests"][0]
    same = ("id", "session_state", "session_request", "remote_session", "session_details", "notice")
    assert [given[name] for name in same] == [wanted[name] for name in same]
    assert given["remote_session_id"] == "example-remote-session"
    assert given["session_url"].endswith("/sessions/example-remote-session")
    details = given["provider_specific_details"]
    assert details["prevail_join_url"].endswith("/sessions/example-remote-session/zoom_meeting")
    assert isinstance(details["meeting_id"], int)
    assert f"/j/{details['meeting_id']}?pwd=" in details["provider_join_url"]


async def test_the_documented_request_with_hosts(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    sandbox.prevail.add_member("azurite@example.com")
    response = await prevail_api.post("/sessions", json=documented("create_session_hosts_request"))
    record = response.json()["requests"][0]
    assert record["session_request"]["invites"] == [
        {"email": "azurite@example.com", "access_level": "host"},
        {"email": "selenite@example.com"},
        {"email": "quartz@example.com"},
        {"email": "obsidian@example.com"},
        {"email": "amethyst@example.com"},
        {"email": "malachite@example.com"},
    ]
    assert record["session_details"]["language"] == "en-US"
    assert record["provider_specific_details"] is None


async def test_the_documented_request_with_its_own_slug(prevail_api: httpx.AsyncClient) -> None:
    response = await prevail_api.post("/sessions", json=documented("create_session_own_slug_request"))
    assert response.json()["requests"][0]["remote_session_id"] == "custom-unique-session-url"


async def test_cancel_returns_the_documented_response(prevail_api: httpx.AsyncClient) -> None:
    await prevail_api.post("/sessions", json=create_body(remote_session_id="example_remote_session_id"))
    path = "/sessions/example_remote_session_id/cancel"
    response = await prevail_api.patch(path, params={"cancel_without_email": "true"})
    assert (response.status_code, response.json()) == (200, documented("cancel_session_answer"))


async def test_lists_have_the_documented_fields_in_order(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    slug = sandbox.prevail.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    fields = documented("fields")
    response = (await prevail_api.get("/sessions")).json()
    recordings = (await prevail_api.get(f"/sessions/{slug}/recordings")).json()
    edited = sandbox.prevail.create()[0]
    changed = (await prevail_api.patch(f"/sessions/{edited}", json={"remote_session": {"title": "New"}})).json()
    assert list(response) == ["pagy", "sessions"]
    assert list(response["pagy"]) == fields["pagy"]
    assert list(response["sessions"][0]) == list(changed["sessions"][0]) == fields["session"]
    assert list(recordings[0]) == fields["recording"]
    assert {type(value) for name, value in recordings[0].items()} == {str}


def test_the_routes_are_marked_as_documented() -> None:
    described = [{"method": route.method, "path": route.path} for route in routes if route.documented]
    assert sorted(described, key=str) == sorted(documented("routes"), key=str)


@pytest.mark.parametrize("shows_case", [False, True])
async def test_sessions_contain_the_case_only_if_set(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient, shows_case: bool
) -> None:
    sandbox.prevail.settings.case_in_sessions = shows_case
    sandbox.prevail.create(case="7")
    assert (await list_sessions(prevail_api))[0].get("case") == ("7" if shows_case else None)
