"""The sandbox against what Prevail documents: the same routes, bodies and answers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.prevail.platform import routes
from tests.sandbox.depositions import asked, documented, listed


def shape(value: Any) -> Any:
    """The keys of an answer, all the way down."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else None


async def test_the_documented_request_has_the_documented_answer(counsel: httpx.AsyncClient) -> None:
    answer = await counsel.post("/sessions", json=documented("create_session_plain_request"))
    expected = documented("create_session_answer")
    assert answer.status_code == 200
    assert shape(answer.json()) == shape(expected)
    given, wanted = answer.json()["requests"][0], expected["requests"][0]
    same = ("id", "session_state", "session_request", "remote_session", "session_details", "notice")
    assert [given[name] for name in same] == [wanted[name] for name in same]
    assert given["remote_session_id"] == "example-remote-session"
    assert given["session_url"].endswith("/sessions/example-remote-session")
    details = given["provider_specific_details"]
    assert details["prevail_join_url"].endswith("/sessions/example-remote-session/zoom_meeting")
    assert isinstance(details["meeting_id"], int)
    assert f"/j/{details['meeting_id']}?pwd=" in details["provider_join_url"]


async def test_the_documented_request_with_hosts(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    sandbox.prevail.add_member("azurite@example.com")
    answer = await counsel.post("/sessions", json=documented("create_session_hosts_request"))
    record = answer.json()["requests"][0]
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


async def test_the_documented_request_with_a_slug_of_ones_own(counsel: httpx.AsyncClient) -> None:
    answer = await counsel.post("/sessions", json=documented("create_session_own_slug_request"))
    assert answer.json()["requests"][0]["remote_session_id"] == "custom-unique-session-url"


async def test_cancel_answers_as_documented(counsel: httpx.AsyncClient) -> None:
    await counsel.post("/sessions", json=asked(remote_session_id="example_remote_session_id"))
    path = "/sessions/example_remote_session_id/cancel"
    answer = await counsel.patch(path, params={"cancel_without_email": "true"})
    assert (answer.status_code, answer.json()) == (200, documented("cancel_session_answer"))


async def test_lists_have_the_documented_fields_in_their_order(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    slug = sandbox.prevail.create(ended_at=sandbox.clock.now())[0]
    sandbox.clock.advance(60)
    fields = documented("fields")
    answer = (await counsel.get("/sessions")).json()
    recordings = (await counsel.get(f"/sessions/{slug}/recordings")).json()
    edited = sandbox.prevail.create()[0]
    changed = (await counsel.patch(f"/sessions/{edited}", json={"remote_session": {"title": "New"}})).json()
    assert list(answer) == ["pagy", "sessions"]
    assert list(answer["pagy"]) == fields["pagy"]
    assert list(answer["sessions"][0]) == list(changed["sessions"][0]) == fields["session"]
    assert list(recordings[0]) == fields["recording"]
    assert {type(value) for name, value in recordings[0].items()} == {str}


def test_the_table_marks_what_is_documented() -> None:
    told = [{"method": route.method, "path": route.path} for route in routes if route.documented]
    assert sorted(told, key=str) == sorted(documented("routes"), key=str)


@pytest.mark.parametrize("shows_case", [False, True])
async def test_sessions_show_no_case_unless_told_to(
    sandbox: Sandbox, counsel: httpx.AsyncClient, shows_case: bool
) -> None:
    sandbox.prevail.settings.case_in_sessions = shows_case
    sandbox.prevail.create(case="7")
    assert (await listed(counsel))[0].get("case") == ("7" if shows_case else None)
