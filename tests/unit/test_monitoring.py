"""The page on monitoring: its rules and its mapping are about metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_sessions.metrics import METRICS, Metric, MetricKind

PAGE = (Path(__file__).parents[2] / "docs" / "operating" / "monitoring.md").read_text(encoding="utf-8")
RULES, MAPPING = (yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SERIES = re.compile(r"airflow_sessions_\w+")


def to_series(metric: Metric) -> str:
    """The name in Prometheus: statsd_exporter makes an underscore of each dot."""
    return f"airflow_{metric.name}".replace(".", "_")


BY_SERIES = {to_series(metric): metric for metric in METRICS}


def list_rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", list_rules(), ids=lambda rule: rule["alert"])
def test_each_alert_is_about_metrics_and_tags_that_exist(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    named = SERIES.findall(rule["expr"])
    assert named
    for name in named:
        series = name.removesuffix("_sum")
        metric = BY_SERIES[series]
        assert (series != name) <= (metric.kind is MetricKind.TIMER)
        tags = {"platform", "conn_id", *metric.tags}
        used = [label for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in labels.split(", ")]
        used += re.findall(rf"{name}\{{(\w+)[=~]", rule["expr"])
        used += re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert set(used) - {"quantile"} <= tags
        is_counted = bool(re.search(rf"(increase|rate)\({name}\b", rule["expr"]))
        assert is_counted == (metric.kind is MetricKind.COUNTER or name.endswith("_sum"))


def test_there_is_an_alert_on_every_metric() -> None:
    named = {name.removesuffix("_sum") for rule in list_rules() for name in SERIES.findall(rule["expr"])}
    assert named == set(BY_SERIES)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_mapping_restores_the_tags_that_are_in_a_name(metric: Metric) -> None:
    values = {tag: f"a-{tag}" for tag in ("platform", "conn_id", *metric.tags)}
    assert apply_mapping(f"airflow.{metric.name}.{'.'.join(values.values())}") == (to_series(metric), values)
    assert apply_mapping(f"airflow.{metric.name}") is None


def apply_mapping(name: str) -> tuple[str, dict[str, str]] | None:
    """As statsd_exporter does it: a star stands for one part of the name, and the first match counts."""
    for rule in MAPPING["mappings"]:
        found = re.fullmatch(re.escape(rule["match"]).replace(r"\*", "([^.]*)"), name)
        if found is None:
            continue
        if rule.get("action") == "drop":
            return None

        def fill(text: str, parts: tuple[str, ...] = found.groups()) -> str:
            return re.sub(r"\$(\d)", lambda number: parts[int(number[1]) - 1], text)

        return fill(rule["name"]), {label: fill(value) for label, value in rule["labels"].items()}
    raise AssertionError(f"nothing maps {name}")
