"""The vendor's documented responses and field names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.client.api_models import parse_content
from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.responses import unwrap
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.api.base import Acknowledged, VidInfraModel


def all_subclasses(model: type[VidInfraModel]) -> Iterator[type[VidInfraModel]]:
    for one in model.__subclasses__():
        yield one
        yield from all_subclasses(one)


DOCUMENTED = Path(__file__).parents[3] / "fixtures" / "vidinfra"
SCHEMAS: dict[str, list[str]] = json.loads((DOCUMENTED / "schemas.json").read_text())
OURS = {model.__name__: model for model in all_subclasses(VidInfraModel) if model.__name__ in SCHEMAS}


def parsed(call: Call[Any], content: Any) -> Any:
    """A response as the client parses it."""
    return parse_content(call.response_type, unwrap(content, call.unwrap).content, call.route.name)


@pytest.mark.parametrize("name", OURS)
def test_fields_have_the_documented_names(name: str) -> None:
    assert set(OURS[name].model_fields) == set(SCHEMAS[name])


def test_the_documented_response_to_a_create_is_read() -> None:
    response = parsed(
        endpoints.create_session("r", "Hello", "p"), json.loads((DOCUMENTED / "create_session_201.json").read_text())
    )
    assert response.session.id == "497f6eca-6276-4993-bfeb-53cbbbba6f08"
    assert response.session.status == "scheduled"
    assert response.session.scheduled_start_time.isoformat() == "2019-08-24T14:15:22.123000+00:00"
    assert response.session.room.host.email == "user@example.com"
    assert response.session.preset.recording_enabled is True
    assert response.stream_key.get_secret_value() == "string"


@pytest.mark.parametrize(
    "content",
    [
        {"success": True, "data": {"session": {"id": "s1"}}, "timestamp": 1},
        {"success": True, "data": {"id": "s1"}, "timestamp": 1},
        {"session": {"id": "s1"}},
        {"id": "s1"},
    ],
)
@pytest.mark.parametrize(
    "call", [endpoints.create_session("r", "Hello", "p"), endpoints.start_session("s"), endpoints.get_session("s")]
)
def test_a_session_is_found_with_or_without_its_wrappers(call: Call[Any], content: Any) -> None:
    response = parsed(call, content)
    assert getattr(response, "session", response).id == "s1"


@pytest.mark.parametrize("presets", [{"presets": [{"id": "p1"}]}, [{"id": "p1"}]])
def test_presets_are_read_as_a_list_or_wrapped(presets: Any) -> None:
    assert [preset.id for preset in parsed(endpoints.list_presets(), {"data": presets})] == ["p1"]


def test_no_active_recording_is_none() -> None:
    assert parsed(endpoints.get_active_recording("s"), {"success": True, "data": None}) is None


@pytest.mark.parametrize("content", [None, [], {"success": True}, {"success": True, "data": None}])
def test_an_action_without_a_documented_response_takes_any(content: Any) -> None:
    assert isinstance(parsed(endpoints.end_session("s"), content), Acknowledged)


def test_nulls_and_unknown_fields_are_no_obstacle() -> None:
    nulls = dict.fromkeys(SCHEMAS["SessionResponse"]) | {"invented_since": 1}
    assert parsed(endpoints.get_session("s"), {"data": nulls}) == endpoints.SessionResponse()


def test_a_zero_time_is_no_time() -> None:
    assert endpoints.SessionResponse.model_validate({"started_at": "0001-01-01T00:00:00Z"}).started_at is None


@pytest.mark.parametrize(
    ("model", "content"),
    [
        (endpoints.AuthResponse, {"access_token": "hush", "refresh_token": "hush"}),
        (endpoints.CreateSessionResponse, {"session": {}, "stream_key": "hush"}),
        (endpoints.StartSessionResponse, {"session": {}, "livekit_token": "hush", "whip_url": "https://x/hush"}),
        (endpoints.StartSessionResponse, {"session": {}, "rtmp": {"stream_key": "hush"}}),
        (
            endpoints.StartSessionResponse,
            {"rtmp_setup": {"stream_key": "hush", "instructions": {"step2": "key: hush"}}},
        ),
        (endpoints.JoinSessionResponse, {"livekit_token": "hush"}),
        (endpoints.MonitorTokenResponse, {"livekit_token": "hush", "token": "hush"}),
        (endpoints.StudioURLResponse, {"studio_url": "https://studio/?code=hush", "code": "hush"}),
        (endpoints.ViewerRegisterResponse, {"device_token": "hush"}),
        (endpoints.GenerateAuthCodeResponse, {"code": "hush"}),
        (endpoints.WebhookEndpointResponse, {"secret": "hush"}),
        (endpoints.PartUrl, {"presignedUrl": "https://files/?sig=hush"}),
        (
            endpoints.TranscodingProfileResponse,
            {"transcoding": {"drm": {"enabled": True, "widevine": {"signing_secret": "hush"}}}},
        ),
        (endpoints.RecordingDownloadResponse, {"download_url": "https://files/?token=hush"}),
    ],
)
def test_what_gives_access_is_not_shown(model: type[VidInfraModel], content: dict[str, Any]) -> None:
    response = model.model_validate(content)
    assert "hush" not in f"{response} {response!r} {response.model_dump_json()}"


@pytest.mark.parametrize("content", [None, {}, {"success": True}, {"success": True, "data": None}])
def test_the_response_with_a_monitor_token_may_be_empty(content: Any) -> None:
    assert parsed(endpoints.get_monitor_token("s1"), content) == endpoints.MonitorTokenResponse()


@pytest.mark.parametrize("found", [{"id": "v1"}, [{"id": "v1"}], {"id": "v1", "metadata": {"note": "n"}}])
def test_a_search_finds_one_video_or_a_list(found: Any) -> None:
    assert [video.id for video in parsed(endpoints.search_videos("l1", "talk"), {"data": found}).videos] == ["v1"]


@pytest.mark.parametrize("content", [None, {}, {"data": None}, {"data": []}])
def test_a_search_may_find_nothing(content: Any) -> None:
    assert parsed(endpoints.search_videos("l1", "talk"), content) == endpoints.VideoSearchResponse()


@pytest.mark.parametrize(
    "names",
    [("upload_id", "part_number", "etag"), ("uploadId", "partNumber", "ETag"), ("UploadId", "PartNumber", "ETag")],
)
def test_names_of_uploads_are_read_as_any_store_writes_them(names: tuple[str, str, str]) -> None:
    upload_id, part_number, etag = names
    assert parsed(endpoints.start_multipart_upload("l1", "a", "b"), {"data": {upload_id: "u1"}}).upload_id == "u1"
    [part] = parsed(endpoints.list_uploaded_parts("l1", "u1"), {"data": {"parts": [{part_number: 1, etag: "x"}]}})
    assert (part.part_number, part.etag) == (1, "x")
