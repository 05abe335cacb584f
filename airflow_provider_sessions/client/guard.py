"""Check every request right before it is sent: those of redirects, downloads and log-ins too.

- A credential is sent to the connection's own hosts only; httpx by itself would send ``X-API-Key`` on to another host
  after a redirect. Another host gets a few harmless headers and no others.
- A request that changes something never leaves its host, and no redirect turns it into a GET.
- Nothing goes from https to http, nor from a public platform to a private address: see
  :mod:`airflow_provider_sessions.client.addresses`.
- Each request to the platform waits for the rate limiter, which learns what the response says of the limit.
- Responses are limited in size and duration, except for those of downloads, which
  :mod:`airflow_provider_sessions.client.download` checks.
- Each request is logged with its URL redacted.
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
from airflow_provider_sessions.client.decompression import IS_COMPRESSED, decompress_body
from airflow_provider_sessions.client.redact import drop_secret_headers, redact_path, redact_url
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import RateLimitTimeoutError, RedirectRefusedError, ResponseTooLargeError
from airflow_provider_sessions.metrics import NO_RESPONSE, RATE_LIMIT_WAIT, REQUESTS, Metrics
from airflow_provider_sessions.rate_limit.headers import RateLimitInfo, parse_rate_limit_headers
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.rate_limit.limiter import RateLimiter
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

IS_DOWNLOAD = "download"
"""Request extension: the body of the response is a file, of any size and duration."""
CATEGORY = "rate_limit_category"
"""Request extension: the category of endpoints whose rate limit applies besides the account's; None for none."""
_SEND_EVENTS = ("http11.send_request_headers.started", "http2.send_request_headers.started")
"""Events of the request extension ``trace``: the connection is open, and the request is being written. Source:
httpcore, Extensions, "trace"."""
_MAX_HOLD = 1.0
"""Seconds for which a request whose reserved time has come is held; if it is longer, a new reservation is made."""
_MAX_HOLDS = 20
_LONG_WAIT = 5.0
"""Seconds of a wait for the rate limit that is logged at level INFO."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE_METHODS = ("GET", "HEAD")
_METHOD_PRESERVING = (307, 308)


def parse_origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL."""
    return (url.scheme, get_raw_host(url), url.port or _DEFAULT_PORTS.get(url.scheme))


