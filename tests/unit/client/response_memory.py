"""Measure how much memory rejected responses take: ``python -m tests.unit.client.response_memory``.

Prints for each response, from a process of its own: what it is, the bytes of its JSON, how many times as much memory
its rejection took, and the error.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_sessions.client.call import Call, Paged
from airflow_provider_sessions.errors import SessionsError
from airflow_provider_sessions.platforms.prevail import endpoints as prevail
from airflow_provider_sessions.platforms.sessions_us import endpoints as sessions_us
from airflow_provider_sessions.platforms.vidinfra import endpoints as vidinfra
from tests.unit.client.servers import RawServer, reply
from tests.unit.client.things import connect

SIZE = 4 * 1024 * 1024


def many(item: str, size: int = SIZE, last: str = "") -> str:
    items = ",".join([item] * max(1, size // (len(item.encode()) + 1)))
    return f"[{items},{last}]" if last else f"[{items}]"


def different(write: Callable[[int], str], size: int = SIZE) -> str:
    return "[" + ",".join(write(number) for number in range(size // (len(write(1).encode()) + 1))) + "]"


LINE = '{"text":"a"}'
BAD = ",".join(["[]"] * 150)
"""Some of a list may be unreadable without that it is refused."""
LISTS = {
    "[]": many("[]"),
    "{}": many("{}"),
    "null": many("null"),
    "0": many("0"),
    "999": many("999"),
    "0.5": many("0.5"),
    "true": many("true"),
    "texts": many('"a"'),
    "lists of one": many("[0]"),
    "objects of one": many('{"":0}'),
    "wrong ids": many('{"id":[]}'),
    "lists in lists": many("[" * 150 + "]" * 150),
    "objects in objects": many('{"":' * 150 + "0" + "}" * 150),
    "unknown fields": '[{"id":"a","x":' + many("999") + "}," + BAD + "]",
    "different texts": different(lambda number: f'"{chr(0x4E00 + number % 20000)}{chr(0x4E00 + number // 20000)}"'),
    "different numbers": different(lambda number: str(1_000_000 + number)),
    "many good ones, then bad ones": many('{"id":"a"}', 1_900_000, BAD),
    "nulls, as many as may be": many("null", 900_000),
    "numbers, as many as may be": many("0", 390_000),
    "segments of nulls": '[{"segments":' + many("null", 900_000) + "}]",
    "segments of numbers": '[{"segments":' + many("0", 390_000) + "}]",
    "segments of good ones, then a bad one": '[{"segments":' + many(LINE, 1_500_000, "0") + "}]",
    "utterances of nulls": '[{"content":' + many("0", 390_000) + "}]",
    "numbers without an end": many("999").removesuffix("]"),
    "halves of emojis": many('"\\ud83d"'),
    "a few": many("[]", 70_000),
}
ENDPOINTS: dict[str, tuple[Call[Any], str]] = {
    "a page of sessions": (vidinfra.list_sessions(), '{{"data":{{"sessions":{}}}}}'),
    "attendance": (vidinfra.list_attendance("s"), '{{"data":{{"attendance":{}}}}}'),
    "sessions without pages": (prevail.list_sessions(), '{{"sessions":{}}}'),
    "transcripts": (prevail.list_transcripts("s"), '{{"transcripts":{}}}'),
    "utterances": (sessions_us.get_transcripts("s"), "{}"),
    "takeaways": (sessions_us.get_takeaways("s"), "{}"),
}


def make_responses() -> dict[str, tuple[Call[Any], str]]:
    """All responses by name, and the call that each is for."""
    return {
        f"{what}: {name}": (wanted, envelope.format(content))
        for what, (wanted, envelope) in ENDPOINTS.items()
        for name, content in LISTS.items()
    }


async def refuse(wanted: Call[Any], body: bytes) -> tuple[int, str]:
    """Send the call; the most memory that its response took, and how it was refused."""
    responder = reply(200, body, Content_Type="application/json", Content_Encoding="gzip")
    async with RawServer((responder,)) as server, connect(server.url, attempts=1) as client:
        before = _peak()
        try:
            if isinstance(wanted, Paged):
                async for _ in client.pages(wanted):
                    pass
            else:
                await client.send(wanted)
        except SessionsError as error:
            return _peak() - before, f"{type(error).__name__}: {error}"
    return _peak() - before, "nothing was refused"


def _peak() -> int:
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])


def measure(wanted: Call[Any], body: str) -> tuple[float, str]:
    """Refuse a response in a process of its own; how many times as much memory as its JSON that took, and the error."""
    packed, size = gzip.compress(body.encode()), len(body.encode())
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak
        with os.fdopen(writer, "w") as pipe:
            json.dump(asyncio.run(refuse(wanted, packed)), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        taken, error = json.loads(pipe.read() or '[0, "the process died"]')
    os.waitpid(pid, 0)
    return taken / size, error


if __name__ == "__main__":
    for one, envelope in ENDPOINTS.values():  # what is imported and built once is no matter here
        asyncio.run(refuse(one, gzip.compress(envelope.format('["a"]').encode())))
    for name, (one, content) in make_responses().items():
        if not sys.argv[1:] or any(word in name for word in sys.argv[1:]):
            sys.stdout.write(json.dumps([name, len(content.encode()), *measure(one, content)]) + "\n")
            sys.stdout.flush()
