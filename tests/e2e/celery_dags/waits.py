"""Fifty tasks that wait for the same few sessions, each on its own."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.sensors.sessions import SessionStateSensor

with DAG("waits", schedule=None, params={"sessions": Param([], type="array")}):
    SessionStateSensor.partial(task_id="wait", conn_id="nights", state="live", poll_interval=2, retries=3).expand(
        session_id=[f"{{{{ params.sessions[{index} % (params.sessions | length)] }}}}" for index in range(50)]
    )
