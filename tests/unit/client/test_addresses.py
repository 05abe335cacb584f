"""Where a platform may lead: judged by what its names were resolved to, at connecting."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.client import network_backend
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.download import Download
from airflow_provider_sessions.errors import ConnectError, RedirectRefusedError, SessionsError
from airflow_provider_sessions.platforms.auth import ApiKeyAuth
from tests.unit.client.servers import RawServer, reply, says
from tests.unit.client.things import DIALECT, connect, get_thing

GOOD = says({"data": {"id": "t1"}})
OUT_THERE = "http://api.platform.test:9"
Resolve = Callable[[str, list[str]], None]


@pytest.fixture(autouse=True)
def _no_proxies_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Lets names lead to addresses, as a name server would; several at a time, or another one each time."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def fake_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in known:
            return real(host, port, *args, **kwargs)
        found = []
        for address in known[name]:
            found += real(address, port, *args, **kwargs)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", fake_getaddrinfo)
    return known.__setitem__


async def fetch(client: Client, url: str) -> bytes:
    async def address() -> tuple[str, dict[str, str]]:
        return url, {}

    target = io.BytesIO()
    await Download(client, address, target).run()
    return target.getvalue()


# Names that lead inside


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["127.9.9.9"],
        ["::1"],
        ["0.0.0.0"],
        ["::"],
        ["::ffff:127.0.0.1"],
        ["169.254.169.254"],
        ["fe80::1"],
        ["100.100.100.200"],
        ["fd00:ec2::254"],
        ["64:ff9b::7f00:1"],
        ["64:ff9b::a9fe:a9fe"],
        ["2002:7f00:1::"],
        ["2001:0:7f00:1::"],
        ["2001:0:808:808:0:0:80ff:fffe"],
        ["::127.0.0.1"],
        ["::ffff:0:127.0.0.1"],
        ["2a00::5efe:7f00:1"],
        ["127.0.0.1", "198.51.100.1"],
        ["::1", "2001:db8::1"],
    ],
    ids=" ".join,
)
async def test_a_name_that_resolves_to_a_local_address_is_not_connected_to(
    resolve: Resolve, addresses: list[str]
) -> None:
    async with RawServer((reply(200, b"inside"),)) as inside, connect(OUT_THERE) as client:
        resolve("files.platform.test", addresses)
        with pytest.raises(RedirectRefusedError, match="an address of this machine or of its network segment"):
            await fetch(client, f"http://files.platform.test:{inside.port}/file")
    assert inside.requests == []


@pytest.mark.parametrize(
    "address",
    ["10.0.0.8", "172.16.3.4", "192.168.1.1", "100.64.0.1", "fd12::1", "fec0::1", "192.0.0.8", "224.0.0.1", "240.0.0.1",
     "::ffff:10.0.0.8", "64:ff9b::a00:8", "2002:a00:8::", "255.255.255.255"],
)  # fmt: skip
async def test_a_private_address_is_refused_with_a_hint_at_the_field_that_allows_it(
    resolve: Resolve, address: str
) -> None:
    resolve("files.platform.test", [address])
    async with connect(OUT_THERE) as client:
        with pytest.raises(RedirectRefusedError, match=r"private network.*'allow_private_addresses' to true") as caught:
            await fetch(client, "http://files.platform.test:9/hidden?X-Amz-Signature=hidden")
    assert "hidden" not in str(caught.value)
    assert "files.platform.test" in str(caught.value)


async def test_a_private_address_is_connected_to_if_the_connection_allows_it(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def start_connection(found: list[Any], **_: Any) -> Any:
        tried.extend(info[4][0] for info in found)
        raise OSError("nobody there")

    monkeypatch.setattr(network_backend.aiohappyeyeballs, "start_connection", start_connection)
    resolve("bucket.s3.test", ["10.0.0.8"])
    async with connect(OUT_THERE, allow_private=True, attempts=1) as client:
        with pytest.raises(ConnectError):
            await fetch(client, "http://bucket.s3.test/file")
    assert tried == ["10.0.0.8"]


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: a second look at the name would find this machine."""
    resolved: list[str] = []
    real = socket.getaddrinfo

    def fake_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "files.platform.test":
            return real(host, port, *args, **kwargs)
        resolved.append(host)
        return real("8.8.8.8" if len(resolved) == 1 else "127.0.0.1", port, *args, **kwargs)

    tried = []

    async def start_connection(found: list[Any], **_: Any) -> Any:
        tried.extend(info[4][0] for info in found)
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "getaddrinfo", fake_getaddrinfo)
    monkeypatch.setattr(network_backend.aiohappyeyeballs, "start_connection", start_connection)
    async with RawServer((GOOD,)) as inside, connect(OUT_THERE, attempts=1) as client:
        with pytest.raises(SessionsError):
            await fetch(client, f"http://files.platform.test:{inside.port}/file")
        assert "127.0.0.1" not in tried
        with pytest.raises(RedirectRefusedError):
            await fetch(client, f"http://files.platform.test:{inside.port}/file")
    assert inside.requests == []


