"""Errors of refused requests: never with a credential, and with what a person needs to find the cause."""

from __future__ import annotations

import base64
import io
import json
import traceback
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.download import Download
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    SessionsError,
)
from tests.unit.client.servers import RawServer, Responder, head, raw, reply, says
from tests.unit.client.things import SECRET, connect, get_thing, make_thing

api = Endpoints("testing")


@api("POST", "/rooms/{room_id}/sessions", documented=True)
def create_session(room_id: str, preset_id: str, title: str) -> Call[None]:
    """Make a session."""
    body = {"preset_id": preset_id, "title": title, "deponent": {"email": "ada@example"}}
    return call(type(None), body=body)


@api("GET", "/rooms/{room_id}/sessions/{session_id}", documented=True)
def get_session(room_id: str, session_id: str) -> Call[None]:
    """Get a session."""
    return call(type(None))


@api("POST", "/auth/login", documented=True)
def log_in(email: str, password: str) -> Call[None]:
    """Log in."""
    return call(type(None), body={"email": email, "password": password})


async def refused(responder: Responder, sent: Call[Any], **config: Any) -> SessionsError:
    async with RawServer((responder,)) as server, connect(server.url, attempts=1, **config) as client:
        with pytest.raises(SessionsError) as caught:
            await client.send(sent)
    return caught.value


# --- credentials ------------------------------------------------------------------------------------------------------

QUOTING: dict[str, Responder] = {
    "a text": says({"error": f"the key {SECRET} is revoked"}, 403),
    "a key": says({"errors": {SECRET: ["is revoked"]}}, 403),
    "a nested key": says({"error": {"details": {f"key {SECRET}": {"state": "revoked"}}}}, 403),
    "the code": says({"code": f"revoked_{SECRET}", "message": "no"}, 403),
    "a code that is cut": says({"code": "x" * 90 + SECRET, "message": "no"}, 403),
    "a reason that is cut": says({"message": "x" * 490 + SECRET}, 403),
    "the request id": says({"message": "no"}, 403, X_Request_Id=f"req-{SECRET}"),
    "a request id that is cut": says({"message": "no"}, 403, X_Request_Id="x" * 90 + SECRET),
    "an address": says({"message": f"GET /x?key={quote(SECRET, safe='')} is refused"}, 403),
    "a good status": says({"success": False, "errors": {SECRET: SECRET}}),
    "the status line": raw(f"NONSENSE {SECRET}\r\n\r\n".encode()),
    "a header": raw(f"HTTP/1.1 200 OK\r\n{SECRET}\r\n\r\n".encode()),
    "60 kB of headers": raw(b"HTTP/1.1 200 OK\r\nX: \x00" + SECRET.encode() + b"x" * 60_000 + b"\r\n\r\n"),
    "a location": reply(302, Location=f"http://[{SECRET}"),
    "a port of a location": reply(302, Location=f"http://x.example:{SECRET}/"),
    "a content type": reply(200, b"{", Content_Type=f"text/{SECRET}"),
    "an encoding": reply(200, b"{}", Content_Encoding=SECRET),
    "a page": reply(200, f"<{SECRET}>".encode(), Content_Type="text/html"),
}


@pytest.mark.parametrize("responder", QUOTING.values(), ids=QUOTING)
async def test_no_error_quotes_the_credential_or_is_long(responder: Responder) -> None:
    error = await refused(responder, get_thing("t1"))

    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    for part in (SECRET, quote(SECRET), SECRET[:10]):
        assert part not in shown
    assert len(str(error)) < 2_000
    assert "\n" not in str(error)


# --- the clock --------------------------------------------------------------------------------------------------------


class Token(httpx.Auth):
    """A credential that says when it ends, as a JSON Web Token does."""

    def auth_flow(self, request: httpx.Request) -> Any:
        part = base64.urlsafe_b64encode(json.dumps({"exp": 1}).encode()).decode().rstrip("=")
        request.headers["Authorization"] = f"Bearer {part}.{part}.{part}"
        yield request


async def get_401(minutes: float, auth: httpx.Auth | None = None, **headers: str) -> SessionsError:
    clock = VirtualClock(auto=True)
    date = format_datetime(clock.now() + timedelta(minutes=minutes), usegmt=True)
    responder = says({"error": "The token has expired"}, 401, **({"Date": date} | headers))
    return await refused(responder, get_thing("t1"), auth=auth or Token(), clock=clock)


@pytest.mark.parametrize(("minutes", "text"), [(5, "5 min behind"), (-5, "5 min ahead of"), (1, "60 s behind")])
async def test_a_wrong_clock_is_named_instead_of_the_credential(minutes: float, text: str) -> None:
    error = await get_401(minutes)
    assert isinstance(error, AuthenticationError)
    assert f"This machine's clock is {text} the platform's" in str(error)
    assert "Check the key" not in str(error)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Date": "soon"}, {"Date": ""}, {"Date": "Mon, 02 Mar 2026 15:05:00 GMT", "Age": "x"}],
)
async def test_the_credential_is_named_if_the_clock_is_right_or_unknown(headers: dict[str, str]) -> None:
    error = await get_401(0.2, **headers)
    assert "Check the key" in str(error)
    assert "clock" not in str(error)


