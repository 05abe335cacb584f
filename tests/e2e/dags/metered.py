"""Tasks that report every metric: one waits, one exports at a low rate, and one is refused and deferred."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.sessions import CallApiOperator
from airflow_provider_sessions.sensors.sessions import SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

PARAMS = {name: Param("", type="string") for name in ("session_id", "path", "start", "end")}

with DAG("metered", schedule=None, params=PARAMS):
    CallApiOperator(task_id="call", conn_id="vidinfra_default", endpoint="list_presets")
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="vidinfra_limited",
        path="{{ params.path }}",
        start="{{ params.start }}",
        end="{{ params.end }}",
        give_up_after="P2D",
    )
    SessionStateSensor(
        task_id="wait",
        conn_id="vidinfra_default",
        session_id="{{ params.session_id }}",
        state="ended",
        poll_interval=1,
    )
