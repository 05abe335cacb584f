"""Requests: what an organization asks for, and what Prevail's staff make of it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from tests.sandbox.depositions import listed, requested, scheduled, states


async def record(counsel: httpx.AsyncClient, number: int) -> dict[str, Any]:
    rows = (await counsel.get("/session_requests")).json()["requests"]
    found: dict[str, Any] = next(row for row in rows if row["id"] == number)
    return found


async def test_a_request_has_neither_url_nor_slug_until_staff_schedule_it(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    asked = await requested(counsel, remote_session_id="My Wish", details={"video_provider": "zoom_meeting"})
    assert asked["session_state"] == "initial"
    assert (asked["session_url"], asked["remote_session_id"], asked["provider_specific_details"]) == (None, None, None)
    assert await listed(counsel) == []
    assert sandbox.prevail.approve(f"request:{asked['id']}") == "my-wish"
    made = await record(counsel, asked["id"])
    assert (made["session_state"], made["remote_session_id"]) == ("scheduled", "my-wish")
    assert made["session_url"].endswith("/sessions/my-wish")
    assert made["provider_specific_details"]["meeting_id"]
    assert await states(counsel) == ["scheduled"]


async def test_staff_can_choose_another_slug_and_avoid_one_that_is_taken(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    await scheduled(counsel)
    first, second = await requested(counsel), await requested(counsel)
    assert sandbox.prevail.approve(str(first["id"])) == "smith-v-jones-2"
    assert sandbox.prevail.approve(str(second["id"]), remote_session_id="Room Seven") == "room-seven"


async def test_a_declined_request_is_canceled_and_can_not_be_approved_any_more(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    asked = await requested(counsel, invites=["a@example.com"])
    sandbox.prevail.decline(f"request:{asked['id']}")
    declined = await record(counsel, asked["id"])
    assert (declined["session_state"], declined["remote_session_id"]) == ("canceled", None)
    with pytest.raises(ValueError, match="does not wait for staff"):
        sandbox.prevail.approve(str(asked["id"]))
    assert sandbox.prevail.emails() == []


async def test_a_request_cannot_be_canceled_through_the_api(counsel: httpx.AsyncClient) -> None:
    asked = await requested(counsel)
    for name in (str(asked["id"]), f"request:{asked['id']}", "smith-v-jones", "null"):
        assert (await counsel.patch(f"/sessions/{name}/cancel")).status_code == 404


async def test_people_are_invited_when_staff_schedule_the_session(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    asked = await requested(counsel, invites=["a@example.com"])
    assert sandbox.prevail.emails() == []
    sandbox.prevail.approve(str(asked["id"]))
    assert [email["to"] for email in sandbox.prevail.emails()] == ["a@example.com"]


async def test_by_script_staff_approve_and_the_session_lives_on_from_there(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    sandbox.prevail.default_script(approve_after=100, live_after=50, duration=600)
    asked = await requested(counsel)
    sandbox.clock.advance(99)
    assert (await record(counsel, asked["id"]))["session_state"] == "initial"
    sandbox.clock.advance(1)
    assert (await record(counsel, asked["id"]))["session_state"] == "scheduled"
    sandbox.clock.advance(49)
    assert await states(counsel) == ["scheduled"]
    sandbox.clock.advance(1)
    assert await states(counsel) == ["active"]


async def test_one_look_at_the_end_sees_the_same_history(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    sandbox.prevail.default_script(approve_after=100, live_after=50, duration=600)
    asked = await requested(counsel, invites=["a@example.com"])
    sandbox.clock.advance(86_400)
    told = sandbox.prevail.session(str(asked["id"]))
    assert (told["id"], told["state"]) == ("smith-v-jones", "ended")
    assert (told["started_at"], told["ended_at"]) == ("2026-03-02T15:02:30+00:00", "2026-03-02T15:12:30+00:00")
    assert sandbox.prevail.emails()[0]["at"] == "2026-03-02T15:01:40+00:00"


async def test_requests_are_listed_page_by_page_with_what_was_scheduled_at_once(
    sandbox: Sandbox, counsel: httpx.AsyncClient
) -> None:
    sandbox.prevail.settings.page_items = 2
    for number in range(3):
        await requested(counsel, title=f"Request {number}")
    await scheduled(counsel, title="At once")
    pages = [(await counsel.get("/session_requests", params={"page": page})).json() for page in (1, 2)]
    assert [page["pagy"]["page"] for page in pages] == [1, 2]
    titles = [row["remote_session"]["title"] for page in pages for row in page["requests"]]
    assert sorted(titles) == ["At once", "Request 0", "Request 1", "Request 2"]
    sandbox.prevail.settings.requests_listed = "requested"
    assert (await counsel.get("/session_requests")).json()["pagy"]["count"] == 3


async def test_staff_are_played_by_control_routes_too(sandbox: Sandbox, counsel: httpx.AsyncClient) -> None:
    first, second = await requested(counsel, title="First"), await requested(counsel, title="Second")
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
