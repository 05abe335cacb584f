"""What is written is read as what it was."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.captions.names import WORD_JOINER, tidy, tidy_name
from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.model import Transcript, TranscriptSegment

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters=WORD_JOINER)
PROSE = st.text(st.sampled_from("aB1 :.,-<>&{}[]/\\#;\n\t'\"é漢\u00a0"), max_size=40)
TRICKY = st.sampled_from(
    [
        "Note: bring it",
        "No: 5 Language: de",
        "A: B: C: D: E: F: g",
        "First\n\nNOTE this",
        "Anna: hi\nBob: hello",
        "[laughs]: no",
        "[a: b]: no",
        "00:00:01.000 --> 00:00:02.000",
        "a --> b",
        "<i>loud</i> <v Bob>not a voice",
        "&amp; &lt; &#58; &nbsp;",
        r"{\an8}top",
        "42",
        "NOTE this",
        "STYLE",
        "WEBVTT",
        "first\n\n\nsecond",
        "first\n \n7\n00:00:01,000 --> 00:00:02,000\nsecond",
    ]
)
TEXT = st.one_of(PROSE, TRICKY, st.text(CHARACTERS, max_size=30)).map(tidy).filter(bool)
NAME = st.one_of(
    st.none(),
    st.sampled_from(["Anna Smith", "bob", "Dr: Who", "Q", "Room 5 (2nd floor)", "a <b> & c", "O'Neil-Ångström", "123"]),
    st.text(CHARACTERS, max_size=20),
).map(tidy_name)
MILLISECONDS = st.integers(0, 400_000_000)


@st.composite
def segments(draw: st.DrawFn, names: st.SearchStrategy[str | None] = NAME) -> TranscriptSegment:
    start, length = draw(MILLISECONDS), draw(st.integers(0, 100_000))
    return TranscriptSegment(start=start / 1000, end=(start + length) / 1000, speaker_name=draw(names), text=draw(TEXT))


def as_given(transcript: Transcript) -> Transcript:
    """The part of a transcript that a file contains: not which ends were inferred."""
    segments = (segment.model_copy(update={"end_inferred": False}) for segment in transcript.segments)
    return transcript.model_copy(update={"segments": tuple(segments)})


def transcript(*found: TranscriptSegment, language: str | None = None) -> Transcript:
    return Transcript(session_id="s1", language=language, segments=found)


def text_of(name: str, given: Transcript) -> str:
    return "".join(FORMATS[name](given))


@given(st.lists(segments(), max_size=6), st.sampled_from([None, "en", "pt-BR"]))
@example([TranscriptSegment(start=0, end=1, text="Note: x")], None)
@example([TranscriptSegment(start=0, end=1, text="No: 5 Language: de")], None)
def test_webvtt(found: list[TranscriptSegment], language: str | None) -> None:
    written = transcript(*found, language=language)
    assert read_captions(text_of("vtt", written), "s1") == as_given(written)


@given(st.lists(segments(NAME.filter(lambda name: name is None or not set(name) & set("[]"))), max_size=6))
def test_srt(found: list[TranscriptSegment]) -> None:
    written = transcript(*found)
    assert read_captions(text_of("srt", written), "s1") == as_given(written)


@given(st.lists(segments(), max_size=6), st.booleans())
def test_json_keeps_everything(found: list[TranscriptSegment], translated: bool) -> None:
    found = [one.model_copy(update={"speaker_key": "account:1", "end_inferred": True}) for one in found]
    written = Transcript(session_id="s1", language="de", is_translation=translated, segments=tuple(found))
    assert Transcript.model_validate_json(text_of("json", written)) == written


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("name", ["vtt", "srt"])
def test_line_ends_and_byte_order_marks_of_other_systems_change_nothing(name: str, mark: str, ends: str) -> None:
    written = transcript(
        TranscriptSegment(start=0.5, end=1.25, speaker_name="Anna", text="one\ntwo"),
        TranscriptSegment(start=3661, end=3662, text="three"),
    )
    data = (mark + text_of(name, written).replace("\n", ends)).encode()
    assert read_captions(data, "s1") == written
