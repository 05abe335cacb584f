"""Compressed bodies: all of them, to their end, in small steps, and counted as they become."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Generator
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.download import Download, DownloadResult
from airflow_provider_sessions.errors import (
    ApiError,
    BrokenConnectionError,
    MalformedResponseError,
    PermissionDeniedError,
    RateLimitedError,
    ResponseTooLargeError,
    SessionsError,
)
from tests.unit.client.servers import RawServer, Received, Responder, by, head, raw, reply, says
from tests.unit.client.things import KeyAuth, connect, get_thing, list_things, poke_thing, thing_text

TEXT = "".join(f"{n},{random.Random(n).random()}\n" for n in range(800))
GOOD = says({"data": {"id": "t1"}})
MIB = 1024 * 1024


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
}
packers = pytest.mark.parametrize("packer", PACKERS)


def packed(body: bytes, encoding: str = "gzip", **headers: str) -> Responder:
    """Bytes that are compressed already."""
    return reply(200, body, Content_Encoding=encoding, **{"Content_Type": "text/csv", **headers})


def chunked(body: bytes, size: int, encoding: str = "gzip") -> Responder:
    """The same in chunks, without a length."""

    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Encoding": encoding, "Transfer-Encoding": "chunked"}))
        for start in range(0, len(body), size):
            part = body[start : start + size]
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        return True

    return responder


async def read_text(*responders: Responder, attempts: int = 1) -> str:
    async with RawServer(responders) as server, connect(server.url, attempts=attempts) as client:
        return await client.send(thing_text("t1"))


async def fetch(client: Client, url: str, target: Any) -> DownloadResult:
    async def address() -> tuple[str, dict[str, str]]:
        return f"{url}/file", {}

    return await Download(client, address, target).run()


async def download(*responders: Responder, attempts: int = 1) -> bytes:
    target = io.BytesIO()
    async with RawServer(responders) as server, connect(server.url, attempts=attempts) as client:
        await fetch(client, server.url, target)
    return target.getvalue()


# All of it


@packers
async def test_a_compressed_body_is_read(packer: str) -> None:
    encoding, pack = PACKERS[packer]
    assert await read_text(packed(pack(TEXT.encode()), encoding)) == TEXT
    assert await download(packed(pack(TEXT.encode()), encoding)) == TEXT.encode()


@pytest.mark.parametrize("members", [[39, 31], [0, 70], [70, 0], [1] * 70, [5000]])
@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
async def test_all_members_of_a_gzip_body_are_read(members: list[int], size: int) -> None:
    rest, parts = TEXT, []
    for length in members:
        parts.append(rest[:length])
        rest = rest[length:]
    body, text = b"".join(gzip.compress(part.encode()) for part in parts), "".join(parts)
    assert await read_text(chunked(body, size)) == text
    assert await download(chunked(body, size)) == text.encode()


async def test_zeros_after_a_gzip_body_and_between_members_are_ignored() -> None:
    padded = gzip.compress(b"one,") + bytes(512) + gzip.compress(b"two") + bytes(700)
    assert await read_text(packed(padded)) == "one,two"
    assert await download(chunked(padded, 3)) == b"one,two"


@pytest.mark.parametrize("behind", [b"\n", b"garbage", b"\x1f\x8c", b"PK\x03\x04", bytes(9) + b"x"])
@pytest.mark.parametrize("packer", ["gzip", "deflate"])
async def test_other_bytes_after_the_end_are_refused(behind: bytes, packer: str) -> None:
    encoding, pack = PACKERS[packer]
    body = pack(TEXT.encode()) + behind
    with pytest.raises(MalformedResponseError, match="compression is broken"):
        await read_text(packed(body, encoding))
    with pytest.raises(MalformedResponseError, match="compression is broken"):
        await download(packed(body, encoding))


# To its end


def cuts(body: bytes) -> list[int]:
    """Places to cut a body at: all around its beginning and its end, and some between."""
    return sorted({*range(12), *range(12, len(body) - 12, max(1, len(body) // 9)), *range(len(body) - 12, len(body))})


@packers
async def test_a_truncated_body_is_an_error(packer: str) -> None:
    encoding, pack = PACKERS[packer]
    body = pack(TEXT.encode())
    for end in cuts(body):
        for read in (read_text, download):
            with pytest.raises(BrokenConnectionError, match="the compressed body is truncated"):
                await read(packed(body[:end], encoding))


async def test_a_truncated_last_member_is_an_error() -> None:
    first, second = gzip.compress(b"one\n"), gzip.compress(b"two\n")
    for end in range(1, len(second)):
        with pytest.raises(BrokenConnectionError, match="the compressed body is truncated"):
            await read_text(packed(first + second[:end]))


async def test_a_truncated_body_is_requested_again() -> None:
    body = gzip.compress(TEXT.encode())
    assert await read_text(packed(body[:-9]), packed(body), attempts=2) == TEXT
    assert await download(packed(body[:-9]), packed(body), attempts=2) == TEXT.encode()


async def test_a_truncated_page_is_requested_again() -> None:
    page = gzip.compress(json.dumps({"data": {"things": [{"id": "a"}], "total": 1}}).encode())
    async with RawServer((packed(page[:-4]), packed(page))) as server, connect(server.url, attempts=2) as client:
        assert [thing.id async for thing in client.pages(list_things())] == ["a"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_the_response_to_an_action_may_be_empty_and_have_an_encoding(status: int) -> None:
    async with (
        RawServer((reply(status, b"", Content_Encoding="gzip"),)) as server,
        connect(server.url, attempts=1) as client,
    ):
        await client.send(poke_thing("t1"))


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "deflate, br"])
async def test_a_file_in_an_encoding_that_was_not_requested_is_refused(encoding: str) -> None:
    with pytest.raises(MalformedResponseError, match=rf"encoded as '{encoding}', which was not requested"):
        await download(packed(b"compressed", encoding))


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "identity"}, {"Content_Encoding": "aws-chunked"}])
async def test_a_gzip_file_is_not_decompressed(headers: dict[str, str]) -> None:
    archive = gzip.compress(TEXT.encode())
    assert await download(reply(200, archive, Content_Type="application/gzip", **headers)) == archive


async def test_a_part_of_a_compressed_file_is_not_appended() -> None:
    body = random.Random(1).randbytes(200_000)
    first = by(lambda request: _cut(body))

    def later(request: Received) -> Responder:
        if "range" not in request.headers:
            return reply(200, body, ETag='"v"')
        rest = gzip.compress(body[50_000:])
        headers = {"Content_Range": f"bytes 50000-199999/{len(body)}", "Content_Encoding": "gzip", "ETag": '"v"'}
        return reply(206, rest, **headers)

    assert await download(first, by(later), attempts=3) == body


def _cut(body: bytes) -> Responder:
    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(len(body)), "ETag": '"v"'}) + body[:50_000])
        await writer.drain()
        return False

    return responder


# In small steps


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """256 MiB, compressed to 256 KiB."""
    packer = zlib.compressobj(level=9, wbits=zlib.MAX_WBITS | 16)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(256)), packer.flush()])


@pytest.fixture
def memory() -> Generator[Callable[[], float], None, None]:
    """The most that was held since the beginning of the test, in MiB."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / MIB
    tracemalloc.stop()


