"""DAGs that run on every platform: the connection determines which.

The arguments are templates, so that tasks get text.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task
from airflow.sdk.bases.operator import BaseOperator

from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.operators.sessions import (
    CallApiOperator,
    CancelSessionOperator,
    CreateSessionOperator,
    EndSessionOperator,
    StartSessionOperator,
    UpdateSessionOperator,
)
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

PARAMS = {
    "conn_id": "vidinfra_default",
    "session_id": "",
    "features": Param([], type="array"),
    "sessions": Param({}, type="object"),
    "title": "Quarterly review",
    "start": "2030-04-01T14:00",
    "moved": "2030-04-01T15:30",
    "options": Param({}, type="object"),
    "endpoint": "",
    "arguments": Param({}, type="object"),
    "artifact": "recording",
    "path": "",
    "begin": "",
    "end": "",
}
DEFAULTS = {"conn_id": "{{ params.conn_id }}", "max_idle": 1}  # the sandbox begins long before the planned time
SESSION = "{{ params.session_id }}"
FORMATS = ("jsonl", "csv", "parquet")


def dag(dag_id: str) -> DAG:
    """Return a DAG with the parameters of this file."""
    return DAG(dag_id, schedule=None, params=PARAMS, default_args=DEFAULTS)


def create(task_id: str, **given: object) -> CreateSessionOperator:
    """Create the session that the run's configuration describes."""
    arguments = {
        "title": "{{ params.title }}",
        "start": "{{ params.start }}",
        "duration": "PT45M",
        "time_zone": "America/New_York",
        "description": "Results of the quarter",
        "options": "{{ params.options | tojson }}",
    }
    return CreateSessionOperator(task_id=task_id, **arguments | given)


with dag("lifecycle"):
    made = create("create")
    scheduled = SessionStateSensor(
        task_id="scheduled", session_id=made.output["session_id"], state="scheduled", poll_interval=1
    )
    # A session that was requested from staff gets another id when it is scheduled: the sensor returns that id.
    session_id = scheduled.output["session_id"]
    moved = UpdateSessionOperator(
        task_id="update", session_id=session_id, start="{{ params.moved }}", time_zone="America/New_York"
    )
    called = CallApiOperator(
        task_id="call", endpoint="{{ params.endpoint }}", arguments="{{ params.arguments | tojson }}"
    )
    live = SessionStateSensor(task_id="live", session_id=session_id, state="live", poll_interval=1)
    ended = SessionStateSensor(task_id="ended", session_id=session_id, state="ended", poll_interval=1)
    ready = ArtifactSensor(task_id="ready", session_id=session_id, artifact="{{ params.artifact }}", poll_interval=1)
    made >> scheduled >> moved >> called >> live >> ended >> ready

with dag("wait_in_a_worker"):
    poked = SessionStateSensor(
        task_id="poke", session_id=SESSION, state="live", poll_interval=1, deferrable=False, mode="poke"
    )
    rescheduled = SessionStateSensor(
        task_id="reschedule", session_id=SESSION, state="ended", poll_interval=1, deferrable=False, mode="reschedule"
    )
    poked >> rescheduled

with dag("cancel"):
    first, later = create("create"), create("later", start="{{ params.moved }}")
    cancel, canceled = (
        CancelSessionOperator(task_id=task_id, session_id=first.output["session_id"], notify="{{ 1 == 2 }}")
        for task_id in ("cancel", "canceled")
    )
    first >> later >> cancel >> canceled

with dag("export"):
    SessionsToObjectStorageOperator.partial(
        task_id="export", path="{{ params.path }}", start="{{ params.begin }}", end="{{ params.end }}"
    ).expand(format=list(FORMATS))


def wait(feature: str, artifact: str) -> BaseOperator:
    """Wait for an artifact of a session."""
    return ArtifactSensor(
        task_id=f"{feature}_wait",
        session_id=template_session_id(feature),
        artifact=artifact,
        timeout=5,
        poll_interval=1,
    )


