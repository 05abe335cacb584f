"""Connections: kept while they are good, one request at a time on each, read no faster than somebody reads."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import subprocess
import sys

import httpx
import pytest

from airflow_provider_sessions.client.addresses import AddressPolicy
from airflow_provider_sessions.client.network_backend import NetworkBackend
from airflow_provider_sessions.client.transport import MAX_CONNECTIONS, ConnectionTransport, make_direct_connect
from tests.unit.client.servers import RESET, RawServer, Received, Responder, head, raw, reply

WORD = b"x" * 65536
FILE = 9 * 1024 * 1024


@pytest.fixture
def direct() -> ConnectionTransport:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    policy = AddressPolicy(frozenset(("127.0.0.1", "platform.test")))
    return ConnectionTransport(make_direct_connect(lambda: context, policy))


def ports(server: RawServer) -> list[str]:
    """From which port of the client each request came."""
    return [request.headers["x-port"] for request in server.requests]


def noting(responder: Responder) -> Responder:
    """Respond in the same way, and record the port that each request came from."""

    async def respond(request: Received, writer: asyncio.StreamWriter) -> bool:
        request.headers["x-port"] = str(writer.get_extra_info("peername")[1])
        return await responder(request, writer)

    return respond


async def test_a_connection_is_reused(direct: ConnectionTransport) -> None:
    async with RawServer((noting(reply(body=b"one")),)) as server, httpx.AsyncClient(transport=direct) as client:
        assert [(await client.get(server.url)).text for _ in range(3)] == ["one"] * 3
    assert len(set(ports(server))) == 1


async def test_a_closed_connection_is_not_reused(direct: ConnectionTransport) -> None:
    async with (
        RawServer((noting(raw(head(200, {"Content-Length": "3"}) + b"one")), noting(reply(body=b"two")))) as server,
        httpx.AsyncClient(transport=direct) as client,
    ):
        assert (await client.get(server.url)).text == "one"
        while server._tasks:  # noqa: ASYNC110 - a few turns of the loop, until it has closed
            await asyncio.sleep(0)
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


async def test_another_host_gets_a_connection_of_its_own(direct: ConnectionTransport) -> None:
    async with (
        RawServer((reply(body=b"one"),)) as one,
        RawServer((reply(body=b"two"),)) as two,
        httpx.AsyncClient(transport=direct) as client,
    ):
        assert [(await client.get(server.url)).text for server in (one, two, one)] == ["one", "two", "one"]
    assert [len(server.requests) for server in (one, two)] == [2, 1]


async def test_unread_bytes_stay_with_the_server(direct: ConnectionTransport) -> None:
    sent = 0

    async def film(request: Received, writer: asyncio.StreamWriter) -> bool:
        nonlocal sent
        writer.write(head(200, {"Content-Length": str(1000 * len(WORD))}))
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(WORD))
        for _ in range(1000):
            writer.write(WORD)
            await writer.drain()
            sent += len(WORD)
        return True

    async with (
        RawServer((film,)) as server,
        httpx.AsyncClient(transport=direct) as client,
        client.stream("GET", server.url) as response,
    ):
        before = -1
        while sent > before:  # until the platform stands still
            before = sent
            for _ in range(1000):
                await asyncio.sleep(0)
        held = sent
        read = sum([len(chunk) async for chunk in response.aiter_raw()])
    assert held < 500 * len(WORD), "the platform sent a file of 64 MiB that nobody read"
    assert read == 1000 * len(WORD)


async def test_a_file_ends_at_its_length(direct: ConnectionTransport) -> None:
    film = random.Random(1).randbytes(FILE)
    forged = head(200, {"Content-Length": "6"}) + b"forged"
    two = (
        noting(raw(head(200, {"Content-Length": str(FILE)}) + film + forged, end="hang")),
        noting(reply(body=b"two")),
    )
    async with RawServer(two) as server, httpx.AsyncClient(transport=direct) as client:
        assert (await client.get(server.url)).content == film
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_response_without_a_body_ends_at_once(direct: ConnectionTransport, method: str) -> None:
    unchanged = reply(304 if method == "GET" else 200, Content_Length=str(FILE))
    async with RawServer((noting(unchanged),)) as server, httpx.AsyncClient(transport=direct) as client:
        assert [(await client.request(method, server.url)).content for _ in range(2)] == [b"", b""]
    assert len(set(ports(server))) == 1


async def test_informational_responses_are_skipped(direct: ConnectionTransport) -> None:
    hints = raw(head(103, {"Link": "</style.css>"}), head(200, {"Content-Length": "3"}) + b"one")
    async with RawServer((hints,)) as server, httpx.AsyncClient(transport=direct) as client:
        assert (await client.get(server.url)).text == "one"


async def test_bytes_after_a_response_are_not_taken_for_the_next(direct: ConnectionTransport) -> None:
    forged = head(200, {"Content-Length": "6"}) + b"forged"
    two = (noting(raw(head(200, {"Content-Length": "3"}) + b"one" + forged, end="hang")), noting(reply(body=b"two")))
    async with RawServer(two) as server, httpx.AsyncClient(transport=direct) as client:
        assert [(await client.get(server.url)).text for _ in range(2)] == ["one", "two"]
    assert len(set(ports(server))) == 2


async def test_a_large_body_is_sent_whole_however_slowly_it_is_read(direct: ConnectionTransport) -> None:
    async with RawServer((reply(),)) as server, httpx.AsyncClient(transport=direct) as client:
        await client.post(server.url, content=100 * WORD)
    assert server.requests[0].body == 100 * WORD


@pytest.mark.parametrize(
    ("responder", "error"),
    [
        (RESET, httpx.ReadError),
        (raw(head(200, {"Content-Length": "9"}), b"half", end="reset"), httpx.ReadError),
        (raw(head(200, {"Content-Length": "9"}), b"half"), httpx.RemoteProtocolError),
        (raw(head(200, {"Content-Length": str(FILE)}), b"half", end="reset"), httpx.ReadError),
        (raw(head(200, {"Content-Length": str(FILE)}), b"half"), httpx.RemoteProtocolError),
        (raw(b""), httpx.RemoteProtocolError),
        (raw(b"SSH-2.0\r\n\r\n"), httpx.RemoteProtocolError),
        (raw(head(101, {"Upgrade": "websocket", "Connection": "upgrade"})), httpx.RemoteProtocolError),
        (raw(b"HTTP/1.1 200 Word\r\n" + b"X-Long: " + 4 * WORD), httpx.RemoteProtocolError),
        (raw(end="hang"), httpx.ReadTimeout),
        (raw(head(200, {"Content-Length": "9"}), b"half", end="hang"), httpx.ReadTimeout),
    ],
)
async def test_errors_of_httpcore_become_those_of_httpx(
    direct: ConnectionTransport, responder: Responder, error: type[httpx.HTTPError]
) -> None:
    async with RawServer((responder,)) as server, httpx.AsyncClient(transport=direct, timeout=0.2) as client:
        with pytest.raises(error) as caught:
            await client.get(server.url)
    assert type(caught.value) is error
    assert caught.value.request.url == server.url


async def test_a_connection_that_is_refused(direct: ConnectionTransport) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with httpx.AsyncClient(transport=direct) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{nobody.getsockname()[1]}")


async def test_a_host_that_cannot_be_found(direct: ConnectionTransport) -> None:
    async with httpx.AsyncClient(transport=direct) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://nowhere.invalid")


async def test_a_server_without_tls_is_a_connect_error(direct: ConnectionTransport) -> None:
    async with RawServer((raw(end="hang"),)) as server, httpx.AsyncClient(transport=direct, timeout=0.2) as client:
        with pytest.raises((httpx.ConnectTimeout, httpx.ConnectError)):
            await client.get(server.url.replace("http:", "https:"))


async def test_a_url_of_another_scheme_is_refused(direct: ConnectionTransport) -> None:
    async with httpx.AsyncClient(transport=direct) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://platform.test/file")


async def test_a_host_of_which_only_one_address_accepts(
    direct: ConnectionTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawServer((reply(body=b"one"),)) as server, httpx.AsyncClient(transport=direct) as client:
        loop = asyncio.get_running_loop()
        good = await loop.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)
        # An address of this machine at which nobody listens, before the one at which the server does.
        family, kind, protocol, name, _ = good[0]

        async def two(*_: object, **__: object) -> list[object]:
            return [(family, kind, protocol, name, ("127.0.0.2", server.port)), *good]

        monkeypatch.setattr(loop, "getaddrinfo", two)
        assert (await client.get(f"http://platform.test:{server.port}")).text == "one"


async def test_a_canceled_request_frees_its_connection(direct: ConnectionTransport) -> None:
    async with (
        RawServer((noting(raw(end="hang")), noting(reply(body=b"two")))) as server,
        httpx.AsyncClient(transport=direct) as client,
    ):
        task = asyncio.create_task(client.get(server.url))
        while not server.requests:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


async def test_concurrent_requests_have_a_connection_each_and_more_wait(
    direct: ConnectionTransport,
) -> None:
    may_answer = asyncio.Event()

    async def wait(request: Received, writer: asyncio.StreamWriter) -> bool:
        await may_answer.wait()
        return await noting(reply(body=b"done"))(request, writer)

    async with RawServer((wait,)) as server, httpx.AsyncClient(transport=direct) as client:
        count = MAX_CONNECTIONS + 2
        tasks = [asyncio.create_task(client.get(server.url, timeout=60)) for _ in range(count)]
        while len(server.requests) < MAX_CONNECTIONS:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(server.requests) == MAX_CONNECTIONS
        may_answer.set()
        await asyncio.gather(*tasks)
    assert len(server.requests) == count
    assert len(set(ports(server))) == MAX_CONNECTIONS


async def test_a_connection_is_idle_once_its_response_is_closed(direct: ConnectionTransport) -> None:
    async with RawServer((noting(reply(body=b"done")),)) as server, httpx.AsyncClient(transport=direct) as client:
        async with client.stream("GET", f"{server.url}/film") as film:
            await client.get(f"{server.url}/list")
            assert await film.aread() == b"done"
        await client.get(f"{server.url}/next")
    film_port, list_port, next_port = ports(server)
    assert list_port != film_port
    assert next_port == film_port


async def test_a_connection_with_an_unread_response_is_not_reused(
    direct: ConnectionTransport,
) -> None:
    whole = noting(reply(body=b"done"))
    async with RawServer((whole,)) as server, httpx.AsyncClient(transport=direct) as client:
        async with client.stream("GET", f"{server.url}/film"):
            pass
        assert (await client.get(f"{server.url}/next")).text == "done"
    assert len(set(ports(server))) == 2


async def test_a_connection_of_a_canceled_request_is_not_reused(
    direct: ConnectionTransport,
) -> None:
    half = noting(raw(head(200, {"Content-Length": "8"}) + b"half", end="hang"))
    async with (
        RawServer((half, noting(reply(body=b"two")))) as server,
        httpx.AsyncClient(transport=direct) as client,
    ):
        came = asyncio.Event()

        async def read() -> None:
            async with client.stream("GET", server.url) as response:
                async for _ in response.aiter_raw():
                    came.set()

        reading = asyncio.create_task(read())
        await came.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


async def test_the_number_of_idle_connections_is_limited(
    direct: ConnectionTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each recording may lie on a host of its own, and a client may live for a day."""
    async with RawServer((noting(reply(body=b"one")),)) as server, httpx.AsyncClient(transport=direct) as client:
        loop = asyncio.get_running_loop()
        here = await loop.getaddrinfo("127.0.0.1", server.port, type=socket.SOCK_STREAM)

        async def always_here(*_: object, **__: object) -> list[object]:
            return [*here]

        monkeypatch.setattr(loop, "getaddrinfo", always_here)
        for number in range(MAX_CONNECTIONS + 5):
            await client.get(f"http://host{number}.localhost:{server.port}")
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(server._tasks) <= MAX_CONNECTIONS


