"""Pages of VidInfra's two paged lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, FieldError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.vidinfra.platform import VidInfra


def page(vidinfra: VidInfra, asked: PlatformRequest, items: list[Any]) -> tuple[list[Any], dict[str, int]]:
    """The items of the page that is asked for, and what the answer says about the list.

    :raises ApiError: 422, ``page`` or ``limit`` is no positive whole number.
    """
    page_number = number(asked, "page", 1)
    limit = min(number(asked, "limit", 10), vidinfra.settings.max_limit)
    first = (page_number - 1) * limit
    return items[first : first + limit], {"total": len(items), "page": page_number, "limit": limit}


def whole(items: list[Any]) -> dict[str, int]:
    """What the answer says about a list that comes in one piece."""
    return {"total": len(items), "page": 1, "limit": len(items)}


def number(asked: PlatformRequest, name: str, default: int, least: int = 1) -> int:
    """A whole number in the query.

    :raises ApiError: 422, it is none, or less than ``least``.
    """
    text = asked.query.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        fault = FieldError(name, "validation_min", f"{name} must be a whole number of at least {least}")
        raise ApiError(422, "Invalid Request", fields=(fault,), gateway=True)
    return int(text)
