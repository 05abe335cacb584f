"""Connections that are kept open, each in a pool of its own.

Which of them is free is known here. A pool of many would go through all of them, and ask the operating system about
each idle one, twice for every request: with sixteen that took a third of the time of an export.

Where a task is canceled while it closes an answer, httpcore goes on to count its connection as busy, and in a pool of
one the next request would wait for it in vain. So a pool is used again only after an answer that came to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import httpx

MAX_CONNECTIONS = 64
"""More requests than that wait until one is done."""


class SmallPools(httpx.AsyncBaseTransport):
    """Sends each request over a connection that is free, the one that was used last: so there are as few as can be.

    :param make: makes a transport for one connection. It is called at once, so that it fails at once.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._free = [make()]
        self._busy: set[httpx.AsyncBaseTransport] = set()
        self._room = asyncio.Semaphore(MAX_CONNECTIONS)
        self._closing: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Its connection is free again when the answer is closed."""
        await self._room.acquire()
        pool = self._free.pop() if self._free else self._make()
        self._busy.add(pool)
        try:
            response = await pool.handle_async_request(request)
        except BaseException:
            self._drop(pool)
            raise
        response.stream = _Body(
            cast(httpx.AsyncByteStream, response.stream), lambda: self._keep(pool), lambda: self._drop(pool)
        )
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in (*self._free, *self._busy):
            await pool.aclose()
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _keep(self, pool: httpx.AsyncBaseTransport) -> None:
        self._busy.discard(pool)
        self._free.append(pool)
        self._room.release()

    def _drop(self, pool: httpx.AsyncBaseTransport) -> None:
        self._busy.discard(pool)
        self._room.release()
        closing = asyncio.ensure_future(pool.aclose())  # whoever is canceled now could not wait for it
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


class _Body(httpx.AsyncByteStream):
    """An answer's body.

    :param keep: called once, when it has been read to its end and closed.
    :param drop: called instead where either did not come about.
    """

    def __init__(self, inner: httpx.AsyncByteStream, keep: Callable[[], None], drop: Callable[[], None]) -> None:
        self._inner = inner
        self._keep = keep
        self._drop = drop
        self._whole = False
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk
        self._whole = True

    async def aclose(self) -> None:
        """Close the body, once or several times."""
        if self._closed:
            return
        self._closed = True
        ended = self._drop
        try:
            await self._inner.aclose()
            if self._whole:
                ended = self._keep
        finally:
            ended()
