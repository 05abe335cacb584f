"""What is said in a meeting, made up: turns of several speakers, in English and German, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from airflow_provider_sessions.sandbox.identifiers import seeded_random

Languages = Literal["en", "en+de", "mixed"]
LANGUAGES: tuple[Languages, ...] = ("en", "en", "en+de", "mixed")
"""Half of all meetings have no translations."""

SECONDS_EACH = 18.0
"""How long it takes on average until somebody begins to say the next thing."""
MOST_SPEAKERS = 6
FEWEST, MOST = 6, 500
"""Utterances of a meeting, however short or long."""

Pair = tuple[str, str]

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


@dataclass(frozen=True)
class Utterance:
    """One thing said.

    :param speaker: number of the speaker.
    :param seconds: from the meeting's start.
    :param words: language and text, the original first.
    """

    speaker: int
    seconds: float
    words: tuple[tuple[str, str], ...]


def talk(key: str, speakers: int, length: float, languages: Languages) -> list[Utterance]:
    """What is said in a meeting, in order.

    :param key: what it follows from.
    :param speakers: how many people there are; the first opens and closes, at most six speak.
    :param length: seconds; nobody speaks in a meeting of no length.
    """
    if not speakers or length <= 0:
        return []
    rng = seeded_random(f"{key}:talk")
    count = min(MOST, max(FEWEST, int(length / SECONDS_EACH)))
    step = length / count
    turns = _turns(rng, min(speakers, MOST_SPEAKERS))
    said = [(0, rng.choice(OPENINGS)), *(next(turns) for _ in range(count - 2)), (0, rng.choice(CLOSINGS))]
    return [
        Utterance(speaker, round((number + rng.uniform(0.05, 0.85)) * step, 3), _words(pair, speaker, languages))
        for number, (speaker, pair) in enumerate(said)
    ]


def _turns(rng: Random, speakers: int) -> Iterator[tuple[int, Pair]]:
    """Somebody reports, somebody else asks, the first answers, a third may remark; without an end."""
    bags = {kind: _unlike(rng, kind) for kind in (REPORTS, QUESTIONS, ANSWERS, REMARKS)}
    while True:
        reporter = rng.randrange(speakers)
        asker = (reporter + rng.randrange(1, max(2, speakers))) % speakers
        yield reporter, next(bags[REPORTS])
        if rng.random() < 0.4:
            yield reporter, next(bags[REPORTS])
        yield asker, next(bags[QUESTIONS])
        yield reporter, next(bags[ANSWERS])
        if rng.random() < 0.6:
            yield rng.randrange(speakers), next(bags[REMARKS])


def _unlike(rng: Random, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """All pairs in some order, then all in another: nothing is said again before the rest was."""
    while True:
        yield from rng.sample(pairs, len(pairs))


def _words(pair: Pair, speaker: int, languages: Languages) -> tuple[tuple[str, str], ...]:
    english, german = ("en", pair[0]), ("de", pair[1])
    if languages == "en":
        return (english,)
    return (german, english) if languages == "mixed" and speaker % 2 else (english, german)
