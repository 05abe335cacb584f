"""A DAG that exports a day, and the command that runs it once: ``python nightly.py FOLDER``."""

from __future__ import annotations

import sys

from airflow.sdk import DAG

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

with DAG("nightly", schedule=None, params={"path": ""}) as dag:
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="vidinfra_default",
        path="{{ params.path }}",
        start="2026-03-02T00:00:00Z",
        end="2026-03-03T00:00:00Z",
    )

if __name__ == "__main__":
    from airflow.utils import db

    db.initdb()
    run = dag.test(run_conf={"path": sys.argv[1]})
    sys.exit(run.state != "success")
