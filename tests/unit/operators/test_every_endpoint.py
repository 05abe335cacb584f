"""Every operation that the vendors' references list is called by name, over HTTP, through the operator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, get_origin, get_type_hints
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_sessions.client.call import Call, Route
from airflow_provider_sessions.errors import RejectedError
from airflow_provider_sessions.operators.sessions import CallApiOperator
from airflow_provider_sessions.platforms.registry import adapter_class
from tests.connected import Connect

FACTS = Path(__file__).parents[2] / "fixtures"
LIBRARY = "21f784c9-c915-48d4-a805-f15b3e01b084"
LISTED = {"prevail": 8, "sessions_us": 45, "vidinfra": 203}
"""How many operations each reference lists, copies for one library left out: these are the same functions."""

Operation = Mapping[str, Any]


def bare(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def read(name: str) -> list[Operation]:
    found: list[Operation] = json.loads((FACTS / name).read_text())
    return found


def key(method: str, path: str, base: str | None = None) -> tuple[str | None, str, str]:
    return base, method, bare(path)


VIDINFRA = {
    **{key(one["method"], one["path"]): one for one in read("vidinfra/live_operations.json")},
    **{key(one["method"], one["path"], "video"): one for one in read("vidinfra/video_operations.json")},
}
INBOUND = {operation for operation, fact in VIDINFRA.items() if fact.get("inbound")}
ENDPOINTS = [(platform, route) for platform in LISTED for route in adapter_class(platform).endpoints]

SAMPLES: dict[str, Any] = {
    "start_time": "2031-03-02T15:00:00+01:00",
    "end_time": "2031-03-02T16:00:00+01:00",
    "scheduled_start_time": "2031-03-02T15:00:00+01:00",
    "primary_color": "#1a73e8",
    "chapters": [{"title": "Opening", "start_time": 0, "end_time": 30}],
    "parts": [{"PartNumber": 1, "ETag": "e"}],
    "referrers": {"action": "allow", "values": ["example.com"], "enabled": True},
    "countries": {"action": "deny", "values": [], "enabled": True},
    "content": "V0VCVlRU",
}
"""Values for parameters that take more than any text, number or list."""


class Recorder:
    """A platform that says yes to everything, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str, bytes]] = []
        self.status = 200
        self.response = "text/csv", b""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(handler) -> None:  # noqa: N805
                handler.raw_requestline = handler.rfile.readline(65537)
                if not handler.raw_requestline or not handler.parse_request():
                    handler.close_connection = True
                    return
                body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
                kind = handler.headers.get("Content-Type", "")
                self.requests.append((handler.command, handler.path, kind, body))
                media_type, content = self.response
                handler.send_response(self.status)
                handler.send_header("Content-Type", media_type)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content)

            def log_message(handler, *args: object) -> None:  # noqa: N805
                """Stay quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def accept(self, call: Call[Any]) -> None:
        """Forget what was sent, and give this call a response of the right shape with nothing in it."""
        self.requests.clear()
        self.status = 200
        if call.response_type in (str, bytes):
            self.response = "text/csv", b"name,seconds\r\n"
            return
        content: Any = [] if get_origin(call.response_type) is list else {}
        for name in reversed(call.unwrap):
            content = {name: content}
        self.response = "application/json", json.dumps(content).encode()

    def refuse(self, fields: Iterable[str], reason: str) -> None:
        """Refuse what is sent next, and say that these fields are wrong."""
        self.status = 422
        errors = [{"field": name, "message": "is wrong"} for name in fields]
        content = {"success": False, "message": reason, "errors": errors}
        self.response = "application/json", json.dumps(content).encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.server.shutdown()
    made.server.server_close()


def sample(name: str, hint: Any) -> Any:
    """A value for a parameter of an endpoint."""
    if name in SAMPLES:
        return SAMPLES[name]
    text = str(hint)
    if "Sequence" in text or "list[" in text:
        return [{"email": "ada@example.com"}] if "Mapping" in text else ["one", "two"]
    if "Mapping" in text or "Settings" in text:
        return {}
    if "bool" in text and "str" not in text:
        return True
    return 3 if "int" in text and "str" not in text else f"{name}-1"


def arguments_of(platform: str, route: Route) -> dict[str, Any]:
    """All arguments of an endpoint, but those that say how long a page is."""
    module = __import__(f"airflow_provider_sessions.platforms.{platform}.endpoints", fromlist=[route.name])
    hints = get_type_hints(getattr(module, route.name))
    hints.pop("return")
    return {name: sample(name, hint) for name, hint in hints.items() if name != "limit"}


def sent_fields(kind: str, body: bytes) -> set[str]:
    """The names of a request's fields, from JSON or a form."""
    if kind.startswith("multipart/form-data"):
        parts = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body).get_payload()
        return {str(part.get_param("name", header="content-disposition")) for part in parts}  # type: ignore[union-attr]
    return set(json.loads(body)) if body else set()


