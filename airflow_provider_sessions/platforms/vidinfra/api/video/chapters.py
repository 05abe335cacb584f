"""Chapters of a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Required, TypedDict

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.vidinfra.api.base import NO_PAGES, Seconds, VidInfraModel, api, check_names


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
