"""Endpoints as values: nothing is sent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.client.call import Call, Route
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.platforms.vidinfra import endpoints as e
from airflow_provider_sessions.sandbox.vidinfra import VidInfra

DOCUMENTED = Path(__file__).parents[3] / "fixtures" / "vidinfra"
BASE, VIDEO = "https://api.example/v1", "https://video.example/v1"
LIBRARY = "/libraries/21f784c9-c915-48d4-a805-f15b3e01b084"

CALLS: list[tuple[Call[Any], str, str, Any]] = [
    (e.list_rooms(), "GET", "/rooms", None),
    (e.create_room("Town hall", description="All"), "POST", "/rooms", {"title": "Town hall", "description": "All"}),
    (e.list_my_rooms(), "GET", "/rooms/my", None),
    (e.get_room("r1"), "GET", "/rooms/r1", None),
    (e.update_room("r1", title="Hall"), "PATCH", "/rooms/r1", {"title": "Hall"}),
    (e.delete_room("r1"), "DELETE", "/rooms/r1", None),
    (e.list_room_sessions("r1"), "GET", "/rooms/r1/sessions", None),
    (e.create_session("r1", "Hello", "p1"), "POST", "/rooms/r1/sessions", {"title": "Hello", "preset_id": "p1"}),
    (e.list_sessions(), "GET", "/sessions", None),
    (e.list_live_sessions(), "GET", "/sessions/live", None),
    (e.get_dashboard_stats(), "GET", "/sessions/stats", None),
    (e.get_session("s1"), "GET", "/sessions/s1", None),
    (e.delete_session("s1"), "DELETE", "/sessions/s1", None),
    (e.join_session("s1"), "POST", "/sessions/s1/join", None),
    (e.go_live("s1"), "POST", "/sessions/s1/go_live", None),
    (e.ensure_hls_egress("s1"), "POST", "/sessions/s1/ensure_hls_egress", None),
    (e.start_session("s1"), "POST", "/sessions/s1/start", None),
    (e.start_webcam_hls("s1"), "POST", "/sessions/s1/start_webcam_hls", None),
    (e.end_session("s1"), "POST", "/sessions/s1/end", None),
    (
        e.reschedule_session("s1", "2026-03-02T16:00:00+01:00"),
        "PATCH",
        "/sessions/s1/reschedule",
        {"scheduled_start_time": "2026-03-02T15:00:00.000Z"},
    ),
    (
        e.update_session_settings("s1", chat_enabled=False, max_join_limit=3),
        "PATCH",
        "/sessions/s1/settings",
        {"chat_enabled": False, "max_join_limit": 3},
    ),
    (e.broadcast_host_video_state("s1", state={"on": True}), "POST", "/sessions/s1/host_video_state", {"on": True}),
    (e.broadcast_host_audio_state("s1"), "POST", "/sessions/s1/host_audio_state", None),
    (e.get_monitor_token("s1"), "GET", "/sessions/s1/monitor", None),
    (e.get_stream_health("s1"), "GET", "/sessions/s1/stream_health", None),
    (e.generate_studio_url("s1"), "POST", "/sessions/s1/studio_url", None),
    (e.get_share_url("s1"), "GET", "/sessions/s1/share_url", None),
    (e.list_active_viewers("s1"), "GET", "/sessions/s1/viewers", None),
    (e.list_attendance("s1"), "GET", "/sessions/s1/attendance", None),
    (e.get_attendance_stats("s1"), "GET", "/sessions/s1/attendance/stats", None),
    (e.export_attendance("s1"), "GET", "/sessions/s1/attendance/export", None),
    (e.list_participants("s1"), "GET", "/sessions/s1/participants", None),
    (e.add_co_host("s1", "u1"), "POST", "/sessions/s1/co_hosts", {"user_id": "u1"}),
    (e.remove_co_host("s1", "u1"), "DELETE", "/sessions/s1/co_hosts/u1", None),
    (e.add_moderator("s1", "u1"), "POST", "/sessions/s1/moderators", {"user_id": "u1"}),
    (e.remove_moderator("s1", "u1"), "DELETE", "/sessions/s1/moderators/u1", None),
    (e.list_presets(), "GET", "/presets", None),
    (e.get_preset("p1"), "GET", "/presets/p1", None),
    (e.list_session_recordings("s1"), "GET", "/sessions/s1/recordings", None),
    (e.list_my_recordings(), "GET", "/recordings", None),
    (e.get_recording("x1"), "GET", "/recordings/x1", None),
    (e.get_active_recording("s1"), "GET", "/sessions/s1/recordings/active", None),
    (e.start_recording("s1"), "POST", "/sessions/s1/recordings/start", None),
    (e.stop_recording("s1"), "POST", "/sessions/s1/recordings/stop", None),
    (e.get_recording_download_url("x1"), "GET", "/recordings/x1/download", None),
    (e.update_recording("x1", "Part 1"), "PATCH", "/recordings/x1", {"name": "Part 1"}),
    (e.delete_recording("x1"), "DELETE", "/recordings/x1", None),
    (e.login("ada@example.com", "pw"), "POST", "/auth/login", {"email": "ada@example.com", "password": "pw"}),
    (e.refresh_token("r"), "POST", "/auth/refresh", {"refresh_token": "r"}),
    (e.list_video_libraries(), "GET", "/libraries", None),
    (e.get_video_library("l1"), "GET", "/libraries/l1", None),
    (e.list_videos("l1", folder_id="f1"), "GET", "/libraries/l1/videos", None),
    (e.get_video("l1", "v1"), "GET", "/libraries/l1/videos/v1", None),
]


def live() -> list[Route]:
    """The endpoints of VidInfra Live: those of the video API are in another document, and not in the sandbox."""
    return [route for route in e.api if route.base is None]


def bare(path: str) -> str:
    """A path template without the names of its placeholders."""
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS, ids=[call.route.name for call, *_ in CALLS])
def test_an_endpoint_describes_its_request(call: Call[Any], method: str, path: str, body: Any) -> None:
    assert ClientConfig(BASE, bases={"video": VIDEO}).url(call) == (method, (VIDEO if call.route.base else BASE) + path)
    assert call.body == body


def test_every_endpoint_is_looked_at_above() -> None:
    assert {call.route.name for call, *_ in CALLS} == set(e.api.table)


def test_create_session_sends_the_documented_example() -> None:
    documented = json.loads((DOCUMENTED / "create_session_request.json").read_text())
    call = e.create_session("r1", **documented)
    assert call.body == documented


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match=r"scheduled_start_time.*no time zone"):
        e.reschedule_session("s1", "2026-03-02T16:00:00")


@pytest.mark.parametrize("session_id", ["", "..", "a/..", "../b"])
def test_an_id_that_leads_elsewhere_is_refused(session_id: str) -> None:
    with pytest.raises(InputError, match="session_id"):
        e.get_session(session_id)


def test_documented_routes_are_those_of_the_vendors_document() -> None:
    documented = {(row["method"], bare(row["path"])) for row in json.loads((DOCUMENTED / "routes.json").read_text())}
    assert {(route.method, bare(route.path)) for route in live() if route.documented} == documented


def test_the_sandbox_has_every_endpoint_with_the_same_library_twin() -> None:
    theirs = {(route.method, bare(route.path)): route.scoped for route in VidInfra.routes}
    ours = {(route.method, bare(route.path)): route.scoped for route in live()}
    assert ours == {key: theirs.get(key) for key in ours}


@pytest.mark.parametrize(
    ("call", "scoped"),
    [
        (e.create_session("r1", "Hello", "p1"), True),
        (e.list_attendance("s1"), True),
        (e.list_presets(), True),
        (e.update_session_settings("s1", chat_enabled=True), False),
        (e.list_session_recordings("s1"), False),
        (e.list_active_viewers("s1"), False),
        (e.list_participants("s1"), False),
        (e.login("ada@example.com", "pw"), False),
    ],
    ids=lambda value: value.route.name if isinstance(value, Call) else "",
)
def test_a_library_goes_before_the_paths_that_have_a_twin_there(call: Call[Any], scoped: bool) -> None:
    _, url = ClientConfig(BASE, scope=LIBRARY).url(call)
    assert url.startswith(BASE + LIBRARY) is scoped


def test_only_harmless_requests_are_repeatable() -> None:
    changing = {route.name for route in e.api if route.method in ("POST", "PATCH") and route.repeatable}
    assert changing == {"update_room", "update_session_settings", "update_recording", "ensure_hls_egress"}


def test_each_endpoint_says_what_it_does_and_where_that_is_known_from() -> None:
    for name in e.api.table:
        text = getattr(e, name).__doc__
        assert ("Source: Vidinfra API" if e.api.table[name].base else "Source: VidInfra Live API") in text
        assert "documented" in text or "inferred" in text
        for argument in e.api.table[name].placeholders:
            assert f":param {argument}:" in text


def test_a_calls_repr_hides_the_password() -> None:
    assert "hunter2" not in repr(e.login("ada@example.com", "hunter2"))
