"""Asking for pages before it is their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Pages that are read in their order, and asked for earlier. Leaving it takes back what nobody read.

    :param ask: asks for the page of a query.
    """

    def __init__(self, ask: Callable[[Mapping[str, Any]], Awaitable[T]]) -> None:
        self._ask = ask
        self._asked: dict[str, asyncio.Future[T]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for page in self._asked.values():
            page.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    def expect(self, queries: Iterable[Mapping[str, Any]]) -> None:
        """Ask for the pages that come next, as far as that has not been done."""
        for query in queries:
            if (key := repr(query)) not in self._asked:
                self._asked[key] = asyncio.ensure_future(self._ask(query))

    async def read(self, query: Mapping[str, Any]) -> T:
        """The page of a query; asked for now, if it was not."""
        page = self._asked.get(repr(query))
        if page is None:
            return await self._ask(query)
        answer = await page
        del self._asked[repr(query)]
        return answer
