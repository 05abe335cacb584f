"""Tasks that somebody marks or clears while they wait, each for a session of its own."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.sensors.sessions import SessionStateSensor

# Whether each task cancels its session when it is killed.
WAITS = {"failed": True, "succeeded": True, "not_asked": False, "cleared": True, "begun": True}

with DAG("marked_waits", schedule=None, params={"sessions": Param({}, type="object")}):
    for task_id, cancel_on_kill in WAITS.items():
        SessionStateSensor(
            task_id=task_id,
            conn_id="vidinfra_default",
            session_id=f"{{{{ params.sessions.{task_id} }}}}",
            state="ended",
            poll_interval=2,
            cancel_on_kill=cancel_on_kill,
            retries=0,
        )
