"""Requests: what an organization submits, and what Prevail's staff do with it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.prevail_calls import list_sessions, schedule, states, submit_request


async def fetch_record(prevail_api: httpx.AsyncClient, number: int) -> dict[str, Any]:
    rows = (await prevail_api.get("/session_requests")).json()["requests"]
    found: dict[str, Any] = next(row for row in rows if row["id"] == number)
    return found


async def test_a_request_has_neither_url_nor_slug_until_staff_schedule_it(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    record = await submit_request(prevail_api, remote_session_id="My Wish", details={"video_provider": "zoom_meeting"})
    assert record["session_state"] == "initial"
    assert (record["session_url"], record["remote_session_id"], record["provider_specific_details"]) == (
        None,
        None,
        None,
    )
    assert await list_sessions(prevail_api) == []
    assert sandbox.prevail.approve(f"request:{record['id']}") == "my-wish"
    created = await fetch_record(prevail_api, record["id"])
    assert (created["session_state"], created["remote_session_id"]) == ("scheduled", "my-wish")
    assert created["session_url"].endswith("/sessions/my-wish")
    assert created["provider_specific_details"]["meeting_id"]
    assert await states(prevail_api) == ["scheduled"]


async def test_staff_can_choose_another_slug_and_avoid_one_that_is_taken(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    await schedule(prevail_api)
    first, second = await submit_request(prevail_api), await submit_request(prevail_api)
    assert sandbox.prevail.approve(str(first["id"])) == "smith-v-jones-2"
    assert sandbox.prevail.approve(str(second["id"]), remote_session_id="Room Seven") == "room-seven"


async def test_a_declined_request_is_canceled_and_cannot_be_approved(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    record = await submit_request(prevail_api, invites=["a@example.com"])
    sandbox.prevail.decline(f"request:{record['id']}")
    declined = await fetch_record(prevail_api, record["id"])
    assert (declined["session_state"], declined["remote_session_id"]) == ("canceled", None)
    with pytest.raises(ValueError, match="does not wait for staff"):
        sandbox.prevail.approve(str(record["id"]))
    assert sandbox.prevail.emails() == []


async def test_a_request_cannot_be_canceled_through_the_api(prevail_api: httpx.AsyncClient) -> None:
    record = await submit_request(prevail_api)
    for name in (str(record["id"]), f"request:{record['id']}", "smith-v-jones", "null"):
        assert (await prevail_api.patch(f"/sessions/{name}/cancel")).status_code == 404


async def test_people_are_invited_when_staff_schedule_the_session(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    record = await submit_request(prevail_api, invites=["a@example.com"])
    assert sandbox.prevail.emails() == []
    sandbox.prevail.approve(str(record["id"]))
    assert [email["to"] for email in sandbox.prevail.emails()] == ["a@example.com"]


async def test_a_script_can_approve_a_request_and_start_the_session(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    sandbox.prevail.default_script(approve_after=100, live_after=50, duration=600)
    record = await submit_request(prevail_api)
    sandbox.clock.advance(99)
    assert (await fetch_record(prevail_api, record["id"]))["session_state"] == "initial"
    sandbox.clock.advance(1)
    assert (await fetch_record(prevail_api, record["id"]))["session_state"] == "scheduled"
    sandbox.clock.advance(49)
    assert await states(prevail_api) == ["scheduled"]
    sandbox.clock.advance(1)
    assert await states(prevail_api) == ["active"]


async def test_a_single_request_at_the_end_gives_the_same_history(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    sandbox.prevail.default_script(approve_after=100, live_after=50, duration=600)
    record = await submit_request(prevail_api, invites=["a@example.com"])
    sandbox.clock.advance(86_400)
    described = sandbox.prevail.session(str(record["id"]))
    assert (described["id"], described["state"]) == ("smith-v-jones", "ended")
    assert (described["started_at"], described["ended_at"]) == (
        "2026-03-02T15:02:30+00:00",
        "2026-03-02T15:12:30+00:00",
    )
    assert sandbox.prevail.emails()[0]["at"] == "2026-03-02T15:01:40+00:00"


async def test_the_paginated_list_of_requests_includes_sessions_scheduled_at_once(
    sandbox: Sandbox, prevail_api: httpx.AsyncClient
) -> None:
    sandbox.prevail.settings.page_items = 2
    for number in range(3):
        await submit_request(prevail_api, title=f"Request {number}")
    await schedule(prevail_api, title="At once")
    pages = [(await prevail_api.get("/session_requests", params={"page": page})).json() for page in (1, 2)]
    assert [page["pagy"]["page"] for page in pages] == [1, 2]
    titles = [row["remote_session"]["title"] for page in pages for row in page["requests"]]
    assert sorted(titles) == ["At once", "Request 0", "Request 1", "Request 2"]
    sandbox.prevail.settings.requests_listed = "requested"
    assert (await prevail_api.get("/session_requests")).json()["pagy"]["count"] == 3


async def test_control_routes_can_approve_and_decline(sandbox: Sandbox, prevail_api: httpx.AsyncClient) -> None:
    first, second = await submit_request(prevail_api, title="First"), await submit_request(prevail_api, title="Second")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app), base_url=f"{sandbox.control_url}/prevail"
    ) as control:
        approved = await control.post(f"/sessions/request:{first['id']}/approve")
        declined = await control.post(f"/sessions/{second['id']}/decline")
        again = await control.post(f"/sessions/{second['id']}/approve", json={"remote_session_id": "x"})
        unknown = await control.post("/sessions/request:1/approve")
    assert (approved.json()["id"], approved.json()["state"]) == ("first", "scheduled")
    assert declined.json()["state"] == "canceled"
    assert (again.status_code, unknown.status_code) == (422, 404)
