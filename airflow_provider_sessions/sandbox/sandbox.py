"""The sandbox as a whole: one state, one ASGI application, and what tests need to simulate the rest of the world."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from airflow_provider_sessions.sandbox.faults import FaultQueue
from airflow_provider_sessions.sandbox.middleware import SandboxApp
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
"""The platforms there are; the name is that of the connection type."""

CONTROL_PATH = "/_sandbox"


class Sandbox:
    """Stand-ins for the platforms, with everything that can be done to them by hand.

    ``Sandbox().app`` answers in process (``httpx.ASGITransport``);
    :class:`~airflow_provider_sessions.sandbox.server.SandboxServer` serves it on a real port. All methods may be
    called from any thread.

    :param seed: what all content follows from: credentials, ids, people, recordings.
    :param clock: what time it is on the platforms; real time if not given.
    :param platforms: names of the platforms to stand in for; all if not given.
    :raises ValueError: a platform is not known.
    """

    def __init__(
        self, seed: int = 1, *, clock: SandboxClock | None = None, platforms: Iterable[str] | None = None
    ) -> None:
        self._names = tuple(PLATFORMS) if platforms is None else tuple(platforms)
        unknown = [name for name in self._names if name not in PLATFORMS]
        if unknown or not self._names:
            raise ValueError(f"The sandbox has the platforms {', '.join(PLATFORMS)}; asked for: {', '.join(unknown)}")
        self.shared = SharedState(seed, clock or SandboxClock())
        self.faults = FaultQueue()
        self.log = RequestLog()
        self.latency = 0.0
        """Seconds of real time that every answer takes at least."""
        self.listeners: list[Callable[[LogEntry], None]] = []
        self._foreign: SecondHost | None = None
        self.platforms = self._fresh_platforms()
        self.app = SandboxApp(self, CONTROL_PATH)

    @property
    def seed(self) -> int:
        """What all content follows from."""
        return self.shared.seed

    @property
    def clock(self) -> SandboxClock:
        """What time it is on the platforms."""
        return self.shared.clock

    @property
    def url(self) -> str:
        """Scheme, host and port by which it is reached; a placeholder while no server is started."""
        return self.shared.origin

    @property
    def control_url(self) -> str:
        """Where the control routes are."""
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
        """The stand-in of this name.

        :raises LookupError: this sandbox has none.
        """
        if name not in self.platforms:
            raise LookupError(f"This sandbox has no platform {name!r}; it has {', '.join(self.platforms)}")
        return self.platforms[name]

    def platform_at(self, path: str) -> Platform[Any, Any] | None:
        """The stand-in that answers a path; None: none does."""
        return next((platform for platform in self.platforms.values() if platform.answers(path)), None)

    def on_request(self, listener: Callable[[LogEntry], None]) -> None:
        """Call ``listener`` with each request's log entry before it is carried out.

        By it a test can change the world between two pages of a list.
        """
        self.listeners.append(listener)

    def second_host(self) -> SecondHost:
        """A second host on a port of its own, started when first asked for; :meth:`close` stops it."""
        if self._foreign is None:
            self._foreign = SecondHost()
            self._foreign.start()
        return self._foreign

    def close(self) -> None:
        """Stop what was started besides the server itself."""
        if self._foreign is not None:
            self._foreign.stop()
            self._foreign = None

    def oracle(self) -> dict[str, list[dict[str, Any]]]:
        """By platform, every session there ever was and all that it will have left."""
        return {name: platform.oracle() for name, platform in self.platforms.items()}

    def reset(self) -> None:
        """Back to the beginning: the same seed, no sessions, no faults, an empty log. The clock goes on."""
        with self.shared.lock:
            self.faults.clear()
            self.log.clear()
            self.latency = 0.0
            self.listeners.clear()
            self.platforms = self._fresh_platforms()

    def _fresh_platforms(self) -> dict[str, Platform[Any, Any]]:
        return {name: PLATFORMS[name](self.shared) for name in self._names}
