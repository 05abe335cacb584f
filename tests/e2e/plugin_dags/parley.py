"""A meeting on a platform that another package adds: created, waited for, exported; and a DAG that it triggers."""

from __future__ import annotations

import os

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_sessions.operators.sessions import CallApiOperator, CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.triggers.sessions import SessionEventTrigger

CONN_ID = "parley_default"

with DAG("hold_meeting", schedule=None):
    create = CreateSessionOperator(
        task_id="create", conn_id=CONN_ID, title="Stand-up", start="{{ dag_run.run_after }}", duration=60
    )
    session_id = create.output["session_id"]
    start = CallApiOperator(
        task_id="start",
        conn_id=CONN_ID,
        endpoint="update_meeting",
        arguments={"meeting_id": session_id, "status": "started"},
    )
    wait = SessionStateSensor(task_id="wait", conn_id=CONN_ID, session_id=session_id, state="ended", poll_interval=1)
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id=CONN_ID,
        path=os.environ["PARLEY_EXPORT_PATH"],
        start="{{ dag_run.run_after }}",
        end="{{ dag_run.run_after + macros.timedelta(hours=1) }}",
    )
    start >> wait >> export

events = SessionEventTrigger(conn_id=CONN_ID, events=["ended"], poll_interval=1)

with DAG("after_meeting", schedule=[Asset("meetings", watchers=[AssetWatcher(name="ended", trigger=events)])]):
    EmptyOperator(task_id="ended")
