"""Servers in processes of their own."""

from __future__ import annotations

import socket
import subprocess
import threading


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process listens, for at most a minute."""
    for _ in range(600):
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.1)
    raise AssertionError(f"{process.args} does not listen")
