"""Banning people from a session."""

from __future__ import annotations

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, VidInfraModel, api, body_of


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
