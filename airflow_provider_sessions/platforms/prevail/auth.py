"""Prevail's credential: a JSON Web Token that we sign with the organization's API key.

There is no token endpoint and nothing is exchanged: a token is made when it is needed, lives for minutes, and the key
itself never goes on the wire. Source: Prevail API, User Guide (claims ``exp`` and ``slug`` documented; HS256 inferred).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.clock import Clock

if TYPE_CHECKING:
    from jwt import PyJWS

_LEAD_SECONDS = 30.0


@functools.cache
def _signer() -> PyJWS:
    """What signs. Prevail's keys may be shorter than PyJWT likes, of which it would warn in every task's log."""
    from jwt import PyJWS  # loaded when first used: importing operators must stay quick
    from jwt.algorithms import HMACAlgorithm

    class AnyLength(HMACAlgorithm):
        def check_key_length(self, key: bytes) -> None:
            """Take every key: which one there is, only Prevail decides."""

    signer = PyJWS()
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", AnyLength(HMACAlgorithm.SHA256))
    return signer


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
        self._expires = self._clock.now().timestamp() + self._lifetime
        claims = json.dumps({"exp": int(self._expires), "slug": self._slug}).encode()
        self._token = _signer().encode(claims, self._key, algorithm="HS256")
        self._on_secret(self._token)
