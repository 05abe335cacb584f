"""A loop whose iterations make sessions and export: all that names a task but the iteration repeats in them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task_group

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

ITERATIONS = 3
PARAMS = {"path": "", "options": Param({}, type="object")}


def fail_the_first_try(context: Any, result: Any) -> None:
    """Lose what the task has made: its next try has to find it."""
    if context["ti"].try_number == 1:
        raise RuntimeError("the worker is lost after the create")


with DAG("loops", schedule=None, params=PARAMS):

    @task_group
    def iteration() -> None:
        create = CreateSessionOperator(
            task_id="create",
            conn_id="vidinfra_default",
            title="Town hall",
            options="{{ params.options | tojson }}",
            post_execute=fail_the_first_try,
            retries=1,
            retry_delay=timedelta(0),
        )
        export = SessionsToObjectStorageOperator(
            task_id="export",
            conn_id="vidinfra_default",
            path="{{ params.path }}",
            datasets=["sessions"],
            title="Morning {{ loop.index }}",
            start="2026-03-02T00:00:00Z",
            end="2026-03-03T00:00:00Z",
        )
        create >> export

    iteration.loop(max_iterations=ITERATIONS)
