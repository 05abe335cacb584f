"""The operator that publishes a recording in VidInfra's video library."""

from __future__ import annotations

import contextlib
import hashlib
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_sessions.arguments import none_if_empty, parse_id, parse_interval, parse_json, parse_text
from airflow_provider_sessions.client.redact import hide_secrets_in_errors
from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.errors import ExportError, InputError, SessionsError, UnsupportedError
from airflow_provider_sessions.export.media import list_ready_recordings
from airflow_provider_sessions.hooks.base import SessionsHook
from airflow_provider_sessions.hooks.portal import get_process_portal
from airflow_provider_sessions.links import JoinLink, SessionLink, push_links
from airflow_provider_sessions.messages import quote_value
from airflow_provider_sessions.model import Recording, Session, parse_seconds
from airflow_provider_sessions.operators._create import UNCLEAR_ERRORS
from airflow_provider_sessions.operators._idempotent_operator import (
    IdempotentOperator,
    check_no_send_pending,
    send_with_record,
)
from airflow_provider_sessions.operators._send_record import SendRecord
from airflow_provider_sessions.platforms.adapter import Adapter, Feature
from airflow_provider_sessions.safe_text import get_logger
from airflow_provider_sessions.triggers.sessions import SETTLING_SECONDS
from airflow_provider_sessions.triggers.videos import VideoTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_sessions.platforms.vidinfra.api.videos import VideoResponse
    from airflow_provider_sessions.platforms.vidinfra.video_library import Subtitles

log = get_logger(__name__)

_MAX_SUBTITLE_BYTES = 16 * 1024 * 1024
_CHAPTER_FIELDS = ("title", "start_time", "end_time")
_UNKNOWN_LANGUAGE = "und"
"""The language of a transcript whose platform does not report it: "undetermined" in ISO 639."""