def get_raw_host(url: httpx.URL) -> str:
    """Return the host as it is sent. ``url.host`` decodes international names, and fails if it cannot."""
    return url.raw_host.decode("ascii")


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport that checks requests and passes them on to another.

    :param inner: the transport that sends them.
    :param trusted: URLs of the hosts to which the credential is sent.
    :param policy: which other addresses may be requested.
    :param limiter: the account's rate limiter.
    :param category_limiters: the rate limiters of categories of endpoints.
    :param traffic_class: what the requests are for.
    :param clock: the time.
    :param metrics: reports requests and waits.
    :param max_wait: seconds that a request may wait for the rate limit.
    :param deadline: seconds that it may take from then on.
    :param max_bytes: bytes that a response may have, both compressed and decompressed.
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
        metrics: Metrics,
        max_wait: float,
        deadline: float,
        max_bytes: int,
    ) -> None:
        self._inner = inner
        self._trusted = frozenset(parse_origin(httpx.URL(url)) for url in trusted)
        self._policy = policy
        self._limiter = limiter
        self._category_limiters = category_limiters
        self._traffic_class = traffic_class
        self._clock = clock
        self._metrics = metrics
        self._max_wait = max_wait
        self._deadline = deadline
        self._max_bytes = max_bytes
        self.response_count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check a request and send it.

        :raises RateLimitTimeoutError: it would wait too long for the rate limit.
        :raises RedirectRefusedError: it was redirected to an address that must not be requested.
        """
        if self.is_trusted(request.url):
            response = await self._send_limited(request)
        else:
            self._check_foreign(request)
            drop_secret_headers(request)
            response = await self._send(request, redact_path)
        if reason := _reject_redirect(request, response):
            await response.aclose()
            raise RedirectRefusedError(reason)
        return response

    def is_trusted(self, url: httpx.URL) -> bool:
        """Whether the credential is sent to a URL."""
        return parse_origin(url) in self._trusted

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()

    async def _send_limited(self, request: httpx.Request) -> httpx.Response:
        """Send a request within the rate limit, and report the response to the limiters."""
        category_limiter = self._category_limiters.get(request.extensions.get(CATEGORY) or "")
        admitted_at = written_at = await self._wait_for_limit(request, category_limiter)

        async def trace(event: str, details: Mapping[str, object]) -> None:
            nonlocal written_at
            if event in _SEND_EVENTS:
                written_at = self._clock.now()

        if category_limiter is not None or self._limiter.limit is not None:
            # Without a limit, nobody needs to know when the request was written, and each event takes time.
            request.extensions = {**request.extensions, "trace": trace}
        status = NO_RESPONSE
        try:
            response = await self._send(request, redact_url)
            status = str(response.status_code)
        finally:
            self._metrics.increment(REQUESTS, tags={"status": status})
        now = self._clock.now()
        info = parse_rate_limit_headers(response.status_code, response.headers, now)
        send_delay, elapsed = (max(0.0, (time - admitted_at).total_seconds()) for time in (written_at, now))
        info = replace(info, send_delay=min(send_delay, elapsed), elapsed=elapsed)
        try:
            await self._observe(info, category_limiter)
        except BaseException:
            await response.aclose()
            raise
        return response

    async def _observe(self, info: RateLimitInfo, category_limiter: RateLimiter | None) -> None:
        """Report a response to the limiters. What it says of a limit is about the category, if there is one."""
        if category_limiter is not None:
            await category_limiter.observe(info)
            info = RateLimitInfo(status=0, send_delay=info.send_delay, elapsed=info.elapsed)
        await self._limiter.observe(info)

    async def _wait_for_limit(self, request: httpx.Request, category_limiter: RateLimiter | None) -> datetime:
        """Wait until the rate limits admit a request, the category's first; return the time at which they did."""
        latest = self._clock.now() + timedelta(seconds=self._max_wait)
        while True:
            if category_limiter is not None:
                await self._wait_for_reservation(request, category_limiter, latest)
            await self._wait_for_reservation(request, self._limiter, latest)
            admitted_at = await self._admit(self._limiter)
            if admitted_at and (category_limiter is None or await self._admit(category_limiter)):
                return admitted_at

    async def _wait_for_reservation(self, request: httpx.Request, limiter: RateLimiter, latest: datetime) -> None:
        max_wait = (latest - self._clock.now()).total_seconds()
        wait = await limiter.reserve(self._traffic_class, max_wait=max_wait)
        if wait is None:
            raise await self._make_timeout_error(request, limiter)
        if wait > 0:
            log.log(
                logging.INFO if wait > _LONG_WAIT else logging.DEBUG,
                "%s %s: rate limited; sending the request in %.1f s",
                request.method,
                redact_url(str(request.url)),
                wait,
            )
            await self._sleep(wait)

    async def _admit(self, limiter: RateLimiter) -> datetime | None:
        """Return the time at which a request is admitted; None if it needs a new reservation, as after a 429."""
        for _ in range(_MAX_HOLDS):
            now = self._clock.now()
            hold = await limiter.admit()
            if hold <= 0:
                return now
            if hold > _MAX_HOLD:
                return None
            await self._sleep(hold)
        return None

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._metrics.record_seconds(RATE_LIMIT_WAIT, seconds)

    async def _make_timeout_error(self, request: httpx.Request, limiter: RateLimiter) -> RateLimitTimeoutError:
        wait, limit = await limiter.get_wait(self._traffic_class), limiter.limit
        owner = "the account" if limiter is self._limiter else f"the category {request.extensions[CATEGORY]!r}"
        reason = "the platform refuses requests" if limit is None else f"{owner} allows {limit}"
        time = (self._clock.now() + timedelta(seconds=wait)).strftime("%H:%M:%S UTC")
        return RateLimitTimeoutError(
            f"{request.method} {request.url.path}: rate limited for more than {self._max_wait:.0f} s: {reason}; "
            f"the next request can be sent at {time}, in {wait:.1f} s",
            status=429,
            retry_after=wait,
        )

    def _check_foreign(self, request: httpx.Request) -> None:
        """Check a request to another host.

        :raises RedirectRefusedError: it must not be sent.
        """
        if request.method not in _SAFE_METHODS:
            raise RedirectRefusedError(
                f"{request.method} was redirected to another host, {get_raw_host(request.url)}; it was not sent there, "
                f"because it may hold credentials or change something"
            )
        self._policy.check_url(request.url)

    async def _send(self, request: httpx.Request, redact: Callable[[str], str]) -> httpx.Response:
        started = time.perf_counter()
        ends_at = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(ends_at):
                response = await self._inner.handle_async_request(request)
        except (httpx.HTTPError, TimeoutError) as error:
            log.debug("%s %s: %s", request.method, redact(str(request.url)), type(error).__name__)
            raise
        self.response_count += 1
        if log.isEnabledFor(logging.DEBUG):
            url, elapsed = redact(str(request.url)), 1000 * (time.perf_counter() - started)
            log.debug("%s %s: %d in %.0f ms", request.method, url, response.status_code, elapsed)
        try:
            self._limit_body(request, response, ends_at, redact)
        except BaseException:
            await response.aclose()
            raise
        return response

    def _limit_body(
        self, request: httpx.Request, response: httpx.Response, ends_at: float, redact: Callable[[str], str]
    ) -> None:
        """Decompress a body, and limit its duration, and its size before and after; a download's is not limited."""

        def limit(stream: httpx.AsyncByteStream) -> httpx.AsyncByteStream:
            return _LimitedBody(
                stream, ends_at, self._max_bytes, lambda: f"{request.method} {redact(str(request.url))}"
            )

        if not isinstance(response.stream, httpx.AsyncByteStream):
            return
        if response.has_redirect_location:
            response.stream = _UnreadBody(response.stream)
            return
        is_file = IS_DOWNLOAD in request.extensions and response.is_success
        if not is_file:
            response.stream = limit(response.stream)
        try:
            decompress_body(request, response)
        except httpx.DecodingError:
            if response.is_success:
                raise
            response.stream = _UnreadBody(response.stream)  # its status says enough
        if not is_file and IS_COMPRESSED in response.extensions:
            response.stream = limit(response.stream)


