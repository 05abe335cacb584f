"""Fifty tasks that wait for the same few sessions, each on its own."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.sensors.sessions import SessionStateSensor

with DAG("many_waiters", schedule=None, params={"sessions": Param([], type="array")}):
    SessionStateSensor.partial(
        task_id="wait",
        conn_id="vidinfra_default",
        state="live",
        poll_interval=2,
        cancel_on_kill=True,
        retries=0,
    ).expand(session_id=[f"{{{{ params.sessions[{index} % (params.sessions | length)] }}}}" for index in range(50)])
