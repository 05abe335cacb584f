"""Managing the stage of a session, as its host or a moderator."""

from __future__ import annotations

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Acknowledged, api, body_of
from airflow_provider_sessions.platforms.vidinfra.api.live.stage import (
    HandRaiseResponse,
    JoinRequestResponse,
    StageParticipantResponse,
)


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
    """Take somebody off the stage.

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
    """Change whether somebody on the stage is heard and seen. What is not given stays.

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
    """List the raised hands that nobody has decided about.

    :param session_id: the session's UUID.
    :raises PermissionDeniedError: the credential is neither a host's nor a moderator's.
    Source: VidInfra Live API, Get pending hand raises; the items are documented, path and list are inferred.
    """
    return paged(HandRaiseResponse, NO_PAGES, unwrap=("data", "hand_raises"))


@api("POST", "/sessions/{session_id}/hand_raises/{hand_raise_id}/approve", documented=False, repeatable=True)
def approve_hand_raise(session_id: str, hand_raise_id: str) -> Call[HandRaiseResponse]:
    """Let on the stage who raised a hand.

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
