"""What a request costs: CPU time over our connections, beside httpx's own pool with as many.

    python benchmarks/request_cost.py            # a minute
    python benchmarks/request_cost.py --quick

Each round is a fresh process that sends requests from several tasks at once to a server in another process. The median
of the rounds counts. Prints each target with what was measured, and exits with 1 if one was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from typing import Any

import httpx

from airflow_provider_sessions.client.config import ClientConfig
from airflow_provider_sessions.client.transport import open_transport
from benchmarks._measuring import Bounds, Meter, in_child, started

TASKS = 16
SHARE_OF_HTTPX = 0.6
_ITEMS = b",".join(b'{"id": "%d", "title": "A session"}' % number for number in range(40))
_BODY = b'{"data": [' + _ITEMS + b"]}"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)


class _Server(asyncio.Protocol):
    """Answers each request with the same bytes."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        self._transport.write(_ANSWER * len(requests))


def serve(port: Any) -> None:
    """Serve until the process is ended."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
        port.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sessions")
        await server.serve_forever()

    asyncio.run(run())


def send_all(meter: Meter, kind: str, url: str, requests: int) -> None:
    """Send requests, after some that open the connections."""

    async def send(client: httpx.AsyncClient, count: int) -> None:
        for _ in range(count // TASKS):
            (await client.get(url)).raise_for_status()

    async def run() -> None:
        async with httpx.AsyncClient(transport=transport(kind), trust_env=False) as client:
            await asyncio.gather(*(send(client, 20 * TASKS) for _ in range(TASKS)))
            with meter:
                await asyncio.gather(*(send(client, requests) for _ in range(TASKS)))

    asyncio.run(run())


def transport(kind: str) -> httpx.AsyncBaseTransport:
    """Connections of one kind: ``ours``, or ``httpx``."""
    if kind == "ours":
        return open_transport(ClientConfig(base_url="http://127.0.0.1"))
    return httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=TASKS))


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer requests and rounds")
    quick = parser.parse_args().quick
    requests, rounds = (3200, 3) if quick else (16000, 5)
    costs: dict[str, list[float]] = {"ours": [], "httpx": []}
    with started(serve) as (port, _):
        url = port.recv()
        for _ in range(rounds):
            for kind, found in costs.items():
                found.append(1000 * in_child(send_all, kind, url, requests).cpu_seconds / requests)
    ours, httpxs = (statistics.median(found) for found in costs.values())
    print(f"{requests} requests, median of {rounds} rounds: {ours:.3f} ms of CPU a request, httpx {httpxs:.3f}")
    bounds = Bounds()
    bounds.at_most("CPU time of a request: share of httpx's own pool", SHARE_OF_HTTPX, ours / httpxs)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
