"""What is said in a meeting, and the transcript and takeaways made from it.

All of it is made up, in English and German, and follows from a key. Transcript and takeaways have the form that the
vendor's webhooks contained.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from airflow_provider_sessions.sandbox.identifiers import seeded_random
from airflow_provider_sessions.sandbox.sandbox_clock import rfc3339
from airflow_provider_sessions.sandbox.sessions_us.state import Languages, Meeting, Participant

SECONDS_PER_UTTERANCE = 18.0
"""Average time between the starts of two utterances."""
MAX_SPEAKERS = 6
MIN_UTTERANCES, MAX_UTTERANCES = 6, 500

Pair = tuple[str, str]
Node = dict[str, Any]

OPENINGS: tuple[Pair, ...] = (
    ("Good morning, everybody. Shall we start?", "Guten Morgen zusammen. Wollen wir anfangen?"),
    ("Welcome, and thanks for making the time.", "Willkommen, und danke, dass ihr euch die Zeit nehmt."),
    ("Let's give the others another minute. All right, let's go.", "Warten wir noch kurz. Gut, fangen wir an."),
)
REPORTS: tuple[Pair, ...] = (
    (
        "We shipped the new import on Tuesday; 38 of 40 customers have moved over.",
        "Wir haben den neuen Import am Dienstag ausgeliefert; 38 von 40 Kunden sind umgezogen.",
    ),
    (
        "Response times are below 200 ms again, so p99 < 200.",
        "Die Antwortzeiten liegen wieder unter 200 ms: p99 < 200.",
    ),
    (
        "The R&D budget is spent to 62 percent, which is about where we want to be.",
        "Das F&E-Budget ist zu 62 Prozent ausgegeben, ungefähr da wollen wir sein.",
    ),
    (
        "Two of the interviews were moved to next week because of the holiday.",
        "Zwei der Interviews wurden wegen des Feiertags auf nächste Woche verschoben.",
    ),
    (
        "The supplier in Łódź has confirmed the delivery for the 14th.",
        "Der Lieferant in Łódź hat die Lieferung für den 14. bestätigt.",
    ),
    (
        "We had one incident, 25 minutes long, with no data lost.",
        "Wir hatten eine Störung, 25 Minuten, ohne Datenverlust.",
    ),
    (
        "Brightwater asked for the export as a file instead of an e-mail.",
        "Brightwater hätte den Export gern als Datei statt als E-Mail.",
    ),
    (
        "The draft is with legal; they have two small remarks.",
        "Der Entwurf liegt beim Justiziariat; es gibt zwei kleine Anmerkungen.",
    ),
)
QUESTIONS: tuple[Pair, ...] = (
    ("Do we know what it will cost?", "Wissen wir, was das kosten wird?"),
    ("What happens if they say no?", "Was passiert, wenn sie nein sagen?"),
    ('When you say "done", do you mean deployed?', "Wenn du „fertig“ sagst, meinst du: ausgerollt?"),
    (
        "Sorry, I was on mute. Who owns the next step?",
        "Entschuldigung, ich war stumm. Wer übernimmt den nächsten Schritt?",
    ),
    ("Could you share the numbers after the call?", "Kannst du die Zahlen nach dem Gespräch schicken?"),
    ("Is that before or after the summer break?", "Ist das vor oder nach der Sommerpause?"),
)
ANSWERS: tuple[Pair, ...] = (
    ("Around twelve thousand, give or take.", "Rund zwölftausend, mehr oder weniger."),
    ("Then we keep the old contract until December.", "Dann behalten wir den alten Vertrag bis Dezember."),
    ("Yes, in production since yesterday.", "Ja, seit gestern produktiv."),
    ("I'll take it and report back on Thursday.", "Das übernehme ich und melde mich am Donnerstag."),
    ("Honestly, I don't know yet. Let me check.", "Ehrlich gesagt weiß ich es noch nicht. Ich schaue nach."),
    ("It's in the sheet, second tab --> column F.", "Steht in der Tabelle, zweites Blatt --> Spalte F."),
)
REMARKS: tuple[Pair, ...] = (
    ("Makes sense.", "Klingt sinnvoll."),
    ("I agree, although I'd rather start small.", "Einverstanden, aber ich würde lieber klein anfangen."),
    ("Um, can everybody see my screen?", "Äh, sehen alle meinen Bildschirm?"),
    ("That's great news, well done!", "Das sind tolle Neuigkeiten, gut gemacht!"),
    (
        "One thing we should not forget: the accessibility review.",
        "Eines sollten wir nicht vergessen: die Prüfung der Barrierefreiheit.",
    ),
    ("Your voice was cut off just now.", "Deine Stimme war gerade weg."),
)
CLOSINGS: tuple[Pair, ...] = (
    (
        "Good. I'll write up the takeaways. Thanks, and goodbye!",
        "Gut. Ich schreibe das Wichtigste auf. Danke, und tschüss!",
    ),
    ("Then we're done for today. See you next week.", "Dann war's das für heute. Bis nächste Woche."),
)

DECISIONS = (
    "The old import is switched off at the end of the month.",
    "We stay below 200 ms and measure it daily.",
    "The export becomes a file; e-mails stop.",
    "The accessibility review comes before the release.",
)
TASKS = ("send the numbers", "ask legal for the final wording", "book the room for the workshop", "talk to Brightwater")
_MONTHS = "January February March April May June July August September October November December".split()
FOLLOW_UPS = ("move the two interviews", "write to the supplier", "close the incident report")


@dataclass(frozen=True)
class Utterance:
    """One utterance.

    :param speaker: number of the speaker.
    :param seconds: from the meeting's start.
    :param texts: language and text, the original first.
    """

    speaker: int
    seconds: float
    texts: tuple[tuple[str, str], ...]


def write_utterances(key: str, speakers: int, length: float, languages: Languages) -> list[Utterance]:
    """Write what is said in a meeting, in order.

    :param key: seed of the choice.
    :param speakers: how many people there are; the first opens and closes, at most six speak.
    :param length: seconds; nothing is said in a meeting of no length.
    """
    if not speakers or length <= 0:
        return []
    rng = seeded_random(f"{key}:talk")
    count = min(MAX_UTTERANCES, max(MIN_UTTERANCES, int(length / SECONDS_PER_UTTERANCE)))
    step = length / count
    turns = _write_turns(rng, min(speakers, MAX_SPEAKERS))
    lines = [(0, rng.choice(OPENINGS)), *(next(turns) for _ in range(count - 2)), (0, rng.choice(CLOSINGS))]
    return [
        Utterance(speaker, round((number + rng.uniform(0.05, 0.85)) * step, 3), _texts(pair, speaker, languages))
        for number, (speaker, pair) in enumerate(lines)
    ]


def _write_turns(rng: Random, speakers: int) -> Iterator[tuple[int, Pair]]:
    """Yield without end: somebody reports, somebody else has a question, the first answers, a third may remark."""
    bags = {kind: _shuffle_forever(rng, kind) for kind in (REPORTS, QUESTIONS, ANSWERS, REMARKS)}
    while True:
        reporter = rng.randrange(speakers)
        questioner = (reporter + rng.randrange(1, max(2, speakers))) % speakers
        yield reporter, next(bags[REPORTS])
        if rng.random() < 0.4:
            yield reporter, next(bags[REPORTS])
        yield questioner, next(bags[QUESTIONS])
        yield reporter, next(bags[ANSWERS])
        if rng.random() < 0.6:
            yield rng.randrange(speakers), next(bags[REMARKS])


def _shuffle_forever(rng: Random, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Yield all pairs in random order, then again in another: none is repeated before all have been used."""
    while True:
        yield from rng.sample(pairs, len(pairs))


