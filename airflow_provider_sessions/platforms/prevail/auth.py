"""Prevail's credential: a JSON Web Token that we sign with the organization's API key.

There is no token endpoint and nothing is exchanged: a token is made when it is needed, lives for minutes, and the key
itself never goes on the wire. Source: Prevail API, User Guide (claims ``exp`` and ``slug`` documented; HS256 inferred).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_sessions.client import httpx_api as httpx
from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.platforms.auth import Renewal, Token, TokenAuth

if TYPE_CHECKING:
    from jwt import PyJWS


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


class SignedToken(TokenAuth):
    """Tokens that are signed here.

    :param key: the organization's active API key.
    :param slug: the organization's company ID.
    :param clock: time.
    :param on_secret: told each token.
    :param lifetime: seconds that a token lives.
    """

    def __init__(
        self, key: str, slug: str, *, clock: Clock, on_secret: Callable[[str], None], lifetime: float = 300.0
    ) -> None:
        super().__init__(clock=clock, on_secret=on_secret)
        self._key = key
        self._slug = slug
        self._lifetime = lifetime

    def renewal(self, reason: httpx.Request) -> Renewal:
        """Sign a token; nothing is requested for it."""
        expires = self._clock.now().timestamp() + self._lifetime
        claims = json.dumps({"exp": int(expires), "slug": self._slug}).encode()
        return Token(_signer().encode(claims, self._key, algorithm="HS256"), self._lifetime)
        yield  # a generator that yields nothing
