"""Headers of any content: whatever comes, only errors of ours leave the client, and what they say can be used."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Generator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.download import Download
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import ApiError, BrokenConnectionError, SessionsError
from airflow_provider_sessions.rate_limit.headers import parse_rate_limit_headers
from tests.unit.client.servers import RawServer, Received, Responder, by, head, raw, reply
from tests.unit.client.things import DIALECT, KeyAuth, connect, get_thing

EXAMPLES = 2000
NUMBERS = [
    "9" * 18,
    "9" * 19,
    "9" * 309,
    "9" * 4300,
    "9" * 5000,
    "0" * 5000,
    "1e999",
    "-1",
    "+5",
    "0x10",
    "٣",
    "²",
    "5.",
]
DATES = [
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 0001 00:00:00",
    "Mon, 01 Jan 0000 00:00:00 GMT",
    "Mon, 01 Jan 99999 00:00:00 GMT",
    "Mon, 99 Jan 2026 00:00:00 GMT",
    "Mon, 02 Mar 2026 24:61:61 GMT",
    "Mon, 02 Mar 2026 10:00:00 +9999",
    "Mon, 02 Mar 2026 10:00:00 " + "9" * 5000,
    "Mon, " + "9" * 5000 + " Mar 2026 10:00:00 GMT",
    "Mon, 02 Mar " + "9" * 5000 + " 10:00:00 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Mon, 02 Mar 2026 10:00:00 GMT",
]
OTHERS = [
    '"é"', "W/x", '""', '"' + "x" * 90_000 + '"', "bytes 0-1/" + "9" * 5000, "bytes " + "9" * 5000 + "-2/3",
    "bytes */*", "bytes 7-9/10", "http://xn--a/", "http://[::1", "http://h:99999/", "http://h:" + "9" * 5000 + "/",
    "//", "http:///x", "https://a@b@c/", "http://\u00ad/", "http://a..b/", "?" * 70_000, "http://" + "a" * 300 + "/",
    "ftp://h/", "\\\\h\\x", "http://" + "a." * 200, "gzip", "deflate", "br", "gzip, br", ",", "text/html;charset=\xff",
    "chunked", "1;w=" + "9" * 5000, "limit=" + "9" * 5000 + ", remaining=0, reset=" + "9" * 400,
    '"default";r=0;t=' + "9" * 5000, "http://127.0.0.1:9/" + "\xff" * 9, "http://\u0661\u0662/", "/\x7f",
]  # fmt: skip
NAMES = [
    "Content-Range", "Content-Length", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
    "RateLimit", "RateLimit-Reset", "X-Rate-Limit-Reset", "Date", "Age", "Last-Modified", "ETag", "Location",
    "Content-Type", "Content-Encoding", "Transfer-Encoding", "X-Request-Id", "Set-Cookie", "WWW-Authenticate",
]  # fmt: skip

values = st.one_of(
    st.sampled_from(NUMBERS + DATES + OTHERS),
    st.integers(min_value=0).map(str),
    st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=30),
)
headers = st.dictionaries(st.sampled_from(NAMES), values, max_size=4).map(lambda drawn: list(drawn.items()))
statuses = st.sampled_from([200, 202, 206, 301, 302, 304, 307, 401, 403, 404, 416, 429, 500, 503])


class _Body(httpx.AsyncByteStream):
    def __init__(self, parts: Iterable[bytes], *, breaks: bool) -> None:
        self.parts = parts
        self.breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part
        if self.breaks:
            raise httpx.ReadError("broken")


class Headers(httpx.AsyncBaseTransport):
    """Responds to every request with the drawn headers; the first half of a file breaks off."""

    def __init__(self, drawn: list[list[tuple[str, str]]], statuses: list[int]) -> None:
        self.drawn = drawn
        self.statuses = statuses
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for value in request.headers.raw:
            assert all(isinstance(part, bytes) for part in value)
        n = min(self.count, len(self.drawn) - 1)
        self.count += 1
        given = [(name.encode(), value.encode()) for name, value in self.drawn[n]]
        body = _Body((b"half a file",), breaks=n < len(self.drawn) - 1)
        return httpx.Response(self.statuses[n], headers=given, stream=body, request=request)


@pytest.fixture(scope="module")
def runner() -> Generator[asyncio.Runner, None, None]:
    with asyncio.Runner() as runner:
        yield runner


def is_usable(error: SessionsError, now: datetime) -> None:
    """What tasks do with an error: show it, and compute when to come back."""
    assert str(error)
    if isinstance(error, ApiError) and error.retry_after is not None:
        assert now + timedelta(seconds=error.retry_after) >= now


async def _use(transport: Headers) -> None:
    clock = VirtualClock(auto=True)
    config = ClientConfig("http://127.0.0.1:9", retry=RetryPolicy(attempts=2, max_wait=60))

    async def address() -> tuple[str, dict[str, str]]:
        return "http://127.0.0.1:9/file", {}

    async with Client(config, dialect=DIALECT, auth=KeyAuth(), clock=clock, transport=transport) as client:
        for attempt in (lambda: client.send(get_thing("t1")), lambda: Download(client, address, io.BytesIO()).run()):
            transport.count = 0
            try:
                await attempt()
            except SessionsError as error:
                is_usable(error, clock.now())


@settings(max_examples=EXAMPLES, deadline=None)
@given(drawn=st.lists(headers, min_size=1, max_size=2), codes=st.lists(statuses, min_size=2, max_size=2))
@example(drawn=[[("ETag", '"é"')], []], codes=[200, 200])
@example(drawn=[[("ETag", '"v"')], [("Content-Range", "bytes 11-12/" + "9" * 5000)]], codes=[200, 206])
@example(drawn=[[("Last-Modified", DATES[0]), ("Date", DATES[1])]], codes=[200, 200])
@example(drawn=[[("Last-Modified", DATES[2]), ("Date", DATES[3])]], codes=[200, 200])
@example(drawn=[[("Retry-After", "9" * 300)]], codes=[429, 200])
@example(drawn=[[("Location", "http://xn--a/")]], codes=[302, 200])
@example(drawn=[[("Location", "http://h:99999/")]], codes=[302, 200])
def test_any_header_raises_only_errors_of_this_package(
    drawn: list[list[tuple[str, str]]], codes: list[int], runner: asyncio.Runner
) -> None:
    runner.run(_use(Headers(drawn, codes)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    status=statuses,
    drawn=headers,
    now=st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_parsed_rate_limits_can_be_computed_with(status: int, drawn: Any, now: datetime) -> None:
    news = parse_rate_limit_headers(status, dict(drawn), now)
    for seconds in (news.reset, news.retry_after, news.blocked_for, news.retry_delay):
        assert seconds is None or now + timedelta(seconds=seconds) >= now
    for count in (news.limit, news.remaining):
        assert count is None or 0 <= count <= 10**18


# The same through a socket


def make_responders(*, first: dict[str, str], second: dict[str, str], status: int = 206) -> tuple[Responder, Responder]:
    """Half a file, then what is said of its rest."""
    half = raw(head(200, {"Content-Length": "10", **first}) + b"hello")
    return half, raw(head(status, {"Content-Length": "5", **second}) + b"there")


async def fetch(*given: Responder) -> bytes:
    target = io.BytesIO()
    async with RawServer(given) as server, connect(server.url, attempts=2) as client:

        async def address() -> tuple[str, dict[str, str]]:
            return f"{server.url}/file", {}

        await Download(client, address, target).run()
    return target.getvalue()


@pytest.mark.parametrize("etag", ['"é"', '"\xe9\xff"', '"' + "x" * 5000 + '"', 'w/"weak"'])
async def test_a_file_with_an_invalid_etag_is_downloaded_from_the_start(etag: str) -> None:
    half = raw(head(200, {"Content-Length": "10", "ETag": etag}) + b"hello")

    def whole(request: Received) -> Responder:
        assert "range" not in request.headers
        return reply(200, b"hellothere")

    assert await fetch(half, by(whole)) == b"hellothere"


@pytest.mark.parametrize("digits", [19, 310, 5000])
async def test_an_endless_number_in_content_range_is_an_error(digits: int) -> None:
    first = {"ETag": '"v"'}
    with pytest.raises(BrokenConnectionError, match="another part of the file"):
        await fetch(
            *make_responders(first=first, second={"ETag": '"v"', "Content-Range": f"bytes {'9' * digits}-9/10"})
        )


@pytest.mark.parametrize("length", ["9" * 21, "9" * 5000, "-1", "5, 6", "\u0665", "5e0", ""])
async def test_an_invalid_length_is_an_error_of_this_package(length: str) -> None:
    bad = raw(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello".encode())
    async with RawServer((bad,)) as server, connect(server.url, attempts=1) as client:
        with pytest.raises(SessionsError):
            await client.send(get_thing("t1"))


@pytest.mark.parametrize("date", DATES)
async def test_dates_outside_the_calendar_are_ignored(date: str) -> None:
    for first in ({"Last-Modified": date, "Date": DATES[-1]}, {"Last-Modified": DATES[-1], "Date": date}):
        half = raw(head(200, {"Content-Length": "10", **first}) + b"hello")
        assert await fetch(half, reply(200, b"hellothere")) == b"hellothere"


@pytest.mark.parametrize("status", [429, 503, 500])
@pytest.mark.parametrize("said", ["9" * 300, "9" * 5000, *DATES[:6]])
async def test_a_retry_date_at_the_end_of_the_calendar_can_be_computed_with(status: int, said: str) -> None:
    async with (
        RawServer((reply(status, b"{}", Retry_After=said, X_RateLimit_Reset=said),)) as server,
        connect(server.url, attempts=1) as client,
    ):
        with pytest.raises(ApiError) as caught:
            await client.send(get_thing("t1"))
    is_usable(caught.value, datetime.now(UTC))


async def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source: RFC 9110 5.6.7, of the form of asctime."""
    import time

    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    try:
        news = parse_rate_limit_headers(
            429, {"Retry-After": "Mon Mar  2 10:00:30 2026"}, datetime(2026, 3, 2, 10, tzinfo=UTC)
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert news.retry_after == 30


@pytest.mark.parametrize("body", [gzip.compress(b"{}"), b""])
async def test_an_invalid_encoding_is_named(body: bytes) -> None:
    async with (
        RawServer((reply(200, body, Content_Encoding="\xff" * 300),)) as server,
        connect(server.url, attempts=1) as client,
    ):
        with pytest.raises(SessionsError) as caught:
            await client.send(get_thing("t1"))
    assert len(str(caught.value)) < 400
