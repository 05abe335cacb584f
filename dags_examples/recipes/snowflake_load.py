"""Export the sessions of each day to S3, and load all that was exported so far into Snowflake.

This recipe is parsed with Snowflake's provider, but it was never run against Snowflake: try it with a schema of its own
first. It needs ``apache-airflow-providers-snowflake``, ``apache-airflow-providers-amazon[s3fs]`` and
``airflow-provider-sessions[parquet]``, and in the schema an external stage on the folder of the export:

    CREATE STAGE sessions_export URL = 's3://my-bucket/exports/' STORAGE_INTEGRATION = my_integration;
    CREATE FILE FORMAT sessions_parquet TYPE = PARQUET;

- Each dataset is loaded into a new table, which then takes the place of the old one in one statement. The files are
  those in ``latest/``. There each session is once, so a revised session is not counted twice, and one that was deleted
  at the source is marked in ``sessions``. The files of the runs beside ``latest/`` hold all versions of a session.
- ``FORCE = TRUE``, because the new table is to hold all files, also those that did not change since the last load.
- The operator renders no template in ``prefix``, ``table`` and ``schema``: set these in the file.
- A load fails if there is no file of its dataset yet: name the datasets that your platform has.
- The dbt models of the repository read these tables, with the schema as ``sessions_schema``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.snowflake.transfers.copy_into_snowflake import CopyFromExternalStageToSnowflakeOperator
from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

DATASETS = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]
SCHEMA = "sessions"

CREATE = """
CREATE OR REPLACE TABLE {schema}.{name}_new USING TEMPLATE (
    SELECT ARRAY_AGG(OBJECT_CONSTRUCT(*)) FROM TABLE(INFER_SCHEMA(
        LOCATION => '@{schema}.sessions_export/latest/{name}/',
        FILE_FORMAT => '{schema}.sessions_parquet',
        IGNORE_CASE => TRUE
    ))
)
"""
REPLACE = [
    "CREATE TABLE IF NOT EXISTS {schema}.{name} LIKE {schema}.{name}_new",
    "ALTER TABLE {schema}.{name} SWAP WITH {schema}.{name}_new",
    "DROP TABLE {schema}.{name}_new",
]

with DAG(
    dag_id="sessions_snowflake_load",
    description="Export the sessions of each day to S3, and load them into Snowflake",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to export: set your own.
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "conn_id": Param("vidinfra_default", type="string", title="Connection of the platform"),
        "aws_conn_id": Param("aws_default", type="string", title="Connection of S3"),
        "snowflake_conn_id": Param("snowflake_default", type="string", title="Connection of Snowflake"),
        "bucket": Param("my-bucket", type="string", title="Bucket of the files"),
    },
    tags=["sessions", "example"],
):
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="{{ params.conn_id }}",
        path="s3://{{ params.bucket }}/exports",
        object_storage_conn_id="{{ params.aws_conn_id }}",
        datasets=DATASETS,
        format="parquet",
    )
    for name in DATASETS:
        create = SQLExecuteQueryOperator(
            task_id=f"create_{name}",
            conn_id="{{ params.snowflake_conn_id }}",
            sql=CREATE.format(schema=SCHEMA, name=name),
        )
        load = CopyFromExternalStageToSnowflakeOperator(
            task_id=f"load_{name}",
            snowflake_conn_id="{{ params.snowflake_conn_id }}",
            schema=SCHEMA,
            table=f"{name}_new",
            stage=f"{SCHEMA}.sessions_export",
            prefix=f"latest/{name}/",
            file_format=f"(FORMAT_NAME = '{SCHEMA}.sessions_parquet')",
            copy_options="MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE FORCE = TRUE",
        )
        replace = SQLExecuteQueryOperator(
            task_id=f"replace_{name}",
            conn_id="{{ params.snowflake_conn_id }}",
            sql=[statement.format(schema=SCHEMA, name=name) for statement in REPLACE],
        )
        export >> create >> load >> replace
