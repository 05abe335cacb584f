"""What Sessions' utterances say, as transcripts: by themselves, without a platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_sessions.model import Participant, Presence, Session, SessionState, Transcript
from airflow_provider_sessions.platforms.sessions_us.artifacts import map_transcripts

ZERO = datetime(2026, 3, 2, 14, tzinfo=UTC)


def session(start: datetime | None = ZERO, end: datetime | None = ZERO + timedelta(minutes=10)) -> Session:
    return Session(
        platform="sessions_us",
        session_id="s1",
        title="Call",
        state=SessionState.ENDED,
        actual_start=start,
        actual_end=end,
    )


def said(at: Any, *words: tuple[str | None, str], who: str | None = "7", language: str | None = None) -> Any:
    stamp = ZERO + timedelta(seconds=at) if isinstance(at, int) else at
    content = [{"language": spoken, "text": text} for spoken, text in words or (("en", "Hello"),)]
    return {"source_timestamp": stamp, "participant_id": who, "source_language": language, "content": content}


def read(*entries: Any, of: Session | None = None, **speakers: Participant) -> list[Transcript]:
    return map_transcripts(entries, of or session(), speakers)


def spans(transcript: Transcript) -> list[tuple[float, float]]:
    return [(one.start, one.end) for one in transcript.segments]


def test_each_utterance_lasts_until_the_next_and_the_last_until_the_session_ends() -> None:
    [transcript] = read(said(5), said(30), said(30), said(90))
    assert spans(transcript) == [(5, 30), (30, 90), (30, 90), (90, 600)]
    assert all(one.end_inferred for one in transcript.segments)
    assert (transcript.session_id, transcript.started_at, transcript.is_translation) == ("s1", ZERO, False)


def test_utterances_come_in_the_order_in_which_they_were_said() -> None:
    [transcript] = read(said(90, ("en", "two")), said(5, ("en", "one")), said(90, ("en", "three")))
    assert [one.text for one in transcript.segments] == ["one", "two", "three"]


def test_what_was_said_after_the_end_ends_after_it() -> None:
    [transcript] = read(said(700), of=session())
    assert transcript.segments[0].start == 700
    assert transcript.segments[0].end > 699


def test_without_an_actual_start_the_first_utterance_is_second_zero() -> None:
    [transcript] = read(said(40), said(30), of=session(start=None))
    assert transcript.started_at == ZERO + timedelta(seconds=30)
    assert [one.start for one in transcript.segments] == [0, 10]


def test_instants_without_a_zone_are_utc_and_numbers_are_seconds() -> None:
    [transcript] = read(said(datetime(2026, 3, 2, 14, 0, 20)), said(12.5), said(None))  # noqa: DTZ001
    assert [one.start for one in transcript.segments] == [0, 12.5, 20]
    [numbers] = read(said(3.0), said(1.0), of=session(start=None, end=None))
    assert ([one.start for one in numbers.segments], numbers.started_at) == ([1, 3], None)


@pytest.mark.parametrize("stamp", [-5, -0.5, 1e9, 1e12, float("nan")])
def test_times_that_no_session_has_are_second_zero(stamp: float) -> None:
    [transcript] = read(said(stamp), said(10))
    assert [one.start for one in transcript.segments] == [0, 10]


def test_a_translation_is_a_transcript_of_its_own_and_the_original_is_what_was_said() -> None:
    hello = [("en", "Hello"), ("de", "Hallo"), ("fr", "Salut")]
    guten_tag = [("en", "Good day"), ("de", "Guten Tag")]
    original, *translations = read(
        said(1, *hello, language="en"), said(2, *guten_tag, language="de"), said(3, ("en", "Bye"), language="en")
    )
    assert [(one.language, one.text) for one in original.segments] == [
        ("en", "Hello"),
        ("de", "Guten Tag"),
        ("en", "Bye"),
    ]
    assert (original.language, original.is_translation) == ("en", False)
    assert [(one.language, one.is_translation) for one in translations] == [("de", True), ("en", True), ("fr", True)]
    assert [[segment.text for segment in one.segments] for one in translations] == [["Hallo"], ["Good day"], ["Salut"]]


@pytest.mark.parametrize("language", [None, "es"])
def test_where_no_language_is_named_that_was_given_the_first_one_was_spoken(language: str | None) -> None:
    original, translation = read(said(1, ("en", "Hello"), ("de", "Hallo"), language=language))
    assert (original.language, translation.language) == ("en", "de")


def test_one_text_was_spoken_in_its_own_language_whatever_is_named() -> None:
    [original] = read(said(1, ("de", "Hallo"), language="en"))
    assert (original.language, original.is_translation) == ("de", False)


def test_speakers_are_named_as_on_the_platform() -> None:
    def person(name: str | None) -> Participant:
        return Participant(
            participant_key="account:9", name=name, email="ada@example.com", presence=Presence.PRESENT, source_id="7"
        )

    people: dict[str, Participant] = {"7": person("Ada"), "8": person(None)}
    [transcript] = read(said(1), said(2, who="8"), said(3, who="unknown"), said(4, who=None), **people)
    assert [(one.speaker_key, one.speaker_name) for one in transcript.segments] == [
        ("account:9", "Ada"),
        ("account:9", "ada@example.com"),
        ("participant:unknown", None),
        (None, None),
    ]


@pytest.mark.parametrize("entry", [{}, {"content": None}, {"content": []}])
def test_nothing_said_is_no_transcript(entry: Any) -> None:
    assert read(entry) == []


def test_a_text_that_is_missing_is_empty() -> None:
    [transcript] = read({"source_timestamp": ZERO, "content": [{"language": "en", "text": None}]})
    assert [one.text for one in transcript.segments] == [""]
