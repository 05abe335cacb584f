"""Tasks that make sessions: one by itself and, where Airflow has task loops, one in a loop."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version
from typing import Any

from airflow.sdk import DAG, Param, task_group
from packaging.version import Version

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import SessionStateSensor

ITERATIONS = 3
PARAMS = {"options": Param({}, type="object")}
SESSION: dict[str, Any] = {
    "task_id": "create",
    "conn_id": "vidinfra_default",
    "title": "Town hall",
    "start": "{{ dag_run.run_after }}",
    "options": "{{ params.options | tojson }}",
    "retries": 1,
    "retry_delay": timedelta(0),
}


def fail_the_first_try(context: Any, result: Any) -> None:
    """Lose what the task has made: its next try has to find it."""
    if context["ti"].try_number == 1:
        raise RuntimeError("the worker is lost after the create")


with DAG("one_create", schedule=None, params=PARAMS):
    CreateSessionOperator(**SESSION)

if Version(version("apache-airflow")) >= Version("3.4.0b1"):
    with DAG("looped_creates", schedule=None, params=PARAMS):

        @task_group
        def iteration() -> None:
            create = CreateSessionOperator(**SESSION, post_execute=fail_the_first_try)
            SessionStateSensor(
                task_id="wait",
                conn_id="vidinfra_default",
                session_id=create.output["session_id"],
                state="ended",
                poll_interval=2,
                cancel_on_kill=True,
                retries=0,
            )

        iteration.loop(max_iterations=ITERATIONS)
