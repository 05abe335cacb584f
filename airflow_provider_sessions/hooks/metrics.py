"""Report metrics through Airflow's ``Stats``: to StatsD, Datadog or OpenTelemetry, whichever ``[metrics]`` configures.

Each metric is sent with tags. StatsD without tags would lose them, so each is also sent with the values of its tags in
its name (``sessions.requests.prevail.prevail_default.200``), as Airflow does it with its own metrics, unless
``[metrics] legacy_names_on`` is off (a setting of Airflow 3.2 and newer).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from airflow.providers.common.compat.sdk import Stats, conf

from airflow_provider_sessions.metrics import NO_METRICS, NO_TAGS, Metric, Metrics, Tags
from airflow_provider_sessions.platforms.account import Account

_SWITCHES: Final = ("statsd_on", "statsd_datadog_enabled", "otel_on")
_INVALID: Final = re.compile(r"[^a-zA-Z0-9_-]")


class AirflowMetrics:
    """Reports metrics of one connection to ``Stats``.

    :param account: the connection.
    """

    def __init__(self, account: Account) -> None:
        self._tags = {"platform": account.conn_type, "conn_id": account.conn_id}
        self._in_names = conf.getboolean("metrics", "legacy_names_on", fallback=True)

    def increment(self, metric: Metric, count: int = 1, tags: Tags = NO_TAGS) -> None:
        """Add to a counter."""
        for name, all_tags in self._resolve(metric, tags):
            Stats.incr(name, count, tags=all_tags)

    def set_gauge(self, metric: Metric, value: float, tags: Tags = NO_TAGS) -> None:
        """Set a gauge."""
        for name, all_tags in self._resolve(metric, tags):
            Stats.gauge(name, value, tags=all_tags)

    def record_seconds(self, metric: Metric, seconds: float, tags: Tags = NO_TAGS) -> None:
        """Record a duration in seconds, for a timer."""
        for name, all_tags in self._resolve(metric, tags):
            # A number would be milliseconds to one of Airflow's backends and seconds to another.
            Stats.timing(name, timedelta(seconds=seconds), tags=all_tags)

    def _resolve(self, metric: Metric, tags: Tags) -> Iterator[tuple[str, dict[str, str] | None]]:
        """Yield the names under which a metric is sent, with their tags."""
        all_tags = {**self._tags, **tags}
        yield metric.name, all_tags
        if self._in_names:
            tags_in_name = (all_tags[tag] for tag in ("platform", "conn_id", *metric.tags))
            yield ".".join((metric.name, *map(_make_part, tags_in_name))), None


def _make_part(value: str) -> str:
    """Return a tag's value as one part of a dotted name. Ids of connections, DAGs and tasks may have dots."""
    return _INVALID.sub("_", value.replace(".", "__"))


def make_metrics(account: Account) -> Metrics:
    """Return what reports the metrics of a connection: nothing, if Airflow's metrics are off."""
    if not any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES):
        return NO_METRICS
    return AirflowMetrics(account)
