"""VidInfra's documentation: the sandbox has the same routes, statuses and fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.vidinfra.platform import routes

DOCUMENTED = Path(__file__).parent.parent / "fixtures" / "vidinfra"
ACTIONS_ON_LIVE = ("end", "ensure_hls_egress", "start_webcam_hls", "join", "host_video_state", "host_audio_state")


def documented(name: str) -> Any:
    return json.loads((DOCUMENTED / f"{name}.json").read_text())


def shape(value: Any) -> Any:
    """Return the keys of a response, recursively."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return None


@pytest.mark.parametrize("route", documented("routes"), ids=lambda route: f"{route['method']} {route['path']}")
async def test_documented_route_returns_its_documented_status(
    route: dict[str, Any], sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    vidinfra = sandbox.vidinfra
    session_id = vidinfra.create("A documented session")[0]
    if route["path"].endswith(ACTIONS_ON_LIVE):
        vidinfra.start(session_id)
    room_id = (await api.post("/rooms", json={"title": "Empty"})).json()["data"]["room"]["id"]
    path = route["path"].replace("{id}", room_id if route["path"].startswith("/rooms") else session_id)
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("POST", "/rooms"): {"title": "Another"},
        ("PATCH", "/rooms/{id}"): {"title": "Renamed"},
        ("POST", "/rooms/{id}/sessions"): {"title": "New", "preset_id": vidinfra.preset_id},
        ("PATCH", "/sessions/{id}/reschedule"): {"scheduled_start_time": "2026-04-01T10:00:00Z"},
        ("PATCH", "/sessions/{id}/settings"): {"chat_enabled": False},
    }
    response = await api.request(route["method"], path, json=bodies.get((route["method"], route["path"])))
    assert response.status_code == route["status"]
    assert set(response.json()) == {"success", "data", "timestamp"}
    assert response.json()["success"] is True
    assert response.json()["timestamp"] == int(sandbox.clock.now().timestamp())


def test_the_routes_are_marked_as_documented_and_as_scoped() -> None:
    known = {(route.method, route.path): route for route in routes}
    for row in documented("routes"):
        route = known[row["method"], row["path"]]
        assert route.documented
        assert (route.status, route.scoped) == (row["status"], row["scoped"])


