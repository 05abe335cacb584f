"""While a session is live: the stage (viewers who are seen and heard), the chat and the polls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.client.paging import LimitOffset
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    PAGE_SIZE,
    Acknowledged,
    VidInfraModel,
    api,
    body_of,
)
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


# The chat of a session


class ChatMessageResponse(VidInfraModel, LenientModel):
    """A message of the chat, to all or (``is_direct``) to one recipient."""

    id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    username: str | None = None
    message: str | None = None
    recipient_id: str | None = None
    recipient_username: str | None = None
    is_direct: bool | None = None
    created_at: Instant = None


@api("GET", "/sessions/{session_id}/chat", documented=False)
def list_chat_messages(session_id: str, *, limit: int = PAGE_SIZE) -> Paged[ChatMessageResponse]:
    """List the messages of a session's chat.

    :param session_id: the session's UUID.
    :param limit: messages a page; the platform may give fewer.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get chat messages for a session; the response is documented, the path and the query
    (``limit``, ``offset``) are inferred.
    """
    return paged(ChatMessageResponse, LimitOffset(limit), unwrap=("data", "messages"))


@api("POST", "/sessions/{session_id}/chat", documented=False)
def send_chat_message(session_id: str, message: str, *, recipient_id: str | None = None) -> Call[ChatMessageResponse]:
    """Write a message into a session's chat. Each call writes another.

    :param session_id: the session's UUID.
    :param message: 1 to 500 characters.
    :param recipient_id: UUID of the account that alone is to see it.
    :raises RejectedError: the message is empty or too long.
    Source: VidInfra Live API, Send a chat message; body and response are documented, the path is inferred.
    """
    body = body_of(message=message, recipient_id=recipient_id)
    return call(ChatMessageResponse, body=body, unwrap=("data",))


@api("DELETE", "/sessions/{session_id}/chat/{message_id}", documented=False)
def delete_chat_message(session_id: str, message_id: str) -> Call[Acknowledged]:
    """Delete a message of a session's chat. Host or moderator.

    :param session_id: the session's UUID.
    :param message_id: the message's UUID.
    :raises NotFoundError: there is no such message; also the response to a repetition that came after a success.
    Source: VidInfra Live API, Delete a chat message; the path is inferred.
    """
    return call(Acknowledged)


# Polls in a session


class PollOptionResponse(VidInfraModel):
    """One option of a poll, and how many chose it."""

    id: str | None = None
    text: str | None = None
    vote_count: int | None = None


class PollResponse(VidInfraModel, LenientModel):
    """A poll. ``status`` is ``active`` or ``closed``."""

    id: str | None = None
    session_id: str | None = None
    question: str | None = None
    status: str | None = None
    allow_multiple_votes: bool | None = None
    options: list[PollOptionResponse] | None = None
    created_at: Instant = None
    closed_at: Instant = None


@api("GET", "/sessions/{session_id}/polls", documented=False)
def list_polls(session_id: str) -> Paged[PollResponse]:
    """List the polls of a session, with their votes.

    :param session_id: the session's UUID.
    :raises NotFoundError: there is no such session.
    Source: VidInfra Live API, Get polls for a session; the response is documented, the path is inferred.
    """
    return paged(PollResponse, NO_PAGES, unwrap=("data", "polls"))


@api("POST", "/sessions/{session_id}/polls", documented=False)
def create_poll(
    session_id: str, question: str, options: Sequence[str], *, allow_multiple_votes: bool | None = None
) -> Call[PollResponse]:
    """Create a poll. Each call creates another.

    :param session_id: the session's UUID.
    :param question: 3 or more characters.
    :param options: two or more texts to choose from.
    :param allow_multiple_votes: whether one person may choose several.
    :raises PermissionDeniedError: the preset does not let the account make polls.
    :raises RejectedError: the question is too short, or there are too few options.
    Source: VidInfra Live API, Create a poll for a session; body and response are documented, the path is inferred.
    """
    body = body_of(question=question, options=list(options), allow_multiple_votes=allow_multiple_votes)
    return call(PollResponse, body=body, unwrap=("data", "poll"))


@api("POST", "/polls/{poll_id}/vote", documented=False)
def vote(poll_id: str, option_id: str) -> Call[Acknowledged]:
    """Vote on a poll as the account of the credential, for one option a call.

    :param poll_id: the poll's UUID.
    :param option_id: the option's UUID.
    :raises ConflictError: the poll is closed (status inferred).
    Source: VidInfra Live API, Vote on a poll; the body is documented, the path is inferred.
    """
    return call(Acknowledged, body={"option_id": option_id})


@api("GET", "/polls/{poll_id}/results", documented=False)
def get_poll_results(poll_id: str) -> Call[PollResponse]:
    """Get a poll with the votes of each option.

    :param poll_id: the poll's UUID.
    :raises NotFoundError: there is no such poll.
    Source: VidInfra Live API, Get poll results; the response is documented, the path is inferred.
    """
    return call(PollResponse, unwrap=("data", "poll"))


@api("POST", "/polls/{poll_id}/close", documented=False, repeatable=True)
def close_poll(poll_id: str) -> Call[PollResponse]:
    """Close a poll: no more votes are taken.

    :param poll_id: the poll's UUID.
    :raises NotFoundError: there is no such poll.
    Source: VidInfra Live API, Close a poll; the response is documented, the path is inferred.
    """
    return call(PollResponse, unwrap=("data", "poll"))
