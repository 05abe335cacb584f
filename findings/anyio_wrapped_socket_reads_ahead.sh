#!/usr/bin/env bash
# anyio 4.16.0: SocketStream.from_socket() reads all that arrives, whether or not anybody receives
#
# Guessed: a stream made of a connected socket behaves as one of connect_tcp(): the peer is held back when nobody calls
# receive(), and what waits in memory is bounded.
# Seen: with connect_tcp() a peer can send a few megabytes (3.7 here) before it has to wait. With from_socket() the same peer gets
# rid of all of its 64 MiB, and they lie in the process that has not asked for a byte.
# Matters: whoever connects a socket on its own (to choose its address, or to bind it) and hands it to anyio, as a
# network backend of httpcore does, holds a download in memory whole where its disk is slower than the network.
# Date: 2026-11-30
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check anyio==4.16.0
cat >"$work/send.py" <<'PYTHON'
import contextlib
import socket
import sys
import threading

import anyio
from anyio.abc import SocketStream

SIZE = 64 * 1024 * 1024


class Peer(threading.Thread):
    """Sends as much as the other side takes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sent = 0

    def run(self) -> None:
        connection, _ = self.listener.accept()
        block = b"x" * 65536
        with contextlib.suppress(ConnectionError):  # the stream was closed
            while self.sent < SIZE:
                self.sent += connection.send(block)


async def sent_while_nobody_receives(wrap: bool) -> int:
    peer = Peer()
    peer.start()
    if wrap:
        plain = socket.create_connection(("127.0.0.1", peer.port))
        plain.setblocking(False)
        stream = await SocketStream.from_socket(plain)
    else:
        stream = await anyio.connect_tcp("127.0.0.1", peer.port)
    before, still = -1, 0
    while still < 10 and peer.sent < SIZE:  # until nothing more was sent for a second
        await anyio.sleep(0.1)
        still, before = (still + 1, before) if peer.sent == before else (0, peer.sent)
    sent = peer.sent
    await stream.aclose()
    return sent


connected = anyio.run(sent_while_nobody_receives, False)
wrapped = anyio.run(sent_while_nobody_receives, True)
print(f"connect_tcp: {connected / 2**20:.1f} MiB sent; from_socket: {wrapped / 2**20:.1f} MiB sent")
sys.exit(0 if connected < SIZE / 4 and wrapped >= SIZE else 1)
PYTHON
"$work/env/bin/python" "$work/send.py" || { echo "CHANGED: both hold their peer back, or neither does"; exit 1; }
