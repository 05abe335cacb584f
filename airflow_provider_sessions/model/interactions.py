"""What people do in a session besides talking: polls and chat."""

from __future__ import annotations

from enum import StrEnum

from airflow_provider_sessions.model.values import UtcDatetime, Value


class PollStatus(StrEnum):
    """Whether a poll takes votes."""

    ACTIVE = "active"
    CLOSED = "closed"


class PollOption(Value):
    """One option of a poll. ``votes`` is None where the platform gives no number."""

    option_id: str | None = None
    text: str
    votes: int | None = None


class Poll(Value):
    """One poll of a session, its options in the platform's order."""

    poll_id: str
    session_id: str
    question: str
    status: PollStatus
    multiple_choice: bool | None = None
    options: tuple[PollOption, ...] = ()
    created_at: UtcDatetime | None = None
    closed_at: UtcDatetime | None = None


class ChatMessage(Value):
    """One message of a session's chat.

    ``sender_key`` and ``recipient_key`` are participant keys (``account:...``); a message to all has no recipient.
    """

    message_id: str
    session_id: str
    sent_at: UtcDatetime | None = None
    sender_key: str | None = None
    sender_name: str | None = None
    recipient_key: str | None = None
    recipient_name: str | None = None
    is_direct: bool | None = None
    text: str
