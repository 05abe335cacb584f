"""What every request passes: where credentials go, where redirects may lead, what is logged."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.client import network_backend
from airflow_provider_sessions.client.addresses import resolve
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.guard import parse_origin
from airflow_provider_sessions.clock import SYSTEM_CLOCK, VirtualClock
from airflow_provider_sessions.errors import ConnectError, RateLimitedError, RedirectRefusedError
from airflow_provider_sessions.metrics import RATE_LIMIT_WAIT, REQUESTS
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import ProcessLimiter
from tests.metrics import RecordingMetrics
from tests.unit.client.servers import RawServer, Responder, by, reply, says
from tests.unit.client.things import DIALECT, SECRET, KeyAuth, connect, get_thing, make_thing

GOOD = says({"data": {"id": "t1"}})
CREDENTIALS = {"authorization", "x-api-key", "cookie"}


def to(location: str, status: int = 302, **headers: str) -> Responder:
    return reply(status, Location=location, **headers)


async def test_a_redirect_to_another_port_gets_no_credential() -> None:
    async with (
        RawServer((GOOD,)) as other,
        RawServer((to(f"{other.url}/elsewhere", Set_Cookie="a=b"),)) as server,
        connect(server.url) as client,
    ):
        assert (await client.send(get_thing("t1"))).id == "t1"
    assert {*server.requests[0].headers, "cookie"} >= CREDENTIALS
    assert CREDENTIALS & set(other.requests[0].headers) == set()


async def test_a_redirect_to_another_name_of_the_host_gets_no_credential() -> None:
    async with (
        RawServer((by(lambda r: GOOD if r.path == "/b" else to(f"http://localhost:{server.port}/b")),)) as server,
        connect(server.url) as client,
    ):
        await client.send(get_thing("t1"))
    assert CREDENTIALS & set(server.requests[1].headers) == set()


async def test_a_redirect_on_the_same_host_keeps_the_credential() -> None:
    async with RawServer((to("/b"), GOOD)) as server, connect(server.url) as client:
        await client.send(get_thing("t1"))
    assert server.requests[1].headers["x-api-key"] == SECRET


async def test_a_redirect_back_from_another_host_gets_no_credential() -> None:
    async with (
        RawServer((by(lambda r: to(f"{server.url}/back")),)) as other,
        RawServer((to(other.url), GOOD)) as server,
        connect(server.url) as client,
    ):
        await client.send(get_thing("t1"))
    assert CREDENTIALS & set(server.requests[1].headers) == set()


async def test_another_base_url_of_the_connection_gets_the_credential() -> None:
    async with (
        RawServer((GOOD,)) as second,
        RawServer((to(second.url),)) as server,
        connect(server.url, bases={"video": second.url}) as client,
    ):
        await client.send(get_thing("t1"))
    assert second.requests[0].headers["x-api-key"] == SECRET


@pytest.mark.parametrize("status", [307, 308])
async def test_a_post_never_leaves_its_host(status: int) -> None:
    async with (
        RawServer((GOOD,)) as other,
        RawServer((to(other.url, status),)) as server,
        connect(server.url) as client,
    ):
        with pytest.raises(RedirectRefusedError, match="POST was redirected to another host"):
            await client.send(make_thing("x"))
    assert (len(server.requests), other.requests) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_a_post_is_not_turned_into_a_get(status: int) -> None:
    async with RawServer((to("/other", status), GOOD)) as server, connect(server.url) as client:
        with pytest.raises(RedirectRefusedError, match=rf"POST /things got the redirect {status}"):
            await client.send(make_thing("x"))
    assert len(server.requests) == 1


async def test_a_post_follows_a_307_on_its_own_host() -> None:
    async with RawServer((to("/v2/things", 307), GOOD)) as server, connect(server.url) as client:
        await client.send(make_thing("x"))
    assert [(r.method, r.path) for r in server.requests] == [("POST", "/things"), ("POST", "/v2/things")]
    assert server.requests[0].body == server.requests[1].body != b""


async def test_a_loop_of_redirects_ends() -> None:
    async with RawServer((to("/again"),)) as server, connect(server.url) as client:
        with pytest.raises(RedirectRefusedError, match="too many redirects"):
            await client.send(get_thing("t1"))
    assert len(server.requests) == 6


class Canned(httpx.AsyncBaseTransport):
    """Responds without a network: for schemes and hosts that a test cannot serve."""

    def __init__(self, *locations: str) -> None:
        self.locations = list(locations)
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.locations:
            return httpx.Response(302, headers={"Location": self.locations.pop(0)}, request=request)
        return httpx.Response(200, json={"data": {"id": "t1"}}, request=request)


def canned_client(transport: httpx.AsyncBaseTransport, base_url: str = "https://api.example", **given: Any) -> Client:
    settings = {"clock": VirtualClock(auto=True), **given}
    return Client(ClientConfig(base_url), dialect=DIALECT, auth=KeyAuth(), transport=transport, **settings)


async def test_no_redirect_leads_from_https_to_http() -> None:
    transport = Canned("HTTP://api.example/things")
    async with canned_client(transport) as client:
        with pytest.raises(RedirectRefusedError, match="from https to http"):
            await client.send(get_thing("t1"))
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "inside", ["https://169.254.169.254/latest", "https://127.0.0.1/x", "https://localhost/x", "https://[::1]/x"]
)
async def test_a_public_platform_cannot_redirect_to_local_addresses(inside: str) -> None:
    transport = Canned(inside)
    async with canned_client(transport) as client:
        with pytest.raises(RedirectRefusedError, match="an address of this machine"):
            await client.send(get_thing("t1"))
    assert len(transport.requests) == 1


async def test_another_scheme_gets_no_credential() -> None:
    transport = Canned("https://api.example/things")
    async with canned_client(transport, "http://api.example") as client:
        await client.send(get_thing("t1"))
    assert "x-api-key" not in transport.requests[1].headers


async def test_cookies_are_not_kept() -> None:
    baking = says({"data": {"id": "t1"}}, Set_Cookie="session=1; Path=/")
    async with RawServer((baking,)) as server, connect(server.url) as client:
        await client.send(get_thing("t1"))
        await client.send(get_thing("t1"))
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example", "https://A.example:443/x", True),
        ("http://a.example", "http://a.example:80", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:444", False),
        ("https://a.example", "https://b.a.example", False),
    ],
)
def test_origins_are_compared(one: str, other: str, same: bool) -> None:
    assert (parse_origin(httpx.URL(one)) == parse_origin(httpx.URL(other))) is same


async def test_no_token_is_requested_for_another_host() -> None:
    class Auth(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            raise AssertionError("a log-in would have been sent for nothing")

    async with (
        RawServer((GOOD,)) as other,
        connect("http://127.0.0.1:9", auth=Auth()) as client,
        client.stream(other.url, {}) as response,
    ):
        assert response.status_code == 200


# The rate limiter


async def test_log_ins_and_redirects_count_for_the_rate_limit() -> None:
    class LogIn(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            yield httpx.Request("POST", f"{server.url}/login")
            yield request

    clock = VirtualClock(auto=True)
    began = clock.now()
    limiter = ProcessLimiter(RateLimit(1, 10), clock, margin=0)
    responder = by(lambda r: to("/moved") if r.path.startswith("/things") else GOOD)
    async with RawServer((responder,)) as server, connect(server.url, clock, limiter=limiter, auth=LogIn()) as client:
        await client.send(get_thing("t1"))
    assert [r.path for r in server.requests] == ["/login", "/things/t1", "/moved"]
    assert (clock.now() - began).total_seconds() == 20


async def test_requests_to_other_hosts_do_not_count_for_the_rate_limit() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    limiter = ProcessLimiter(RateLimit(1, 10), clock, margin=0)
    async with (
        RawServer((GOOD,)) as other,
        RawServer((to(other.url),)) as server,
        connect(server.url, clock, limiter=limiter) as client,
    ):
        await client.send(get_thing("t1"))
    assert clock.now() == began


@pytest.mark.parametrize(("period", "level"), [(4, logging.DEBUG), (20, logging.INFO)])
async def test_a_wait_for_the_rate_limit_is_logged(period: int, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    clock = VirtualClock(auto=True)
    limiter = ProcessLimiter(RateLimit(1, period), clock, margin=0)
    async with RawServer((GOOD,)) as server, connect(server.url, clock, limiter=limiter) as client:
        await client.send(get_thing("t1"))
        await client.send(get_thing("t1"))
    logged = [(record.levelno, record.getMessage()) for record in caplog.records if "rate limit" in record.getMessage()]
    assert len(logged) == 1
    assert logged[0][0] == level
    assert logged[0][1].startswith(f"GET {server.url}/things/t1: rate limited; sending the request in {period:.1f} s")


async def test_too_long_a_wait_for_the_rate_limit_is_an_error_and_reserves_nothing() -> None:
    clock = VirtualClock(auto=True)
    limiter = ProcessLimiter(RateLimit(1, 100), clock, margin=0)
    async with RawServer((GOOD,)) as server, connect(server.url, clock, limiter=limiter, max_wait=30) as client:
        await client.send(get_thing("t1"))
        for _ in range(3):
            with pytest.raises(RateLimitedError, match="GET /things/t1: rate limited for more than 30 s") as caught:
                await client.send(get_thing("t1"))
            assert caught.value.retry_after == pytest.approx(100)
        clock.jump(100)
        await client.send(get_thing("t1"))
    assert len(server.requests) == 2


async def test_a_429_delays_requests_that_hold_reservations() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    times: list[float] = []

    class Closing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            times.append((clock.now() - began).total_seconds())
            await asyncio.sleep(0)  # the others reserve their slots before the platform closes
            if len(times) == 1:
                return httpx.Response(429, headers={"Retry-After": "45"}, request=request)
            return httpx.Response(200, json={"data": {"id": "t1"}}, request=request)

    limiter = ProcessLimiter(RateLimit(1, 10), clock, margin=0)
    async with canned_client(Closing(), clock=clock, limiter=limiter) as client:
        await asyncio.gather(*(client.send(get_thing(f"t{i}")) for i in range(3)))
    assert times == [0, 45, 55, 65]  # those that had slots at 10 and 20 seconds did not use them


async def test_every_request_is_reserved_in_the_clients_traffic_class() -> None:
    class Noting(ProcessLimiter):
        lanes: list[TrafficClass] = []  # noqa: RUF012

        async def reserve(self, traffic_class: TrafficClass, *, max_wait: float) -> float | None:
            self.lanes.append(traffic_class)
            return await super().reserve(traffic_class, max_wait=max_wait)

    clock = VirtualClock(auto=True)
    limiter = Noting(RateLimit(9, 1), clock)
    async with RawServer((to("/b"), GOOD)) as server:
        async with connect(server.url, clock, limiter=limiter, traffic_class=TrafficClass.POLL) as polling:
            await polling.send(get_thing("t1"))
        async with connect(server.url, clock, limiter=limiter) as calling:
            await calling.send(get_thing("t1"))
    assert limiter.lanes == [TrafficClass.POLL, TrafficClass.POLL, TrafficClass.CALL]


# The log


async def test_no_credential_and_no_signature_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    for name in (None, "httpx", "httpcore.http11", "httpcore.connection", "airflow_provider_sessions"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with RawServer((GOOD,)) as other:
        signed = to(f"{other.url}/hidden-path/file?page=1&X-Amz-Signature=hidden-signature", Set_Cookie="hidden=cookie")
        async with RawServer((signed,)) as server, connect(server.url) as client:
            await client.send(get_thing("t1"))
    assert f"GET {server.url}/things/t1: 302" in caplog.text
    assert f"GET {other.url}/...: 200" in caplog.text
    assert SECRET not in caplog.text
    assert "hidden" not in caplog.text


async def test_other_requests_by_httpx_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="httpx")
    async with RawServer((GOOD,)) as server, connect(server.url) as client, httpx.AsyncClient() as theirs:
        await client.send(get_thing("t1"))
        await theirs.get(f"{server.url}/theirs")
    assert [record.args[1].path for record in caplog.records if record.name == "httpx"] == ["/theirs"]  # type: ignore[index, union-attr]


async def test_a_failed_request_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RawServer((GOOD,)) as server:
        url = server.url
    async with connect(url, attempts=1) as client:
        with pytest.raises(ConnectError):
            await client.send(get_thing("t1"))
    assert f"GET {url}/things/t1: ConnectError" in caplog.text


async def test_the_limiter_learns_when_a_request_was_written_to_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes before that keeps a request from arriving, and is not the platform's."""
    observed: list[RateLimitInfo] = []
    limiter = ProcessLimiter(RateLimit(100, 1), SYSTEM_CLOCK)

    async def observe(info: RateLimitInfo) -> None:
        observed.append(info)

    monkeypatch.setattr(limiter, "observe", observe)
    looked_up = 0.05

    async def slowly(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(looked_up)
        return await resolve(*arguments, **named)

    monkeypatch.setattr(network_backend, "resolve", slowly)
    async with RawServer((GOOD, GOOD)) as server, connect(server.url, SYSTEM_CLOCK, limiter=limiter) as client:
        await client.send(get_thing("t1"))
        await client.send(get_thing("t1"))

    first, second = observed
    assert looked_up <= first.send_delay <= (first.elapsed or 0)
    assert second.send_delay < looked_up, "its connection was there"


# The metrics


async def test_each_request_to_the_platform_is_counted_by_its_status() -> None:
    metrics = RecordingMetrics()
    refused = reply(429, Retry_After="3")
    async with (
        RawServer((GOOD,)) as other,
        RawServer((refused, to("/b"), to(other.url))) as server,
        connect(server.url, metrics=metrics) as client,
    ):
        await client.send(get_thing("t1"))
    assert metrics.of(REQUESTS) == [1, 1, 1], "the request to another host is none to the platform"
    assert metrics.tags_of(REQUESTS) == [{"status": "429"}, {"status": "302"}, {"status": "302"}]


async def test_a_request_without_a_response_is_counted() -> None:
    metrics = RecordingMetrics()
    async with RawServer((GOOD,)) as server:
        url = server.url
    async with connect(url, attempts=2, metrics=metrics) as client:
        with pytest.raises(ConnectError):
            await client.send(get_thing("t1"))
    assert metrics.tags_of(REQUESTS) == [{"status": "no_response"}] * 2


async def test_waits_for_the_rate_limit_are_measured() -> None:
    clock, metrics = VirtualClock(auto=True), RecordingMetrics()
    limiter = ProcessLimiter(RateLimit(1, 10), clock, margin=0)
    async with (
        RawServer((GOOD,)) as server,
        connect(server.url, clock, limiter=limiter, metrics=metrics) as client,
    ):
        await client.send(get_thing("t1"))
        assert metrics.of(RATE_LIMIT_WAIT) == []
        await client.send(get_thing("t1"))
    assert sum(metrics.of(RATE_LIMIT_WAIT)) == pytest.approx(10, abs=0.5)
