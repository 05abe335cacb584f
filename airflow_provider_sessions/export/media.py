"""Recordings and transcripts of one session as files: ``{session}/{recording}.mp4``, ``{session}/transcript.vtt``.

File names are made of ids, so that a repeated download replaces its own file even if a recording was renamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.errors import ExportError, IncompleteDownloadError, SessionsError
from airflow_provider_sessions.export.datasets import sort_transcripts
from airflow_provider_sessions.export.layout import safe_name
from airflow_provider_sessions.export.store import HashingWriter, Store
from airflow_provider_sessions.messages import ProgressLog, format_count
from airflow_provider_sessions.model import Recording, RecordingStatus, Session, Transcript, TranscriptFile
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.safe_text import get_logger, sanitize_text

if TYPE_CHECKING:
    from airflow_provider_sessions.client.download import DownloadResult

log = get_logger(__name__)

_MAX_WORD = 100
"""Characters of a media type or a language in a task's result."""

_CHUNK: Final = 1024 * 1024
"""Bytes of a transcript as received that are written at a time."""
_NO_URL: Final[dict[str, None]] = {"download_url": None}
_MIB = 1024 * 1024
_PIECES = 2000
_ORIGINAL: Final = "original"
"""In names of files, and as the format: a transcript as the platform gave it."""

EXTENSIONS: Final = MappingProxyType(
    {
        "video/mp4": "mp4",
        "video/webm": "webm",
        "video/quicktime": "mov",
        "video/x-matroska": "mkv",
        "video/mp2t": "ts",
        "audio/mp4": "m4a",
        "audio/x-m4a": "m4a",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/webm": "weba",
        "audio/wav": "wav",
        "audio/x-wav": "wav",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "video/mpeg": "mpg",
        "video/x-m4v": "m4v",
        "video/x-msvideo": "avi",
        "image/jpeg": "jpg",
        "image/png": "png",
        "text/csv": "csv",
        "text/plain": "txt",
        "text/vtt": "vtt",
        "application/json": "json",
        "application/pdf": "pdf",
        "application/x-subrip": "srt",
        "application/zip": "zip",
    }
)
"""Extensions by media type; none is of an executable. The table of ``mimetypes`` depends on the machine."""


async def list_ready_recordings(adapter: Adapter, session: Session) -> list[Recording]:
    """Return a session's recordings that are ready, the oldest first, and log the others."""
    found = await adapter.recordings(session)
    others = [f"{one.recording_id} ({one.status})" for one in found if one.status is not RecordingStatus.READY]
    if others:
        log.warning(
            "Skipping recordings that are not ready: %s (%d of %s)",
            ", ".join(others),
            len(others),
            format_count(len(found), "recording"),
        )
    ready = {one.recording_id: one for one in found if one.status is RecordingStatus.READY}
    return sorted(ready.values(), key=lambda one: (str(one.created_at or ""), one.recording_id))


