"""Requests that no endpoint function describes: where they may go."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_sessions.client.call import raw_call
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.redact import redact_values
from airflow_provider_sessions.errors import InputError
from tests.unit.client.servers import RawServer, reply
from tests.unit.client.things import connect

BASE = "https://api.example/v1"

OUTSIDE = [
    "rooms",
    "",
    " /rooms",
    "https://evil.example/rooms",
    "//evil.example/rooms",
    "/rooms//my",
    "/../admin",
    "/rooms/..",
    "/rooms/./my",
    "/%2e%2e/admin",
    "/%252e%252e/admin",
    "/rooms/%2E%2E/%2e%2e/admin",
    "/%2f%2fevil.example",
    "/rooms%2f..%2fadmin",
    "/\\evil.example",
    "/rooms\\..\\admin",
    "/%5c..%5cadmin",
    "/rooms?key=1",
    "/rooms#top",
    "/rooms%3fkey=1",
    "/rooms/{room_id}",
    "/rooms\r\nHost: evil.example",
    "/rooms%0d%0aHost:%20evil.example",
    "/rooms\x00",
    "/ro oms",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_out_of_the_base_url_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="path: must be relative to the base URL"):
        raw_call("GET", path)


@pytest.mark.parametrize("path", ["/rooms", "/rooms/my", "/a.b/c..d/~x", "/rooms/caf%C3%A9", "/rooms/a:b@c", "/rooms/"])
def test_a_path_below_the_base_url_is_sent_unchanged(path: str) -> None:
    assert ClientConfig(BASE).get_method_and_url(raw_call("get", path)) == ("GET", BASE + path)


@given(st.lists(st.sampled_from(["/", "..", ".", "%2e", "%2f", "%25", "a", "\\", "%5c", "?", ":"]), max_size=8))
def test_no_path_leaves_the_base_url_however_often_it_is_encoded(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    for _ in range(3):
        try:
            call = raw_call("GET", path)
        except InputError:
            pass
        else:
            assert ".." not in path.split("/")
            assert ClientConfig(BASE).get_method_and_url(call)[1].startswith(f"{BASE}/")
        path = "/" + quote(path[1:], safe="/")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "CONNECT", "TRACE", "PURGE", "GET\r\n", ""])
def test_an_unusual_method_is_refused(method: str) -> None:
    with pytest.raises(InputError, match="method: must be one of GET, POST, PUT, PATCH, DELETE"):
        raw_call(method, "/rooms")


@pytest.mark.parametrize(
    ("method", "repeatable"), [("GET", True), ("PUT", True), ("DELETE", True), ("POST", False), ("PATCH", False)]
)
def test_only_repeatable_methods_are_retried(method: str, repeatable: bool) -> None:
    assert ClientConfig(BASE).is_repeatable(raw_call(method, "/rooms").route) is repeatable


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"stream_key": "s", "streamKey": "s", "title": "t"}, {"stream_key": "***", "streamKey": "***", "title": "t"}),
        ([{"livekit_token": "s", "token": None}], [{"livekit_token": "***", "token": None}]),
        ({"data": {"client_secret": "s", "code": "s"}}, {"data": {"client_secret": "***", "code": "***"}}),
        ({"url": "https://f.example/a?sig=s"}, {"url": "https://f.example/a?sig=***"}),
        ("https://u:s@f.example/a", "https://f.example/a"),
        ({"password": 4711, "passcode": "s", "code": 0}, {"password": "***", "passcode": "***", "code": "***"}),
        ({"pin": "4711", "meetingPin": 4711, "pwd": "s"}, {"pin": "***", "meetingPin": "***", "pwd": "***"}),
        ({"stream_keys": ["s"], "apiKeys": [{"value": "s"}]}, {"stream_keys": ["***"], "apiKeys": [{"value": "***"}]}),
        ({"token": {"value": ["s", 1], "revoked": False}}, {"token": {"value": ["***", "***"], "revoked": False}}),
    ],
)
def test_secrets_of_a_response_of_unknown_shape_are_hidden(content: Any, shown: Any) -> None:
    assert redact_values(content) == shown


@pytest.mark.parametrize(
    "content",
    [
        {"password": None, "token": "", "has_password": True, "passcode_required": False},
        {"pinned": "yes", "pins": [7], "shipping": "by sea", "spin": 3, "opinion": "good", "mapping": "a"},
        {"key_id": 5, "keyboard": "us", "keywords": ["a"], "status_code": 200, "zip_code": "10115", "codec": "h264"},
    ],
)
def test_other_values_of_a_response_of_unknown_shape_are_shown(content: Any) -> None:
    assert redact_values(content) == content


@pytest.mark.parametrize(
    ("content_type", "body", "content"),
    [
        ("application/json", b'{"id": 1}', {"id": 1}),
        ("application/json", b"", None),
        ("application/json", b" \n", None),
        ("text/csv", b"a,b", "a,b"),
        ("text/plain", b"", None),
    ],
)
async def test_a_response_is_json_a_text_or_none(content_type: str, body: bytes, content: Any) -> None:
    async with RawServer((reply(200, body, Content_Type=content_type),)) as server, connect(server.url) as client:
        assert await client.send(raw_call("DELETE", "/rooms/r1")) == content