def _texts(pair: Pair, speaker: int, languages: Languages) -> tuple[tuple[str, str], ...]:
    english, german = ("en", pair[0]), ("de", pair[1])
    if languages == "en":
        return (english,)
    return (german, english) if languages == "mixed" and speaker % 2 else (english, german)


# --- transcript and takeaways -----------------------------------------------------------------------------------------


def build_transcript(session: Meeting, key: str, revision: int) -> list[dict[str, Any]]:
    """Build the transcript of a session that has ended, in its ``revision``-th revision.

    A revision corrects the text of one utterance; their number stays the same.
    """
    entries = deepcopy(session.transcript) if session.transcript is not None else _build_entries(session, key)
    for number in range(revision if entries else 0):
        _correct(entries[number % len(entries)])
    return entries


def _build_entries(session: Meeting, key: str) -> list[dict[str, Any]]:
    start, end = session.lifecycle.started_at, session.lifecycle.stopped_at
    if start is None or end is None:
        return []
    speakers = session.speakers()
    utterances = write_utterances(key, len(speakers), (end - start).total_seconds(), session.languages)
    return [
        {
            "content": [{"text": text, "language": language} for language, text in utterance.texts],
            "participantId": speakers[utterance.speaker].id,
            "sourceTimestamp": rfc3339(start + timedelta(seconds=utterance.seconds)),
            "sourceLanguage": utterance.texts[0][0],
        }
        for utterance in utterances
    ]


