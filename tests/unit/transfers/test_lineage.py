"""What an export reports to the collector of hook lineage, as a lineage tool reads it."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_sessions.export.file_target import FileTarget
from airflow_provider_sessions.transfers import _lineage
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.databases import Place, database, duckdb_file, mariadb, mariadb_pymysql, postgres, sqlite, warehouse

__all__ = ["database", "duckdb_file", "mariadb", "mariadb_pymysql", "postgres", "sqlite", "warehouse"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
READ = [f"vidinfra://127.0.0.1/{feature}" for feature in ("sessions", "participants", "attendance", "recordings")]
WRITTEN = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]

Lineage = Callable[[], tuple[list[str], list[str]]]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin reads the lineage."""
    with suppress(ImportError):  # Airflow 3.1
        plugins = importlib.import_module("airflow.sdk.plugins_manager")
        monkeypatch.setattr(plugins, "get_hook_lineage_readers_plugins", lambda: [object])


@pytest.fixture
def read_lineage(monkeypatch: pytest.MonkeyPatch, reader: None) -> Lineage:
    """What Airflow's collector has, as it is where a plugin reads it; URIs of inputs and outputs, each as reported."""
    try:
        lineage = importlib.import_module("airflow.sdk.lineage")
    except ImportError:  # Airflow 3.1
        lineage = importlib.import_module("airflow.lineage.hook")
    collector = lineage.HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: collector)

    def read_lineage() -> tuple[list[str], list[str]]:
        collected = collector.collected_assets
        assert all(one.context.conn_id == "vidinfra_default" for one in (*collected.inputs, *collected.outputs))
        assert all(one.count == 1 for one in (*collected.inputs, *collected.outputs))
        return [one.asset.uri for one in collected.inputs], [one.asset.uri for one in collected.outputs]

    return read_lineage


@pytest.fixture(autouse=True)
def webinar(vidinfra: Any) -> None:
    """One session of the day."""
    vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12))


def test_files_are_reported_as_the_folders_of_their_datasets(
    read_lineage: Lineage, context: Any, tmp_path: Path
) -> None:
    SessionsToObjectStorageOperator(task_id="export", conn_id="vidinfra_default", path=str(tmp_path)).execute(context)
    assert read_lineage() == (READ, [f"file://{tmp_path}/{name}" for name in WRITTEN])


def test_the_collector_is_there_as_soon_as_the_sessions_are_listed(
    reader: None, mocker: Any, context: Any, tmp_path: Path
) -> None:
    made = threading.Event()
    mocker.patch.object(_lineage, "get_hook_lineage_collector", side_effect=lambda: (made.set(), mocker.MagicMock())[1])
    was_made: list[bool] = []
    begin = FileTarget.begin

    def noted(target: FileTarget, plan: Any) -> Any:
        was_made.append(made.is_set())
        return begin(target, plan)

    mocker.patch.object(FileTarget, "begin", noted)
    SessionsToObjectStorageOperator(task_id="export", conn_id="vidinfra_default", path=str(tmp_path)).execute(context)
    assert was_made == [True]


@pytest.mark.needs_airflow("3.3")
def test_an_export_creates_no_collector_that_nobody_reads(mocker: Any, context: Any, tmp_path: Path) -> None:
    """It would import boto3 for nothing."""
    create = mocker.patch.object(_lineage, "get_hook_lineage_collector")
    SessionsToObjectStorageOperator(task_id="export", conn_id="vidinfra_default", path=str(tmp_path)).execute(context)
    assert not create.called


def test_object_stores_too_and_only_once(read_lineage: Lineage, context: Any, bucket: Any) -> None:
    SessionsToObjectStorageOperator(
        task_id="export", conn_id="vidinfra_default", path=f"s3://s3_here@{bucket.name}/exports", datasets="attendance"
    ).execute(context)
    assert read_lineage() == (["vidinfra://127.0.0.1/attendance"], [f"s3://{bucket.name}/exports/attendance"])


def test_tables_are_reported_by_their_addresses(read_lineage: Lineage, context: Any, warehouse: Place) -> None:
    SessionsToSqlOperator(
        task_id="load", conn_id="vidinfra_default", sql_conn_id="warehouse", schema=warehouse.schema
    ).execute(context)
    read, written = read_lineage()
    assert read == READ
    place = sa.make_url(warehouse.url)
    server = f"{place.host}:{place.port}"
    address = {
        "postgresql": f"postgres://{server}/{place.database}/{warehouse.schema}",
        "mysql": f"mysql://{server}/{warehouse.schema or place.database}",
        "sqlite": f"sqlite:{place.database}/main",
        "duckdb": f"duckdb:{place.database}/main",
    }[warehouse.kind]
    assert written == [f"{address}/{name}" for name in WRITTEN]


def test_nothing_is_reported_as_written_where_nothing_was(read_lineage: Lineage, context: Any, tmp_path: Path) -> None:
    context["data_interval_start"], context["data_interval_end"] = DAY + timedelta(days=7), DAY + timedelta(days=8)
    SessionsToObjectStorageOperator(task_id="export", conn_id="vidinfra_default", path=str(tmp_path)).execute(context)
    assert read_lineage() == (READ, [])


def test_what_airflow_takes_for_no_asset_fails_no_export(context: Any, caplog: pytest.LogCaptureFixture) -> None:
    from airflow.providers.common.compat.sdk import AssetAlias

    from airflow_provider_sessions.transfers._lineage import emit_outlet_events

    written = SimpleNamespace(assets={"sessions": "postgres:///test/sessions"}, datasets={"sessions": {"rows": 1}})
    emit_outlet_events([AssetAlias("loaded")], context, written, {})
    assert "postgres:///test/sessions is no valid asset URI" in caplog.text
