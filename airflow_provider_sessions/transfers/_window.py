"""Which window of time an export is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_sessions.arguments import none_if_empty
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Window, parse_instant

_REMEDIES = (
    "give start and end (templates such as '{{ dag_run.run_after | ds }}T00:00:00Z' will do), or schedule the DAG with "
    "airflow.timetables.interval.CronDataIntervalTimetable, whose runs have an interval"
)


def window_of(start: Any, end: Any, context: Mapping[str, Any]) -> Window:
    """The window from ``start`` to ``end``, else the run's data interval.

    :param start: as the user gave it: an aware datetime, ISO 8601, seconds since 1970, or nothing.
    :param end: the same.
    :param context: the task's context.
    :raises InputError: one of the two is missing, the window has no length, or there is neither it nor an interval.
    """
    start, end = none_if_empty(start), none_if_empty(end)
    if (start is None) != (end is None):
        raise InputError(f"start and end belong together, but {'start' if start is None else 'end'} is missing")
    if start is not None and end is not None:
        begins, ends = parse_instant(start, "start"), parse_instant(end, "end")
        if ends <= begins:
            raise InputError(f"end: {ends.isoformat()} is not after the start, {begins.isoformat()}")
        return Window(start=begins, end=ends)
    return _interval(context)


def _interval(context: Mapping[str, Any]) -> Window:
    begins, ends = context.get("data_interval_start"), context.get("data_interval_end")
    if not isinstance(begins, datetime) or not isinstance(ends, datetime):
        raise InputError(f"this run has no data interval, so there is no window to export: {_REMEDIES}")
    if ends <= begins:
        raise InputError(
            f"this run's data interval has no length (it starts and ends at {begins.isoformat()}; schedules such as "
            f"'@daily' make such runs), so there is no window to export: {_REMEDIES}"
        )
    return Window(start=begins, end=ends)
