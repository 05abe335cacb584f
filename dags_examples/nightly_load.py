"""Every night, the sessions that ended on the day before, into a database; then who attended for how long.

- The tables are made by the first run, one for each dataset, in a schema that exists. A later version of the provider
  may add columns, and takes none away.
- Each session's rows come in one transaction. A run that breaks off leaves whole sessions, and its retry goes on from
  there; a run that is cleared writes the same rows again. Transcripts and recordings that are not ready in the first
  night come with the run of a later one.
- Each run covers one day exactly, its data interval. That is what ``CronDataIntervalTimetable`` is for: with
  ``schedule="@daily"`` Airflow 3 gives runs an interval without length, and the load would refuse it.
- Catch-up is on: the first run is for ``start_date``, and nights on which Airflow was down are made up for.

The schema is ``public`` on PostgreSQL by default, ``main`` on DuckDB and SQLite, and the database on MariaDB and MySQL.

``hours`` needs nothing of this provider: any tool that reads the database can ask like that. Its result is in XCom. It
asks for attendance, which VidInfra tells, and Prevail and Sessions do not: leave it out on those.

Several connections may load into the same tables, so people are told apart by platform and account too; those of whom
only a name is known by session, since another one of that name may be somebody else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import DAG, Param
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

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
    dag_id="nightly_load",
    description="Load the sessions of each day into a database, and sum up who attended for how long",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    # The first day to export: put your own here.
    start_date=datetime(2026, 11, 1, tzinfo=UTC),
    catchup=True,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
    params={
        "conn_id": Param("vidinfra_default", type="string", title="Connection of the platform"),
        "sql_conn_id": Param("warehouse", type="string", title="Connection of the database"),
        "schema": Param("public", type="string", pattern="^[a-z_][a-z0-9_]*$", title="Schema of the tables"),
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
