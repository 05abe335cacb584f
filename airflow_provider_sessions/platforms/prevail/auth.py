"""Prevail's credential: a JSON Web Token that we sign with the organization's API key.

There is no token endpoint and nothing is exchanged: a token is made when it is needed, lives for minutes, and the key
itself never goes on the wire. Source: Prevail API, User Guide (claims ``exp`` and ``slug`` documented; HS256 inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import httpx

from airflow_provider_sessions.clock import Clock

_LEAD_SECONDS = 30.0


class SignedToken(httpx.Auth):
    """Puts a fresh token on each request, and once a new one after a 401, unless it was signed for that very request.

    :param key: the organization's active API key.
    :param slug: the organization's company ID.
    :param clock: time.
    :param on_secret: told each token.
    :param lifetime: seconds that a token lives.
    """

    def __init__(
        self, key: str, slug: str, *, clock: Clock, on_secret: Callable[[str], None], lifetime: float = 300.0
    ) -> None:
        self._key = key
        self._slug = slug
        self._clock = clock
        self._on_secret = on_secret
        self._lifetime = lifetime
        self._token = ""
        self._expires = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request."""
        lead = min(_LEAD_SECONDS, self._lifetime / 2)
        is_old = self._clock.now().timestamp() < self._expires - lead
        if not is_old:
            self._mint()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401 and is_old:
            self._mint()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _mint(self) -> None:
        import jwt  # loaded when first used: importing operators must stay quick

        self._expires = self._clock.now().timestamp() + self._lifetime
        self._token = jwt.encode({"exp": int(self._expires), "slug": self._slug}, self._key, algorithm="HS256")
        self._on_secret(self._token)