class PublishRecordingOperator(IdempotentOperator):
    """Publish a recording of a session, or a file, in VidInfra's video library, once.

    The platform fetches the recording from its download URL; the worker transfers no media. If another task has created
    a video of this recording, it is found by its ``custom_id`` and updated instead. The task is deferred until the
    video can be played; then it sets title, folder, tags, chapters and subtitles.

    ``file`` is for media that the platform cannot fetch: the worker sends it in parts of 16 MiB, one after the other.
    That the platform takes and completes the parts as S3 does is inferred, as the vendor documents no responses. A file
    of the same path and size counts as the same video, unless ``recording_id`` says which one it is.

    Returns ``{"video_id", "library_id", "recording_id", "session_id", "title", "status"}``, and pushes ``video_id`` to
    XCom.

    :param conn_id: the connection, of the type ``vidinfra``; with another base URL than the vendor's, it needs
        ``video_host``. (templated)
    :param session_id: the session; required without ``file``. (templated)
    :param recording_id: the recording; required if several are ready. (templated)
    :param file: instead of a recording: a path, or a URL of Airflow's object storage, such as ``s3://bucket/talk.mp4``.
        (templated)
    :param library_id: the library; defaults to that of the connection. (templated)
    :param title: the video's title; defaults to that of the session, or to the file's name. (templated)
    :param description: the video's description. (templated)
    :param folder_id: the folder of the video. (templated)
    :param tags: the video's tags. (templated)
    :param chapters: mappings of ``title``, ``start_time`` and ``end_time`` (whole seconds). (templated)
    :param subtitles: WebVTT files: ``{"en": "s3://bucket/talk.vtt"}``, or a list of mappings with ``path``,
        ``language`` and optionally ``title``, as
        :class:`~airflow_provider_sessions.operators.artifacts.FetchTranscriptOperator` returns it; files of other
        formats in the list are ignored. (templated)
    :param object_storage_conn_id: connection for ``file`` and the paths of ``subtitles``. (templated)
    :param timeout: maximum time until the video can be played: a timedelta, seconds, or ISO 8601. (templated)
    :param poll_interval: time between polls of the video: a timedelta, seconds (at least 1), or ISO 8601.
    :param deferrable: whether the task is deferred, without holding a worker, while it waits. This needs a triggerer.
    :raises ExportError: no recording is ready, or the platform could not process it.
    :raises UnsupportedError: the platform has no video library; nothing was sent.
    """

    template_fields: Sequence[str] = (
        "conn_id",
        "session_id",
        "recording_id",
        "file",
        "library_id",
        "title",
        "description",
        "folder_id",
        "tags",
        "chapters",
        "subtitles",
        "object_storage_conn_id",
        "timeout",
    )
    operator_extra_links = (SessionLink(), JoinLink())
    usual_requests = 6

    def __init__(
        self,
        *,
        conn_id: str,
        session_id: str | None = None,
        recording_id: str | None = None,
        file: str | None = None,
        library_id: str | None = None,
        title: str | None = None,
        description: str | None = None,
        folder_id: str | None = None,
        tags: Sequence[str] | str | None = None,
        chapters: Sequence[Mapping[str, Any]] | str | None = None,
        subtitles: Mapping[str, str] | Sequence[Mapping[str, Any]] | str | None = None,
        object_storage_conn_id: str | None = None,
        timeout: timedelta | float | str = timedelta(hours=2),
        poll_interval: timedelta | float | str = 30.0,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, deferrable=deferrable, **kwargs)
        self.session_id = session_id
        self.recording_id = recording_id
        self.file = file
        self.library_id = library_id
        self.title = title
        self.description = description
        self.folder_id = folder_id
        self.tags = tags
        self.chapters = chapters
        self.subtitles = subtitles
        self.object_storage_conn_id = object_storage_conn_id
        self.timeout = timeout
        self.poll_interval = parse_interval(poll_interval)  # no template field
        self._deadline: float | None = None

    def execute_in_slot(
        self,
        context: Context,
        event: Any = None,
        *,
        slots: int | None = None,
        began: float | None = None,
        times: int = 1,
        sends: dict[str, Any] | None = None,
        deadline: float | None = None,
    ) -> Any:
        """Do the work after a deferral. The other parameters are those of :class:`IdempotentOperator`'s method.

        :param event: the event of :class:`~airflow_provider_sessions.triggers.videos.VideoTrigger`, or of a deferral
            for the rate limit.
        :param deadline: when the wait for the video times out, in seconds since 1970.
        :raises ExportError: the wait ended without a video that can be played.
        """
        self._deadline = deadline
        if isinstance(event, Mapping) and event.get("status") not in (None, "playable"):
            what = f"the recording of session {self.session_id}" if none_if_empty(self.file) is None else "the file"
            raise ExportError(f"{what} is not published: {event.get('message')}")
        return super().execute_in_slot(context, event, slots=slots, began=began, times=times, sends=sends)

    def get_resume_arguments(self) -> dict[str, Any]:
        """Return what earlier tries sent and the deadline, as arguments of :meth:`execute_in_slot`."""
        arguments = super().get_resume_arguments()
        return arguments if self._deadline is None else {**arguments, "deadline": self._deadline}

    def work(self, context: Context, hook: SessionsHook) -> dict[str, Any]:
        """Find or create the video, wait until it can be played, and update it."""
        if hook.conn_type != "vidinfra":
            raise UnsupportedError(
                hook.conn_type,
                "publish",
                "Only VidInfra has a video library; download with DownloadRecordingsOperator.",
            )
        from airflow_provider_sessions.platforms.vidinfra.video_library import (
            CUSTOM_ID,
            VideoProgress,
            finish_video,
            get_progress,
        )

        publication = self._parse_arguments(hook)
        source = self._find_source(context, hook, publication)
        custom_id = source.custom_id

        async def create(adapter: Adapter, record: SendRecord) -> VideoResponse:
            return await source.create_once(adapter, publication, record)

        video = self.run_once(context, hook, ("video", publication.library_id, custom_id), create)
        if get_progress(video) is VideoProgress.FAILED:
            raise ExportError(
                f"video {video.id} of recording {custom_id} has the status {video.status}; delete it, and "
                f"clear the task to create it again"
            )
        while get_progress(video) is VideoProgress.PENDING:
            self._wait(publication, video)
            video = hook.run(lambda adapter: _get_video(adapter, publication, video))  # noqa: B023 - runs at once
        changes = {name: value for name, value in publication.fields().items() if value != getattr(video, name, None)}
        if publication.tags is not None:  # set in any case: some responses show none, or a text instead of a list
            changes["tags"] = publication.tags
        if CUSTOM_ID not in (video.metadata or {}):
            changes["metadata"] = {**(video.metadata or {}), CUSTOM_ID: custom_id}
        hook.run(
            lambda adapter: finish_video(
                adapter.client,
                publication.library_id,
                video,
                changes=changes,
                chapters=publication.chapters,
                subtitles=publication.subtitles,
            )
        )
        log.info("Published recording %s as video %s", custom_id, video.id)
        context["ti"].xcom_push(key="video_id", value=video.id)
        return {
            "video_id": video.id,
            "library_id": publication.library_id,
            "recording_id": custom_id,
            "session_id": publication.session_id,
            "title": publication.title,
            "status": video.status,
        }

    def _parse_arguments(self, hook: SessionsHook) -> _Publication:
        from airflow_provider_sessions.platforms.vidinfra.video_library import Subtitles

        library_id = parse_text(none_if_empty(self.library_id), "library_id") or hook.account.text("library_id")
        if not library_id:
            raise InputError("library_id: set it here or in the connection")
        storage = parse_text(none_if_empty(self.object_storage_conn_id), "object_storage_conn_id")
        file = parse_text(none_if_empty(self.file), "file")
        subtitles = parse_subtitles(parse_json(self.subtitles, "subtitles"))
        return _Publication(
            session_id=None if file and self.session_id is None else parse_id(self.session_id),
            recording_id=parse_text(none_if_empty(self.recording_id), "recording_id"),
            file=file,
            storage=storage,
            library_id=parse_id(library_id, "library_id"),
            title=parse_text(none_if_empty(self.title), "title"),
            description=parse_text(none_if_empty(self.description), "description"),
            folder_id=parse_text(none_if_empty(self.folder_id), "folder_id"),
            tags=parse_tags(parse_json(self.tags, "tags")),
            chapters=parse_chapters(parse_json(self.chapters, "chapters")),
            subtitles=[Subtitles(language, title, _read_file(path, storage)) for language, title, path in subtitles],
        )

    def _find_source(
        self, context: Context, hook: SessionsHook, publication: _Publication
    ) -> _RecordingSource | _FileSource:
        """Return what the video is made of, and set the title if none is set."""
        if publication.file is not None:
            file = _FileSource.open(publication.file, publication.storage, publication.recording_id)
            publication.title = publication.title or file.path.stem
            return file
        session, recording = hook.run(lambda adapter: _find_recording(adapter, publication))
        push_links(context, session)
        publication.title = publication.title or session.title
        return _RecordingSource(recording)

    def _wait(self, publication: _Publication, video: VideoResponse) -> None:
        """Wait for one poll interval, or defer until the video can be played.

        :raises ExportError: the deadline has passed.
        """
        now = SYSTEM_CLOCK.now().timestamp()
        if self._deadline is None:
            self._deadline = now + parse_seconds(self.timeout, "timeout")
        if now >= self._deadline:
            raise ExportError(f"video {video.id} was still {video.status} at the timeout")
        log.info("Video %s is %s; waiting until it can be played", video.id, video.status)
        if self.deferrable:
            self._defer_until_playable(publication, video, self._deadline, now)
        wait = min(self.poll_interval, self._deadline - now)
        get_process_portal().run(lambda: SYSTEM_CLOCK.sleep(wait))

    def _defer_until_playable(
        self, publication: _Publication, video: VideoResponse, deadline: float, now: float
    ) -> NoReturn:
        self.defer(
            trigger=VideoTrigger(
                conn_id=self.conn_id,
                library_id=publication.library_id,
                video_id=video.id or "",
                poll_interval=self.poll_interval,
                deadline=deadline,
                not_before=now + SETTLING_SECONDS,
            ),
            method_name="execute_in_slot",
            kwargs={"slots": 0, **self.get_resume_arguments()},
        )


