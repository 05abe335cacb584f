"""Credentials of VidInfra: an API key, or a log-in with tokens that are renewed."""

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
from airflow_provider_sessions.platforms.vidinfra.api.live.auth import AuthResponse

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
_LOGIN_HINTS: Mapping[int | str, str] = {
    **dict.fromkeys((200, 400, 401, 403, 422), _LOGIN_HINT),
    404: "There is no log-in at this address: check the connection's host, or correct 'login' in its paths",
}


class LoginAuth(EndpointTokenAuth):
    """Logs in with e-mail and password, and keeps the token fresh by the refresh token, as long as it is not refused.

    :param email: the host's e-mail.
    :param password: its password.
    :param config: gives the addresses of log-in and refresh.
    :param clock: time.
    :param on_secret: told each new token before it is used.
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
        """A refresh where there is something to refresh with, then a log-in."""
        login = endpoints.login(self._email, self._password)
        return (login,) if self._refresh is None else (endpoints.refresh_token(self._refresh), login)

    def read_token(self, answer: AuthResponse, name: str) -> Token:
        """Take the tokens. Where a refresh gives no new refresh token, the old one stays good (inferred)."""
        access, refresh = _plain(answer.access_token), _plain(answer.refresh_token)
        if not access:
            raise MalformedResponseError(f"{name}: the answer holds no access_token")
        if refresh:
            self._on_secret(refresh)
            self._refresh = refresh
        return Token(access, _life_of(access, self._clock.now()))

    def secrets(self) -> Iterable[str]:
        """See :meth:`EndpointTokenAuth.secrets`."""
        return filter(None, (self._password, self._refresh))


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() or None if secret is not None else None


def _life_of(token: str, now: datetime) -> float | None:
    """How many seconds a JWT lives, by its own words; None where they are none. Its signature is not ours to check.

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
    return ends - began


def _is_time(value: object) -> TypeGuard[float]:
    """Whether a claim is a number that can be computed with: JSON has some without end, and Python's has NaN."""
    return isinstance(value, int | float) and abs(value) < _LATEST
