"""Connections: kept while they are good, one request at a time on each, read no faster than somebody reads."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl

import httpx
import pytest

from airflow_provider_sessions.client.addresses import AddressPolicy
from airflow_provider_sessions.client.network_backend import NetworkBackend
from airflow_provider_sessions.client.transport import MAX_CONNECTIONS, ConnectionTransport, make_direct_connect
from tests.unit.client.servers import RESET, Answer, RawServer, Received, head, raw, reply

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


def noting(answer: Answer) -> Answer:
    """The same answer; the port that the request came from is noted with it."""

    async def answered(request: Received, writer: asyncio.StreamWriter) -> bool:
        request.headers["x-port"] = str(writer.get_extra_info("peername")[1])
        return await answer(request, writer)

    return answered


async def test_a_connection_is_used_again(direct: ConnectionTransport) -> None:
    async with RawServer((noting(reply(body=b"one")),)) as server, httpx.AsyncClient(transport=direct) as client:
        assert [(await client.get(server.url)).text for _ in range(3)] == ["one"] * 3
    assert len(set(ports(server))) == 1


async def test_a_connection_that_the_platform_closed_meanwhile_is_not(direct: ConnectionTransport) -> None:
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


async def test_what_nobody_reads_is_left_to_the_platform(direct: ConnectionTransport) -> None:
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
        client.stream("GET", server.url) as answer,
    ):
        before = -1
        while sent > before:  # until the platform stands still
            before = sent
            for _ in range(1000):
                await asyncio.sleep(0)
        held = sent
        read = sum([len(chunk) async for chunk in answer.aiter_raw()])
    assert held < 500 * len(WORD), "the platform sent a file of 64 MiB that nobody read"
    assert read == 1000 * len(WORD)


async def test_a_file_comes_as_it_is_and_nothing_that_stands_behind_it(direct: ConnectionTransport) -> None:
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
async def test_a_body_that_is_not_there_is_not_waited_for(direct: ConnectionTransport, method: str) -> None:
    unchanged = reply(304 if method == "GET" else 200, Content_Length=str(FILE))
    async with RawServer((noting(unchanged),)) as server, httpx.AsyncClient(transport=direct) as client:
        assert [(await client.request(method, server.url)).content for _ in range(2)] == [b"", b""]
    assert len(set(ports(server))) == 1


async def test_what_comes_before_an_answer_is_passed_over(direct: ConnectionTransport) -> None:
    hints = raw(head(103, {"Link": "</style.css>"}), head(200, {"Content-Length": "3"}) + b"one")
    async with RawServer((hints,)) as server, httpx.AsyncClient(transport=direct) as client:
        assert (await client.get(server.url)).text == "one"


async def test_what_stands_behind_an_answer_is_never_taken_for_the_next(direct: ConnectionTransport) -> None:
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
    ("answer", "error"),
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
async def test_what_goes_wrong_on_the_way_is_told_in_httpxs_words(
    direct: ConnectionTransport, answer: Answer, error: type[httpx.HTTPError]
) -> None:
    async with RawServer((answer,)) as server, httpx.AsyncClient(transport=direct, timeout=0.2) as client:
        with pytest.raises(error) as told:
            await client.get(server.url)
    assert type(told.value) is error
    assert told.value.request.url == server.url


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


async def test_who_does_not_speak_tls_is_no_https_platform(direct: ConnectionTransport) -> None:
    async with RawServer((raw(end="hang"),)) as server, httpx.AsyncClient(transport=direct, timeout=0.2) as client:
        with pytest.raises((httpx.ConnectTimeout, httpx.ConnectError)):
            await client.get(server.url.replace("http:", "https:"))


async def test_an_address_that_is_no_web_address(direct: ConnectionTransport) -> None:
    async with httpx.AsyncClient(transport=direct) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://platform.test/file")


async def test_a_host_of_which_only_one_address_answers(
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


async def test_a_request_that_is_taken_back_leaves_nothing_behind(direct: ConnectionTransport) -> None:
    async with (
        RawServer((noting(raw(end="hang")), noting(reply(body=b"two")))) as server,
        httpx.AsyncClient(transport=direct) as client,
    ):
        asked = asyncio.create_task(client.get(server.url))
        while not server.requests:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


async def test_requests_at_once_have_a_connection_each_and_more_than_there_may_be_wait(
    direct: ConnectionTransport,
) -> None:
    may_answer = asyncio.Event()

    async def wait(request: Received, writer: asyncio.StreamWriter) -> bool:
        await may_answer.wait()
        return await noting(reply(body=b"done"))(request, writer)

    async with RawServer((wait,)) as server, httpx.AsyncClient(transport=direct) as client:
        count = MAX_CONNECTIONS + 2
        asked = [asyncio.create_task(client.get(server.url, timeout=60)) for _ in range(count)]
        while len(server.requests) < MAX_CONNECTIONS:  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(server.requests) == MAX_CONNECTIONS
        may_answer.set()
        await asyncio.gather(*asked)
    assert len(server.requests) == count
    assert len(set(ports(server))) == MAX_CONNECTIONS


async def test_a_connection_is_free_when_its_answer_is_closed_and_not_before(direct: ConnectionTransport) -> None:
    async with RawServer((noting(reply(body=b"done")),)) as server, httpx.AsyncClient(transport=direct) as client:
        async with client.stream("GET", f"{server.url}/film") as film:
            await client.get(f"{server.url}/list")
            assert await film.aread() == b"done"
        await client.get(f"{server.url}/next")
    film_port, list_port, next_port = ports(server)
    assert list_port != film_port
    assert next_port == film_port


async def test_a_connection_whose_answer_was_not_read_to_its_end_is_not_used_again(
    direct: ConnectionTransport,
) -> None:
    whole = noting(reply(body=b"done"))
    async with RawServer((whole,)) as server, httpx.AsyncClient(transport=direct) as client:
        async with client.stream("GET", f"{server.url}/film"):
            pass
        assert (await client.get(f"{server.url}/next")).text == "done"
    assert len(set(ports(server))) == 2


async def test_a_connection_whose_request_was_taken_back_in_the_middle_of_its_answer_is_not_used_again(
    direct: ConnectionTransport,
) -> None:
    half = noting(raw(head(200, {"Content-Length": "8"}) + b"half", end="hang"))
    async with (
        RawServer((half, noting(reply(body=b"two")))) as server,
        httpx.AsyncClient(transport=direct) as client,
    ):
        came = asyncio.Event()

        async def read() -> None:
            async with client.stream("GET", server.url) as answer:
                async for _ in answer.aiter_raw():
                    came.set()

        reading = asyncio.create_task(read())
        await came.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (await client.get(server.url)).text == "two"
    assert len(set(ports(server))) == 2


async def test_no_more_idle_connections_are_kept_than_there_may_be(
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
async def test_requests_that_are_canceled_while_their_response_is_closed_leave_nothing_behind(
    direct: ConnectionTransport, whole: bool, turns: int
) -> None:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> bool:
        rest = b"" if request.path == "/half" else b"half"
        return await raw(head(200, {"Content-Length": "8"}) + b"half" + rest, end="hang")(request, writer)

    async with RawServer((answer,)) as server, httpx.AsyncClient(transport=direct) as client:
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


async def test_a_connection_is_not_read_before_somebody_wants_to() -> None:
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
