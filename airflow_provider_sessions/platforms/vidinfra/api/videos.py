"""Videos of a library: chapters, subtitles, thumbnails, and uploads in parts."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from mimetypes import guess_type
from typing import Any, Required, TypedDict

from pydantic import SecretStr, field_validator, model_validator

from airflow_provider_sessions.client.call import Call, Paged, UploadFile, call, paged
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    PAGE_SIZE,
    Acknowledged,
    Seconds,
    UndocumentedResponse,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
    check_names,
)

# Videos of a library


class VideoResponse(VidInfraModel):
    """A video. Its URLs are left out: they may give access. Source: Vidinfra API, Video.

    ``metadata`` is an object in some responses, and a list of keys and values in others (both documented).
    """

    id: str | None = None
    library_id: str | None = None
    folder_id: str | None = None
    name: str | None = None
    description: str | None = None
    status: str | None = None
    metadata: dict[str, str] | None = None
    duration_seconds: Seconds | None = None
    size_bytes: int | None = None
    created_at: Instant = None
    updated_at: Instant = None

    @field_validator("metadata", mode="before")
    @classmethod
    def _by_key(cls, content: Any) -> Any:
        if isinstance(content, list):
            content = {one.get("key"): one.get("value") for one in content if isinstance(one, Mapping)}
        return {str(key): str(value) for key, value in content.items()} if isinstance(content, Mapping) else None


class VideoSearchResponse(VidInfraModel):
    """What a search found. The vendor's example shows one video and no list, so both are read."""

    videos: tuple[VideoResponse, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, content: Any) -> Any:
        if isinstance(content, Mapping):
            return {"videos": [content] if "id" in content else content.get("videos") or []}
        return {"videos": content or []}


class VideoTimelineEntry(VidInfraModel):
    """A step in the processing of a video."""

    id: str | None = None
    video_id: str | None = None
    event: str | None = None
    title: str | None = None
    description: str | None = None
    timestamp: Instant = None


@api("GET", "/libraries/{library_id}/videos", documented=True, base="video")
def list_videos(library_id: str, *, folder_id: str | None = None, limit: int = 100) -> Paged[VideoResponse]:
    """List the videos of a library.

    :param library_id: the library's UUID.
    :param folder_id: only those of this folder.
    :param limit: videos a page; the platform may give fewer.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Videos; documented, that pages have numbers is inferred.
    """
    return paged(VideoResponse, VideoPages(limit), unwrap=("data",), query={"folder_id": folder_id})


@api("GET", "/libraries/{library_id}/videos/{video_id}", documented=True, base="video")
def get_video(library_id: str, video_id: str) -> Call[VideoResponse]:
    """Get a video: its status says whether it can be played.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :raises NotFoundError: there is no such library or video.
    Source: Vidinfra API, Get Video; documented.
    """
    return call(VideoResponse, unwrap=("data",))


@api("POST", "/libraries/{library_id}/videos", documented=True, base="video")
def create_video(
    library_id: str,
    url: str,
    *,
    name: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[str] | None = None,
    folder_id: str | None = None,
) -> Call[VideoResponse]:
    """Create a video. Each call creates another. How this differs from :func:`pull_video` is not documented.

    :param library_id: the library's UUID.
    :param url: the URL of its file.
    :param name: its name.
    :param description: a text.
    :param metadata: any keys and values.
    :param tags: its tags.
    :param folder_id: UUID of the folder that it is in.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Create Video; documented.
    """
    return call(
        VideoResponse, body=_make_video_body(name, description, url, metadata, tags, folder_id), unwrap=("data",)
    )


@api("POST", "/libraries/{library_id}/videos/pull", documented=True, base="video")
def pull_video(
    library_id: str,
    url: str,
    *,
    name: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[str] | None = None,
    folder_id: str | None = None,
) -> Call[VideoResponse]:
    """Let the platform download a video from a URL. Each call creates another.

    :param library_id: the library's UUID.
    :param url: the URL of the file; the platform must be able to reach it.
    :param name: its name.
    :param description: a text.
    :param metadata: any keys and values; :func:`get_video_by_custom_id` finds the video by one.
    :param tags: its tags.
    :param folder_id: UUID of the folder that it is in.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Pull Video; documented.
    """
    return call(
        VideoResponse, body=_make_video_body(name, description, url, metadata, tags, folder_id), unwrap=("data",)
    )


