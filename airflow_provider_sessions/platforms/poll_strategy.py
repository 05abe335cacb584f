"""Whether reading pages of a list, or asking for one session after the other, costs fewer requests."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Collection
from typing import TypeVar

T = TypeVar("T")


class Depth:
    """Remembers on which page of a list each session stood at last.

    A session of which that is not known is expected on the first page, since the lists are newest first. While it is
    searched for, no more pages are read in vain than it would take requests for those that are missing: so only the
    first look may cost up to twice as much as it had to.

    :param page_size: sessions on a full page.
    """

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._pages: dict[str, float] = {}

    def forget(self, session_id: str) -> None:
        """Note that the list is of no use for a session: it is not in it, or the list does not tell enough."""
        self._pages[session_id] = math.inf

    def cost(self, wanted: Collection[str]) -> int:
        """Requests that it takes to see sessions: pages, and single ones for what is not on them."""
        return self._plan(wanted)[0]

    def _plan(self, wanted: Collection[str]) -> tuple[int, int]:
        """The least cost, and how many pages are to be read for it."""
        pages = sorted(self._pages.get(key, 1) for key in wanted)
        plans = [
            (int(page) + len(pages) - number, int(page)) for number, page in enumerate(pages, 1) if page < math.inf
        ]
        return min([(len(pages), 0), *plans])

    async def search(
        self, items: AsyncIterator[T], wanted: Collection[str], key_of: Callable[[T], str | None]
    ) -> dict[str, T]:
        """Read pages for as long as that costs less than asking for what is still missing.

        :param items: the list, whose pages are asked for as they are read.
        :param wanted: ids.
        :param key_of: the id of an item.
        :returns: what was found, by id.
        """
        _, pages = self._plan(wanted)
        expected = {key for key in wanted if self._pages.get(key, 1) <= pages}
        found: dict[str, T] = {}
        page, in_vain = 0, 0
        while expected and (page < pages or in_vain < len(expected) - 1):
            before = len(found)
            page += 1
            for _ in range(self._page_size):
                item = await anext(items, None)
                if item is None:
                    for missing in set(wanted) - found.keys():
                        self.forget(missing)
                    return found
                key = key_of(item)
                if key is not None and key in wanted:
                    found[key] = item
                    expected.discard(key)
                    self._pages[key] = page
            in_vain += len(found) == before
        for key in expected:
            self._pages[key] = page + 1
        return found
