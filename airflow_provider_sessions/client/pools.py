"""Connections that are kept open, each in a pool of its own.

httpcore goes through all connections of a pool, and asks the operating system about each idle one, twice for every
request: with sixteen of them that took a third of the time of an export. A pool of one connection is gone through in
no time, and which of the pools is free a counter says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import cast

import httpx

MAX_CONNECTIONS = 64
"""More requests than that wait for a connection."""


class SmallPools(httpx.AsyncBaseTransport):
    """Sends each request over the first connection that is free: who sends one at a time keeps using the same.

    :param make: makes a transport for one connection. It is called at once, so that it fails at once.
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._pools = [_Pool(make())]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Its connection is free again when the answer is closed."""
        return await self._free().send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.transport.aclose()

    def _free(self) -> _Pool:
        for pool in self._pools:
            if not pool.requests:
                return pool
        if len(self._pools) < MAX_CONNECTIONS:
            self._pools.append(_Pool(self._make()))
            return self._pools[-1]
        return min(self._pools, key=lambda pool: pool.requests)


class _Pool:
    """One connection, and how many requests have it or wait for it."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.transport = transport
        self.requests = 0

    async def send(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        try:
            response = await self.transport.handle_async_request(request)
        except BaseException:
            self.requests -= 1
            raise
        response.stream = _Body(cast(httpx.AsyncByteStream, response.stream), self)
        return response


class _Body(httpx.AsyncByteStream):
    """An answer's body, which frees its connection when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, pool: _Pool) -> None:
        self._inner = inner
        self._pool = pool
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            yield chunk

    async def aclose(self) -> None:
        """Close the body, once or several times."""
        try:
            await self._inner.aclose()
        finally:
            if not self._closed:
                self._closed = True
                self._pool.requests -= 1
