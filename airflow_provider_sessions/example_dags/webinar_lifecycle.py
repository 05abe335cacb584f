"""Create a webinar, wait until it has ended, and export its attendance and recordings.

The DAG has no schedule. Trigger it in the UI, whose form explains every field, or through the REST API with the same
fields as ``conf``. Its tasks:

1. ``choose_room`` gets the first room and the first preset of the account, unless the form names them.
2. ``create_webinar`` creates the session. A retried or cleared task returns the existing session.
3. ``wait_until_live`` and ``wait_until_ended`` are deferred and hold no worker, possibly for months.
4. ``wait_for_recording`` waits until the platform has finished the recording, some minutes after the end.
5. ``export`` writes a table for each dataset in the form.
6. ``download_recordings`` streams the media files to the same folder.

The DAG needs a connection of the type VidInfra Live, and a triggerer.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Param, get_current_context, task

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Default folder of the files: any URL of Airflow's object storage, such as ``s3://`` or ``gs://``."""

EXPORTED = Asset("sessions_exported")
"""Each export emits an event of it, which names the files; DAGs with this asset as their schedule follow."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""Time between two polls. All tasks that wait on a connection share the polls."""

DATASETS = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]

FORM = {
    "title": Param(
        "Product update",
        type="string",
        title="Title",
        description="The title that attendees see.",
        minLength=3,
        maxLength=200,
    ),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="In the time zone that Airflow shows here. Empty: five minutes after the run is triggered.",
    ),
    "duration_minutes": Param(
        60,
        type="integer",
        minimum=5,
        maximum=720,
        title="Planned duration (minutes)",
        description="The run waits for the actual end.",
    ),
    "time_zone": Param(
        "UTC",
        type="string",
        title="Time zone",
        description="IANA name of the time zone that the platform shows. Choose one, or type another.",
        examples=["UTC", "America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Dhaka", "Asia/Tokyo"],
    ),
    "description": Param(
        None,
        type=["null", "string"],
        format="multiline",
        title="Description",
        description="Text for the webinar's page.",
    ),
    "mode": Param(
        "webcam",
        type="string",
        enum=["webcam", "rtmp"],
        values_display={"webcam": "Webcam in the browser", "rtmp": "Encoder (RTMP)"},
        title="How the host sends video",
        section="Room",
    ),
    "room_id": Param(
        None,
        type=["null", "string"],
        format="uuid",
        title="Room ID",
        description="Empty: the first room of the account.",
        section="Room",
    ),
    "preset_id": Param(
        None,
        type=["null", "string"],
        format="uuid",
        title="Preset ID",
        description="Empty: the first preset of the account.",
        section="Room",
    ),
    "datasets": Param(
        DATASETS,
        type="array",
        items={"type": "string"},
        examples=DATASETS,
        title="Tables",
        description="The datasets to export.",
        section="Export",
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
    "conn_id": Param(
        "vidinfra_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type VidInfra Live.",
        section="Technical",
    ),
}

with DAG(
    dag_id="sessions_webinar_lifecycle",
    description="Create a webinar, wait for it, fetch attendance and recordings",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "vidinfra", "example"],
):

    @task
    def choose_room() -> dict[str, Any]:
        """Return the options of VidInfra: room, preset and mode."""
        from airflow_provider_sessions.hooks.vidinfra import VidInfraHook
        from airflow_provider_sessions.platforms.vidinfra import endpoints

        params = get_current_context()["params"]
        hook = VidInfraHook(params["conn_id"])
        return {
            "room_id": params["room_id"] or next(hook.pages(endpoints.list_my_rooms())).id,
            "preset_id": params["preset_id"] or next(hook.pages(endpoints.list_presets())).id,
            "mode": params["mode"],
        }

    create_webinar = CreateSessionOperator(
        task_id="create_webinar",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        description="{{ params.description or '' }}",
        options=choose_room(),
    )
    session_id = create_webinar.output["session_id"]

    wait_until_live = SessionStateSensor(
        task_id="wait_until_live",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="live",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )
    wait_until_ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=1),
    )
    wait_for_recording = ArtifactSensor(
        task_id="wait_for_recording",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        artifact="recording",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(hours=6),
    )
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="{{ params.conn_id }}",
        path="{{ params.path }}",
        datasets="{{ params.datasets | join(',') }}",
        format="{{ params.format }}",
        session_id=session_id,
        outlets=[EXPORTED],
    )
    download_recordings = DownloadRecordingsOperator(
        task_id="download_recordings",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/media",
    )

    wait_until_live >> wait_until_ended >> wait_for_recording >> [export, download_recordings]
