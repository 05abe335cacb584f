"""Rooms, events, booking pages and bookings of Sessions."""

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


async def booked(sessions_us_api: httpx.AsyncClient, sandbox: Sandbox, at: str = NINE, **more: Any) -> httpx.Response:
    body = PERSON | {"bookingPageId": sandbox.sessions_us.booking_page_id, "startAt": at} | more
    return await sessions_us_api.post("/bookings", json=body)


async def slots(sessions_us_api: httpx.AsyncClient, sandbox: Sandbox, first: str, last: str) -> list[str]:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/slots"
    response = await sessions_us_api.post(path, json={"startAt": first, "endAt": last, "timeZone": "UTC"})
    return [slot["startAt"] for slot in response.json()]


# Rooms


async def test_rooms_are_created_updated_cloned_and_deleted(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    room = (await sessions_us_api.post("/rooms", json={"name": "Reading room", "settings": {"lock": True}})).json()
    assert room["slug"] == "reading-room"
    assert (await sessions_us_api.post("/rooms", json={"name": "Other", "slug": "reading-room"})).status_code == 409
    copy = (await sessions_us_api.post(f"/rooms/{room['id']}/clone", json={})).json()
    assert (copy["name"], copy["slug"], copy["settings"]) == (
        "Copy of Reading room",
        "copy-of-reading-room",
        {"lock": True},
    )
    again = (await sessions_us_api.post(f"/rooms/{room['id']}/clone")).json()
    assert again["slug"] == "copy-of-reading-room-2"
    changed = await sessions_us_api.put(f"/rooms/{room['id']}", json={"name": "Library", "settings": {"passcode": "x"}})
    assert (changed.json()["slug"], changed.json()["settings"]) == ("reading-room", {"lock": True, "passcode": "x"})
    assert [item["name"] for item in (await sessions_us_api.get("/rooms")).json()] == [
        "Copy of Reading room",
        "Copy of Reading room",
        "Library",
        "Team room",
    ]
    page = await sessions_us_api.get(copy["roomLink"])
    assert "<h1>Copy of Reading room</h1>" in page.text
    await sessions_us_api.delete(f"/rooms/{copy['id']}")
    assert (await sessions_us_api.get(f"/rooms/{copy['id']}")).status_code == 404
    assert (await sessions_us_api.get(copy["roomLink"])).status_code == 404


async def test_a_shared_room_is_visible_and_read_only(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    path, colleague = f"/rooms/{platform.room_id}", {"x-api-key": platform.colleague_api_key}
    assert (await sessions_us_api.get(path, headers=colleague)).status_code == 404
    assert (await sessions_us_api.post(f"{path}/share", json={})).status_code == 400
    assert (await sessions_us_api.post(f"{path}/share", json={"emails": ["x@example.org"]})).status_code == 404
    await sessions_us_api.post(f"{path}/share", json={"emails": [platform.colleague.email]})
    assert [room["id"] for room in (await sessions_us_api.get("/rooms", headers=colleague)).json()] == [
        platform.room_id
    ]
    assert (await sessions_us_api.put(path, json={"name": "Mine"}, headers=colleague)).status_code == 403


async def test_a_session_contains_its_room(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    body = {name: value for name, value in EVENT.items() if name != "slug"} | {"roomId": sandbox.sessions_us.room_id}
    session = (await sessions_us_api.post("/sessions", json=body)).json()
    assert session["room"] == {"id": sandbox.sessions_us.room_id, "slug": "team-room"}
    assert (await sessions_us_api.post("/sessions", json=body | {"roomId": session["id"]})).status_code == 404


# Events


async def test_an_event_is_published_once_and_toggled_every_time(sessions_us_api: httpx.AsyncClient) -> None:
    event = (await sessions_us_api.post("/events", json=EVENT)).json()
    assert (event["published"], event["public"]) == (False, False)
    first, second = [(await sessions_us_api.post(f"/events/{event['sessionId']}/publish")).json() for _ in range(2)]
    assert first == second
    assert first["published"]
    toggled = [(await sessions_us_api.post(f"/events/{event['id']}/toggle-public")).json()["public"] for _ in range(2)]
    assert toggled == [True, False]
    assert (await sessions_us_api.post("/events", json=EVENT)).status_code == 409
    assert (await sessions_us_api.post("/events", json=EVENT | {"slug": "Not a slug"})).status_code == 400


async def test_a_clone_is_a_separate_draft(sessions_us_api: httpx.AsyncClient) -> None:
    event = (await sessions_us_api.post("/events", json=EVENT)).json()
    await sessions_us_api.post(f"/events/{event['id']}/publish")
    copy = (await sessions_us_api.post(f"/events/{event['id']}/clone", json={"name": "Open evening"})).json()
    assert copy["slug"].endswith("/open-day-2")
    assert (copy["published"], copy["session"]["name"]) == (False, "Open evening")
    assert copy["session"]["startAt"] == EVENT["startAt"]
    assert [item["id"] for item in (await sessions_us_api.get("/events")).json()] == [copy["id"], event["id"]]


async def test_only_published_events_accept_registrations(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    event = (await sessions_us_api.post("/events", json=EVENT)).json()
    path, body = f"/events/{event['id']}/register", {"email": "li@example.org", "firstName": "Li"}
    assert (await sessions_us_api.post(path, json=body)).status_code == 403
    sandbox.sessions_us.settings.unpublished_status = 400
    assert (await sessions_us_api.post(path, json=body)).status_code == 400
    await sessions_us_api.post(f"/events/{event['id']}/publish")
    first, second = [(await sessions_us_api.post(path, json=body)).json() for _ in range(2)]
    assert first == second
    assert len((await sessions_us_api.get(f"/sessions/{event['sessionId']}")).json()["participants"]) == 2


async def test_deleting_a_session_deletes_its_event_or_booking(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    event = (await sessions_us_api.post("/events", json=EVENT)).json()
    booking = (await booked(sessions_us_api, sandbox)).json()
    for session_id in (event["sessionId"], booking["sessionId"]):
        await sessions_us_api.delete(f"/sessions/{session_id}")
    assert (await sessions_us_api.get("/events")).json() == (await sessions_us_api.get("/bookings")).json() == []
    assert (await sessions_us_api.post(f"/events/{event['id']}/publish")).status_code == 404
    assert (await sessions_us_api.post(f"/bookings/{booking['id']}")).status_code == 404
    assert (await sessions_us_api.post("/events", json=EVENT)).status_code == 201, "the slug is free again"


# Slots and bookings


async def test_slots_follow_the_schedule_across_a_clock_change(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    friday_to_monday = await slots(sessions_us_api, sandbox, "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z")
    assert len(friday_to_monday) == 32
    assert (friday_to_monday[0], friday_to_monday[16]) == ("2026-03-27T07:00:00.000Z", "2026-03-30T06:00:00.000Z")
    assert await slots(sessions_us_api, sandbox, "2026-03-02T00:00:00Z", "2026-03-02T23:00:00Z") == [], (
        "after five today"
    )


async def test_invalid_slot_requests_are_rejected(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/slots"
    backwards = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2026-03-02T00:00:00Z"}
    assert (await sessions_us_api.post(path, json=backwards)).json()["message"] == ["endAt must be after startAt"]
    years = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2029-03-02T00:00:00Z"}
    assert (await sessions_us_api.post(path, json=years)).status_code == 400


async def test_a_booked_slot_is_taken_until_it_is_canceled(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    day = ("2026-03-03T00:00:00Z", "2026-03-03T23:00:00Z")
    booking = await booked(sessions_us_api, sandbox, guests=["bo@example.org"])
    assert booking.status_code == 201
    assert NINE not in await slots(sessions_us_api, sandbox, *day)
    rejected = await booked(sessions_us_api, sandbox)
    assert rejected.json() == {"statusCode": 409, "message": "The time slot is not available", "error": "Conflict"}
    people = (await sessions_us_api.get(f"/sessions/{booking.json()['sessionId']}")).json()["participants"]
    assert [person["guest"] and person["guest"]["email"] for person in people] == [
        None,
        "li.wei@example.org",
        "bo@example.org",
    ]
    canceled = [(await sessions_us_api.post(f"/bookings/{booking.json()['id']}")).json() for _ in range(2)]
    assert [item["status"] for item in canceled] == ["CANCELLED", "CANCELLED"]
    assert NINE in await slots(sessions_us_api, sandbox, *day)
    assert (await sessions_us_api.get(f"/sessions/{booking.json()['sessionId']}")).status_code == 404
    assert [item["status"] for item in (await sessions_us_api.get("/bookings")).json()] == ["CANCELLED"]


@pytest.mark.parametrize(("check", "statuses"), [("slots", [409, 409]), ("overlap", [201, 409]), ("none", [201, 201])])
async def test_the_check_of_bookings_is_a_setting(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient, check: Any, statuses: list[int]
) -> None:
    sandbox.sessions_us.settings.booking_check = check
    times = ("2026-03-03T02:00:00Z", "2026-03-03T02:15:00Z")
    assert [(await booked(sessions_us_api, sandbox, at)).status_code for at in times] == statuses


async def test_moving_a_booking_moves_its_session(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    booking = (await booked(sessions_us_api, sandbox)).json()
    moved = await sessions_us_api.put(f"/bookings/{booking['id']}", json={"startAt": "2026-03-03T07:30:00.000Z"})
    assert moved.json()["plannedEnd"] == "2026-03-03T08:00:00.000Z"
    session = (await sessions_us_api.get(f"/sessions/{booking['sessionId']}")).json()
    assert session["startAt"] == "2026-03-03T07:30:00.000Z"
    assert (
        await sessions_us_api.put(f"/bookings/{booking['id']}", json={"startAt": "2026-03-03T01:00:00Z"})
    ).status_code == 409
    await sessions_us_api.delete(f"/bookings/{booking['id']}")
    assert (await sessions_us_api.get("/bookings")).json() == []
    assert (await sessions_us_api.get(f"/sessions/{booking['sessionId']}")).status_code == 404


async def test_guests_book_move_and_cancel(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    sessions_us_api.headers["x-api-key"] = platform.guest_api_key
    body = PERSON | {"bookingPageId": platform.booking_page_id, "startAt": NINE}
    booking = (await sessions_us_api.post("/guests/bookings", json=body)).json()
    path = f"/guests/bookings/{booking['id']}"
    assert (await sessions_us_api.put(path, json={"participantName": "Li"})).json()["participantName"] == "Li"
    assert (await sessions_us_api.post(path)).json()["status"] == "CANCELLED"
    assert (await sessions_us_api.put(path, json={"startAt": NINE})).status_code == 409
    assert (await sessions_us_api.get("/bookings")).status_code == 403


async def test_a_booking_page_lists_bookings_that_have_not_started(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    path = f"/booking-pages/{sandbox.sessions_us.booking_page_id}/bookings"
    started, waiting, canceled = [
        (await booked(sessions_us_api, sandbox, f"2026-03-03T{hour}:00:00Z")).json() for hour in ("07", "08", "09")
    ]
    sandbox.sessions_us.start(started["sessionId"])
    await sessions_us_api.post(f"/bookings/{canceled['id']}")
    assert [item["id"] for item in (await sessions_us_api.get(path)).json()] == [waiting["id"]]
    assert (await sessions_us_api.post(f"/bookings/{started['id']}")).status_code == 409


async def test_booking_pages_are_created_and_updated(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    wanted = {"name": "Office hour", "duration": 60, "schedule": {"sunday": [{"from": "10:00", "to": "12:00"}]}}
    page = (await sessions_us_api.post("/booking-pages", json=wanted)).json()
    assert {name: page[name] for name in wanted} == wanted
    path = f"/booking-pages/{page['id']}"
    search = {"startAt": "2026-03-03T00:00:00Z", "endAt": "2026-03-10T00:00:00Z"}
    assert len((await sessions_us_api.post(f"{path}/slots", json=search)).json()) == 2
    assert (await sessions_us_api.put(path, json={"slug": "intro-call"})).status_code == 409
    assert (await sessions_us_api.put(path, json={"schedule": {"someday": []}})).status_code == 400
    assert (await sessions_us_api.put(path, json={"slug": "hour", "buffer": 30})).json()["slug"] == "hour"
    assert (
        "<h1>Office hour</h1>"
        in (await sessions_us_api.get((await sessions_us_api.get(path)).json()["bookingLink"])).text
    )
    await sessions_us_api.delete(path)
    assert [item["name"] for item in (await sessions_us_api.get("/booking-pages")).json()] == ["Intro call"]


async def test_collaborators_are_named_in_the_body(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    platform = sandbox.sessions_us
    path = f"/booking-pages/{platform.booking_page_id}/collaborators"
    helper = (await sessions_us_api.post(path, json={"email": platform.colleague.email})).json()
    assert (await sessions_us_api.post(path, json={"userId": platform.colleague.id})).status_code == 409
    assert (await sessions_us_api.post(path, json={})).status_code == 400
    changed = await sessions_us_api.put(path, json={"userId": platform.colleague.id, "priority": 3})
    assert changed.json() == helper | {"priority": 3}
    booking = (await booked(sessions_us_api, sandbox)).json()
    handed = await sessions_us_api.post(
        f"/bookings/{booking['id']}/collaborator", json={"collaboratorId": helper["id"]}
    )
    assert handed.json()["collaborator"]["id"] == helper["id"]
    assert (await sessions_us_api.delete(path)).status_code == 400
    assert (await sessions_us_api.delete(path, params={"id": helper["id"]})).status_code == 200
    assert (await sessions_us_api.get(path)).json() == []


async def test_booking_on_ones_own_page_can_be_rejected(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    sandbox.sessions_us.settings.book_own_page = False
    assert (await booked(sessions_us_api, sandbox)).status_code == 403
    sessions_us_api.headers["x-api-key"] = sandbox.sessions_us.colleague_api_key
    assert (await booked(sessions_us_api, sandbox)).status_code == 201
