"""What a meeting leaves behind, in the response_bodies that the vendor's webhooks showed: transcript and takeaways."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_sessions.sandbox.identifiers import seeded_random
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.meeting_script import talk
from airflow_provider_sessions.sandbox.sessions_us.state import Meeting, Participant

Node = dict[str, Any]

DECISIONS = (
    "The old import is switched off at the end of the month.",
    "We stay below 200 ms and measure it daily.",
    "The export becomes a file; e-mails stop.",
    "The accessibility review comes before the release.",
)
TASKS = ("send the numbers", "ask legal for the final wording", "book the room for the workshop", "talk to Brightwater")
_MONTHS = "January February March April May June July August September October November December".split()
FOLLOW_UPS = ("move the two interviews", "write to the supplier", "close the incident report")


def transcript(session: Meeting, key: str, revision: int) -> list[dict[str, Any]]:
    """The transcript of a session that has ended, in its ``revision``-th revision.

    A revision corrects the words of one utterance; their number stays the same.
    """
    entries = deepcopy(session.transcript) if session.transcript is not None else _made_up(session, key)
    for number in range(revision if entries else 0):
        _correct(entries[number % len(entries)])
    return entries


def _made_up(session: Meeting, key: str) -> list[dict[str, Any]]:
    start, end = session.lifecycle.started_at, session.lifecycle.stopped_at
    if start is None or end is None:
        return []
    speakers = session.speakers()
    said = talk(key, len(speakers), (end - start).total_seconds(), session.languages)
    return [
        {
            "content": [{"text": text, "language": language} for language, text in utterance.words],
            "participantId": speakers[utterance.speaker].id,
            "sourceTimestamp": rfc3339(start + timedelta(seconds=utterance.seconds)),
            "sourceLanguage": utterance.words[0][0],
        }
        for utterance in said
    ]


def _correct(entry: dict[str, Any]) -> None:
    for words in entry.get("content", []):
        words["text"] = f"{'Also' if words.get('language') == 'de' else 'So'}: {words['text']}"


def takeaways(session: Meeting, key: str, revision: int) -> dict[str, Any] | None:
    """The takeaways of a session that has ended; a revision adds a task. None where there is nothing to sum up."""
    if session.takeaways is not None:
        return deepcopy(session.takeaways) | _revised(session.takeaways, revision)
    speakers = session.speakers()
    if not speakers or not session.lifecycle.started_at or session.lifecycle.started_at == session.lifecycle.stopped_at:
        return None
    rng = seeded_random(f"{key}:takeaways")
    decisions = rng.sample(DECISIONS, 2)
    tasks = [f"{_name(rng.choice(speakers))} will {task}" for task in rng.sample(TASKS, 2)]
    tasks += [_follow_up(number) for number in range(revision)]
    summary = f"{_name(speakers[0])} and {len(speakers) - 1} others met on {_day(session.lifecycle.started_at)}."
    lines = [summary, "Decisions", *(f"- {line}" for line in decisions), "Next steps"]
    lines += [f"{number}. {line}" for number, line in enumerate(tasks, 1)]
    document = {
        "type": "doc",
        "content": [
            _paragraph(_text(summary)),
            _heading("Decisions"),
            {"type": "bulletList", "content": [_item(_text(line)) for line in decisions]},
            _heading("Next steps"),
            {"type": "orderedList", "attrs": {"start": 1}, "content": [_item(_text(line, "bold")) for line in tasks]},
        ],
    }
    return {"takeawaysText": "\n".join(lines), "takeawaysRaw": document}


def _revised(given: dict[str, Any], revision: int) -> dict[str, Any]:
    """What revisions change in takeaways that a test has given."""
    if not revision:
        return {}
    added = [_follow_up(number) for number in range(revision)]
    changed = {"takeawaysText": "\n".join([given["takeawaysText"], *added])}
    if given["takeawaysRaw"] is None:
        return changed
    content = [*given["takeawaysRaw"].get("content", []), *(_paragraph(_text(line)) for line in added)]
    return changed | {"takeawaysRaw": given["takeawaysRaw"] | {"content": content}}


def plain_document(text: str) -> Node:
    """A document of paragraphs, as the vendor's samples have them."""
    return {"type": "doc", "content": [_paragraph(_text(line)) for line in text.splitlines()]}


def _follow_up(number: int) -> str:
    return f"Follow-up {number + 1}: {FOLLOW_UPS[number % len(FOLLOW_UPS)]}"


def _name(person: Participant) -> str:
    return " ".join(part for part in (person.first_name, person.last_name) if part) or person.email or "Somebody"


def _day(instant: datetime) -> str:
    return f"{instant:%d} {_MONTHS[instant.month - 1]} {instant.year}"


def _text(text: str, *marks: str) -> Node:
    node: Node = {"type": "text", "text": text}
    return node | {"marks": [{"type": mark} for mark in marks]} if marks else node


def _paragraph(*content: Node) -> Node:
    # A text node may not be empty; an empty paragraph has no content.
    filled: Sequence[Node] = [node for node in content if node["text"]]
    return {"type": "paragraph", "attrs": {"textAlign": "left", "indent": 0}, "content": filled}


def _heading(text: str) -> Node:
    return {"type": "heading", "attrs": {"textAlign": "left", "level": 2}, "content": [_text(text)]}


def _item(text: Node) -> Node:
    return {"type": "listItem", "content": [_paragraph(text)]}
