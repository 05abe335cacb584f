"""Load the sessions of each day into a database, the night after, and sum up the hours that people attended.

- The first run creates the tables, one for each dataset, in an existing schema. A later version of the provider may add
  columns; it removes none.
- The rows of a session are written in one transaction. A failed run leaves complete sessions, and its retry continues
  from there; a cleared run writes the same rows again. Transcripts and recordings that are not ready in the first night
  are loaded by the run of a later one.
- Each run loads one day, its data interval. This needs ``CronDataIntervalTimetable``: with ``schedule="@daily"``
  Airflow 3 gives runs an interval without length, which the load refuses.
- Catch-up is off, so that unpausing the example loads one day, the last. In your own DAG, set ``catchup=True``: then
  the first run is for ``start_date``, and Airflow creates the runs that it missed while it was down or the DAG paused.

The schema is ``public`` on PostgreSQL by default, ``main`` on DuckDB and SQLite, and the database on MariaDB and MySQL.

``hours`` uses only Airflow's SQL operator, and any tool that reads the database can run its query. Its result is in
XCom. It needs attendance, which VidInfra reports, and Prevail and Sessions do not: remove it for those.

Several connections may load into the same tables, so the query groups people by platform and account, too. It groups
people without an e-mail address or id by session: in another session, the same name may be another person.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

SCHEMA = os.environ.get("SESSIONS_SCHEMA", "public")
"""Schema of the tables."""

HOURS_ATTENDED = """
SELECT coalesce(max(person.email), max(person.name), person.participant_key) AS attendee,
       count(*) AS sessions,
       sum(person.present_seconds) / 3600 AS hours
FROM {{ params.schema }}.attendance_summary AS person
JOIN {{ params.schema }}.sessions AS session USING (platform, account, session_id)
WHERE session.ended_at >= '{{ data_interval_start.isoformat(" ") }}'
  AND session.ended_at < '{{ data_interval_end.isoformat(" ") }}'
  AND NOT session.deleted
GROUP BY platform, account, person.participant_key,
         CASE WHEN person.attribution = 'name_only' THEN session_id END
ORDER BY CASE WHEN sum(person.present_seconds) IS NULL THEN 1 ELSE 0 END, hours DESC, attendee
"""

with DAG(
    dag_id="sessions_nightly_load",
    description="Load the sessions of each day into a database, and sum up who attended for how long",
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
    hours = SQLExecuteQueryOperator(task_id="hours", conn_id="{{ params.sql_conn_id }}", sql=HOURS_ATTENDED)
    load >> hours
