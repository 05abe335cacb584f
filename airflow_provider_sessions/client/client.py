"""Send the calls of a connection, and return what their responses hold."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import NoneType, TracebackType
from typing import Any, NamedTuple, Self, TypeVar, get_origin

from airflow_provider_sessions import __version__
from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.addresses import is_loopback, warn_of_plain_http
from airflow_provider_sessions.client.api_models import parse_content
from airflow_provider_sessions.client.call import Call, Paged, Route
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.decompression import ACCEPTED_CODINGS
from airflow_provider_sessions.client.guard import CATEGORY, IS_DOWNLOAD, GuardedTransport, parse_origin
from airflow_provider_sessions.client.httpx_api import drop_httpx_logs, translate_httpx_errors
from airflow_provider_sessions.client.page_cache import PageCache
from airflow_provider_sessions.client.paging import ItemKeys, NumberedPaging, Page, PagePrefetcher, Walk
from airflow_provider_sessions.client.redact import get_credentials, hide_secrets_in_errors, redact_url
from airflow_provider_sessions.client.response_errors import find_rejected_arguments, make_api_error, make_link_error
from airflow_provider_sessions.client.responses import (
    Body,
    Dialect,
    check_page,
    decode_body,
    decode_error,
    is_error,
    unwrap,
)
from airflow_provider_sessions.client.transport import open_transport
from airflow_provider_sessions.clock import SYSTEM_CLOCK, Clock
from airflow_provider_sessions.errors import (
    ApiError,
    InputError,
    MalformedResponseError,
    PagingError,
    ResponseTooLargeError,
    SessionsError,
)
from airflow_provider_sessions.metrics import NO_METRICS, Metrics
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.rate_limit.limiter import ProcessRetryAfterLimiter, RateLimiter
from airflow_provider_sessions.safe_text import get_logger

__all__ = ["Client", "ClientConfig"]

log = get_logger(__name__)

T = TypeVar("T")
_MAX_WALKS = 3
_MAX_PREFETCHED = 16
"""Pages of a list that are requested at the same time."""
_ACCEPT = {str: "text/*, */*;q=0.5", bytes: "*/*"}


class _Parsed(NamedTuple):
    """A parsed response, and what stood beside its content."""

    value: Any
    meta: Mapping[str, Any]


class _Received(NamedTuple):
    """A parsed response, and its body."""

    parsed: _Parsed
    body: Body


class _NoCookies(httpx.Cookies):
    """Keeps no cookies: a session cookie would be a credential beside the configured one, even after that changed."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Ignore the cookies of a response."""


class _PartBody:
    """A request's body that its sender can empty: requests are in reference cycles, which keep what they hold."""

    def __init__(self, part: bytes) -> None:
        self.part = part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.part), _CHUNK):
            yield self.part[start : start + _CHUNK]


class _HttpxClient(httpx.AsyncClient):
    """httpx's client without cookies."""

    @property  # type: ignore[misc]
    def cookies(self) -> httpx.Cookies:
        """No cookies."""
        return _NO_COOKIES


_NO_COOKIES = _NoCookies()
_NO_STREAM = httpx.ByteStream(b"")
_CHUNK = 64 * 1024
"""Bytes of a body that are written at a time."""


