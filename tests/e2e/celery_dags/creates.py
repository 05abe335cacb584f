"""Four tasks that create a session each, at once."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.sessions import CreateSessionOperator

with DAG("creates", schedule=None, params={"options": Param({}, type="object")}):
    CreateSessionOperator.partial(
        task_id="create",
        conn_id="nights",
        start="{{ dag_run.run_after }}",
        options="{{ params.options | tojson }}",
        retries=3,
        retry_delay=timedelta(seconds=1),
    ).expand(title=[f"Town hall {number}" for number in range(4)])
