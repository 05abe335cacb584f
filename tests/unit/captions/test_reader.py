"""Files as they are found."""

from __future__ import annotations

import pytest

from airflow_provider_sessions.captions.reader import read_captions
from airflow_provider_sessions.errors import MalformedResponseError


def said(data: str | bytes) -> list[tuple[str | None, str]]:
    return [(segment.speaker_name, segment.text) for segment in read_captions(data).segments]


def times(data: str) -> list[tuple[float, float]]:
    return [(segment.start, segment.end) for segment in read_captions(data).segments]


def test_voices_with_ids_settings_and_entities() -> None:
    data = (
        "WEBVTT - made by a machine\nKind: captions\nLanguage: en-GB\n\n"
        "d7a8f8e2-0b0c-4c6e-9d7f-000000000001/10-0\n00:00:01.000 --> 00:00:02.500 align:start position:10%\n"
        "<v Anna &amp; Co>Tom &lt;3 Jerry &amp; Spike</v>\n"
    )
    transcript = read_captions(data)
    assert transcript.language == "en-GB"
    assert said(data) == [("Anna & Co", "Tom <3 Jerry & Spike")]
    assert times(data) == [(1.0, 2.5)]


def test_two_voices_in_one_cue_are_two_segments() -> None:
    cue = "WEBVTT\n\n00:01.000 --> 00:02.000\n"
    assert said(f"{cue}<v Anna>Hi.</v>\n<v Bob>Hello.</v>") == [("Anna", "Hi."), ("Bob", "Hello.")]
    assert said(f"{cue}<v Anna>Hi. <v Bob>Hello.") == [("Anna", "Hi."), ("Bob", "Hello.")]
    assert said(f"{cue}<v.loud Anna>Hi.</v> (door)") == [("Anna", "Hi."), (None, "(door)")]


def test_names_before_a_colon_are_speakers() -> None:
    cue = "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n"
    assert said(f"{cue}Anna Smith: It is 10:30.") == [("Anna Smith", "It is 10:30.")]
    assert said(f"{cue}Anna: Hi.\nBob Room 5 (2nd): Hello,\nyou.") == [
        ("Anna", "Hi."),
        ("Bob Room 5 (2nd)", "Hello,\nyou."),
    ]
    assert said(f"{cue}<b>Anna:</b> Hi.") == [("Anna", "Hi.")]


@pytest.mark.parametrize("text", ["It is 10:30.", "see https://example.com", "Remember this: we go", "Well:"])
def test_what_begins_a_sentence_is_no_name(text: str) -> None:
    assert said(f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{text}") == [(None, text)]


def test_notes_styles_and_regions_are_not_said() -> None:
    data = (
        "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:fred\n\nNOTE\nnot said\n\nNOTE one line\n\n"
        "NOTE\n00:00:00.000 --> 00:00:01.000\ncommented out\n\n"
        "00:00:01.000 --> 00:00:02.000\nNOTE that I say this\n"
    )
    assert said(data) == [(None, "NOTE that I say this")]


def test_commas_missing_hours_short_fractions_and_spaces() -> None:
    data = "WEBVTT\n\n00:01,5 -->00:02,250\none\n\n1:00:03 --> 1:00:04.12\ntwo\n\n100:00:00.000-->100:00:01.000\nthree"
    assert times(data) == [(1.5, 2.25), (3603.0, 3604.12), (360000.0, 360001.0)]


def test_times_finer_than_milliseconds_lose_no_cue() -> None:
    [cue] = read_captions("WEBVTT\n\n00:00:01.123456 --> 00:00:02.9999999\nHello\n").segments
    assert (cue.start, cue.end, cue.text) == (1.123, 2.999, "Hello")


def test_srt_with_comma_times_formatting_and_positions() -> None:
    data = (
        "1\r\n00:00:01,000 --> 00:00:02,000 X1:0 X2:9\r\n{\\an8}<i>Hi</i> <font color='red'>there</font>\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000\r\nBob: Yes\r\n"
    )
    assert said(data) == [(None, "Hi there"), ("Bob", "Yes")]


def test_missing_blank_lines_do_not_pull_the_next_id_into_the_text() -> None:
    data = "1\n00:00:01,000 --> 00:00:02,000\none\n2\n00:00:03,000 --> 00:00:04,000\ntwo"
    assert said(data) == [(None, "one"), (None, "two")]


def test_blank_lines_within_the_text_of_srt_lose_no_words() -> None:
    data = "1\n00:00:01,000 --> 00:00:02,000\none\n\nstill one\n\n2\n00:00:03,000 --> 00:00:04,000\ntwo"
    assert said(data) == [(None, "one\nstill one"), (None, "two")]


def test_karaoke_times_and_classes_are_no_words() -> None:
    data = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<c.yellow>Hi</c><00:00:01.500> <lang en>there</lang>"
    assert said(data) == [(None, "Hi there")]


def test_an_end_before_its_start_is_marked() -> None:
    [segment] = read_captions("WEBVTT\n\n00:00:05.000 --> 00:00:03.000\nHi").segments
    assert (segment.start, segment.end_inferred) == (5.0, True)
    assert 6.0 <= segment.end <= 15.0


def test_cues_without_words_are_left_out() -> None:
    assert said("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n\n00:00:02.000 --> 00:00:03.000\n<v Anna></v>\n") == []


@pytest.mark.parametrize("word", ["NOTE", "STYLE", "REGION"])
def test_srt_has_no_comments(word: str) -> None:
    data = f"1\n00:00:01,000 --> 00:00:02,000\nFirst\n\n{word} that I say this\n\n2\n00:00:03,000 --> 00:00:04,000\nx\n"
    assert said(data) == [(None, f"First\n{word} that I say this"), (None, "x")]


def test_cues_that_say_nothing_are_an_empty_transcript() -> None:
    assert said("1\n00:00:01,000 --> 00:00:02,000\n<inaudible>\n") == []


@pytest.mark.parametrize("data", ["", "\ufeff", "\n\n", b"", "WEBVTT", "WEBVTT\n\nNOTE nothing yet\n"])
def test_an_empty_file_has_no_segments(data: str | bytes) -> None:
    assert read_captions(data).segments == ()


@pytest.mark.parametrize("data", ["<html>Sign in</html>", '{"error": "no"}', "Anna: hello"])
def test_what_is_neither_is_refused(data: str) -> None:
    with pytest.raises(MalformedResponseError, match="neither WebVTT nor SRT"):
        read_captions(data)


def test_utf_16_with_a_mark_and_broken_utf_8_are_read() -> None:
    text = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nZoë"
    assert said(text.encode("utf-16")) == [(None, "Zoë")]
    assert said(text.encode() + b"\xff") == [(None, "Zoë\ufffd")]


def test_a_long_line_of_brackets_takes_no_time_to_speak_of() -> None:
    hostile = "<" * 20_000 + "[" * 20_000 + "A " * 20_000
    assert said(f"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n{hostile}")[0][0] is None