async def download_recordings(
    adapter: Adapter, store: Store, recordings: Sequence[Recording], concurrency: int
) -> list[dict[str, Any]]:
    """Download recordings in parallel. Each file appears whole or not at all, even if others fail.

    :returns: for each recording, in the same order: ``recording_id``, ``path``, ``bytes``, ``sha256``, ``media_type``.
    :raises ExportError: a file has another size or checksum than the platform reports.
    :raises SessionsError: a download failed; a note names the recording.
    """
    limit = asyncio.Semaphore(concurrency)
    sizes = [one.size_bytes for one in recordings]
    total = None if None in sizes else sum(size or 0 for size in sizes) // _MIB
    progress = ProgressLog("MiB downloaded", total)
    received: dict[str, int] = {}

    async def download(recording: Recording) -> dict[str, Any]:
        def report(size: int, _: int | None) -> None:
            received[recording.recording_id] = size
            progress.update(sum(received.values()) // _MIB, f"{len(received)} of {len(recordings)} recordings started")

        async with limit:
            key = recording_key(recording)
            downloaded = await _download(adapter, store, key, recording, report)
        log.info("Recording %s: %d bytes", recording.recording_id, downloaded.size_bytes)
        return {
            "recording_id": recording.recording_id,
            "path": store.location(key),
            "bytes": downloaded.size_bytes,
            "sha256": downloaded.sha256,
            "media_type": sanitize_text(recording.media_type or downloaded.media_type or "", _MAX_WORD) or None,
        }

    tasks = [asyncio.create_task(download(recording)) for recording in recordings]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def recording_key(recording: Recording) -> str:
    """Return the key of a recording's file."""
    known = find_extension(recording.media_type)
    suffix = PurePosixPath(recording.name or "").suffix[1:].lower()
    extension = known or (suffix if suffix in EXTENSIONS.values() else "bin")
    return f"{safe_name(recording.session_id)}/{safe_name(recording.recording_id)}.{extension}"


def find_extension(media_type: str | None) -> str | None:
    """Return the extension of files of a media type; None for one that is not in :data:`EXTENSIONS`."""
    return EXTENSIONS.get((media_type or "").partition(";")[0].strip().lower())


def write_original(store: Store, key: str, original: TranscriptFile) -> str:
    """Write a transcript as the platform gave it, and return the file's SHA-256."""
    with store.write(key) as file:
        target = HashingWriter(file)
        for start in range(0, len(original.content), _CHUNK):
            target.write(original.content[start : start + _CHUNK])
    return target.sha256


def write_transcripts(
    store: Store,
    session: Session,
    transcripts: Iterable[Transcript],
    formats: Sequence[str],
    *,
    keep_original: bool = False,
) -> list[dict[str, Any]]:
    """Write a session's transcript and its translations in several formats.

    :param formats: names of :data:`~airflow_provider_sessions.captions.FORMATS`.
    :param keep_original: whether to write them as the platform gave them, too.
    :returns: for each file: ``path``, ``format``, ``language``, ``segments``, ``bytes``, ``sha256``; of one as the
        platform gave it also ``media_type``.
    :raises ExportError: the session has no transcript yet.
    """
    available = [transcript for transcript in sort_transcripts(transcripts) if transcript.segments]
    if not available:
        raise ExportError(
            f"session {session.session_id} has no transcript yet; wait for it with "
            "ArtifactSensor(artifact='transcript'), or check whether the platform makes one for this session"
        )
    written, taken = [], {f"{safe_name(session.session_id)}/transcript.{_ORIGINAL}"}
    for transcript in available:
        stem = _stem(session, transcript, taken)
        written += [_write_transcript(store, f"{stem}.{name}", transcript, name) for name in formats]
        if keep_original and transcript.original is not None:
            written.append(_write_original(store, stem, transcript, transcript.original))
    return written


def _stem(session: Session, transcript: Transcript, taken: set[str]) -> str:
    """Return ``transcript`` for the original, ``transcript.de`` for a translation; with a number if that is taken."""
    folder = safe_name(session.session_id)
    language = f".{safe_name(transcript.language or 'und', 20)}" if transcript.is_translation else ""
    stem = wanted = f"{folder}/transcript{language}"
    number = 1
    while stem in taken:
        number += 1
        stem = f"{wanted}.{number}"
    taken.add(stem)
    return stem


def _write_transcript(store: Store, key: str, transcript: Transcript, name: str) -> dict[str, Any]:
    with store.write(key) as file:
        target = HashingWriter(file)
        pieces = iter(FORMATS[name](transcript))
        while batch := list(islice(pieces, _PIECES)):
            target.write("".join(batch).encode())
    return {
        "path": store.location(key),
        "format": name,
        "language": sanitize_text(transcript.language or "", _MAX_WORD) or None,
        "segments": len(transcript.segments),
        "bytes": target.size,
        "sha256": target.sha256,
    }


def _write_original(store: Store, stem: str, transcript: Transcript, original: TranscriptFile) -> dict[str, Any]:
    key = f"{stem}.{_ORIGINAL}.{find_extension(original.media_type) or 'bin'}"
    return {
        "sha256": write_original(store, key, original),
        "path": store.location(key),
        "format": _ORIGINAL,
        "language": sanitize_text(transcript.language or "", _MAX_WORD) or None,
        "segments": len(transcript.segments),
        "bytes": len(original.content),
        "media_type": sanitize_text(original.media_type, _MAX_WORD) or None,
    }


async def _download(
    adapter: Adapter, store: Store, key: str, recording: Recording, on_progress: Callable[[int, int | None], None]
) -> DownloadResult:
    from airflow_provider_sessions.client.download import Download

    listed = [recording]

    async def request() -> tuple[str, Mapping[str, str]]:
        """Use the URL of the list of recordings once, since it may have expired when it was refused."""
        return await adapter.recording_request(listed.pop() if listed else recording.model_copy(update=_NO_URL))

    try:
        with store.write(key) as file:
            downloaded = await Download(
                adapter.client,
                request,
                file,
                expected_size=recording.size_bytes,
                expected_type=recording.media_type,
                on_progress=on_progress,
            ).run()
            if recording.sha256 is not None and recording.sha256.lower() != downloaded.sha256:
                raise IncompleteDownloadError("the file is complete, but its checksum differs from the platform's")
    except SessionsError as error:
        error.add_note(f"while downloading recording {recording.recording_id} of session {recording.session_id}")
        raise
    return downloaded
