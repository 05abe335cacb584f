"""Runs that have a partition, and exports that report days as partitions of their outlets."""

from __future__ import annotations

import importlib
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_sessions.errors import InputError
from airflow_provider_sessions.model import Window
from airflow_provider_sessions.transfers._export_operator import resolve_window
from airflow_provider_sessions.transfers._partitions import report_partitions
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect

DAY = datetime(2026, 3, 2, tzinfo=UTC)
INTERVAL = {"data_interval_start": DAY - timedelta(days=1), "data_interval_end": DAY}


def scheduled(partition_date: datetime | None, time_zone: Any = "UTC", **more: Any) -> dict[str, Any]:
    """The context of a run of a DAG with a partitioned timetable, from Airflow 3.3 on."""
    dag = SimpleNamespace(timetable=SimpleNamespace(timezone=time_zone))
    return {"partition_date": partition_date, "dag_run": SimpleNamespace(partition_key="a key"), "dag": dag, **more}


@pytest.mark.parametrize(
    ("context", "length", "end"),
    [
        (scheduled(DAY), timedelta(days=1), DAY + timedelta(days=1)),
        (scheduled(DAY), "PT1H", DAY + timedelta(hours=1)),
        (scheduled(DAY), "P7D", DAY + timedelta(days=7)),
        (scheduled(DAY, None), 5400, DAY + timedelta(minutes=90)),
        (scheduled(DAY, timezone(timedelta(hours=5))), "P1DT1H", DAY + timedelta(hours=25)),
        ({"partition_date": DAY}, timedelta(days=1), DAY + timedelta(days=1)),
        (scheduled(DAY, **INTERVAL), timedelta(days=1), DAY + timedelta(days=1)),
    ],
)
def test_a_partition_is_the_window(context: dict[str, Any], length: Any, end: datetime) -> None:
    assert resolve_window(None, "None", context, length) == Window(start=DAY, end=end)


@pytest.mark.parametrize(("day", "hours"), [(7, 24), (8, 23), (9, 24)])
def test_partitions_of_local_days_leave_no_gap_when_clocks_change(day: int, hours: int) -> None:
    new_york = timezone(timedelta(hours=-5 if day <= 8 else -4))
    start = datetime(2026, 3, day, tzinfo=new_york)
    window = resolve_window(None, None, scheduled(start.astimezone(UTC), "America/New_York"))
    assert (window.start, window.end - window.start) == (start, timedelta(hours=hours))


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        pytest.param("America/New_York", "2026-10-31T05:30Z", "2026-11-01T06:30Z", id="half past one is there twice"),
        pytest.param("Atlantic/Azores", "2026-10-24T00:00Z", "2026-10-25T01:00Z", id="midnight is there twice"),
        pytest.param("Asia/Beirut", "2026-03-27T22:00Z", "2026-03-28T22:00Z", id="there is no midnight"),
    ],
)
def test_a_partition_ends_where_airflow_starts_the_next_one(zone: str, start: str, end: str) -> None:
    """These are the times of CronPartitionTimetable in Airflow 3.3."""
    window = resolve_window(None, None, scheduled(datetime.fromisoformat(start), zone))
    assert window.end == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    ("key", "key_format", "day"), [("2026-03-02T00:00:00", "%Y-%m-%dT%H:%M:%S", DAY), ("02.03.26", "%d.%m.%y", DAY)]
)
def test_on_airflow_3_2_the_key_says_when_the_partition_is(key: str, key_format: str, day: datetime) -> None:
    dag = SimpleNamespace(timetable=SimpleNamespace(_timezone="America/New_York", _key_format=key_format))
    context = {"dag_run": SimpleNamespace(partition_key=key), "dag": dag}
    assert resolve_window(None, None, context) == Window(start=day, end=day + timedelta(days=1))
    context["dag_run"].partition_key = "today"
    with pytest.raises(InputError, match="partition 'today' has no date"):
        resolve_window(None, None, context)


def test_a_given_window_goes_before_the_partition() -> None:
    given = Window(start=DAY - timedelta(days=9), end=DAY)
    assert resolve_window(given.start, given.end, scheduled(DAY)) == given


def test_a_partition_without_a_date_is_named_where_there_is_no_window() -> None:
    with pytest.raises(InputError, match=r"no data interval and its partition 'a key' has no date.*give start and end"):
        resolve_window(None, None, scheduled(None))
    assert resolve_window(None, None, scheduled(None, **INTERVAL)).end == DAY


# --- what a task reports ---------------------------------------------------------------------------------------------


@pytest.fixture
def context(context: dict[str, Any]) -> dict[str, Any]:
    """The run of the partition 2 March: what Airflow leaves out of the context is not there."""
    made = scheduled(DAY, ti=context["ti"])
    made["outlet_events"] = importlib.import_module("airflow.sdk.execution_time.context").OutletEventAccessors()
    return made


