"""What an export says of artifacts that it waits for, and of those that it gives up on."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.errors import ArtifactsAbsentError
from airflow_provider_sessions.export.run import ExportOutcome
from airflow_provider_sessions.metrics import ABSENT, EXPORTED, NEAR_GIVE_UP, OLDEST_PENDING, PENDING
from airflow_provider_sessions.retries.permanent_errors import HAS_RETRY_POLICIES, is_permanent
from airflow_provider_sessions.transfers import _export_operator
from airflow_provider_sessions.transfers._absences import find_pending, warn_near_give_up
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import Connect, RecordingTaskInstance
from tests.databases import Place, fields_of, sqlite
from tests.metrics import RecordingMetrics

__all__ = ["sqlite"]

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ONE_DAY = timedelta(days=1)
MISSING = "recordings: not available 14 days after the end"
Export = Callable[..., dict[str, Any]]


@pytest.fixture
def sessions(vidinfra: Any) -> list[str]:
    """Three sessions that ended on 2 March. The recordings of two never come."""
    made: list[str] = []
    for hour, recording in ((9, None), (10, None), (11, 60)):
        script = {"artifacts_after": {"attendance": 30, "recording": recording}, "recording": "completed"}
        ended_at = DAY + timedelta(hours=hour)
        made += vidinfra.create(
            f"At {hour}", started_at=ended_at - timedelta(hours=1), ended_at=ended_at, script=script
        )
    return made


@pytest.fixture(params=["files", "tables"])
def export(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite: Place, connect: Connect, vidinfra: Any, mocker: Any
) -> Export:
    """Export the day that ended a night before: ``export(3)`` runs on 5 March."""
    connect("warehouse", **fields_of(sqlite))

    def export(night: int, run: str = "", task_instance: Any = None, **fields: Any) -> dict[str, Any]:
        now = DAY + night * ONE_DAY + timedelta(hours=2)
        mocker.patch.object(SystemClock, "now", return_value=now)
        given = {"task_id": "export", "conn_id": "vidinfra_default", "datasets": "sessions,recordings", **fields}
        operator = (
            SessionsToObjectStorageOperator(**given, path=str(tmp_path / "out"))
            if request.param == "files"
            else SessionsToSqlOperator(**given, sql_conn_id="warehouse")
        )
        start = DAY + (night - 1) * ONE_DAY
        context = {
            "ti": task_instance or RecordingTaskInstance(run or f"night {night}"),
            "data_interval_start": start,
            "data_interval_end": start + ONE_DAY,
        }
        result: dict[str, Any] = operator.execute(context)  # type: ignore[arg-type]
        return result

    export.count = lambda dataset: (  # type: ignore[attr-defined]
        sum(len(file.read_text().splitlines()) for file in (tmp_path / "out" / dataset).rglob("*.jsonl"))
        if request.param == "files"
        else len(sqlite.rows(f"select * from {{schema}}{dataset}"))
    )
    return export


@pytest.fixture
def metrics(mocker: Any) -> RecordingMetrics:
    metrics = RecordingMetrics()
    mocker.patch.object(_export_operator, "make_metrics", return_value=metrics)
    return metrics


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    texts = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return [text for text in texts if "gives up" in text or "absent" in text]


def test_each_night_before_it_gives_up_warns_with_the_day(
    export: Export, sessions: list[str], caplog: pytest.LogCaptureFixture, metrics: RecordingMetrics
) -> None:
    for night in range(1, 11):
        assert export(night)["near_give_up"] == {}, f"{14 - night} days are left"
    assert warnings(caplog) == []
    assert set(metrics.of(NEAR_GIVE_UP)) == {0}
    assert metrics.of(PENDING)[1:] == [2] * 9
    assert metrics.of(OLDEST_PENDING)[-1] == timedelta(days=9, hours=17).total_seconds()

    for night, days in ((11, "3.3"), (12, "2.3"), (13, "1.3"), (14, "0.3")):
        result = export(night)
        assert result["near_give_up"] == {
            sessions[0]: "2026-03-16T09:00:00+00:00",
            sessions[1]: "2026-03-16T10:00:00+00:00",
        }
        [warning] = warnings(caplog)
        assert f"2 pending sessions: {sessions[0]} (recordings) on 2026-03-16, in {days} days, {sessions[1]}" in warning
    assert metrics.of(NEAR_GIVE_UP)[-4:] == [2] * 4
    assert sum(metrics.of(ABSENT)) == 0

    result = export(15)
    [warning] = warnings(caplog)
    assert f"2 sessions with absent artifacts: {min(sessions[:2])} ({MISSING}" in warning
    assert (result["absent"], result["near_give_up"]) == ({"recordings": 2}, {})
    export(16)
    assert warnings(caplog) == [], "each is reported once"
    assert sum(metrics.of(ABSENT)) == 2
    assert sum(metrics.of(EXPORTED)) == 3 + 2
    assert metrics.of(PENDING)[-2:] == metrics.of(OLDEST_PENDING)[-2:] == [0, 0]
    assert metrics.tags_of(PENDING)[0] == {"dag_id": "a_dag", "task_id": "a_task"}


def test_fail_fails_the_run_that_gives_up_and_its_retry_and_no_other(
    export: Export, sessions: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert export(1, on_absent="fail")["pending"] == {"recordings": 2}
    task_instance = RecordingTaskInstance("night 15")
    with pytest.raises(ArtifactsAbsentError, match="2 sessions with absent artifacts") as first:
        export(15, task_instance=task_instance, on_absent="fail")
    for session_id in sessions[:2]:
        assert f"{session_id} ({MISSING}" in str(first.value)
    assert is_permanent(first.value)
    assert HAS_RETRY_POLICIES or isinstance(first.value, AirflowFailException)
    assert task_instance.xcoms["return_value"]["absent"] == {"recordings": 2}, "though the task failed"
    written = {name: export.count(name) for name in ("sessions", "recordings")}  # type: ignore[attr-defined]

    with pytest.raises(ArtifactsAbsentError) as again:
        export(15, on_absent="fail")
    assert str(again.value) == str(first.value)
    assert {name: export.count(name) for name in written} == written, "nothing twice"  # type: ignore[attr-defined]
    assert export(16, on_absent="fail")["near_give_up"] == {}
    overlapping = export(16, "overlapping", start=DAY, end=DAY + ONE_DAY, on_absent="fail")
    assert overlapping["absent"] == {"recordings": 2}, "another run recorded and reported these"
    assert warnings(caplog) == []


def test_a_run_that_failed_succeeds_once_the_recording_is_there(
    export: Export, sessions: list[str], vidinfra: Any
) -> None:
    export(1)
    with pytest.raises(ArtifactsAbsentError):
        export(15, on_absent="fail")
    for session_id in sessions[:2]:
        vidinfra.script(session_id, artifacts_after=0, recording="completed")
    assert export(15, on_absent="fail")["datasets"]["recordings"]["rows"] == 2


def test_the_rows_of_everything_else_are_written_before_the_task_fails(export: Export, sessions: list[str]) -> None:
    with pytest.raises(ArtifactsAbsentError):
        export(1, give_up_after="PT1H", on_absent="fail")
    assert export.count("sessions") == 3  # type: ignore[attr-defined]
    assert export.count("recordings") == 3, "what is known of those that never came, too"  # type: ignore[attr-defined]


def test_what_nobody_expects_is_no_loss(export: Export, vidinfra: Any) -> None:
    times = {"started_at": DAY, "ended_at": DAY + timedelta(hours=9)}
    vidinfra.create("Unrecorded", script={"recording": "none"}, **times)
    assert export(15, start=DAY, end=DAY + ONE_DAY, on_absent="fail")["absent"] == {"recordings": 1}

    [canceled] = vidinfra.create("Canceled", scheduled_start=DAY)
    window = {"start": DAY - ONE_DAY, "end": DAY + ONE_DAY, "datasets": "sessions"}
    assert export(1, "before", **window)["pending"] == {"sessions": 1}
    vidinfra.delete(canceled)
    assert export(3, "after", on_absent="fail", **window)["absent"] == {"sessions": 1}


@pytest.mark.parametrize(
    ("give_up_after", "near"),
    [(timedelta(days=14), 3.5), (timedelta(days=2), 1), (timedelta(hours=6), 0.25), (timedelta(days=200_000), None)],
    ids=str,
)
def test_a_nightly_run_warns_at_least_once(give_up_after: timedelta, near: float | None) -> None:
    def is_near(days_left: float) -> bool:
        outcome = make_outcome({"s1": DAY - give_up_after + timedelta(days=days_left)})
        return "s1" in find_pending(outcome, give_up_after, DAY).near_give_up

    if near is None:
        outcome = make_outcome({"s1": DAY - ONE_DAY})
        assert find_pending(outcome, give_up_after, DAY).near_give_up == {}
        return
    assert is_near(near - 0.01)
    assert is_near(near + 0.01) == (give_up_after <= ONE_DAY)


def test_of_many_the_first_are_named(caplog: pytest.LogCaptureFixture) -> None:
    since = {f"s{number:04}": DAY - timedelta(days=12, minutes=-number) for number in range(1000)}
    outcome = make_outcome(since)
    pending = find_pending(outcome, timedelta(days=14), DAY)
    warn_near_give_up(outcome, pending, DAY)
    [text] = caplog.messages
    assert "1,000 pending sessions: s0000 (recordings) on" in text
    assert "s0019" in text
    assert "s0020" not in text
    assert "980 more" in text
    assert len(json.dumps(pending.name_near_give_up())) < 2000


def make_outcome(since: dict[str, datetime]) -> ExportOutcome:
    return ExportOutcome(0, 0, {key: {"recordings": ""} for key in since}, {}, {}, since, (), ())
