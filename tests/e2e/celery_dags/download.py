"""A task that downloads the recordings of a session."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator

with DAG("download", schedule=None, params={"session_id": Param("", type="string"), "path": Param("", type="string")}):
    DownloadRecordingsOperator(
        task_id="download",
        conn_id="nights",
        session_id="{{ params.session_id }}",
        path="{{ params.path }}",
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
