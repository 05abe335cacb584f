"""What every request passes on its way to the wire: redirects, downloads and log-ins included.

- A credential goes to the connection's own hosts alone; httpx by itself would send ``X-API-Key`` on to another host
  that a redirect names. Another host gets the headers of a list, and no others.
- A request that changes something never leaves its host, and is not turned into a GET by a redirect on the way.
- Nothing goes from https to http, nor from a platform out there to an address inside this machine or its network: see
  :mod:`airflow_provider_sessions.client.addresses`.
- Each request to the platform waits for the rate limiter, which then learns what the response said of the limit.
- No answer is larger, or lasts longer, than one may; downloads look after themselves.
- Each request is logged with its address redacted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.addresses import AddressPolicy
from airflow_provider_sessions.client.decompression import ENCODED, decode_body
from airflow_provider_sessions.client.redact import drop_secret_headers, redact_path, redact_url
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import RateLimitTimeoutError, RedirectRefusedError, ResponseTooLargeError
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo, parse_rate_limit_headers
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

DOWNLOAD = "download"
"""Request extension: the body is a file, of any size and however long it takes."""
CATEGORY = "rate_limit_category"
"""Request extension: the category of endpoints whose rate limit holds beside the account's; None for no such limit."""
_SENDS = ("http11.send_request_headers.started", "http2.send_request_headers.started")
"""What the request extension ``trace`` is told when a connection is there and the request is written to it. Source:
httpcore, Extensions, "trace"."""
_LONGEST_HOLD = 1.0
_HOLDS = 20
"""How long, in seconds, and how often a request whose slot has come is held; beyond, it asks for another slot."""
_LONG_WAIT = 5.0
"""Seconds beyond which the wait for a slot is told to everybody."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_READING = ("GET", "HEAD")
_SAME_METHOD = (307, 308)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    return (url.scheme, host_of(url), url.port or _DEFAULT_PORTS.get(url.scheme))


def host_of(url: httpx.URL) -> str:
    """The host as it stands on the wire. ``url.host`` would decode international names, and fails where it cannot."""
    return url.raw_host.decode("ascii")


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport around another.

    :param inner: the transport that does the work.
    :param trusted: addresses on whose hosts the credential may be seen.
    :param policy: other addresses that may be reached.
    :param limiter: the limiter of the account.
    :param category_limiters: limiters of categories of endpoints.
    :param traffic_class: what the requests are for.
    :param clock: time.
    :param max_wait: seconds that a request may wait for its slot.
    :param deadline: seconds that a request may last from then on.
    :param max_bytes: bytes that an answer may have, on the wire and decompressed.
    :ivar response_count: how many responses have come, errors included.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        trusted: Iterable[str],
        policy: AddressPolicy,
        limiter: RateLimiter,
        category_limiters: Mapping[str, RateLimiter],
        traffic_class: TrafficClass,
        clock: Clock,
        max_wait: float,
        deadline: float,
        max_bytes: int,
    ) -> None:
        self._inner = inner
        self._trusted = frozenset(origin(httpx.URL(url)) for url in trusted)
        self._policy = policy
        self._limiter = limiter
        self._category_limiters = category_limiters
        self._traffic_class = traffic_class
        self._clock = clock
        self._max_wait = max_wait
        self._deadline = deadline
        self._max_bytes = max_bytes
        self.response_count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, guarded.

        :raises RateLimitTimeoutError: no slot is free soon enough.
        :raises RedirectRefusedError: a request was redirected to where it must not go.
        """
        if self.trusts(request.url):
            response = await self._send_in_slot(request)
        else:
            self._refuse_abroad(request)
            drop_secret_headers(request)
            response = await self._send(request, redact_path)
        if refused := _refused_redirect(request, response):
            await response.aclose()
            raise RedirectRefusedError(refused)
        return response

    def trusts(self, url: httpx.URL) -> bool:
        """Whether the credential may be seen there."""
        return origin(url) in self._trusted

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()

    async def _send_in_slot(self, request: httpx.Request) -> httpx.Response:
        of_category = self._category_limiters.get(request.extensions.get(CATEGORY) or "")
        left = written = await self._wait_for_slot(request, of_category)

        async def trace(event: str, details: Mapping[str, object]) -> None:
            nonlocal written
            if event in _SENDS:
                written = self._clock.now()

        if (
            of_category is not None or self._limiter.limit is not None
        ):  # else nobody asks when requests arrive, and each event takes time
            request.extensions = {**request.extensions, "trace": trace}
        response = await self._send(request, redact_url)
        now = self._clock.now()
        info = parse_rate_limit_headers(response.status_code, response.headers, now)
        send_delay, elapsed = (max(0.0, (then - left).total_seconds()) for then in (written, now))
        info = replace(info, send_delay=min(send_delay, elapsed), elapsed=elapsed)
        try:
            await self._observe(info, of_category)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _observe(self, info: RateLimitInfo, of_category: RateLimiter | None) -> None:
        """Let the limiters learn from a response. What it says of a limit is meant of the category, if there is one."""
        if of_category is not None:
            await of_category.observe(info)
            info = RateLimitInfo(status=0, send_delay=info.send_delay, elapsed=info.elapsed)
        await self._limiter.observe(info)

    async def _wait_for_slot(self, request: httpx.Request, of_category: RateLimiter | None) -> datetime:
        """Wait until the request may be sent; when that was. A category's slot comes first, and the account's last."""
        gives_up = self._clock.now() + timedelta(seconds=self._max_wait)
        while True:
            if of_category is not None:
                await self._wait_for_reserved(request, of_category, gives_up)
            await self._wait_for_reserved(request, self._limiter, gives_up)
            left = await self._leave(self._limiter)
            if left and (of_category is None or await self._leave(of_category)):
                return left

    async def _wait_for_reserved(self, request: httpx.Request, limiter: RateLimiter, gives_up: datetime) -> None:
        patience = (gives_up - self._clock.now()).total_seconds()
        wait = await limiter.reserve(self._traffic_class, max_wait=patience)
        if wait is None:
            raise await self._no_room(request, limiter)
        if wait > 0:
            _tell_wait(request, wait)
            await self._clock.sleep(wait)

    async def _leave(self, limiter: RateLimiter) -> datetime | None:
        """Leave in the slot that has come; None where it is worth nothing by now: the platform closed, say."""
        for _ in range(_HOLDS):
            now = self._clock.now()
            held = await limiter.admit()
            if held <= 0:
                return now
            if held > _LONGEST_HOLD:
                return None
            await self._clock.sleep(held)
        return None

    async def _no_room(self, request: httpx.Request, limiter: RateLimiter) -> RateLimitTimeoutError:
        later, limit = await limiter.get_wait(self._traffic_class), limiter.limit
        who = "the account" if limiter is self._limiter else f"the category {request.extensions[CATEGORY]!r}"
        known = "the platform has asked to be left alone" if limit is None else f"{who} allows {limit}"
        slot = (self._clock.now() + timedelta(seconds=later)).strftime("%H:%M:%S UTC")
        return RateLimitTimeoutError(
            f"the rate limit leaves no room for {request.method} {request.url.path} within "
            f"{self._max_wait:.0f} s: {known}; the next free slot is at {slot}, in {later:.1f} s",
            status=429,
            retry_after=later,
        )

    def _refuse_abroad(self, request: httpx.Request) -> None:
        if request.method not in _READING:
            raise RedirectRefusedError(
                f"{request.method} was redirected to another host, {host_of(request.url)}; it was not sent there, "
                f"because it may hold credentials or change something"
            )
        self._policy.check_url(request.url)

    async def _send(self, request: httpx.Request, redact: Callable[[str], str]) -> httpx.Response:
        began = time.perf_counter()
        ends = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(ends):
                response = await self._inner.handle_async_request(request)
        except (httpx.HTTPError, TimeoutError) as failure:
            log.debug("%s %s: %s", request.method, redact(str(request.url)), type(failure).__name__)
            raise
        self.response_count += 1
        if log.isEnabledFor(logging.DEBUG):
            address, took = redact(str(request.url)), 1000 * (time.perf_counter() - began)
            log.debug("%s %s: %d in %.0f ms", request.method, address, response.status_code, took)
        try:
            self._prepare_body(request, response, ends, redact)
        except BaseException:
            await response.aclose()
            raise
        return response

    def _prepare_body(
        self, request: httpx.Request, response: httpx.Response, ends: float, redact: Callable[[str], str]
    ) -> None:
        """Bound a body in time and size, on the wire and decompressed; a file's is decompressed alone."""

        def bounded(stream: httpx.AsyncByteStream) -> httpx.AsyncByteStream:
            return _Bounded(stream, ends, self._max_bytes, f"{request.method} {redact(str(request.url))}")

        if not isinstance(response.stream, httpx.AsyncByteStream):
            return
        if response.has_redirect_location:
            response.stream = _Unread(response.stream)
            return
        is_file = DOWNLOAD in request.extensions and response.is_success
        if not is_file:
            response.stream = bounded(response.stream)
        try:
            decode_body(request, response)
        except httpx.DecodingError:
            if response.is_success:
                raise
            response.stream = _Unread(response.stream)  # its status says enough
        if not is_file and ENCODED in response.extensions:
            response.stream = bounded(response.stream)


