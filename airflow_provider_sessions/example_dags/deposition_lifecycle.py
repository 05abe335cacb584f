"""Schedule a deposition, wait until it has ended, and fetch its transcript and audio.

The DAG has no schedule. Trigger it in the UI, whose form explains every field, or through the REST API with the same
fields as ``conf``. Its tasks:

1. ``create_deposition`` schedules the session, or requests it from Prevail's staff. **Everybody invited gets an
   e-mail.** A retried or cleared task returns the existing session and sends no e-mail again.
2. ``wait_until_scheduled`` waits until staff have scheduled a requested session, possibly for days.
3. ``wait_until_ended`` waits until the session has ended. Prevail has no such state: a session counts as ended when it
   has a finished transcript or a recording, or an hour after its planned end.
4. ``wait_for_recording`` and ``wait_for_transcript`` wait until the artifacts are ready.
5. ``export`` writes a table for each dataset in the form. Prevail stores no actual end, so the planned one counts.
6. ``fetch_transcript`` writes the transcript as captions (WebVTT, SRT), as text by speaker turns, and as JSON;
   ``download_recordings`` downloads the audio.

The waits are deferred and hold no worker. Prevail's API cannot uninvite a person.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Param

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Default folder of the files: any URL of Airflow's object storage, such as ``s3://`` or ``gs://``."""

EXPORTED = Asset("sessions_exported")
"""Each export emits an event of it, which names the files; DAGs with this asset as their schedule follow."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""Time between two polls. All tasks that wait on a connection share the polls."""

DATASETS = ["sessions", "participants", "transcript_segments", "recordings"]
CAPTIONS = ["vtt", "srt", "txt", "json"]

FORM = {
    "title": Param(
        "Deposition of Malachite Yarrow",
        type="string",
        title="Title",
        description="The title that invited people see.",
        minLength=3,
        maxLength=200,
    ),
    "case": Param(
        "Yarrow v. Basalt Freight",
        type="string",
        title="Case",
        description="Name or number of the case. Prevail creates it if it does not exist.",
        minLength=1,
    ),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="In the time zone that Airflow shows here. Empty: five minutes after the run is triggered.",
    ),
    "duration_minutes": Param(
        120,
        type="integer",
        minimum=15,
        maximum=720,
        title="Planned duration (minutes)",
        description="The run waits for the actual end, as far as Prevail reports it.",
    ),
    "time_zone": Param(
        "America/New_York",
        type="string",
        title="Time zone",
        description="IANA name of the time zone of the invitations. Choose one, or type another.",
        examples=["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "UTC"],
    ),
    "flow": Param(
        "self_service",
        type="string",
        enum=["self_service", "request"],
        values_display={"self_service": "Schedule it now (Self-Service)", "request": "Request it from Prevail's staff"},
        title="How it is scheduled",
        description="Self-Service has to be enabled for the organization; every organization can send requests.",
    ),
    "hosts": Param(
        [],
        type=["array", "null"],
        items={"type": "string"},
        title="Hosts",
        description="One e-mail address per line. Hosts must be registered members of Prevail.",
        section="People (all get an e-mail)",
    ),
    "participants": Param(
        [],
        type=["array", "null"],
        items={"type": "string"},
        title="Participants",
        description="One e-mail address per line. Nobody can be uninvited.",
        section="People (all get an e-mail)",
    ),
    "deponent": Param(
        None,
        type=["null", "string"],
        title="Deponent",
        description="Name of the deponent.",
        section="People (all get an e-mail)",
    ),
    "deponent_email": Param(
        None,
        type=["null", "string"],
        title="Deponent's e-mail",
        description="If set, the deponent is invited, too.",
        section="People (all get an e-mail)",
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
        "prevail_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type Prevail.",
        section="Technical",
    ),
}


def list_invitees(form: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the people to invite, each with a role. An emptied field of the form is None; lines may be blank."""
    roles = {"hosts": "host", "participants": "participant"}
    return [
        {"email": line.strip(), "role": role}
        for field, role in roles.items()
        for line in form[field] or []
        if line.strip()
    ]


def make_options(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of Prevail."""
    options = {"case": form["case"], "flow": form["flow"]}
    if not form["deponent"]:
        return options
    email = {"email": form["deponent_email"]} if form["deponent_email"] else {}
    return options | {"deponent": {"name": form["deponent"], **email}}


with DAG(
    dag_id="sessions_deposition_lifecycle",
    description="Schedule a deposition, wait for it, fetch transcript and audio",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=FORM,
    user_defined_macros={"list_invitees": list_invitees, "make_options": make_options},
    default_args={"retries": 2},
    tags=["sessions", "prevail", "example"],
):
    create_deposition = CreateSessionOperator(
        task_id="create_deposition",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        participants="{{ list_invitees(params) | tojson }}",
        options="{{ make_options(params) | tojson }}",
    )
    wait_until_scheduled = SessionStateSensor(
        task_id="wait_until_scheduled",
        conn_id="{{ params.conn_id }}",
        session_id=create_deposition.output["session_id"],
        state="scheduled",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=30),
    )
    # A request has another id than the session that staff schedule. The sensor returns the id of the session.
    session_id = wait_until_scheduled.output["session_id"]

    wait_until_ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )
    wait_for_recording, wait_for_transcript = (
        ArtifactSensor(
            task_id=f"wait_for_{artifact}",
            conn_id="{{ params.conn_id }}",
            session_id=session_id,
            artifact=artifact,
            poll_interval=POLL_INTERVAL,
            timeout=timedelta(days=14),
        )
        for artifact in ("recording", "transcript")
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
    download_recordings = DownloadRecordingsOperator(
        task_id="download_recordings",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/media",
    )

    wait_until_ended >> [wait_for_recording, wait_for_transcript]
    wait_for_recording >> download_recordings
    wait_for_transcript >> fetch_transcript
    [wait_for_recording, wait_for_transcript] >> export