@pytest.fixture
def webinars(vidinfra: Any) -> None:
    """Two sessions of 2 March, and one of the day before."""
    for hours in (-2, 8, 11):
        vidinfra.create("Noon", started_at=DAY + timedelta(hours=hours), ended_at=DAY + timedelta(hours=hours + 1))


def make_operator(kind: type, tmp_path: Path, connect: Connect, **given: Any) -> Any:
    connect("warehouse", conn_type="sqlite", host=str(tmp_path / "tables.db"))
    place = {"path": str(tmp_path)} if kind is SessionsToObjectStorageOperator else {"sql_conn_id": "warehouse"}
    outlets = [Asset("attended", uri="file:///warehouse/attended"), AssetAlias("written"), {"not": "an asset"}]
    return kind(task_id="export", conn_id="vidinfra_default", outlets=outlets, **place, **given)


BOTH = pytest.mark.parametrize("kind", [SessionsToObjectStorageOperator, SessionsToSqlOperator])


@BOTH
@pytest.mark.needs_airflow("3.3")
def test_the_days_that_were_written_are_partitions_of_the_assets(
    kind: type, context: Any, webinars: None, tmp_path: Path, connect: Connect
) -> None:
    operator = make_operator(kind, tmp_path, connect, partition_outlets=True)
    result = operator.execute(context)
    asset, alias = operator.outlets[:2]
    event = context["outlet_events"][asset]
    assert event.partition_keys == {"2026-03-02T00:00:00"}
    assert event.extra["sessions"] == result["sessions"] == 2
    assert len(context["outlet_events"][alias].asset_alias_events) == sum(
        sums["rows"] > 0 for sums in result["datasets"].values()
    )


@BOTH
@pytest.mark.needs_airflow("3.3")
def test_partitions_are_days_of_the_given_zone(
    kind: type, context: Any, vidinfra: Any, tmp_path: Path, connect: Connect
) -> None:
    vidinfra.create("Late in New York", started_at=DAY + timedelta(hours=2), ended_at=DAY + timedelta(hours=3))
    operator = make_operator(kind, tmp_path, connect, partition_outlets=True, day_zone="America/New_York")
    operator.execute(context)
    assert context["outlet_events"][operator.outlets[0]].partition_keys == {"2026-03-01T00:00:00"}


@BOTH
@pytest.mark.needs_airflow("3.3")
def test_assets_have_no_event_if_no_day_was_written(
    kind: type, context: Any, vidinfra: Any, tmp_path: Path, connect: Connect
) -> None:
    operator = make_operator(kind, tmp_path, connect, partition_outlets=True)
    before = operator.outlets
    operator.execute(context)
    assert operator.outlets == before[1:]
    assert len(before) == 3


@BOTH
def test_outlets_have_no_partitions_by_default(
    kind: type, context: Any, webinars: None, tmp_path: Path, connect: Connect
) -> None:
    operator = make_operator(kind, tmp_path, connect)
    operator.execute(context)
    assert not getattr(context["outlet_events"][operator.outlets[0]], "partition_keys", set())
    assert len(operator.outlets) == 3


@pytest.mark.needs_airflow("3.3")
def test_an_asset_may_be_referred_to_by_its_name(context: Any) -> None:
    accessors: dict[Any, Any] = {}

    class Events(dict[Any, Any]):
        def __missing__(self, key: Any) -> Any:
            return accessors.setdefault(key.name, SimpleNamespace(add_partitions=lambda keys: seen.extend(keys)))

    seen: list[str] = []
    outlets = [Asset.ref(name="attended")]
    days = [date(2026, 3, 1), date(2026, 3, 2)]
    assert report_partitions(outlets, {"outlet_events": Events()}, days) == outlets  # type: ignore[arg-type]
    assert seen == ["2026-03-01T00:00:00", "2026-03-02T00:00:00"]


def test_partitions_without_an_asset_in_outlets_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert report_partitions([AssetAlias("written")], {}, [date(2026, 3, 2)]) == [AssetAlias("written")]  # type: ignore[arg-type]
    assert "there is no asset in outlets" in caplog.text


@BOTH
def test_an_airflow_without_partitions_of_events_refuses_the_argument(
    kind: type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connect: Connect
) -> None:
    events = importlib.import_module("airflow.sdk.execution_time.context").OutletEventAccessor
    if hasattr(events, "add_partitions"):
        monkeypatch.delattr(events, "add_partitions")
    with pytest.raises(InputError, match=r"^partition_outlets: needs Airflow 3\.3 or newer, and this is 3\."):
        make_operator(kind, tmp_path, connect, partition_outlets=True)
    with pytest.raises(InputError, match="partition_outlets: 'flase' is neither true nor false"):
        make_operator(kind, tmp_path, connect, partition_outlets="flase")
    assert make_operator(kind, tmp_path, connect, partition_outlets="false").partition_outlets is False
