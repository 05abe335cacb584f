"""Every caption ends later than it starts: players never show one that does not."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.model import Session, SessionState, Transcript, TranscriptSegment
from airflow_provider_sessions.platforms.prevail.artifacts import map_transcript
from airflow_provider_sessions.platforms.prevail.models import TranscriptItem
from airflow_provider_sessions.platforms.sessions_us.artifacts import map_transcripts
from airflow_provider_sessions.platforms.sessions_us.models import TranscriptResponse
from tests.unit.export.stand_in import session

Times = list[tuple[float, float]]


def of_model(times: Times) -> list[Transcript]:
    segments = [TranscriptSegment(start=start, end=end, text="Yes") for start, end in times]
    return [Transcript(session_id="s1", segments=tuple(segments))]


def of_sessions(times: Times) -> list[Transcript]:
    """Of Sessions: it gives starts alone, as instants to the second or the millisecond."""
    begun = session().actual_start
    assert begun is not None
    held = session().model_copy(update={"actual_end": begun + timedelta(seconds=7)})
    entries = [
        {
            "content": [{"text": "Yes", "language": "en"}, {"text": "Ja", "language": "de"}],
            "sourceTimestamp": (begun + timedelta(seconds=start)).isoformat(),
            "sourceLanguage": "en",
        }
        for start, _ in times
    ]
    return map_transcripts(TypeAdapter(TranscriptResponse).validate_python(entries), held, {})


def of_prevail(times: Times) -> list[Transcript]:
    lines: list[dict[str, Any]] = [{"start": start, "end": end, "text": "Yes"} for start, end in times]
    lines += [{"start": start, "text": "No"} for start, _ in times]
    held = Session(platform="prevail", session_id="s1", title="x", state=SessionState.ENDED)
    return [map_transcript(TranscriptItem(segments=lines), held)]  # type: ignore[arg-type]


def of_vtt(times: Times) -> list[Transcript]:
    def stamp(seconds: float) -> str:
        return f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:06.3f}"

    cues = "".join(f"\n{stamp(start)} --> {stamp(end)}\nYes\n" for start, end in times)
    return [read_captions(f"WEBVTT\n{cues}")]


SOURCES = [of_model, of_sessions, of_prevail, of_vtt]
CUE = re.compile(r"^(\d{2,}):(\d\d):(\d\d)[.,](\d{3}) --> (\d{2,}):(\d\d):(\d\d)[.,](\d{3})$", re.MULTILINE)


def milliseconds(hours: str, minutes: str, seconds: str, rest: str) -> int:
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(rest)


def lengths(transcript: Transcript) -> list[int]:
    """How long each caption is, in both formats, and each row of the table; in milliseconds."""
    cues = [cue for name in ("vtt", "srt") for cue in CUE.findall("".join(FORMATS[name](transcript)))]
    rows: Any = DATASETS["transcript_segments"].make(SessionArtifacts(session(), "a", transcripts=[transcript]))
    return [
        *(milliseconds(*cue[4:]) - milliseconds(*cue[:4]) for cue in cues),
        *(round((row.end_seconds - row.start_seconds) * 1000) for row in rows),
    ]


HARD = [
    [(1, 1), (1, 1), (5, 5)],
    [(1.0001, 1.0002), (1.0003, 1.0004), (5, 6)],
    [(5, 3), (2, 2), (2, 1)],
    [(7, 7), (7, 7), (9, 9), (9, 8)],
    [(0, 0)],
    [(359_999, 359_999)],
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("times", HARD)
def test_no_caption_and_no_row_is_without_length(source: Any, times: Times) -> None:
    found = [length for transcript in source(times) for length in lengths(transcript)]
    assert len(found) >= 3 * len(times)
    assert min(found) >= 1


@pytest.mark.parametrize("source", SOURCES)
@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_whatever_the_times_are(source: Any, times: Times) -> None:
    assert all(length >= 1 for transcript in source(times) for length in lengths(transcript))


def test_both_of_one_second_last_until_the_next() -> None:
    (transcript,) = of_model([(1, 1), (1, 1), (5, 6)])
    assert [(one.start, one.end, one.end_inferred) for one in transcript.segments] == [
        (1, 5, True),
        (1, 5, True),
        (5, 6, False),
    ]


def test_those_of_sessions_last_until_the_next_and_the_last_until_the_end_or_as_long_as_it_takes_to_say() -> None:
    original, german = of_sessions([(1, 0), (1, 0), (5, 0)])
    assert [one.end for one in original.segments] == [one.end for one in german.segments] == [5, 5, 7]
    late, _ = of_sessions([(1, 0), (7, 0), (9, 0), (9, 0)])
    assert [(one.start, one.end) for one in late.segments] == [(1, 7), (7, 9), (9, 10.2), (9, 10.2)]
    assert all(one.end_inferred for one in late.segments)


@pytest.mark.parametrize(("text", "seconds"), [("", 1.0), ("Yes", 1.2), ("a" * 60, 5.0), ("a" * 5000, 10.0)])
def test_the_last_one_lasts_as_long_as_it_takes_to_say(text: str, seconds: float) -> None:
    transcript = Transcript(session_id="s1", segments=(TranscriptSegment(start=3, end=3, text=text),))
    assert transcript.segments[0].end == 3 + seconds


def test_what_has_a_length_is_left_as_it_is() -> None:
    given = (TranscriptSegment(start=3, end=9, text="a"), TranscriptSegment(start=1, end=1.001, text="b"))
    assert Transcript(session_id="s1", segments=given).segments == given
