"""The chat of a session."""

from __future__ import annotations

from airflow_provider_sessions.client.api_models import LenientModel
from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.client.paging import LimitOffset
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import PAGE_SIZE, Acknowledged, VidInfraModel, api, body_of


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
    """Write a message into a session's chat. Each call writes one more.

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