class LogIn(httpx.Auth):
    requires_response_body = True

    def __init__(self, url: str) -> None:
        self.url = url

    def auth_flow(self, request: httpx.Request) -> Any:
        yield httpx.Request("POST", self.url)
        yield request


async def test_a_call_decompresses_no_more_than_a_response_may_hold(bomb: bytes, memory: Callable[[], float]) -> None:
    async with RawServer((packed(bomb),)) as server, connect(server.url, max_json_bytes=4 * MIB) as client:
        with pytest.raises(ResponseTooLargeError, match="larger than 4194304 bytes"):
            await client.send(get_thing("t1"))
    assert memory() < 16


async def test_a_log_in_decompresses_no_more(bomb: bytes, memory: Callable[[], float]) -> None:
    async with (
        RawServer((packed(bomb), GOOD)) as server,
        connect(server.url, max_json_bytes=4 * MIB, auth=LogIn(f"{server.url}/login")) as client,
    ):
        with pytest.raises(ResponseTooLargeError):
            await client.send(get_thing("t1"))
    assert memory() < 16


async def test_the_body_of_a_4xx_decompresses_no_more(bomb: bytes, memory: Callable[[], float]) -> None:
    """httpx reads the body of a 401 itself, before the request is sent once more."""
    refused = reply(401, bomb, Content_Encoding="gzip")
    async with (
        RawServer((refused, GOOD)) as server,
        connect(server.url, max_json_bytes=4 * MIB, auth=KeyAuth()) as client,
    ):
        with pytest.raises(ResponseTooLargeError):
            await client.send(get_thing("t1"))
    assert memory() < 16


