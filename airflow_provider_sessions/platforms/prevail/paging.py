"""Pages as the Ruby gem pagy gives them: ``{"pagy": {"page": 1, "items": 100, "count": 2, "pages": 1}, ...}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_sessions.client.paging import Page


@dataclass(frozen=True, slots=True)
class Pagy:
    """``page`` in the query, ``pagy`` in the answer. A page past the last is an error there, so none is asked for.

    Source: Prevail API, View Sessions (the answer is documented, the query's parameter is inferred).
    """

    @property
    def size(self) -> int | None:
        """Prevail decides."""
        return None

    def first(self) -> Mapping[str, Any]:
        """The query of the first page: it names none."""
        return {}

    def after(self, page: Page) -> Mapping[str, Any] | None:
        """The next page, while ``pagy`` counts more; None where the answer has no ``pagy``."""
        pagy = _pagy(page)
        number, pages = pagy.get("page"), pagy.get("pages")
        if not isinstance(number, int) or not isinstance(pages, int) or number >= pages:
            return None
        return {"page": int(page.query.get("page", 1)) + 1}

    def total(self, page: Page) -> int | None:
        """``count`` of ``pagy``."""
        count = _pagy(page).get("count")
        return count if isinstance(count, int) else None


def _pagy(page: Page) -> Mapping[str, Any]:
    found = page.meta.get("pagy")
    return found if isinstance(found, Mapping) else {}
