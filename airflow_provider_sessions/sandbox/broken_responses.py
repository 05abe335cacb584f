"""Sends responses, whole or broken as a fault demands.

A real connection is broken on its socket. In process there is no connection; there a break is a
:class:`ConnectionResetError` in the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from airflow_provider_sessions.sandbox.asgi_server import transport_of
from airflow_provider_sessions.sandbox.faults import Fault
from airflow_provider_sessions.sandbox.request_log import LogEntry

_PAGE = "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body><h1>Please stand by</h1></body></html>\n"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER without a timeout: closing drops unsent data and sends a reset."""


async def send_response(
    sender: ResponseSender, entry: LogEntry, fault: Fault | None, response: Response | None
) -> None:
    """Send a response the way the fault demands, and record the outcome in the log.

    :param response: the platform's; None if a fault replaces it.
    """
    if fault and fault.breaks_connection:
        entry.status = response.status_code if response is not None else None
        entry.outcome = fault.kind
        await sender.reset_connection()
        return
    sent = apply_fault(fault, response) if fault else response
    if sent is None:
        raise RuntimeError(f"There is no response to {entry.method} {entry.path}")
    entry.status = sent.status_code
    entry.outcome = fault.kind if fault and fault.kind != "delay" else "answered"
    if fault and fault.kind == "truncate":
        await sender.send_truncated(sent, fault.after_bytes)
    elif fault and fault.kind == "shorten":
        await sender.send_shortened(sent, fault.after_bytes)
    elif fault and fault.kind == "slow":
        await sender.send_slowly(sent, fault.bytes_per_second)
    else:
        await sender.send(sent)


def apply_fault(fault: Fault, response: Response | None) -> Response | None:
    """Return the response with the fault applied.

    :param response: the platform's; None if the fault replaces it.
    """
    match fault.kind:
        case "status" | "late":
            return _replacement(fault)
        case "html":
            return Response(_PAGE.format(status=fault.status), fault.status, fault.headers, "text/html")
        case "corrupt_gzip":
            headers = {"Content-Encoding": "gzip", **fault.headers}
            return Response(b"\x1f\x8b\x08\x00not gzip at all", fault.status, headers, "application/json")
        case "edit" if response is not None and response.body:
            content = json.loads(bytes(response.body))
            for path, value in fault.changes.items():
                _set_value(content, path.split("."), value)
            return JSONResponse(content, response.status_code)
    return response


def _replacement(fault: Fault) -> Response:
    if isinstance(fault.body, str):
        return Response(fault.body, fault.status, fault.headers, "text/plain")
    if fault.body is None:
        return Response(status_code=fault.status, headers=fault.headers)
    return JSONResponse(fault.body, fault.status, fault.headers)


def _set_value(content: Any, path: list[str], value: Any) -> None:
    """Set the value at ``path``; do nothing if the path does not exist."""
    step, rest = path[0], path[1:]
    if isinstance(content, list):
        chosen = range(len(content)) if step == "*" else [int(step)]
        for index in chosen:
            if rest:
                _set_value(content[index], rest, value)
            else:
                content[index] = value
    elif isinstance(content, dict):
        if not rest:
            content[step] = value
        elif step in content:
            _set_value(content[step], rest, value)


class _BodyLimitReached(Exception):
    """The wanted number of bytes has been sent."""


class ResponseSender:
    """Sends the response to one request.

    :param now: returns the time by which responses are dated.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, now: Callable[[], datetime]) -> None:
        self._scope = scope
        self._receive = receive
        self._asgi_send = send
        self._now = now
        self._transport = transport_of(scope)

    async def read_body(self) -> bytes:
        """Return the request's body."""
        chunks: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return b"".join(chunks)
            chunks.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def _send_dated(self, message: Message) -> None:
        """Send a message, with a Date header if the response has none."""
        if message["type"] == "http.response.start" and all(name != b"date" for name, _ in message["headers"]):
            date = format_datetime(self._now(), usegmt=True).encode()
            message = {**message, "headers": [*message["headers"], (b"date", date)]}
        await self._asgi_send(message)

    async def send(self, response: Response) -> None:
        """Send a response unchanged."""
        await response(self._scope, self._receive, self._send_dated)

    async def send_slowly(self, response: Response, bytes_per_second: float) -> None:
        """Send a response no faster than ``bytes_per_second``."""
        sent, started = 0, time.monotonic()

        async def send_paced(message: Message) -> None:
            nonlocal sent
            for part in _split(message, max(1, int(bytes_per_second / 20))):
                await self._send_dated(part)
                sent += len(part.get("body", b""))
                await asyncio.sleep(max(0.0, started + sent / bytes_per_second - time.monotonic()))

        await response(self._scope, self._receive, send_paced)

    async def send_truncated(self, response: Response, length: int) -> None:
        """Send status, headers and the first ``length`` bytes of the body, then close the connection."""
        await self._send_beginning(response, length, self._send_dated)
        await self._close_connection(reset=False)

    async def send_shortened(self, response: Response, length: int) -> None:
        """Send status, headers and the first ``length`` bytes of the body as if they were the whole response."""
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._send_beginning(response, length, collect)
        start, *parts = messages
        body = b"".join(part["body"] for part in parts)
        headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
        await self._send_dated({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send_dated({"type": "http.response.body", "body": body})

    async def _send_beginning(self, response: Response, length: int, send: Send) -> None:
        """Send a response up to ``length`` bytes of its body, without ending it."""
        left = length

        async def send_limited(message: Message) -> None:
            nonlocal left
            if message["type"] != "http.response.body":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            await send({"type": "http.response.body", "body": body, "more_body": True})
            if not left:
                raise _BodyLimitReached

        with contextlib.suppress(_BodyLimitReached):
            await response(self._scope, self._receive, send_limited)

    async def reset_connection(self) -> None:
        """Reset the connection without a response."""
        await self._close_connection(reset=True)

    async def _close_connection(self, *, reset: bool) -> None:
        if self._transport is None:
            raise ConnectionResetError("The sandbox broke the connection, as a fault demands")
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()
        else:
            self._transport.close()
        # Wait until uvicorn has seen the disconnect; it would otherwise send a response of its own.
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _split(message: Message, size: int) -> list[Message]:
    """Split a message into pieces of at most ``size`` bytes of body."""
    body = message.get("body", b"")
    if len(body) <= size:
        return [message]
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    parts: list[Message] = [{**message, "body": piece, "more_body": True} for piece in pieces]
    parts[-1]["more_body"] = message.get("more_body", False)
    return parts
