"""The connection to one caller: how an answer leaves, whole or broken.

A real connection is broken on its socket: the protocol class here hands the transport of each connection to the
application. In process there is no connection; there a break shows as a :class:`ConnectionResetError` in the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION = "sandbox.transport"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing drops what was not sent and tells the peer with a reset."""


class BreakableProtocol(H11Protocol):
    """uvicorn's protocol, which also tells the application which transport a request came by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_EXTENSION] = self.transport
            await app(scope, receive, send)

        self.app = with_transport


class _Enough(Exception):
    """As much of the answer has left as was meant to."""


class Line:
    """One request's connection.

    :param now: the platform's time.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, now: Callable[[], datetime]) -> None:
        self._scope = scope
        self._receive = receive
        self._asgi_send = send
        self._now = now
        self._transport: asyncio.Transport | None = scope.get("extensions", {}).get(_EXTENSION)

    async def read(self) -> bytes:
        """The request's body."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b"".join(chunks)
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _send(self, message: Message) -> None:
        """Send a message; the answer is dated where it does not date itself."""
        if message["type"] == "http.response.start" and all(name != b"date" for name, _ in message["headers"]):
            date = format_datetime(self._now(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await self._asgi_send(message)

    async def answer(self, response: Response) -> None:
        """Send an answer as it is."""
        await response(self._scope, self._receive, self._send)

    async def answer_slowly(self, response: Response, bytes_per_second: float) -> None:
        """Send an answer no faster than ``bytes_per_second``."""
        sent, began = 0, time.monotonic()

        async def paced(message: Message) -> None:
            nonlocal sent
            for part in _parts(message, max(1, int(bytes_per_second / 20))):
                await self._send(part)
                sent += len(part.get("body", b""))
                await asyncio.sleep(max(0.0, began + sent / bytes_per_second - time.monotonic()))

        await response(self._scope, self._receive, paced)

    async def answer_truncated(self, response: Response, length: int) -> None:
        """Send status, headers and the first ``length`` bytes of the body, then hang up."""
        await self._begin(response, length, self._send)
        await self._hang_up(reset=False)

    async def answer_shortened(self, response: Response, length: int) -> None:
        """Send status, headers and the first ``length`` bytes of the body, as if they were all there is."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._begin(response, length, keep)
        start, *parts = kept
        body = b"".join(part["body"] for part in parts)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await self._send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})

    async def _begin(self, response: Response, length: int, send: Send) -> None:
        """Send an answer up to ``length`` bytes of its body, and do not end it."""
        left = length

        async def limited(message: Message) -> None:
            nonlocal left
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if not left:
                raise _Enough

        with contextlib.suppress(_Enough):
            await response(self._scope, self._receive, limited)

    async def reset(self) -> None:
        """Break the connection without an answer."""
        await self._hang_up(reset=True)

    async def _hang_up(self, *, reset: bool) -> None:
        if self._transport is None:
            raise ConnectionResetError("The sandbox broke the connection, as a fault asked for")
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()
        # The server must have seen the end before this request is done with, or it would try to answer after all.
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _parts(message: Message, size: int) -> list[Message]:
    """A message in pieces of at most ``size`` bytes of body."""
    body = message.get("body", b"")
    if len(body) <= size:
        return [message]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    parts: list[Message] = [{**message, "body": piece, "more_body": True} for piece in pieces]
    parts[-1]["more_body"] = message.get("more_body", False)
    return parts


def is_disconnected(scope: Scope) -> bool:
    """Whether the caller of a request is gone, so that a long answer need not be made."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(_EXTENSION)
    return transport is not None and transport.is_closing()