@pytest.mark.parametrize(("platform", "route"), ENDPOINTS, ids=[f"{name}-{route.name}" for name, route in ENDPOINTS])
def test_each_is_called_through_the_operator(
    recorder: Recorder, connect: Connect, context: Any, platform: str, route: Route
) -> None:
    connect(
        "some",
        conn_type=platform,
        login="acme",
        host=f"{recorder.url}/v1",
        password="a-key-of-thirty-two-characters-4711",
        extra={"video_host": f"{recorder.url}/video", "rate_limit": "9999/second"},
    )
    arguments = arguments_of(platform, route)
    recorder.accept(adapter_class(platform).endpoints.make_call(route.name, arguments))
    operator = CallApiOperator(task_id="call", conn_id="some", endpoint=route.name, arguments=arguments, limit=1)

    operator.execute(context)

    method, target, kind, body = recorder.requests[-1]
    template = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path))
    prefix = "/video" if route.base else "/v1"
    assert method == route.method
    assert re.fullmatch(prefix + template, unquote(urlsplit(target).path))
    fact = VIDINFRA.get(key(route.method, route.path, route.base)) if platform == "vidinfra" else None
    if fact and "request" in fact:
        sent, known = sent_fields(kind, body), set(fact["request"])
        assert {name for name, is_required in fact["request"].items() if is_required} <= sent <= known
        assert kind.partition(";")[0] == fact.get("media_type", "application/json")


def test_no_operation_of_the_references_is_missing() -> None:
    ours = {key(route.method, route.path, route.base) for platform, route in ENDPOINTS if platform == "vidinfra"}
    assert set(VIDINFRA) - INBOUND == ours
    assert {one["path"] for one in map(VIDINFRA.get, INBOUND) if one} == {
        "/webhooks/livekit",
        "/centrifugo/connect",
        "/centrifugo/subscribe",
        "/webhooks/transcoding/vidinfra",
    }
    assert len(VIDINFRA) + 39 == 139 + 64  # 39 of the 139 are copies for one library, called by the same functions
    for platform in ("prevail", "sessions_us"):
        documented = {key(one["method"], one["path"]) for one in read(f"{platform}/routes.json")}
        called = {key(route.method, route.path) for name, route in ENDPOINTS if name == platform}
        assert documented <= called
    counted = {name: sum(platform == name for platform, _ in ENDPOINTS) for name in LISTED}
    twins = sum(route.scoped for _, route in ENDPOINTS)
    assert counted | {"vidinfra": counted["vidinfra"] + twins} == {"prevail": 8, "sessions_us": 45, "vidinfra": 199}


SCOPED = [route for platform, route in ENDPOINTS if platform == "vidinfra" and route.scoped]


@pytest.mark.parametrize("route", SCOPED, ids=[route.name for route in SCOPED])
def test_the_copies_for_one_library_are_called_by_the_connections_library(
    recorder: Recorder, connect: Connect, context: Any, route: Route
) -> None:
    extra = {"library_id": LIBRARY, "rate_limit": "9999/second"}
    connect("some", conn_type="vidinfra", host=f"{recorder.url}/v1", password="a-key-4711", extra=extra)
    arguments = arguments_of("vidinfra", route)
    recorder.accept(adapter_class("vidinfra").endpoints.make_call(route.name, arguments))

    CallApiOperator(task_id="call", conn_id="some", endpoint=route.name, arguments=arguments, limit=1).execute(context)

    assert urlsplit(recorder.requests[-1][1]).path.startswith(f"/v1/libraries/{LIBRARY}/")


SECRET = ("access_token", "code", "device_token", "password", "refresh_token", "secret", "token")
HOLDING = [(platform, route) for platform, route in ENDPOINTS if {*arguments_of(platform, route)} & {*SECRET, "url"}]


@pytest.mark.parametrize(("platform", "route"), HOLDING, ids=[f"{name}-{route.name}" for name, route in HOLDING])
def test_a_refusal_quotes_no_secret_that_was_sent(
    recorder: Recorder, connect: Connect, context: Any, platform: str, route: Route
) -> None:
    extra = {"video_host": f"{recorder.url}/video", "rate_limit": "9999/second"}
    connect(
        "some",
        conn_type=platform,
        host=recorder.url,
        login="acme",
        password="a-key-of-thirty-two-letters-47",
        extra=extra,
    )
    secrets = {name: f"hush-{name}" for name in SECRET} | {"url": "https://files.example/a.mp4?sig=hush-url"}
    arguments = {name: secrets.get(name, value) for name, value in arguments_of(platform, route).items()}
    recorder.refuse(arguments, "Invalid Request")

    with pytest.raises(RejectedError) as refused:
        CallApiOperator(task_id="call", conn_id="some", endpoint=route.name, arguments=arguments).execute(context)

    assert "hush" not in str(refused.value)
