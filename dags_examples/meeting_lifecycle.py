"""A meeting's whole life: plan it, wait without holding a worker, fetch transcript and takeaways.

The DAG has no schedule: somebody triggers it, from the UI (every field of the form is explained there) or through the
REST API with the same fields as ``conf``. What the tasks do:

1. ``create_meeting`` plans the session and adds the guests. Retried, cleared or clicked twice, it returns the session
   it made before.
2. ``wait_until_ended`` defers until the host has ended it: no worker is held, for days or for months.
3. ``wait_for_transcript`` and ``wait_for_takeaways`` wait until Sessions has written both, some minutes after the end.
4. ``export`` writes a table for each dataset that the form names: sessions, participants, what was said by whom and
   when, takeaways. Its window opens when this run was triggered and closes when the task starts, and only sessions of
   this title count.
5. ``fetch_transcript`` writes the transcript as captions (WebVTT, SRT), as plain text by speaker turns, and as JSON;
   a translation gets files of its own.

Sessions answers 10 requests a minute. All tasks keep to that together, and a wait costs one request a look whatever
the number of tasks that wait: so nothing here has to be slowed down.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.artifacts import FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Where files go unless the form says otherwise: any URL of Airflow's object storage, ``s3://`` and ``gs://`` too."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""How often the platform is asked. All tasks that wait on a connection share these requests."""

DATASETS = ["sessions", "participants", "transcript_segments", "takeaways"]
CAPTIONS = ["vtt", "srt", "txt", "json"]

FORM = {
    "title": Param(
        "Customer round table",
        type="string",
        title="Title",
        description="What guests see.",
        minLength=3,
        maxLength=200,
    ),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="In the time zone that Airflow shows here. Empty: five minutes after this run was triggered.",
    ),
    "duration_minutes": Param(
        45,
        type="integer",
        minimum=5,
        maximum=720,
        title="Planned duration (minutes)",
        description="What the calendar shows; the run waits for the real end.",
    ),
    "time_zone": Param(
        "UTC",
        type="string",
        title="Time zone",
        description="IANA name of the zone in which the meeting is planned. Choose one, or type another.",
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
        description="One e-mail address a line. The owner of the API key is the host.",
    ),
    "datasets": Param(
        DATASETS,
        type="array",
        items={"type": "string"},
        examples=DATASETS,
        title="Tables",
        description="What is brought home of the meeting.",
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
    "conn_id": Param(
        "sessions_us_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type Sessions (sessions.us).",
        section="Technical",
    ),
}

with DAG(
    dag_id="meeting_lifecycle",
    description="Plan a meeting, wait for it, fetch transcript and takeaways",
    doc_md=__doc__,
    schedule=None,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "sessions_us", "example"],
):
    meeting = CreateSessionOperator(
        task_id="create_meeting",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        description="{{ params.description or '' }}",
        # A field that was emptied is None; lines may be blank.
        participants="{{ (params.guests or []) | map('trim') | select | list | tojson }}",
    )
    session_id = "{{ ti.xcom_pull(task_ids='create_meeting')['session_id'] }}"

    ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )
    transcribed, summed_up = (
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
        title="{{ params.title }}",
        start="{{ dag_run.run_after.isoformat() }}",
        end="{{ ti.start_date.isoformat() }}",
    )
    transcript = FetchTranscriptOperator(
        task_id="fetch_transcript",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/transcripts",
        formats="{{ params.captions | join(',') }}",
    )

    meeting >> ended >> [transcribed, summed_up] >> export
    transcribed >> transcript
