"""WebVTT: one cue a segment, its speaker as a voice tag.

Source: WebVTT, W3C: cue text escapes ``&``, ``<`` and ``>``, and so does the name in a voice tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from html import escape

from airflow_provider_sessions.captions.names import without_names
from airflow_provider_sessions.captions.times import span
from airflow_provider_sessions.captions.words import tidy, tidy_name
from airflow_provider_sessions.model import Transcript


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
