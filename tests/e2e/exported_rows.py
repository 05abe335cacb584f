"""What an export of VidInfra's sessions has to contain, counted from the sandbox and from exported rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_sessions.sandbox import Sandbox
from tests.databases import Place

DATASETS = ("sessions", "participants", "attendance", "attendance_summary", "recordings")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
ExpectedSessions = Mapping[str, Mapping[str, Any]]


def list_expected(sandbox: Sandbox, start: datetime, end: datetime) -> dict[str, dict[str, Any]]:
    """Return the sessions that ended in a window, in order of their end, as the sandbox has them."""
    ended = [session for session in sandbox.vidinfra.oracle() if session["ended_at"]]
    ended.sort(key=lambda session: session["ended_at"])
    return {session["id"]: session for session in ended if start <= datetime.fromisoformat(session["ended_at"]) < end}


def read_tables(tables: Place, start: datetime, end: datetime) -> Rows:
    """Return the rows of the sessions that ended in a window, by dataset."""
    query = """SELECT one.* FROM {schema}%s AS one JOIN {schema}sessions AS session USING (session_id)
        WHERE session.ended_at >= :start AND session.ended_at < :end"""
    return {
        dataset: [dict(row._mapping) for row in tables.rows(query % dataset, start=start, end=end)]
        for dataset in DATASETS
    }


def count_expected(expected: ExpectedSessions) -> Counter[tuple[str, str, str]]:
    """Return the sessions, attendance and recordings that must be exported, each once."""
    found: Counter[tuple[str, str, str]] = Counter()
    for session_id, session in expected.items():
        found["session", session_id, session["title"]] += 1
        for row in session["content"]["attendance"]:
            found["attendance", row["id"], str(row["watch_duration"])] += 1
        for one in session["content"]["recording"]:
            found["recording", one["id"], session_id] += one["status"] == "completed"
    return +found


def count_rows(rows: Rows) -> Counter[tuple[str, str, str]]:
    """Return the same as :func:`count_expected`, from exported rows."""
    return (
        Counter(("session", row["session_id"], row["title"]) for row in rows["sessions"])
        + Counter(("attendance", row["source_id"], f"{row['reported_seconds']:g}") for row in rows["attendance"])
        + Counter(
            # A recording that never became ready is absent and keeps its last row.
            ("recording", row["recording_id"], row["session_id"])
            for row in rows["recordings"]
            if row["status"] == "ready"
        )
    )
