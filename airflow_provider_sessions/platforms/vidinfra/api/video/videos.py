"""Videos of a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import field_validator, model_validator

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    Acknowledged,
    Seconds,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
)


class VideoResponse(VidInfraModel):
    """A video. Its addresses are left out: they may give access. Source: Vidinfra API, Video.

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
    """Make a video. Each call makes one more. How this differs from :func:`pull_video` is not documented.

    :param library_id: the library's UUID.
    :param url: where its file is.
    :param name: its name.
    :param description: a text.
    :param metadata: keys and values of the caller's own.
    :param tags: words to find it by.
    :param folder_id: UUID of the folder that it is in.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Create Video; documented.
    """
    return call(VideoResponse, body=_video(name, description, url, metadata, tags, folder_id), unwrap=("data",))


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
    """Have the platform fetch a video from an address. Each call makes one more.

    :param library_id: the library's UUID.
    :param url: where its file is; the platform has to reach it.
    :param name: its name.
    :param description: a text.
    :param metadata: keys and values of the caller's own; :func:`get_video_by_custom_id` finds the video by one.
    :param tags: words to find it by.
    :param folder_id: UUID of the folder that it is in.
    :raises RejectedError: a field is wrong.
    Source: Vidinfra API, Pull Video; documented.
    """
    return call(VideoResponse, body=_video(name, description, url, metadata, tags, folder_id), unwrap=("data",))


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
    """Change a video. What is not given stays.

    :param library_id: the library's UUID.
    :param video_id: the video's UUID.
    :param name: its name.
    :param description: a text.
    :param url: where its file is.
    :param metadata: keys and values of the caller's own.
    :param tags: words to find it by.
    :param folder_id: UUID of the folder that it is in.
    :raises NotFoundError: there is no such video.
    Source: Vidinfra API, Update Video; documented.
    """
    return call(VideoResponse, body=_video(name, description, url, metadata, tags, folder_id), unwrap=("data",))


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


def _video(
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
