"""Create a session on any platform, wait for it, and export its artifacts: the connection determines the platform.

Operators, sensors and exports are the same for every platform. Platforms differ in the artifacts of a session
(attendance, transcript, takeaways, recording). ``list_artifacts`` reads these from the platform's adapter, without a
request. Options of one platform go into the form's field *Options*:

- Prevail: ``{"case": "Yarrow v. Basalt Freight"}``; everybody invited gets an e-mail
- VidInfra: ``{"room_id": "...", "preset_id": "..."}``
- Sessions: none

Unknown and missing options fail the first task before any request; the error names them.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param, get_current_context, task

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Default folder of the files: any URL of Airflow's object storage, such as ``s3://`` or ``gs://``."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""Time between two polls. All tasks that wait on a connection share the polls."""

FORM = {
    "conn_id": Param(
        "sessions_us_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type Prevail, VidInfra Live or Sessions.",
        examples=["prevail_default", "vidinfra_default", "sessions_us_default"],
    ),
    "title": Param("Quarterly review", type="string", title="Title", minLength=3, maxLength=200),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="In the time zone that Airflow shows here. Empty: five minutes after the run is triggered.",
    ),
    "duration_minutes": Param(60, type="integer", minimum=15, maximum=720, title="Planned duration (minutes)"),
    "time_zone": Param(
        "UTC",
        type="string",
        title="Time zone",
        description="IANA name of the time zone of the session. Choose one, or type another.",
        examples=["UTC", "America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"],
    ),
    "options": Param(
        {},
        type=["object", "null"],
        title="Options",
        description='Options of the platform. Prevail: {"case": "..."}; VidInfra: {"room_id": "...", '
        '"preset_id": "..."}; Sessions: none.',
    ),
    "path": Param(
        EXPORT_PATH,
        type="string",
        title="Folder of the files",
        description="Any object storage that Airflow supports: file:///..., s3://connection@bucket/folder",
        section="Export",
    ),
    "format": Param(
        "csv",
        type="string",
        enum=["csv", "jsonl", "parquet"],
        values_display={"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"},
        title="Format of the tables",
        section="Export",
    ),
}

with DAG(
    dag_id="sessions_any_platform",
    description="Create a session on any platform, wait for it, export its artifacts",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "prevail", "vidinfra", "sessions_us", "example"],
):
    create_session = CreateSessionOperator(
        task_id="create_session",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        options="{{ (params.options or {}) | tojson }}",
    )
    session_id = create_session.output["session_id"]

    wait_until_ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )

    @task
    def list_artifacts() -> list[str]:
        """Return the artifacts that the platform supports."""
        from airflow_provider_sessions.hooks.base import hook_for
        from airflow_provider_sessions.platforms.adapter import Feature, Support
        from airflow_provider_sessions.platforms.registry import adapter_class

        hook = hook_for(get_current_context()["params"]["conn_id"])
        capabilities = adapter_class(hook.conn_type).capabilities
        features = {
            "attendance": Feature.ATTENDANCE,
            "transcript": Feature.TRANSCRIPTS,
            "takeaways": Feature.TAKEAWAYS,
            "recording": Feature.RECORDINGS,
        }
        return [name for name, feature in features.items() if capabilities[feature].support is not Support.NO]

    wait_for_artifact = ArtifactSensor.partial(
        task_id="wait_for_artifact",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=1),
    ).expand(artifact=list_artifacts())

    export = SessionsToObjectStorageOperator(
        task_id="export",  # without datasets, it exports all that the platform supports
        conn_id="{{ params.conn_id }}",
        path="{{ params.path }}",
        format="{{ params.format }}",
        session_id=session_id,
    )

    wait_until_ended >> wait_for_artifact >> export
