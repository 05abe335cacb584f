"""The sandbox in process, and the same sandbox on a port."""

from __future__ import annotations

from functools import cached_property

from airflow_provider_sessions.sandbox.asgi_server import AsgiServer
from airflow_provider_sessions.sandbox.middleware import SandboxApp
from airflow_provider_sessions.sandbox.sandbox_state import SandboxState


class Sandbox(SandboxState):
    """Stand-ins for the platforms, with every manual action on them; see :class:`SandboxState` for the arguments.

    ``Sandbox().app`` responds in process (``httpx.ASGITransport``); :class:`SandboxServer` serves it on a port.
    """

    @cached_property
    def app(self) -> SandboxApp:
        """The ASGI application."""
        return SandboxApp(self)


class SandboxServer(AsgiServer):
    """A sandbox on a port.

    ::

        with SandboxServer(Sandbox(seed=7)) as server:
            httpx.get(f"{server.base_url('vidinfra')}/sessions")

    :param sandbox: what is served; a new one by default. Its methods can be called while requests are served.
    :param host: the address to bind; loopback by default.
    :param port: 0 selects a free one.
    """

    def __init__(self, sandbox: Sandbox | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox or Sandbox()
        super().__init__(self.sandbox.app, host, port, date_header=False)
        self._former_origin = self.sandbox.shared.origin

    def start(self) -> None:
        """Serve; returns once requests are answered.

        :raises OSError: the port is taken.
        :raises RuntimeError: it is running already, or did not start.
        """
        super().start()
        self.sandbox.shared.origin = self.url

    def stop(self) -> None:
        """Stop serving; the sandbox keeps its state."""
        if self.is_running:
            super().stop()
            self.sandbox.shared.origin = self._former_origin
        self.sandbox.close()

    @property
    def control_url(self) -> str:
        """The URL of the control routes."""
        return self.sandbox.control_url

    def base_url(self, platform: str) -> str:
        """Return the host field of a connection of this type."""
        return self.sandbox.platform(platform).base_url
