"""Credentials: an API key in a header, or tokens that are renewed.

A token is renewed before it expires, and once more if the platform refuses it, unless it was made for that very
request. Requests that are sent at the same time wait for one renewal.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.api_models import parse_content
from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.client.guard import CATEGORY
from airflow_provider_sessions.client.response_errors import make_api_error
from airflow_provider_sessions.client.responses import Dialect, decode_json, is_error, unwrap
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    MalformedResponseError,
    PermissionDeniedError,
    RejectedError,
)
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

LEAD_SECONDS = 60.0
"""How long before it expires a token is renewed; at most a fifth of its lifetime."""


class ApiKeyAuth(httpx.Auth):
    """Sends an API key with each request.

    :param header: the header's name.
    :param key: the key.
    """

    def __init__(self, header: str, key: str) -> None:
        self._header = header
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[self._header] = self._key
        yield request


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    :param value: the token, as it is sent.
    :param lifetime: seconds until it expires; None if unknown: then it is renewed when it is refused.
    """

    value: str = field(repr=False)
    lifetime: float | None = None


class TokenResponse(NamedTuple):
    """The response to a token request, and its whole body."""

    response: httpx.Response
    body: bytes


TokenRequests = Generator[httpx.Request, TokenResponse, Token]
"""Yields the requests needed to get a token, receives the response to each, and returns the token."""


class TokenAuth(httpx.Auth, ABC):
    """Sends a token with each request: ``Authorization: Bearer ...``. For async clients only.

    :param clock: the clock.
    :param on_secret: called with each new token before it is used.
    """

    def __init__(self, *, clock: Clock, on_secret: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_secret = on_secret
        self._token: Token | None = None
        self._renew_at: datetime | None = None
        self._renewing = asyncio.Lock()

    @abstractmethod
    def renew(self, request: httpx.Request) -> TokenRequests:
        """Get a token.

        :param request: the request that needs it.
        :raises SessionsError: the platform gives none.
        """

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the lock around a renewal belongs to an event loop."""
        raise RuntimeError(f"{type(self).__name__} works with async clients only")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a valid token, and once more with a new one if an older one was refused."""
        refused: Token | None = None
        for _ in range(2):
            async with self._renewing:
                token, is_new = self._token, False
                if token is None or token is refused or self._is_expiring():
                    renewal = self.renew(request)
                    try:
                        token_request = next(renewal)
                        while True:
                            response = yield token_request
                            token_request = renewal.send(TokenResponse(response, await response.aread()))
                    except StopIteration as finished:
                        token, is_new = self._store(finished.value), True
            request.headers["Authorization"] = f"Bearer {token.value}"
            response = yield request
            if response.status_code != 401 or is_new:
                return
            refused = token

    def _is_expiring(self) -> bool:
        return self._renew_at is not None and self._clock.now() >= self._renew_at

    def _store(self, token: Token) -> Token:
        self._on_secret(token.value)
        self._token, self._renew_at = token, None
        if token.lifetime is not None:
            lead = min(LEAD_SECONDS, token.lifetime / 5)
            self._renew_at = self._clock.now() + timedelta(seconds=token.lifetime - lead)
        return token


class EndpointTokenAuth(TokenAuth):
    """Gets tokens from an endpoint: with a login, a refresh token, or OAuth 2.0 client credentials.

    A refused credential is not sent again: repeated failures lock accounts.

    :param config: has the base URLs.
    :param dialect: explains refusals.
    :param clock: the clock.
    :param on_secret: called with each new token before it is used.
    """

    def __init__(
        self, *, config: ClientConfig, dialect: Dialect, clock: Clock, on_secret: Callable[[str], None]
    ) -> None:
        super().__init__(clock=clock, on_secret=on_secret)
        self._config = config
        self._dialect = dialect
        self._refusal: AuthenticationError | None = None

    @abstractmethod
    def renewal_calls(self) -> Sequence[Call[Any]]:
        """Return the calls whose response holds a token. If one is refused the next is sent; the last one decides."""

    @abstractmethod
    def read_token(self, response: Any, name: str) -> Token:
        """Return the token in a response.

        :param response: the parsed response to one of the calls.
        :param name: that call's endpoint.
        :raises MalformedResponseError: it holds none.
        """

    def secrets(self) -> Iterable[str]:
        """Return the secrets that no error may quote."""
        return ()

    def renew(self, request: httpx.Request) -> TokenRequests:
        """See :meth:`TokenAuth.renew`.

        :raises AuthenticationError: the platform refuses the credential.
        """
        if self._refusal is not None:
            raise self._refusal
        *others, last = self.renewal_calls()
        for call in others:
            received = yield self._make_request(call, request)
            content = _decode(call, received)
            if _is_granted(received, content) or received.response.status_code == 429:
                return self._parse(call, received, content)
            log.info("%s was refused (%d)", call.route.name, received.response.status_code)
        received = yield self._make_request(last, request)
        return self._parse(last, received, _decode(last, received))

    def _make_request(self, call: Call[Any], request: httpx.Request) -> httpx.Request:
        """Make a token request, with the timeouts and limits of the request that needs the token."""
        method, url = self._config.get_method_and_url(call)
        return httpx.Request(
            method,
            url,
            headers={
                "Accept": "application/json",
                "User-Agent": request.headers.get("User-Agent", ""),
                **call.headers,
            },
            json=call.body,
            data=dict(call.form) or None,
            extensions={**request.extensions, CATEGORY: call.route.category},
        )

    def _parse(self, call: Call[Any], received: TokenResponse, content: Any) -> Token:
        name = call.route.name
        if not _is_granted(received, content):
            raise self._make_error(received.response, content, name)
        token = self.read_token(parse_content(call.response_type, unwrap(content, call.unwrap).content, name), name)
        if not token.value.isascii() or not token.value.isprintable():
            raise MalformedResponseError(f"{name}: the access_token holds characters that no header can")
        return token

    def _make_error(self, response: httpx.Response, content: object, name: str) -> ApiError:
        """Return the error for a refusal. Whatever its status is, the credential is wrong."""
        what, secrets = f"the login ({name})", tuple(self.secrets())
        error = make_api_error(response, content, self._dialect, name, self._clock, request_name=what, secrets=secrets)
        if not error.by_platform or not isinstance(error, AuthenticationError | PermissionDeniedError | RejectedError):
            return error
        self._refusal = AuthenticationError(str(error), status=error.status, route=name, reason=error.reason)
        return self._refusal


def _decode(call: Call[Any], received: TokenResponse) -> Any:
    try:
        return decode_json(received.body, call.route.name, received.response.headers.get("content-type", ""))
    except MalformedResponseError:
        if received.response.is_success:
            raise
        return None  # a proxy's error page; its status is enough


def _is_granted(received: TokenResponse, content: Any) -> bool:
    return received.response.is_success and not is_error(content)
