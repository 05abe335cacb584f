"""Libraries of videos."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    Acknowledged,
    UndocumentedResponse,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
)


class VideoLibraryResponse(VidInfraModel):
    """A library of the video API. Source: Vidinfra API, Create Library; what it answers beside that is inferred."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    region: str | None = None
    usage_type: str | None = None
    status: str | None = None
    created_at: Instant = None


@api("GET", "/libraries", documented=True, base="video")
def list_video_libraries(*, limit: int = 100) -> Paged[VideoLibraryResponse]:
    """List the libraries of the video API.

    :param limit: libraries a page; the platform may give fewer.
    Source: Vidinfra API, Get Libraries; documented.
    """
    return paged(VideoLibraryResponse, VideoPages(limit), unwrap=("data",))


@api("GET", "/libraries/{library_id}", documented=True, base="video")
def get_video_library(library_id: str) -> Call[VideoLibraryResponse]:
    """Get a library of the video API.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Get Library; documented.
    """
    return call(VideoLibraryResponse, unwrap=("data",))


@api("POST", "/libraries", documented=True, base="video")
def create_video_library(
    name: str,
    region: str,
    usage_type: str,
    *,
    description: str | None = None,
    default_privacy: str | None = None,
    tags: Sequence[str] | None = None,
) -> Call[VideoLibraryResponse]:
    """Make a library. Each call makes one more.

    :param name: its name.
    :param region: where it is stored, such as ``us-east-1``.
    :param usage_type: such as ``marketing``.
    :param description: a text.
    :param default_privacy: of its videos, such as ``unlisted``.
    :param tags: words to find it by.
    :raises RejectedError: a field is missing or wrong.
    Source: Vidinfra API, Create Library; documented.
    """
    body = body_of(
        name=name,
        region=region,
        usage_type=usage_type,
        description=description,
        default_privacy=default_privacy,
        tags=None if tags is None else list(tags),
    )
    return call(VideoLibraryResponse, body=body, unwrap=("data",))


@api("PUT", "/libraries/{library_id}", documented=True, base="video")
def update_video_library(
    library_id: str,
    description: str,
    *,
    name: str | None = None,
    region: str | None = None,
    usage_type: str | None = None,
    default_privacy: str | None = None,
    tags: Sequence[str] | None = None,
) -> Call[VideoLibraryResponse]:
    """Change a library.

    :param library_id: the library's UUID.
    :param description: a text; required.
    :param name: its name.
    :param region: where it is stored.
    :param usage_type: such as ``marketing``.
    :param default_privacy: of its videos, such as ``unlisted``.
    :param tags: words to find it by.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Update Library; documented.
    """
    body = body_of(
        name=name,
        region=region,
        usage_type=usage_type,
        description=description,
        default_privacy=default_privacy,
        tags=None if tags is None else list(tags),
    )
    return call(VideoLibraryResponse, body=body, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}", documented=True, base="video")
def delete_video_library(library_id: str) -> Call[Acknowledged]:
    """Delete a library with its videos.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Delete Library; documented.
    """
    return call(Acknowledged)


@api("GET", "/libraries/{library_id}/metrics", documented=True, base="video")
def get_video_library_metrics(library_id: str) -> Call[UndocumentedResponse]:
    """Get the figures of a library.

    :param library_id: the library's UUID.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, Library Metrics; documented, the response is not.
    """
    return call(UndocumentedResponse, unwrap=("data",))
