"""Downloads over connections that break, from servers that change their mind."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.download import CHUNK_BYTES, Download, DownloadResult
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import (
    BrokenConnectionError,
    ConnectionConfigError,
    IncompleteDownloadError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    SessionsError,
)
from tests.unit.client.servers import RawServer, Received, Responder, by, head, raw, reply, reset
from tests.unit.client.things import connect

CONTENT = random.Random(4711).randbytes(3_000_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class FileServer:
    """Serves one file with ranges, and breaks off after ``cuts`` bytes of each response in turn."""

    content: bytes = CONTENT
    etag: str | None = '"v1"'
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    on_cut: Callable[[FileServer], None] = lambda server: None
    sent: int = 0

    def __call__(self, request: Received) -> Responder:
        start = self._start(request)
        if start >= len(self.content) > 0:
            return reply(416, Content_Range=f"bytes */{len(self.content)}")
        rest = self.content[start:]
        headers = {"Content-Type": "video/mp4", "Content-Length": str(len(rest)), **self.headers}
        if self.etag:
            headers["ETag"] = self.etag
        if "range" in request.headers and self.ranges and self._is_same(request):
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
            return self._body(206, headers, rest)
        return self._body(200, headers, rest)

    def _is_same(self, request: Received) -> bool:
        return request.headers.get("if-range") in (self.etag, self.headers.get("Last-Modified"))

    def _start(self, request: Received) -> int:
        if "range" not in request.headers or not self.ranges or not self._is_same(request):
            return 0
        return int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))

    def _body(self, status: int, headers: dict[str, str], rest: bytes) -> Responder:
        cut = self.cuts.pop(0) if self.cuts else None

        async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
            body = rest if cut is None else rest[:cut]
            self.sent += len(body)
            writer.write(head(status, headers) + body)
            await writer.drain()
            if cut is not None:
                self.on_cut(self)
                return False
            return True

        return responder


async def fetch(
    client: Client, server: RawServer, target: Any = None, *, path: str = "/file", **settings: Any
) -> tuple[DownloadResult, bytes]:
    target = io.BytesIO() if target is None else target

    async def address() -> tuple[str, dict[str, str]]:
        return f"{server.url}{path}", {}

    done = await Download(client, address, target, **settings).run()
    return done, target.getvalue()


async def test_a_file_is_downloaded() -> None:
    progress: list[tuple[int, int | None]] = []
    async with RawServer((by(FileServer()),)) as server, connect(server.url) as client:
        done, content = await fetch(
            client, server, expected_size=len(CONTENT), on_progress=lambda size, total: progress.append((size, total))
        )
    assert content == CONTENT
    assert done == DownloadResult(len(CONTENT), SHA, "video/mp4")
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert [size for size, _ in progress] == sorted({size for size, _ in progress})


async def test_an_empty_file_is_downloaded() -> None:
    async with RawServer((by(FileServer(content=b"")),)) as server, connect(server.url) as client:
        done, content = await fetch(client, server, expected_size=0)
    assert (done.size_bytes, content) == (0, b"")


async def test_twenty_broken_connections_cost_twenty_resumptions() -> None:
    files = FileServer(cuts=[90_000 + 7 * n for n in range(20)])
    async with RawServer((by(files),)) as server, connect(server.url) as client:
        done, content = await fetch(client, server)
    assert (done.sha256, content) == (SHA, CONTENT)
    assert len(server.requests) == 21
    assert files.sent - len(CONTENT) <= 20 * CHUNK_BYTES
    assert files.sent == len(CONTENT)  # what arrived is never fetched twice
    assert server.requests[1].headers["range"] == "bytes=90000-"
    assert server.requests[1].headers["if-range"] == '"v1"'


async def test_a_file_that_changed_is_downloaded_from_the_start() -> None:
    new = bytes(reversed(CONTENT))

    def change(files: FileServer) -> None:
        files.content, files.etag = new, '"v2"'

    files = FileServer(cuts=[100_000], on_cut=change)
    async with RawServer((by(files),)) as server, connect(server.url) as client:
        done, content = await fetch(client, server)
    assert content == new
    assert done.sha256 == hashlib.sha256(new).hexdigest()


async def test_the_rest_of_a_changed_file_is_not_appended() -> None:
    """It ignores If-Range, as some do; the ETag tells."""
    old, new = b"a" * 200_000, b"b" * 200_000
    first = raw(head(200, {"Content-Length": "200000", "ETag": '"old"'}) + old[:50_000])

    def later(request: Received) -> Responder:
        if "range" not in request.headers:
            return reply(200, new, ETag='"new"')
        return reply(206, new[50_000:], ETag='"new"', Content_Range="bytes 50000-199999/200000")

    async with RawServer((first, by(later))) as server, connect(server.url) as client:
        _, content = await fetch(client, server)
    assert content == new


async def test_another_part_than_requested_is_not_appended() -> None:
    first = raw(head(200, {"Content-Length": "200000", "ETag": '"v"'}) + CONTENT[:50_000])

    def later(request: Received) -> Responder:
        if "range" not in request.headers:
            return reply(200, CONTENT[:200_000], ETag='"v"')
        return reply(206, CONTENT[40_000:200_000], ETag='"v"', Content_Range="bytes 40000-199999/200000")

    async with RawServer((first, by(later))) as server, connect(server.url) as client:
        _, content = await fetch(client, server)
    assert content == CONTENT[:200_000]


OLD = {"Last-Modified": "Mon, 02 Mar 2026 10:00:00 GMT", "Date": "Mon, 02 Mar 2026 15:00:00 GMT"}
JUST_NOW = {"Last-Modified": "Mon, 02 Mar 2026 15:00:00 GMT", "Date": "Mon, 02 Mar 2026 15:00:00 GMT"}


@pytest.mark.parametrize(
    ("etag", "headers", "resumes"),
    [
        ('"strong"', {}, True),
        ('W/"weak"', {}, False),
        (None, {}, False),
        ('W/"weak"', OLD, True),
        (None, OLD, True),
        (None, JUST_NOW, False),
    ],
)
async def test_only_a_strong_validator_allows_a_download_to_resume(
    etag: str | None, headers: dict[str, str], resumes: bool
) -> None:
    files = FileServer(content=CONTENT[:500_000], etag=etag, headers=headers, cuts=[200_000])
    async with RawServer((by(files),)) as server, connect(server.url) as client:
        _, content = await fetch(client, server)
    assert content == CONTENT[:500_000]
    assert ("range" in server.requests[1].headers) is resumes


async def test_without_ranges_a_download_starts_again() -> None:
    files = FileServer(ranges=False, cuts=[200_000, 400_000])
    async with RawServer((by(files),)) as server, connect(server.url) as client:
        done, content = await fetch(client, server)
    assert (content, done.sha256) == (CONTENT, SHA)


async def test_a_416_after_the_last_byte_completes_the_download() -> None:
    """Chunked, and broken off before the end."""
    headers = {"ETag": '"v1"', "Transfer-Encoding": "chunked"}
    first = raw(head(200, headers) + b"5\r\nhello\r\n")
    async with (
        RawServer((first, by(FileServer(content=b"hello")))) as server,
        connect(server.url) as client,
    ):
        done, content = await fetch(client, server)
    assert content == b"hello"
    assert done.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=5-"]


async def test_a_file_that_became_shorter_is_downloaded_from_the_start() -> None:
    first = raw(head(200, {"ETag": '"v1"', "Content-Length": "99"}) + b"hello, how are you")
    files = FileServer(content=b"hello")
    async with RawServer((first, by(files))) as server, connect(server.url) as client:
        _, content = await fetch(client, server)
    assert content == b"hello"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_an_expired_url_is_replaced(status: int) -> None:
    files = FileServer(content=CONTENT[:300_000], cuts=[100_000])
    addresses = 0

    def responder(request: Received) -> Responder:
        expired = request.path == "/file/1" and len(server.requests) > 1
        return reply(status, b"<Error><Code>AccessDenied</Code></Error>") if expired else files(request)

    async with RawServer((by(responder),)) as server, connect(server.url) as client:

        async def address() -> tuple[str, dict[str, str]]:
            nonlocal addresses
            addresses += 1
            return f"{server.url}/file/{addresses}", {}

        target = io.BytesIO()
        await Download(client, address, target).run()
    assert target.getvalue() == CONTENT[:300_000]
    assert addresses == 2
    assert server.requests[-1].headers["range"] == "bytes=100000-"


async def test_a_second_refused_url_raises() -> None:
    async with RawServer((reply(403),)) as server, connect(server.url) as client:
        with pytest.raises(PermissionDeniedError, match="testing responded with 403 to a download"):
            await fetch(client, server)
    assert len(server.requests) == 2


async def test_a_url_is_kept_while_it_works() -> None:
    link_count = 0
    files = FileServer(cuts=[100_000] * 5)
    async with RawServer((by(files),)) as server, connect(server.url) as client:

        async def address() -> tuple[str, dict[str, str]]:
            nonlocal link_count
            link_count += 1
            return f"{server.url}/file", {}

        await Download(client, address, io.BytesIO()).run()
    assert link_count == 1


@pytest.mark.parametrize(
    ("responder", "kind"),
    [(raw(), BrokenConnectionError), (reply(500), ServerError), (reply(429), RateLimitedError)],
)
async def test_a_download_without_progress_fails(responder: Responder, kind: type[Exception]) -> None:
    async with RawServer((responder,)) as server, connect(server.url, attempts=4) as client:
        with pytest.raises(kind):
            await fetch(client, server)
    assert len(server.requests) == 4


async def test_a_busy_server_is_retried_after_the_time_it_names() -> None:
    clock = VirtualClock(auto=True)
    began = clock.now()
    responders = (reply(503, Retry_After="20"), reply(429, Retry_After="30"), by(FileServer()))
    async with RawServer(responders) as server, connect(server.url, clock) as client:
        done, _ = await fetch(client, server)
    assert done.sha256 == SHA
    assert 50 <= (clock.now() - began).total_seconds() <= 52


@pytest.mark.parametrize(
    ("expected", "text"),
    [(len(CONTENT) + 1, "3000000 bytes came, but the platform announced 3000001"), (10, "larger than the 10 bytes")],
)
async def test_another_size_than_announced_is_an_error(expected: int, text: str) -> None:
    async with RawServer((by(FileServer()),)) as server, connect(server.url) as client:
        with pytest.raises(IncompleteDownloadError, match=text):
            await fetch(client, server, expected_size=expected)


@pytest.mark.parametrize(
    ("responder", "text"),
    [
        (reply(200, b'{"error": "expired"}', Content_Type="application/json; charset=utf-8"), "JSON came instead"),
        (reply(200, b'{"title": "Gone"}', Content_Type="application/problem+json"), "JSON came instead"),
        (reply(202, b"being prepared", Content_Type="text/plain"), "without the file came: 202"),
        (raw(head(204, {})), "without the file came: 204"),
    ],
    ids=["json", "problem", "not yet", "empty"],
)
async def test_a_response_instead_of_a_file_is_an_error(responder: Responder, text: str) -> None:
    async with RawServer((responder,)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match=text):
            await fetch(client, server)


async def test_a_file_that_comes_in_parts_is_completed() -> None:
    """A server may respond with less than the range that was requested. Source: RFC 9110 14.2."""

    def part(request: Received) -> Responder:
        start = int(request.headers.get("range", "bytes=0-")[6:-1])
        end = min(start + 500_000, len(CONTENT))
        content_range = f"bytes {start}-{end - 1}/{len(CONTENT)}"
        return reply(206, CONTENT[start:end], ETag='"v1"', Content_Range=content_range, Content_Type="video/mp4")

    async with RawServer((by(FileServer(cuts=[800_000])), by(part))) as server, connect(server.url) as client:
        done, content = await fetch(client, server)
    assert (content, done.sha256) == (CONTENT, SHA)
    assert len(server.requests) == 6


async def test_a_web_page_instead_of_a_file_is_an_error() -> None:
    page = reply(200, b"<html>expired</html>", Content_Type="text/html; charset=utf-8")
    async with RawServer((page,)) as server, connect(server.url) as client:
        with pytest.raises(MalformedResponseError, match="a web page came instead of the file"):
            await fetch(client, server)


async def test_an_unexpectedly_compressed_file_is_decompressed() -> None:
    packed = gzip.compress(CONTENT[:500_000])
    whole = reply(200, packed, Content_Encoding="gzip", ETag='"v1"')
    cut = raw(
        head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed)), "ETag": '"v1"'}) + packed[:9999]
    )
    async with RawServer((cut, whole)) as server, connect(server.url) as client:
        done, content = await fetch(client, server)
    assert content == CONTENT[:500_000]
    assert done.size_bytes == 500_000
    assert "range" not in server.requests[1].headers
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_server_that_is_too_slow_is_an_error() -> None:
    drip = raw(head(200, {"Content-Length": "1000"}), *[b"a"] * 100, pause=0.02)
    async with RawServer((drip,)) as server, connect(server.url, deadline=0.2) as client:
        with pytest.raises(IncompleteDownloadError, match="the server is too slow"):
            await fetch(client, server)
    assert len(server.requests) == 1


class ShortWrites(io.BytesIO):
    """Takes less than it is given, as raw files do."""

    def write(self, data: Any, /) -> int:
        return super().write(bytes(data)[:1000])


async def test_a_target_that_writes_partially_gets_every_byte_once() -> None:
    async with RawServer((by(FileServer(cuts=[70_000])),)) as server, connect(server.url) as client:
        done, content = await fetch(client, server, ShortWrites())
    assert (done.sha256, content) == (SHA, CONTENT)


async def test_a_target_that_fails_ends_the_download() -> None:
    class Full(io.BytesIO):
        def write(self, data: Any, /) -> int:
            raise OSError(28, "No space left on device")

    async with RawServer((by(FileServer()),)) as server, connect(server.url) as client:
        with pytest.raises(OSError, match="No space left"):
            await fetch(client, server, Full())
    assert len(server.requests) == 1


async def test_a_target_that_cannot_be_overwritten_is_an_error() -> None:
    class Pipe(io.BytesIO):
        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation("seek")

    async with RawServer((by(FileServer(etag=None, cuts=[70_000])),)) as server, connect(server.url) as client:
        with pytest.raises(IncompleteDownloadError, match="its target cannot be overwritten"):
            await fetch(client, server, Pipe())


async def test_a_download_from_another_host_gets_no_credential_and_no_log_of_its_url() -> None:
    async with RawServer((reply(404),)) as files, connect("http://127.0.0.1:9") as client:
        with pytest.raises(NotFoundError) as caught:
            await fetch(client, files, path="/hidden?X-Amz-Signature=hidden")
    assert {"authorization", "x-api-key", "cookie"} & set(files.requests[0].headers) == set()
    assert "hidden" not in str(caught.value)


async def test_the_error_of_a_broken_connection_does_not_quote_the_url() -> None:
    async with RawServer((raw(),)) as files, connect("http://127.0.0.1:9", attempts=1) as client:
        with pytest.raises(BrokenConnectionError, match=rf"download from {files.url}/\.\.\.") as caught:
            await fetch(client, files, path="/hidden?X-Amz-Signature=hidden")
    assert "hidden" not in str(caught.value)


async def test_memory_does_not_grow_with_the_file() -> None:
    size = 48 * 1024 * 1024
    block = b"a" * 65536

    async def endless(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(size)}))
        for _ in range(size // len(block)):
            writer.write(block)
            await writer.drain()
        return False

    class Nowhere(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return len(data)

    async with RawServer((endless,)) as server, connect(server.url) as client:
        tracemalloc.start()
        try:
            done, _ = await fetch(client, server, Nowhere())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert done.size_bytes == size
    assert peak < 4 * 1024 * 1024


async def test_a_reset_connection_is_resumed() -> None:
    async def cut(request: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head(200, {"Content-Length": str(len(CONTENT)), "ETag": '"v1"'}) + CONTENT[:400_000])
        await writer.drain()
        await asyncio.sleep(0.05)
        reset(writer)
        return False

    async with RawServer((cut, by(FileServer()))) as server, connect(server.url) as client:
        done, _ = await fetch(client, server)
    assert done.sha256 == SHA


@pytest.mark.parametrize(
    "address",
    ["", "file", "/file", "ftp://files.test/f", "file:///etc/passwd", "data:,x", "http://", "http://[::1", "http://h:port",
     "http://h\x00/", "http://h/\ud800", "http://\ud800/", "http://xn--a/", "http://a..b/"],
)  # fmt: skip
async def test_an_invalid_url_is_a_malformed_response(address: str) -> None:
    async def given() -> tuple[str, dict[str, str]]:
        return address, {}

    async with connect("http://127.0.0.1:9", attempts=1) as client:
        with pytest.raises(SessionsError) as caught:
            await Download(client, given, io.BytesIO()).run()
    assert not isinstance(caught.value, ConnectionConfigError)
    assert "credential" not in str(caught.value)
