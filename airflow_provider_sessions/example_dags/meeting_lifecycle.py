"""Create a meeting, wait until it has ended, and export its transcript and takeaways.

The DAG has no schedule. Trigger it in the UI, whose form explains every field, or through the REST API with the same
fields as ``conf``. Its tasks:

1. ``create_meeting`` creates the session and adds the guests. A retried or cleared task returns the existing session.
2. ``wait_until_ended`` is deferred and holds no worker, possibly for months.
3. ``wait_for_transcript`` and ``wait_for_takeaways`` wait until Sessions has written both, some minutes after the end.
4. ``export`` writes a table for each dataset in the form.
5. ``fetch_transcript`` writes the transcript as captions (WebVTT, SRT), as text by speaker turns, and as JSON;
   a translation has files of its own.

Sessions allows 10 requests per minute. All tasks of the connection share this limit, and a poll costs one request for
any number of waiting tasks.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from airflow_provider_sessions.operators.artifacts import FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Default folder of the files: any URL of Airflow's object storage, such as ``s3://`` or ``gs://``."""

EXPORTED = Asset("sessions_exported")
"""Each export emits an event of it, which names the files; DAGs with this asset as their schedule follow."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""Time between two polls. All tasks that wait on a connection share the polls."""

DATASETS = ["sessions", "participants", "transcript_segments", "takeaways"]
CAPTIONS = ["vtt", "srt", "txt", "json"]

FORM = {
    "title": Param(
        "Customer round table",
        type="string",
        title="Title",
        description="The title that guests see.",
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
        45,
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
        description="IANA name of the time zone of the meeting. Choose one, or type another.",
        examples=["UTC", "America/New_York", "America/Los_Angeles", "Europe/Berlin", "Europe/Bucharest", "Asia/Tokyo"],
    ),
    "description": Param(
        None,
        type=["null", "string"],
        format="multiline",
        title="Description",
        description="Text for the meeting's page.",
    ),
    "guests": Param(
        [],
        type=["array", "null"],
        items={"type": "string"},
        title="Guests",
        description="One e-mail address per line. The owner of the API key is the host.",
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
    "captions": Param(
        CAPTIONS,
        type="array",
        items={"type": "string"},
        examples=CAPTIONS,
        values_display={"vtt": "WebVTT", "srt": "SubRip (SRT)", "txt": "Text by speaker turns", "json": "JSON"},
        title="Formats of the transcript",
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
        "sessions_us_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type Sessions (sessions.us).",
        section="Technical",
    ),
}

with DAG(
    dag_id="sessions_meeting_lifecycle",
    description="Create a meeting, wait for it, export its transcript and takeaways",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "sessions_us", "example"],
):
    create_meeting = CreateSessionOperator(
        task_id="create_meeting",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        description="{{ params.description or '' }}",
        # An emptied field is None; lines may be blank.
        participants="{{ (params.guests or []) | map('trim') | select | list | tojson }}",
    )
    session_id = create_meeting.output["session_id"]

    wait_until_ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )
    wait_for_transcript, wait_for_takeaways = (
        ArtifactSensor(
            task_id=f"wait_for_{artifact}",
            conn_id="{{ params.conn_id }}",
            session_id=session_id,
            artifact=artifact,
            poll_interval=POLL_INTERVAL,
            timeout=timedelta(hours=6),
        )
        for artifact in ("transcript", "takeaways")
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
    fetch_transcript = FetchTranscriptOperator(
        task_id="fetch_transcript",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/transcripts",
        formats="{{ params.captions | join(',') }}",
    )

    wait_until_ended >> [wait_for_transcript, wait_for_takeaways] >> export
    wait_for_transcript >> fetch_transcript
