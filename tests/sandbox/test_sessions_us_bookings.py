"""Rooms, events, booking pages and bookings on the sandbox's Sessions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox

EVENT = {
    "name": "Open day",
    "slug": "open-day",
    "startAt": "2026-03-09T16:00:00.000Z",
    "plannedEnd": "2026-03-09T17:00:00.000Z",
    "timeZone": "Europe/Berlin",
}
PERSON = {"timeZone": "Europe/Berlin", "participantName": "Li Wei", "participantEmail": "li.wei@example.org"}
NINE = "2026-03-03T07:00:00.000Z"
"""Nine o'clock in Bucharest."""


async def booked(meetings: httpx.AsyncClient, sandbox: Sandbox, at: str = NINE, **more: Any) -> httpx.Response:
    body = PERSON | {"bookingPageId": sandbox.sessions_us.booking_page_id, "startAt": at} | more
    return await meetings.post("/bookings", json=body)


async def slots(meetings: httpx.AsyncClient, sandbox: Sandbox, first: str, last: str) -> list[str]:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/slots"
    answer = await meetings.post(path, json={"startAt": first, "endAt": last, "timeZone": "UTC"})
    return [slot["startAt"] for slot in answer.json()]


# Rooms


async def test_rooms_are_made_changed_cloned_and_deleted(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    room = (await meetings.post("/rooms", json={"name": "Reading room", "settings": {"lock": True}})).json()
    assert room["slug"] == "reading-room"
    assert (await meetings.post("/rooms", json={"name": "Other", "slug": "reading-room"})).status_code == 409
    copy = (await meetings.post(f"/rooms/{room['id']}/clone", json={})).json()
    assert (copy["name"], copy["slug"], copy["settings"]) == (
        "Copy of Reading room",
        "copy-of-reading-room",
        {"lock": True},
    )
    again = (await meetings.post(f"/rooms/{room['id']}/clone")).json()
    assert again["slug"] == "copy-of-reading-room-2"
    changed = await meetings.put(f"/rooms/{room['id']}", json={"name": "Library", "settings": {"passcode": "x"}})
    assert (changed.json()["slug"], changed.json()["settings"]) == ("reading-room", {"lock": True, "passcode": "x"})
    assert [item["name"] for item in (await meetings.get("/rooms")).json()] == [
        "Copy of Reading room",
        "Copy of Reading room",
        "Library",
        "Team room",
    ]
    page = await meetings.get(copy["roomLink"])
    assert "<h1>Copy of Reading room</h1>" in page.text
    await meetings.delete(f"/rooms/{copy['id']}")
    assert (await meetings.get(f"/rooms/{copy['id']}")).status_code == 404
    assert (await meetings.get(copy["roomLink"])).status_code == 404


async def test_a_shared_room_is_seen_and_not_owned(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    path, colleague = f"/rooms/{platform.room_id}", {"x-api-key": platform.colleague_api_key}
    assert (await meetings.get(path, headers=colleague)).status_code == 404
    assert (await meetings.post(f"{path}/share", json={})).status_code == 400
    assert (await meetings.post(f"{path}/share", json={"emails": ["x@example.org"]})).status_code == 404
    await meetings.post(f"{path}/share", json={"emails": [platform.colleague.email]})
    assert [room["id"] for room in (await meetings.get("/rooms", headers=colleague)).json()] == [platform.room_id]
    assert (await meetings.put(path, json={"name": "Mine"}, headers=colleague)).status_code == 403


async def test_a_session_names_its_room(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    body = {name: value for name, value in EVENT.items() if name != "slug"} | {"roomId": sandbox.sessions_us.room_id}
    session = (await meetings.post("/sessions", json=body)).json()
    assert session["room"] == {"id": sandbox.sessions_us.room_id, "slug": "team-room"}
    assert (await meetings.post("/sessions", json=body | {"roomId": session["id"]})).status_code == 404


# Events


async def test_an_event_is_published_once_and_toggled_each_time(meetings: httpx.AsyncClient) -> None:
    event = (await meetings.post("/events", json=EVENT)).json()
    assert (event["published"], event["public"]) == (False, False)
    first, second = [(await meetings.post(f"/events/{event['sessionId']}/publish")).json() for _ in range(2)]
    assert first == second
    assert first["published"]
    toggled = [(await meetings.post(f"/events/{event['id']}/toggle-public")).json()["public"] for _ in range(2)]
    assert toggled == [True, False]
    assert (await meetings.post("/events", json=EVENT)).status_code == 409
    assert (await meetings.post("/events", json=EVENT | {"slug": "Not a slug"})).status_code == 400


async def test_a_clone_is_a_draft_of_its_own(meetings: httpx.AsyncClient) -> None:
    event = (await meetings.post("/events", json=EVENT)).json()
    await meetings.post(f"/events/{event['id']}/publish")
    copy = (await meetings.post(f"/events/{event['id']}/clone", json={"name": "Open evening"})).json()
    assert copy["slug"].endswith("/open-day-2")
    assert (copy["published"], copy["session"]["name"]) == (False, "Open evening")
    assert copy["session"]["startAt"] == EVENT["startAt"]
    assert [item["id"] for item in (await meetings.get("/events")).json()] == [copy["id"], event["id"]]


async def test_only_published_events_take_registrations(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    event = (await meetings.post("/events", json=EVENT)).json()
    path, body = f"/events/{event['id']}/register", {"email": "li@example.org", "firstName": "Li"}
    assert (await meetings.post(path, json=body)).status_code == 403
    sandbox.sessions_us.settings.unpublished_status = 400
    assert (await meetings.post(path, json=body)).status_code == 400
    await meetings.post(f"/events/{event['id']}/publish")
    first, second = [(await meetings.post(path, json=body)).json() for _ in range(2)]
    assert first == second
    assert len((await meetings.get(f"/sessions/{event['sessionId']}")).json()["participants"]) == 2


async def test_with_its_session_an_event_or_booking_is_gone(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    event = (await meetings.post("/events", json=EVENT)).json()
    booking = (await booked(meetings, sandbox)).json()
    for session_id in (event["sessionId"], booking["sessionId"]):
        await meetings.delete(f"/sessions/{session_id}")
    assert (await meetings.get("/events")).json() == (await meetings.get("/bookings")).json() == []
    assert (await meetings.post(f"/events/{event['id']}/publish")).status_code == 404
    assert (await meetings.post(f"/bookings/{booking['id']}")).status_code == 404
    assert (await meetings.post("/events", json=EVENT)).status_code == 201, "the slug is free again"


# Slots and bookings


async def test_slots_follow_the_schedule_through_a_change_of_clocks(
    sandbox: Sandbox, meetings: httpx.AsyncClient
) -> None:
    friday_to_monday = await slots(meetings, sandbox, "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z")
    assert len(friday_to_monday) == 32
    assert (friday_to_monday[0], friday_to_monday[16]) == ("2026-03-27T07:00:00.000Z", "2026-03-30T06:00:00.000Z")
    assert await slots(meetings, sandbox, "2026-03-02T00:00:00Z", "2026-03-02T23:00:00Z") == [], "after five today"


async def test_slots_that_cannot_be_computed_are_refused(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/slots"
    backwards = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2026-03-02T00:00:00Z"}
    assert (await meetings.post(path, json=backwards)).json()["message"] == ["endAt must be after startAt"]
    years = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2029-03-02T00:00:00Z"}
    assert (await meetings.post(path, json=years)).status_code == 400


async def test_a_booked_slot_is_taken_until_it_is_canceled(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    day = ("2026-03-03T00:00:00Z", "2026-03-03T23:00:00Z")
    booking = await booked(meetings, sandbox, guests=["bo@example.org"])
    assert booking.status_code == 201
    assert NINE not in await slots(meetings, sandbox, *day)
    refused = await booked(meetings, sandbox)
    assert refused.json() == {"statusCode": 409, "message": "The time slot is not available", "error": "Conflict"}
    people = (await meetings.get(f"/sessions/{booking.json()['sessionId']}")).json()["participants"]
    assert [person["guest"] and person["guest"]["email"] for person in people] == [
        None,
        "li.wei@example.org",
        "bo@example.org",
    ]
    canceled = [(await meetings.post(f"/bookings/{booking.json()['id']}")).json() for _ in range(2)]
    assert [item["status"] for item in canceled] == ["CANCELLED", "CANCELLED"]
    assert NINE in await slots(meetings, sandbox, *day)
    assert (await meetings.get(f"/sessions/{booking.json()['sessionId']}")).status_code == 404
    assert [item["status"] for item in (await meetings.get("/bookings")).json()] == ["CANCELLED"]


@pytest.mark.parametrize(("check", "statuses"), [("slots", [409, 409]), ("overlap", [201, 409]), ("none", [201, 201])])
async def test_which_times_can_be_booked_is_a_setting(
    sandbox: Sandbox, meetings: httpx.AsyncClient, check: Any, statuses: list[int]
) -> None:
    sandbox.sessions_us.settings.booking_check = check
    times = ("2026-03-03T02:00:00Z", "2026-03-03T02:15:00Z")
    assert [(await booked(meetings, sandbox, at)).status_code for at in times] == statuses


async def test_a_booking_moves_its_session_along(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    booking = (await booked(meetings, sandbox)).json()
    moved = await meetings.put(f"/bookings/{booking['id']}", json={"startAt": "2026-03-03T07:30:00.000Z"})
    assert moved.json()["plannedEnd"] == "2026-03-03T08:00:00.000Z"
    session = (await meetings.get(f"/sessions/{booking['sessionId']}")).json()
    assert session["startAt"] == "2026-03-03T07:30:00.000Z"
    assert (
        await meetings.put(f"/bookings/{booking['id']}", json={"startAt": "2026-03-03T01:00:00Z"})
    ).status_code == 409
    await meetings.delete(f"/bookings/{booking['id']}")
    assert (await meetings.get("/bookings")).json() == []
    assert (await meetings.get(f"/sessions/{booking['sessionId']}")).status_code == 404


async def test_guests_book_move_and_cancel(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    meetings.headers["x-api-key"] = platform.guest_api_key
    body = PERSON | {"bookingPageId": platform.booking_page_id, "startAt": NINE}
    booking = (await meetings.post("/guests/bookings", json=body)).json()
    path = f"/guests/bookings/{booking['id']}"
    assert (await meetings.put(path, json={"participantName": "Li"})).json()["participantName"] == "Li"
    assert (await meetings.post(path)).json()["status"] == "CANCELLED"
    assert (await meetings.put(path, json={"startAt": NINE})).status_code == 409
    assert (await meetings.get("/bookings")).status_code == 403


async def test_a_page_lists_what_has_not_started(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/bookings"
    started, waiting, canceled = [
        (await booked(meetings, sandbox, f"2026-03-03T{hour}:00:00Z")).json() for hour in ("07", "08", "09")
    ]
    sandbox.sessions_us.start(started["sessionId"])
    await meetings.post(f"/bookings/{canceled['id']}")
    assert [item["id"] for item in (await meetings.get(path)).json()] == [waiting["id"]]
    assert (await meetings.post(f"/bookings/{started['id']}")).status_code == 409


async def test_booking_pages_are_made_and_changed(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    wanted = {"name": "Office hour", "duration": 60, "schedule": {"sunday": [{"from": "10:00", "to": "12:00"}]}}
    page = (await meetings.post("/booking-pages", json=wanted)).json()
    assert {name: page[name] for name in wanted} == wanted
    path = f"/booking-pages/{page['id']}"
    search = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2026-03-10T00:00:00Z"}
    assert len((await meetings.post(f"{path}/slots", json=search)).json()) == 2
    assert (await meetings.put(path, json={"slug": "intro-call"})).status_code == 409
    assert (await meetings.put(path, json={"schedule": {"someday": []}})).status_code == 400
    assert (await meetings.put(path, json={"slug": "hour", "buffer": 30})).json()["slug"] == "hour"
    assert "<h1>Office hour</h1>" in (await meetings.get((await meetings.get(path)).json()["bookingLink"])).text
    await meetings.delete(path)
    assert [item["name"] for item in (await meetings.get("/booking-pages")).json()] == ["Intro call"]


async def test_collaborators_are_named_in_the_body(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    path = f"/booking-pages/{platform.booking_page_id}/collaborators"
    helper = (await meetings.post(path, json={"email": platform.colleague.email})).json()
    assert (await meetings.post(path, json={"userId": platform.colleague.id})).status_code == 409
    assert (await meetings.post(path, json={})).status_code == 400
    changed = await meetings.put(path, json={"userId": platform.colleague.id, "priority": 3})
    assert changed.json() == helper | {"priority": 3}
    booking = (await booked(meetings, sandbox)).json()
    handed = await meetings.post(f"/bookings/{booking['id']}/collaborator", json={"collaboratorId": helper["id"]})
    assert handed.json()["collaborator"]["id"] == helper["id"]
    assert (await meetings.delete(path)).status_code == 400
    assert (await meetings.delete(path, params={"id": helper["id"]})).status_code == 200
    assert (await meetings.get(path)).json() == []


async def test_booking_on_a_page_of_ones_own_can_be_refused(sandbox: Sandbox, meetings: httpx.AsyncClient) -> None:
    sandbox.sessions_us.settings.book_own_page = False
    assert (await booked(meetings, sandbox)).status_code == 403
    meetings.headers["x-api-key"] = sandbox.sessions_us.colleague_api_key
    assert (await booked(meetings, sandbox)).status_code == 201
