"""Thumbnails of a video."""

from __future__ import annotations

from base64 import b64decode
from mimetypes import guess_type

from airflow_provider_sessions.client.call import Call, UploadFile, call
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.platforms.vidinfra.api.base import Acknowledged, api


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
    return call(Acknowledged, files={"file": image_file(file_name, content)})


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


def image_file(name: str, content: bytes | str) -> UploadFile:
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
