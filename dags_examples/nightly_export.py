"""Every night, the sessions that ended on the day before: one file for each dataset and day.

Each run covers one day exactly, and says so itself: its data interval. That is what ``CronDataIntervalTimetable`` is
for. With ``schedule="@daily"`` Airflow 3 gives runs an interval without length, and the export would refuse it rather
than write files for no time at all.

- Catch-up is on: the first run is for ``start_date``, and nights on which Airflow was down are made up for.
- One run at a time, so that catching up on many days does not use up the platform's rate limit. A backfill has its own
  ``max_active_runs``: runs may go on side by side, and no session is lost or there twice. Airflow runs nothing of
  before ``start_date``, so for a backfill of earlier days set that first.
- What is not ready in its night (a recording that is still being made) stays pending: the task's XCom counts it, the
  record in ``_runs`` tells why, and the run of a later night brings it. After ``give_up_after``, 14 days if not given,
  it is noted as absent, and not waited for any more.
- A run that is cleared and run again replaces its own files: with the same bytes while nothing changed on the platform.
  It brings at once what was pending of its day and is ready now. What a later run has brought stays in that run's file.
- A run that breaks off, because its connection was erased for example, leaves no half-written file. Clear the task when
  the connection is back: it begins anew, and what other runs wrote is left alone.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Any URL of Airflow's object storage: ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""

with DAG(
    dag_id="nightly_export",
    description="Export the sessions of each day, the night after",
    doc_md=__doc__,
    # A day of UTC, since that is how the files are laid out: dt= is the UTC day on which a session ended.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to export: put your own here.
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    tags=["sessions", "vidinfra", "example"],
):
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="vidinfra_default",
        path=EXPORT_PATH,
        datasets=["sessions", "participants", "attendance", "attendance_summary", "recordings"],
        format="parquet",
    )
