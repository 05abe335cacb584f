"""Maps VidInfra's polls and chat messages to the model."""

from __future__ import annotations

from airflow_provider_sessions.errors import MalformedResponseError, UnknownStateError
from airflow_provider_sessions.model import ChatMessage, Poll, PollOption, PollStatus
from airflow_provider_sessions.platforms.list_items import ReadWarnings
from airflow_provider_sessions.platforms.vidinfra.api.live import ChatMessageResponse, PollResponse
from airflow_provider_sessions.platforms.vidinfra.mapping import PLATFORM


def map_poll(response: PollResponse, session_id: str, warnings: ReadWarnings) -> Poll:
    """Map a poll.

    :raises UnknownStateError: its status is neither ``active`` nor ``closed``.
    :raises MalformedResponseError: it has no id.
    """
    if not response.id:
        raise MalformedResponseError(f"{PLATFORM} returned a poll of session {session_id!r} that has no id")
    if response.status not in list(PollStatus):
        raise UnknownStateError(PLATFORM, response.status, tuple(PollStatus), thing="poll status", of=response.id)
    warnings.log_fields(f"poll {response.id!r} of session {session_id!r}", response.unread)
    return Poll(
        poll_id=response.id,
        session_id=session_id,
        question=response.question or "",
        status=PollStatus(response.status),
        multiple_choice=response.allow_multiple_votes,
        options=tuple(
            PollOption(option_id=option.id, text=option.text or "", votes=option.vote_count)
            for option in response.options or ()
        ),
        created_at=response.created_at,
        closed_at=response.closed_at,
    )


def map_message(response: ChatMessageResponse, session_id: str, warnings: ReadWarnings) -> ChatMessage:
    """Map a message of the chat.

    :raises MalformedResponseError: it has no id.
    """
    if not response.id:
        raise MalformedResponseError(f"{PLATFORM} returned a chat message of session {session_id!r} that has no id")
    warnings.log_fields(f"chat message {response.id!r} of session {session_id!r}", response.unread)
    return ChatMessage(
        message_id=response.id,
        session_id=session_id,
        sent_at=response.created_at,
        sender_key=_account_key(response.user_id),
        sender_name=response.username or None,
        recipient_key=_account_key(response.recipient_id),
        recipient_name=response.recipient_username or None,
        is_direct=response.is_direct,
        text=response.message or "",
    )


def _account_key(user_id: str | None) -> str | None:
    return f"account:{user_id}" if user_id else None
