"""Videos that are published from recordings: how to find, finish and check them. Every step can be repeated.

Source: Vidinfra API (the video library); the words of a status: its webhook guide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from airflow_provider_sessions.client.client import Client
from airflow_provider_sessions.client.upload import send_part
from airflow_provider_sessions.errors import (
    ApiError,
    ExportError,
    MalformedResponseError,
    NotFoundError,
    UnknownStateError,
)
from airflow_provider_sessions.platforms.vidinfra import endpoints
from airflow_provider_sessions.platforms.vidinfra.api.videos import ChapterInput, MultipartUpload, VideoResponse

CUSTOM_ID = "custom_id"
"""The key of a video's metadata that holds the id of its recording."""
PART_BYTES: Final = 16 * 1024 * 1024
"""Size of a part of an upload; S3 accepts no smaller part than 5 MiB, except the last."""
_MAX_PARTS: Final = 10_000
"""The largest number of parts that S3 accepts."""
_PENDING = frozenset(
    "created uploading uploaded queued downloading pulling processing partial_playable transcoding transcoded "
    "packaging saving".split()
)
_FAILED = frozenset(("failed", "pulling_failed", "transcoding_failed"))


class VideoProgress(StrEnum):
    """The processing state of a video."""

    PENDING = "pending"
    PLAYABLE = "playable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The WebVTT subtitles of a video in one language.

    :param language: such as ``en``.
    :param title: the name that players show.
    :param content: the text of the file.
    """

    language: str
    title: str
    content: str = field(repr=False)


def get_progress(video: VideoResponse) -> VideoProgress:
    """Return the processing state of a video.

    :raises UnknownStateError: its status is an unknown word.
    """
    status = (video.status or "").lower().removeprefix("video.")
    if status == "playable":
        return VideoProgress.PLAYABLE
    if status in _FAILED:
        return VideoProgress.FAILED
    if status in _PENDING:
        return VideoProgress.PENDING
    known = tuple(sorted({"playable"} | _FAILED | _PENDING))
    raise UnknownStateError("vidinfra", video.status, known, thing="video status", of=video.id)


async def find_video(client: Client, library_id: str, custom_id: str, name: str | None = None) -> VideoResponse | None:
    """Return the video that was made of a recording, or None.

    The lookup by custom id may not find a new video, or may use another field; so the list is read, too.

    :param client: a client of VidInfra.
    :param library_id: the library.
    :param custom_id: the recording's id.
    :param name: a name that no other video has, and that this one has as long as nobody has set its custom id.
    """
    try:
        found: VideoResponse | None = await client.send(
            endpoints.get_video_by_custom_id(library_id, CUSTOM_ID, custom_id)
        )
    except NotFoundError:
        found = None
    except ApiError as refusal:
        if refusal.status not in (400, 405, 422):
            raise
        found = None
    if found is not None and _is_made_of(found, custom_id):
        return found
    async for video in client.pages(endpoints.list_videos(library_id)):
        if _is_made_of(video, custom_id) or (name is not None and video.name == name):
            return video
    return None


def _is_made_of(video: VideoResponse, custom_id: str) -> bool:
    return (video.metadata or {}).get(CUSTOM_ID) == custom_id


async def finish_video(
    client: Client,
    library_id: str,
    video: VideoResponse,
    *,
    changes: Mapping[str, Any],
    chapters: Sequence[ChapterInput] | None,
    subtitles: Sequence[Subtitles],
) -> None:
    """Set the name, folder and tags, the chapters and the subtitles of a video. Can be repeated.

    :param changes: arguments of :func:`~airflow_provider_sessions.platforms.vidinfra.endpoints.update_video`.
    :param chapters: all chapters; None to leave them.
    :param subtitles: one for each language; an existing language is replaced.
    """
    video_id = video.id or ""
    if changes:
        await client.send(endpoints.update_video(library_id, video_id, **changes))
    if chapters is not None:
        await client.send(endpoints.set_chapters(library_id, video_id, chapters))
    if not subtitles:
        return
    present = {one.language: one.id async for one in client.pages(endpoints.list_subtitles(library_id, video_id))}
    for one in subtitles:
        if subtitle_id := present.get(one.language):
            call = endpoints.update_subtitle(
                library_id, video_id, subtitle_id, title=one.title, language=one.language, content=one.content
            )
        else:
            call = endpoints.create_subtitle(library_id, video_id, one.title, one.language, one.content)
        await client.send(call)


class BinaryFile(Protocol):
    """A file opened for reading."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes; fewer than ``size`` at the end only."""


async def upload_parts(
    client: Client, library_id: str, file: BinaryFile, size: int, upload: MultipartUpload
) -> list[dict[str, Any]]:
    """Send a file in parts, one after the other, and return what completes the upload.

    One part is held in memory. That parts are taken, numbered and completed as S3 does it is inferred.

    :param size: bytes of the file.
    :param upload: the upload that was started.
    :raises ExportError: the file has another size.
    :raises MalformedResponseError: the platform gave no id of the upload, or no address of a part.
    """
    upload_id, key = upload.upload_id, upload.key
    if not upload_id:
        raise MalformedResponseError("vidinfra gave no id of the upload that was started")
    length, sent, parts = max(PART_BYTES, -(-size // _MAX_PARTS)), 0, list[dict[str, Any]]()
    while part := await asyncio.to_thread(file.read, length):
        number = len(parts) + 1

        async def get_url(number: int = number) -> str:
            found = await client.send(endpoints.get_part_url(library_id, upload_id, number, key=key))
            url = found.url or found.presigned_url
            if url is None:
                raise MalformedResponseError(f"vidinfra gave no address of part {number}")
            return url.get_secret_value()

        parts.append({"PartNumber": number, "ETag": await send_part(client, get_url, part)})
        sent += len(part)
    if sent != size or not parts:
        raise ExportError(f"the file has {sent} bytes, not {size}: it changed while it was read, or is empty")
    return parts
