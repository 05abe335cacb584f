"""A deposition's whole life: schedule it, wait without holding a worker, fetch transcript and audio.

The DAG has no schedule: somebody triggers it, from the UI (every field of the form is explained there) or through the
REST API with the same fields as ``conf``. What the tasks do:

1. ``create_deposition`` schedules the session, or asks Prevail's staff to, as the form says. **Everybody invited gets
   an e-mail.** Retried, cleared or clicked twice, it returns the session it made before, and writes to nobody again.
2. ``wait_until_scheduled`` waits for staff, for days if need be. Where nobody has to be asked, it is done at once.
3. ``wait_until_ended`` waits until the session is over. Prevail does not say so itself: a finished transcript tells, a
   recording, or the planned end with an hour's grace.
4. ``wait_for_recording`` and ``wait_for_transcript`` wait until what was recorded and said is there.
5. ``export`` writes a table for each dataset that the form names. Prevail keeps no actual end, so a deposition counts
   as ended when it was planned to, and the window of the export is the planned one.
6. ``fetch_transcript`` writes the transcript as captions (WebVTT, SRT), as plain text by speaker turns, and as JSON;
   ``download_recordings`` brings the audio.

Nobody can be uninvited, neither here nor by another call of Prevail's API.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Where files go unless the form says otherwise: any URL of Airflow's object storage, ``s3://`` and ``gs://`` too."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))
"""How often the platform is asked. All tasks that wait on a connection share these requests."""

DATASETS = ["sessions", "participants", "transcript_segments", "recordings"]
CAPTIONS = ["vtt", "srt", "txt", "json"]

FORM = {
    "title": Param(
        "Deposition of Malachite Yarrow",
        type="string",
        title="Title",
        description="What the people invited see.",
        minLength=3,
        maxLength=200,
    ),
    "case": Param(
        "Yarrow v. Basalt Freight",
        type="string",
        title="Case",
        description="Name or number of the case. Prevail makes it if it has none of that name.",
        minLength=1,
    ),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="In the time zone that Airflow shows here. Empty: five minutes after this run was triggered.",
    ),
    "duration_minutes": Param(
        120,
        type="integer",
        minimum=15,
        maximum=720,
        title="Planned duration (minutes)",
        description="The run waits for the real end, as far as Prevail tells it.",
    ),
    "time_zone": Param(
        "America/New_York",
        type="string",
        title="Time zone",
        description="IANA name of the zone in which people are invited. Choose one, or type another.",
        examples=["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "UTC"],
    ),
    "flow": Param(
        "self_service",
        type="string",
        enum=["self_service", "request"],
        values_display={"self_service": "Schedule it now (Self-Service)", "request": "Ask Prevail's staff"},
        title="How it is scheduled",
        description="Self-Service has to be enabled for the organization; asking works for all.",
    ),
    "hosts": Param(
        [],
        type=["array", "null"],
        items={"type": "string"},
        title="Hosts",
        description="One e-mail address a line. Prevail lets only its registered members host.",
        section="People (all are e-mailed)",
    ),
    "participants": Param(
        [],
        type=["array", "null"],
        items={"type": "string"},
        title="Participants",
        description="One e-mail address a line. Nobody can be uninvited.",
        section="People (all are e-mailed)",
    ),
    "deponent": Param(
        None,
        type=["null", "string"],
        title="Deponent",
        description="Name of the person deposed.",
        section="People (all are e-mailed)",
    ),
    "deponent_email": Param(
        None,
        type=["null", "string"],
        title="Deponent's e-mail",
        description="With an address the deponent is invited, too.",
        section="People (all are e-mailed)",
    ),
    "datasets": Param(
        DATASETS,
        type="array",
        items={"type": "string"},
        examples=DATASETS,
        title="Tables",
        description="What is brought home of the deposition.",
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
        "prevail_default",
        type="string",
        title="Connection",
        description="Id of a connection of the type Prevail.",
        section="Technical",
    ),
}


def invited(form: Mapping[str, Any]) -> list[dict[str, str]]:
    """The people invited, each with their access level. A field that was emptied is None; lines may be blank."""
    access = {"hosts": "host", "participants": "participant"}
    return [
        {"email": line.strip(), "role": role}
        for field, role in access.items()
        for line in form[field] or []
        if line.strip()
    ]


def options(form: Mapping[str, Any]) -> dict[str, Any]:
    """What only Prevail knows of a session."""
    known = {"case": form["case"], "flow": form["flow"]}
    if not form["deponent"]:
        return known
    email = {"email": form["deponent_email"]} if form["deponent_email"] else {}
    return known | {"deponent": {"name": form["deponent"], **email}}


with DAG(
    dag_id="deposition_lifecycle",
    description="Schedule a deposition, wait for it, fetch transcript and audio",
    doc_md=__doc__,
    schedule=None,
    params=FORM,
    user_defined_macros={"invited": invited, "options": options},
    default_args={"retries": 2},
    tags=["sessions", "prevail", "example"],
):
    deposition = CreateSessionOperator(
        task_id="create_deposition",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        duration="PT{{ params.duration_minutes }}M",
        time_zone="{{ params.time_zone }}",
        participants="{{ invited(params) | tojson }}",
        options="{{ options(params) | tojson }}",
    )
    scheduled = SessionStateSensor(
        task_id="wait_until_scheduled",
        conn_id="{{ params.conn_id }}",
        session_id="{{ ti.xcom_pull(task_ids='create_deposition')['session_id'] }}",
        state="scheduled",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=30),
    )
    # A request has a number until staff schedule it. The lasting id is what this sensor returns.
    session_id = "{{ ti.xcom_pull(task_ids='wait_until_scheduled')['session_id'] }}"
    planned_start = "ti.xcom_pull(task_ids='wait_until_scheduled')['scheduled_start']"

    ended = SessionStateSensor(
        task_id="wait_until_ended",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        state="ended",
        poll_interval=POLL_INTERVAL,
        timeout=timedelta(days=90),
    )
    recorded, transcribed = (
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
        case="{{ params.case }}",
        title="{{ params.title }}",
        start=f"{{{{ {planned_start} }}}}",
        end=f"{{{{ (macros.datetime.fromisoformat({planned_start})"
        " + macros.timedelta(minutes=params.duration_minutes + 1)).isoformat() }}",
    )
    transcript = FetchTranscriptOperator(
        task_id="fetch_transcript",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/transcripts",
        formats="{{ params.captions | join(',') }}",
    )
    recordings = DownloadRecordingsOperator(
        task_id="download_recordings",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        path="{{ params.path }}/media",
    )

    deposition >> scheduled >> ended >> [recorded, transcribed]
    recorded >> recordings
    transcribed >> transcript
    [recorded, transcribed] >> export
