"""JSON Web Tokens signed with HS256: as much of them as a stand-in platform needs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any


class BadTokenError(Exception):
    """Not a token, or not signed with this secret."""


def mint(claims: dict[str, Any], secret: str) -> str:
    """A signed token that states ``claims``."""
    head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
    body = _encode(json.dumps(claims, separators=(",", ":")).encode())
    return f"{head}.{body}.{_encode(_sign(f'{head}.{body}', secret))}"


def claims_of(token: str, secret: str) -> dict[str, Any]:
    """The claims of a token that was signed with ``secret``. Their expiry is for the caller to judge.

    :raises BadTokenError: it was not, or is no token.
    """
    signed, _, signature = token.rpartition(".")
    try:
        head, body = (json.loads(_decode(part)) for part in signed.split("."))
        genuine = hmac.compare_digest(_decode(signature), _sign(signed, secret))
    except (ValueError, binascii.Error) as error:
        raise BadTokenError("This is no JSON Web Token") from error
    if not (isinstance(head, dict) and isinstance(body, dict) and head.get("alg") == "HS256" and genuine):
        raise BadTokenError("The token was not signed with this secret by HS256")
    return body


def _sign(text: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
