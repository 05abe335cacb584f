"""Finds what a request names: a page of a list, and the object of its path, within the library if it names one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest
from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra, parse_number
from airflow_provider_sessions.sandbox.vidinfra.state import Preset, Recording, Room, Webinar, not_found


def page(vidinfra: VidInfra, request: ApiRequest, items: Sequence[Any]) -> tuple[Sequence[Any], dict[str, int]]:
    """Return the requested page of a list, and its fields ``total``, ``page`` and ``limit``.

    :raises ApiError: 422, ``page`` or ``limit`` is not a positive whole number.
    """
    number = parse_number(request, "page", 1)
    limit = min(parse_number(request, "limit", 10), vidinfra.settings.max_limit)
    first = (number - 1) * limit
    return items[first : first + limit], {"total": len(items), "page": number, "limit": limit}


def single_page(items: list[Any]) -> dict[str, int]:
    """Return the same fields for a list that is not paginated."""
    return {"total": len(items), "page": 1, "limit": len(items)}


def _id(request: ApiRequest) -> str:
    """Return the id in the path, in lower case.

    :raises ApiError: 400, it is not a UUID.
    """
    try:
        return str(UUID(request.path_params["id"]))
    except ValueError as error:
        raise ApiError(400, "Invalid Request", gateway=True) from error


def _in_library(request: ApiRequest, library_id: str | None) -> bool:
    return request.path_params.get("library_id", library_id) == library_id


def check_owner(request: ApiRequest, host_id: str) -> None:
    """Reject a caller who is not this host.

    :raises ApiError: 403.
    """
    if request.caller.account.id != host_id:
        raise ApiError(403, "You do not have permission to access this resource")


def room(vidinfra: VidInfra, request: ApiRequest, *, own: bool = False) -> Room:
    """Return the room of the path.

    :param own: whether it must be the caller's.
    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.rooms.get(_id(request))
    if found is None or found.deleted or not _in_library(request, found.library_id):
        raise not_found()
    if own:
        check_owner(request, found.host_id)
    return found


def preset(vidinfra: VidInfra, request: ApiRequest) -> Preset:
    """Return the caller's preset of the path.

    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.presets.get(_id(request))
    if found is None or found.deleted or not _in_library(request, found.library_id):
        raise not_found()
    check_owner(request, found.user_id)
    return found


def session(vidinfra: VidInfra, request: ApiRequest, *, own: bool = False) -> Webinar:
    """Return the session of the path.

    :param own: whether it must be in a room of the caller.
    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.find(_id(request))
    if found is None or not _in_library(request, vidinfra.rooms[found.room_id].library_id):
        raise not_found()
    if own:
        check_owner(request, vidinfra.rooms[found.room_id].host_id)
    return found


def recording(vidinfra: VidInfra, request: ApiRequest, *, own: bool = True) -> tuple[Webinar, Recording]:
    """Return the recording of the path and its session.

    :param own: whether the session must be in a room of the caller.
    :raises ApiError: 400, 403, 404.
    """
    wanted = _id(request)
    for found in vidinfra.existing_sessions():
        for candidate in vidinfra.recordings(found):
            if candidate.id == wanted:
                if own:
                    check_owner(request, vidinfra.rooms[found.room_id].host_id)
                return found, candidate
    raise not_found()
