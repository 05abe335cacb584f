"""Accounts: login, tokens, viewers."""

from __future__ import annotations

from pydantic import SecretStr

from airflow_provider_sessions.client.call import Call, call
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import Acknowledged, VidInfraModel, api


class UserResponse(VidInfraModel):
    """An account. ``role`` is ``host`` or ``viewer``."""

    id: str | None = None
    external_user_id: str | None = None
    organization_id: str | None = None
    email: str | None = None
    username: str | None = None
    role: str | None = None
    is_active: bool | None = None
    created_at: Instant = None


class AuthResponse(VidInfraModel):
    """The response to a login or a refresh. It has no ``expires_in``; the token has the claim ``exp``."""

    user: UserResponse | None = None
    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None


class ViewerRegisterResponse(AuthResponse):
    """A viewer's new account, with the token of the device that it was made on."""

    device_token: SecretStr | None = None


class GenerateAuthCodeResponse(VidInfraModel):
    """A short-lived code with which another device is logged in. ``expires_in`` is in seconds (inferred)."""

    code: SecretStr | None = None
    expires_in: int | None = None


@api("POST", "/auth/login", documented=False)
def login(email: str, password: str) -> Call[AuthResponse]:
    """Log in as a host.

    :param email: the account's e-mail address.
    :param password: its password.
    :raises AuthenticationError: one of the two is wrong.
    Source: VidInfra Live API, Login with email and password; path, body and response are documented, the method is
    inferred.
    """
    return call(AuthResponse, body={"email": email, "password": password}, unwrap=("data",))


@api("POST", "/auth/refresh", documented=False)
def refresh_token(refresh_token: str) -> Call[AuthResponse]:
    """Exchange a refresh token for a new access token.

    :param refresh_token: as the login, or the refresh before, gave it.
    :raises AuthenticationError: it is no longer good.
    Source: VidInfra Live API, Refresh access token; the body is documented, path and response are inferred.
    """
    return call(AuthResponse, body={"refresh_token": refresh_token}, unwrap=("data",))


@api("POST", "/auth/viewer/register", documented=False)
def register_viewer(display_name: str) -> Call[ViewerRegisterResponse]:
    """Register a viewer by a display name alone. Each call makes one more account.

    :param display_name: 1 to 50 characters.
    :raises RejectedError: the name is empty or too long.
    Source: VidInfra Live API, Register a new viewer with device token; path, body and response are documented, the
    method is inferred.
    """
    return call(ViewerRegisterResponse, body={"display_name": display_name}, unwrap=("data",))


@api("POST", "/auth/viewer/device-login", documented=False)
def login_viewer(device_token: str) -> Call[AuthResponse]:
    """Log a viewer in by the token of a device.

    :param device_token: as :func:`register_viewer` gave it; a secret.
    :raises AuthenticationError: the token is unknown.
    Source: VidInfra Live API, Login with device token; path and body are documented, method and response are inferred.
    """
    return call(AuthResponse, body={"device_token": device_token}, unwrap=("data",))


@api("POST", "/auth/exchange-code", documented=False)
def exchange_auth_code(code: str) -> Call[AuthResponse]:
    """Exchange a short-lived code for tokens.

    :param code: as :func:`generate_auth_code` gave it; a secret.
    :raises AuthenticationError: the code is unknown or has expired.
    Source: VidInfra Live API, Exchange auth code for tokens; the body is documented, path and response are inferred.
    """
    return call(AuthResponse, body={"code": code}, unwrap=("data",))


@api("GET", "/auth/me", documented=False)
def get_current_user() -> Call[UserResponse]:
    """Get the account that the credential belongs to.

    :raises AuthenticationError: the credential is missing or wrong.
    Source: VidInfra Live API, Get current authenticated user; the response is documented, the path is inferred.
    """
    return call(UserResponse, unwrap=("data", "user"))


@api("POST", "/auth/logout", documented=False)
def logout(refresh_token: str) -> Call[Acknowledged]:
    """Invalidate a refresh token.

    :param refresh_token: the token; a secret.
    :raises AuthenticationError: the credential is missing or wrong.
    Source: VidInfra Live API, Logout and invalidate refresh token; the body is documented, the path is inferred.
    """
    return call(Acknowledged, body={"refresh_token": refresh_token})


@api("POST", "/auth/generate-code", documented=False, scoped=True)
def generate_auth_code(session_id: str) -> Call[GenerateAuthCodeResponse]:
    """Create a short-lived code with which another device joins a session as the same account.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Generate a short-lived auth code; body and response are documented, the path is inferred.
    """
    return call(GenerateAuthCodeResponse, body={"session_id": session_id}, unwrap=("data",))