@dataclass
class _Publication:
    """The parsed arguments of a publication."""

    session_id: str | None
    recording_id: str | None
    file: str | None
    storage: str | None
    library_id: str
    title: str | None
    description: str | None
    folder_id: str | None
    tags: list[str] | None
    chapters: Any
    subtitles: Sequence[Subtitles]

    def fields(self) -> dict[str, Any]:
        """Return the fields of the video that are set, except the tags."""
        fields = {"name": self.title, "description": self.description, "folder_id": self.folder_id}
        return {name: value for name, value in fields.items() if value is not None}


async def _find_recording(adapter: Adapter, publication: _Publication) -> tuple[Session, Recording]:
    """Return the session and the recording to publish.

    :raises ExportError: no recording is ready, or several are and ``recording_id`` is not set.
    """
    adapter.require(Feature.RECORDINGS)
    session = await adapter.get(parse_id(publication.session_id))
    ready = await list_ready_recordings(adapter, session)
    wanted = publication.recording_id
    matching = [recording for recording in ready if wanted in (None, recording.recording_id)]
    if len(matching) == 1:
        return session, matching[0]
    if not matching:
        which = "no recording" if wanted is None else f"no recording {wanted!r}"
        raise ExportError(
            f"session {session.session_id} has {which} that is ready; wait for one with "
            f"ArtifactSensor(artifact='recording')"
        )
    ids = ", ".join(recording.recording_id for recording in matching)
    raise ExportError(f"session {session.session_id} has several recordings; set recording_id to one of {ids}")


