from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Window
from airflow_provider_sessions.transfers._export_operator import resolve_window

DAY = Window(start=datetime(2026, 3, 2, tzinfo=UTC), end=datetime(2026, 3, 3, tzinfo=UTC))
INTERVAL = {"data_interval_start": DAY.start, "data_interval_end": DAY.end}


def test_the_data_interval_is_the_window_where_none_is_given() -> None:
    assert resolve_window(None, None, INTERVAL) == DAY
    assert resolve_window("", "None", INTERVAL) == DAY


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00+00:00"),
        (datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=1))), DAY.end),
        (1772409600, "1772496000"),
    ],
)
def test_a_given_window_goes_before_the_interval(start: Any, end: Any) -> None:
    other = {
        "data_interval_start": datetime(2020, 1, 1, tzinfo=UTC),
        "data_interval_end": datetime(2021, 1, 1, tzinfo=UTC),
    }
    assert resolve_window(start, end, other) == DAY


def test_a_local_day_of_daylight_saving_is_as_long_as_it_was() -> None:
    window = resolve_window("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", {})
    assert window.end - window.start == timedelta(hours=23)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"data_interval_start": None, "data_interval_end": None},
        {"data_interval_start": DAY.start, "data_interval_end": DAY.start},
    ],
)
def test_without_a_window_all_remedies_are_named(context: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"give start and end.*CronDataIntervalTimetable.*CronPartitionTimetable"):
        resolve_window(None, None, context)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("2026-03-02T00:00:00Z", None, "end is missing"),
        (None, "2026-03-02T00:00:00Z", "start is missing"),
        ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "not after the start"),
        ("2026-03-03T00:00:00Z", "2026-03-02T00:00:00Z", "not after the start"),
        ("2026-03-02T00:00:00", "2026-03-03T00:00:00Z", "no time zone"),
        (
            "2026-03-02",
            "2026-03-03",
            "no time zone; give an offset .*, or set time_zone where there is such an argument",
        ),
        ("yesterday", "2026-03-03T00:00:00Z", "not a time"),
    ],
)
def test_an_invalid_window_is_refused(start: Any, end: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        resolve_window(start, end, INTERVAL)
