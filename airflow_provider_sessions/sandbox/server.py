"""The sandbox on a real port, started and stopped by a ``with`` block."""

from __future__ import annotations

from types import TracebackType

from airflow_provider_sessions.sandbox.asgi_server import Listener
from airflow_provider_sessions.sandbox.sandbox import Sandbox


class SandboxServer:
    """A sandbox on a real port.

    ::

        with SandboxServer(Sandbox(seed=7)) as server:
            httpx.get(f"{server.base_url('vidinfra')}/sessions")

    :param sandbox: what is served; a new one if not given. Its own methods go on working beside the requests.
    :param host: the address to bind; loopback if not given.
    :param port: 0 takes a free one.
    """

    def __init__(self, sandbox: Sandbox | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox or Sandbox()
        self._host = host
        self._port = port
        self._listener: Listener | None = None
        self._former_origin = self.sandbox.shared.origin

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve; returns once requests are answered.

        :raises OSError: the port is taken.
        :raises RuntimeError: it is running already, or did not start.
        """
        if self._listener:
            raise RuntimeError(f"This sandbox is already served on {self.url}")
        self._listener = Listener(self.sandbox.app, self._host, self._port, date_header=False)
        self._listener.start()
        self.sandbox.shared.origin = self._listener.url

    def stop(self) -> None:
        """Stop serving; the sandbox keeps its state."""
        if self._listener:
            self._listener.stop()
            self._listener = None
            self.sandbox.shared.origin = self._former_origin
        self.sandbox.close()

    @property
    def url(self) -> str:
        """Scheme, host and port.

        :raises RuntimeError: it is not started.
        """
        if self._listener is None:
            raise RuntimeError("The sandbox is not being served")
        return self._listener.url

    @property
    def control_url(self) -> str:
        """Where the control routes are."""
        return self.sandbox.control_url

    def base_url(self, platform: str) -> str:
        """What goes into the host field of a connection of this type."""
        return self.sandbox.platform(platform).base_url
