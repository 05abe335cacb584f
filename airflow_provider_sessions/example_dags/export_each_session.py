"""Export each session when it ends, and its transcript when it is ready, including sessions created outside Airflow.

No task waits for a session. A watcher in the triggerer polls the sessions of the connection and emits an event of the
asset ``sessions_events`` for each session that ends and for each transcript that becomes ready. The asset schedules
this DAG.

1. ``find_window`` and ``list_transcribed`` read the events. **Airflow starts one run for all events since the last
   run**, so a run has to process all of its events.
2. ``export`` writes tables of the sessions that ended. The ledger says which ones other runs have exported already.
3. ``fetch_transcript`` runs once for each transcript and writes it as captions and as text by speaker turns.

A task without events is skipped. A run that is triggered manually has no events, and an asset event that is created
manually names no session, so both skip all tasks.

An event may be emitted twice: if the triggerer is killed within seconds after it and, before Airflow 3.3.2, if it is
restarted. A repeated task writes the same files. While the DAG is paused, nothing is polled; on Airflow 3.3.2 and
later, the events of that time are emitted when it is unpaused.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, get_current_context, task

from airflow_provider_sessions.operators.artifacts import FetchTranscriptOperator
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.triggers.sessions import SessionEventTrigger

CONN_ID = "sessions_us_default"

EXPORT_PATH = os.environ.get("SESSIONS_EXPORT_PATH", "file:///tmp/sessions")
"""Folder of the files: any URL of Airflow's object storage, ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "60")))
"""Time between two polls. All watchers and waiting tasks of a connection share the polls."""

SESSIONS = Asset(
    "sessions_events",
    watchers=[
        AssetWatcher(
            name="session_events",
            trigger=SessionEventTrigger(
                conn_id=CONN_ID,
                events=["ended", "transcript_ready"],
                # title="Customer",  only sessions whose title contains this
                poll_interval=POLL_INTERVAL,
            ),
        )
    ],
)


def get_payloads(name: str) -> list[dict[str, Any]]:
    """Return the payloads of the run's events of one kind."""
    events = get_current_context()["triggering_asset_events"].get(SESSIONS, ())
    payloads = [event.extra["payload"] for event in events if "payload" in event.extra]
    return [payload for payload in payloads if payload["event"] == name]


with DAG(
    dag_id="sessions_export_each_session",
    description="Export each session as it ends, and its transcript as it becomes ready",
    doc_md=__doc__,
    schedule=[SESSIONS],
    catchup=False,
    # More runs at the same time would only wait for the platform's rate limit.
    max_active_runs=1,
    default_args={"retries": 2},
    tags=["sessions", "sessions_us", "example"],
):

    @task
    def find_window() -> list[dict[str, str]]:
        """Return the window in which the sessions ended; an empty list if none has."""
        instants = sorted(datetime.fromisoformat(payload["at"]) for payload in get_payloads("ended"))
        if not instants:
            return []
        end = instants[-1] + timedelta(seconds=1)  # a window does not include its end
        return [{"start": instants[0].isoformat(), "end": end.isoformat()}]

    @task
    def list_transcribed() -> list[str]:
        """Return the sessions whose transcript is ready, each once."""
        return sorted({payload["session"]["session_id"] for payload in get_payloads("transcript_ready")})

    SessionsToObjectStorageOperator.partial(
        task_id="export",
        conn_id=CONN_ID,
        path=EXPORT_PATH,
        datasets=["sessions", "participants"],
        format="csv",
    ).expand_kwargs(find_window())

    FetchTranscriptOperator.partial(
        task_id="fetch_transcript",
        conn_id=CONN_ID,
        path=f"{EXPORT_PATH}/transcripts",
        formats=["vtt", "txt"],
    ).expand(session_id=list_transcribed())