async def test_a_connection_whose_request_failed_is_replaced(direct: ConnectionTransport) -> None:
    two = (noting(RESET), noting(reply(body=b"two")))
    async with RawServer(two) as server, httpx.AsyncClient(transport=direct) as client:
        with pytest.raises(httpx.ReadError):
            await client.get(server.url)
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


@pytest.mark.parametrize(("whole", "turns"), [(False, 1), (False, 2), (True, 1)])
async def test_requests_canceled_while_closing_free_their_connections(
    direct: ConnectionTransport, whole: bool, turns: int
) -> None:
    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        rest = b"" if request.path == "/half" else b"half"
        return await raw(head(200, {"Content-Length": "8"}) + b"half" + rest, end="hang")(request, writer)

    async with RawServer((responder,)) as server, httpx.AsyncClient(transport=direct) as client:
        for _ in range(MAX_CONNECTIONS):  # if each kept a place, the last request would wait for ever
            request = client.build_request("GET", f"{server.url}/{'whole' if whole else 'half'}")
            response = await client.send(request, stream=True)
            chunks = response.aiter_raw()
            await anext(chunks)
            closing = asyncio.create_task(response.aclose())
            for _ in range(turns):
                await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            await response.stream.aclose()
        async with asyncio.timeout(10):
            assert (await client.get(f"{server.url}/next")).text == "halfhalf"


