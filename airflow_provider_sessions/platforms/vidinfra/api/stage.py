"""The stage of a session: viewers who are seen and heard, how they get there, and how a host manages it."""

from __future__ import annotations

from typing import cast

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, VidInfraModel, api, body_of
from airflow_provider_sessions.platforms.vidinfra.api.sessions import JoinSessionResponse

# Viewers on the stage


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
    """Get the account's raised hand, or None if there is none.

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
    """Get the account's request to join the stage, or None if there is none.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get my join request status; the response is documented, the path is inferred.
    """
    return call(cast(type[JoinRequestResponse | None], JoinRequestResponse | None), unwrap=("data", "join_request"))


# Managing the stage, as a host or moderator


@api("POST", "/sessions/{session_id}/stage/add", documented=False)
def add_to_stage(
    session_id: str,
    participant_identity: str,
    *,
    participant_name: str | None = None,
    can_publish_audio: bool | None = None,
    can_publish_video: bool | None = None,
) -> Call[StageParticipantResponse]:
    """Let a viewer on the stage.

    :param session_id: the session's UUID.
    :param participant_identity: the viewer's identity in the stream.
    :param participant_name: the name that is shown.
    :param can_publish_audio: whether the viewer is heard.
    :param can_publish_video: whether the viewer is seen.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's.
    Source: VidInfra Live API, Add participant to stage; body and response are documented, the path is inferred.
    """
    body = body_of(
        participant_identity=participant_identity,
        participant_name=participant_name,
        can_publish_audio=can_publish_audio,
        can_publish_video=can_publish_video,
    )
    return call(StageParticipantResponse, body=body, unwrap=("data", "participant"))


@api("POST", "/sessions/{session_id}/stage/remove", documented=False, repeatable=True)
def remove_from_stage(session_id: str, participant_identity: str) -> Call[Acknowledged]:
    """Remove somebody from the stage.

    :param session_id: the session's UUID.
    :param participant_identity: the viewer's identity in the stream.
    :raises NotFoundError: nobody of that identity is on the stage.
    Source: VidInfra Live API, Remove participant from stage; the body is documented, the path is inferred.
    """
    return call(Acknowledged, body={"participant_identity": participant_identity})


@api(
    "PATCH",
    "/sessions/{session_id}/stage/participants/{participant_identity}/permissions",
    documented=False,
    repeatable=True,
)
def update_stage_permissions(
    session_id: str,
    participant_identity: str,
    *,
    can_publish_audio: bool | None = None,
    can_publish_video: bool | None = None,
) -> Call[StageParticipantResponse]:
    """Change whether somebody on the stage is heard and seen. Fields that are not given are not changed.

    :param session_id: the session's UUID.
    :param participant_identity: the viewer's identity in the stream.
    :param can_publish_audio: whether the viewer is heard.
    :param can_publish_video: whether the viewer is seen.
    :raises NotFoundError: nobody of that identity is on the stage.
    Source: VidInfra Live API, Update stage participant permissions; body and response are documented, the path is
    inferred.
    """
    body = body_of(can_publish_audio=can_publish_audio, can_publish_video=can_publish_video)
    return call(StageParticipantResponse, body=body, unwrap=("data", "participant"))


@api("GET", "/sessions/{session_id}/join_requests", documented=False)
def list_join_requests(session_id: str) -> Paged[JoinRequestResponse]:
    """List the pending requests to join the stage.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's.
    Source: VidInfra Live API, Get pending join requests; the items are documented, path and list are inferred.
    """
    return paged(JoinRequestResponse, NO_PAGES, unwrap=("data", "join_requests"))


@api("POST", "/sessions/{session_id}/join_requests/{request_id}/approve", documented=False, repeatable=True)
def approve_join_request(session_id: str, request_id: str) -> Call[JoinRequestResponse]:
    """Approve a request to join the stage.

    :param session_id: the session's UUID.
    :param request_id: the request's UUID.
    :raises NotFoundError: there is no such request.
    Source: VidInfra Live API, Approve a join request; the response is documented, the path is inferred.
    """
    return call(JoinRequestResponse, unwrap=("data", "join_request"))


@api("POST", "/sessions/{session_id}/join_requests/{request_id}/reject", documented=False, repeatable=True)
def reject_join_request(session_id: str, request_id: str) -> Call[JoinRequestResponse]:
    """Reject a request to join the stage.

    :param session_id: the session's UUID.
    :param request_id: the request's UUID.
    :raises NotFoundError: there is no such request.
    Source: VidInfra Live API, Reject a join request; the response is documented, the path is inferred.
    """
    return call(JoinRequestResponse, unwrap=("data", "join_request"))


@api("GET", "/sessions/{session_id}/hand_raises", documented=False)
def list_hand_raises(session_id: str) -> Paged[HandRaiseResponse]:
    """List the pending raised hands.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's.
    Source: VidInfra Live API, Get pending hand raises; the items are documented, path and list are inferred.
    """
    return paged(HandRaiseResponse, NO_PAGES, unwrap=("data", "hand_raises"))


@api("POST", "/sessions/{session_id}/hand_raises/{hand_raise_id}/approve", documented=False, repeatable=True)
def approve_hand_raise(session_id: str, hand_raise_id: str) -> Call[HandRaiseResponse]:
    """Approve a raised hand.

    :param session_id: the session's UUID.
    :param hand_raise_id: UUID of the raised hand.
    :raises NotFoundError: there is no such raised hand.
    Source: VidInfra Live API, Approve a hand raise; the response is documented, the path is inferred.
    """
    return call(HandRaiseResponse, unwrap=("data", "hand_raise"))


@api("POST", "/sessions/{session_id}/hand_raises/{hand_raise_id}/reject", documented=False, repeatable=True)
def reject_hand_raise(session_id: str, hand_raise_id: str) -> Call[HandRaiseResponse]:
    """Reject a raised hand.

    :param session_id: the session's UUID.
    :param hand_raise_id: UUID of the raised hand.
    :raises NotFoundError: there is no such raised hand.
    Source: VidInfra Live API, Reject a hand raise; the response is documented, the path is inferred.
    """
    return call(HandRaiseResponse, unwrap=("data", "hand_raise"))
