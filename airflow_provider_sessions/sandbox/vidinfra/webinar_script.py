"""Made-up polls and chat messages of a session, the same for the same session id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.identifiers import seeded_random, stable_id

QUESTIONS = (
    ("Which release should we look at first?", ("The one in March", "The one in June", "Neither")),
    ("Does your team use the export today?", ("Every night", "Now and then", "Not yet")),
    ("Is this pace all right?", ("Yes", "Faster, please")),
)
MESSAGES = (
    "Good morning from Bucharest!",
    "Could you share the slides afterwards?",
    "=SUM(A1:A9) is the formula that I meant",
    "The audio is fine now, thank you \N{THUMBS UP SIGN}",
    "How does that work\nwith two workers?",
)


def make_polls(session_id: str, count: int, created_at: str | None) -> Iterator[dict[str, Any]]:
    """Make polls. All but the last are closed."""
    for number in range(count):
        poll_id = stable_id(session_id, "poll", str(number))
        question, options = QUESTIONS[number % len(QUESTIONS)]
        rng = seeded_random(poll_id)
        closed = number < count - 1
        yield {
            "id": poll_id,
            "session_id": session_id,
            "question": question,
            "status": "closed" if closed else "active",
            "allow_multiple_votes": number % 2 == 1,
            "options": [
                {"id": stable_id(poll_id, text), "text": text, "vote_count": rng.randint(0, 40)} for text in options
            ],
            "created_at": created_at,
            "closed_at": created_at if closed else None,
        }


def make_messages(
    session_id: str, people: Sequence[Person], count: int, created_at: str | None
) -> Iterator[dict[str, Any]]:
    """Make chat messages, every fifth of them to one person."""
    for number in range(count):
        message_id = stable_id(session_id, "message", str(number))
        sender, recipient = seeded_random(message_id).sample(people, 2)
        is_direct = number % 5 == 4
        yield {
            "id": message_id,
            "session_id": session_id,
            "user_id": sender.id,
            "username": sender.name,
            "message": MESSAGES[number % len(MESSAGES)],
            "recipient_id": recipient.id if is_direct else None,
            "recipient_username": recipient.name if is_direct else None,
            "is_direct": is_direct,
            "created_at": created_at,
        }
