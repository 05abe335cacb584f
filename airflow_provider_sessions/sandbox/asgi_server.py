"""An ASGI application on a port of its own, served by uvicorn from a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_START_TIMEOUT = 30.0
_GRACE = 1.0
"""Seconds that requests in progress have to finish after a stop."""
_EXTENSION = "sandbox.transport"


class _TransportProtocol(H11Protocol):
    """uvicorn's protocol, which also passes the connection's transport to the application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[_EXTENSION] = self.transport
            await app(scope, receive, send)

        self.app = with_transport


class _Server(uvicorn.Server):
    """uvicorn's server, started and stopped without its fixed sleeps: a test suite does both for nearly every test.

    uvicorn checks 10 times per second whether to stop, and then waits 0.1 s more whether or not a connection is open.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()
        """Set once requests are answered, or the server has failed to start."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def run_on(self, listening: socket.socket) -> None:
        """Serve until ``stop`` is called from another thread."""
        try:
            asyncio.run(self.serve(sockets=[listening]))
        finally:
            self.is_ready.set()

    def stop(self) -> None:
        """Let the server end, after ``is_ready``."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to answer requests."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.is_ready.set()

    async def main_loop(self) -> None:
        """Wait until the server is to stop. ``on_tick`` dates the responses."""
        counter = 0
        while not await self.on_tick(counter):
            counter += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens and idle connections; requests in progress have ``_GRACE`` seconds to finish."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - no event tells it
                    await asyncio.sleep(0.002)


def transport_of(scope: Scope) -> asyncio.Transport | None:
    """Return the transport of a request's connection; None in process, where there is no connection."""
    transport: asyncio.Transport | None = scope.get("extensions", {}).get(_EXTENSION)
    return transport


def is_disconnected(scope: Scope) -> bool:
    """Return whether the caller of a request is gone, so that a long response can be abandoned."""
    transport = transport_of(scope)
    return transport is not None and transport.is_closing()


class AsgiServer:
    """Serves an ASGI application from a thread; a context manager that starts and stops it.

    :param host: the address to bind.
    :param port: 0 selects a free one.
    :param date_header: whether uvicorn dates responses by the system clock; False if the application dates them.
    """

    def __init__(self, app: Any, host: str = "127.0.0.1", port: int = 0, *, date_header: bool = True) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._date_header = date_header
        self._running: tuple[socket.socket, _Server, threading.Thread] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._running is not None

    @property
    def url(self) -> str:
        """Scheme, host and port.

        :raises RuntimeError: it is not started.
        """
        if self._running is None:
            raise RuntimeError("This server is not being served: start it first")
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._running[0].getsockname()[1]}"

    def start(self) -> None:
        """Serve; returns once requests are answered.

        :raises OSError: the port is taken.
        :raises RuntimeError: it is running already, or did not start.
        """
        if self._running:
            raise RuntimeError(f"This application is already served on {self.url}")
        # Bound here and not by uvicorn, so that the port is known at once and a taken port is an error at once.
        listening = _bind(self._host, self._port)
        server = _Server(self._config())
        thread = threading.Thread(
            target=server.run_on, args=(listening,), name=f"sandbox-{listening.getsockname()[1]}", daemon=True
        )
        self._running = listening, server, thread
        thread.start()
        if not server.is_ready.wait(_START_TIMEOUT) or not server.started:
            raise RuntimeError(f"The sandbox did not start on {self.url}")

    def stop(self) -> None:
        """Stop serving; returns once the port is free and the thread has ended."""
        if self._running is None:
            return
        listening, server, thread = self._running
        server.stop()
        thread.join()
        listening.close()
        self._running = None

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http=_TransportProtocol,
            loop="asyncio",
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=self._date_header,
            timeout_keep_alive=75,
        )


def _bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. TCP is named because asyncio disables Nagle's algorithm only if it is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    return listening
