"""Finds what a request names: a page of a list, its body, the object of its path; and builds the errors of failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from airflow_provider_sessions.sandbox.attendees import Person
from airflow_provider_sessions.sandbox.request_parsing import ApiError, ApiRequest, FieldError
from airflow_provider_sessions.sandbox.sessions_us.platform import SessionsUs
from airflow_provider_sessions.sandbox.sessions_us.state import Booking, BookingPage, Event, Meeting, Room

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

PAGE_SIZE = 20
"""Documented for all paginated lists."""


def invalid(field: str, message: str) -> ApiError:
    """Return the error for one invalid field: ``plannedEnd must be after startAt``."""
    return ApiError(422, "Bad Request", fields=(FieldError(field, "validation_rule", message),))


def not_found(what: str) -> ApiError:
    """Return the error for something that does not exist."""
    return ApiError(404, f"{what} not found")


def conflict(reason: str) -> ApiError:
    """Return the error for a conflict with the current state."""
    return ApiError(409, reason)


def page(platform: SessionsUs, request: ApiRequest, items: Iterable[T]) -> Sequence[T]:
    """Return the requested page of a list, whose items are given oldest first.

    :raises ApiError: 400, ``page`` is not a whole number.
    """
    ordered = list(items)
    if platform.settings.newest_first:
        ordered.reverse()
    return slice_page(request, ordered)


def slice_page(request: ApiRequest, ordered: Sequence[T]) -> Sequence[T]:
    """Return the requested page of a list in its order. Page 0 is the same as page 1.

    :raises ApiError: 400, ``page`` is not a whole number.
    """
    text = request.query.get("page", "1")
    if not text.isdecimal():
        raise invalid("page", "must be a number string")
    first = (max(1, int(text)) - 1) * PAGE_SIZE
    return ordered[first : first + PAGE_SIZE]


def body(platform: SessionsUs, request: ApiRequest, model: type[M]) -> M:
    """Parse the request's body.

    :raises ApiError: 400, it is invalid.
    """
    parsed = request.parse_body(model)
    if platform.settings.unknown_fields == "refuse":
        known = {info.alias or name for name, info in model.model_fields.items()}
        unknown = [name for name in request.json() or {} if name not in known]
        if unknown:
            errors = tuple(FieldError(name, "validation_unknown", "") for name in unknown)
            raise ApiError(422, "Bad Request", fields=errors)
    return parsed


def given_fields(parsed: BaseModel) -> dict[str, Any]:
    """Return the fields of a body that were sent and are not null."""
    return parsed.model_dump(exclude_unset=True, exclude_none=True)


def path_id(request: ApiRequest) -> str:
    """Return the id in the path, in lower case.

    :raises ApiError: 400, it is not a UUID.
    """
    try:
        return str(UUID(request.path_params["id"]))
    except ValueError as error:
        raise ApiError(400, "Validation failed (uuid is expected)") from error


def caller(request: ApiRequest) -> Person:
    """Return the user whose key was sent."""
    user: Person = request.caller.user
    return user


def session(platform: SessionsUs, request: ApiRequest) -> Meeting:
    """Return the caller's session of the path.

    :raises ApiError: 400, 404.
    """
    found = platform.find(path_id(request))
    if found is None or found.owner != caller(request):
        raise not_found("Session")
    return found


def room(platform: SessionsUs, request: ApiRequest, *, own: bool = False) -> Room:
    """Return the room of the path, which is the caller's or shared with the caller.

    :param own: whether it must be the caller's.
    :raises ApiError: 400, 403, 404.
    """
    user, found = caller(request), platform.rooms.get(path_id(request))
    if found is None or found.deleted or (found.owner != user and user.id not in found.shared_with):
        raise not_found("Room")
    if own and found.owner != user:
        raise ApiError(403, "Forbidden resource")
    return found


def event(platform: SessionsUs, request: ApiRequest, *, own: bool = True) -> Event:
    """Return the event of the path, by its own id or its session's.

    :param own: whether it must be the caller's.
    :raises ApiError: 400, 404.
    """
    wanted = path_id(request)
    for found in platform.events.values():
        if wanted in (found.id, found.session_id) and platform.find(found.session_id):
            if own and found.owner != caller(request):
                break
            return found
    raise not_found("Event")


def booking_page(platform: SessionsUs, request: ApiRequest) -> BookingPage:
    """Return the caller's booking page of the path.

    :raises ApiError: 400, 404.
    """
    found = platform.booking_pages.get(path_id(request))
    if found is None or found.deleted or found.owner != caller(request):
        raise not_found("Booking page")
    return found


def booking(platform: SessionsUs, request: ApiRequest, *, own: bool = True) -> Booking:
    """Return the booking of the path.

    :param own: whether it must be on a page of the caller.
    :raises ApiError: 400, 404.
    """
    found = platform.bookings.get(path_id(request))
    if found is None or not platform.booking_exists(found):
        raise not_found("Booking")
    if own and platform.booking_pages[found.page_id].owner != caller(request):
        raise not_found("Booking")
    return found
