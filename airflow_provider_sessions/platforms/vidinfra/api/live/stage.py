"""The stage of a session: viewers who are seen and heard, and how they come there."""

from __future__ import annotations

from typing import cast

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, VidInfraModel, api, body_of
from airflow_provider_sessions.platforms.vidinfra.api.live.sessions import JoinSessionResponse


class StageParticipantResponse(VidInfraModel):
    """Somebody on the stage, now or before."""

    id: str | None = None
    session_id: str | None = None
    participant_identity: str | None = None
    participant_name: str | None = None
    can_publish_audio: bool | None = None
    can_publish_video: bool | None = None
    joined_stage_at: Instant = None
    left_stage_at: Instant = None


class HandRaiseResponse(VidInfraModel):
    """A raised hand. ``status`` is ``pending``, ``approved`` or ``rejected``."""

    id: str | None = None
    session_id: str | None = None
    participant_identity: str | None = None
    participant_name: str | None = None
    message: str | None = None
    status: str | None = None
    created_at: Instant = None
    updated_at: Instant = None
    responded_at: Instant = None


class JoinRequestResponse(VidInfraModel):
    """A request to join the stage. ``status`` is ``pending``, ``approved`` or ``rejected``."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    status: str | None = None
    created_at: Instant = None
    updated_at: Instant = None
    responded_at: Instant = None


@api("POST", "/sessions/{session_id}/stage/raise_hand", documented=False)
def raise_hand(
    session_id: str,
    *,
    participant_identity: str | None = None,
    participant_name: str | None = None,
    message: str | None = None,
) -> Call[HandRaiseResponse]:
    """Raise a hand to be let on the stage.

    :param session_id: the session's UUID.
    :param participant_identity: the viewer's identity in the stream.
    :param participant_name: the name that is shown.
    :param message: why.
    :raises ConflictError: the session is not live (status inferred).
    Source: VidInfra Live API, Raise hand to request stage access; body and response are documented, the path is
    inferred.
    """
    body = body_of(participant_identity=participant_identity, participant_name=participant_name, message=message)
    return call(HandRaiseResponse, body=body, unwrap=("data", "hand_raise"))


@api("POST", "/sessions/{session_id}/stage/lower_hand", documented=False, repeatable=True)
def lower_hand(session_id: str) -> Call[Acknowledged]:
    """Lower the hand of the credential's account.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session, or no raised hand.
    Source: VidInfra Live API, Lower hand; the path is inferred.
    """
    return call(Acknowledged)


@api("GET", "/sessions/{session_id}/stage/hand_raise/my", documented=False)
def get_my_hand_raise(session_id: str) -> Call[HandRaiseResponse | None]:
    """Get what became of the account's raised hand, or None where there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get my hand raise status; the response is documented, the path is inferred.
    """
    return call(cast(type[HandRaiseResponse | None], HandRaiseResponse | None), unwrap=("data", "hand_raise"))


@api("GET", "/sessions/{session_id}/stage/participants", documented=False)
def list_stage_participants(session_id: str) -> Paged[StageParticipantResponse]:
    """List who is on the stage of a session.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get current stage participants; the items are documented, path and list are inferred.
    """
    return paged(StageParticipantResponse, NO_PAGES, unwrap=("data", "participants"))


@api("POST", "/sessions/{session_id}/stage/leave", documented=False, repeatable=True)
def leave_stage(session_id: str) -> Call[Acknowledged]:
    """Leave the stage as the account of the credential.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Leave the stage; the path is inferred.
    """
    return call(Acknowledged)


@api("GET", "/sessions/{session_id}/stage/token", documented=False)
def get_stage_token(session_id: str) -> Call[JoinSessionResponse]:
    """Get a token with which the account is seen and heard on the stage.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the account was not let on the stage.
    Source: VidInfra Live API, Get a stage token for LiveKit; path and response are inferred.
    """
    return call(JoinSessionResponse, unwrap=("data",))


@api("POST", "/sessions/{session_id}/join_requests", documented=False)
def create_join_request(session_id: str) -> Call[JoinRequestResponse]:
    """Request to join the stage as the account of the credential.

    :param session_id: the session's UUID.
    :raises ConflictError: there is such a request already (status inferred).
    Source: VidInfra Live API, Create a join request; the response is documented, the path is inferred.
    """
    return call(JoinRequestResponse, unwrap=("data", "join_request"))


@api("GET", "/sessions/{session_id}/join_requests/my", documented=False)
def get_my_join_request(session_id: str) -> Call[JoinRequestResponse | None]:
    """Get what became of the account's request to join the stage, or None where there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get my join request status; the response is documented, the path is inferred.
    """
    return call(cast(type[JoinRequestResponse | None], JoinRequestResponse | None), unwrap=("data", "join_request"))
