"""VidInfra's credentials: an API key, or a login with tokens that are renewed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeGuard

from pydantic import SecretStr

from airflow_provider_sessions.client.call import Call
from airflow_provider_sessions.client.client import ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.platforms.auth import EndpointTokenAuth, Token
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.api.people import AuthResponse

_MAX_TIMESTAMP = 1e15
"""A larger number is no time, neither in seconds nor in milliseconds since 1970."""
_MAX_LIFETIME = 10 * 365 * 86400.0
"""Seconds. A token with a longer lifetime (probably in milliseconds) is renewed when it is refused."""

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
    # The time of the response. In a text the quote before the colon would be escaped, so only a key can match.
    volatile=re.compile(rb'"timestamp"\s*:\s*\d+'),
)

_LOGIN_HINT = (
    "The login with auth_mode 'login' failed: check that the connection's login field holds the host's e-mail and "
    "its password field the password of that account. An API key needs auth_mode 'api_key'"
)
_LOGIN_HINTS: Mapping[int | str, str] = {
    **dict.fromkeys((200, 400, 401, 403, 422), _LOGIN_HINT),
    404: "There is no login at this address: check the connection's host, or correct 'login' in its paths",
}


class LoginAuth(EndpointTokenAuth):
    """Logs in with e-mail address and password, and renews the token with the refresh token until that is refused.

    :param email: the host's e-mail address.
    :param password: the password.
    :param config: has the base URLs.
    :param clock: the clock.
    :param on_secret: called with each new token before it is used.
    """

    def __init__(
        self, email: str, password: str, *, config: ClientConfig, clock: Clock, on_secret: Callable[[str], None]
    ) -> None:
        super().__init__(
            config=config, dialect=Dialect(DIALECT.platform, _LOGIN_HINTS), clock=clock, on_secret=on_secret
        )
        self._email = email
        self._password = password
        self._refresh: str | None = None

    def renewal_calls(self) -> Sequence[Call[AuthResponse]]:
        """Return a refresh if there is a refresh token, then a login."""
        login = endpoints.login(self._email, self._password)
        return (login,) if self._refresh is None else (endpoints.refresh_token(self._refresh), login)

    def read_token(self, response: AuthResponse, name: str) -> Token:
        """Return the access token. If a refresh gives no new refresh token, the old one stays valid (inferred)."""
        access, refresh = _reveal(response.access_token), _reveal(response.refresh_token)
        if not access:
            raise MalformedResponseError(f"{name}: the response holds no access_token")
        if refresh:
            self._on_secret(refresh)
            self._refresh = refresh
        return Token(access, _get_lifetime(access, self._clock.now()))

    def secrets(self) -> Iterable[str]:
        """See :meth:`EndpointTokenAuth.secrets`."""
        return filter(None, (self._password, self._refresh))


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() or None if secret is not None else None


def _get_lifetime(token: str, now: datetime) -> float | None:
    """Return the lifetime of a JWT in seconds, from its claims; None if they do not say. Its signature is not checked.

    With the claim ``iat`` the lifetime does not depend on this clock.
    """
    import jwt

    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return None
    expires, issued = claims.get("exp"), claims.get("iat", now.timestamp())
    if not _is_time(expires) or not _is_time(issued) or not 0 < expires - issued <= _MAX_LIFETIME:
        return None
    return expires - issued


def _is_time(value: object) -> TypeGuard[float]:
    """Whether a claim is a finite number: Python's JSON parser accepts infinity and NaN."""
    return isinstance(value, int | float) and abs(value) < _MAX_TIMESTAMP