class _UnreadBody(httpx.AsyncByteStream):
    """A body that is closed without being read, such as that of a redirect, which httpx would read."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in tuple[bytes, ...]():
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class _LimitedBody(httpx.AsyncByteStream):
    """A body that is limited in duration and in size. httpx reads the bodies of log-ins without any limit.

    :param describe: returns the name of the request, for an error.
    """

    def __init__(
        self, inner: httpx.AsyncByteStream, ends_at: float, max_bytes: int, describe: Callable[[], str]
    ) -> None:
        self._inner = inner
        self._ends_at = ends_at
        self._max_bytes = max_bytes
        self._bytes_left = max_bytes
        self._describe = describe

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        while True:
            async with asyncio.timeout_at(self._ends_at):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            self._bytes_left -= len(chunk)
            if self._bytes_left < 0:
                raise ResponseTooLargeError(f"{self._describe()}: the response is larger than {self._max_bytes} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _reject_redirect(request: httpx.Request, response: httpx.Response) -> str | None:
    """Return why a redirect must not be followed; None if it may be, or is none."""
    if not response.has_redirect_location:
        return None
    if request.method not in _SAFE_METHODS and response.status_code not in _METHOD_PRESERVING:
        return (
            f"{request.method} {request.url.path} got the redirect {response.status_code}, which would turn it into a "
            f"GET; check the connection's host (http or https, and its path)"
        )
    if request.url.scheme == "https" and response.headers["location"].strip().lower().startswith("http:"):
        return f"{get_raw_host(request.url)} redirected from https to http, which anyone on the way can read"
    return None
