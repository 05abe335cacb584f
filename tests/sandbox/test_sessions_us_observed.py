"""What is known of Sessions: the sandbox has its 45 documented operations and the observed bodies."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.sessions_us.platform import routes

KNOWN = Path(__file__).parent.parent / "fixtures" / "sessions_us"
BOOKING = {
    "startAt": "2026-03-03T09:00:00.000Z",
    "timeZone": "Europe/Berlin",
    "participantName": "Li Wei",
    "participantEmail": "li.wei@example.org",
}
REGISTRATION = {"email": "li.wei@example.org", "firstName": "Li Wei", "form": [{"question": "Name", "answer": "Li"}]}
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def known(name: str) -> Any:
    return json.loads((KNOWN / f"{name}.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """Return the keys of a response, recursively; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return None


async def prepare(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> dict[str, Any]:
    """Create one object of each kind and return their ids."""
    platform = sandbox.sessions_us
    page_id = platform.booking_page_id
    colleague = {"email": platform.colleague.email}
    event = (await sessions_us_api.post("/events", json=known("create_event_request"))).json()
    await sessions_us_api.post(f"/events/{event['id']}/publish")
    booking = await sessions_us_api.post("/bookings", json=BOOKING | {"bookingPageId": page_id})
    session = (await sessions_us_api.post("/sessions", json=known("create_session_request"))).json()
    added = {"participants": [{"email": "bo@example.org"}]}
    return {
        "colleague": colleague,
        "booking-pages": page_id,
        "collaborator": (await sessions_us_api.post(f"/booking-pages/{page_id}/collaborators", json=colleague)).json()[
            "id"
        ],
        "bookings": booking.json()["id"],
        "rooms": platform.room_id,
        "events": event["id"],
        "sessions": session["id"],
        "participant": (await sessions_us_api.post(f"/sessions/{session['id']}/participants", json=added)).json()[0][
            "id"
        ],
    }


def body_for(route: str, there: dict[str, Any]) -> Any:
    """Return a valid body if the operation needs one."""
    booking = BOOKING | {"bookingPageId": there["booking-pages"], "startAt": "2026-03-04T09:00:00.000Z"}
    bodies: dict[str, Any] = {
        "POST /booking-pages": {"name": "Office hour"},
        "PUT /booking-pages/{id}": {"duration": 45},
        "POST /booking-pages/{id}/slots": {"startAt": "2026-03-03T00:00:00Z", "endAt": "2026-03-04T00:00:00Z"},
        "POST /booking-pages/{id}/collaborators": {"email": "nobody@example.org"},
        "PUT /booking-pages/{id}/collaborators": {"id": there["collaborator"], "priority": 2},
        "DELETE /booking-pages/{id}/collaborators": {"id": there["collaborator"]},
        "POST /bookings": booking,
        "PUT /bookings/{id}": {"startAt": "2026-03-04T10:00:00.000Z"},
        "POST /bookings/{id}/collaborator": {"collaboratorId": there["collaborator"]},
        "POST /guests/bookings": booking,
        "PUT /guests/bookings/{id}": {"guests": ["bo@example.org"]},
        "POST /guests/events/{id}/register": REGISTRATION,
        "POST /rooms": {"name": "Library"},
        "PUT /rooms/{id}": {"name": "Kitchen"},
        "POST /rooms/{id}/share": {"emails": [there["colleague"]["email"]]},
        "PUT /sessions/{id}": {"name": "Renamed"},
        "POST /sessions": known("create_session_request"),
        "POST /sessions/{id}/participants": {"participants": [{"email": "cy@example.org"}]},
        "PUT /sessions/{id}/participants": {"participants": [{"id": there["participant"], "role": "Speaker"}]},
        "DELETE /sessions/{id}/participants": {"participants": [there["participant"]]},
        "POST /events": known("create_event_request") | {"slug": "another"},
        "POST /events/{id}/register": REGISTRATION,
    }
    return bodies.get(route)


@pytest.mark.parametrize("row", known("routes"), ids=lambda row: f"{row['method']} {row['path']}")
async def test_documented_operation_has_a_response(
    row: dict[str, str], sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    there = await prepare(sandbox, sessions_us_api)
    route = f"{row['method']} {row['path']}"
    body = body_for(route, there)
    if route == "POST /booking-pages/{id}/collaborators":
        body = {"email": sandbox.sessions_us.population.people[40].email}
    kind = row["path"].removeprefix("/guests").split("/")[1]
    path = row["path"].replace("{id}", there[kind])
    response = await sessions_us_api.request(row["method"], path, json=body)
    assert response.status_code == (201 if row["method"] == "POST" else 200), response.text
    if row["method"] == "DELETE":
        assert response.content == b""
    else:
        is_list = row["method"] == "GET" and not row["path"].endswith(("{id}", "takeaways"))
        is_list = is_list or row["path"].endswith(("/slots", "/participants"))
        assert isinstance(response.json(), list if is_list else dict), "lists are bare arrays"


def test_the_routes_are_exactly_the_documented_operations() -> None:
    documented = {(route.method, re.sub(r"{\w+}", "{id}", route.path)) for route in routes if route.documented}
    assert documented == {(row["method"], row["path"]) for row in known("routes")}


async def test_a_session_has_the_observed_fields(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    request = known("create_session_request")
    created = (await sessions_us_api.post("/sessions", json=request)).json()
    observed = shape(known("webhook_session_created")["data"]["session"])
    assert {key: value for key, value in shape(created).items() if key in observed} == observed
    assert {key: created[key] for key in request} == request
    assert UUID4.fullmatch(created["id"])
    assert (created["description"], created["actualStart"], created["endedAt"]) == ("", None, None)
    assert [person["isOwner"] for person in created["participants"]] == [True]
    assert (await sessions_us_api.get(f"/sessions/{created['id']}")).json() == created
    assert (await sessions_us_api.get("/sessions")).json() == [created]


async def test_a_booking_creates_a_session_as_observed(sandbox: Sandbox, sessions_us_api: httpx.AsyncClient) -> None:
    body = BOOKING | {"bookingPageId": sandbox.sessions_us.booking_page_id}
    booking = (await sessions_us_api.post("/bookings", json=body)).json()
    session = (await sessions_us_api.get(f"/sessions/{booking['sessionId']}")).json()
    observed = known("webhook_booking_created")["data"]["session"]
    assert shape(session["booking"]) == shape(observed["booking"])
    assert [shape(person) for person in session["participants"]] == [shape(p) for p in observed["participants"]]
    assert (session["startAt"], session["name"]) == (BOOKING["startAt"], "Intro call")
    guest = session["participants"][1]["guest"]
    assert (guest["firstName"], guest["lastName"]) == ("Li Wei", None), "the whole name is in one field"


async def test_an_event_creates_a_session_and_registration_responds_as_observed(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    event = (await sessions_us_api.post("/events", json=known("create_event_request"))).json()
    observed = known("webhook_event_published")["data"]["session"]
    assert shape(event["session"]["event"]) == shape(observed["event"])
    assert event["session"]["description"] is None
    owner_slug, _, slug = event["slug"].partition("/")
    assert slug == "my-best-event"
    assert re.fullmatch(UUID4.pattern + "-.{5}", owner_slug)
    await sessions_us_api.post(f"/events/{event['sessionId']}/publish")
    registered = (await sessions_us_api.post(f"/guests/events/{event['id']}/register", json=REGISTRATION)).json()
    assert shape(registered) == shape(known("webhook_event_new_registration")["data"]["registeredParticipant"])
    people = (await sessions_us_api.get(f"/sessions/{event['sessionId']}/participants")).json()
    assert registered["id"] in [person["id"] for person in people]


async def test_transcript_and_takeaways_have_the_observed_fields(
    sandbox: Sandbox, sessions_us_api: httpx.AsyncClient
) -> None:
    session_id = sandbox.sessions_us.create(ended_at=sandbox.clock.now(), languages="en")[0]
    sandbox.clock.advance(30)
    entries = (await sessions_us_api.get(f"/sessions/{session_id}/transcripts")).json()
    observed = known("webhook_transcript_ready")["data"]["session"]["transcripts"][0]
    assert all(shape(entry) == shape(observed) for entry in entries)
    takeaways = (await sessions_us_api.get(f"/sessions/{session_id}/takeaways")).json()
    sample = known("webhook_takeaway_ready")["data"]["session"]
    assert takeaways.keys() == sample.keys() - {"id"}
    paragraph = takeaways["takeawaysRaw"]["content"][0]
    assert shape(paragraph) == shape(sample["takeawaysRaw"]["content"][0])