async def test_a_redirect_to_a_name_with_a_local_address_is_refused(resolve: Resolve) -> None:
    """The connection's own host is a name: it may be anywhere, but is no licence for what is beside it."""
    resolve("api.platform.test", ["127.0.0.1"])
    resolve("evil.test", ["127.0.0.1"])
    async with RawServer((GOOD,)) as inside:
        away = reply(302, Location=f"http://evil.test:{inside.port}/admin")
        async with RawServer((away,)) as server, connect(f"http://api.platform.test:{server.port}") as client:
            with pytest.raises(RedirectRefusedError, match=r"this machine.*evil\.test \(127\.0\.0\.1\)"):
                await client.send(get_thing("t1"))
    assert (len(server.requests), inside.requests) == (1, [])


# What the connection names itself


async def test_the_connections_own_host_may_have_any_address(resolve: Resolve) -> None:
    resolve("api.platform.test", ["127.0.0.1"])
    async with (
        RawServer((GOOD, reply(200, b"file"))) as server,
        connect(f"http://api.platform.test:{server.port}") as client,
    ):
        assert (await client.send(get_thing("t1"))).id == "t1"
        assert await fetch(client, f"http://api.platform.test:{server.port}/file") == b"file"


async def test_another_base_url_of_the_connection_may_have_any_address(resolve: Resolve) -> None:
    resolve("video.platform.test", ["127.0.0.1"])
    async with RawServer((reply(200, b"file"),)) as server:
        base = f"http://video.platform.test:{server.port}"
        async with connect(OUT_THERE, bases={"video": base}) as client:
            assert await fetch(client, f"{base}/file") == b"file"


@pytest.mark.parametrize("name", ["files.platform.test", "localhost", "127.0.0.2", "0.0.0.0", "2130706433"])
async def test_a_platform_on_this_machine_may_redirect_to_this_machine(resolve: Resolve, name: str) -> None:
    resolve("files.platform.test", ["127.0.0.1"])
    async with RawServer((reply(200, b"file"),)) as files, connect("http://127.0.0.1:9") as client:
        if name == "127.0.0.2":
            with pytest.raises(ConnectError):  # allowed, but nobody listens there
                await fetch(client, f"http://{name}:{files.port}/file")
            return
        assert await fetch(client, f"http://{name}:{files.port}/file") == b"file"


@pytest.mark.parametrize("address", ["169.254.169.254", "[fe80::1]", "10.0.0.8"])
async def test_a_platform_on_this_machine_may_not_redirect_to_the_private_network(address: str) -> None:
    async with connect("http://127.0.0.1:9") as client:
        with pytest.raises(RedirectRefusedError):
            await fetch(client, f"http://{address}/latest/meta-data")


async def test_a_proxy_may_have_any_address() -> None:
    async with RawServer((reply(200, b"file"),)) as proxy, connect(OUT_THERE, proxy=proxy.url) as client:
        assert await fetch(client, "http://files.platform.test/file") == b"file"


# Literal addresses, which are all that can be judged behind a proxy

SPELLINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7F.0x0.0.0x1", "017700000001", "0177.1",
    "0", "0.0.0.0", "127.0.0.1.", "localhost", "LocalHost", "localhost.", "a.localhost", "[::1]", "[::]",
    "[::ffff:7f00:1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]", "[fe80::1%25eth0]",
    "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "169.254.169.254", "0xa9fea9fe", "2852039166", "%31%32%37.0.0.1",
    "127%2e0.0.1", "127\u30020\u30020\u30021", "4294967297", "127.0.0.1.1", "0x7f.0.0.0x100",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_local_address_is_recognized_in_every_spelling(host: str) -> None:
    async with RawServer((reply(200, b"inside"),)) as proxy, connect(OUT_THERE, proxy=proxy.url) as client:
        with pytest.raises(RedirectRefusedError, match="an address of this machine"):
            await fetch(client, f"http://{host}:{proxy.port}/file")
    assert proxy.requests == []


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_redirect_to_a_local_address_is_refused_in_every_spelling(host: str) -> None:
    away = reply(302, Location=f"http://{host}:1/file".encode().decode("latin-1"))
    async with RawServer((away,)) as proxy, connect(OUT_THERE, proxy=proxy.url) as client:
        with pytest.raises(RedirectRefusedError, match="an address of this machine"):
            await client.send(get_thing("t1"))
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("host", ["0177.0.0.1", "\uff11\uff12\uff17.0.0.1", "[::1", "256.256.256.256"])
async def test_an_invalid_url_is_not_requested(host: str) -> None:
    async with RawServer((reply(200, b"inside"),)) as proxy, connect(OUT_THERE, proxy=proxy.url) as client:
        with pytest.raises(SessionsError):
            await fetch(client, f"http://{host}/file")
    assert proxy.requests == []


