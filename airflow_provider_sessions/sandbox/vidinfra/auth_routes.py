"""Signing in to VidInfra: API keys, logins with tokens that expire and are refreshed, viewers with devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt

from airflow_provider_sessions.sandbox.identifiers import IdGenerator
from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest, verify_signature
from airflow_provider_sessions.sandbox.vidinfra import request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.state import Account
from airflow_provider_sessions.sandbox.vidinfra.table import VIDEO_MOUNT, routes

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra

CODE_LIFETIME = 60

NO_CREDENTIAL = (
    "Could not determine authentication type from request. "
    "Please provide a valid Authorization header or X-API-Key header."
)


@dataclass(frozen=True)
class Caller:
    """Who asks, and by which kind of credential."""

    account: Account
    by_token: bool
    may_host: bool


class Tokens:
    """The tokens that were given out."""

    def __init__(self, ids: IdGenerator) -> None:
        self._ids = ids
        self.secret = ids.token("signing secret", 64)
        self.refresh: dict[str, str] = {}
        self.devices: dict[str, str] = {}
        self.codes: dict[str, tuple[str, datetime]] = {}
        self._generation = 0

    def access(self, account: Account, now: datetime, lifetime: int) -> str:
        """A token that states who its bearer is until it expires."""
        claims = {
            "sub": account.id,
            "role": account.role,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + lifetime,
            "jti": self._ids.new("token"),
            "gen": self._generation,
        }
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def bearer(self, token: str, now: datetime) -> str:
        """The account id of a token's bearer.

        :raises ApiError: 401, the token is not one of ours, has expired or was revoked.
        """
        try:
            claims = verify_signature(token, self.secret)
        except jwt.InvalidTokenError as error:
            raise _unauthorized("Invalid token") from error
        if claims["exp"] <= now.timestamp():
            raise _unauthorized("Token has expired")
        if claims["gen"] != self._generation:
            raise _unauthorized("Token has been revoked")
        return str(claims["sub"])

    def new_refresh(self, account: Account) -> str:
        """A refresh token."""
        token = self._ids.token("refresh", 64)
        self.refresh[token] = account.id
        return token

    def revoke_all(self) -> None:
        """Make all tokens worthless."""
        self._generation += 1
        self.refresh.clear()


def _unauthorized(reason: str) -> ApiError:
    return ApiError(401, reason, code="unauthorized", gateway=True)


def authenticate(vidinfra: VidInfra, asked: PlatformRequest) -> None:
    """Set who asks, and refuse those to whom the route is not open.

    :raises ApiError: 401, 403; 404, the library of the path does not exist.
    """
    access, library_id = asked.operation.access, asked.args.get("library_id")
    if asked.path.startswith(VIDEO_MOUNT):
        library_id = None  # of the video API
    # Below a library nothing is public: the vendor marks only the unscoped lists so.
    if access != "public" or library_id:
        asked.caller = _caller(vidinfra, asked)
    if library_id and library_id not in (vidinfra.library_id, vidinfra.other_library_id):
        raise ApiError(404, "Resource not found", gateway=True)
    if access == "token" and not asked.caller.by_token:
        raise _unauthorized("This route needs a Bearer token")
    if access == "host" and asked.caller.account.role != "host":
        raise ApiError(403, "Only hosts can perform this action")
    if access == "host" and not asked.caller.may_host:
        raise ApiError(403, "The API key does not have the required scope", code="forbidden", gateway=True)


def _caller(vidinfra: VidInfra, asked: PlatformRequest) -> Caller:
    key, header = asked.headers.get("x-api-key"), asked.headers.get("authorization", "")
    scheme, _, token = header.partition(" ")
    if key is not None:
        if key not in (vidinfra.api_key, vidinfra.viewer_api_key):
            raise _unauthorized("Invalid API key")
        return Caller(vidinfra.host, by_token=False, may_host=key == vidinfra.api_key)
    if scheme.lower() != "bearer" or not token:
        raise ApiError(401, NO_CREDENTIAL, code="auth_type_not_found", gateway=True)
    account = vidinfra.accounts.get(vidinfra.tokens.bearer(token.strip(), asked.now))
    if account is None:
        raise _unauthorized("Invalid token")
    return Caller(account, by_token=True, may_host=True)


def _signed_in(vidinfra: VidInfra, account: Account, now: datetime, refresh: str | None = None) -> dict[str, Any]:
    """AuthResponse."""
    lifetime = vidinfra.settings.access_token_lifetime
    return {
        "user": response_bodies.account(account),
        "access_token": vidinfra.tokens.access(account, now, lifetime),
        "refresh_token": refresh or vidinfra.tokens.new_refresh(account),
    }


@routes("POST", "/auth/login", access="public")
def login(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Login with email and password."""
    body = asked.read(request_bodies.Login)
    for account in vidinfra.accounts.values():
        if account.password and account.email == body.email and account.password == body.password:
            return _signed_in(vidinfra, account, asked.now)
    raise ApiError(401, "Invalid email or password")


