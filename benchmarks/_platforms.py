"""Platforms for benchmarks: the sandbox's responses, requested once and then served from memory.

The sandbox needs a millisecond or two of processor time for a response, which the benchmark would measure on a small
machine. So all responses are created in advance. Each has the same latency for every contender.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import httpx

from airflow_provider_sessions.sandbox.sandbox import Sandbox
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock

FIRST_DAY, LAST_DAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
"""When the sessions ended."""
_PAGES_BEYOND = 10
"""Pages after the last that may be asked for in vain, where nobody tells which is the last."""


@dataclass(frozen=True)
class Scene:
    """What is read of a platform.

    :param key_header: the header of the credential.
    :param sessions: where the list of sessions is in its response.
    :param pages: the query of a page of the list.
    :param has_total: whether the list says how long it is. Where it does not, only a page tells whether there is
        another, so pages can only be asked for one after the other.
    :param parts: by name: the path of a request that is sent for each session, and where the list is in its response.
    :param datasets: what our operator is asked for: just what needs these requests.
    """

    platform: str
    key_header: str
    sessions: tuple[str, ...]
    pages: dict[str, Any]
    has_total: bool
    parts: dict[str, tuple[str, tuple[str, ...]]]
    datasets: str

    def page(self, number: int) -> dict[str, Any]:
        """The query of one page."""
        return {"page": number, **self.pages}


SCENES = {
    scene.platform: scene
    for scene in (
        Scene(
            "vidinfra",
            "X-API-Key",
            ("data", "sessions"),
            {"limit": 100},
            True,
            {
                "attendance": ("sessions/{id}/attendance", ("data", "attendance")),
                "participants": ("sessions/{id}/participants", ("data", "participants")),
            },
            "sessions,participants,attendance,attendance_summary",
        ),
        Scene(
            "sessions_us",
            "x-api-key",
            (),
            {},
            False,
            {"participants": ("sessions/{id}/participants", ()), "transcripts": ("sessions/{id}/transcripts", ())},
            "sessions,participants,transcript_segments",
        ),
    )
}


@dataclass(frozen=True)
class Limit:
    """So many requests in any window of so many seconds; the next is refused."""

    requests: int
    seconds: float


async def _fetch_responses(scene: Scene, sessions: int) -> tuple[dict[str, bytes], str, str]:
    """Return all responses by path and query, the path of the base URL, and the key."""
    sandbox = Sandbox(1, clock=SandboxClock(LAST_DAY, speed=0), platforms=[scene.platform])
    platform = sandbox.platform(scene.platform)
    platform.remove_rate_limit()
    platform.default_script(artifacts_after=0)
    platform.create(count=sessions, ended_between=(FIRST_DAY, LAST_DAY))
    base = httpx.URL(platform.base_url).path
    key = platform.credentials()["api_key"]
    responses: dict[str, bytes] = {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(sandbox.app), headers={scene.key_header: key}, base_url=platform.base_url
    ) as client:

        async def fetch(path: str, **query: Any) -> Any:
            response = await client.get(path, params=query)
            target = response.request.url.raw_path.decode()
            responses[_canonical(target)] = _encode_response(response)
            return response.json()

        ids: list[str] = []
        empty = 0
        for number in count(1):
            found = get_nested(await fetch("sessions", **scene.page(number)), scene.sessions)
            ids += [session["id"] for session in found]
            empty += not found
            if empty == _PAGES_BEYOND:
                break
        if not scene.pages:  # the first page without its number
            await fetch("sessions")
        for one in ids:
            for path, _ in scene.parts.values():
                await fetch(path.format(id=one))
    return responses, base, key


def get_nested(content: Any, path: tuple[str, ...]) -> Any:
    """Return the value below some names in a response."""
    for name in path:
        content = content[name]
    return content


def _encode_response(response: httpx.Response) -> bytes:
    if response.status_code != 200:
        raise RuntimeError(f"{response.request.url}: status {response.status_code}: {response.text}")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(response.content)}\r\n\r\n"
    return head.encode() + response.content


def _canonical(target: str) -> str:
    path, _, query = target.partition("?")
    return f"{path}?{'&'.join(sorted(query.split('&')))}" if query else path


class _Memory:
    """What is served, and when what was asked for."""

    def __init__(self, responses: dict[str, bytes], latency: float, limit: Limit | None) -> None:
        self.responses = responses
        self.latency = latency
        self.limit = limit
        self.granted: list[float] = []
        self.lists = self.refused = 0
        self.unknown: list[str] = []

    def respond(self, target: str) -> bytes:
        """Return the response to a request that arrives now."""
        now = time.monotonic()
        if self.limit is not None and len(self.granted) >= self.limit.requests:
            wait = self.granted[-self.limit.requests] + self.limit.seconds - now
            if wait > 0:
                self.refused += 1
                return _refusal("429 Too Many Requests", f"Retry-After: {math.ceil(wait)}\r\n")
        self.granted.append(now)
        self.lists += target.partition("?")[0].endswith("/sessions")
        found = self.responses.get(_canonical(target))
        if found is None:
            self.unknown.append(target)
            return _refusal("404 Not Found")
        return found

    def story(self) -> bytes:
        """Return what arrived, as a response, and reset the counts."""
        came = {"granted": self.granted, "lists": self.lists, "refused": self.refused, "unknown": self.unknown}
        self.granted, self.lists, self.refused, self.unknown = [], 0, 0, []
        body = json.dumps(came).encode()
        return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _refusal(status: str, header: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{header}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()


class _Connection(asyncio.Protocol):
    """One keep-alive connection. Bodies of requests are not read: everything is a GET."""

    def __init__(self, memory: _Memory) -> None:
        self._memory = memory
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            if target == "/story":
                self._send(self._memory.story())
            else:
                self._loop.call_later(self._memory.latency, self._send, self._memory.respond(target))

    def _send(self, response: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(response)


def serve(port: Any, scene: Scene, sessions: int, latency: float, limit: Limit | None = None) -> None:
    """Serve a scene for ever; tells ``(base URL, key)`` through the port once it does."""

    async def run() -> None:
        responses, base, key = await _fetch_responses(scene, sessions)
        memory = _Memory(responses, latency, limit)
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(memory), "127.0.0.1", 0)
        port.send((f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{base}", key))
        await server.serve_forever()

    asyncio.run(run())


@dataclass(frozen=True)
class Story:
    """The requests since the last report: when they arrived, and how many were for a page of the list."""

    granted: list[float]
    lists: int
    refused: int
    unknown: list[str]


def story_of(base_url: str) -> Story:
    """Get the report of a platform, and reset its counts."""
    response = httpx.get(httpx.URL(base_url).join("/story"), trust_env=False)
    return Story(**response.json())
