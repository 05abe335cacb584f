"""What is said in a deposition: an oath, questions by counsel, answers by the deponent, objections by the other side.

All of it is made up and follows from a key. A rough transcript has inaudible passages; a revision (the certified
transcript) has their words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from airflow_provider_sessions.sandbox.identifiers import seeded_random

WORDS_PER_SECOND = 2.6
INAUDIBLE = "[inaudible]"

_EXCHANGES = (
    ("Please state your full name for the record.", "{deponent}."),
    (
        "Have you been deposed before?",
        "Once, about six years ago. It was a contract matter, and it took most of the day.",
    ),
    ("Is there any reason you cannot give your best testimony today?", "No, there is not."),
    ("Where were you employed in March of {year}?", "At the Harborview facility, in the research & development group."),
    ("And who did you report to?", "To the plant manager. Before that, to the head of maintenance."),
    ("How long did you hold that position?", "A little over four years, until the reorganization."),
    ("Let me show you what has been marked as Exhibit {number}. Do you recognize it?", "Yes. It is my e-mail."),
    ('What did you mean by "we should look at this again"?', "That the numbers did not add up. I said so at the time."),
    ("Who else was copied on that e-mail?", "My supervisor, and I believe somebody from accounting."),
    ("Were you present when the valve was replaced?", "I was on site, but I did not see it being replaced."),
    ("What was the pressure reading that morning?", "It was < 40, which is below what the manual calls for."),
    ("Did you write that reading down anywhere?", "In the logbook: page {number}, I think, at the top."),
    ("Do you still have that logbook?", "No. I handed it in when I left the company."),
    ("Were there discussions about the inspection?", "There were two meetings. I only attended the second one."),
    (
        "What was said at that meeting?",
        "That the inspection could wait until the spring, and that it would cost less -- that was the word -- to wait.",
    ),
    ("Did anybody object?", "I did. And Señor Peña from the contractor did, too."),
    ("Did you put your objection in writing?", "I sent a message the same evening; it is in the file."),
    ("Turning to page {number}, line {line}: is that your signature?", "It looks like my signature, yes."),
    ("When did you first learn of the leak?", "On the {line}th, when the night shift called me at home."),
    ("What did you do then?", "I drove in. It takes 25 minutes, so I was there around a quarter to five."),
    ("Was the alarm sounding when you arrived?", "No. Somebody had switched it off by then."),
    ("Who had the authority to switch it off?", "The shift lead; that evening it was somebody I had not met before."),
    ("Did you speak with anybody about your testimony?", "With counsel. Nobody else."),
    ("Did you review any documents to prepare for today?", "The e-mails, and the summary: three pages -> one page."),
    ("Would it surprise you to learn that the reading was changed later?", "It would, yes. It would surprise me."),
    ("Is it fair to say that you were responsible for the schedule?", "I was one of several people responsible."),
)
_OBJECTIONS = (
    "Objection to form.",
    "Objection. Calls for speculation. You may answer.",
    "Objection, asked and answered.",
    "Objection, vague as to time.",
)


@dataclass(frozen=True)
class Speakers:
    """The names of those who speak; the same person may have several roles."""

    officer: str
    examiner: str
    defender: str
    deponent: str


@dataclass(frozen=True)
class Segment:
    """One segment of a transcript; times are seconds from the session's start."""

    start: float
    end: float
    speaker: str
    text: str


@lru_cache(maxsize=64)
def write_transcript(key: str, speakers: Speakers, title: str, seconds: float, revision: int) -> tuple[Segment, ...]:
    """Write the transcript of a deposition of this length. In very short ones people speak faster."""
    rng = seeded_random(f"{key}:words")
    spoken: list[tuple[float, float, str, str]] = []
    now = 0.0
    for speaker, text in _write_lines(rng, speakers, title, seconds, revision):
        pause = round(rng.uniform(0.2, 1.4), 3)
        length = round(max(0.8, len(text.split()) / WORDS_PER_SECOND * rng.uniform(0.9, 1.2)), 3)
        spoken.append((now + pause, now + pause + length, speaker, text))
        now += pause + length
    scale = min(1.0, seconds / now)
    return tuple(Segment(round(start * scale, 3), round(end * scale, 3), who, text) for start, end, who, text in spoken)


def _write_lines(
    rng: Random, speakers: Speakers, title: str, seconds: float, revision: int
) -> Iterator[tuple[str, str]]:
    """Yield speaker and text of as many exchanges as fit, at least one, between an oath and an end."""
    lines = [
        (speakers.officer, f"We are on the record. This is {title}."),
        (speakers.officer, "Do you swear to tell the truth, the whole truth, and nothing but the truth?"),
        (speakers.deponent, "I do."),
    ]
    end = "We are off the record." + (f" Certified, revision {revision}." if revision else "")
    left = seconds - sum(_speaking_seconds(text) for _, text in [*lines, ("", end)])
    for exchange in _write_exchanges(rng, speakers, revision):
        left -= sum(_speaking_seconds(text) for _, text in exchange)
        if left < 0 and len(lines) > 3:
            break
        lines += exchange
    return iter([*lines, (speakers.officer, end)])


def _speaking_seconds(text: str) -> float:
    """Estimate how long it takes to say a text, including the pause before it."""
    return len(text.split()) / WORDS_PER_SECOND * 1.05 + 1.0


def _write_exchanges(rng: Random, speakers: Speakers, revision: int) -> Iterator[list[tuple[str, str]]]:
    """Yield questions and answers without end, some with an objection between them."""
    number = 0
    while True:
        first = [0] if not number else []
        for choice in first + rng.sample(range(1, len(_EXCHANGES)), len(_EXCHANGES) - 1):
            question, answer = _EXCHANGES[choice]
            facts = {"deponent": speakers.deponent, "year": rng.randint(2019, 2024)}
            facts |= {"number": rng.randint(3, 48), "line": rng.randint(4, 25)}
            answer = answer.format(**facts)
            objection = [(speakers.defender, rng.choice(_OBJECTIONS))] if number % 6 == 4 else []
            if number % 7 == 1 and not revision:
                answer = f"{answer.rsplit(' ', 1)[0]} {INAUDIBLE}."
            yield [(speakers.examiner, question.format(**facts)), *objection, (speakers.deponent, answer)]
            number += 1
