"""Write transcripts: WebVTT, SRT, plain text and JSON. Files are UTF-8 without a BOM.

- WebVTT: one cue a segment, its speaker as a voice tag. Source: WebVTT, W3C: cue text escapes ``&``, ``<`` and ``>``,
  and so does the name in a voice tag.
- SRT: numbered cues, the speaker's name before the text. SRT has no rule for escaping. What a player or a reader would
  take for a tag, an entity or a speaker's name is broken up with a word joiner, a character without width; our reader
  takes it out again.
- Plain text by speaker turns: a line with time and name, below it what was said until someone else speaks.

Times are milliseconds, written ``HH:MM:SS`` with a point (WebVTT) or a comma (SRT).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from html import escape
from itertools import groupby
from typing import Final, Literal

from airflow_provider_sessions.captions.names import WORD_JOINER, name_prefix, tidy, tidy_name, without_names
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import Transcript, TranscriptSegment
from airflow_provider_sessions.model.artifacts import to_milliseconds

NOBODY = "Unknown speaker"
_MARKUP = re.compile(r"(?<=[<&])(?=[\w/#>])|(?<=\{)(?=\\)|(?<=--)(?=>)")


def webvtt(transcript: Transcript) -> Iterator[str]:
    """A transcript as WebVTT, piece by piece. A segment without text is left out."""
    language = tidy_name(transcript.language)
    yield f"WEBVTT\nLanguage: {language}\n" if language else "WEBVTT\n"
    for segment in transcript.segments:
        text = escape(tidy(segment.text), quote=False)
        if text:
            voice = _voice(segment.speaker_name)
            yield f"\n{span(segment, '.')}\n{voice}{text if voice else without_names(text, '&#58;')}\n"


@lru_cache(maxsize=1024)
def _voice(name: str | None) -> str:
    name = tidy_name(name)
    return f"<v {escape(name, quote=False)}>" if name else ""


def srt(transcript: Transcript) -> Iterator[str]:
    """A transcript as SRT, piece by piece. A segment without text is left out."""
    number = 0
    for segment in transcript.segments:
        text = tidy(segment.text)
        if text:
            separator = "\n" if number else ""
            number += 1
            yield f"{separator}{number}\n{span(segment, ',')}\n{_said(segment.speaker_name, text)}\n"


def _said(name: str | None, text: str) -> str:
    text = _harmless(text)
    prefix = _prefix(name)
    if not prefix:
        return without_names(text, f"{WORD_JOINER}:")
    if "\n" not in text:
        return prefix + text
    first, rest = text.split("\n", 1)
    return f"{prefix}{first}\n{without_names(rest, f'{WORD_JOINER}:')}"


@lru_cache(maxsize=1024)
def _prefix(name: str | None) -> str:
    name = tidy_name(name)
    return name_prefix(_harmless(name)) if name else ""


def _harmless(text: str) -> str:
    return _MARKUP.sub(WORD_JOINER, text) if "<" in text or "&" in text or "{" in text or "-->" in text else text


def plain_text(transcript: Transcript) -> Iterator[str]:
    """A transcript as plain text, turn by turn."""
    said = (segment for segment in transcript.segments if tidy(segment.text))
    separator = ""
    for (_, name), turn in groupby(said, key=_speaker):
        segments = list(turn)
        text = " ".join(" ".join(tidy(segment.text).split("\n")) for segment in segments)
        yield f"{separator}[{stamp(segments[0].start, '.')[:-4]}] {name or NOBODY}\n{text}\n"
        separator = "\n"


def _speaker(segment: TranscriptSegment) -> tuple[str | None, str | None]:
    return segment.speaker_key, tidy_name(segment.speaker_name)


def stamp(seconds: float, point: str) -> str:
    """A time, to the millisecond. Hours have two digits, or more where they need more."""
    total = to_milliseconds(seconds)
    minutes = total // 60_000
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{total // 1000 % 60:02d}{point}{total % 1000:03d}"


def span(segment: TranscriptSegment, point: str) -> str:
    """The line of times of a cue."""
    return f"{stamp(segment.start, point)} --> {stamp(segment.end, point)}"


def json_text(transcript: Transcript) -> Iterator[str]:
    """A transcript as JSON: all that is known. ``Transcript.model_validate_json`` reads it again."""
    yield transcript.model_dump_json() + "\n"


FORMATS: Final[Mapping[str, Callable[[Transcript], Iterator[str]]]] = {
    "vtt": webvtt,
    "srt": srt,
    "txt": plain_text,
    "json": json_text,
}
"""Writers by the extension of their files. Each gives its text piece by piece; files are UTF-8 without a BOM."""

TranscriptFormat = Literal["vtt", "srt", "txt", "json"]
"""The names of :data:`FORMATS`, for the types of arguments."""


def read_formats(names: str | Iterable[str]) -> tuple[str, ...]:
    """Read which formats a user wants.

    :param names: names, or one text with names between commas.
    :raises InputError: an unknown name, none at all, or something else than names.
    """
    if not isinstance(names, Iterable):
        raise InputError(f"formats: {names!r} is no list of names; there are {', '.join(FORMATS)}")
    given = names.split(",") if isinstance(names, str) else names
    listed = [name.strip() if isinstance(name, str) else name for name in given]
    if not listed:
        raise InputError(f"formats: an empty list writes nothing; there are {', '.join(FORMATS)}")
    if unknown := [name for name in listed if not isinstance(name, str) or name not in FORMATS]:
        raise unknown_choice_error("formats", unknown, FORMATS, says="cannot be written; there are")
    return tuple(dict.fromkeys(listed))