def export(feature: str, dataset: str) -> BaseOperator:
    """Export one dataset, by its name."""
    return SessionsToObjectStorageOperator(
        task_id=f"{feature}_export_{dataset}",
        path="{{ params.path }}",
        datasets=[dataset],
        start="{{ params.begin }}",
        end="{{ params.end }}",
    )


def template_session_id(feature: str) -> str:
    """Return the template of the id of a feature's session."""
    return f"{{{{ params.sessions.{feature} }}}}"


with dag("features"):
    TASKS_BY_FEATURE: dict[str, list[BaseOperator]] = {
        "start": [StartSessionOperator(task_id="start", session_id=template_session_id("start"))],
        "end": [EndSessionOperator(task_id="end", session_id=template_session_id("end"), trigger_rule="all_done")],
        "cancel": [CancelSessionOperator(task_id="cancel", session_id=template_session_id("cancel"))],
        "participants": [export("participants", "participants")],
        "attendance": [
            wait("attendance", "attendance"),
            export("attendance", "attendance"),
            export("attendance", "attendance_summary"),
        ],
        "transcripts": [
            wait("transcripts", "transcript"),
            export("transcripts", "transcript_segments"),
            FetchTranscriptOperator(
                task_id="transcripts_fetch",
                session_id=template_session_id("transcripts"),
                path="{{ params.path }}/transcripts",
                formats="vtt, srt, txt, json",
            ),
        ],
        "takeaways": [wait("takeaways", "takeaways"), export("takeaways", "takeaways")],
        "recordings": [
            wait("recordings", "recording"),
            export("recordings", "recordings"),
            DownloadRecordingsOperator(
                task_id="recordings_download",
                session_id=template_session_id("recordings"),
                path="{{ params.path }}/media",
            ),
        ],
    }
    """The tasks that use each feature."""

    @task.branch
    def choose(params: dict[str, list[str]] | None = None) -> list[str]:
        """Return the tasks of the features in the run's configuration."""
        return [chosen.task_id for feature in (params or {})["features"] for chosen in TASKS_BY_FEATURE[feature]]

    choose() >> [chosen for tasks in TASKS_BY_FEATURE.values() for chosen in tasks]
    TASKS_BY_FEATURE["start"] >> TASKS_BY_FEATURE["end"][0]

with dag("invalid_arguments"):
    create("unknown_option", options={"no_such_option": 1})
    create("no_time", start="noon")
    create("no_zone", time_zone=None)
    create("unknown_zone", time_zone="Mars/Olympus")
    create("ends_before_it_starts", duration=None, end="2030-04-01T13:00")
    create("no_title", title="")
    create("no_address", participants=["nobody"])
    UpdateSessionOperator(task_id="no_change", session_id="s")
    UpdateSessionOperator(task_id="unknown_change", session_id="s", options={"no_such_option": 1})
    StartSessionOperator(task_id="no_session", session_id="{{ None }}")
    CancelSessionOperator(task_id="neither_yes_nor_no", session_id="s", notify="{{ 'perhaps' }}")
    CallApiOperator(task_id="unknown_endpoint", endpoint="make_coffee")
    CallApiOperator(task_id="unknown_argument", endpoint="{{ params.endpoint }}", arguments={"sugar": 2})
    SessionStateSensor(task_id="unknown_state", session_id="s", state="{{ 'flying' }}")
    ArtifactSensor(task_id="unknown_artifact", session_id="s", artifact="{{ 'perfume' }}")
    FetchTranscriptOperator(task_id="unknown_captions", session_id="s", path="/tmp", formats=["{{ 'docx' }}"])
    DownloadRecordingsOperator(task_id="no_folder", session_id="s", path="")
    SessionsToObjectStorageOperator(task_id="unknown_dataset", path="/tmp", datasets="{{ 'weather' }}", start=0, end=1)
    SessionsToObjectStorageOperator(task_id="unknown_format", path="/tmp", format="{{ 'xls' }}", start=0, end=1)
    SessionsToObjectStorageOperator(task_id="half_a_window", path="/tmp", start="2030-04-01T00:00:00Z")