def _correct(entry: dict[str, Any]) -> None:
    for content in entry.get("content", []):
        content["text"] = f"{'Also' if content.get('language') == 'de' else 'So'}: {content['text']}"


def build_takeaways(session: Meeting, key: str, revision: int) -> dict[str, Any] | None:
    """Build the takeaways of a session that has ended, or None if it was empty. Each revision adds a task."""
    if session.takeaways is not None:
        return deepcopy(session.takeaways) | _revise(session.takeaways, revision)
    speakers = session.speakers()
    if not speakers or not session.lifecycle.started_at or session.lifecycle.started_at == session.lifecycle.stopped_at:
        return None
    rng = seeded_random(f"{key}:takeaways")
    decisions = rng.sample(DECISIONS, 2)
    tasks = [f"{_name(rng.choice(speakers))} will {task}" for task in rng.sample(TASKS, 2)]
    tasks += [_follow_up(number) for number in range(revision)]
    day = _format_day(session.lifecycle.started_at)
    summary = f"{_name(speakers[0])} and {len(speakers) - 1} others met on {day}."
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


def _revise(takeaways: dict[str, Any], revision: int) -> dict[str, Any]:
    """Return the fields that revisions change in takeaways that a test has attached."""
    if not revision:
        return {}
    added = [_follow_up(number) for number in range(revision)]
    changed = {"takeawaysText": "\n".join([takeaways["takeawaysText"], *added])}
    if takeaways["takeawaysRaw"] is None:
        return changed
    content = [*takeaways["takeawaysRaw"].get("content", []), *(_paragraph(_text(line)) for line in added)]
    return changed | {"takeawaysRaw": takeaways["takeawaysRaw"] | {"content": content}}


def build_document(text: str) -> Node:
    """Build a ProseMirror document of paragraphs, as in the vendor's samples."""
    return {"type": "doc", "content": [_paragraph(_text(line)) for line in text.splitlines()]}


def _follow_up(number: int) -> str:
    return f"Follow-up {number + 1}: {FOLLOW_UPS[number % len(FOLLOW_UPS)]}"


def _name(person: Participant) -> str:
    return " ".join(part for part in (person.first_name, person.last_name) if part) or person.email or "Somebody"


def _format_day(instant: datetime) -> str:
    return f"{instant:%d} {_MONTHS[instant.month - 1]} {instant.year}"


def _text(text: str, *marks: str) -> Node:
    node: Node = {"type": "text", "text": text}
    return node | {"marks": [{"type": mark} for mark in marks]} if marks else node


def _paragraph(*content: Node) -> Node:
    # ProseMirror forbids empty text nodes; an empty paragraph has no content.
    filled: Sequence[Node] = [node for node in content if node["text"]]
    return {"type": "paragraph", "attrs": {"textAlign": "left", "indent": 0}, "content": filled}


def _heading(text: str) -> Node:
    return {"type": "heading", "attrs": {"textAlign": "left", "level": 2}, "content": [_text(text)]}


def _item(text: Node) -> Node:
    return {"type": "listItem", "content": [_paragraph(text)]}