@api("PATCH", "/libraries/{library_id}/videos/{video_id}", documented=True, base="video", repeatable=True)
def update_video(
    library_id: str,
    video_id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    url: str | None = None,
    metadata: Mapping[str, str] | None = None,
    tags: Sequence[str] | None = None,
    folder_id: str | None = None,
) -> Call[VideoResponse]:
    """Change a video. Fields that are not given are not changed.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param name: its name.
    :param description: a text.
    :param url: the URL of its file.
    :param metadata: any keys and values.
    :param tags: its tags.
    :param folder_id: UUID of the folder that it is in.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Update Video; documented.
    """
    return call(
        VideoResponse, body=_make_video_body(name, description, url, metadata, tags, folder_id), unwrap=("data",)
    )


@api("DELETE", "/libraries/{library_id}/videos/{video_id}", documented=True, base="video")
def delete_video(library_id: str, video_id: str) -> Call[Acknowledged]:
    """Delete a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Delete Video; documented.
    """
    return call(Acknowledged)


@api("GET", "/libraries/{library_id}/videos/custom/{custom_field}/{custom_id}", documented=True, base="video")
def get_video_by_custom_id(library_id: str, custom_field: str, custom_id: str) -> Call[VideoResponse]:
    """Get a video by a key of its metadata.

    :param library_id: the library's UUID.
    :param custom_field: the key.
    :param custom_id: its value.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Get Video By Custom ID; documented, that the field is a key of ``metadata`` is inferred.
    """
    return call(VideoResponse, unwrap=("data",))


@api("GET", "/libraries/{library_id}/videos/search", documented=True, base="video")
def search_videos(library_id: str, q: str) -> Call[VideoSearchResponse]:
    """Search the videos of a library.

    :param library_id: the library's UUID.
    :param q: what to search for.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Search Videos; documented.
    """
    return call(VideoSearchResponse, query={"q": q}, unwrap=("data",))


@api("PATCH", "/libraries/{library_id}/videos/bulk-move", documented=True, base="video", repeatable=True)
def move_videos(library_id: str, video_ids: Sequence[str], new_folder_id: str) -> Call[Acknowledged]:
    """Move videos into a folder.

    :param library_id: the library's UUID.
    :param video_ids: UUIDs of the videos.
    :param new_folder_id: the folder's UUID.
    :raises NotFoundError: there is no such video or folder.
    Source: Vidinfra API, Bulk Move Videos to Folder; documented.
    """
    return call(Acknowledged, body={"new_folder_id": new_folder_id, "video_ids": list(video_ids)})


@api("GET", "/libraries/{library_id}/videos/{video_id}/timelines", documented=True, base="video")
def list_video_timeline(library_id: str, video_id: str) -> Paged[VideoTimelineEntry]:
    """List the steps in the processing of a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Video Timelines; documented.
    """
    return paged(VideoTimelineEntry, NO_PAGES, unwrap=("data",))


def _make_video_body(
    name: str | None,
    description: str | None,
    url: str | None,
    metadata: Mapping[str, str] | None,
    tags: Sequence[str] | None,
    folder_id: str | None,
) -> dict[str, Any]:
    return body_of(
        name=name,
        description=description,
        url=url,
        metadata=None if metadata is None else [{"key": key, "value": value} for key, value in metadata.items()],
        tags=None if tags is None else list(tags),
        folder_id=folder_id,
    )


# Chapters of a video


class ChapterInput(TypedDict, total=False):
    """A chapter: ``start_time`` and ``end_time`` in whole seconds; ``order_index`` is optional."""

    title: Required[str]
    start_time: Required[int]
    end_time: Required[int]
    order_index: int


class ChapterResponse(VidInfraModel):
    """A chapter; its times are in seconds."""

    id: str | None = None
    video_id: str | None = None
    title: str | None = None
    start_time: Seconds | None = None
    end_time: Seconds | None = None
    order_index: int | None = None


@api("PUT", "/libraries/{library_id}/videos/{video_id}/chapters", documented=True, base="video")
def set_chapters(library_id: str, video_id: str, chapters: Sequence[ChapterInput]) -> Call[list[ChapterResponse]]:
    """Replace the chapters of a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param chapters: all chapters; see :class:`ChapterInput`.
    :raises NotFoundError: there is no such video.
    :raises RejectedError: a chapter is wrong.
    Source: Vidinfra API, Upsert Chapter; documented, that it replaces them all is inferred.
    """
    known = ChapterInput.__annotations__
    body = {"chapters": [check_names(chapter, known, "chapters") for chapter in chapters]}
    return call(list[ChapterResponse], body=body, unwrap=("data",))


@api("GET", "/libraries/{library_id}/videos/{video_id}/chapters", documented=True, base="video")
def list_chapters(library_id: str, video_id: str) -> Paged[ChapterResponse]:
    """List the chapters of a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, List Chapter; documented, the items by the example.
    """
    return paged(ChapterResponse, NO_PAGES, unwrap=("data",))


