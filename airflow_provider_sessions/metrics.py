"""The metrics that this package reports. What measures something takes a :class:`Metrics`, as it takes a clock.

The Airflow layer passes them on to Airflow's ``Stats``; see :mod:`airflow_provider_sessions.hooks.metrics`. No name and
no tag holds a secret, a session's id or anything that a user wrote about a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class MetricKind(StrEnum):
    """What a value of a metric means."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    :param name: its name, without Airflow's prefix.
    :param unit: what is counted or measured. (Airflow sends timers in milliseconds.)
    :param tags: its tags besides ``platform`` and ``conn_id``, which all have.
    :param source: which process reports it, and when.
    """

    name: str
    kind: MetricKind
    unit: str
    tags: tuple[str, ...]
    source: str


_TASK: Final = ("dag_id", "task_id")
REQUESTS: Final = Metric(
    "sessions.requests",
    MetricKind.COUNTER,
    "requests to the platform's hosts, by HTTP status; `no_response` if there was none",
    ("status",),
    "each request, log-ins and redirects included, of tasks and triggers",
)
RATE_LIMIT_WAIT: Final = Metric(
    "sessions.rate_limit.wait",
    MetricKind.TIMER,
    "time that a request waited for the rate limit",
    (),
    "each request that waited, of tasks and triggers",
)
RATE_LIMIT_DEFERRAL: Final = Metric(
    "sessions.rate_limit.deferral",
    MetricKind.TIMER,
    "time for which a task is deferred until the rate limit or the platform accepts its requests",
    (),
    "each such deferral",
)
POLL_LAG: Final = Metric(
    "sessions.poll.lag",
    MetricKind.TIMER,
    "time from when a poll was due until its last result: waits for the rate limit, pauses after errors and requests",
    (),
    "each poll of the triggerer",
)
EXPORTED: Final = Metric(
    "sessions.export.exported",
    MetricKind.COUNTER,
    "sessions with rows that the run wrote",
    _TASK,
    "the end of an export",
)
PENDING: Final = Metric(
    "sessions.export.pending",
    MetricKind.GAUGE,
    "sessions with artifacts that are not available yet, of those that the run checked",
    _TASK,
    "the end of an export",
)
ABSENT: Final = Metric(
    "sessions.export.absent",
    MetricKind.COUNTER,
    "sessions with artifacts on which the run gave up, or which the platform says will never come",
    _TASK,
    "the end of an export",
)
OLDEST_PENDING: Final = Metric(
    "sessions.export.oldest_pending_seconds",
    MetricKind.GAUGE,
    "seconds since the end of the oldest pending session; 0 if none is pending",
    _TASK,
    "the end of an export",
)
NEAR_GIVE_UP: Final = Metric(
    "sessions.export.near_give_up",
    MetricKind.GAUGE,
    "pending sessions on which the export gives up soon",
    _TASK,
    "the end of an export",
)
METRICS: Final = (
    REQUESTS,
    RATE_LIMIT_WAIT,
    RATE_LIMIT_DEFERRAL,
    POLL_LAG,
    EXPORTED,
    PENDING,
    ABSENT,
    OLDEST_PENDING,
    NEAR_GIVE_UP,
)
NO_RESPONSE: Final = "no_response"
"""The tag ``status`` of a request without a response."""


Tags = Mapping[str, str]
NO_TAGS: Final[Tags] = {}


class Metrics(Protocol):
    """Reports metrics of one connection. ``tags`` holds the tags that :attr:`Metric.tags` names."""

    def increment(self, metric: Metric, count: int = 1, tags: Tags = NO_TAGS) -> None:
        """Add to a counter."""

    def set_gauge(self, metric: Metric, value: float, tags: Tags = NO_TAGS) -> None:
        """Set a gauge."""

    def record_seconds(self, metric: Metric, seconds: float, tags: Tags = NO_TAGS) -> None:
        """Record a duration in seconds, for a timer."""


class NoMetrics:
    """Reports nothing."""

    def increment(self, metric: Metric, count: int = 1, tags: Tags = NO_TAGS) -> None:
        """Do nothing."""

    def set_gauge(self, metric: Metric, value: float, tags: Tags = NO_TAGS) -> None:
        """Do nothing."""

    def record_seconds(self, metric: Metric, seconds: float, tags: Tags = NO_TAGS) -> None:
        """Do nothing."""


NO_METRICS: Final = NoMetrics()
"""Used outside Airflow, and if Airflow's metrics are off."""
