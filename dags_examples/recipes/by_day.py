"""Export the meetings of each day, and report to the downstream DAGs exactly which days have new data.

It needs Airflow 3.3, whose asset events can name the partitions that a run wrote.

- Each night's run exports its partition, the day before, and whatever is late of earlier days. The event of the asset
  ``meetings`` names the days that were written, such as ``2026-11-06T00:00:00``. ``sessions_talk_time`` runs once for
  each of them.
- So a transcript that is ready three days late starts the DAGs downstream for its own day alone. A night without news
  starts nothing.
- ``run_offset=-1`` makes the partition the day before the run. Without it, it is the day that has just begun.
- A run that is triggered manually needs a partition key, its day as ``2026-11-06T00:00:00``. Without one it is skipped.
- Events that name a partition start no DAG with ``schedule=[Asset("meetings")]``.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Asset, CronPartitionTimetable, task

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Folder of the files: any URL of Airflow's object storage, ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""

with DAG(
    dag_id="sessions_by_day",
    description="Export the meetings of each day, and name the days that were written",
    doc_md=__doc__,
    # With another time zone here, give it to the export as day_zone, and to StartOfDayMapper downstream.
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1),
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["sessions", "sessions_us", "example"],
):

    @task.short_circuit
    def has_partition(partition_date: datetime | None = None) -> bool:
        """Return whether the run has a partition: one that is triggered without a key has none."""
        return partition_date is not None

    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="sessions_us_default",
        path=f"{EXPORT_PATH}/by_day",
        datasets=["sessions", "transcript_segments"],
        outlets=[Asset("meetings")],
        partition_outlets=True,
    )
    has_partition() >> export
