"""Tokens: an organization signs them itself, with its API key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jwt

from airflow_provider_sessions.sandbox.prevail.state import Organization
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest, verify_signature

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def authenticate(prevail: Prevail, asked: PlatformRequest) -> None:
    """Set which organization asks, and refuse those to whom the route is not open.

    :raises ApiError: 401, 403.
    """
    if asked.operation.access == "public":
        return
    asked.caller = organization = _organization(prevail, asked)
    if asked.operation.access == "self_service" and not organization.self_service:
        raise ApiError(403, "Self-Service is not enabled for your Organization")


def _organization(prevail: Prevail, asked: PlatformRequest) -> Organization:
    """The organization whose token came along.

    :raises ApiError: 401.
    """
    token = token_of(asked)
    if not token:
        raise ApiError(401, "A signed token is required")
    organization, claims = _signer(prevail, token)
    expiry = claims.get("exp")
    if isinstance(expiry, bool) or not isinstance(expiry, int | float):
        raise ApiError(401, "The token must say when it expires (exp)")
    if expiry <= (asked.now + prevail.shared.clock.skew).timestamp():
        raise ApiError(401, "The token has expired")
    return organization


def _signer(prevail: Prevail, token: str) -> tuple[Organization, dict[str, Any]]:
    """The organization that a token names and whose key it is signed with, and the token's claims.

    :raises ApiError: 401.
    """
    for organization in prevail.organizations.values():
        try:
            claims = verify_signature(token, organization.api_key)
        except jwt.InvalidTokenError:
            continue
        if claims.get("slug") == organization.company_id:
            return organization, claims
    raise ApiError(401, "The token is not valid")


def rate_limit_key(prevail: Prevail, asked: PlatformRequest) -> str:
    """Whose budget a request uses up: the organization's, since each of its tokens is another one."""
    try:
        return _signer(prevail, token_of(asked))[0].company_id
    except ApiError:
        return ""


def token_of(asked: PlatformRequest) -> str:
    """The token of a request: its header's, or ``jwt_payload`` in query or body. Empty where there is none."""
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return asked.query.get("jwt_payload") or _in_body(asked.body)


def _in_body(body: bytes) -> str:
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    return str(content.get("jwt_payload", "")) if isinstance(content, dict) else ""
