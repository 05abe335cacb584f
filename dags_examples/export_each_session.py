"""Every session as it ends, and its transcript as it becomes ready: those that people made by hand included.

Nothing has to be known beforehand of a session, and no task waits for one. A watcher lists all sessions of the
connection in the triggerer, sees what becomes of them, and tells the asset ``sessions``: one asset event for each thing
that happens. This DAG is scheduled by that asset.

1. ``ended`` and ``transcribed`` read what happened. **Airflow starts one run for all events that have queued up since
   the last one**, so there may be several: a DAG that looked at one alone would pass over the others.
2. ``export`` writes tables of the sessions that ended. Other runs may have written some of them: their ledger knows.
3. ``fetch_transcript`` runs once for each transcript, and writes it as captions and as text by speaker turns.

Where nothing of a kind happened, its task is skipped. A run that somebody triggers by hand has no events, and an asset
event that somebody creates by hand tells of no session: both skip all.

An event may come twice: when the triggerer is killed within seconds after it, and, before Airflow 3.3.2, when it is
started anew. That does no harm here, since a repeated task writes the same files. While the DAG is paused nobody
watches; on Airflow 3.3.2 and later what happened meanwhile is told when it is unpaused.
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
"""Any URL of Airflow's object storage: ``file://``, ``s3://connection@bucket/folder``, ``gs://``, ``abfs://``."""

POLL_INTERVAL = timedelta(seconds=int(os.environ.get("SESSIONS_POLL_INTERVAL", "60")))
"""How often the platform is asked. All watchers and tasks that wait on a connection share these requests."""

SESSIONS = Asset(
    "sessions",
    watchers=[
        AssetWatcher(
            name="session_events",
            trigger=SessionEventTrigger(
                conn_id=CONN_ID,
                events=["ended", "transcript_ready"],
                # title="Customer",  only sessions whose title holds this
                poll_interval=POLL_INTERVAL,
            ),
        )
    ],
)


def happened(event: str) -> list[dict[str, Any]]:
    """What this run was started for: the payloads of one kind of event."""
    events = get_current_context()["triggering_asset_events"].get(SESSIONS, ())
    payloads = [told.extra["payload"] for told in events if "payload" in told.extra]
    return [payload for payload in payloads if payload["event"] == event]


with DAG(
    dag_id="export_each_session",
    description="Export each session as it ends, and its transcript as it becomes ready",
    doc_md=__doc__,
    schedule=[SESSIONS],
    # Runs that write to one folder at a time: a crowd of them would only wait for the platform's rate limit.
    max_active_runs=1,
    default_args={"retries": 2},
    tags=["sessions", "sessions_us", "example"],
):

    @task
    def ended() -> list[dict[str, str]]:
        """The window in which all sessions ended that have; none if none has."""
        instants = sorted(datetime.fromisoformat(payload["at"]) for payload in happened("ended"))
        if not instants:
            return []
        end = instants[-1] + timedelta(seconds=1)  # the end does not belong to a window
        return [{"start": instants[0].isoformat(), "end": end.isoformat()}]

    @task
    def transcribed() -> list[str]:
        """The sessions whose transcript is there, each once."""
        return sorted({payload["session"]["session_id"] for payload in happened("transcript_ready")})

    SessionsToObjectStorageOperator.partial(
        task_id="export",
        conn_id=CONN_ID,
        path=EXPORT_PATH,
        datasets=["sessions", "participants"],
        format="csv",
    ).expand_kwargs(ended())

    FetchTranscriptOperator.partial(
        task_id="fetch_transcript",
        conn_id=CONN_ID,
        path=f"{EXPORT_PATH}/transcripts",
        formats=["vtt", "txt"],
    ).expand(session_id=transcribed())