async def test_created_session_has_the_fields_of_the_documented_example(
    sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    request = documented("create_session_request") | {"preset_id": sandbox.vidinfra.preset_id}
    response = await api.post(f"/rooms/{sandbox.vidinfra.room_id}/sessions", json=request)
    assert response.status_code == 201
    assert shape(response.json()) == shape(documented("create_session_201"))
    assert response.json()["data"]["session"]["scheduled_start_time"] == request["scheduled_start_time"]


async def test_responses_have_the_fields_of_their_schemas_in_order(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra = sandbox.vidinfra
    ended = vidinfra.create(ended_at=sandbox.clock.now(), moderators=1)[0]
    live = vidinfra.create(started_at=sandbox.clock.now())[0]
    sandbox.clock.advance(300)
    recording = (await api.get(f"/sessions/{ended}/recordings")).json()["data"]["recordings"][0]
    user = {"user_id": vidinfra.population.people[40].id}
    poll = (await api.post(f"/sessions/{live}/polls", json={"question": "Lunch?", "options": ["Yes", "No"]})).json()
    login = {"email": vidinfra.host_email, "password": vidinfra.host_password}
    responses = {
        "RoomResponse": await api.get(f"/rooms/{vidinfra.room_id}"),
        "RoomListResponse": await api.get("/rooms"),
        "SessionResponse": await api.get(f"/sessions/{ended}"),
        "SessionListResponse": await api.get("/sessions"),
        "DashboardStatsResponse": await api.get("/sessions/stats"),
        "JoinSessionResponse": await api.post(f"/sessions/{live}/join"),
        "StartSessionResponse": await api.post(f"/sessions/{live}/go_live"),
        "PresetResponse": await api.get(f"/presets/{vidinfra.preset_id}"),
        "AttendanceListResponse": await api.get(f"/sessions/{ended}/attendance"),
        "AttendanceStatsResponse": await api.get(f"/sessions/{ended}/attendance/stats"),
        "SessionParticipantsListResponse": await api.get(f"/sessions/{ended}/participants"),
        "ActiveViewersResponse": await api.get(f"/sessions/{live}/viewers"),
        "RecordingListResponse": await api.get(f"/sessions/{ended}/recordings"),
        "RecordingResponse": await api.get(f"/recordings/{recording['id']}"),
        "RecordingDownloadResponse": await api.get(f"/recordings/{recording['id']}/download"),
        "PollResponse": await api.get(f"/polls/{poll['data']['id']}/results"),
        "PollListResponse": await api.get(f"/sessions/{live}/polls"),
        "ChatMessageResponse": await api.post(f"/sessions/{live}/chat", json={"message": "Hello"}),
        "ChatMessagesResponse": await api.get(f"/sessions/{live}/chat"),
        "HandRaiseResponse": await api.post(f"/sessions/{live}/stage/raise_hand", json={}),
        "JoinRequestResponse": await api.post(f"/sessions/{live}/join_requests"),
        "StageParticipantResponse": await api.post(f"/sessions/{live}/stage/add", json={"participant_identity": "i"}),
        "BannedParticipantResponse": await api.post(f"/sessions/{live}/ban", json=user),
        "BannedParticipantsListResponse": await api.get(f"/sessions/{live}/banned"),
        "AuthResponse": await api.post("/auth/login", json=login),
        "ViewerRegisterResponse": await api.post("/auth/viewer/register", json={"display_name": "Ada"}),
        "GenerateAuthCodeResponse": await api.post("/auth/generate-code", json={"session_id": live}),
    }
    found = {name: response.json()["data"] for name, response in responses.items()}
    found["AttendanceResponse"] = found["AttendanceListResponse"]["attendance"][0]
    found["ActiveViewerResponse"] = found["ActiveViewersResponse"]["viewers"][0]
    found["SessionParticipantResponse"] = found["SessionParticipantsListResponse"]["participants"][0]
    found["UserResponse"] = found["AuthResponse"]["user"]
    found["PollOptionResponse"] = found["PollResponse"]["options"][0]
    schemas = documented("schemas")
    assert {name: list(value) for name, value in found.items()} == {name: schemas[name] for name in found}
    assert set(schemas) - set(found) == {"CreateSessionResponse"}, "has a test of its own"


async def test_room_is_wrapped_in_the_create_response_only(api: httpx.AsyncClient) -> None:
    created = (await api.post("/rooms", json={"title": "Webinars"})).json()["data"]
    assert list(created) == ["room"]
    assert (await api.get(f"/rooms/{created['room']['id']}")).json()["data"]["title"] == "Webinars"


async def test_gateway_errors_have_the_documented_fields(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    sessions = f"/rooms/{sandbox.vidinfra.room_id}/sessions"
    invalid = await api.post(sessions, content=b"{not json")
    anonymous = httpx.AsyncClient(transport=httpx.ASGITransport(sandbox.app), base_url=sandbox.vidinfra.base_url)
    unsigned = await anonymous.get("/rooms/my")
    missing = await api.get("/sessions/00000000-0000-4000-8000-000000000000")
    incomplete = await api.post(sessions, json={"title": "No preset"})
    assert (invalid.status_code, invalid.json()) == (400, documented("error_400"))
    assert (unsigned.status_code, unsigned.json()) == (401, documented("error_401"))
    assert (missing.status_code, missing.json()) == (404, documented("error_404"))
    assert incomplete.status_code == 422
    assert incomplete.json() == {
        **documented("error_422"),
        "errors": [{"field": "preset_id", "code": "validation_required", "message": "This field is required"}],
    }


async def test_application_errors_have_the_documented_fields(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create("Not live")[0]
    response = await api.post(f"/sessions/{session_id}/end")
    assert response.status_code == 409
    # `message` is documented for development mode only.
    assert set(response.json()) == set(documented("error_application")) - {"message"}
    assert response.json()["error"] == "Cannot end a session that is scheduled"