async def _get_video(adapter: Adapter, publication: _Publication, video: VideoResponse) -> VideoResponse:
    from airflow_provider_sessions.platforms.vidinfra import endpoints

    return await adapter.client.send(endpoints.get_video(publication.library_id, video.id or ""))


@dataclass(frozen=True)
class _RecordingSource:
    """A recording, which the platform fetches itself."""

    recording: Recording

    @property
    def custom_id(self) -> str:
        """What the video is recognized by."""
        return self.recording.recording_id

    async def create_once(self, adapter: Adapter, publication: _Publication, record: SendRecord) -> VideoResponse:
        """Return the video of the recording; create it if it does not exist.

        :raises TooEarlyError: an earlier request may still be carried out; nothing was sent.
        """
        from airflow_provider_sessions.platforms.vidinfra import endpoints
        from airflow_provider_sessions.platforms.vidinfra.video_library import CUSTOM_ID, find_video

        client, custom_id = adapter.client, self.custom_id
        if found := await find_video(client, publication.library_id, custom_id):
            log.info("Video %s of recording %s exists already", found.id, custom_id)
            return found
        check_no_send_pending(record)
        url, headers = await adapter.recording_request(self.recording)
        if headers:
            raise ExportError(f"recording {custom_id} cannot be downloaded without headers")
        metadata = {CUSTOM_ID: custom_id}
        call = endpoints.pull_video(
            publication.library_id, url, tags=publication.tags, metadata=metadata, **publication.fields()
        )
        try:
            with hide_secrets_in_errors(lambda: (url,)):  # a platform may quote the URL that it could not fetch
                return await send_with_record(adapter, record, custom_id, call)
        except UNCLEAR_ERRORS:
            if found := await find_video(client, publication.library_id, custom_id):
                return found
            raise


