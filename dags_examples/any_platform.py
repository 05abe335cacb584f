"""One DAG for every platform: the connection that the form names says which one is meant.

Operators, sensors and exports exist once. What differs is what sessions leave behind (attendance, a transcript,
takeaways, a recording), and ``list_artifacts`` asks the platform's adapter for that: without any request, because it
is written down there. What only one platform knows of a session goes into the form's field *Options*:

- Prevail: ``{"case": "Yarrow v. Basalt Freight"}``; everybody invited is e-mailed
- VidInfra: ``{"room_id": "...", "preset_id": "..."}``
- Sessions: nothing

Options that the platform does not know, or misses, fail the first task before any request, with a text that names them.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param, get_current_context, task

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Where files go unless the form says otherwise: any URL of Airflow's object storage, ``s3://`` and ``gs://`` too."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""How often the platform is asked. All tasks that wait on a connection share these requests."""

MAX_WAIT = timedelta(days=90)

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
        description="In the time zone that Airflow shows here. Empty: five minutes after this run was triggered.",
    ),
    "duration_minutes": Param(60, type="integer", minimum=15, maximum=720, title="Planned duration (minutes)"),
    "time_zone": Param(
        "UTC",
        type="string",
        title="Time zone",
        description="IANA name of the zone in which the session is planned. Choose one, or type another.",
        examples=["UTC", "America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Tokyo"],
    ),
    "options": Param(
        {},
        type=["object", "null"],
        title="Options",
        description='What only that platform knows. Prevail: {"case": "..."}; VidInfra: {"room_id": "...", '
        '"preset_id": "..."}; Sessions: nothing.',
    ),
    "path": Param(
        EXPORT_PATH,
        type="string",
        title="Where files go",
        description="A folder of any object storage that Airflow knows: file:///..., s3://connection@bucket/folder",
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
    dag_id="any_platform",
    description="Create a session on any platform, wait for it, export its artifacts",
    doc_md=__doc__,
    schedule=None,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "prevail", "vidinfra", "sessions_us", "example"],
):
    session = CreateSessionOperator(
        task_id="create_session",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        options="{{ (params.options or {}) | tojson }}",
    )
    session_id = "{{ ti.xcom_pull(task_ids='create_session')['session_id'] }}"

    ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=MAX_WAIT,
    )

    @task
    def list_artifacts() -> list[str]:
        """What sessions of this platform leave behind that has to be waited for."""
        from airflow_provider_sessions.hooks.base import hook_for
        from airflow_provider_sessions.platforms.adapter import Feature, Support
        from airflow_provider_sessions.platforms.registry import adapter_class

        hook = hook_for(get_current_context()["params"]["conn_id"])
        known = adapter_class(hook.conn_type).capabilities
        asked = {
            "attendance": Feature.ATTENDANCE,
            "transcript": Feature.TRANSCRIPTS,
            "takeaways": Feature.TAKEAWAYS,
            "recording": Feature.RECORDINGS,
        }
        return [artifact for artifact, question in asked.items() if known[question].support is not Support.NO]

    ready = ArtifactSensor.partial(
        task_id="wait_for_artifact",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=1),
    ).expand(artifact=list_artifacts())

    export = SessionsToObjectStorageOperator(
        task_id="export",  # no datasets are named: it is all that the platform can give
        conn_id="{{ params.conn_id }}",
        path="{{ params.path }}",
        format="{{ params.format }}",
        title="{{ params.title }}",
        start="{{ dag_run.run_after.isoformat() }}",
        # Prevail knows the planned end alone, and that may be yet to come.
        end=f"{{{{ (dag_run.run_after + macros.timedelta(days={MAX_WAIT.days})).isoformat() }}}}",
    )

    session >> ended >> ready >> export
