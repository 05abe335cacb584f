"""What the tests of metrics need: something that records them, and a StatsD server."""

from __future__ import annotations

import select
import socket
import threading
from collections import defaultdict
from types import TracebackType
from typing import Self

from airflow_provider_sessions.metrics import NO_TAGS, Metric, Tags


class RecordingMetrics:
    """Keeps the values of each metric: ``(name, value, tags)``."""

    def __init__(self) -> None:
        self.values: list[tuple[str, float, dict[str, str]]] = []

    def increment(self, metric: Metric, count: int = 1, tags: Tags = NO_TAGS) -> None:
        self.values.append((metric.name, count, dict(tags)))

    def set_gauge(self, metric: Metric, value: float, tags: Tags = NO_TAGS) -> None:
        self.values.append((metric.name, value, dict(tags)))

    def record_seconds(self, metric: Metric, seconds: float, tags: Tags = NO_TAGS) -> None:
        self.values.append((metric.name, seconds, dict(tags)))

    def of(self, metric: Metric) -> list[float]:
        return [value for name, value, _ in self.values if name == metric.name]

    def tags_of(self, metric: Metric) -> list[dict[str, str]]:
        return [tags for name, _, tags in self.values if name == metric.name]


class StatsdServer:
    """A UDP socket at which StatsD lines arrive."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._values: dict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def read(self, prefix: str = "airflow.sessions.") -> dict[str, list[str]]:
        """What has arrived so far: by name, with its tags, the values with their types (``1|c``)."""
        self._drain()
        with self._lock:
            return {name: list(values) for name, values in self._values.items() if name.startswith(prefix)}

    def _receive(self) -> None:
        """Drain the socket all the time: what its small buffer cannot hold is lost."""
        while not self._closed.is_set():
            if select.select([self._socket], [], [], 0.2)[0]:
                self._drain()

    def _drain(self) -> None:
        with self._lock:
            while True:
                try:
                    lines = self._socket.recv(65536).decode().splitlines()
                except BlockingIOError:
                    return
                for line in lines:
                    name, _, value = line.partition(":")
                    self._values[name].append(value)
