"""An ASGI application on a port of its own, served by uvicorn from a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import uvicorn

from airflow_provider_sessions.sandbox.broken_responses import BreakableProtocol

_START_PATIENCE = 30.0


class Listener:
    """An ASGI application on a port, served from a thread of its own.

    :param port: 0 takes a free one.
    :param date_header: whether answers are dated by the machine's clock; False where the application dates them.
    """

    def __init__(self, app: Any, host: str = "127.0.0.1", port: int = 0, *, date_header: bool = True) -> None:
        # Bound here and not by uvicorn, so that the port is known at once and a taken one is an error at once.
        self._socket = _bound(host, port)
        self.host = host
        self.port = int(self._socket.getsockname()[1])
        config = uvicorn.Config(
            app,
            http=BreakableProtocol,
            loop="asyncio",
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=date_header,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"sandbox-{self.port}", daemon=True)

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve; returns once requests are answered.

        :raises RuntimeError: it did not start.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_PATIENCE
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"The sandbox did not start on {self.url}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop serving; returns once the port is free and the thread is gone."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket. TCP is named, because asyncio sends small answers at once only where it is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise
    return bound
