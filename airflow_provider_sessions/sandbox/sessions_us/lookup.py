"""Finding what a request names: its page of a list, its body, and what its path leads to among what is the caller's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.request_parsing import ApiError, FieldError, PlatformRequest
from airflow_provider_sessions.sandbox.sessions_us.nest import invalid, not_found
from airflow_provider_sessions.sandbox.sessions_us.state import Booking, BookingPage, Event, Meeting, Room

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

PAGE_SIZE = 20
"""Documented for all lists that come in pages."""


def page(platform: SessionsUs, asked: PlatformRequest, items: Iterable[T]) -> list[T]:
    """The page of a list that is asked for; ``items`` come oldest first. Pages count from 1, and 0 is taken as 1.

    :raises ApiError: 400, ``page`` is no whole number.
    """
    text = asked.query.get("page", "1")
    if not text.isdecimal():
        raise invalid("page", "must be a number string")
    ordered = list(items)
    if platform.settings.newest_first:
        ordered.reverse()
    first = (max(1, int(text)) - 1) * PAGE_SIZE
    return ordered[first : first + PAGE_SIZE]


def body(platform: SessionsUs, asked: PlatformRequest, model: type[M]) -> M:
    """The request's body.

    :raises ApiError: 400, it does not fit.
    """
    read = asked.read(model)
    if platform.settings.unknown_fields == "refuse":
        known = {info.alias or name for name, info in model.model_fields.items()}
        unknown = [name for name in asked.json() or {} if name not in known]
        if unknown:
            faults = tuple(FieldError(name, "validation_unknown", "") for name in unknown)
            raise ApiError(422, "Bad Request", fields=faults)
    return read


def given(read: BaseModel) -> dict[str, Any]:
    """The fields of a body that were given and are not null."""
    return read.model_dump(exclude_unset=True, exclude_none=True)


def path_id(asked: PlatformRequest) -> str:
    """The id in the path, in lower case.

    :raises ApiError: 400, it is no UUID.
    """
    try:
        return str(UUID(asked.args["id"]))
    except ValueError as error:
        raise ApiError(400, "Validation failed (uuid is expected)") from error


def caller(asked: PlatformRequest) -> Person:
    """The user whose key was sent."""
    user: Person = asked.caller.user
    return user


def session(platform: SessionsUs, asked: PlatformRequest) -> Meeting:
    """The caller's own session of the path.

    :raises ApiError: 400, 404.
    """
    found = platform.find(path_id(asked))
    if found is None or found.owner != caller(asked):
        raise not_found("Session")
    return found


def room(platform: SessionsUs, asked: PlatformRequest, *, own: bool = False) -> Room:
    """The room of the path: the caller's own, or one that is shared with them.

    :param own: refuse one that is only shared.
    :raises ApiError: 400, 403, 404.
    """
    user, found = caller(asked), platform.rooms.get(path_id(asked))
    if found is None or found.deleted or (found.owner != user and user.id not in found.shared_with):
        raise not_found("Room")
    if own and found.owner != user:
        raise ApiError(403, "Forbidden resource")
    return found


def event(platform: SessionsUs, asked: PlatformRequest, *, own: bool = True) -> Event:
    """The event of the path, by its own id or its session's.

    :param own: whether it must be the caller's.
    :raises ApiError: 400, 404.
    """
    wanted = path_id(asked)
    for found in platform.events.values():
        if wanted in (found.id, found.session_id) and platform.find(found.session_id):
            if own and found.owner != caller(asked):
                break
            return found
    raise not_found("Event")


def booking_page(platform: SessionsUs, asked: PlatformRequest) -> BookingPage:
    """The caller's own booking page of the path.

    :raises ApiError: 400, 404.
    """
    found = platform.booking_pages.get(path_id(asked))
    if found is None or found.deleted or found.owner != caller(asked):
        raise not_found("Booking page")
    return found


def booking(platform: SessionsUs, asked: PlatformRequest, *, own: bool = True) -> Booking:
    """The booking of the path.

    :param own: whether it must be on a page of the caller's.
    :raises ApiError: 400, 404.
    """
    found = platform.bookings.get(path_id(asked))
    if found is None or not platform.is_kept(found):
        raise not_found("Booking")
    if own and platform.booking_pages[found.page_id].owner != caller(asked):
        raise not_found("Booking")
    return found
