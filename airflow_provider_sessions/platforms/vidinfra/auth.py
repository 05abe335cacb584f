"""Credentials of VidInfra: an API key, or a log-in with tokens that are renewed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from datetime import datetime, timedelta
from typing import TypeGuard

from pydantic import SecretStr

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.answers import Dialect, decode, error_from, read, says_failure, unwrap
from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import (
    ApiError,
    AuthenticationError,
    MalformedAnswerError,
    PermissionDeniedError,
    RejectedError,
)
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.api.live.auth import AuthResponse
from airflow_provider_sessions.safe_text import get_logger

log = get_logger(__name__)

LEAD_SECONDS = 60.0
"""How long before its end a token is renewed; a fifth of its life, where that is shorter."""
_LATEST = 1e15
"""Seconds or milliseconds since 1970 from which on a number is no time."""
_LONGEST_LIFE = 10 * 365 * 86400.0
"""Seconds. A token that says it lives longer (milliseconds for seconds, say) is renewed when it is refused."""

DIALECT = Dialect(
    platform="vidinfra",
    hints={
        401: (
            "Check the connection: with auth_mode 'api_key' its password field holds the API key (Tenbyte Console, "
            "Organization, API Keys; keys expire and can be disabled); with auth_mode 'login' the login field holds "
            "the host's e-mail and the password field the password"
        ),
        403: (
            "The credential is good, but a right is missing: most operations need an account with the role host, who "
            "owns the room, and an API key with the scope for them (Tenbyte Console, Organization, API Keys)"
        ),
    },
    # The envelope's time. Inside a text the quote before the colon would be escaped, so only a key can match.
    volatile=re.compile(rb'"timestamp"\s*:\s*\d+'),
)

_LOGIN_HINT = (
    "The log-in with auth_mode 'login' failed: check that the connection's login field holds the host's e-mail and "
    "its password field the password of that account. An API key needs auth_mode 'api_key'"
)
_NO_LOGIN_HINT = "There is no log-in at this address: check the connection's host, or correct 'login' in its paths"


class LoginAuth(httpx.Auth):
    """Logs in with e-mail and password, and keeps the token fresh.

    A token is renewed ahead of its end, and once when the platform refuses it: by the refresh token, or where that is
    refused by a new log-in. Requests that run side by side wait for one renewal. A log-in that was refused is not tried
    again with the same password: many tries lock accounts.

    :param email: the host's e-mail.
    :param password: its password.
    :param config: gives the addresses of log-in and refresh.
    :param clock: time.
    :param on_secret: told each new token before it is used.
    """

    def __init__(
        self, email: str, password: str, *, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]
    ) -> None:
        self._email = email
        self._password = password
        self._config = config
        self._clock = clock
        self._on_secret = on_secret
        self._access = ""
        self._refresh: str | None = None
        self._renew_at: datetime | None = None
        self._refusal: AuthenticationError | None = None
        self._renewing = asyncio.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the lock around a renewal is an event loop's."""
        raise RuntimeError("LoginAuth serves async clients only")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a good token, and once more with a new one if it was refused.

        :raises AuthenticationError: the platform refuses the log-in.
        """
        refused = None
        for _ in range(2):
            async with self._renewing:
                if self._refusal is not None:
                    raise self._refusal
                if self._needs_renewal(refused):
                    for attempt in self._ways_to_renew():
                        response = yield self._request(attempt, request)
                        if self._take(attempt, response, await response.aread()):
                            break
                access = self._access
            request.headers["Authorization"] = f"Bearer {access}"
            response = yield request
            if response.status_code != 401:
                return
            refused = access

    def _needs_renewal(self, refused: str | None) -> bool:
        """Whether there is no token, the one there is was refused, or it is about to end.

        Where another request renewed a refused token meanwhile, the new one is good.
        """
        if not self._access or self._access == refused:
            return True
        return self._renew_at is not None and self._clock.now() >= self._renew_at

    def _ways_to_renew(self) -> Iterator[Call[AuthResponse]]:
        """A refresh where there is something to refresh with, then a log-in."""
        if self._refresh is not None:
            yield endpoints.refresh_token(self._refresh)
        yield endpoints.login(self._email, self._password)

    def _request(self, attempt: Call[AuthResponse], reason: httpx.Request) -> httpx.Request:
        """The request of a renewal, as patient as the one it is made for."""
        method, url = self._config.url(attempt)
        headers = {"Accept": "application/json", "User-Agent": reason.headers.get("User-Agent", "")}
        return httpx.Request(method, url, headers=headers, json=attempt.body, extensions=dict(reason.extensions))

    def _take(self, attempt: Call[AuthResponse], response: httpx.Response, body: bytes) -> bool:
        """Take the tokens that came; False where a refresh was refused, so that a log-in has to follow.

        :raises SessionsError: the log-in was refused, or cannot be asked for now.
        """
        name = attempt.route.name
        try:
            content = decode(body, name, response.headers.get("content-type", ""))
        except MalformedAnswerError:
            if response.is_success:
                raise
            content = None  # an error page of a proxy; its status says enough
        if response.is_success and not says_failure(content):
            self._keep(read(AuthResponse, unwrap(content, attempt.unwrap).content, name), name)
            return True
        if name == "refresh_token" and response.status_code != 429:
            log.info("%s was refused (%d); logging in anew", name, response.status_code)
            return False
        raise self._error(response, content, name)

    def _error(self, response: httpx.Response, content: object, name: str) -> ApiError:
        """The error of a refused log-in: whichever status says so, it is the credential that is wrong."""
        hints = dict.fromkeys((200, 400, 401, 403, 422), _LOGIN_HINT) | {404: _NO_LOGIN_HINT}
        dialect = Dialect(DIALECT.platform, hints)
        secrets = tuple(filter(None, (self._password, self._refresh)))
        error = error_from(response, content, dialect, name, self._clock, what=f"the log-in ({name})", secrets=secrets)
        if not error.by_platform or not isinstance(error, AuthenticationError | PermissionDeniedError | RejectedError):
            return error
        self._refusal = AuthenticationError(str(error), status=error.status, route=name, reason=error.reason)
        return self._refusal

    def _keep(self, answer: AuthResponse, name: str) -> None:
        access, refresh = _plain(answer.access_token), _plain(answer.refresh_token)
        if not access:
            raise MalformedAnswerError(f"{name}: the answer holds no access_token")
        if not access.isascii() or not access.isprintable():
            raise MalformedAnswerError(f"{name}: the access_token holds characters that no header can")
        for secret in filter(None, (access, refresh)):
            self._on_secret(secret)
        self._access = access
        # Where a refresh gives no new refresh token, the old one stays good (inferred).
        self._refresh = refresh or self._refresh
        self._renew_at = _renew_at(access, self._clock.now())


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() or None if secret is not None else None


def _renew_at(token: str, now: datetime) -> datetime | None:
    """When a JWT has to be renewed, by its own words; None where they are none. Its signature is not ours to check.

    Its life is counted from now where ``iat`` tells how long it is, so that clocks may differ.
    """
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    ends, began = claims.get("exp"), claims.get("iat", now.timestamp())
    if not _is_time(ends) or not _is_time(began) or not 0 < ends - began <= _LONGEST_LIFE:
        return None
    life = ends - began
    return now + timedelta(seconds=life - min(LEAD_SECONDS, life / 5))


def _is_time(value: object) -> TypeGuard[float]:
    """Whether a claim is a number that can be computed with: JSON has some without end, and Python's has NaN."""
    return isinstance(value, int | float) and abs(value) < _LATEST
