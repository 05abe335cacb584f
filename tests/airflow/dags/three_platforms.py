"""DAGs that run on every platform: which one is meant, only the connection says.

Values arrive as templates render them: as text.
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
    "questions": Param([], type="array"),
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
    """One of this file's DAGs."""
    return DAG(dag_id, schedule=None, params=PARAMS, default_args=DEFAULTS)


def create(task_id: str, **given: object) -> CreateSessionOperator:
    """Make the session that the run's configuration describes."""
    described = {
        "title": "{{ params.title }}",
        "start": "{{ params.start }}",
        "duration": "PT45M",
        "time_zone": "America/New_York",
        "description": "What the quarter brought",
        "options": "{{ params.options | tojson }}",
    }
    return CreateSessionOperator(task_id=task_id, **described | given)


with dag("life"):
    made = create("create")
    scheduled = SessionStateSensor(
        task_id="scheduled", session_id=made.output["session_id"], state="scheduled", poll_interval=1
    )
    # Asked of staff, a session gets its lasting id when it is scheduled: what comes later goes by the sensor's.
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

with dag("call_off"):
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


def wait(question: str, artifact: str) -> BaseOperator:
    """Wait for what a session leaves behind."""
    return ArtifactSensor(
        task_id=f"{question}_wait", session_id=session_of(question), artifact=artifact, timeout=5, poll_interval=1
    )


def export(question: str, dataset: str) -> BaseOperator:
    """Export one dataset, by its name."""
    return SessionsToObjectStorageOperator(
        task_id=f"{question}_export_{dataset}",
        path="{{ params.path }}",
        datasets=[dataset],
        start="{{ params.begin }}",
        end="{{ params.end }}",
    )


def session_of(question: str) -> str:
    """The session about which a question is asked."""
    return f"{{{{ params.sessions.{question} }}}}"


with dag("ask") as ask:
    WAYS_TO_ASK: dict[str, list[BaseOperator]] = {
        "start": [StartSessionOperator(task_id="start", session_id=session_of("start"))],
        "end": [EndSessionOperator(task_id="end", session_id=session_of("end"), trigger_rule="all_done")],
        "cancel": [CancelSessionOperator(task_id="cancel", session_id=session_of("cancel"))],
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
                session_id=session_of("transcripts"),
                path="{{ params.path }}/transcripts",
                formats="vtt, srt, txt, json",
            ),
        ],
        "takeaways": [wait("takeaways", "takeaways"), export("takeaways", "takeaways")],
        "recordings": [
            wait("recordings", "recording"),
            export("recordings", "recordings"),
            DownloadRecordingsOperator(
                task_id="recordings_download", session_id=session_of("recordings"), path="{{ params.path }}/media"
            ),
        ],
    }
    """Feature to all tasks that ask it of a platform."""

    @task.branch
    def choose(params: dict[str, list[str]] | None = None) -> list[str]:
        """Ask the questions that the run's configuration names."""
        return [asking.task_id for question in (params or {})["questions"] for asking in WAYS_TO_ASK[question]]

    choose() >> [asking for tasks in WAYS_TO_ASK.values() for asking in tasks]
    WAYS_TO_ASK["start"] >> WAYS_TO_ASK["end"][0]

with dag("cannot_be_meant"):
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
