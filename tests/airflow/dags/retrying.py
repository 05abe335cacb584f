"""DAGs whose tasks fail, with different retry policies."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, TaskGroup

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator
from airflow_provider_sessions.operators.sessions import CallApiOperator, CreateSessionOperator, StartSessionOperator
from airflow_provider_sessions.sensors.sessions import SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(0), "conn_id": "vidinfra_default"}
WRONG: dict[str, Any] = {
    "title": "Town hall",
    "start": "2099-12-01T15:00:00Z",
    "duration": "PT1H",
    "options": {"room_id": "00000000-0000-4000-8000-000000000404", "preset_id": "00000000-0000-4000-8000-000000000405"},
}
NO_SESSION = "00000000-0000-4000-8000-000000000406"


def dag(name: str, **default_args: Any) -> DAG:
    return DAG(name, schedule=None, default_args=RETRIES | default_args, params={"path": ""})


with dag("wrong_room"):
    CreateSessionOperator(task_id="task", **WRONG)

with dag("wrong_session"):
    StartSessionOperator(task_id="task", session_id=NO_SESSION)

with dag("wrong_session_to_download"):
    DownloadRecordingsOperator(task_id="task", session_id=NO_SESSION, path="/nowhere")

with dag("wrong_argument"):
    CallApiOperator(task_id="task", endpoint="get_room", arguments={"room_id": NO_SESSION})

with dag("wrong_room_to_export"):
    SessionsToObjectStorageOperator(
        task_id="task", path="/nowhere", start="2026-01-01T00Z", end="2026-01-02T00Z", room_id=NO_SESSION
    )

with dag("wrong_input"):
    StartSessionOperator(task_id="task", session_id="{{ none }}")

with dag("failing"):
    CallApiOperator(task_id="task", endpoint="get_dashboard_stats")

with dag("mapped"):
    StartSessionOperator.partial(task_id="task").expand(session_id=[NO_SESSION])

with dag("sensor"):
    SessionStateSensor(task_id="task", session_id="{{ none }}", deferrable=False)

with dag("skipping_sensor"):
    SessionStateSensor(task_id="task", session_id="{{ none }}", deferrable=False, soft_fail=True)

if os.environ.get("TESTS_WITH_POLICIES"):
    with dag("own_policy_none"):
        StartSessionOperator(task_id="task", session_id=NO_SESSION, retry_policy=None)
    with dag("default_policy_none", retry_policy=None):
        StartSessionOperator(task_id="task", session_id=NO_SESSION)
    with dag("mapped_default_policy_none", retry_policy=None):
        StartSessionOperator.partial(task_id="task").expand(session_id=[NO_SESSION])
    with dag("mapped_policy_none"):
        StartSessionOperator.partial(task_id="task", retry_policy=None).expand(session_id=[NO_SESSION])
    with dag("group_policy_none"), TaskGroup("group", default_args={"retry_policy": None}, prefix_group_id=False):
        StartSessionOperator(task_id="task", session_id=NO_SESSION)
    with dag("sensor_policy_none", retry_policy=None):
        SessionStateSensor(task_id="task", session_id="{{ none }}", deferrable=False)