class _Unread(httpx.AsyncByteStream):
    """A body that nobody needs, such as a redirect's, and that httpx would read: it is closed unread."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in tuple[bytes, ...]():
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Bounded(httpx.AsyncByteStream):
    """A body that ends in time and in size: httpx reads those of log-ins without any bound."""

    def __init__(self, inner: httpx.AsyncByteStream, ends: float, max_bytes: int, what: str) -> None:
        self._inner = inner
        self._ends = ends
        self._max_bytes = max_bytes
        self._left = max_bytes
        self._what = what

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        while True:
            async with asyncio.timeout_at(self._ends):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            self._left -= len(chunk)
            if self._left < 0:
                raise ResponseTooLargeError(f"{self._what}: the answer is larger than {self._max_bytes} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _tell_wait(request: httpx.Request, wait: float) -> None:
    """Say that a request waits: so that a reader of the log sees why nothing happens, if it is for long."""
    log.log(
        logging.INFO if wait > _LONG_WAIT else logging.DEBUG,
        "%s %s waits %.1f s for a slot of the account's rate limit: requests before it, or a 429, have used it up",
        request.method,
        redact_url(str(request.url)),
        wait,
    )


def _refused_redirect(request: httpx.Request, response: httpx.Response) -> str | None:
    """Why a redirect is not followed, if it is not."""
    if not response.has_redirect_location:
        return None
    if request.method not in _READING and response.status_code not in _SAME_METHOD:
        return (
            f"{request.method} {request.url.path} was answered by the redirect {response.status_code}, which would "
            f"turn it into a GET; check the connection's host (http or https, and its path)"
        )
    if request.url.scheme == "https" and response.headers["location"].strip().lower().startswith("http:"):
        return f"{host_of(request.url)} redirected from https to http, where everybody on the way can read along"
    return None