@pytest.mark.parametrize("host", ["10.0.0.8", "3232235777", "0x0a000008", "[fd12::1]", "[::ffff:10.0.0.8]"])
@pytest.mark.parametrize("allowed", [False, True])
async def test_a_private_address_behind_a_proxy_needs_the_connections_permission(host: str, allowed: bool) -> None:
    async with (
        RawServer((reply(200, b"file"),)) as proxy,
        connect(OUT_THERE, proxy=proxy.url, allow_private=allowed) as client,
    ):
        if allowed:
            assert await fetch(client, f"http://{host}/file") == b"file"
        else:
            with pytest.raises(RedirectRefusedError, match="allow_private_addresses"):
                await fetch(client, f"http://{host}/file")
    assert len(proxy.requests) == int(allowed)


@pytest.mark.parametrize("host", ["93.184.215.14", "[2606:4700::6810:84e5]", "1.1", "files.example", "7.example"])
async def test_a_public_address_is_left_to_the_proxy(host: str) -> None:
    async with RawServer((reply(200, b"file"),)) as proxy, connect(OUT_THERE, proxy=proxy.url) as client:
        assert await fetch(client, f"http://{host}/file") == b"file"


@pytest.mark.parametrize("url", ["http://files.test:99999/x", "http://a..b/x", f"http://{'a' * 70}.test/x"])
async def test_a_host_that_cannot_be_resolved_is_a_connect_error(url: str) -> None:
    async with connect(OUT_THERE, attempts=1) as client:
        with pytest.raises(SessionsError) as caught:
            await fetch(client, url)
    assert "credential" not in str(caught.value)


# From https to http


@pytest.mark.parametrize("host", ["files.test", "api.platform.test", "198.51.100.4"])
async def test_a_platform_with_https_may_not_redirect_to_plain_http(host: str) -> None:
    async with (
        RawServer((reply(200, b"file"),)) as proxy,
        connect("https://api.platform.test", proxy=proxy.url) as client,
    ):
        with pytest.raises(RedirectRefusedError, match="without https"):
            await fetch(client, f"http://{host}/file")
    assert proxy.requests == []


async def test_a_second_redirect_without_https_is_refused() -> None:
    class Hops(httpx.AsyncBaseTransport):
        def __init__(self) -> None:
            self.hosts: list[str] = []

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.hosts.append(request.url.host)
            away = {"a.test": "https://b.test/", "b.test": "//c.test/", "c.test": "http://d.test/"}[request.url.host]
            return httpx.Response(302, headers={"Location": away}, request=request)

    hops = Hops()
    async with Client(ClientConfig("https://a.test"), dialect=DIALECT, transport=hops) as client:
        with pytest.raises(RedirectRefusedError, match="https"):
            await client.send(get_thing("t1"))
    assert hops.hosts == ["a.test", "b.test", "c.test"]


async def test_a_plain_http_base_url_of_the_connection_is_allowed() -> None:
    async with (
        RawServer((reply(200, b"file"),)) as video,
        connect("https://api.platform.test", bases={"video": video.url}) as client,
    ):
        assert await fetch(client, f"{video.url}/file") == b"file"


@pytest.mark.parametrize("hosts", [("http://plain-one.test:8080/api",), ("https://x.test", "http://plain-two.test")])
async def test_plain_http_logs_one_warning(hosts: tuple[str, ...], caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        async with connect(hosts[0], bases=dict(zip("a", hosts[1:], strict=False))):
            pass
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "Requests to http://plain-" in warnings[0].getMessage()
    assert "not encrypted" in warnings[0].getMessage()


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://secure.test"])
async def test_this_machine_and_tls_log_no_warning(host: str, caplog: pytest.LogCaptureFixture) -> None:
    async with connect(host):
        pass
    assert caplog.records == []


# Headers abroad


@pytest.mark.parametrize("header", ["X-Auth-Token", "X-Api-Secret", "Api-Key", "Private-Token", "X-API-Key", "Cookie"])
async def test_a_credential_in_any_header_stays_on_the_connections_hosts(header: str) -> None:
    async with (
        RawServer((GOOD,)) as other,
        RawServer((reply(302, Location=other.url),)) as server,
        connect(server.url, auth=ApiKeyAuth(header, "hidden-key-4711")) as client,
    ):
        await client.send(get_thing("t1"))
        await client.send(get_thing("t1"))
    assert server.requests[0].headers[header.lower()] == "hidden-key-4711"
    for request in other.requests:
        assert "hidden-key-4711" not in str(request.headers)
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"].startswith("airflow-provider-sessions/")


async def test_a_credential_in_any_header_is_hidden_if_the_platform_quotes_it() -> None:
    refused = says({"error": "no such key: hidden-key-4711"}, 400)
    async with (
        RawServer((refused,)) as server,
        connect(server.url, auth=ApiKeyAuth("X-Auth-Token", "hidden-key-4711")) as client,
    ):
        with pytest.raises(SessionsError, match="no such key") as caught:
            await client.send(get_thing("t1"))
    assert "hidden-key-4711" not in str(caught.value)
