"""A server of large files for benchmarks: made up as they are sent, so that no disk slows it down.

It also plays as much of VidInfra as leads an operator to a recording. A recording's id says how its file is served:
``{size}``, ``{size}-slow`` (at most 100 MiB a second) or ``{size}-cut`` (20 times broken off).
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

from benchmarks._measuring import MIB

CAP = 100 * MIB
"""Bytes a second of the slow ones."""
CUTS = 20
_BLOCK = random.Random(4711).randbytes(MIB)
_CHUNK = MIB // 4
_FILE = re.compile(r"/files/(\d+)(-slow|-cut)?")
_TIME = "2026-03-02T10:00:00Z"


def pieces(start: int, end: int, largest: int = MIB) -> Iterator[memoryview]:
    """The bytes of any file from ``start`` to ``end``: every mebibyte differs from the others in its first bytes."""
    while start < end:
        number, offset = divmod(start, MIB)
        block = memoryview(number.to_bytes(8, "big") + _BLOCK[8:]) if offset < 8 else memoryview(_BLOCK)
        piece = block[offset : offset + min(largest, end - start)]
        yield piece
        start += len(piece)


def sha256_of(size: int) -> str:
    """Return the checksum of a file."""
    checksum = hashlib.sha256()
    for piece in pieces(0, size):
        checksum.update(piece)
    return checksum.hexdigest()


class _Server:
    """Serves each connection in its own thread."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._sent: dict[str, int] = {}
        self._cuts: dict[str, int] = {}

    def serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._handle_connection, args=(connection,), daemon=True).start()

    def _handle_connection(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    if not self._respond(connection, head.decode()):
                        return
        except OSError:
            return  # the client has closed the connection
        finally:
            connection.close()

    def _respond(self, connection: socket.socket, head: str) -> bool:
        """Respond to a request; return whether the connection stays open."""
        target = head.split(" ", 2)[1]
        if found := _FILE.fullmatch(target):
            ranged = re.search(r"^range: *bytes=(\d+)-", head, re.IGNORECASE | re.MULTILINE)
            return self._send_file(connection, target, int(found[1]), found[2] or "", int(ranged[1]) if ranged else 0)
        body = json.dumps(self._make_body(target)).encode()
        start = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(start.encode() + body)
        return True

    def _make_body(self, target: str) -> Any:
        """Return a session with one recording of the same id."""
        if target == "/sent":
            return self._sent
        *_, what, key, last = ["", *target.split("/")]
        if last == "recordings":
            size = int(key.partition("-")[0])
            recording = {"id": key, "session_id": key, "name": "Recording", "file_path": "recording.mp4"}
            return {
                "success": True,
                "data": {"recordings": [recording | {"file_size": size, "status": "completed", "created_at": _TIME}]},
            }
        if last == "download":
            return {"success": True, "data": {"download_url": f"/files/{key}"}}
        session = {"id": last, "room_id": "room", "title": what, "status": "ended", "started_at": _TIME}
        return {"success": True, "data": {"session": session | {"ended_at": _TIME, "duration": 0}}}

    def _send_file(self, connection: socket.socket, target: str, size: int, manner: str, start: int) -> bool:
        status = "206 Partial Content" if start else "200 OK"
        head = f'HTTP/1.1 {status}\r\nContent-Type: video/mp4\r\nETag: "{size}"\r\nContent-Length: {size - start}\r\n'
        if start:
            head += f"Content-Range: bytes {start}-{size - 1}/{size}\r\n"
        connection.sendall(f"{head}\r\n".encode())
        end = self._end(target, size, manner, start)
        began = time.perf_counter()
        for number, piece in zip(count(1), pieces(start, end, _CHUNK), strict=False):
            if manner == "-slow" and (early := began + number * _CHUNK / CAP - time.perf_counter()) > 0:
                time.sleep(early)
            connection.sendall(piece)
            self._sent[target] = self._sent.get(target, 0) + len(piece)
        return end == size

    def _end(self, target: str, size: int, manner: str, start: int) -> int:
        """Return where the response is cut off: at odd places, where no client's chunk ends."""
        if manner != "-cut" or self._cuts.get(target, 0) >= CUTS:
            return size
        self._cuts[target] = self._cuts.get(target, 0) + 1
        return min(size, start + size // (CUTS + 1) - 1000 * self._cuts[target] - 7)


def serve(port: Any) -> None:
    """Serve forever; send the base URL through the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    _Server(listener).serve()
