from __future__ import annotations

import pytest

from airflow_provider_sessions.captions import FORMATS, read_formats
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.export.session_artifacts import fetch_transcripts, name_speakers
from airflow_provider_sessions.model import Participant, Presence, Transcript, TranscriptSegment
from airflow_provider_sessions.platforms.adapter import Capability, Feature, Support
from tests.unit.export.stand_in import StandIn, session


def segment(start: float, end: float, text: str, name: str | None = None, key: str | None = None) -> TranscriptSegment:
    return TranscriptSegment(start=start, end=end, text=text, speaker_name=name, speaker_key=key)


TRANSCRIPT = Transcript(
    session_id="s1",
    language="en",
    segments=(
        segment(0, 1.5, "Good morning.", "Anna Smith"),
        segment(1.5, 2, "How are\nyou?", "Anna Smith"),
        segment(3723.0049, 3724, "2 < 3 & so on", "bob"),
        segment(3725, 3725, "   "),
        segment(3726, 3727, "Note: nobody said this"),
    ),
)


def written(name: str, transcript: Transcript = TRANSCRIPT) -> str:
    return "".join(FORMATS[name](transcript))


def test_webvtt() -> None:
    assert written("vtt") == (
        "WEBVTT\nLanguage: en\n"
        "\n00:00:00.000 --> 00:00:01.500\n<v Anna Smith>Good morning.\n"
        "\n00:00:01.500 --> 00:00:02.000\n<v Anna Smith>How are\nyou?\n"
        "\n01:02:03.005 --> 01:02:04.000\n<v bob>2 &lt; 3 &amp; so on\n"
        "\n01:02:06.000 --> 01:02:07.000\nNote&#58; nobody said this\n"
    )


def test_srt() -> None:
    assert written("srt") == (
        "1\n00:00:00,000 --> 00:00:01,500\nAnna Smith: Good morning.\n"
        "\n2\n00:00:01,500 --> 00:00:02,000\nAnna Smith: How are\nyou?\n"
        "\n3\n01:02:03,005 --> 01:02:04,000\n[bob]: 2 < 3 & so on\n"
        "\n4\n01:02:06,000 --> 01:02:07,000\nNote\u2060: nobody said this\n"
    )


def test_plain_text_has_a_paragraph_a_turn() -> None:
    assert written("txt") == (
        "[00:00:00] Anna Smith\nGood morning. How are you?\n"
        "\n[01:02:03] bob\n2 < 3 & so on\n"
        "\n[01:02:06] Unknown speaker\nNote: nobody said this\n"
    )


def test_people_of_the_same_name_have_turns_of_their_own() -> None:
    both = Transcript(
        session_id="s1", segments=(segment(0, 1, "Yes.", "Kim", "account:1"), segment(1, 2, "No.", "Kim", "account:2"))
    )
    assert written("txt", both).count("Kim") == 2


@pytest.mark.parametrize("name", ["vtt", "srt", "txt"])
def test_an_empty_transcript_is_an_empty_file(name: str) -> None:
    assert written(name, Transcript(session_id="s1")) in ("WEBVTT\n", "")


def test_a_name_cannot_end_its_tag_or_its_line() -> None:
    hostile = Transcript(session_id="s1", segments=(segment(0, 1, "Hi", "a>b\n\n00:00:09.000 --> 00:00:10.000\nc"),))
    assert "<v a&gt;b 00:00:09.000 --&gt; 00:00:10.000 c>Hi" in written("vtt", hostile)


def test_speakers_are_named_through_participants_of_their_key() -> None:
    people = [Participant(participant_key="account:1", name="Anna", presence=Presence.PRESENT)]
    given = Transcript(
        session_id="s1",
        segments=(segment(0, 1, "a", None, "account:1"), segment(1, 2, "b", "A.", "account:1"), segment(2, 3, "c")),
    )
    [transcript] = name_speakers([given], people)
    assert [one.speaker_name for one in transcript.segments] == ["Anna", "A.", None]


async def test_participants_are_asked_for_only_where_names_are_missing_and_can_be_had(monkeypatch) -> None:
    nameless = [Transcript(session_id="s1", segments=(segment(0, 1, "a", None, "account:1"),))]
    adapter = StandIn.of(session(), transcripts={"s1": nameless})
    await fetch_transcripts(adapter, session())
    assert [question for question, _ in adapter.requests] == ["transcripts", "participants"]

    adapter = StandIn.of(session(), transcripts={"s1": [TRANSCRIPT]})
    await fetch_transcripts(adapter, session())
    assert [question for question, _ in adapter.requests] == ["transcripts"]

    monkeypatch.setattr(StandIn, "capabilities", {**StandIn.capabilities, Feature.PARTICIPANTS: Capability(Support.NO)})
    adapter = StandIn.of(session(), transcripts={"s1": nameless})
    assert await fetch_transcripts(adapter, session()) == nameless
    assert [question for question, _ in adapter.requests] == ["transcripts"]


@pytest.mark.parametrize(("given", "read"), [("vtt,srt", ("vtt", "srt")), (["json", "json"], ("json",))])
def test_formats_are_read_from_text_or_list(given, read: tuple[str, ...]) -> None:
    assert read_formats(given) == read


@pytest.mark.parametrize("given", [[], "docx", ["vtt", "webvtt"], 5, [None], [["vtt"]]])
def test_unknown_formats_are_refused_with_the_known_ones(given) -> None:
    with pytest.raises(InputError, match="vtt, srt, txt, json"):
        read_formats(given)