async def test_the_clock_is_not_named_for_a_key_without_times() -> None:
    class Key(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers["X-API-Key"] = SECRET
            yield request

    assert "Check the key" in str(await get_401(5, Key()))


# --- links ------------------------------------------------------------------------------------------------------------


async def downloaded(status: int, path: str = "/file") -> ApiError:
    """The error of a download from a host that is not the platform's."""
    storage, platform = RawServer((reply(status, b"no"),)), RawServer((reply(200),))
    async with storage, platform, connect(platform.url) as client:

        async def address() -> tuple[str, dict[str, str]]:
            return f"{storage.url}{path}?sig=hush", {}

        with pytest.raises(ApiError) as caught:
            await Download(client, address, io.BytesIO()).run()
    return caught.value


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_link_refused_by_a_storage_host_is_not_a_missing_permission(status: int) -> None:
    error = await downloaded(status)
    assert f"127.0.0.1 responded with {status} to a download: the link was refused or has expired" in str(error)
    assert "Ask for the scope" not in str(error)
    assert "Check the key" not in str(error)
    assert "hush" not in str(error)
    assert error.status == status


async def test_a_redirect_refused_by_a_host_is_not_a_missing_permission() -> None:
    async with RawServer((reply(403),)) as storage:
        error = await refused(reply(302, Location=f"{storage.url}/x?sig=hush"), get_thing("t1"))
    assert "the link was refused or has expired" in str(error)
    assert "Ask for the scope" not in str(error)


async def test_a_missing_file_is_not_found() -> None:
    assert isinstance(await downloaded(404), NotFoundError)


async def test_a_link_refused_by_the_platform_has_its_hint() -> None:
    error = await refused(reply(403), get_thing("t1"))
    assert isinstance(error, PermissionDeniedError)
    assert "Ask for the scope" in str(error)


async def test_a_missing_web_page_names_no_argument() -> None:
    responder = reply(404, b"<html>nothing here</html>", Content_Type="text/html")
    assert "check the connection's host and path" in str(await refused(responder, get_thing("t1")))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_web_page_is_not_the_platforms_message(status: int) -> None:
    """A proxy or a firewall refused, and may not the next time."""
    error = await refused(reply(status, b"<html>Access denied</html>", Content_Type="text/html"), get_thing("t1"))
    assert "The response is a web page" in str(error)
    assert "Check the key" not in str(error)
    assert "Ask for the scope" not in str(error)


# --- arguments --------------------------------------------------------------------------------------------------------

CREATE = create_session("room-404", "preset-1", "Town hall")
NOT_FOUND = {"message": "Resource not found", "success": False}


@pytest.mark.parametrize(
    ("sent", "responder", "text"),
    [
        (CREATE, says(NOT_FOUND, 404), "room_id='room-404' was not found"),
        (CREATE, says({"error": "Preset not found"}, 404), "preset_id='preset-1' was not found"),
        (CREATE, says({"error": "There is no preset-1"}, 404), "preset_id='preset-1' was not found"),
        (CREATE, reply(404, b"<html>nothing here</html>"), "room_id='room-404' was not found"),
        (CREATE, reply(410), "room_id='room-404' was not found"),
        (
            CREATE,
            says({"errors": [{"field": "preset_id", "message": "is unknown"}]}, 422),
            "Check preset_id='preset-1'",
        ),
        (
            CREATE,
            says({"errors": [{"path": ["body", "title"], "message": "too short"}]}, 422),
            "Check title='Town hall'",
        ),
        (CREATE, says({"errors": {"presetId": ["is unknown"]}}, 400), "Check preset_id='preset-1'"),
        (CREATE, says({"message": ["title must be longer"]}, 400), "Check title='Town hall'"),
        (CREATE, says({"errors": {"deponent.email": "bad"}}, 422), "Check deponent.email='ada@example'"),
        (CREATE, says({"message": "'Town hall' is no title"}, 400), "Check title='Town hall'"),
        (get_session("r-1", "s-1"), says(NOT_FOUND, 404), "room_id='r-1', session_id='s-1' were not found"),
        (get_session("r-1", "s-1"), says({"message": "Invalid Request"}, 400), "Check room_id='r-1', session_id='s-1'"),
    ],
)
async def test_an_error_names_the_rejected_argument_and_its_value(
    sent: Call[Any], responder: Responder, text: str
) -> None:
    error = await refused(responder, sent)
    assert text in str(error)


@pytest.mark.parametrize(
    ("sent", "responder"),
    [
        (CREATE, says({"message": "Invalid Request"}, 400)),
        (CREATE, says({"message": "no"}, 409)),
        (CREATE, says({"message": "no"}, 403)),
        (log_in("ada@example.com", "hush"), says({"errors": {"password": "hush is wrong"}}, 422)),
        (make_thing("x"), raw(head(404, {"Content-Length": "0"}))),
        (CREATE, reply(404, b"<html>nothing here</html>", Content_Type="text/html; charset=utf-8")),
    ],
)
async def test_no_other_argument_is_named(sent: Call[Any], responder: Responder) -> None:
    error = await refused(responder, sent)
    assert "=" not in str(error).partition("Ask for")[0]


async def test_a_long_value_is_cut() -> None:
    error = await refused(says(NOT_FOUND, 404), get_thing("y" * 3_000))
    assert len(str(error)) < 1_000
