"""Transcripts as files: WebVTT, SRT, plain text and JSON, and a tolerant reader for the first two.

Exports write them; platforms whose transcripts are files read them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

from airflow_provider_sessions.captions.srt import srt
from airflow_provider_sessions.captions.text import plain_text
from airflow_provider_sessions.captions.webvtt import webvtt
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.messages import unknown_choice_error
from airflow_provider_sessions.model import Transcript


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
