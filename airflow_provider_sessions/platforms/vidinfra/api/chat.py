"""The chat and the polls of a session."""

from __future__ import annotations

from collections.abc import Sequence

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
