"""What every request passes on its way to the wire: redirects, downloads and log-ins included.

- A credential goes to the connection's own hosts alone; httpx by itself would send ``X-API-Key`` on to another host
  that a redirect names.
- A request that changes something never follows a redirect to another host, nor does the body of a log-in.
- The rate budget is asked before, and told after, each request to the platform.
- Each request is logged with its address redacted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import httpx

from airflow_provider_sessions.client.budget import Lane, RateBudget
from airflow_provider_sessions.client.rate_headers import read_rate_headers
from airflow_provider_sessions.client.redact import redact_url
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import RateLimitedError, RedirectRefusedError

log = logging.getLogger(__name__)

CREDENTIAL_HEADERS = ("authorization", "x-api-key", "cookie", "proxy-authorization")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address."""
    return (url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme))


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport around another.

    :param inner: the transport that does the work.
    :param trusted: addresses on whose hosts the credential may be seen.
    :param budget: the rate budget of the account.
    :param clock: time.
    :param max_wait: seconds that a request may wait for its slot.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        trusted: Iterable[str],
        budget: RateBudget,
        clock: Clock,
        max_wait: float,
    ) -> None:
        self._inner = inner
        self._trusted = frozenset(origin(httpx.URL(url)) for url in trusted)
        self._budget = budget
        self._clock = clock
        self._max_wait = max_wait

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request, guarded.

        :raises RateLimitedError: no slot is free soon enough.
        :raises RedirectRefusedError: a request that must not leave the platform's host was redirected.
        """
        ours = origin(request.url) in self._trusted
        if ours:
            await self._wait_for_slot(request)
        else:
            self._strip(request)
        began = time.perf_counter()
        try:
            response = await self._inner.handle_async_request(request)
        except httpx.HTTPError as failure:
            log.debug("%s %s: %s", request.method, redact_url(str(request.url)), type(failure).__name__)
            raise
        took = 1000 * (time.perf_counter() - began)
        log.debug("%s %s: %d in %.0f ms", request.method, redact_url(str(request.url)), response.status_code, took)
        if ours:
            await self._budget.observe(read_rate_headers(response.status_code, response.headers, self._clock.now()))
        return response

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()

    async def _wait_for_slot(self, request: httpx.Request) -> None:
        lane = request.extensions.get("lane", Lane.CALL)
        wait = await self._budget.reserve(lane, max_wait=self._max_wait)
        if wait is None:
            later = await self._budget.next_slot(lane)
            raise RateLimitedError(
                f"the rate limit leaves no room for {request.method} {request.url.path} within {self._max_wait:.0f} s; "
                f"the next request may be sent in {later:.1f} s",
                status=429,
                retry_after=later,
            )
        if wait > 0:
            log.debug("waiting %.2f s for a slot of the rate limit", wait)
            await self._clock.sleep(wait)

    def _strip(self, request: httpx.Request) -> None:
        if request.method not in ("GET", "HEAD"):
            raise RedirectRefusedError(
                f"{request.method} was redirected to another host, {request.url.host}; it was not sent there, because "
                f"it may hold credentials or change something"
            )
        for header in CREDENTIAL_HEADERS:
            if header in request.headers:
                del request.headers[header]
