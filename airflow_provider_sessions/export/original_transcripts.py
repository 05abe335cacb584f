"""The transcripts of an export as the platform gave them, byte for byte, beside the rows that are made of them.

``{path}/transcript_originals/dt=YYYY-MM-DD/{run}/{session}/v{version}.{extension}``, for a translation
``v{version}.{language}.{extension}``. Day, run and version are those of the session's rows in ``transcript_segments``.
They are published before these rows, so that rows never lack them. The record of a run has their checksums.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Final

from airflow_provider_sessions.export.datasets import sort_transcripts
from airflow_provider_sessions.export.layout import RunId, safe_name
from airflow_provider_sessions.export.media import find_extension, write_original
from airflow_provider_sessions.export.run_record import WrittenOriginal
from airflow_provider_sessions.export.session_artifacts import SessionArtifacts
from airflow_provider_sessions.export.store import Store
from airflow_provider_sessions.model import TranscriptFile
from airflow_provider_sessions.safe_text import get_logger, sanitize_text

log = get_logger(__name__)

SEGMENTS: Final = "transcript_segments"
"""The dataset whose rows are made of them."""
_FOLDER: Final = "transcript_originals"
_DAY: Final = re.compile(r"dt=[0-9-]+")
_MAX_WORD: Final = 100
"""Characters of a media type in the record."""


class OriginalTranscripts:
    """The transcripts as received that one run writes.

    :param store: where they are written.
    :param run: the run.
    """

    def __init__(self, store: Store, run: RunId) -> None:
        self._store = store
        self._run = run
        self.written: list[WrittenOriginal] = []

    def write(self, day: date, batch: Sequence[tuple[SessionArtifacts, int]]) -> None:
        """Write the transcripts of sessions that ended on a day.

        :param batch: sessions, each with the version of its rows.
        """
        found = [
            (*one, artifacts, version) for artifacts, version in batch for one in _name_originals(artifacts, version)
        ]

        def write(name: str, original: TranscriptFile, artifacts: SessionArtifacts, version: int) -> WrittenOriginal:
            session_id = artifacts.session.session_id
            key = f"{_FOLDER}/dt={day.isoformat()}/{self._run.stem}/{safe_name(session_id)}/{name}"
            return WrittenOriginal(
                session_id=session_id,
                version=version,
                sha256=write_original(self._store, key, original),
                key=key,
                bytes=len(original.content),
                media_type=sanitize_text(original.media_type, _MAX_WORD) or None,
            )

        with ThreadPoolExecutor(self._store.max_parallel) as threads:
            self.written += threads.map(lambda one: write(*one), found)


def list_originals(store: Store, run: RunId, keys: Iterable[str]) -> set[str]:
    """Return the keys of all transcripts as received that tries of a run wrote.

    :param keys: of files with rows of the same sessions.
    """
    days = {found[0] for key in keys if (found := _DAY.search(key))}
    return {key for day in days for key in store.list(f"{_FOLDER}/{day}/{run.stem}")}


def _name_originals(artifacts: SessionArtifacts, version: int) -> list[tuple[str, TranscriptFile]]:
    """Return a session's transcripts as received, each with a name that no other one has."""
    named: dict[str, TranscriptFile] = {}
    for transcript in sort_transcripts(artifacts.transcripts):
        original = transcript.original
        if original is None:
            continue
        language = f".{safe_name(transcript.language or 'und', 20)}" if transcript.is_translation else ""
        extension, number = find_extension(original.media_type) or "bin", 1
        name = wanted = f"v{version}{language}"
        while f"{name}.{extension}" in named:
            number += 1
            name = f"{wanted}.{number}"
        named[f"{name}.{extension}"] = original
    if artifacts.transcripts and not named:
        log.warning("Session %s: its transcript has no original form to keep", artifacts.session.session_id)
    return list(named.items())
