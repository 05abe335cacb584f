"""Export the sessions of each day to Google Cloud Storage, and load all that was exported so far into BigQuery.

This recipe is parsed with Google's provider, but it was never run against BigQuery: try it with a dataset of its own
first. It needs ``apache-airflow-providers-google`` and ``airflow-provider-sessions[parquet]``.

- The load replaces each table by what ``latest/`` holds. There each session is once, so a revised session is not
  counted twice, and one that was deleted at the source is marked in ``sessions``. BigQuery replaces a table as a whole
  or not at all. The files of the runs beside ``latest/`` hold all versions of a session.
- ``dt=`` in the paths is no column. Select days by ``ended_at`` of ``sessions``.
- A load fails if there is no file of its dataset yet: name the datasets that your platform has.
- The dbt models of the repository read these tables, with the dataset as ``sessions_schema``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.google.cloud.transfers.gcs_to_bigquery import GCSToBigQueryOperator
from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

DATASETS = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]

with DAG(
    dag_id="sessions_bigquery_load",
    description="Export the sessions of each day to Google Cloud Storage, and load them into BigQuery",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to export: set your own.
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "conn_id": Param("vidinfra_default", type="string", title="Connection of the platform"),
        "gcp_conn_id": Param("google_cloud_default", type="string", title="Connection of Google Cloud"),
        "bucket": Param("my-bucket", type="string", title="Bucket of the files"),
        "dataset": Param("my-project.sessions", type="string", title="Project and dataset of the tables"),
    },
    tags=["sessions", "example"],
):
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="{{ params.conn_id }}",
        path="gs://{{ params.bucket }}/exports",
        object_storage_conn_id="{{ params.gcp_conn_id }}",
        datasets=DATASETS,
        format="parquet",
    )
    for name in DATASETS:
        load = GCSToBigQueryOperator(
            task_id=f"load_{name}",
            gcp_conn_id="{{ params.gcp_conn_id }}",
            bucket="{{ params.bucket }}",
            source_objects=[f"exports/latest/{name}/*.parquet"],
            source_format="PARQUET",
            destination_project_dataset_table=f"{{{{ params.dataset }}}}.{name}",
            create_disposition="CREATE_IF_NEEDED",
            write_disposition="WRITE_TRUNCATE",
        )
        export >> load
