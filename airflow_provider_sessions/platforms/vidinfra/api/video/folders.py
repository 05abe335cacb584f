"""Folders of a library."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_sessions.client.call import Call, Paged, call, paged
from airflow_provider_sessions.platforms.instants import Instant
from airflow_provider_sessions.platforms.vidinfra.api.base import (
    PAGE_SIZE,
    Acknowledged,
    VideoPages,
    VidInfraModel,
    api,
    body_of,
)


class FolderResponse(VidInfraModel):
    """A folder of a library."""

    id: str | None = None
    library_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    created_at: Instant = None
    updated_at: Instant = None


@api("POST", "/libraries/{library_id}/folders", documented=True, base="video")
def create_folder(library_id: str, name: str, *, parent_id: str | None = None) -> Call[FolderResponse]:
    """Make a folder. Each call makes one more.

    :param library_id: the library's UUID.
    :param name: its name.
    :param parent_id: UUID of the folder that it is in; none: at the top.
    :raises NotFoundError: there is no such library or folder.
    Source: Vidinfra API, Create Folder; documented.
    """
    return call(FolderResponse, body=body_of(name=name, parent_id=parent_id), unwrap=("data",))


@api("GET", "/libraries/{library_id}/folders", documented=True, base="video")
def list_folders(library_id: str, *, parent_id: str | None = None, limit: int = PAGE_SIZE) -> Paged[FolderResponse]:
    """List the folders of a library.

    :param library_id: the library's UUID.
    :param parent_id: only those in this folder.
    :param limit: folders a page; the platform may give fewer.
    :raises NotFoundError: there is no such library.
    Source: Vidinfra API, List Folders; documented, its pages by the example alone.
    """
    return paged(FolderResponse, VideoPages(limit), unwrap=("data",), query={"parent_id": parent_id})


@api("GET", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def get_folder(library_id: str, folder_id: str) -> Call[FolderResponse]:
    """Get one folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Get Folder Details; documented.
    """
    return call(FolderResponse, unwrap=("data",))


@api("PUT", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def update_folder(library_id: str, folder_id: str, name: str, *, parent_id: str | None = None) -> Call[FolderResponse]:
    """Change a folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :param name: its name.
    :param parent_id: UUID of the folder that it is in.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Update Folder; documented.
    """
    return call(FolderResponse, body=body_of(name=name, parent_id=parent_id), unwrap=("data",))


@api("DELETE", "/libraries/{library_id}/folders/{folder_id}", documented=True, base="video")
def delete_folder(library_id: str, folder_id: str) -> Call[Acknowledged]:
    """Delete a folder.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Delete Folder; documented, the response is not.
    """
    return call(Acknowledged)


@api("PATCH", "/libraries/{library_id}/folders/{folder_id}/move", documented=True, base="video", repeatable=True)
def move_folder(library_id: str, folder_id: str, *, new_parent_id: str | None = None) -> Call[FolderResponse]:
    """Move a folder into another.

    :param library_id: the library's UUID.
    :param folder_id: the folder's UUID.
    :param new_parent_id: UUID of the folder to move it into; none: to the top (inferred).
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Move Folder; documented, the response by its example.
    """
    return call(FolderResponse, body=body_of(new_parent_id=new_parent_id), unwrap=("data",))


@api("PATCH", "/libraries/{library_id}/folders/bulk/move", documented=True, base="video", repeatable=True)
def move_folders(library_id: str, folder_ids: Sequence[str], new_parent_id: str) -> Call[Acknowledged]:
    """Move folders into another.

    :param library_id: the library's UUID.
    :param folder_ids: UUIDs of the folders.
    :param new_parent_id: UUID of the folder to move them into.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Bulk Move Folder; documented.
    """
    return call(Acknowledged, body={"new_parent_id": new_parent_id, "folder_ids": list(folder_ids)})


@api("POST", "/libraries/{library_id}/folders/bulk", documented=True, base="video", repeatable=True)
def delete_folders(library_id: str, folder_ids: Sequence[str]) -> Call[Acknowledged]:
    """Delete folders.

    :param library_id: the library's UUID.
    :param folder_ids: UUIDs of the folders.
    :raises NotFoundError: there is no such folder.
    Source: Vidinfra API, Bulk Delete Folder; documented.
    """
    return call(Acknowledged, body={"folder_ids": list(folder_ids)})
