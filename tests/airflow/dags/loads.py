"""DAGs that load into a database; values arrive as templates render them: as text."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator

PARAMS = {
    "connections": Param(["sessions_us_default"], type="array"),
    "sql_conn_id": "warehouse",
    "schema": "",
    "datasets": "",
    "start": None,
    "end": None,
}
WHAT = {
    "sql_conn_id": "{{ params.sql_conn_id }}",
    "schema": "{{ params.schema }}",
    "datasets": "{{ params.datasets }}",
    "start": "{{ params.start }}",
    "end": "{{ params.end }}",
}

with DAG("load_window", schedule=None, params=PARAMS) as load_window:
    SessionsToSqlOperator(task_id="load", conn_id="{{ params.connections[0] }}", **WHAT)

with DAG("load_two", schedule=None, params=PARAMS) as load_two:
    SessionsToSqlOperator.partial(task_id="load", **WHAT).expand(
        conn_id=["{{ params.connections[0] }}", "{{ params.connections[1] }}"]
    )
