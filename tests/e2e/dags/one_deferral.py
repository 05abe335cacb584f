"""One task that waits until a session has ended."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.sensors.sessions import SessionStateSensor

with DAG("one_deferral", schedule=None, params={"session_id": Param("", type="string")}):
    SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="vidinfra_default",
        session_id="{{ params.session_id }}",
        state="ended",
        poll_interval=1,
    )
