"""Credentials that are tokens: one life cycle, wherever a token comes from.

A token is renewed ahead of its end, and once more when the platform refuses it, unless it was made for that very
request. Requests that run side by side wait for one renewal.
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
"""How long before its end a token is renewed; a fifth of its life, where that is shorter."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as it is sent.

    :param value: the token.
    :param life: seconds that it lives; None where nobody tells: it is renewed when it is refused.
    """

    value: str = field(repr=False)
    life: float | None = None


class Reply(NamedTuple):
    """The response to a request of a renewal, and its whole body."""

    response: httpx.Response
    body: bytes


Renewal = Generator[httpx.Request, Reply, Token]
"""Yields the requests that it takes to get a token, is sent the reply to each, and returns the token."""


class TokenAuth(httpx.Auth, ABC):
    """Puts a token on each request: ``Authorization: Bearer ...``. For async clients alone.

    :param clock: time.
    :param on_secret: told each new token before it is used.
    """

    def __init__(self, *, clock: Clock, on_secret: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_secret = on_secret
        self._token: Token | None = None
        self._renew_at: datetime | None = None
        self._renewing = asyncio.Lock()

    @abstractmethod
    def renewal(self, reason: httpx.Request) -> Renewal:
        """Get a token.

        :param reason: the request that it is for.
        :raises SessionsError: there is none to be had.
        """

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the lock around a renewal is an event loop's."""
        raise RuntimeError(f"{type(self).__name__} serves async clients only")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a good token, and once more with a new one if an older one was refused."""
        refused: Token | None = None
        for _ in range(2):
            async with self._renewing:
                token, is_new = self._token, False
                if token is None or token is refused or self._is_ending():
                    steps = self.renewal(request)
                    try:
                        step = next(steps)
                        while True:
                            response = yield step
                            step = steps.send(Reply(response, await response.aread()))
                    except StopIteration as renewed:
                        token, is_new = self._keep(renewed.value), True
            request.headers["Authorization"] = f"Bearer {token.value}"
            response = yield request
            if response.status_code != 401 or is_new:
                return
            refused = token

    def _is_ending(self) -> bool:
        return self._renew_at is not None and self._clock.now() >= self._renew_at

    def _keep(self, token: Token) -> Token:
        self._on_secret(token.value)
        self._token, self._renew_at = token, None
        if token.life is not None:
            lead = min(LEAD_SECONDS, token.life / 5)
            self._renew_at = self._clock.now() + timedelta(seconds=token.life - lead)
        return token


class EndpointTokenAuth(TokenAuth):
    """Tokens that the platform gives at an endpoint: for a log-in, a refresh token, or OAuth 2.0 client credentials.

    What was refused is not sent again with the same credential: many tries lock accounts.

    :param config: gives the addresses.
    :param dialect: how refusals are explained.
    :param clock: time.
    :param on_secret: told each new token before it is used.
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
        """Return calls that are answered with a token. Where one is refused the next is sent; the last decides."""

    @abstractmethod
    def read_token(self, answer: Any, name: str) -> Token:
        """Return the token of an answer.

        :param answer: what one of the calls was answered with.
        :param name: that call's endpoint.
        :raises MalformedResponseError: it holds none.
        """

    def secrets(self) -> Iterable[str]:
        """Return what no error may quote."""
        return ()

    def renewal(self, reason: httpx.Request) -> Renewal:
        """See :meth:`TokenAuth.renewal`.

        :raises AuthenticationError: the platform refuses the credential.
        """
        if self._refusal is not None:
            raise self._refusal
        *others, last = self.renewal_calls()
        for call in others:
            reply = yield self._request(call, reason)
            content = _content(call, reply)
            if _is_granted(reply, content) or reply.response.status_code == 429:
                return self._read(call, reply, content)
            log.info("%s was refused (%d)", call.route.name, reply.response.status_code)
        reply = yield self._request(last, reason)
        return self._read(last, reply, _content(last, reply))

    def _request(self, call: Call[Any], reason: httpx.Request) -> httpx.Request:
        """The request of a renewal, as patient as the one it is made for."""
        method, url = self._config.url(call)
        return httpx.Request(
            method,
            url,
            headers={
                "Accept": "application/json",
                "User-Agent": reason.headers.get("User-Agent", ""),
                **call.headers,
            },
            json=call.body,
            data=dict(call.form) or None,
            extensions={**reason.extensions, CATEGORY: call.route.category},
        )

    def _read(self, call: Call[Any], reply: Reply, content: Any) -> Token:
        name = call.route.name
        if not _is_granted(reply, content):
            raise self._error(reply.response, content, name)
        token = self.read_token(parse_content(call.response_type, unwrap(content, call.unwrap).content, name), name)
        if not token.value.isascii() or not token.value.isprintable():
            raise MalformedResponseError(f"{name}: the access_token holds characters that no header can")
        return token

    def _error(self, response: httpx.Response, content: object, name: str) -> ApiError:
        """The error of a refusal: whichever status says so, it is the credential that is wrong."""
        what, secrets = f"the log-in ({name})", tuple(self.secrets())
        error = make_api_error(response, content, self._dialect, name, self._clock, request_name=what, secrets=secrets)
        if not error.by_platform or not isinstance(error, AuthenticationError | PermissionDeniedError | RejectedError):
            return error
        self._refusal = AuthenticationError(str(error), status=error.status, route=name, reason=error.reason)
        return self._refusal


def _content(call: Call[Any], reply: Reply) -> Any:
    try:
        return decode_json(reply.body, call.route.name, reply.response.headers.get("content-type", ""))
    except MalformedResponseError:
        if reply.response.is_success:
            raise
        return None  # an error page of a proxy; its status says enough


def _is_granted(reply: Reply, content: Any) -> bool:
    return reply.response.is_success and not is_error(content)