@pytest.mark.parametrize("status", [400, 403, 404, 422])
async def test_the_body_of_a_5xx_decompresses_no_more(status: int, bomb: bytes, memory: Callable[[], float]) -> None:
    async with (
        RawServer((reply(status, bomb, Content_Encoding="gzip"),)) as server,
        connect(server.url, max_json_bytes=4 * MIB) as client,
    ):
        with pytest.raises(SessionsError):
            await client.send(get_thing("t1"))
        with pytest.raises(SessionsError):
            await fetch(client, server.url, io.BytesIO())
    assert memory() < 16


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
async def test_the_body_of_a_redirect_is_not_read(encoding: str, bomb: bytes, memory: Callable[[], float]) -> None:
    moved = reply(302, bomb, Content_Encoding=encoding, Location="/moved")
    responders = by(lambda request: GOOD if request.path == "/moved" else moved)
    async with RawServer((responders,)) as server, connect(server.url, max_json_bytes=100_000) as client:
        assert (await client.send(get_thing("t1"))).id == "t1"
        with pytest.raises(MalformedResponseError, match="JSON came instead"):
            await fetch(client, server.url, io.BytesIO())
    assert memory() < 16


async def test_an_unexpectedly_compressed_file_takes_little_memory(bomb: bytes, memory: Callable[[], float]) -> None:
    class Nowhere(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return len(data)

    async with RawServer((packed(bomb),)) as server, connect(server.url) as client:
        done = await fetch(client, server.url, Nowhere())
    assert done.size_bytes == 256 * MIB
    assert memory() < 16


async def test_members_without_content_do_not_escape_the_limit() -> None:
    """They grow to nothing: what is on the wire counts, too."""
    body = gzip.compress(b"") * 200_000
    async with (
        RawServer((packed(body + gzip.compress(b"{}")),)) as server,
        connect(server.url, max_json_bytes=MIB) as client,
    ):
        with pytest.raises(ResponseTooLargeError):
            await client.send(get_thing("t1"))


async def test_a_file_that_decompresses_to_nothing_ends_at_the_deadline() -> None:
    empty = gzip.compress(b"")

    async def drip(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}))
        while True:
            writer.write(b"%x\r\n%b\r\n" % (len(empty), empty))
            await writer.drain()
            await asyncio.sleep(0.01)

    async with RawServer((drip,)) as server, connect(server.url, deadline=0.2, timeout=1) as client:
        with pytest.raises(SessionsError, match="too slow"):
            await fetch(client, server.url, io.BytesIO())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"?", {"Content_Encoding": "br"}),
        (b"?", {"Content_Encoding": "gzip"}),
        (gzip.compress(b"{}")[:-4], {"Content_Encoding": "gzip"}),
        (b"{}", {"Content_Length": "900"}),
        (b"a" * MIB, {}),
    ],
    ids=["unknown", "corrupt", "cut", "broken off", "too large"],
)
@pytest.mark.parametrize(("status", "kind"), [(403, PermissionDeniedError), (429, RateLimitedError)])
async def test_an_error_status_with_an_unreadable_body_is_still_raised(
    status: int, kind: type[ApiError], body: bytes, headers: dict[str, str]
) -> None:
    """Its status says enough. A create that was refused with 429 must not seem to have been carried out, perhaps."""
    refused = raw(
        head(status, {"Content-Length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}) + body
    )
    async with RawServer((refused,)) as server, connect(server.url, attempts=1, max_json_bytes=100_000) as client:
        with pytest.raises(kind):
            await client.send(get_thing("t1"))
