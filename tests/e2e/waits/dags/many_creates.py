"""Eight tasks that make a session each, at once and without a retry."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.sessions import CreateSessionOperator

with DAG("many_creates", schedule=None, params={"options": Param({}, type="object")}):
    CreateSessionOperator.partial(
        task_id="create", conn_id="vidinfra_limited", options="{{ params.options | tojson }}", retries=0
    ).expand(title=[f"Town hall {number}" for number in range(8)])
