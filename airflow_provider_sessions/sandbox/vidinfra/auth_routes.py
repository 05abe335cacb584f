"""Routes to log in: with a password, with a refresh token, as a viewer with a device, or by a short-lived code."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.vidinfra import request_bodies, response_bodies
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, routes
from airflow_provider_sessions.sandbox.vidinfra.state import Account

CODE_LIFETIME = 60
"""Seconds."""


def _auth_response(vidinfra: VidInfra, account: Account, now: datetime, refresh: str | None = None) -> dict[str, Any]:
    """AuthResponse."""
    lifetime = vidinfra.settings.access_token_lifetime
    return {
        "user": response_bodies.account(account),
        "access_token": vidinfra.tokens.issue_access(account, now, lifetime),
        "refresh_token": refresh or vidinfra.tokens.issue_refresh(account),
    }


@routes("POST", "/auth/login", access="public")
def login(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Login with email and password."""
    body = request.parse_body(request_bodies.Login)
    for account in vidinfra.accounts.values():
        if account.password and account.email == body.email and account.password == body.password:
            return _auth_response(vidinfra, account, request.now)
    raise ApiError(401, "Invalid email or password")


@routes("POST", "/auth/refresh", access="public")
def refresh_token(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Refresh access token."""
    token = request.parse_body(request_bodies.RefreshToken).refresh_token
    account = vidinfra.accounts.get(vidinfra.tokens.refresh.get(token, ""))
    if account is None:
        raise ApiError(401, "Invalid refresh token")
    if not vidinfra.settings.rotate_refresh_tokens:
        return _auth_response(vidinfra, account, request.now, token)
    del vidinfra.tokens.refresh[token]
    return _auth_response(vidinfra, account, request.now)


@routes("POST", "/auth/viewer/register", access="public", status=201)
def register_viewer(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Register a new viewer with device token."""
    body = request.parse_body(request_bodies.ViewerRegister)
    account = Account(
        id=vidinfra.ids.new("viewer"),
        external_user_id=vidinfra.ids.new("external user"),
        organization_id=vidinfra.host.organization_id,
        email=None,
        username=body.display_name,
        role="viewer",
        created_at=request.now,
    )
    vidinfra.accounts[account.id] = account
    device = vidinfra.ids.token("device", 64)
    vidinfra.tokens.devices[device] = account.id
    return _auth_response(vidinfra, account, request.now) | {"device_token": device}


@routes("POST", "/auth/viewer/device-login", access="public")
def login_device(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Login with device token."""
    account = vidinfra.accounts.get(
        vidinfra.tokens.devices.get(request.parse_body(request_bodies.DeviceLogin).device_token, "")
    )
    if account is None:
        raise ApiError(401, "Invalid device token")
    return _auth_response(vidinfra, account, request.now)


@routes("POST", "/auth/exchange-code", access="public")
def exchange_code(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Exchange auth code for tokens."""
    code = request.parse_body(request_bodies.ExchangeCode).code
    account_id, expiry = vidinfra.tokens.codes.pop(code, ("", request.now))
    if expiry <= request.now:
        raise ApiError(401, "Invalid or expired code")
    return _auth_response(vidinfra, vidinfra.accounts[account_id], request.now)


@routes("POST", "/auth/generate-code", access="user", scoped=True)
def generate_code(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Generate a short-lived auth code."""
    request.parse_body(request_bodies.GenerateCode)
    code = vidinfra.ids.token("code", 8)
    vidinfra.tokens.codes[code] = (request.caller.account.id, request.now + timedelta(seconds=CODE_LIFETIME))
    return {"code": code, "expires_in": CODE_LIFETIME}


@routes("GET", "/auth/me", access="token")
def get_current_user(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Get current authenticated user."""
    return response_bodies.account(request.caller.account)


@routes("POST", "/auth/logout", access="token")
def logout(vidinfra: VidInfra, request: ApiRequest) -> Any:
    """Logout and invalidate refresh token."""
    vidinfra.tokens.refresh.pop(request.parse_body(request_bodies.RefreshToken).refresh_token, None)
    return {"message": "Logged out"}
