"""Subtitles of a video."""

from __future__ import annotations

from airflow_provider_sessions.client.call import Call, Paged, UploadFile, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    PAGE_SIZE,
    Acknowledged,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
)


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
    """Add subtitles to a video. Each call adds one more file.

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
        files={"file": subtitle_file(language, content)},
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
    """Change subtitles. What is not given stays.

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
        files={} if content is None else {"file": subtitle_file(language or "subtitles", content)},
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


def subtitle_file(language: str, content: str) -> UploadFile:
    """Return a WebVTT file to upload."""
    return UploadFile(f"{language}.vtt", content.encode(), "text/vtt")
