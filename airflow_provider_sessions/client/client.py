"""One async client sends every call of one connection."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import NoneType, TracebackType
from typing import Any, NamedTuple, Self, TypeVar, get_origin

from airflow_provider_sessions import __version__
from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.addresses import is_loopback, warn_of_plain_http
from airflow_provider_sessions.client.call import Call, Paged, Route
from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.decompression import ACCEPTED
from airflow_provider_sessions.client.failures import translate_httpx_errors
from airflow_provider_sessions.client.guard import CATEGORY, DOWNLOAD, GuardedTransport, origin
from airflow_provider_sessions.client.httpx_logging import quiet
from airflow_provider_sessions.client.met import Met
from airflow_provider_sessions.client.page_cache import Memo
from airflow_provider_sessions.client.paging import Walk
from airflow_provider_sessions.client.prefetch import ReadAhead
from airflow_provider_sessions.client.redact import credentials_of, redact_url, without_secrets
from airflow_provider_sessions.client.response_errors import refused_arguments
from airflow_provider_sessions.client.responses import (
    Dialect,
    check_page,
    decode_as,
    error_from,
    failure_reason,
    link_error,
    read,
    says_failure,
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
from airflow_provider_sessions.rate_limit.limit import TrafficClass
from airflow_provider_sessions.rate_limit.limiter import ProcessRetryAfterLimiter, RateLimiter
from airflow_provider_sessions.safe_text import get_logger

__all__ = ["Client", "ClientConfig"]

log = get_logger(__name__)

T = TypeVar("T")
_WALKS = 3
_PAGES = 16
"""Pages of a list that are asked for side by side."""
_ACCEPTED = {str: "text/*, */*;q=0.5", bytes: "*/*"}


class _Answer(NamedTuple):
    """A parsed answer and what stood beside it."""

    value: Any
    meta: Mapping[str, Any]


class _NoCookies(httpx.Cookies):
    """Takes none: a cookie would be a credential that nobody configured, and that outlives the one somebody did."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


class _Http(httpx.AsyncClient):
    """httpx's client, which keeps no cookies."""

    @property  # type: ignore[misc]
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return _NO_COOKIES


_NO_COOKIES = _NoCookies()


