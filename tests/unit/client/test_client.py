"""Calls over real connections, to servers that misbehave."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    BrokenConnectionError,
    ConflictError,
    ConnectError,
    ConnectionConfigError,
    InputError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ResponseTooLargeError,
    ServerError,
    SessionsError,
)
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from tests.unit.client.servers import RESET, RawServer, Responder, head, raw, reply, says
from tests.unit.client.things import (
    SECRET,
    Thing,
    connect,
    get_thing,
    list_things,
    make_thing,
    poke_thing,
    thing_text,
)

GOOD = says({"success": True, "data": {"id": "t1", "name": "one"}})
BODY = json.dumps({"data": {"id": "t1"}}).encode()
CHUNKED = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}


async def test_a_call_is_sent_and_parsed() -> None:
    async with RawServer((GOOD,)) as server, connect(server.url + "/v1") as client:
        thing = await client.send(get_thing("a b", fields=["x", "y"], deep=True))
    assert thing == Thing(id="t1", name="one")
    [request] = server.requests
    assert (request.method, request.target) == ("GET", "/v1/things/a%20b?fields=x&fields=y&deep=true")
    assert request.headers["x-api-key"] == SECRET
    assert request.headers["accept"] == "application/json"


async def test_a_body_is_sent_as_json() -> None:
    async with RawServer((GOOD,)) as server, connect(server.url) as client:
        await client.send(make_thing("näme"))
    assert json.loads(server.requests[0].body) == {"name": "näme", "extra": None}


@pytest.mark.parametrize("extra", [float("nan"), object(), {1, 2}, "\ud800"])
async def test_a_body_that_cannot_be_json_is_refused_before_any_request(extra: Any) -> None:
    async with RawServer((GOOD,)) as server, connect(server.url) as client:
        with pytest.raises(InputError, match="make_thing: the body cannot be written as JSON"):
            await client.send(make_thing("x", extra=extra))
    assert server.requests == []


TRANSIENT: dict[str, Responder] = {
    "reset before the response": RESET,
    "closed before the response": raw(),
    "reset within the headers": raw(b"HTTP/1.1 200 OK\r\nContent-", end="reset"),
    "reset within the body": raw(head(200, {"Content-Length": "100"}) + b"{", end="reset"),
    "shorter than its length": raw(head(200, {"Content-Length": "100"}) + BODY),
    "chunked without an end": raw(head(200, CHUNKED) + b'5\r\n{"dat\r\n'),
    "chunked with nonsense": raw(head(200, CHUNKED) + b"zz\r\n{}\r\n"),
    "headers without an end": raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 200_000),
    "408": reply(408),
    "423": reply(423),
    "425": reply(425),
    "500": reply(500),
    "502 of a proxy": reply(502, b"<html>Bad gateway</html>", Content_Type="text/html"),
    "503": reply(503),
    "504": reply(504),
}


@pytest.mark.parametrize("responder", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_transient_error_of_a_repeatable_call_is_retried(responder: Responder) -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    async with RawServer((responder, responder, GOOD)) as server, connect(server.url, clock) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"
    assert len(server.requests) == 3
    assert 0.75 <= (clock.now() - began).total_seconds() <= 1.5  # 0.25 to 0.5, then 0.5 to 1 second


@pytest.mark.parametrize("responder", TRANSIENT.values(), ids=TRANSIENT)
async def test_a_transient_error_of_another_call_is_not_retried(responder: Responder) -> None:
    async with RawServer((responder, GOOD)) as server, connect(server.url) as client:
        with pytest.raises((ServerError, BrokenConnectionError)):
            await client.send(make_thing("x"))
    assert len(server.requests) == 1


async def test_attempts_are_limited() -> None:
    async with RawServer((RESET,)) as server, connect(server.url, attempts=3) as client:
        with pytest.raises(BrokenConnectionError, match=r"get_thing \(GET http://127.0.0.1:\d+/things/t1\)"):
            await client.send(get_thing("t1"))
    assert len(server.requests) == 3


async def test_without_a_connection_even_a_create_is_retried() -> None:
    async with RawServer((GOOD,)) as server:
        port = server.port

    class Opening(VirtualClock):
        """Opens the server while the client waits."""

        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if not late.port:
                late.port = port
                await late.__aenter__()

    late = RawServer((GOOD,))
    try:
        async with connect(f"http://127.0.0.1:{port}", Opening(auto=True)) as client:
            assert (await client.send(make_thing("x"))).id == "t1"
        assert len(late.requests) == 1
    finally:
        await late.__aexit__()


async def test_an_unknown_host_and_a_failed_handshake_are_connect_errors() -> None:
    async with connect("http://no-such-host.invalid", attempts=1) as client:
        with pytest.raises(ConnectError, match="no connection"):
            await client.send(get_thing("t1"))
    async with (
        RawServer((GOOD,)) as server,
        connect(f"https://127.0.0.1:{server.port}", attempts=1, timeout=0.2) as client,
    ):
        with pytest.raises(ConnectError, match="no connection"):
            await client.send(get_thing("t1"))
        assert server.requests == []


REFUSALS: list[tuple[Any, type[SessionsError]]] = [
    (says({"success": False, "error": "no"}, 400), RejectedError),
    (says({"success": False, "error": "no"}, 401), AuthenticationError),
    (says({"message": "no", "success": False}, 403), PermissionDeniedError),
    (says({"message": "no", "success": False}, 404), NotFoundError),
    (says({"messages": ["no"]}, 409), ConflictError),
    (says({"error": {"message": "no"}}, 410), NotFoundError),
    (says({"errors": [{"field": "f", "message": "no"}]}, 422), RejectedError),
    (says({"success": False, "error": "no"}, 200), RejectedError),
    (says({"statusCode": 404, "message": "no"}, 200), RejectedError),
    (says({"errors": [{"field": "f", "message": "no"}]}, 200), RejectedError),
]


@pytest.mark.parametrize(("responder", "kind"), REFUSALS)
async def test_an_error_status_raises_its_own_class_without_a_retry(responder: Responder, kind: type[ApiError]) -> None:
    async with RawServer((responder,)) as server, connect(server.url, auth=httpx.Auth()) as client:
        with pytest.raises(kind, match=r"testing responded with .* to get_thing: .*no") as caught:
            await client.send(get_thing("t1"))
    assert caught.value.route == "get_thing"
    assert len(server.requests) == 1


async def test_a_refused_credential_is_sent_as_often_as_auth_does() -> None:
    async with RawServer((says({"error": "who?"}, 401),)) as server, connect(server.url) as client:
        with pytest.raises(AuthenticationError, match=r"who\?\. Check the key"):
            await client.send(get_thing("t1"))
    assert len(server.requests) == 2


async def test_an_error_holds_the_platforms_message() -> None:
    responder = says({"code": "no_scope", "message": "Scope\n  missing"}, 403, X_Request_Id="r-1")
    async with RawServer((responder,)) as server, connect(server.url) as client:
        with pytest.raises(PermissionDeniedError) as caught:
            await client.send(get_thing("t1"))
    error = caught.value
    assert (error.status, error.reason, error.code, error.request_id) == (403, "Scope missing", "no_scope", "r-1")
    assert str(error) == (
        "testing responded with 403 to get_thing: Scope missing (code no_scope) [request id r-1]. Ask for the scope"
    )


@pytest.mark.parametrize("status", [404, 405])
async def test_a_404_on_an_inferred_path_names_the_path(status: int) -> None:
    async with RawServer((says({"message": "no"}, status),)) as server:
        async with connect(server.url) as client:
            with pytest.raises(ApiError, match=r"The path of poke_thing is inferred.* the field 'paths'"):
                await client.send(poke_thing("t1"))
            with pytest.raises(ApiError) as documented:
                await client.send(get_thing("t1"))
        async with connect(server.url, paths={"poke_thing": "/poke/{thing_id}"}) as client:
            with pytest.raises(ApiError) as corrected:
                await client.send(poke_thing("t1"))
    assert "inferred" not in f"{documented.value} {corrected.value}"


async def test_a_credential_that_the_platform_quotes_is_hidden() -> None:
    responder = says({"error": f"API key {SECRET} is unknown", "errors": [{"field": "key", "message": SECRET}]}, 401)
    async with RawServer((responder,)) as server, connect(server.url) as client:
        with pytest.raises(AuthenticationError, match=r"API key \*\*\* is unknown") as caught:
            await client.send(get_thing("t1"))
    assert SECRET not in str(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("secret", ["line\nbreak", "k\udc80y", "tail\r\n"])
async def test_a_credential_that_no_header_can_hold_is_refused_and_not_shown(secret: str) -> None:
    class Auth(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers["X-API-Key"] = secret
            yield request

    async with RawServer((GOOD,)) as server, connect(server.url, auth=Auth()) as client:
        with pytest.raises(ConnectionConfigError, match="check the connection's credential") as caught:
            await client.send(get_thing("t1"))
    assert server.requests == []
    assert secret.strip() not in str(caught.value)
    assert caught.value.__suppress_context__


# Rate limits


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": format_datetime(VirtualClock().now() + timedelta(seconds=20), usegmt=True)}, 20),
        ({}, 10),
        ({"X_RateLimit_Reset": "30"}, 30),
        ({"X_RateLimit_Reset": str(int(VirtualClock().now().timestamp()) + 12)}, 12),
        ({"RateLimit": '"default";r=0;t=9'}, 9),
        ({"Retry_After": "0"}, 0.25),
        ({"Retry_After": "soon"}, 10),
    ],
)
async def test_a_429_is_retried_after_the_time_it_names(headers: dict[str, str], wait: float) -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    async with RawServer((reply(429, **headers), GOOD)) as server, connect(server.url, clock) as client:
        assert (await client.send(make_thing("x"))).id == "t1"  # a refused creation was not carried out
    assert len(server.requests) == 2
    assert wait <= (clock.now() - began).total_seconds() <= wait + 0.5


async def test_a_429_with_a_longer_wait_than_allowed_is_raised() -> None:
    async with RawServer((reply(429, Retry_After="3600"), GOOD)) as server, connect(server.url, max_wait=60) as client:
        with pytest.raises(RateLimitedError) as caught:
            await client.send(get_thing("t1"))
        assert caught.value.retry_after == 3600
        # The next call knows it too, and does not even ask.
        with pytest.raises(RateLimitedError, match=r"in 3600\.0 s") as next_one:
            await client.send(get_thing("t2"))
        assert next_one.value.retry_after == pytest.approx(3600)
    assert len(server.requests) == 1


async def test_repeated_429s_end() -> None:
    async with RawServer((reply(429),)) as server, connect(server.url) as client:
        with pytest.raises(RateLimitedError):
            await client.send(get_thing("t1"))
    assert len(server.requests) == 3


async def test_a_503_is_retried_after_the_time_it_names() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    async with RawServer((reply(503, Retry_After="25"), GOOD)) as server, connect(server.url, clock) as client:
        await client.send(get_thing("t1"))
    assert (clock.now() - began).total_seconds() == pytest.approx(25)
    assert len(server.requests) == 2


# Responses that cannot be used


HTML = b"<html><title>Log in to the guest Wi-Fi</title></html>"


@pytest.mark.parametrize("call", [get_thing("t1"), poke_thing("t1"), thing_text("t1"), list_things()])
async def test_a_web_page_is_a_malformed_response(call: Any) -> None:
    async with RawServer((reply(200, HTML, Content_Type="text/html"),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match=r"the response is (not JSON \()?text/html"):
            await client.send(call)
    assert len(server.requests) == 1


async def test_broken_json_is_not_quoted() -> None:
    async with RawServer((reply(200, b'{"access_token": "hush'),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match="get_thing: the response is not JSON") as caught:
            await client.send(get_thing("t1"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDE00", "\ud83d".encode("utf-8", "surrogatepass")])
async def test_half_of_a_surrogate_pair_is_replaced(half: bytes) -> None:
    body = b'{"data": {"id": "t1", "name": "Welcome \\ud83d\\ude00 all ' + half + b'"}}'
    async with RawServer((reply(200, body),)) as server, connect(server.url) as client:
        thing = await client.send(get_thing("t1"))
    assert thing.name.rstrip("\ufffd") == "Welcome \N{GRINNING FACE} all "
    assert thing.name.endswith("\ufffd")


async def test_an_unexpected_shape_is_described_without_values() -> None:
    async with RawServer((says({"data": {"id": {"secret": "hush"}}}),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match="an unexpected shape at id") as caught:
            await client.send(get_thing("t1"))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        ("gzip", b"\x1f\x8b" + b"nonsense" * 4, "compression is broken"),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), "encoded as 'gzip, gzip'"),
        ("br", BODY, "encoded as 'br'"),
    ],
)
async def test_a_corrupt_or_unknown_encoding_is_named(encoding: str, body: bytes, text: str) -> None:
    async with RawServer((reply(200, body, Content_Encoding=encoding),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match=text):
            await client.send(get_thing("t1"))


@pytest.mark.parametrize(("encoding", "body"), [("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY))])
async def test_a_compressed_response_is_read(encoding: str, body: bytes) -> None:
    async with RawServer((reply(200, body, Content_Encoding=encoding),)) as server, connect(server.url) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"


@pytest.mark.parametrize("packed", [False, True])
async def test_a_response_that_is_too_large_is_refused_before_its_end(packed: bool) -> None:
    body = b'{"data": "' + b"a" * 40_000_000 + b'"}'
    responder = reply(200, gzip.compress(body, 1), Content_Encoding="gzip") if packed else reply(200, body)
    async with RawServer((responder,)) as server, connect(server.url, max_json_bytes=1_000_000) as client:
        with pytest.raises(ResponseTooLargeError, match="larger than"):
            await client.send(get_thing("t1"))
    assert len(server.requests) == 1


async def test_responses_that_httpx_reads_itself_are_limited() -> None:
    class LogIn(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: httpx.Request) -> Any:
            yield httpx.Request("POST", f"{server.url}/login")
            yield request

    async with (
        RawServer((reply(200, b"a" * 2_000_000), GOOD)) as server,
        connect(server.url, auth=LogIn(), max_json_bytes=1_000_000) as client,
    ):
        with pytest.raises(ResponseTooLargeError):
            await client.send(get_thing("t1"))


@pytest.mark.parametrize("part", ["headers", "body"])
async def test_slow_bytes_end_at_the_deadline(part: str) -> None:
    beginning = b"HTTP/1.1 200 OK\r\nX-A: " if part == "headers" else head(200, {"Content-Length": "100"})
    drip = raw(beginning, *[b"a"] * 100, pause=0.05)
    async with RawServer((drip,)) as server, connect(server.url, timeout=2, deadline=0.3, attempts=1) as client:
        with pytest.raises(BrokenConnectionError, match="TimeoutError: no response in time"):
            await client.send(get_thing("t1"))


async def test_no_bytes_end_at_the_timeout() -> None:
    async with RawServer((raw(end="hang"),)) as server, connect(server.url, timeout=0.2, attempts=1) as client:
        with pytest.raises(BrokenConnectionError, match="ReadTimeout"):
            await client.send(make_thing("x"))
    assert len(server.requests) == 1


async def test_the_wait_for_the_rate_limit_does_not_count_for_the_deadline() -> None:
    responders = (reply(429, Retry_After="50"), GOOD)
    async with RawServer(responders) as server, connect(server.url, deadline=0.5, max_wait=60) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"


# Responses without content


@pytest.mark.parametrize(
    "responder",
    [
        reply(204),
        reply(200),
        says({"success": True}),
        says({"success": True, "data": None, "timestamp": 1}),
        reply(200, b"Session ended", Content_Type="text/plain; charset=utf-8"),
    ],
)
async def test_the_response_to_an_action_may_be_empty(responder: Responder) -> None:
    async with RawServer((responder,)) as server, connect(server.url) as client:
        await client.send(poke_thing("t1"))
    assert server.requests[0].target == "/things/t1/poke"


async def test_a_failed_action_is_an_error_whatever_its_status() -> None:
    async with RawServer((says({"success": False, "error": "not now"}),)) as server, connect(server.url) as client:
        with pytest.raises(RejectedError, match="testing responded with 200 to poke_thing: not now"):
            await client.send(poke_thing("t1"))


async def test_an_expected_response_may_not_be_empty() -> None:
    async with RawServer((reply(200),)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match="get_thing: the response has an unexpected shape"):
            await client.send(get_thing("t1"))


async def test_a_text_is_returned_unchanged() -> None:
    csv = "\ufeffname\r\nAda\r\n".encode()
    async with RawServer((reply(200, csv, Content_Type="text/csv"),)) as server, connect(server.url) as client:
        assert await client.send(thing_text("t1")) == "name\r\nAda\r\n"
        assert server.requests[0].headers["accept"].startswith("text/")


# Looking again


async def test_a_poll_with_the_same_bytes_returns_the_same_object() -> None:
    other = says({"success": True, "data": {"id": "t1", "name": "changed"}})
    async with (
        RawServer((GOOD, GOOD, other, GOOD)) as server,
        connect(server.url, traffic_class=TrafficClass.POLL) as client,
    ):
        polls = [await client.send(get_thing("t1")) for _ in range(4)]
    assert polls[0] is polls[1]
    assert [poll.name for poll in polls] == ["one", "one", "changed", "one"]


async def test_polls_of_different_objects_are_kept_apart() -> None:
    async with RawServer((GOOD,)) as server, connect(server.url, traffic_class=TrafficClass.POLL) as client:
        calls = (get_thing("t1"), get_thing("t2"), get_thing("t1", deep=True), get_thing("t1", deep=False))
        polls = [await client.send(call) for call in calls]
    assert len({id(poll) for poll in polls}) == 4


async def test_a_page_with_the_same_bytes_returns_the_same_converted_items() -> None:
    @dataclass(frozen=True)
    class Made:
        place: str
        name: str

    page, other = ([{"id": "t1", "name": name}, {"id": "t2"}] for name in ("one", "changed"))
    responders = tuple(says({"data": {"things": things, "total": 2}}) for things in (page, page, other))

    def made(thing: Thing) -> Made:
        return Made(thing.id, thing.name or "nameless")

    async with RawServer(responders) as server, connect(server.url, traffic_class=TrafficClass.POLL) as client:
        call = list_things().map_items(made, key="place")
        polls = [[item async for item in client.pages(call)] for _ in range(3)]
    assert [[item.name for item in poll] for poll in polls] == [["one", "nameless"]] * 2 + [["changed", "nameless"]]
    assert [one is two for one, two in zip(*polls[:2], strict=True)] == [True, True]


async def test_calls_return_objects_of_their_own() -> None:
    async with RawServer((GOOD,)) as server, connect(server.url) as client:
        first, second = await client.send(get_thing("t1")), await client.send(get_thing("t1"))
    assert first is not second


async def test_responses_to_posts_are_not_cached() -> None:
    async with RawServer((GOOD,)) as server, connect(server.url, traffic_class=TrafficClass.POLL) as client:
        first = await client.send(make_thing("x"))
        assert await client.send(make_thing("x")) is not first


async def test_an_override_with_post_is_not_sent_twice() -> None:
    paths = {"get_thing": "POST /v2/things/{thing_id}"}
    async with RawServer((RESET, GOOD)) as server, connect(server.url, paths=paths) as client:
        with pytest.raises(BrokenConnectionError):
            await client.send(get_thing("t1"))
    assert [(r.method, r.target) for r in server.requests] == [("POST", "/v2/things/t1")]
