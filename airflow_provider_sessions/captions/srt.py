"""SRT: numbered cues, the speaker's name before the text.

SRT has no rule for escaping. What a player or a reader would take for a tag, an entity or a speaker's name is broken
up with a word joiner, a character without width; our reader takes it out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from airflow_provider_sessions.captions.names import WORD_JOINER, name_prefix, without_names
from airflow_provider_sessions.captions.times import span
from airflow_provider_sessions.captions.words import tidy, tidy_name
from airflow_provider_sessions.model import Transcript

_MARKUP = re.compile(r"(?<=[<&])(?=[\w/#>])|(?<=\{)(?=\\)|(?<=--)(?=>)")


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
