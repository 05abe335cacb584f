"""DAGs of both sensors in every mode; values arrive as templates render them: as text."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor

PARAMS = {
    "session_id": Param("", type="string"),
    "sessions": Param([], type="array"),
    "state": "ended",
    "artifact": "recording",
    "on_unreachable": "fail",
    "poll_interval": "PT1S",
}
GIVEN = {"conn_id": "vidinfra_default", "poll_interval": "{{ params.poll_interval }}"}
MODES = {
    "deferrable": {},
    "poke": {"deferrable": False},
    "reschedule": {"deferrable": False, "mode": "reschedule"},
}

for name, mode in MODES.items():
    with DAG(f"wait_{name}", schedule=None, params=PARAMS):
        state = SessionStateSensor(
            task_id="state",
            session_id="{{ params.session_id }}",
            state="{{ params.state }}",
            on_unreachable="{{ params.on_unreachable }}",
            **GIVEN,
            **mode,
        )
        artifact = ArtifactSensor(
            task_id="artifact",
            session_id="{{ ti.xcom_pull(task_ids='state')['session_id'] }}",
            artifact="{{ params.artifact }}",
            **GIVEN,
            **mode,
        )
        state >> artifact
    with DAG(f"give_up_{name}", schedule=None, params=PARAMS):
        SessionStateSensor(
            task_id="skipped", session_id="{{ params.session_id }}", timeout=0.5, soft_fail=True, **GIVEN, **mode
        )
        SessionStateSensor(task_id="failed", session_id="{{ params.session_id }}", timeout=0.5, **GIVEN, **mode)

with DAG("wait_for_many", schedule=None, params=PARAMS):
    SessionStateSensor.partial(task_id="state", state="{{ params.state }}", **GIVEN).expand(
        session_id=["{{ params.sessions[0] }}", "{{ params.sessions[1] }}"]
    )
