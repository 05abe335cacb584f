"""Airflow's partitions: the window of a run that has one, and the days of an export as partitions of its outlets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import Asset
from airflow.sdk.definitions.asset import AssetRef

from airflow_provider_sessions.arguments import parse_untemplated_bool
from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Window
from airflow_provider_sessions.model.values import find_zone
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

log = get_logger(__name__)

PARTITION_LENGTH = timedelta(days=1)
_LOGGED_KEYS = 10


def find_partition_window(context: Mapping[str, Any], length: timedelta) -> Window | None:
    """Return the window of the run's partition, or None if the run has no partition with a date.

    :param context: the run's context. The window starts at its ``partition_date``; Airflow 3.2 does not pass that, so
        there the partition key says when.
    :param length: length of the window. Its whole days are days of the calendar in the time zone of the DAG's schedule,
        so a day on which clocks change has 23 or 25 hours.
    """
    start = context["partition_date"] if "partition_date" in context else _parse_partition_key(context)
    if not isinstance(start, datetime):
        return None
    days = timedelta(days=length.days)
    after_days = _add_days(start, days, _find_schedule_zone(context)) if days else start
    return Window(start=start.astimezone(UTC), end=after_days.astimezone(UTC) + (length - days))


def _add_days(start: datetime, days: timedelta, zone: tzinfo) -> datetime:
    """Return the same time of the clock on a later day.

    Where clocks change, that may be two instants. Airflow starts the next partition at the later one.
    """
    local = start.astimezone(zone)
    later = datetime.combine(local.date() + days, local.time(), zone)
    return max(later.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def _parse_partition_key(context: Mapping[str, Any]) -> datetime | None:
    """Return the start of the partition by its key, which Airflow 3.2 formats in UTC, whatever the schedule's zone."""
    key, key_format = get_partition_key(context), _get_of_schedule(context, "key_format")
    if key is None or key_format is None:
        return None
    try:
        return datetime.strptime(key, key_format).replace(tzinfo=UTC)
    except ValueError:  # a key that somebody has typed
        return None


def get_partition_key(context: Mapping[str, Any]) -> str | None:
    """Return the key of the run's partition, or None if it has none."""
    key = getattr(context.get("dag_run"), "partition_key", None)
    return None if key is None else str(key)


def _get_of_schedule(context: Mapping[str, Any], name: str) -> Any:
    """Return an attribute of the DAG's timetable: public in those of airflow.sdk, private in airflow.timetables."""
    timetable = getattr(context.get("dag"), "timetable", None)
    return getattr(timetable, name, getattr(timetable, f"_{name}", None))


def _find_schedule_zone(context: Mapping[str, Any]) -> tzinfo:
    """Return the time zone of the DAG's schedule; UTC if it has none."""
    zone = _get_of_schedule(context, "timezone")
    if isinstance(zone, str):
        return find_zone(zone)
    return zone if isinstance(zone, tzinfo) else UTC


def check_partition_outlets(value: Any) -> bool:
    """Return the argument ``partition_outlets``.

    :raises InputError: it is neither true nor false, or true on an Airflow whose outlet events have no partitions.
    """
    is_wanted = parse_untemplated_bool(value, "partition_outlets")
    if is_wanted and not _has_partition_events():
        import airflow

        raise InputError(
            f"partition_outlets: needs Airflow 3.3 or newer, and this is {airflow.__version__}; leave it out, and the "
            "events of outlets have no partitions"
        )
    return is_wanted


def _has_partition_events() -> bool:
    from airflow.sdk.execution_time.context import OutletEventAccessor

    return hasattr(OutletEventAccessor, "add_partitions")


def report_partitions(outlets: Sequence[Any], context: Context, days: Iterable[date]) -> list[Any]:
    """Add days as partitions to the events of the assets in a task's outlets.

    :param outlets: the task's outlets; aliases and others are ignored, as Airflow accepts no partitions for them.
    :param days: the days that were written, as the ``dt`` of files names them.
    :returns: the outlets that are to have an event: without the assets if there is no day. Airflow would emit an event
        for these, with the partition of the run, and so report a day that was not written.
    """
    assets = [outlet for outlet in outlets if isinstance(outlet, Asset | AssetRef)]
    keys = [f"{day.isoformat()}T00:00:00" for day in days]
    if not assets:
        log.warning("partition_outlets: there is no asset in outlets, so no partition is reported")
    elif not keys:
        log.info("No day was written, so the assets in outlets have no event")
        return [outlet for outlet in outlets if outlet not in assets]
    else:
        more = ", ..." if len(keys) > _LOGGED_KEYS else ""
        log.info("Partitions of the outlets (%d): %s%s", len(keys), ", ".join(islice(keys, _LOGGED_KEYS)), more)
    for asset in assets:
        context["outlet_events"][asset].add_partitions(keys)
    return list(outlets)
