"""DAGs whose tasks emit asset events of what they export."""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetAlias

from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT = {
    "conn_id": "vidinfra_default",
    "path": "{{ params.path }}",
    "start": "{{ params.start }}",
    "end": "{{ params.end }}",
    "redact": {"email": "{{ params.mode }}", "name": "drop"},
    "redact_conn_id": "{{ params.pepper }}",
}
PARAMS = {"path": "", "start": "", "end": "", "mode": "hash", "pepper": "pepper"}

with DAG("told_assets", schedule=None, params=PARAMS) as told_assets:
    SessionsToObjectStorageOperator(
        task_id="export",
        outlets=[Asset("attended", uri="file:///warehouse/attended"), AssetAlias("written"), {"not": "an asset"}],
        **EXPORT,
    )

with DAG("no_assets", schedule=None, params=PARAMS) as no_assets:
    SessionsToObjectStorageOperator(task_id="export", **EXPORT)
