"""DAGs of operators that export sessions. The arguments are templates, so that tasks get text."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

CONNECTION = "{{ params.conn_id }}"
PARAMS = {
    "conn_id": "vidinfra_default",
    "path": "",
    "datasets": Param(None, type=["null", "string", "array"]),
    "format": "jsonl",
    "start": None,
    "end": None,
    "title": None,
    "sessions": Param([], type="array"),
}

with DAG("export_window", schedule=None, params=PARAMS) as export_window:
    SessionsToObjectStorageOperator(
        task_id="export",
        conn_id=CONNECTION,
        path="{{ params.path }}",
        datasets="{{ params.datasets | tojson if params.datasets else '' }}",
        format="{{ params.format }}",
        start="{{ params.start }}",
        end="{{ params.end }}",
        title="{{ params.title }}",
    )

with DAG("export_formats", schedule=None, params=PARAMS) as export_formats:
    SessionsToObjectStorageOperator.partial(
        task_id="export",
        conn_id=CONNECTION,
        path="{{ params.path }}",
        start="{{ params.start }}",
        end="{{ params.end }}",
    ).expand(format=["jsonl", "csv", "parquet"])

with DAG("download_all", schedule=None, params=PARAMS) as download_all:
    DownloadRecordingsOperator.partial(
        task_id="download", conn_id=CONNECTION, path="{{ params.path }}/media", allow_none="{{ 1 == 1 }}"
    ).expand(session_id=["{{ params.sessions[0] }}", "{{ params.sessions[1] }}"])

with DAG("fetch_transcript", schedule=None, params=PARAMS) as fetch_transcript:
    FetchTranscriptOperator(
        task_id="fetch",
        conn_id=CONNECTION,
        session_id="{{ params.sessions[0] }}",
        path="{{ params.path }}",
        formats=["vtt", "{{ params.format }}"],
    )
