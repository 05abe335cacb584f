"""Uploads of files in parts, for files without an address that the platform can reach."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr, model_validator

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    NO_PAGES,
    Acknowledged,
    UndocumentedResponse,
    VidInfraModel,
    api,
)

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
    """An upload that was begun."""

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
    """Begin to upload a file in parts.

    :param library_id: the library's UUID.
    :param filename: the file's name.
    :param media_type: such as ``video/mp4``.
    :param folder_id: UUID of the folder that the video is to be in.
    :param source: where it comes from.
    :param tags: words to find the video by.
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
    :param key: the key that the upload was begun with, where it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Get Part Upload URL; documented, the response is inferred.
    """
    return call(PartUrl, query={"key": key}, unwrap=("data",))


@api("GET", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}", documented=True, base="video")
def list_uploaded_parts(library_id: str, upload_id: str, *, key: str | None = None) -> Paged[UploadedPart]:
    """List the parts of an upload that have arrived.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param key: the key that the upload was begun with, where it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, List Uploaded Parts; documented, the response is inferred.
    """
    return paged(UploadedPart, NO_PAGES, unwrap=("data", "parts"), query={"key": key}, key="part_number")


@api("POST", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}/complete", documented=True, base="video")
def complete_multipart_upload(
    library_id: str, upload_id: str, parts: Sequence[Mapping[str, Any]], *, key: str | None = None
) -> Call[UndocumentedResponse]:
    """Make a file of the parts that have arrived.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param parts: for each part ``{"PartNumber": 1, "ETag": "..."}`` (inferred).
    :param key: the key that the upload was begun with, where it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Complete Multipart Upload; documented, body and response are inferred.
    """
    body = {"parts": [dict(part) for part in parts]}
    return call(UndocumentedResponse, body=body, query={"key": key}, unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/uploads/s3/multipart/{upload_id}", documented=True, base="video")
def abort_multipart_upload(library_id: str, upload_id: str, *, key: str | None = None) -> Call[Acknowledged]:
    """Give up an upload, and delete its parts.

    :param library_id: the library's UUID.
    :param upload_id: the upload's id.
    :param key: the key that the upload was begun with, where it has one (inferred).
    :raises NotFoundError: there is no such upload.
    Source: Vidinfra API, Abort Multipart Upload; documented, the response is not.
    """
    return call(Acknowledged, query={"key": key})
