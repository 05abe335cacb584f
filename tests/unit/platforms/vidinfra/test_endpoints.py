"""Endpoints as values: nothing is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from airflow_provider_sessions.client.call import Call, Route, UploadFile
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.platforms.vidinfra import endpoints as e
from airflow_provider_sessions.sandbox.vidinfra import VidInfra

DOCUMENTED = Path(__file__).parents[3] / "fixtures" / "vidinfra"
BASE, VIDEO = "https://api.example/v1", "https://video.example/v1"
LIBRARY = "/libraries/21f784c9-c915-48d4-a805-f15b3e01b084"

RULE: Any = {"action": "allow", "values": ["example.com"], "enabled": True}

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
    (e.register_viewer("Ada"), "POST", "/auth/viewer/register", {"display_name": "Ada"}),
    (e.login_viewer("d"), "POST", "/auth/viewer/device-login", {"device_token": "d"}),
    (e.exchange_auth_code("c"), "POST", "/auth/exchange-code", {"code": "c"}),
    (e.logout("r"), "POST", "/auth/logout", {"refresh_token": "r"}),
    (e.generate_auth_code("s1"), "POST", "/auth/generate-code", {"session_id": "s1"}),
    (
        e.create_preset("Talk", "whip", "#1a73e8", settings={"chat_enabled": True, "max_join_limit": 9}),
        "POST",
        "/presets",
        {"name": "Talk", "type": "whip", "primary_color": "#1a73e8", "chat_enabled": True, "max_join_limit": 9},
    ),
    (
        e.update_preset("p1", settings={"recording_enabled": False}),
        "PATCH",
        "/presets/p1",
        {"recording_enabled": False},
    ),
    (
        e.create_poll("s1", "Lunch?", ["Yes", "No"]),
        "POST",
        "/sessions/s1/polls",
        {"question": "Lunch?", "options": ["Yes", "No"]},
    ),
    (e.vote("q1", "o1"), "POST", "/polls/q1/vote", {"option_id": "o1"}),
    (
        e.send_chat_message("s1", "Hello", recipient_id="u1"),
        "POST",
        "/sessions/s1/chat",
        {"message": "Hello", "recipient_id": "u1"},
    ),
    (e.raise_hand("s1", message="Me"), "POST", "/sessions/s1/stage/raise_hand", {"message": "Me"}),
    (
        e.add_to_stage("s1", "i1", can_publish_audio=True),
        "POST",
        "/sessions/s1/stage/add",
        {"participant_identity": "i1", "can_publish_audio": True},
    ),
    (e.remove_from_stage("s1", "i1"), "POST", "/sessions/s1/stage/remove", {"participant_identity": "i1"}),
    (
        e.update_stage_permissions("s1", "i1", can_publish_video=False),
        "PATCH",
        "/sessions/s1/stage/participants/i1/permissions",
        {"can_publish_video": False},
    ),
    (e.ban_participant("s1", "u1", reason="Spam"), "POST", "/sessions/s1/ban", {"user_id": "u1", "reason": "Spam"}),
    (
        e.create_video_library("Talks", "us-east-1", "marketing", tags=["a"]),
        "POST",
        "/libraries",
        {"name": "Talks", "region": "us-east-1", "usage_type": "marketing", "tags": ["a"]},
    ),
    (e.update_video_library("l1", "All talks"), "PUT", "/libraries/l1", {"description": "All talks"}),
    (e.create_folder("l1", "May"), "POST", "/libraries/l1/folders", {"name": "May"}),
    (
        e.update_folder("l1", "f1", "June", parent_id="f0"),
        "PUT",
        "/libraries/l1/folders/f1",
        {"name": "June", "parent_id": "f0"},
    ),
    (e.move_folder("l1", "f1", new_parent_id="f2"), "PATCH", "/libraries/l1/folders/f1/move", {"new_parent_id": "f2"}),
    (
        e.move_folders("l1", ["f1"], "f2"),
        "PATCH",
        "/libraries/l1/folders/bulk/move",
        {"folder_ids": ["f1"], "new_parent_id": "f2"},
    ),
    (e.delete_folders("l1", ["f1"]), "POST", "/libraries/l1/folders/bulk", {"folder_ids": ["f1"]}),
    (
        e.create_video("l1", "https://example.com/a.mp4", metadata={"note": "n"}),
        "POST",
        "/libraries/l1/videos",
        {"url": "https://example.com/a.mp4", "metadata": [{"key": "note", "value": "n"}]},
    ),
    (
        e.pull_video("l1", "https://example.com/a.mp4", name="A", tags=["x"], folder_id="f1"),
        "POST",
        "/libraries/l1/videos/pull",
        {"url": "https://example.com/a.mp4", "name": "A", "tags": ["x"], "folder_id": "f1"},
    ),
    (e.update_video("l1", "v1", name="B"), "PATCH", "/libraries/l1/videos/v1", {"name": "B"}),
    (
        e.move_videos("l1", ["v1"], "f2"),
        "PATCH",
        "/libraries/l1/videos/bulk-move",
        {"video_ids": ["v1"], "new_folder_id": "f2"},
    ),
    (
        e.set_thumbnail("l1", "v1", "https://example.com/t.jpg"),
        "PATCH",
        "/libraries/l1/videos/v1/thumbnails/set",
        {"thumbnail_url": "https://example.com/t.jpg"},
    ),
    (
        e.set_chapters("l1", "v1", [{"title": "One", "start_time": 0, "end_time": 9}]),
        "PUT",
        "/libraries/l1/videos/v1/chapters",
        {"chapters": [{"title": "One", "start_time": 0, "end_time": 9}]},
    ),
    (
        e.create_transcoding_profile("l1", "HD", transcoding={"format": ["abr"]}),
        "POST",
        "/libraries/l1/transcoding/profiles",
        {"name": "HD", "transcoding": {"format": ["abr"]}},
    ),
    (
        e.update_transcoding_profile("l1", "t1", "HD", description="d"),
        "PUT",
        "/libraries/l1/transcoding/profiles/t1",
        {"name": "HD", "description": "d"},
    ),
    (
        e.create_player("l1", "Dark", settings={"language": "en"}),
        "POST",
        "/libraries/l1/players",
        {"name": "Dark", "language": "en"},
    ),
    (e.update_player("l1", "y1", name="Light"), "PUT", "/libraries/l1/players/y1", {"name": "Light"}),
    (
        e.create_webhook_endpoint("l1", "https://example.com/hook", "Mine", ["playable"]),
        "POST",
        "/libraries/l1/webhooks/endpoints",
        {"url": "https://example.com/hook", "name": "Mine", "events": ["playable"]},
    ),
    (
        e.update_webhook_endpoint("l1", "w1", "https://example.com/hook", "Mine", ["failed"], secret="s"),
        "PUT",
        "/libraries/l1/webhooks/endpoints/w1",
        {"url": "https://example.com/hook", "name": "Mine", "events": ["failed"], "secret": "s"},
    ),
    (
        e.update_security_settings("l1", RULE, RULE, "private"),
        "PUT",
        "/libraries/l1/security",
        {"referrers": RULE, "countries": RULE, "video_privacy": "private"},
    ),
    (
        e.start_multipart_upload("l1", "a.mp4", "video/mp4", folder_id="f1", tags=["x"]),
        "POST",
        "/libraries/l1/uploads/s3/multipart",
        {
            "filename": "a.mp4",
            "type": "video/mp4",
            "metadata": {"libraryId": "l1", "folderId": "f1", "source": "airflow", "tags": ["x"]},
        },
    ),
    (
        e.complete_multipart_upload("l1", "u1", [{"PartNumber": 1, "ETag": "x"}]),
        "POST",
        "/libraries/l1/uploads/s3/multipart/u1/complete",
        {"parts": [{"PartNumber": 1, "ETag": "x"}]},
    ),
    (
        e.create_migration_job("l1", "vimeo", "t"),
        "POST",
        "/libraries/l1/migration-jobs",
        {"provider": "vimeo", "credentials": {"access_token": "t"}},
    ),
    (
        e.validate_migration_credentials("l1", "vimeo", "t"),
        "POST",
        "/libraries/l1/migration-jobs/validate",
        {"provider": "vimeo", "credentials": {"access_token": "t"}},
    ),
]


REPEATABLE = """
update_room update_session_settings update_recording ensure_hls_egress update_preset set_default_preset close_poll
lower_hand leave_stage remove_from_stage update_stage_permissions approve_join_request reject_join_request
approve_hand_raise reject_hand_raise ban_participant move_folder move_folders delete_folders update_video move_videos
set_thumbnail set_default_transcoding_profile set_default_player validate_migration_credentials
""".split()
"""Requests other than GET, PUT and DELETE that do the same when they are sent twice."""


def live() -> list[Route]:
    """The endpoints of VidInfra Live: those of the video API are in another document, and not in the sandbox."""
    return [route for route in e.api if route.base is None]


def bare(path: str) -> str:
    """A path template without the names of its placeholders."""
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.parametrize(("call", "method", "path", "body"), CALLS, ids=[call.route.name for call, *_ in CALLS])
def test_an_endpoint_describes_its_request(call: Call[Any], method: str, path: str, body: Any) -> None:
    assert ClientConfig(BASE, bases={"video": VIDEO}).get_method_and_url(call) == (
        method,
        (VIDEO if call.route.base else BASE) + path,
    )
    assert call.body == body


@pytest.mark.parametrize("name", e.api.table)
def test_every_endpoint_that_sends_fields_is_shown_above(name: str) -> None:
    sent = set(get_type_hints(getattr(e, name))) - e.api.table[name].placeholders - {"return"}
    if e.api.table[name].method != "GET" and sent:
        shown = {call.route.name for call, *_ in CALLS} | {"create_subtitle", "update_subtitle", "upload_thumbnail"}
        assert name in shown or sent == {"key"}


def test_subtitles_are_sent_as_a_file_of_a_form() -> None:
    call = e.create_subtitle("l1", "v1", "English", "en", "WEBVTT\n")
    assert (call.body, call.form) == (None, {"title": "English", "language": "en"})
    assert call.files == {"file": UploadFile("en.vtt", b"WEBVTT\n", "text/vtt")}
    assert e.update_subtitle("l1", "v1", "u1", title="English").files == {}


@pytest.mark.parametrize("content", [b"\xff\xd8image", "/9hpbWFnZQ=="])
def test_a_thumbnail_is_given_as_bytes_or_in_base64(content: bytes | str) -> None:
    call = e.upload_thumbnail("l1", "v1", content, file_name="cover.jpg")
    assert call.files == {"file": UploadFile("cover.jpg", b"\xff\xd8image", "image/jpeg")}


def test_a_text_that_is_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="content: expected the bytes of an image, or these in base64"):
        e.upload_thumbnail("l1", "v1", "cover.jpg")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: e.create_preset("P", "whip", "#000000", settings={"chat_enable": True}), "chat_enabled"),  # type: ignore[typeddict-unknown-key]
        (lambda: e.create_player("l1", "P", settings={"langage": "en"}), "language"),  # type: ignore[typeddict-unknown-key]
        (lambda: e.set_chapters("l1", "v1", [{"title": "A", "start": 0, "end_time": 9}]), "start_time"),  # type: ignore[typeddict-item, typeddict-unknown-key]
    ],
)
def test_a_setting_with_an_unknown_name_is_refused(make: Callable[[], Call[Any]], message: str) -> None:
    with pytest.raises(InputError, match=f"(settings|chapters): unknown .*{message}"):
        make()


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
    _, url = ClientConfig(BASE, scope=LIBRARY).get_method_and_url(call)
    assert url.startswith(BASE + LIBRARY) is scoped


def test_only_harmless_requests_are_repeatable() -> None:
    changing = {route.name for route in e.api if route.method in ("POST", "PATCH") and route.repeatable}
    assert changing == set(REPEATABLE)


def test_each_endpoint_says_what_it_does_and_where_that_is_known_from() -> None:
    for name in e.api.table:
        text = getattr(e, name).__doc__
        assert ("Source: Vidinfra API" if e.api.table[name].base else "Source: VidInfra Live API") in text
        assert "documented" in text or "inferred" in text
        for argument in e.api.table[name].placeholders:
            assert f":param {argument}:" in text


def test_a_calls_repr_hides_the_password() -> None:
    assert "hunter2" not in repr(e.login("ada@example.com", "hunter2"))
