"""The sandbox in process, and the same sandbox on a port."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_sessions.sandbox.asgi_server import AsgiServer
from airflow_provider_sessions.sandbox.middleware import SandboxApp
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.sandbox_state import SandboxState


class Sandbox(SandboxState):
    """Stand-ins for the platforms, with every manual action on them.

    ``Sandbox().app`` responds in process (``httpx.ASGITransport``); :class:`SandboxServer` serves it on a port. All
    methods may be called from any thread.

    :param seed: determines all content: credentials, ids, people, recordings.
    :param clock: the current time on the platforms; real time by default.
    :param platforms: names of the platforms to stand in for; all by default.
    :raises ValueError: a platform is unknown.
    """

    def __init__(
        self, seed: int = 1, *, clock: SandboxClock | None = None, platforms: Iterable[str] | None = None
    ) -> None:
        super().__init__(seed, clock=clock, platforms=platforms)
        self.app = SandboxApp(self)


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