async def test_a_connection_is_not_read_ahead() -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(WORD))
        for _ in range(1000):
            writer.write(WORD)
            await writer.drain()
            sent += len(WORD)

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    backend = NetworkBackend(AddressPolicy(frozenset(("127.0.0.1",))))
    stream = await backend.connect_tcp("127.0.0.1", server.sockets[0].getsockname()[1])
    for _ in range(5000):
        await asyncio.sleep(0)
    assert 0 < sent < 500 * len(WORD)
    await stream.aclose()
    server.close()


FIRST_REQUEST = """
import asyncio, sys
from airflow_provider_sessions.client.call import Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.platforms.vidinfra import adapter

api = Endpoints("nearby")

@api("GET", "/thing", documented=True)
def get_thing():
    return call(dict)

async def respond(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    await writer.drain()

async def main():
    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    async with Client(ClientConfig(base_url=url), dialect=Dialect("nearby")) as client:
        before = set(sys.modules)
        await client.send(get_thing())
        print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)

asyncio.run(main())
"""


def test_the_first_request_imports_nothing_in_the_event_loop() -> None:
    """Imports of tens of milliseconds would hold up all other triggers of a triggerer."""
    ended = subprocess.run([sys.executable, "-c", FIRST_REQUEST], check=True, capture_output=True)
    assert ended.stdout.strip() == b""
