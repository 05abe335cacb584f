"""Pages of Prevail's lists, as the Ruby gem pagy makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_sessions.sandbox.request_parsing import ApiError, PlatformRequest

if TYPE_CHECKING:
    from airflow_provider_sessions.sandbox.prevail.platform import Prevail


def page(prevail: Prevail, asked: PlatformRequest, items: list[Any]) -> tuple[list[Any], dict[str, int]]:
    """The items of the page that is asked for, and what ``pagy`` says about the list.

    :raises ApiError: 400, there is no such page. An empty list has one page.
    """
    size = prevail.settings.page_items
    pages = max(1, -(-len(items) // size))
    text = asked.query.get("page", "1")
    if not text.isdecimal() or not 1 <= int(text) <= pages:
        raise ApiError(400, f"expected :page in 1..{pages}; got {text}")
    number = int(text)
    chosen = items[(number - 1) * size : number * size]
    return chosen, {"page": number, "items": size, "count": len(items), "pages": pages}
