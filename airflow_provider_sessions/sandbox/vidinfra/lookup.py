"""Finding what a request's path names, within its library where it names one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest
from airflow_provider_sessions.sandbox.vidinfra.state import Preset, Room, Take, Webinar

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def not_found() -> ApiError:
    """What is said of everything that is not there, in the documented words."""
    return ApiError(404, "Resource not found", gateway=True)


def _id(asked: PlatformRequest) -> str:
    """The id in the path, in lower case.

    :raises ApiError: 400, it is no UUID.
    """
    try:
        return str(UUID(asked.args["id"]))
    except ValueError as error:
        raise ApiError(400, "Invalid Request", gateway=True) from error


def _in_library(asked: PlatformRequest, library_id: str | None) -> bool:
    return asked.args.get("library_id", library_id) == library_id


def check_owner(asked: PlatformRequest, host_id: str) -> None:
    """Refuse hosts what belongs to another host.

    :raises ApiError: 403.
    """
    if asked.caller.account.id != host_id:
        raise ApiError(403, "You do not have permission to access this resource")


def room(vidinfra: VidInfra, asked: PlatformRequest, *, own: bool = False) -> Room:
    """The room of the path.

    :param own: refuse it to hosts whose room it is not.
    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.rooms.get(_id(asked))
    if found is None or found.deleted or not _in_library(asked, found.library_id):
        raise not_found()
    if own:
        check_owner(asked, found.host_id)
    return found


def preset(vidinfra: VidInfra, asked: PlatformRequest) -> Preset:
    """The caller's own preset of the path.

    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.presets.get(_id(asked))
    if found is None or found.deleted or not _in_library(asked, found.library_id):
        raise not_found()
    check_owner(asked, found.user_id)
    return found


def session(vidinfra: VidInfra, asked: PlatformRequest, *, own: bool = False) -> Webinar:
    """The session of the path.

    :param own: refuse it to hosts in whose room it is not.
    :raises ApiError: 400, 403, 404.
    """
    found = vidinfra.find(_id(asked))
    if found is None or not _in_library(asked, vidinfra.rooms[found.room_id].library_id):
        raise not_found()
    if own:
        check_owner(asked, vidinfra.rooms[found.room_id].host_id)
    return found


def recording(vidinfra: VidInfra, asked: PlatformRequest, *, own: bool = True) -> tuple[Webinar, Take]:
    """The recording of the path and its session.

    :param own: refuse it to hosts in whose room it was not made.
    :raises ApiError: 400, 403, 404.
    """
    wanted = _id(asked)
    for held in vidinfra.all():
        for take in vidinfra.takes(held):
            if take.id == wanted:
                if own:
                    check_owner(asked, vidinfra.rooms[held.room_id].host_id)
                return held, take
    raise not_found()
