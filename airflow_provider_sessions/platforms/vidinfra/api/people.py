"""People: their accounts, and their roles, attendance and bans in a session."""

from __future__ import annotations

from pydantic import SecretStr

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    Acknowledged,
    Seconds,
    VidInfraModel,
    api,
    body_of,
)

# Accounts, and logging in


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


# People with a role in a session


class SessionParticipantResponse(VidInfraModel, LenientModel):
    """Somebody who was given a role in a session: ``co_host`` or ``moderator``."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    user: UserResponse | None = None
    role: str | None = None
    is_active: bool | None = None
    assigned_at: Instant = None
    joined_at: Instant = None
    assigned_by: str | None = None
    assigned_by_user: UserResponse | None = None
    removed_at: Instant = None
    left_at: Instant = None


@api("GET", "/sessions/{session_id}/participants", documented=False)
def list_participants(session_id: str) -> Paged[SessionParticipantResponse]:
    """List the co-hosts and moderators of a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get session participants; the response is documented, the path is inferred.
    """
    return paged(SessionParticipantResponse, NO_PAGES, unwrap=("data", "participants"))


@api("POST", "/sessions/{session_id}/co_hosts", documented=False)
def add_co_host(session_id: str, user_id: str) -> Call[SessionParticipantResponse]:
    """Give an account the role of a co-host in a session. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: there is no such session or account.
    Source: VidInfra Live API, Add a co-host to a session; body and response are documented, the path is inferred.
    """
    return call(SessionParticipantResponse, body={"user_id": user_id}, unwrap=("data", "participant"))


@api("DELETE", "/sessions/{session_id}/co_hosts/{user_id}", documented=False)
def remove_co_host(session_id: str, user_id: str) -> Call[Acknowledged]:
    """Take the role of a co-host from an account. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: the account has no such role.
    Source: VidInfra Live API, Remove a co-host from a session; the path is inferred.
    """
    return call(Acknowledged)


@api("POST", "/sessions/{session_id}/moderators", documented=False)
def add_moderator(session_id: str, user_id: str) -> Call[SessionParticipantResponse]:
    """Give an account the role of a moderator in a session. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: there is no such session or account.
    Source: VidInfra Live API, Add a moderator to a session; body and response are documented, the path is inferred.
    """
    return call(SessionParticipantResponse, body={"user_id": user_id}, unwrap=("data", "participant"))


@api("DELETE", "/sessions/{session_id}/moderators/{user_id}", documented=False)
def remove_moderator(session_id: str, user_id: str) -> Call[Acknowledged]:
    """Take the role of a moderator from an account. Host only.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: the account has no such role.
    Source: VidInfra Live API, Remove a moderator from a session; the path is inferred.
    """
    return call(Acknowledged)


# Who is, and was, in a session


class AttendanceResponse(VidInfraModel, LenientModel):
    """One person's presence: ``watch_duration`` is in seconds, over ``join_count`` joins."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    email: str | None = None
    is_guest: bool | None = None
    joined_at: Instant = None
    left_at: Instant = None
    last_seen_at: Instant = None
    watch_duration: Seconds | None = None
    join_count: int | None = None


class AttendanceStatsResponse(VidInfraModel):
    """Presence in numbers; ``average_watch_duration`` is in seconds."""

    total_attendees: int | None = None
    currently_watching: int | None = None
    peak_viewers: int | None = None
    average_watch_duration: Seconds | None = None


class ActiveViewerResponse(VidInfraModel):
    """Somebody who is watching now."""

    id: str | None = None
    user_id: str | None = None
    username: str | None = None
    joined_at: Instant = None
    role: str | None = None


@api("GET", "/sessions/{session_id}/viewers", documented=False)
def list_active_viewers(session_id: str) -> Paged[ActiveViewerResponse]:
    """List who is watching a session now.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's (inferred).
    Source: VidInfra Live API, Get active viewers for a session; the response is documented, the path is inferred.
    """
    return paged(ActiveViewerResponse, NO_PAGES, unwrap=("data", "viewers"))


@api("GET", "/sessions/{session_id}/attendance", documented=False, scoped=True)
def list_attendance(session_id: str) -> Paged[AttendanceResponse]:
    """List who was in a session, one row a person.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get full attendance list; the response is documented, the path is inferred.
    """
    return paged(AttendanceResponse, NO_PAGES, unwrap=("data", "attendance"))


@api("GET", "/sessions/{session_id}/attendance/stats", documented=False, scoped=True)
def get_attendance_stats(session_id: str) -> Call[AttendanceStatsResponse]:
    """Get the attendance of a session in numbers.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's (inferred).
    Source: VidInfra Live API, Get attendance statistics; the response is documented, the path is inferred.
    """
    return call(AttendanceStatsResponse, unwrap=("data",))


@api("GET", "/sessions/{session_id}/attendance/export", documented=False, scoped=True)
def export_attendance(session_id: str) -> Call[str]:
    """Get the attendance of a session as the platform's own CSV file. Its columns are not documented.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is not a host's (inferred).
    :raises MalformedResponseError: the response is a page or JSON.
    Source: VidInfra Live API, Export attendance data, and the vendor's changelog (CSV); the path is inferred.
    """
    return call(str)


@api("POST", "/sessions/{session_id}/leave", documented=False)
def leave_session(session_id: str) -> Call[Acknowledged]:
    """Leave a session as the account of the credential.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Leave a session; the path is inferred.
    """
    return call(Acknowledged)


# Banning people from a session


class AccountName(VidInfraModel):
    """An account, as far as a ban shows it."""

    id: str | None = None
    username: str | None = None
    email: str | None = None


class BannedParticipantResponse(VidInfraModel):
    """Somebody who was banned from a session, by whom and why."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    user: AccountName | None = None
    banned_by: str | None = None
    banned_by_user: AccountName | None = None
    reason: str | None = None
    banned_at: Instant = None


class BanStatusResponse(VidInfraModel):
    """Whether the account is banned. The field is inferred."""

    is_banned: bool | None = None


@api("POST", "/sessions/{session_id}/ban", documented=False, repeatable=True)
def ban_participant(session_id: str, user_id: str, *, reason: str | None = None) -> Call[BannedParticipantResponse]:
    """Ban an account from a session. Host or moderator.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :param reason: why.
    :raises NotFoundError: there is no such session or account.
    Source: VidInfra Live API, Ban a participant; body and response are documented, the path is inferred.
    """
    return call(BannedParticipantResponse, body=body_of(user_id=user_id, reason=reason), unwrap=("data", "ban"))


@api("DELETE", "/sessions/{session_id}/ban/{user_id}", documented=False)
def unban_participant(session_id: str, user_id: str) -> Call[Acknowledged]:
    """Let a banned account into a session again. Host or moderator.

    :param session_id: the session's UUID.
    :param user_id: the account's UUID.
    :raises NotFoundError: the account is not banned.
    Source: VidInfra Live API, Unban a participant; the path is inferred.
    """
    return call(Acknowledged)


@api("GET", "/sessions/{session_id}/banned", documented=False)
def list_banned_participants(session_id: str) -> Paged[BannedParticipantResponse]:
    """List who is banned from a session. Host or moderator.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get banned participants list; the response is documented, the path is inferred.
    """
    return paged(BannedParticipantResponse, NO_PAGES, unwrap=("data", "banned_participants"))


@api("GET", "/sessions/{session_id}/ban_status", documented=False)
def get_ban_status(session_id: str) -> Call[BanStatusResponse]:
    """Get whether the account of the credential is banned from a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Check if current user is banned; path and response are inferred.
    """
    return call(BanStatusResponse, unwrap=("data",))