class Client:
    """Sends calls and parses their responses. It belongs to one event loop; close it with :meth:`aclose`.

    :param config: what it needs to know of the Airflow connection.
    :param dialect: what is special about the platform's responses.
    :param auth: adds the credential to requests.
    :param limiter: the account's rate limiter.
    :param category_limiters: the rate limiters of categories of endpoints, which apply besides the account's.
    :param traffic_class: what its requests are for, log-ins included. With ``poll``, a response to a GET is not parsed
        again if it equals the previous one of the same URL, apart from what :meth:`Dialect.strip_volatile` removes: the
        same object is returned again, so do not change it.
    :param clock: the time.
    :param metrics: reports requests and waits.
    :param transport: replaces the network, for tests in one process.
    :param secrets: returns what no error may quote, besides the credential of the request.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        dialect: Dialect,
        auth: httpx.Auth | None = None,
        limiter: RateLimiter | None = None,
        category_limiters: Mapping[str, RateLimiter] | None = None,
        traffic_class: TrafficClass = TrafficClass.CALL,
        clock: Clock = SYSTEM_CLOCK,
        metrics: Metrics = NO_METRICS,
        transport: httpx.AsyncBaseTransport | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._secrets = secrets
        self.config = config
        self.dialect = dialect
        self.clock = clock
        self.metrics = metrics
        self.limiter = limiter or ProcessRetryAfterLimiter(clock)
        self.traffic_class = traffic_class
        for scheme, host, port in map(parse_origin, map(httpx.URL, config.trusted)):
            if scheme == "http" and not is_loopback(host):
                warn_of_plain_http(f"http://{host}:{port}")
        self._cache: PageCache[_Parsed] = PageCache()
        self._guard = GuardedTransport(
            transport or open_transport(config),
            trusted=config.trusted,
            policy=config.addresses,
            limiter=self.limiter,
            category_limiters=category_limiters or {},
            traffic_class=traffic_class,
            clock=clock,
            metrics=metrics,
            max_wait=config.retry.max_wait,
            deadline=config.deadline,
            max_bytes=config.max_json_bytes,
        )
        self._http = _HttpxClient(
            auth=auth,
            # The deadline also limits the wait for a free HTTP connection.
            timeout=httpx.Timeout(config.timeout, pool=None),
            follow_redirects=True,
            max_redirects=5,
            headers={
                "User-Agent": f"airflow-provider-sessions/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED_CODINGS,
            },
            transport=self._guard,
        )

    @property
    def response_count(self) -> int:
        """How many responses have come, errors included."""
        return self._guard.response_count

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all HTTP connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call and return its parsed response.

        :param call: what an endpoint function returned.
        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        parsed = await self._send(call, call.query)
        return parsed.value  # type: ignore[no-any-return]

    async def send_for_body(self, call: Call[T]) -> tuple[T, Body]:
        """Send a call and return its parsed response, and the body that it was parsed from.

        :param call: what an endpoint function returned.
        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        received = await self._receive(call, call.query)
        return received.parsed.value, received.body

    async def read_page(self, call: Paged[T], number: int) -> tuple[list[T], int | None]:
        """Return the items of one page of a list, and how many the list has in all; None if nothing says that.

        :param number: of the page, from 1.
        :raises TypeError: the list's pages have no numbers.
        """
        paging = self.config.paging(call.paging)
        if not isinstance(paging, NumberedPaging):
            raise TypeError(f"{call.route.name}: its pages have no numbers")
        query = paging.at(number)
        items, meta = await self._send(call, {**call.query, **query})
        page = Page(query=query, items=len(items), seen=len(items), meta=meta, route=call.route.name)
        return items, paging.total(page)

    async def pages(
        self,
        call: Paged[T],
        *,
        prefetch: bool = False,
        expected_total: int = 0,
        on_page: Callable[[int, Sequence[T]], None] | None = None,
    ) -> AsyncGenerator[T, None]:
        """Yield the items of all pages of a list, each once.

        If the list changes meanwhile in a way that may hide items, it is read again, up to three times in all: see
        :class:`~airflow_provider_sessions.client.paging.Walk`. If it changes in the third pass as well, what all three
        found is the result, unless the list became shorter in the third pass.

        :param call: what an endpoint function returned.
        :param prefetch: whether to request pages ahead, as far as it is known how long the list is; for callers that
            read it to its end. Changes of the list are still detected, since each page shows the total at its time.
        :param expected_total: how many items the caller expects; used if the platform does not say.
        :param on_page: called with the number of each page, from 1 in each pass, and all of its items.
        :raises PagingError: pages repeat, end too early or never end, or the list changes in three passes
            and becomes shorter in the last.
        :raises MalformedResponseError: two different items have the same id.
        """
        yielded: set[str] = set()
        paging = self.config.paging(call.paging)
        for number in range(1, _MAX_WALKS + 1):
            walk = Walk(call.route.name, paging, expected_total)
            item_keys = ItemKeys(call.route.name, call.key, call.identity)
            query: Mapping[str, Any] | None = paging.first()
            page_number = 0
            async with PagePrefetcher(lambda query: self._send(call, {**call.query, **query})) as pages:
                while query is not None:
                    items, meta = await pages.read(query)
                    keys = item_keys.get_keys(items)
                    page_number += 1
                    if on_page is not None:
                        on_page(page_number, items)
                    query = walk.next_query(query, keys, meta)
                    if prefetch and query is not None:
                        pages.prefetch(walk.next_queries(_MAX_PREFETCHED))
                    for key, item in zip(keys, items, strict=True):
                        if key not in yielded:
                            yielded.add(key)
                            yield item
            if not walk.shifted:
                return
            if number < _MAX_WALKS:
                log.info("%s: the list changed while it was read; reading it again", call.route.name)
        if walk.shrank:
            raise PagingError(
                f"{call.route.name}: the list changed in each of {_MAX_WALKS} passes, and became shorter in the last"
            )

    def get_method_and_url(self, call: Call[Any]) -> tuple[str, str]:
        """Return method and URL of a call; see :meth:`ClientConfig.get_method_and_url`."""
        return self.config.get_method_and_url(call)

    def is_trusted(self, url: httpx.URL) -> bool:
        """Whether a URL is on a host of the Airflow connection, so that the credential is sent there."""
        return self._guard.is_trusted(url)

    def stream(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """Request a URL and stream the response; for :mod:`airflow_provider_sessions.client.download`.

        :param url: an absolute URL.
        :param headers: the headers.
        :raises MalformedResponseError: it is not a URL; the platform returned it.
        """
        try:
            request = self._http.build_request("GET", url, headers=dict(headers), extensions={IS_DOWNLOAD: True})
        except (httpx.InvalidURL, UnicodeError):
            # The error neither quotes the URL nor has httpx's error as its cause: a signed URL is a credential.
            raise MalformedResponseError("the platform returned an invalid URL") from None
        return self._open(request)

    @asynccontextmanager
    async def put(self, url: str, part: bytes) -> AsyncIterator[httpx.Response]:
        """Send a part of a file to a URL; for :mod:`airflow_provider_sessions.client.upload`.

        :param url: an absolute URL.
        :param part: the bytes.
        :raises MalformedResponseError: it is not a URL; the platform returned it.
        """
        body = _PartBody(part)
        try:
            request = self._http.build_request("PUT", url, content=body, headers={"Content-Length": str(len(part))})
        except (httpx.InvalidURL, UnicodeError):
            # The error neither quotes the URL nor has httpx's error as its cause: a signed URL is a credential.
            raise MalformedResponseError("the platform returned an invalid URL") from None
        try:
            async with self._open(request) as response:
                yield response
        finally:
            body.part = b""

    @asynccontextmanager
    async def _open(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request, yield its response with the body unread, and close it in the end.

        The credential is added only if the URL is on a host of the Airflow connection.
        """
        auth = httpx.USE_CLIENT_DEFAULT if self.is_trusted(request.url) else None
        with drop_httpx_logs():
            response = await self._http.send(request, stream=True, auth=auth)
        try:
            yield response
        finally:
            await response.aclose()
            response.stream = _NO_STREAM  # httpx's refers to the response, which would wait for the garbage collector

    async def _send(self, call: Call[Any], query: Mapping[str, Any]) -> _Parsed:
        """Send a call and return its parsed response; see :meth:`_receive`."""
        return (await self._receive(call, query)).parsed

    async def _receive(self, call: Call[Any], query: Mapping[str, Any]) -> _Received:
        """Send a call until it succeeds, or the retry policy says not to send it again.

        :param query: the call's query, for a page with what selects the page.
        :raises SessionsError: the error of the last request.
        """
        repeatable = self.config.is_repeatable(call.route)
        attempt = 1
        while True:
            try:
                return await self._send_once(call, query)
            except SessionsError as error:
                wait = self.config.retry.wait_before_retry(
                    error, repeatable=repeatable, attempt=attempt, random=random.random
                )
                if wait is None:
                    raise
                log.info("%s: attempt %d failed (%s); retrying in %.1f s", call.route.name, attempt, error, wait)
            attempt += 1
            await self.clock.sleep(wait)

    async def _send_once(self, call: Call[Any], query: Mapping[str, Any]) -> _Received:
        """Send one request, and parse its response. Errors name the call and hide secrets.

        :raises SessionsError: it failed, or the response is an error or cannot be parsed.
        """
        method, url = self.get_method_and_url(call)

        def describe() -> str:
            return f"{call.route.name} ({method} {redact_url(url)})"

        with translate_httpx_errors(describe):
            request = self._build_request(call, method, url, query)
        with hide_secrets_in_errors(lambda: (*self._secrets(), *get_credentials(request))):
            with translate_httpx_errors(describe):
                async with self._open(request) as response:
                    body = await _read_body(response)
            if not response.is_success:
                raise self._make_error(call, query, response, decode_error(body, call.route.name))
            media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            return _Received(self._parse_or_reuse(call, request, response, body), Body(body, media_type))

    def _parse_or_reuse(
        self, call: Call[Any], request: httpx.Request, response: httpx.Response, body: bytes
    ) -> _Parsed:
        """Parse a response; return the previous object if polls received the same: see ``traffic_class``."""
        if self.traffic_class is not TrafficClass.POLL or request.method != "GET":
            return self._parse(call, response, body)
        key = (str(request.url), call.response_type, call.unwrap, _get_converter(call))
        stable = self.dialect.strip_volatile(body)
        parsed = self._cache.get(key, stable)
        if parsed is None:
            parsed = self._parse(call, response, body)
            self._cache.set(key, stable, parsed)
        return parsed

    def _parse(self, call: Call[Any], response: httpx.Response, body: bytes) -> _Parsed:
        """Parse a successful response into the type of the call.

        :raises SessionsError: it holds an error in spite of its status, or cannot be parsed.
        """
        name, response_type = call.route.name, call.response_type
        content_type = response.headers.get("content-type", "")
        content = decode_body(response_type, body, name, content_type, self.config.max_items)
        if is_error(content):
            raise make_api_error(
                response, content, self.dialect, name, self.clock, request_name=name, secrets=self._secrets()
            )
        if response_type is NoneType:
            return _Parsed(None, {})
        found = unwrap(content, call.unwrap, is_list=get_origin(response_type) is list)
        if isinstance(call, Paged) and getattr(call.paging, "size", None) is not None:
            check_page(found.content, name)
        value, convert = parse_content(response_type, found.content, name, len(body)), _get_converter(call)
        return _Parsed(value if convert is None else [convert(item) for item in value], found.meta)

    def _make_error(
        self, call: Call[Any], query: Mapping[str, Any], response: httpx.Response, content: Any
    ) -> ApiError:
        """Make the error of a response with an error status."""
        name, status = call.route.name, response.status_code
        if not self.is_trusted(response.request.url):  # a redirect led there, without the credential
            return make_link_error(response, self.dialect, self.clock, request_name=name)
        return make_api_error(
            response,
            content,
            self.dialect,
            name,
            self.clock,
            request_name=name,
            hint=self._get_path_hint(call.route, status),
            find_arguments=lambda reason: find_rejected_arguments(call, query, status, content, reason),
            secrets=self._secrets(),
        )

    def _get_path_hint(self, route: Route, status: int) -> str | None:
        """Return a hint that the path may be wrong, if nothing was found there, or nothing that takes the method."""
        if route.documented or route.name in self.config.paths or status not in (404, 405):
            return None
        return (
            f"The path of {route.name} is inferred, not documented: if it is wrong, correct it in the field 'paths' "
            f"of the connection"
        )

    def _build_request(self, call: Call[Any], method: str, url: str, query: Mapping[str, Any]) -> httpx.Request:
        params = {key: _format_parameter(value) for key, value in query.items() if value is not None}
        accept = _ACCEPT.get(call.response_type)
        try:
            return self._http.build_request(
                method,
                url,
                params=params or None,
                json=call.body,
                **_make_form(call),
                headers={"Accept": accept, **call.headers} if accept else call.headers,
                extensions={CATEGORY: call.route.category},
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"{call.route.name}: the body cannot be written as JSON: {error}") from None


def _make_form(call: Call[Any]) -> dict[str, Any]:
    """Return a form as httpx takes it. In a form with files, a field is a part without a file's name."""
    if call.files is None:
        return {"data": dict(call.form)} if call.form else {}
    fields = {name: (None, value.encode()) for name, value in call.form.items()}
    files = {name: (file.name, file.content, file.media_type) for name, file in call.files.items()}
    return {"files": fields | files}


async def _read_body(response: httpx.Response) -> bytes:
    """Return the whole body. That of an error may be broken off, too large or unreadable: its status says enough."""
    try:
        return b"".join([chunk async for chunk in response.aiter_bytes()])  # not kept by the response, as by aread()
    except (httpx.HTTPError, TimeoutError, ResponseTooLargeError):
        if response.is_success:
            raise
        return b""


def _get_converter(call: Call[Any]) -> Callable[[Any], Any] | None:
    return call.convert if isinstance(call, Paged) else None


def _format_parameter(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_format_parameter(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value
