"""Small HTTP servers that misbehave on the socket as real ones do."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


Responder = Callable[[Received, asyncio.StreamWriter], Awaitable[bool]]
"""Responds to a request; returns whether the connection may be reused."""


@dataclass
class RawServer:
    """Responds to the n-th request with the n-th responder, and to all later ones with the last."""

    responders: tuple[Responder, ...]
    requests: list[Received] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                responder = self.responders[min(len(self.requests), len(self.responders)) - 1]
                if not await responder(request, writer):
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            self._tasks.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    return Received(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Word", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Responder:
    """A whole response; ``Retry_After`` is written ``Retry-After``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        content = b"" if request.method == "HEAD" else body
        writer.write(head(status, {"Content-Length": str(len(body)), **named}) + content)
        await writer.drain()
        return True

    return responder


def says(content: Any, status: int = 200, **headers: str) -> Responder:
    """A whole response in JSON."""
    return reply(status, json.dumps(content).encode(), **{"Content_Type": "application/json", **headers})


def raw(*parts: bytes, pause: float = 0.0, end: str = "close") -> Responder:
    """These bytes, ``pause`` seconds apart; then the connection is closed, reset or left open (``hang``)."""

    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if end == "hang":
            await asyncio.sleep(60)
        if end == "reset":
            reset(writer)
        return False

    return responder


def by(choose: Callable[[Received], Responder]) -> Responder:
    """A response that depends on the request."""

    async def responder(request: Received, writer: asyncio.StreamWriter) -> bool:
        return await choose(request)(request, writer)

    return responder


def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection off, so that the other side sees a reset instead of an end."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


RESET = raw(end="reset")
"""The connection breaks before the first byte of a response."""
