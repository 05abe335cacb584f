"""The state of a sandbox: its platforms, clock, faults, log and listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from airflow_provider_sessions.sandbox.faults import FaultQueue
from airflow_provider_sessions.sandbox.platform_state import Platform, SharedState
from airflow_provider_sessions.sandbox.prevail import Prevail
from airflow_provider_sessions.sandbox.request_log import LogEntry, RequestLog
from airflow_provider_sessions.sandbox.sandbox_clock import SandboxClock
from airflow_provider_sessions.sandbox.second_host import SecondHost
from airflow_provider_sessions.sandbox.sessions_us import SessionsUs
from airflow_provider_sessions.sandbox.vidinfra import VidInfra

PLATFORMS: Mapping[str, type[Platform[Any, Any]]] = {
    VidInfra.name: VidInfra,
    Prevail.name: Prevail,
    SessionsUs.name: SessionsUs,
}
"""The platforms by their connection type."""

CONTROL_PATH = "/_sandbox"


class SandboxState:
    """Everything a sandbox holds. All methods may be called from any thread.

    :param seed: determines all content: credentials, ids, people, recordings.
    :param clock: the current time on the platforms; real time by default.
    :param platforms: names of the platforms to stand in for; all by default.
    :raises ValueError: a platform is unknown.
    """

    def __init__(
        self, seed: int = 1, *, clock: SandboxClock | None = None, platforms: Iterable[str] | None = None
    ) -> None:
        self._names = tuple(PLATFORMS) if platforms is None else tuple(platforms)
        unknown = [name for name in self._names if name not in PLATFORMS]
        if unknown or not self._names:
            raise ValueError(f"Invalid platforms: {', '.join(unknown)}; choose from {', '.join(PLATFORMS)}")
        self.shared = SharedState(seed, clock or SandboxClock())
        self.faults = FaultQueue()
        self.log = RequestLog()
        self.latency = 0.0
        """Seconds of real time that every response takes at least."""
        self.listeners: list[Callable[[LogEntry], None]] = []
        self._second_host: SecondHost | None = None
        self.platforms = self._new_platforms()

    @property
    def seed(self) -> int:
        """The seed that determines all content."""
        return self.shared.seed

    @property
    def clock(self) -> SandboxClock:
        """The clock of the platforms."""
        return self.shared.clock

    @property
    def url(self) -> str:
        """Scheme, host and port of the sandbox; a placeholder until a server is started."""
        return self.shared.origin

    @property
    def control_url(self) -> str:
        """The URL of the control routes."""
        return f"{self.url}{CONTROL_PATH}"

    @property
    def vidinfra(self) -> VidInfra:
        """The stand-in for VidInfra Live."""
        return cast("VidInfra", self.platform("vidinfra"))

    @property
    def prevail(self) -> Prevail:
        """The stand-in for Prevail."""
        return cast("Prevail", self.platform("prevail"))

    @property
    def sessions_us(self) -> SessionsUs:
        """The stand-in for Sessions (sessions.us)."""
        return cast("SessionsUs", self.platform("sessions_us"))

    def platform(self, name: str) -> Platform[Any, Any]:
        """Return the platform with this name.

        :raises LookupError: this sandbox has none.
        """
        if name not in self.platforms:
            raise LookupError(f"This sandbox has no platform {name!r}; it has {', '.join(self.platforms)}")
        return self.platforms[name]

    def platform_at(self, path: str) -> Platform[Any, Any] | None:
        """Return the platform that serves a path, or None."""
        return next((platform for platform in self.platforms.values() if platform.serves(path)), None)

    def on_request(self, listener: Callable[[LogEntry], None]) -> None:
        """Call ``listener`` with the log entry of each request before the request is handled.

        This lets a test change the state between two pages of a list.
        """
        self.listeners.append(listener)

    def second_host(self) -> SecondHost:
        """Return a second host on a port of its own; the first call starts it, :meth:`close` stops it."""
        if self._second_host is None:
            self._second_host = SecondHost()
            self._second_host.start()
        return self._second_host

    def close(self) -> None:
        """Stop the second host."""
        if self._second_host is not None:
            self._second_host.stop()
            self._second_host = None

    def oracle(self) -> dict[str, list[dict[str, Any]]]:
        """Return all sessions by platform, deleted ones too, with all artifacts that each will have."""
        return {name: platform.oracle() for name, platform in self.platforms.items()}

    def reset(self) -> None:
        """Return to the initial state: the same seed, no sessions, no faults, an empty log. The clock stays."""
        with self.shared.lock:
            self.faults.clear()
            self.log.clear()
            self.latency = 0.0
            self.listeners.clear()
            self.platforms = self._new_platforms()

    def _new_platforms(self) -> dict[str, Platform[Any, Any]]:
        return {name: PLATFORMS[name](self.shared) for name in self._names}
