"""Export the sessions of each day, the night after: one file for each dataset and day.

Each run exports one day, its data interval. This needs ``CronDataIntervalTimetable``: with ``schedule="@daily"``
Airflow 3 gives runs an interval without length, which the export refuses.

- Catch-up is off, so that unpausing the example exports one day, the last. In your own DAG, set ``catchup=True``: then
  the first run is for ``start_date``, and Airflow creates the runs that it missed while it was down or the DAG paused.
- ``max_active_runs=1``, so that catching up on many days does not use up the platform's rate limit. A backfill has its
  own ``max_active_runs``: runs may overlap, and each session is exported once. Airflow creates no runs before
  ``start_date``: to backfill earlier days, change it first.
- Artifacts that are not ready, such as an unfinished recording, are pending: the task's XCom counts them, the run's
  record in ``_runs`` says why, and the run of a later night exports them. After ``give_up_after``, 14 days by default,
  they are absent, and no run waits for them.
- A cleared run replaces its own files, with the same bytes if nothing has changed on the platform. It also exports the
  pending artifacts of its day that are ready now. Artifacts that a later run has exported stay in that run's file.
- A failed run leaves no partial file. Clear the task to run it again; it does not change the files of other runs.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Folder of the files: any URL of Airflow's object storage, ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""

with DAG(
    dag_id="sessions_nightly_export",
    description="Export the sessions of each day, the night after",
    doc_md=__doc__,
    # A day of UTC, because dt= in the paths of the files is the UTC day on which a session ended.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to export: set your own.
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["sessions", "vidinfra", "example"],
):
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="vidinfra_default",
        path=EXPORT_PATH,
        datasets=["sessions", "participants", "attendance", "attendance_summary", "recordings"],
        format="csv",
    )