# Subtitles of a video


class SubtitleResponse(VidInfraModel):
    """Subtitles in one language. ``path`` is the name of their file, such as ``en.vtt``."""

    id: str | None = None
    video_id: str | None = None
    title: str | None = None
    language: str | None = None
    path: str | None = None
    created_at: Instant = None
    updated_at: Instant = None
    deleted_at: Instant = None


@api("POST", "/libraries/{library_id}/videos/{video_id}/subtitles", documented=True, base="video")
def create_subtitle(library_id: str, video_id: str, title: str, language: str, content: str) -> Call[SubtitleResponse]:
    """Add subtitles to a video. Each call adds another file.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param title: as players list it, such as ``English``.
    :param language: such as ``en``.
    :param content: the text of a WebVTT file; other formats are not documented.
    :raises NotFoundError: there is no such video.
    :raises RejectedError: the file is no WebVTT.
    Source: Vidinfra API, Create Subtitle; documented.
    """
    return call(
        SubtitleResponse,
        form={"title": title, "language": language},
        files={"file": _make_subtitle_file(language, content)},
        unwrap=("data",),
    )


@api("GET", "/libraries/{library_id}/videos/{video_id}/subtitles", documented=True, base="video")
def list_subtitles(library_id: str, video_id: str, *, limit: int = PAGE_SIZE) -> Paged[SubtitleResponse]:
    """List the subtitles of a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param limit: items a page; the platform may give fewer.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, List Subtitle; documented, the items are inferred from those that are made.
    """
    return paged(SubtitleResponse, VideoPages(limit), unwrap=("data",))


