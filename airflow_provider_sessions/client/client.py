"""One async client sends every call of one connection."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

from airflow_provider_sessions import __version__
from airflow_provider_sessions.client.answers import (
    Dialect,
    Unwrapped,
    decode,
    decode_text,
    error_from,
    read,
    says_failure,
    unwrap,
)
from airflow_provider_sessions.client.budget import Lane, RateBudget, Unlimited
from airflow_provider_sessions.client.call import Call, Paged, Route, placeholders
from airflow_provider_sessions.client.failures import our_errors
from airflow_provider_sessions.client.paging import Walk
from airflow_provider_sessions.client.redact import redact_url
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.client.transport import GuardedTransport, origin
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import (
    AnswerTooLargeError,
    ConnectionConfigError,
    MalformedAnswerError,
    PagingError,
    SessionsError,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
_MIB = 1024 * 1024
_REMEMBERED = 256
_WALKS = 3


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """What a client needs to know of a connection, credentials apart.

    :param base_url: the platform's base URL, without a slash at its end.
    :param bases: other base URLs that routes name.
    :param scope: path that goes before scoped routes (``/libraries/...``).
    :param paths: overrides of inferred paths: route name to template, or to ``METHOD template``.
    :param timeout: seconds without a byte before a request is given up.
    :param deadline: seconds that one request may last in all.
    :param proxy: URL of a proxy.
    :param ca_bundle: path of a file of certificates to trust.
    :param max_json_bytes: no answer may be larger.
    :param retry: how patient a call is; its ``max_wait`` is also how long a request waits for its slot.
    """

    base_url: str
    bases: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    deadline: float = 300.0
    proxy: str | None = None
    ca_bundle: str | None = None
    max_json_bytes: int = 64 * _MIB
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def url(self, call: Call[Any]) -> tuple[str, str]:
        """Method and absolute address of a call, with the connection's overrides.

        :raises ConnectionConfigError: an override does not fit, or a base URL is missing.
        """
        route = call.route
        method, path = self._template(route)
        base = self.base_url if route.base is None else self.bases.get(route.base)
        if base is None:
            raise ConnectionConfigError(
                f"{route.name} needs the connection's base URL for {route.base!r}, which is not set"
            )
        scope = self.scope if route.scoped and self.scope else ""
        filled = path.format(**{name: quote(value, safe="") for name, value in call.arguments.items()})
        return method, base.rstrip("/") + scope + filled

    def _template(self, route: Route) -> tuple[str, str]:
        override = self.paths.get(route.name)
        if override is None:
            return route.method, route.path
        method, _, path = override.strip().rpartition(" ")
        if not path.startswith("/") or placeholders(path) != route.placeholders:
            raise ConnectionConfigError(
                f"paths: {route.name}={override!r} does not fit; it needs the names in braces of {route.path!r}"
            )
        return method.upper() or route.method, path


class Client:
    """Sends calls and reads their answers. It belongs to one event loop; close it with :meth:`aclose`.

    :param config: the connection.
    :param dialect: how the platform's errors are explained.
    :param auth: puts the credential on requests.
    :param budget: the account's rate budget.
    :param clock: time.
    :param transport: what sends bytes, for tests in one process; a real network by default.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        dialect: Dialect,
        auth: httpx.Auth | None = None,
        budget: RateBudget | None = None,
        clock: Clock = SYSTEM_CLOCK,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.config = config
        self.dialect = dialect
        self.clock = clock
        self.budget = budget or Unlimited(clock)
        self._remembered: OrderedDict[Any, tuple[bytes, Any, Mapping[str, Any]]] = OrderedDict()
        self._http = httpx.AsyncClient(
            auth=auth,
            timeout=httpx.Timeout(config.timeout, pool=None),
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": f"airflow-provider-sessions/{__version__}", "Accept": "application/json"},
            transport=GuardedTransport(
                transport or _network(config),
                trusted=(config.base_url, *config.bases.values()),
                budget=self.budget,
                clock=clock,
                max_wait=config.retry.max_wait,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(self, call: Call[T], *, lane: Lane = Lane.CALL) -> T:
        """Send one call and read its answer.

        :param call: what an endpoint function returned.
        :param lane: what the request is for. In the ``poll`` lane an answer whose bytes did not change since the last
            look is not parsed again: the same value is returned.
        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        answer, _ = await self._send(call, call.query, lane)
        return answer  # type: ignore[no-any-return]

    async def pages(self, call: Paged[T], *, lane: Lane = Lane.CALL) -> AsyncIterator[T]:
        """Walk all pages of a list and give its items, each once.

        A list that grew or shrank while it was walked is walked again, because an item may have slipped from a page
        not yet read to one that was.

        :raises PagingError: pages repeat, end too early, or never end.
        """
        given: set[str] = set()
        for _ in range(_WALKS):
            walk = Walk(call.route.name, call.paging)
            query: Mapping[str, Any] | None = call.paging.first()
            while query is not None:
                items, meta = await self._send(call, {**call.query, **query}, lane)
                keys = tuple(_key(item, call.key) for item in items)
                query = walk.next_query(query, keys, meta)
                for key, item in zip(keys, items, strict=True):
                    if key not in given:
                        given.add(key)
                        yield item
            if not walk.shifted:
                return
            log.info("%s: the list changed while it was read; reading it once more", call.route.name)
        raise PagingError(f"{call.route.name}: the list changed during each of {_WALKS} walks through its pages")

    def url(self, call: Call[Any]) -> tuple[str, str]:
        """Method and absolute address of a call; see :meth:`ClientConfig.url`."""
        return self.config.url(call)

    def same_host(self, url: str) -> bool:
        """Whether an address is on the connection's own host."""
        return origin(httpx.URL(url)) == origin(httpx.URL(self.config.base_url))

    def stream(self, url: str, headers: Mapping[str, str], *, lane: Lane = Lane.CALL) -> Any:
        """Open an address (absolute) for streaming; for :mod:`airflow_provider_sessions.client.download`."""
        auth = httpx.USE_CLIENT_DEFAULT if self.same_host(url) else None
        return self._http.stream("GET", url, headers=dict(headers), auth=auth, extensions={"lane": lane})

    async def _send(self, call: Call[Any], query: Mapping[str, Any], lane: Lane) -> tuple[Any, Mapping[str, Any]]:
        """Send until it succeeds or the retry policy gives up; the parsed answer and what stood beside it."""
        attempt = 1
        while True:
            try:
                return await self._attempt(call, query, lane)
            except SessionsError as error:
                wait = self.config.retry.wait_before_retry(
                    error, repeatable=call.route.repeatable, attempt=attempt, random=random.random
                )
                if wait is None:
                    raise
                log.info("%s: attempt %d failed (%s); the next in %.1f s", call.route.name, attempt, error, wait)
            attempt += 1
            await self.clock.sleep(wait)

    async def _attempt(self, call: Call[Any], query: Mapping[str, Any], lane: Lane) -> tuple[Any, Mapping[str, Any]]:
        name = call.route.name
        response, body = await self._exchange(call, query, lane)
        content_type = response.headers.get("content-type", "")
        if not response.is_success:
            raise self._refusal(call, response, body)
        key = (name, tuple(sorted(call.arguments.items())), tuple(sorted((k, str(v)) for k, v in query.items())))
        telling = self.dialect.telling_bytes(body) if lane is Lane.POLL else b""
        if lane is Lane.POLL and key in self._remembered and self._remembered[key][0] == telling:
            self._remembered.move_to_end(key)
            return self._remembered[key][1:]
        content = (decode_text if call.answer is str else decode)(body, name, content_type)
        if says_failure(content):
            raise error_from(response, content, self.dialect, name, self.clock, what=name)
        found: Unwrapped = unwrap(content, call.unwrap)
        answer = read(call.answer, found.content, name)
        if lane is Lane.POLL:
            self._remembered[key] = (telling, answer, found.meta)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return answer, found.meta

    def _refusal(self, call: Call[Any], response: httpx.Response, body: bytes) -> SessionsError:
        try:
            content = decode(body, call.route.name, "")
        except MalformedAnswerError:
            content = None  # an error page of a proxy; its status says enough
        return error_from(response, content, self.dialect, call.route.name, self.clock, what=call.route.name)

    async def _exchange(self, call: Call[Any], query: Mapping[str, Any], lane: Lane) -> tuple[httpx.Response, bytes]:
        method, url = self.url(call)
        with our_errors(f"{call.route.name} ({method} {redact_url(url)})"):
            async with asyncio.timeout(self.config.deadline):
                async with self._http.stream(
                    method,
                    url,
                    params={key: _parameter(value) for key, value in query.items() if value is not None} or None,
                    json=call.body,
                    headers={"Accept": "text/*, */*;q=0.5"} if call.answer is str else None,
                    extensions={"lane": lane},
                ) as response:
                    return response, await self._whole(response, call.route.name)

    async def _whole(self, response: httpx.Response, name: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self.config.max_json_bytes:
                raise AnswerTooLargeError(f"{name}: the answer is larger than {self.config.max_json_bytes // _MIB} MiB")
        return bytes(body)


def _parameter(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _key(item: Any, field_name: str) -> str:
    """What tells an item apart: its key field, or all of it where the platform left that out."""
    key = item.get(field_name) if isinstance(item, Mapping) else getattr(item, field_name, None)
    return str(key) if key is not None else repr(item)


def _network(config: ClientConfig) -> httpx.AsyncHTTPTransport:
    try:
        context = ssl.create_default_context(cafile=config.ca_bundle)
    except (OSError, ssl.SSLError) as unreadable:
        raise ConnectionConfigError(f"ca_bundle: {config.ca_bundle!r} cannot be read: {unreadable}") from None
    # Idle connections outlive the pause between two looks (httpx drops them after 5 s by itself).
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=120)
    try:
        return httpx.AsyncHTTPTransport(verify=context, proxy=config.proxy, limits=limits)
    except (ValueError, httpx.InvalidURL) as unusable:
        raise ConnectionConfigError(f"proxy: {redact_url(config.proxy or '')!r} cannot be used: {unusable}") from None
