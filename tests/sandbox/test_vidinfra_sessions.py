"""VidInfra's webinars: creating, listing, the lifecycle, libraries, other hosts' rooms."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from airflow_provider_sessions.sandbox import Sandbox


async def create(sandbox: Sandbox, api: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    body = {"title": "Quarterly results", "preset_id": sandbox.vidinfra.preset_id, **fields}
    return await api.post(f"/rooms/{sandbox.vidinfra.room_id}/sessions", json=body)


async def status_of(api: httpx.AsyncClient, session_id: str) -> str:
    return str((await api.get(f"/sessions/{session_id}")).json()["data"]["status"])


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"title": "Q1"}, ("title", "validation_min")),
        ({"title": "Q" * 256}, ("title", "validation_max")),
        ({"title": 12}, ("title", "validation_string")),
        ({"mode": "telepathy"}, ("mode", "validation_oneof")),
        ({"preset_id": "standard"}, ("preset_id", "validation_uuid")),
        ({"preset_id": "00000000-0000-4000-8000-000000000000"}, ("preset_id", "validation_exists")),
        ({"scheduled_start_time": "tomorrow"}, ("scheduled_start_time", "validation_datetime")),
        ({"scheduled_start_time": "2026-03-03T10:00:00"}, ("scheduled_start_time", "validation_datetime")),
    ],
)
async def test_an_invalid_field_is_named(
    fields: dict[str, Any], fault: tuple[str, str], sandbox: Sandbox, api: httpx.AsyncClient
) -> None:
    response = await create(sandbox, api, **fields)
    assert response.status_code == 422
    assert [(error["field"], error["code"]) for error in response.json()["errors"]] == [fault]
    assert sandbox.vidinfra.sessions() == []


async def test_unknown_fields_are_ignored(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    assert (await create(sandbox, api, colour="blue")).status_code == 201


async def test_a_webinar_goes_from_scheduled_to_live_to_ended(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = (await create(sandbox, api)).json()["data"]["session"]["id"]
    assert await status_of(api, session_id) == "scheduled"
    started = (await api.post(f"/sessions/{session_id}/start")).json()["data"]
    assert started["whip_url"]
    assert started["session"]["started_at"] == "2026-03-02T15:00:00.000Z"
    sandbox.clock.advance(90)
    room = (await api.get(f"/rooms/{sandbox.vidinfra.room_id}")).json()["data"]
    assert room["active_session_id"] == session_id
    assert (await api.post(f"/sessions/{session_id}/end")).status_code == 200
    ended = (await api.get(f"/sessions/{session_id}")).json()["data"]
    assert (ended["status"], ended["duration"], ended["ended_at"]) == ("ended", 90, "2026-03-02T15:01:30.000Z")
    assert ended["room"]["active_session_id"] is None


async def test_rtmp_webinars_have_a_stream_key(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    webcam = (await create(sandbox, api)).json()["data"]
    rtmp = (await create(sandbox, api, mode="rtmp")).json()["data"]
    assert (webcam["rtmp_url"], webcam["stream_key"]) == ("", "")
    started = (await api.post(f"/sessions/{rtmp['session']['id']}/start")).json()["data"]
    assert started["rtmp"]["stream_key"] == started["rtmp_setup"]["stream_key"] == rtmp["stream_key"] != ""


async def test_actions_that_the_state_does_not_allow_are_conflicts(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra, later = sandbox.vidinfra, {"scheduled_start_time": "2026-03-05T10:00:00Z"}
    ended = vidinfra.create(ended_at=sandbox.clock.now())[0]
    live = vidinfra.create(started_at=sandbox.clock.now())[0]
    scheduled = vidinfra.create()[0]
    rejected = [
        await api.post(f"/sessions/{ended}/start"),
        await api.post(f"/sessions/{ended}/end"),
        await api.patch(f"/sessions/{ended}/reschedule", json=later),
        await api.post(f"/sessions/{live}/start"),
        await api.patch(f"/sessions/{live}/reschedule", json=later),
        await api.delete(f"/sessions/{live}"),
        await api.post(f"/sessions/{scheduled}/end"),
        await api.post(f"/sessions/{scheduled}/join"),
    ]
    assert [response.status_code for response in rejected] == [409] * len(rejected)


async def test_a_room_has_one_live_session(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    first, second = sandbox.vidinfra.create(count=2)
    await api.post(f"/sessions/{first}/start")
    rejected = await api.post(f"/sessions/{second}/go_live")
    assert (rejected.status_code, rejected.json()["error"]) == (409, "The room already has an active session")
    await api.post(f"/sessions/{first}/end")
    assert (await api.post(f"/sessions/{second}/go_live")).status_code == 200


async def test_go_live_after_start_returns_the_live_session(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create()[0]
    await api.post(f"/sessions/{session_id}/start")
    assert (await api.post(f"/sessions/{session_id}/go_live")).json()["data"]["session"]["status"] == "live"


async def test_rescheduling_moves_the_start(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create()[0]
    await api.patch(f"/sessions/{session_id}/reschedule", json={"scheduled_start_time": "2026-03-05T10:00:00+02:00"})
    session = (await api.get(f"/sessions/{session_id}")).json()["data"]
    assert session["scheduled_start_time"] == "2026-03-05T08:00:00.000Z"


async def test_a_deleted_session_is_not_found_anywhere(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    gone, kept = sandbox.vidinfra.create(count=2)
    assert (await api.delete(f"/sessions/{gone}")).status_code == 200
    assert (await api.get(f"/sessions/{gone}")).status_code == 404
    assert (await api.delete(f"/sessions/{gone}")).status_code == 404
    listed = (await api.get("/sessions")).json()["data"]
    assert ([session["id"] for session in listed["sessions"]], listed["total"]) == ([kept], 1)


async def test_settings_override_the_preset(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create()[0]
    await api.patch(f"/sessions/{session_id}/settings", json={"chat_enabled": False})
    session = (await api.get(f"/sessions/{session_id}")).json()["data"]
    assert (session["chat_enabled_override"], session["effective_chat_enabled"]) == (False, False)
    assert (session["stage_enabled_override"], session["effective_stage_enabled"]) == (None, True)


async def test_pages_are_newest_first_and_have_the_requested_size(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    created = sandbox.vidinfra.create(count=25)[::-1]
    pages = [(await api.get("/sessions", params={"page": n, "limit": 10})).json()["data"] for n in (1, 2, 3, 4)]
    assert [session["id"] for page in pages for session in page["sessions"]] == created
    assert [len(page["sessions"]) for page in pages] == [10, 10, 5, 0]
    assert {(page["total"], page["limit"]) for page in pages} == {(25, 10)}
    sandbox.vidinfra.settings.max_limit = 20
    assert len((await api.get("/sessions?limit=1000")).json()["data"]["sessions"]) == 20
    assert (await api.get("/sessions?page=0")).json()["errors"][0]["field"] == "page"


async def test_live_list_and_stats_match_the_states(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra, now = sandbox.vidinfra, sandbox.clock.now()
    vidinfra.create(count=3, ended_at=now)
    live = vidinfra.create(started_at=now)
    vidinfra.expire(vidinfra.create()[0])
    vidinfra.create(count=2)
    listed = (await api.get("/sessions/live")).json()["data"]
    assert [session["id"] for session in listed["sessions"]] == live
    stats = (await api.get("/sessions/stats")).json()["data"]
    assert stats == {"total_sessions": 7, "live_now": 1, "scheduled": 2, "ended": 3}


async def test_a_library_contains_its_own_rooms_and_sessions(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra = sandbox.vidinfra
    mine, theirs = vidinfra.create()[0], vidinfra.create(room_id=vidinfra.other_room_id)[0]
    scope = f"/libraries/{vidinfra.library_id}"
    listed = (await api.get(f"{scope}/sessions")).json()["data"]["sessions"]
    assert [session["id"] for session in listed] == [mine]
    assert (await api.get(f"{scope}/sessions/{mine}/attendance")).status_code == 200
    assert (await api.get(f"{scope}/sessions/{theirs}")).status_code == 404
    assert (await api.get(f"{scope}/sessions/{mine}/recordings")).status_code == 404, "recordings are not scoped"
    assert (await api.get("/libraries/nowhere/sessions")).status_code == 404
    anonymous = await api.get(f"{scope}/sessions", headers={"X-API-Key": "wrong"})
    assert anonymous.status_code == 401, "no route below a library is public"


async def test_rooms_of_other_hosts_are_forbidden(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    vidinfra = sandbox.vidinfra
    session_id = vidinfra.create(room_id=vidinfra.other_room_id)[0]
    responses = [
        await api.patch(f"/rooms/{vidinfra.other_room_id}", json={"title": "Mine now"}),
        await api.delete(f"/sessions/{session_id}"),
        await api.get(f"/sessions/{session_id}/attendance"),
    ]
    assert [response.status_code for response in responses] == [403] * 3
    assert (await api.get(f"/sessions/{session_id}")).status_code == 200


async def test_rooms_are_created_updated_and_deleted(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    room_id = (await api.post("/rooms", json={"title": "Spring", "description": "x"})).json()["data"]["room"]["id"]
    changed = (await api.patch(f"/rooms/{room_id}", json={"title": "Summer"})).json()["data"]
    assert (changed["title"], changed["description"]) == ("Summer", "x")
    assert room_id in [room["id"] for room in (await api.get("/rooms/my")).json()["data"]["rooms"]]
    assert (await api.delete(f"/rooms/{sandbox.vidinfra.room_id}")).status_code == 200
    busy = sandbox.vidinfra.create(room_id=room_id)[0]
    assert (await api.delete(f"/rooms/{room_id}")).status_code == 409
    await api.delete(f"/sessions/{busy}")
    assert (await api.delete(f"/rooms/{room_id}")).status_code == 200
    assert (await api.get(f"/rooms/{room_id}")).status_code == 404
    assert sandbox.oracle()["vidinfra"][0]["deleted_at"], "the oracle remembers a room's sessions"


async def test_presets_are_created_updated_and_deleted(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    preset = {"name": "Silent", "type": "rtmp", "primary_color": "#00ff00", "chat_enabled": False, "is_default": True}
    created = (await api.post("/presets", json=preset)).json()["data"]
    assert (created["chat_enabled"], created["poll_enabled"]) == (False, True)
    listed = (await api.get("/presets")).json()["data"]["presets"]
    assert [row["is_default"] for row in listed] == [False, True]
    path = f"/presets/{created['id']}"
    assert (await api.patch(path, json={"name": "Quiet"})).json()["data"]["name"] == "Quiet"
    too_many = await api.patch(path, json={"max_join_limit": 6})
    assert too_many.json()["errors"][0]["field"] == "max_join_limit", "the documented maximum on update is 5"
    assert (await api.delete(path)).status_code == 200
    assert (await api.get(path)).status_code == 404


async def test_invalid_ids_and_unknown_paths(api: httpx.AsyncClient) -> None:
    assert (await api.get("/sessions/../../etc")).status_code == 404
    assert (await api.get("/sessions/a%2Fb")).status_code == 400
    assert (await api.get("/sessions/not-a-uuid")).status_code == 400
    assert (await api.put("/sessions")).status_code == 405
    assert (await api.get("/nonsense")).json() == {"success": False, "message": "Resource not found"}


async def test_roles_are_assigned_and_removed(sandbox: Sandbox, api: httpx.AsyncClient) -> None:
    session_id = sandbox.vidinfra.create(moderators=1, ended_at=sandbox.clock.now())[0]
    attendance = (await api.get(f"/sessions/{session_id}/attendance")).json()["data"]["attendance"]
    user_id = next(row["user_id"] for row in attendance[1:] if not row["is_guest"])

    async def roles() -> list[tuple[str, str]]:
        rows = (await api.get(f"/sessions/{session_id}/participants")).json()["data"]["participants"]
        return [(row["role"], row["user_id"]) for row in rows]

    assert [role for role, _ in await roles()] == ["moderator"]
    added = await api.post(f"/sessions/{session_id}/co_hosts", json={"user_id": user_id})
    assert (added.status_code, added.json()["data"]["user"]["id"]) == (201, user_id)
    assert ("co_host", user_id) in await roles()
    assert (await api.delete(f"/sessions/{session_id}/moderators/{user_id}")).status_code == 404
    assert (await api.delete(f"/sessions/{session_id}/co_hosts/{user_id}")).status_code == 200
    assert ("co_host", user_id) not in await roles()
    stranger = {"user_id": "00000000-0000-4000-8000-000000000000"}
    assert (await api.post(f"/sessions/{session_id}/moderators", json=stranger)).status_code == 404
