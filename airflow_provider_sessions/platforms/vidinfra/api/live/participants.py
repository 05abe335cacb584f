"""People with a role in a session."""

from __future__ import annotations

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, VidInfraModel, api
from airflow_provider_sessions.platforms.vidinfra.api.live.auth import UserResponse


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
    """Make an account a co-host of a session. Host only.

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
    """Make an account a moderator of a session. Host only.

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