@dataclass(frozen=True)
class _FileSource:
    """A file, which the worker sends in parts."""

    path: ObjectStoragePath
    size: int
    custom_id: str

    @classmethod
    def open(cls, path: str, storage: str | None, custom_id: str | None) -> _FileSource:
        """Find a file and its size.

        :raises InputError: it cannot be read.
        """
        file = ObjectStoragePath(path, conn_id=storage)
        try:
            size = file.stat().st_size
        except OSError as error:
            raise InputError(f"file: {path} cannot be read: {error}") from None
        digest = hashlib.sha256(f"{file}\n{size}".encode("utf-8", "surrogatepass")).hexdigest()
        return cls(file, size, custom_id or f"file-{digest[:32]}")

    @property
    def filename(self) -> str:
        """The video's name until its custom id is set: an upload has no field for that."""
        return f"{self.custom_id}{self.path.suffix}"

    async def create_once(self, adapter: Adapter, publication: _Publication, record: SendRecord) -> VideoResponse:
        """Return the video of the file; upload it if it does not exist.

        :raises TooEarlyError: an earlier request may still be carried out; nothing was sent.
        """
        from airflow_provider_sessions.platforms.vidinfra import endpoints
        from airflow_provider_sessions.platforms.vidinfra.video_library import find_video, upload_parts

        client, library_id = adapter.client, publication.library_id

        async def find() -> VideoResponse | None:
            return await find_video(client, library_id, self.custom_id, self.filename)

        if found := await find():
            log.info("Video %s of %s exists already", found.id, self.custom_id)
            return found
        check_no_send_pending(record)
        media_type = mimetypes.guess_type(self.filename)[0] or "video/mp4"
        upload = await client.send(
            endpoints.start_multipart_upload(
                library_id,
                self.filename,
                media_type,
                folder_id=publication.folder_id or "",
                tags=publication.tags or (),
            )
        )
        upload_id = upload.upload_id or ""
        try:
            with self.path.open("rb") as opened:
                parts = await upload_parts(client, library_id, opened, self.size, upload)
        except BaseException:
            with contextlib.suppress(SessionsError):
                await client.send(endpoints.abort_multipart_upload(library_id, upload_id, key=upload.key))
            raise
        call = endpoints.complete_multipart_upload(library_id, upload_id, parts, key=upload.key)
        try:
            await send_with_record(adapter, record, self.custom_id, call)
        except UNCLEAR_ERRORS:
            if found := await find():
                return found
            raise
        if found := await find():
            return found
        raise ExportError(
            f"{self.path.name} is uploaded, but the library does not list it; a retry searches for it again"
        )


def parse_tags(value: Any) -> list[str] | None:
    """Parse the argument ``tags``.

    :raises InputError: the value is not a list of texts.
    """
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not all(isinstance(tag, str) for tag in value):
        raise InputError(f"tags: must be a list of texts; got {quote_value(value)}")
    return list(value)


def parse_chapters(value: Any) -> list[dict[str, Any]] | None:
    """Parse the argument ``chapters``; None leaves the video's chapters unchanged.

    :raises InputError: the value is not a list of chapters.
    """
    if not _are_mappings(value or [], _CHAPTER_FIELDS):
        raise InputError(
            f"chapters: must be a list of mappings with {', '.join(_CHAPTER_FIELDS)}; got {quote_value(value)}"
        )
    return [dict(chapter) for chapter in value] if value else None


def parse_subtitles(value: Any) -> list[tuple[str, str, str]]:
    """Parse the argument ``subtitles``; return language, title and path of each WebVTT file.

    :raises InputError: the value is neither a mapping of paths by language nor a list of mappings.
    """
    if isinstance(value, Mapping):
        value = [{"language": language, "path": path} for language, path in value.items()]
    if not _are_mappings(value or [], ("path",)):
        raise InputError(
            "subtitles: must be paths by language, or a list of mappings with path and language; "
            f"got {quote_value(value)}"
        )
    files = [file for file in value or [] if file.get("format", "vtt") == "vtt"]
    languages = [str(file.get("language") or _UNKNOWN_LANGUAGE) for file in files]
    return [
        (language, str(file.get("title") or language), str(file["path"]))
        for language, file in zip(languages, files, strict=True)
    ]


def _are_mappings(value: Any, fields: Iterable[str]) -> bool:
    """Whether a value is a list of mappings that all have some fields."""
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and all(isinstance(item, Mapping) and {*fields} <= {*item} for item in value)


def _read_file(path: str, storage: str | None) -> str:
    file = ObjectStoragePath(path, conn_id=storage)
    try:
        size = file.stat().st_size
        if size > _MAX_SUBTITLE_BYTES:
            raise InputError(f"subtitles: {path} has {size} bytes; the maximum is {_MAX_SUBTITLE_BYTES}")
        with file.open("rb") as opened:
            return str(opened.read().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"subtitles: {path} cannot be read as text: {error}") from None
