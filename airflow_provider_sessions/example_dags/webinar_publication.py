"""A webinar from its preset to its video: room, session, poll, chat, export, and the recording in the video library.

The DAG has no schedule: somebody triggers it, from the UI or through the REST API with the fields of the form as
``conf``. What the tasks do:

1. ``prepare`` finds preset, room and video library by their names, and creates preset and room if they do not exist.
2. ``create_webinar`` creates the session, ``wait_until_live`` waits deferred until its host starts it.
3. ``create_poll`` creates a poll, ``send_message`` writes into the chat.
4. ``wait_until_ended`` and ``wait_for_recording`` wait deferred for the end and for the recording.
5. ``export`` writes the tables, with those that are exported only where they are named: ``polls``, ``chat_messages``.
6. ``write_subtitles`` writes a WebVTT file; put your transcription here.
7. ``publish`` lets the video library fetch the recording, waits deferred until it can be played, and gives it title,
   chapter and subtitles. Retried or cleared, it finds the video that it created before.

It needs a triggerer, and a connection of the type VidInfra Live; with another base URL than the vendor's, that needs
``video_host``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, Param, get_current_context, task

from airflow_provider_sessions.operators.publishing import PublishRecordingOperator
from airflow_provider_sessions.operators.sessions import CallApiOperator, CreateSessionOperator
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "30")))

FORM = {
    "title": Param("Release walkthrough", type="string", title="Title", minLength=3, maxLength=200),
    "start": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Planned start",
        description="Empty: five minutes after this run was triggered.",
    ),
    "preset": Param("With polls and chat", type="string", title="Preset", description="Created if it does not exist."),
    "room": Param("Release webinars", type="string", title="Room", description="Created if it does not exist."),
    "library_id": Param(
        None,
        type=["null", "string"],
        format="uuid",
        title="Video library",
        description="Empty: the first library of the account.",
    ),
    "question": Param("Which release do you use?", type="string", title="Question of the poll", minLength=3),
    "answers": Param(["The newest", "An older one"], type="array", title="Options of the poll", minItems=2),
    "greeting": Param("Welcome! Ask anything here.", type="string", title="First message of the chat", maxLength=500),
    "path": Param(EXPORT_PATH, type="string", title="Where files go"),
    "conn_id": Param("vidinfra_default", type="string", title="Connection"),
}

with DAG(
    dag_id="sessions_webinar_publication",
    description="Hold a webinar with poll and chat, export it, and publish its recording with subtitles",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=FORM,
    default_args={"retries": 2},
    tags=["sessions", "vidinfra", "example"],
):

    @task
    def prepare() -> dict[str, str]:
        """Return the ids of preset, room and library."""
        from airflow_provider_sessions.hooks.vidinfra import VidInfraHook
        from airflow_provider_sessions.platforms.vidinfra import endpoints

        params = get_current_context()["params"]
        hook = VidInfraHook(params["conn_id"])
        preset = next((one for one in hook.pages(endpoints.list_presets()) if one.name == params["preset"]), None)
        room = next((one for one in hook.pages(endpoints.list_my_rooms()) if one.title == params["room"]), None)
        settings: Any = {"recording_enabled": True, "poll_enabled": True, "chat_enabled": True}
        preset = preset or hook.call(endpoints.create_preset(params["preset"], "whip", "#1F6FEB", settings=settings))
        room = room or hook.call(endpoints.create_room(params["room"]))
        library_id = params["library_id"] or next(hook.pages(endpoints.list_video_libraries())).id
        return {"preset_id": str(preset.id), "room_id": str(room.id), "library_id": str(library_id)}

    @task
    def make_calls(session_id: str) -> dict[str, dict[str, Any]]:
        """Return the arguments of the calls about the session."""
        params = get_current_context()["params"]
        return {
            "poll": {"session_id": session_id, "question": params["question"], "options": params["answers"]},
            "message": {"session_id": session_id, "message": params["greeting"]},
        }

    @task
    def write_subtitles(session_id: str) -> dict[str, str]:
        """Return the path of a WebVTT file by language."""
        folder = ObjectStoragePath(get_current_context()["params"]["path"]) / "subtitles"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{session_id}.en.vtt"
        with file.open("w") as opened:
            opened.write("WEBVTT\n\n00:00.000 --> 00:04.000\nWelcome to the walkthrough.\n")
        return {"en": str(file)}

    prepared: Any = prepare()
    webinar = CreateSessionOperator(
        task_id="create_webinar",
        conn_id="{{ params.conn_id }}",
        title="{{ params.title }}",
        start="{{ params.start or (dag_run.run_after + macros.timedelta(minutes=5)).isoformat() }}",
        options={"room_id": prepared["room_id"], "preset_id": prepared["preset_id"]},
    )
    session_id: Any = webinar.output["session_id"]
    calls: Any = make_calls(session_id)
    subtitles: Any = write_subtitles(session_id)
    waiting: dict[str, Any] = {
        "conn_id": "{{ params.conn_id }}",
        "session_id": session_id,
        "poll_interval": POLL_INTERVAL,
    }
    live = SessionStateSensor(task_id="wait_until_live", state="live", timeout=timedelta(days=90), **waiting)
    create_poll = CallApiOperator(
        task_id="create_poll",
        conn_id="{{ params.conn_id }}",
        endpoint="create_poll",
        arguments=calls["poll"],
    )
    send_message = CallApiOperator(
        task_id="send_message",
        conn_id="{{ params.conn_id }}",
        endpoint="send_chat_message",
        arguments=calls["message"],
    )
    ended = SessionStateSensor(task_id="wait_until_ended", state="ended", timeout=timedelta(days=1), **waiting)
    recorded = ArtifactSensor(task_id="wait_for_recording", artifact="recording", timeout=timedelta(hours=6), **waiting)
    export = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="{{ params.conn_id }}",
        path="{{ params.path }}",
        datasets="sessions,participants,attendance_summary,recordings,polls,chat_messages",
        session_id=session_id,
    )
    publish = PublishRecordingOperator(
        task_id="publish",
        conn_id="{{ params.conn_id }}",
        session_id=session_id,
        library_id=prepared["library_id"],
        chapters=[{"title": "Welcome", "start_time": 0, "end_time": 4}],
        subtitles=subtitles,
    )

    live >> [create_poll, send_message] >> ended >> recorded >> [export, subtitles]