class Client:
    """Sends calls and reads their answers. It belongs to one event loop; close it with :meth:`aclose`.

    :param config: the connection.
    :param dialect: how the platform talks.
    :param auth: puts the credential on requests.
    :param limiter: the account's rate limiter.
    :param category_limiters: the rate limiters of categories of endpoints, which hold beside the account's.
    :param traffic_class: what its requests are for, log-ins included. With ``poll``, an answer whose bytes did not
        change since the last poll is not parsed again: the same object is returned, so do not change it.
    :param clock: time.
    :param transport: what sends bytes, for tests in one process; a real network by default.
    :param secrets: gives what no error may quote, besides the credential of the request itself.
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
        transport: httpx.AsyncBaseTransport | None = None,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._secrets = secrets
        self.config = config
        self.dialect = dialect
        self.clock = clock
        self.limiter = limiter or ProcessRetryAfterLimiter(clock)
        self.traffic_class = traffic_class
        for scheme, host, port in map(origin, map(httpx.URL, config.trusted)):
            if scheme == "http" and not is_loopback(host):
                warn_of_plain_http(f"http://{host}:{port}")
        self._memo: Memo[_Answer] = Memo()
        self._guard = GuardedTransport(
            transport or open_transport(config),
            trusted=config.trusted,
            policy=config.addresses,
            limiter=self.limiter,
            category_limiters=category_limiters or {},
            traffic_class=traffic_class,
            clock=clock,
            max_wait=config.retry.max_wait,
            deadline=config.deadline,
            max_bytes=config.max_json_bytes,
        )
        self._http = _Http(
            auth=auth,
            # The deadline bounds the wait for a connection of the pool.
            timeout=httpx.Timeout(config.timeout, pool=None),
            follow_redirects=True,
            max_redirects=5,
            headers={
                "User-Agent": f"airflow-provider-sessions/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": ACCEPTED,
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
        """Close all connections."""
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send one call and read its answer.

        :param call: what an endpoint function returned.
        :raises SessionsError: see :mod:`airflow_provider_sessions.errors`.
        """
        answer = await self._send(call, call.query)
        return answer.value  # type: ignore[no-any-return]

    async def pages(self, call: Paged[T], *, prefetch: bool = False, expected_total: int = 0) -> AsyncIterator[T]:
        """Walk all pages of a list and give its items, each once.

        A list that changed while it was walked is walked again where an item may have slipped from a page not yet read
        to one that was: see :class:`~airflow_provider_sessions.client.paging.Walk`.

        :param prefetch: for who wants the whole list: pages are asked for side by side, as far as the platform says how
            long it is. It still shows whether it changed meanwhile: each page tells the total that was right then.
        :param expected_total: how long it is where the platform does not say, and the caller has reason to believe.
        :raises PagingError: pages repeat, end too early, never end, or items go missing in every walk.
        :raises MalformedResponseError: two items that are not the same have one id, and one of them would be lost.
        """
        given: set[str] = set()
        paging = self.config.paging(call.paging)
        for _ in range(_WALKS):
            walk, met = Walk(call.route.name, paging, expected_total), Met(call)
            query: Mapping[str, Any] | None = paging.first()
            async with ReadAhead(lambda query: self._send(call, {**call.query, **query})) as reader:
                while query is not None:
                    items, meta = await reader.read(query)
                    keys = met.keys_of(items)
                    query = walk.next_query(query, keys, meta)
                    reader.expect(walk.ahead(_PAGES) if prefetch and query is not None else ())
                    for key, item in zip(keys, items, strict=True):
                        if key not in given:
                            given.add(key)
                            yield item
            if not walk.shifted:
                return
            log.info("%s: the list changed while it was read; reading it once more", call.route.name)
        if walk.shrank:
            raise PagingError(f"{call.route.name}: items left the list during each of {_WALKS} walks through its pages")

    def url(self, call: Call[Any]) -> tuple[str, str]:
        """Method and absolute address of a call; see :meth:`ClientConfig.url`."""
        return self.config.url(call)

    def trusts(self, url: httpx.URL) -> bool:
        """Whether an address is on a host of the connection, so that the credential goes there."""
        return self._guard.trusts(url)

    def same_host(self, url: str) -> bool:
        """Whether an address is on the connection's own host."""
        return origin(httpx.URL(url)) == origin(httpx.URL(self.config.base_url))

    def stream(self, url: str, headers: Mapping[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """Open an address (absolute) for streaming; for :mod:`airflow_provider_sessions.client.download`.

        :raises MalformedResponseError: it is none; the platform gave it.
        """
        try:
            request = self._http.build_request("GET", url, headers=dict(headers), extensions={DOWNLOAD: True})
        except (httpx.InvalidURL, UnicodeError):
            # Neither quoted nor chained: it may be signed.
            raise MalformedResponseError("the platform gave an address that cannot be read") from None
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """Send a request, and close its answer in the end. The credential is for the connection's own hosts."""
        auth = httpx.USE_CLIENT_DEFAULT if self.trusts(request.url) else None
        with quiet():
            response = await self._http.send(request, stream=True, auth=auth)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(self, call: Call[Any], query: Mapping[str, Any]) -> _Answer:
        """Send until it succeeds or the retry policy gives up."""
        repeatable = self.config.is_repeatable(call.route)
        attempt = 1
        while True:
            try:
                return await self._attempt(call, query)
            except SessionsError as error:
                wait = self.config.retry.wait_before_retry(
                    error, repeatable=repeatable, attempt=attempt, random=random.random
                )
                if wait is None:
                    raise
                log.info("%s: attempt %d failed (%s); the next in %.1f s", call.route.name, attempt, error, wait)
            attempt += 1
            await self.clock.sleep(wait)

    async def _attempt(self, call: Call[Any], query: Mapping[str, Any]) -> _Answer:
        method, url = self.url(call)
        what = lambda: f"{call.route.name} ({method} {redact_url(url)})"  # noqa: E731 - it is made for an error alone
        with translate_httpx_errors(what):
            request = self._request(call, method, url, query)
        with without_secrets(lambda: (*self._secrets(), *credentials_of(request))):
            return await self._answer(call, request, query, what)

    async def _answer(
        self, call: Call[Any], request: httpx.Request, query: Mapping[str, Any], what: Callable[[], str]
    ) -> _Answer:
        method = request.method
        with translate_httpx_errors(what):
            async with self._open(request) as response:
                body = await _body(response)
        if not response.is_success:
            raise self._refusal(call, query, response, failure_reason(body, call.route.name))
        if self.traffic_class is not TrafficClass.POLL or method != "GET":
            return self._read(call, response, body)
        key = (str(request.url), call.response_type, call.unwrap, _each(call))
        telling = self.dialect.telling_bytes(body)
        known = self._memo.find(key, telling)
        if known is None:
            known = self._read(call, response, body)
            self._memo.keep(key, telling, known)
        return known

    def _refusal(self, call: Call[Any], query: Mapping[str, Any], response: httpx.Response, content: Any) -> ApiError:
        """The error of an answer that refuses a call."""
        name, status = call.route.name, response.status_code
        if not self.trusts(response.request.url):  # a redirect led there, without the credential
            return link_error(response, self.dialect, self.clock, what=name)
        return error_from(
            response,
            content,
            self.dialect,
            name,
            self.clock,
            what=name,
            hint=self._hint(call.route, status),
            refused=lambda reason: refused_arguments(call, query, status, content, reason),
            secrets=self._secrets(),
        )

    def _hint(self, route: Route, status: int) -> str | None:
        """What else may be wrong where nothing is found, or nothing that takes this method."""
        if route.documented or route.name in self.config.paths or status not in (404, 405):
            return None
        return (
            f"The path of {route.name} is inferred, not documented: if it is wrong, correct it in the field 'paths' "
            f"of the connection"
        )

    def _request(self, call: Call[Any], method: str, url: str, query: Mapping[str, Any]) -> httpx.Request:
        params = {key: _parameter(value) for key, value in query.items() if value is not None}
        headers = {
            **({"Accept": _ACCEPTED[call.response_type]} if call.response_type in _ACCEPTED else {}),
            **call.headers,
        }
        try:
            return self._http.build_request(
                method,
                url,
                params=params or None,
                json=call.body,
                **_form(call),
                headers=headers,
                extensions={CATEGORY: call.route.category},
            )
        except (TypeError, ValueError) as unwritable:
            raise InputError(f"{call.route.name}: the body cannot be written as JSON: {unwritable}") from None

    def _read(self, call: Call[Any], response: httpx.Response, body: bytes) -> _Answer:
        name = call.route.name
        content = decode_as(
            call.response_type, body, name, response.headers.get("content-type", ""), self.config.max_items
        )
        if says_failure(content):
            raise error_from(response, content, self.dialect, name, self.clock, what=name, secrets=self._secrets())
        if call.response_type is NoneType:
            return _Answer(None, {})
        found = unwrap(content, call.unwrap, is_list=get_origin(call.response_type) is list)
        if isinstance(call, Paged) and getattr(call.paging, "size", None) is not None:
            check_page(found.content, name)
        value, each = read(call.response_type, found.content, name, len(body)), _each(call)
        return _Answer(value if each is None else [each(item) for item in value], found.meta)


def _form(call: Call[Any]) -> dict[str, Any]:
    """A form as httpx takes it. A field of one with files is a part without a file's name."""
    if call.files is None:
        return {"data": dict(call.form)} if call.form else {}
    fields = {name: (None, value.encode()) for name, value in call.form.items()}
    files = {name: (file.name, file.content, file.media_type) for name, file in call.files.items()}
    return {"files": fields | files}


async def _body(response: httpx.Response) -> bytes:
    """The whole body. What an error says besides its status may be missing: broken off, too large, unreadable."""
    try:
        return await response.aread()
    except (httpx.HTTPError, TimeoutError, ResponseTooLargeError):
        if response.is_success:
            raise
        return b""


def _each(call: Call[Any]) -> Callable[[Any], Any] | None:
    return call.each if isinstance(call, Paged) else None


def _parameter(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_parameter(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value
