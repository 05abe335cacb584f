"""Reading WebVTT and SRT as they are found, not only as they should be.

What real files do, and this reader takes: a byte order mark; line ends of any system; commas or points in times;
missing hours; NOTE, STYLE and REGION blocks of WebVTT; ids and settings of cues; tags of style; entities; speakers as
``<v Name>`` or as ``Name: text``; two voices in one cue; no blank line between cues; ends before their starts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_sessions.captions.names import WORD_JOINER, split_name, tidy, tidy_name
from airflow_provider_sessions.errors import MalformedResponseError
from airflow_provider_sessions.model import Transcript, TranscriptFile

_TIME = r"(?:(\d{1,5}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3})\d*)?"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}(?:[ \t].*)?")
_BLANK = re.compile(r"\n(?:[ \t]*\n)+")
_HIDDEN = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)", re.MULTILINE)
_LANGUAGE = re.compile(r"^Language:(.*)", re.MULTILINE)
_ID = re.compile(r"(?:[^\W\d]|[{}/.-])*\d[\w{}/.-]*")
# None of these goes on beyond where the next could begin: the time to find all grows with the text, not its square.
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?(?:\s([^<>]*))?>|(</v>)")
_TAG = re.compile(r"</?(?:[a-zA-Z][^<>]*)?>|<\d[\d:.]*>")
_POSITION = re.compile(r"\{\\[^{}]*\}")


@dataclass(slots=True)
class _Cue:
    start: float
    end: float
    lines: list[str]


def read_captions(data: bytes | str, session_id: str = "") -> Transcript:
    """Read a WebVTT or SRT file.

    :param data: the file; bytes are UTF-8, or UTF-16 with a byte order mark.
    :param session_id: the session it belongs to.
    :returns: its segments in the order of the file; none for an empty one. An end that is not after its start is
        inferred, and marked as such.
    :raises MalformedResponseError: it has text, but is neither.
    """
    text = _decoded(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    is_webvtt = text.startswith("WEBVTT")
    blocks = _BLANK.split(text)
    said = _said_in_webvtt if is_webvtt else _said_in_srt
    segments = [segment for cue in _cues(blocks, is_webvtt) for segment in _segments(cue, said)]
    if text.strip() and not segments and not is_webvtt and not any(map(_has_text, _cues(blocks, is_webvtt))):
        raise MalformedResponseError("this is neither WebVTT nor SRT: there is no line of times with text below it")
    language = _LANGUAGE.search(blocks[0]) if is_webvtt else None
    # Validated all at once: that takes a third of the time of making segments one by one.
    return Transcript.model_validate(
        {"session_id": session_id, "language": language[1].strip() or None if language else None, "segments": segments}
    )


def read_transcript(
    data: bytes | str, session_id: str, *, language: str | None = None, is_translation: bool = False
) -> Transcript:
    """Read a transcript that a platform gives as a WebVTT or SRT file, and keep the file beside it.

    :param data: the file. Pass its bytes as they were received, so that ``keep_original`` writes them unchanged.
    :param session_id: the session it belongs to.
    :param language: its language, where the platform tells it beside the file.
    :param is_translation: whether it is a translation.
    :raises MalformedResponseError: it has text, but is neither.
    """
    content = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
    transcript = read_captions(content, session_id)
    is_webvtt = _decoded(content).removeprefix("\ufeff").startswith("WEBVTT")
    media_type = "text/vtt" if is_webvtt else "application/x-subrip"
    return transcript.model_copy(
        update={
            "language": language or transcript.language,
            "is_translation": is_translation,
            "original": TranscriptFile(content=content, media_type=media_type),
        }
    )


def _decoded(data: bytes) -> str:
    is_utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if is_utf_16 else "utf-8", "replace")


def _cues(blocks: list[str], is_webvtt: bool) -> Iterator[_Cue]:
    last: _Cue | None = None
    for block in blocks:
        if is_webvtt and _HIDDEN.match(block):
            continue
        found = list(_cues_of(block)) if "-->" in block else []
        if not found and last is not None and not is_webvtt and not block.isdecimal():
            last.lines += block.split("\n")  # a blank line within the text of an SRT cue
        for cue in found:
            if last is not None:
                yield last
            last = cue
    if last is not None:
        yield last


def _has_text(cue: _Cue) -> bool:
    return any(line.strip() for line in cue.lines)


def _cues_of(block: str) -> Iterator[_Cue]:
    """The cues of one block: more than one where the blank lines between them are missing."""
    cue: _Cue | None = None
    for line in block.split("\n"):
        found = _TIMES.fullmatch(line) if "-->" in line else None
        if found is None:
            if cue is not None:
                cue.lines.append(line)
            continue
        if cue is not None:
            if cue.lines and _ID.fullmatch(cue.lines[-1]):
                cue.lines.pop()  # the id of the cue that begins here
            yield cue
        cue = _Cue(*_span(*found.groups("0")), [])
    if cue is not None:
        yield cue


def _span(h1: str, m1: str, s1: str, f1: str, h2: str, m2: str, s2: str, f2: str) -> tuple[float, float]:
    """Start and end in seconds, of hours, minutes, seconds and their fraction."""
    start = int(h1) * 3_600_000 + int(m1) * 60_000 + int(s1) * 1000 + int(f1.ljust(3, "0"))
    end = int(h2) * 3_600_000 + int(m2) * 60_000 + int(s2) * 1000 + int(f2.ljust(3, "0"))
    return start / 1000, end / 1000


def _segments(cue: _Cue, said_in: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    text = cue.lines[0] if len(cue.lines) == 1 else "\n".join(cue.lines)
    for name, said in _voices(text) if "<v" in text else _named(_untagged(text)):
        words = tidy(said_in(said))
        if words:
            yield {
                "start": cue.start,
                "end": cue.end,
                "speaker_name": tidy_name(said_in(name)) if name else None,
                "text": words,
            }


def _voices(text: str) -> list[tuple[str | None, str]]:
    """What each voice tag says; what stands outside of them is said by nobody."""
    if text.startswith("<v ") and text.count("<") == 1:  # nearly every cue of a real file
        name, _, said = text[3:].partition(">")
        return [(name, said)]
    # [text, name, "</v>" or None, text, name, ...]: one of the two in the middle is always None.
    parts = _VOICE.split(text)
    turns = [(None, parts[0]), *zip(parts[1::3], parts[3::3], strict=True)]
    return [(name, _untagged(words)) for name, words in turns if words]


def _named(text: str) -> Iterator[tuple[str | None, str]]:
    """What each line that begins with a name says, with the lines that follow it."""
    name: str | None = None
    said: list[str] = []
    for line in text.split("\n"):
        next_name, rest = split_name(line)
        if next_name is not None and said:
            yield name, "\n".join(said)
            said = []
        name = next_name or name
        said.append(rest)
    yield name, "\n".join(said)


def _untagged(text: str) -> str:
    return _TAG.sub("", text) if "<" in text else text


def _said_in_webvtt(text: str) -> str:
    try:
        return html.unescape(text) if "&" in text else text
    except ValueError:  # a numbered character of more than 4,300 digits
        return text


def _said_in_srt(text: str) -> str:
    """Entities are no part of SRT, but are found in it. What our writer put in to protect the text is taken out."""
    text = _POSITION.sub("", text) if "{" in text else text
    return _said_in_webvtt(text).replace(WORD_JOINER, "")
