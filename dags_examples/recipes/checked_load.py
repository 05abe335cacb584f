"""Load the sessions of each day into a database, and check the rows before anything uses them.

The checks are those of Airflow's SQL provider (``apache-airflow-providers-common-sql``), and run on every database that
the load supports. A failed check fails the run: put the tasks that use the tables after the checks.

Each check looks at the sessions that ended on the run's day, and passes on a day without sessions: over no row,
``COUNT`` is 0, and ``SQLColumnCheckOperator`` takes the other results, which are NULL, for 0.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator, SQLTableCheckOperator
from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

SCHEMA = os.environ.get("SESSIONS_SCHEMA", "public")
"""Schema of the tables."""

SESSIONS = "{{ params.schema }}.sessions"
ATTENDANCE = "{{ params.schema }}.attendance_summary"
OF_DAY = (
    """ended_at >= '{{ data_interval_start.isoformat(" ") }}' AND ended_at < '{{ data_interval_end.isoformat(" ") }}'"""
)

with DAG(
    dag_id="sessions_checked_load",
    description="Load the sessions of each day into a database, and check the rows",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to load: set your own.
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "conn_id": Param("vidinfra_default", type="string", title="Connection of the platform"),
        "sql_conn_id": Param("warehouse", type="string", title="Connection of the database"),
        "schema": Param(SCHEMA, type="string", pattern="^[a-z_][a-z0-9_]*$", title="Schema of the tables"),
    },
    tags=["sessions", "example"],
):
    load = SessionsToSqlOperator(
        task_id="load",
        conn_id="{{ params.conn_id }}",
        sql_conn_id="{{ params.sql_conn_id }}",
        schema="{{ params.schema }}",
    )
    check_sessions = SQLColumnCheckOperator(
        task_id="check_sessions",
        conn_id="{{ params.sql_conn_id }}",
        table=SESSIONS,
        partition_clause=OF_DAY,
        column_mapping={
            "actual_start": {"null_check": {"equal_to": 0}},
            "duration_seconds": {"min": {"geq_to": 0}, "max": {"leq_to": 86400}},
        },
    )
    check_attendance = SQLTableCheckOperator(
        task_id="check_attendance",
        conn_id="{{ params.sql_conn_id }}",
        table=ATTENDANCE,
        partition_clause=f"session_id IN (SELECT session_id FROM {SESSIONS} WHERE {OF_DAY})",
        checks={
            "everybody_has_a_name": {
                "check_statement": "COUNT(CASE WHEN name IS NULL AND email IS NULL THEN 1 END) = 0",
            },
            "nobody_stays_for_more_than_a_day": {
                "check_statement": "COUNT(CASE WHEN present_seconds > 86400 THEN 1 END) = 0",
            },
        },
    )
    load >> [check_sessions, check_attendance]
