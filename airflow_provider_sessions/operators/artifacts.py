"""Operators that download artifacts of one session: its transcript and its recordings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.arguments import (
    check_untemplated_values,
    parse_bool,
    parse_count,
    parse_id,
    parse_json,
    parse_text,
)
from airflow_provider_sessions.captions import TranscriptFormat, read_formats
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.media import download_recordings, list_ready_recordings, write_transcripts
from airflow_provider_sessions.export.session_artifacts import fetch_transcripts
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.messages import format_count
from airflow_provider_sessions.model import Recording, Session, Transcript
from airflow_provider_sessions.operators._deferring_operator import DeferringOperator
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.transfers._open_store import Folder, open_store

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

_DEFAULT_CONCURRENCY = 4


class DownloadRecordingsOperator(DeferringOperator):
    """Download all recordings of a session that are ready. Memory does not grow with their size.

    Files are written to ``{path}/{session_id}/{recording_id}.{extension}``; characters that are unsafe in names are
    replaced. A file appears only when it is complete, with the announced size and checksum; a repeated task replaces
    its files. A download whose connection breaks resumes where it stopped.

    Returns a list of ``{"recording_id", "path", "bytes", "sha256", "media_type"}``.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param session_id: the session. (templated)
    :param path: where to write: a URL that Airflow's ``ObjectStoragePath`` accepts, or such a path.
        (templated)
    :param object_storage_conn_id: connection for ``path``; overrides one in the URL. (templated)
    :param allow_none: whether to return an empty list, instead of failing, if no recording is ready. (templated)
    :param concurrency: how many files are downloaded at the same time.
    :param deferrable: whether the task is deferred, without holding a worker, if its first request would have to wait
        long for the account's rate limit. This needs a triggerer.
    :raises ExportError: no recording is ready, or a file differs from what was announced.
    :raises UnsupportedError: the platform has no recordings; nothing was sent.
    """

    template_fields: Sequence[str] = ("conn_id", "session_id", "path", "object_storage_conn_id", "allow_none")
    operator_extra_links = (SessionLink(), JoinLink())
    usual_requests = 3
    repeated_after = ()  # a repetition would download everything again

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        path: Folder,
        object_storage_conn_id: str | None = None,
        allow_none: bool | str = False,
        concurrency: int = _DEFAULT_CONCURRENCY,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        check_untemplated_values(allow_none, partial(parse_bool, field="allow_none"))
        self.session_id = session_id
        self.path = path
        self.object_storage_conn_id = object_storage_conn_id
        self.allow_none = allow_none
        self.concurrency = concurrency

    def work(self, context: Context, hook: SessionsHook) -> list[dict[str, Any]]:
        """Download the files."""
        session_id = parse_id(self.session_id)
        allow_none = parse_bool(self.allow_none, "allow_none")
        concurrency = parse_count(self.concurrency, "concurrency") or _DEFAULT_CONCURRENCY
        store = open_store(self.path, parse_text(self.object_storage_conn_id, "object_storage_conn_id"))

        async def find(adapter: Adapter) -> tuple[Session, list[Recording]]:
            adapter.require(Feature.RECORDINGS)
            adapter.require(Feature.RECORDING_REQUEST)
            session = await adapter.get(session_id)
            return session, await list_ready_recordings(adapter, session)

        session, ready = hook.run(find)
        push_links(context, session)
        if not ready and not allow_none:
            raise ExportError(
                f"session {session_id} has no recording that is ready; wait for one with "
                "ArtifactSensor(artifact='recording'), or set allow_none=True if there may be none"
            )
        if not ready:
            log.info("Session %s has no recording that is ready: nothing was downloaded", session_id)
        return hook.run(lambda adapter: download_recordings(adapter, store, ready, concurrency))


class FetchTranscriptOperator(DeferringOperator):
    """Write the transcript of a session, and its translations, as files.

    Files are written to ``{path}/{session_id}/transcript.{format}``, translations to
    ``transcript.{language}.{format}``. A file appears only when it is complete; a repeated task replaces its files. If
    the transcript does not name its speakers, the participants do.

    Returns a list of ``{"path", "format", "language", "segments", "bytes", "sha256"}``; of a file that
    ``keep_original`` adds, the format is ``original``, and there is ``media_type``, too.

    :param conn_id: the connection, of any of this provider's types. (templated)
    :param session_id: the session. (templated)
    :param path: where to write: a URL that Airflow's ``ObjectStoragePath`` accepts, or such a path.
        (templated)
    :param formats: any of ``vtt`` (WebVTT), ``srt``, ``txt`` (speaker turns), ``json``. (templated)
    :param keep_original: whether to write the transcript as the platform gave it, too, byte for byte, to
        ``transcript.original.{extension}``. The media type decides on the extension. (templated)
    :param object_storage_conn_id: connection for ``path``; overrides one in the URL. (templated)
    :param deferrable: whether the task is deferred, without holding a worker, if a request would have to wait longer
        than 10 s for the account's rate limit. This needs a triggerer.
    :raises ExportError: there is no transcript yet.
    :raises UnsupportedError: the platform has no transcripts, or, for ``keep_original``, not in a form of its own;
        nothing was sent.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "session_id",
        "path",
        "formats",
        "keep_original",
        "object_storage_conn_id",
    )
    usual_requests = 3
    operator_extra_links = (SessionLink(), JoinLink())

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str,
        path: Folder,
        formats: Sequence[TranscriptFormat | str] | TranscriptFormat | str = ("vtt",),
        keep_original: bool | str = False,
        object_storage_conn_id: str | None = None,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        check_untemplated_values(formats, read_formats)
        check_untemplated_values(keep_original, partial(parse_bool, field="keep_original"))
        self.session_id = session_id
        self.path = path
        self.formats = formats
        self.keep_original = keep_original
        self.object_storage_conn_id = object_storage_conn_id

    def work(self, context: Context, hook: SessionsHook) -> list[dict[str, Any]]:
        """Write the files."""
        session_id = parse_id(self.session_id)
        formats = read_formats(parse_json(self.formats, "formats") or ())
        keep_original = parse_bool(self.keep_original, "keep_original")
        store = open_store(self.path, parse_text(self.object_storage_conn_id, "object_storage_conn_id"))

        async def find(adapter: Adapter) -> tuple[Session, list[Transcript]]:
            adapter.require(Feature.TRANSCRIPTS)
            if keep_original:
                adapter.require_original_transcripts()
            session = await adapter.get(session_id)
            return session, await fetch_transcripts(adapter, session)

        session, transcripts = hook.run(find)
        push_links(context, session)
        written = write_transcripts(store, session, transcripts, formats, keep_original=keep_original)
        segments = sum(len(transcript.segments) for transcript in transcripts)
        log.info("Wrote %s of %s", format_count(len(written), "file"), format_count(segments, "segment"))
        return written
