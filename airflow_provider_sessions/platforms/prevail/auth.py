"""Prevail's credential: a JSON Web Token, signed here with the organization's API key.

There is no token endpoint: a token is signed when it is needed and expires after minutes, and the key itself is never
sent. Source: Prevail API, User Guide (claims ``exp`` and ``slug`` documented; HS256 inferred).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.platforms.auth import Token, TokenAuth, TokenRequests

if TYPE_CHECKING:
    from jwt import PyJWS

DIALECT = Dialect(
    "prevail",
    hints={
        401: "Check the connection: login holds the Company ID, password the organization's active API key "
        "(Organizations > Credentials)",
        403: "Scheduling, editing and canceling need Self-Service, which Prevail's staff enable for an "
        "organization; without it use options={'flow': 'request'}",
    },
)


@functools.cache
def _get_signer() -> PyJWS:
    """Return a signer that accepts short keys: PyJWT would warn of them in every task's log."""
    from jwt import PyJWS  # imported when first used: importing operators must be fast
    from jwt.algorithms import HMACAlgorithm

    class AnyLength(HMACAlgorithm):
        def check_key_length(self, key: bytes) -> None:
            """Accept every key: Prevail issues them."""

    signer = PyJWS()
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", AnyLength(HMACAlgorithm.SHA256))
    return signer


class SignedTokenAuth(TokenAuth):
    """Sends tokens that are signed here.

    :param key: the organization's active API key.
    :param slug: the organization's company ID.
    :param clock: the clock.
    :param on_secret: called with each token.
    :param lifetime: seconds until a token expires.
    """

    def __init__(
        self, key: str, slug: str, *, clock: Clock, on_secret: Callable[[str], None], lifetime: float = 300.0
    ) -> None:
        super().__init__(clock=clock, on_secret=on_secret)
        self._key = key
        self._slug = slug
        self._lifetime = lifetime

    def renew(self, request: httpx.Request) -> TokenRequests:
        """Sign a token; nothing is sent."""
        expires = self._clock.now().timestamp() + self._lifetime
        claims = json.dumps({"exp": int(expires), "slug": self._slug}).encode()
        return Token(_get_signer().encode(claims, self._key, algorithm="HS256"), self._lifetime)
        yield  # makes this a generator
