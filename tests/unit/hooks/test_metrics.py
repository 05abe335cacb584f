"""Metrics of a connection, sent by Airflow's own StatsD logger to a UDP socket."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from statsd import StatsClient

from airflow_provider_sessions.hooks import metrics as hooks_metrics
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.hooks.metrics import AirflowMetrics, make_metrics
from airflow_provider_sessions.metrics import METRICS, NO_METRICS, PENDING, POLL_LAG, REQUESTS, MetricKind
from airflow_provider_sessions.platforms.account import Account
from tests.metrics import StatsdServer

ACCOUNT = Account("vendor.eu", "vidinfra")


def make_statsd_logger(port: int, *, tags: bool) -> Any:
    try:
        module = importlib.import_module("airflow.sdk._shared.observability.metrics.statsd_logger")
    except ImportError:  # Airflow 3.1
        try:
            module = importlib.import_module("airflow._shared.observability.metrics.statsd_logger")
        except ImportError:
            module = importlib.import_module("airflow.metrics.statsd_logger")
    logger = module.SafeStatsdLogger(StatsClient("127.0.0.1", port, "airflow"), influxdb_tags_enabled=tags)
    logger.statsd_influxdb_enabled = tags  # Airflow 3.1 reads the setting instead
    return logger


@pytest.fixture
def statsd() -> Iterator[StatsdServer]:
    with StatsdServer() as server:
        yield server


@pytest.fixture
def stats(statsd: StatsdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks_metrics, "Stats", make_statsd_logger(statsd.port, tags=False))


def test_without_tags_the_name_holds_their_values(statsd: StatsdServer, stats: None) -> None:
    metrics = AirflowMetrics(ACCOUNT)
    metrics.increment(REQUESTS, 2, tags={"status": "429"})
    metrics.set_gauge(PENDING, 3, tags={"dag_id": "nightly.eu", "task_id": "group.export"})
    metrics.record_seconds(POLL_LAG, 1.5)

    assert statsd.read() == {
        "airflow.sessions.requests": ["2|c"],
        "airflow.sessions.requests.vidinfra.vendor__eu.429": ["2|c"],
        "airflow.sessions.export.pending": ["3|g"],
        "airflow.sessions.export.pending.vidinfra.vendor__eu.nightly__eu.group__export": ["3|g"],
        "airflow.sessions.poll.lag": ["1500.000000|ms"],
        "airflow.sessions.poll.lag.vidinfra.vendor__eu": ["1500.000000|ms"],
    }


def test_with_tags_alone_there_is_one_name(statsd: StatsdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED", "True")
    monkeypatch.setenv("AIRFLOW__METRICS__LEGACY_NAMES_ON", "False")
    monkeypatch.setattr(hooks_metrics, "Stats", make_statsd_logger(statsd.port, tags=True))
    AirflowMetrics(ACCOUNT).increment(REQUESTS, tags={"status": "200"})
    assert statsd.read() == {"airflow.sessions.requests,platform=vidinfra,conn_id=vendor.eu,status=200": ["1|c"]}


def test_an_id_with_other_characters_is_still_reported(statsd: StatsdServer, stats: None) -> None:
    AirflowMetrics(Account("büro:1, 2", "vidinfra")).increment(REQUESTS, tags={"status": "200"})
    assert statsd.read()["airflow.sessions.requests.vidinfra.b_ro_1__2.200"] == ["1|c"]


def test_the_settings_of_airflow_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_metrics(ACCOUNT) is NO_METRICS
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    assert isinstance(make_metrics(ACCOUNT), AirflowMetrics)


def test_a_hook_reports_its_requests(
    vidinfra: Any, statsd: StatsdServer, stats: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    [session_id] = vidinfra.create("Board meeting")
    hook_for("vidinfra_default").get_session(session_id)

    seen = statsd.read()
    assert seen["airflow.sessions.requests.vidinfra.vidinfra_default.200"] == ["1|c"]
    assert session_id not in str(seen)


def test_names_are_unique_and_units_are_given() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.name.startswith("sessions.")
        assert metric.unit
        assert metric.source
        assert (metric.kind is MetricKind.TIMER) == metric.unit.startswith("time ")