@api("GET", "/libraries/{library_id}/videos/{video_id}/subtitles/{subtitle_id}", documented=True, base="video")
def get_subtitle(library_id: str, video_id: str, subtitle_id: str) -> Call[SubtitleResponse]:
    """Get the subtitles in one language.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param subtitle_id: their UUID.
    :raises NotFoundError: there are no such subtitles.
    Source: Vidinfra API, Get Subtitle; documented, the response is inferred from what is made.
    """
    return call(SubtitleResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/videos/{video_id}/subtitles/{subtitle_id}", documented=True, base="video")
def update_subtitle(
    library_id: str,
    video_id: str,
    subtitle_id: str,
    *,
    title: str | None = None,
    language: str | None = None,
    content: str | None = None,
) -> Call[SubtitleResponse]:
    """Change subtitles. Fields that are not given are not changed.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param subtitle_id: their UUID.
    :param title: as players list it.
    :param language: such as ``en``.
    :param content: the text of a WebVTT file.
    :raises NotFoundError: there are no such subtitles.
    Source: Vidinfra API, Update Subtitle; documented.
    """
    return call(
        SubtitleResponse,
        form=body_of(title=title, language=language),
        files={} if content is None else {"file": _make_subtitle_file(language or "subtitles", content)},
        unwrap=("data",),
    )


@api("DELETE", "/libraries/{library_id}/videos/{video_id}/subtitles/{subtitle_id}", documented=True, base="video")
def delete_subtitle(library_id: str, video_id: str, subtitle_id: str) -> Call[Acknowledged]:
    """Delete subtitles.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param subtitle_id: their UUID.
    :raises NotFoundError: there are no such subtitles.
    Source: Vidinfra API, Delete Subtitle; documented.
    """
    return call(Acknowledged)


def _make_subtitle_file(language: str, content: str) -> UploadFile:
    """Return a WebVTT file to upload."""
    return UploadFile(f"{language}.vtt", content.encode(), "text/vtt")


# Thumbnails of a video


@api("POST", "/libraries/{library_id}/videos/{video_id}/thumbnails", documented=True, base="video")
def upload_thumbnail(
    library_id: str, video_id: str, content: bytes | str, *, file_name: str = "thumbnail.jpg"
) -> Call[Acknowledged]:
    """Add a thumbnail to a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param content: the image; as a text, in base64.
    :param file_name: its name; the ending says which kind of image it is.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Upload Thumbnail; documented.
    """
    return call(Acknowledged, files={"file": _make_image_file(file_name, content)})


@api("DELETE", "/libraries/{library_id}/videos/{video_id}/thumbnails/{file_name}", documented=True, base="video")
def delete_thumbnail(library_id: str, video_id: str, file_name: str) -> Call[Acknowledged]:
    """Delete a thumbnail of a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param file_name: such as ``thumbnail_1.jpg``.
    :raises NotFoundError: there is no such thumbnail.
    Source: Vidinfra API, Delete Thumbnail; documented.
    """
    return call(Acknowledged)


@api(
    "PATCH", "/libraries/{library_id}/videos/{video_id}/thumbnails/set", documented=True, base="video", repeatable=True
)
def set_thumbnail(library_id: str, video_id: str, thumbnail_url: str) -> Call[Acknowledged]:
    """Choose the thumbnail that is shown for a video.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param thumbnail_url: address of one of its thumbnails.
    :raises NotFoundError: there is no such video or thumbnail.
    Source: Vidinfra API, Set Thumbnail; documented.
    """
    return call(Acknowledged, body={"thumbnail_url": thumbnail_url})


def _make_image_file(name: str, content: bytes | str) -> UploadFile:
    """Return an image to upload.

    :raises InputError: the content is a text and no base64.
    """
    kind = guess_type(name)[0] or "application/octet-stream"
    if isinstance(content, bytes):
        return UploadFile(name, content, kind)
    try:
        return UploadFile(name, b64decode(content, validate=True), kind)
    except ValueError:
        raise InputError("content: expected the bytes of an image, or these in base64") from None


# Uploads in parts, for files without a URL that the platform can reach


_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _NamesOfStores(VidInfraModel):
    """A response that stores write in snake case, in camel case or as S3 does (inferred)."""

    @model_validator(mode="before")
    @classmethod
    def _in_snake_case(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        return {_CAPITAL.sub("_", key.replace("ETag", "etag")).lower(): value for key, value in content.items()}


class MultipartUpload(_NamesOfStores):
    """An upload that was started."""

    upload_id: str | None = None
    key: str | None = None
    video_id: str | None = None


class PartUrl(_NamesOfStores):
    """Where one part is sent to; the address gives access."""

    url: SecretStr | None = None
    presigned_url: SecretStr | None = None


class UploadedPart(_NamesOfStores):
    """A part that has arrived."""

    part_number: int | None = None
    etag: str | None = None
    size: int | None = None


@api("POST", "/libraries/{library_id}/uploads/s3/multipart", documented=True, base="video")
def start_multipart_upload(
    library_id: str,
    filename: str,
    media_type: str,
    *,
    folder_id: str = "",
    source: str = "airflow",
    tags: Sequence[str] = (),
) -> Call[MultipartUpload]:
    """Start an upload of a file in parts.

    :param library_id: the library's UUID.
    :param filename: the file's name.
    :param media_type: such as ``video/mp4``.
    :param folder_id: UUID of the folder that the video is to be in.
    :param source: where it comes from.
    :param tags: its tags.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Initialize Multipart Upload; documented, the response is inferred.
    """
    metadata = {"libraryId": library_id, "folderId": folder_id, "source": source, "tags": list(tags)}
    return call(
        MultipartUpload, body={"filename": filename, "type": media_type, "metadata": metadata}, unwrap=("data",)
    )


@api("GET", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}/{part_number}", documented=True, base="video")
def get_part_url(library_id: str, upload_id: str, part_number: int, *, key: str | None = None) -> Call[PartUrl]:
    """Get the address that one part is sent to.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param part_number: from 1.
    :param key: the key that the upload was started with, if it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Get Part Upload URL; documented, the response is inferred.
    """
    return call(PartUrl, query={"key": key}, unwrap=("data",))


@api("GET", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}", documented=True, base="video")
def list_uploaded_parts(library_id: str, upload_id: str, *, key: str | None = None) -> Paged[UploadedPart]:
    """List the parts of an upload that have arrived.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param key: the key that the upload was started with, if it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, List Uploaded Parts; documented, the response is inferred.
    """
    return paged(UploadedPart, NO_PAGES, unwrap=("data", "parts"), query={"key": key}, key="part_number")


@api("POST", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}/complete", documented=True, base="video")
def complete_multipart_upload(
    library_id: str, upload_id: str, parts: Sequence[Mapping[str, Any]], *, key: str | None = None
) -> Call[UndocumentedResponse]:
    """Complete an upload: create the file from its parts.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param parts: for each part ``{"PartNumber": 1, "ETag": "..."}`` (inferred).
    :param key: the key that the upload was started with, if it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Complete Multipart Upload; documented, body and response are inferred.
    """
    body = {"parts": [dict(part) for part in parts]}
    return call(UndocumentedResponse, body=body, query={"key": key}, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}", documented=True, base="video")
def abort_multipart_upload(library_id: str, upload_id: str, *, key: str | None = None) -> Call[Acknowledged]:
    """Abort an upload and delete its parts.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param key: the key that the upload was started with, if it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Abort Multipart Upload; documented, the response is not.
    """
    return call(Acknowledged, query={"key": key})