@routes("POST", "/auth/refresh", access="public")
def refresh_token(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Refresh access token."""
    token = asked.read(request_bodies.RefreshToken).refresh_token
    account = vidinfra.accounts.get(vidinfra.tokens.refresh.get(token, ""))
    if account is None:
        raise ApiError(401, "Invalid refresh token")
    if not vidinfra.settings.rotate_refresh_tokens:
        return _signed_in(vidinfra, account, asked.now, token)
    del vidinfra.tokens.refresh[token]
    return _signed_in(vidinfra, account, asked.now)


@routes("POST", "/auth/viewer/register", access="public", status=201)
def register_viewer(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Register a new viewer with device token."""
    body = asked.read(request_bodies.ViewerRegister)
    account = Account(
        id=vidinfra.ids.new("viewer"),
        external_user_id=vidinfra.ids.new("external user"),
        organization_id=vidinfra.host.organization_id,
        email=None,
        username=body.display_name,
        role="viewer",
        created_at=asked.now,
    )
    vidinfra.accounts[account.id] = account
    device = vidinfra.ids.token("device", 64)
    vidinfra.tokens.devices[device] = account.id
    return _signed_in(vidinfra, account, asked.now) | {"device_token": device}


@routes("POST", "/auth/viewer/device-login", access="public")
def login_device(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Login with device token."""
    account = vidinfra.accounts.get(
        vidinfra.tokens.devices.get(asked.read(request_bodies.DeviceLogin).device_token, "")
    )
    if account is None:
        raise ApiError(401, "Invalid device token")
    return _signed_in(vidinfra, account, asked.now)


@routes("POST", "/auth/exchange-code", access="public")
def exchange_code(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Exchange auth code for tokens."""
    code = asked.read(request_bodies.ExchangeCode).code
    account_id, expiry = vidinfra.tokens.codes.pop(code, ("", asked.now))
    if expiry <= asked.now:
        raise ApiError(401, "Invalid or expired code")
    return _signed_in(vidinfra, vidinfra.accounts[account_id], asked.now)


@routes("POST", "/auth/generate-code", access="user", scoped=True)
def generate_code(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Generate a short-lived auth code."""
    asked.read(request_bodies.GenerateCode)
    code = vidinfra.ids.token("code", 8)
    vidinfra.tokens.codes[code] = (asked.caller.account.id, asked.now + timedelta(seconds=CODE_LIFETIME))
    return {"code": code, "expires_in": CODE_LIFETIME}


@routes("GET", "/auth/me", access="token")
def get_current_user(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Get current authenticated user."""
    return response_bodies.account(asked.caller.account)


@routes("POST", "/auth/logout", access="token")
def logout(vidinfra: VidInfra, asked: PlatformRequest) -> Any:
    """Logout and invalidate refresh token."""
    vidinfra.tokens.refresh.pop(asked.read(request_bodies.RefreshToken).refresh_token, None)
    return {"message": "Logged out"}
