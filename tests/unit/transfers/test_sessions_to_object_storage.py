"""The transfer against the sandbox over HTTP."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.errors import InputError, PermissionDeniedError, ServerError, UnsupportedError
from airflow_provider_sessions.export.datasets import DATASETS
from airflow_provider_sessions.model import SessionState
from airflow_provider_sessions.platforms.adapter import Adapter
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import requests_of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
LATER = {"start": DAY + timedelta(days=50), "end": DAY + timedelta(days=51)}
"""In which nothing ended."""
ALL_OF_VIDINFRA = ["sessions", "participants", "attendance", "attendance_summary", "recordings"]


@pytest.fixture
def export(tmp_path: Path, context: dict[str, Any], vidinfra: Any) -> Callable[..., dict[str, Any]]:
    def export(**fields: Any) -> dict[str, Any]:
        given = {"conn_id": "vidinfra_default", "path": str(tmp_path / "out"), **fields}
        return SessionsToObjectStorageOperator(task_id="export", **given).execute(context)

    return export


@pytest.fixture
def two_days(vidinfra: Any) -> list[str]:
    """Two sessions that ended on 2 March, one that ended early on 3 March."""
    return [
        *vidinfra.create("Morning", started_at=DAY + timedelta(hours=8), ended_at=DAY + timedelta(hours=9)),
        *vidinfra.create("Noon", started_at=DAY + timedelta(hours=11), ended_at=DAY + timedelta(hours=12)),
        *vidinfra.create("Night", started_at=DAY + timedelta(hours=-1), ended_at=DAY + timedelta(minutes=-30)),
    ]


def rows(tmp_path: Path, dataset: str) -> list[dict[str, Any]]:
    files = sorted((tmp_path / "out" / dataset).rglob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def is_different_each_time(key: str) -> bool:
    return "/catalogue/" in key or key.endswith("/build.json")


def tree(root: Path) -> dict[str, bytes]:
    """All files but catalogues, which hold when the list was read last, and the tokens of builds, which are random."""
    files = [path for path in root.rglob("*") if path.is_file() and not is_different_each_time(str(path))]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_it_exports_all_the_platform_gives_of_the_data_interval(export, two_days, tmp_path: Path) -> None:
    result = export()
    assert result["platform"] == "vidinfra"
    assert result["window"] == {"start": "2026-03-02T00:00:00+00:00", "end": "2026-03-03T00:00:00+00:00"}
    assert list(result["datasets"]) == ALL_OF_VIDINFRA
    assert [row["session_id"] for row in rows(tmp_path, "sessions")] == two_days[:2]
    for name in ALL_OF_VIDINFRA:
        found = rows(tmp_path, name)
        assert result["datasets"][name]["rows"] == len(found) > 0
        assert result["datasets"][name]["files"] == len(result["datasets"][name]["paths"]) == 1
        assert set(found[0]) == {column.name for column in DATASETS[name].columns}
    assert json.loads(Path(result["record"]).read_text())["status"] == "complete"
    assert json.dumps(result)


def test_an_export_keeps_no_adapter_in_a_process_that_goes_on(export, two_days, vidinfra: Any) -> None:
    of_other_tests = [one for one in gc.get_objects() if issubclass(type(one), Adapter)]
    for _ in range(2):
        export()
    assert not [one for one in gc.get_objects() if issubclass(type(one), Adapter) and one not in of_other_tests]


def test_the_summary_keeps_the_platforms_totals(export, two_days, tmp_path: Path) -> None:
    export(datasets="attendance,attendance_summary")
    attended = {(row["session_id"], row["participant_key"]): row for row in rows(tmp_path, "attendance")}
    for row in rows(tmp_path, "attendance_summary"):
        source = attended[row["session_id"], row["participant_key"]]
        assert row["from_totals"]
        assert row["connected_seconds"] == source["reported_seconds"]
        assert row["present_seconds"] <= 3600
        assert row["rejoins"] == source["joins"] - 1


def test_a_rerun_is_equal_to_the_byte_and_clears_up(export, two_days, vidinfra: Any, tmp_path: Path) -> None:
    export(format="parquet", start=DAY - timedelta(days=1), end=DAY + timedelta(days=1))
    first = tree(tmp_path)
    export(format="parquet", start=DAY - timedelta(days=1), end=DAY + timedelta(days=1))
    assert tree(tmp_path) == first
    assert any("dt=2026-03-01" in key for key in first)
    vidinfra.delete(two_days[2])
    result = export(format="parquet", start=DAY - timedelta(days=1), end=DAY + timedelta(days=1))
    assert result["deleted"] == 1
    latest, tombstone = sorted(key for key in tree(tmp_path) if "dt=2026-03-01" in key)
    assert latest.startswith("out/latest/sessions/")
    assert tombstone.startswith("out/sessions/")


def test_another_run_over_the_same_window_writes_nothing_twice(export, two_days, context, tmp_path: Path) -> None:
    export()
    first = tree(tmp_path)
    context["ti"].run_id = "manual__2026-03-03"
    result = export()
    assert (result["sessions"], result["unchanged"]) == (0, 2)
    [added] = tree(tmp_path).items() - first.items()
    assert added[0] == Path(result["record"]).relative_to(tmp_path).as_posix()


def test_a_run_that_finds_all_unchanged_says_so_and_logs_no_zeros(
    export, two_days, context, vidinfra: Any, caplog: pytest.LogCaptureFixture
) -> None:
    export()
    context["ti"].run_id = "manual__2026-03-03"
    caplog.clear()
    caplog.set_level("INFO")
    export()
    assert "2 sessions unchanged since an earlier run exported them" in caplog.messages
    assert not [message for message in caplog.messages if "0 rows" in message or "no new rows" in message]

    vidinfra.create("Early", started_at=DAY + timedelta(hours=6), ended_at=DAY + timedelta(hours=7))
    context["ti"].run_id = "manual__2026-03-04"
    caplog.clear()
    export(datasets="sessions,recordings")
    assert [text for text in caplog.messages if text.startswith("sessions: 1 row, ")]
    assert "2 sessions unchanged since an earlier run exported them" in caplog.messages


def test_a_late_recording_is_brought_by_a_later_run(
    export, vidinfra: Any, context, tmp_path: Path, mocker: Any
) -> None:
    soon = datetime.now(UTC) - timedelta(hours=3)
    vidinfra.shared.clock.move_to(soon + timedelta(hours=2))
    [late] = vidinfra.create("Late", started_at=soon, ended_at=soon + timedelta(hours=1))
    vidinfra.script(late, artifacts_after={"attendance": 30, "recording": 86400})
    window = {"start": soon - timedelta(days=1), "end": soon + timedelta(days=1)}
    result = export(**window)
    assert (result["sessions"], result["pending"]) == (1, {"recordings": 1})
    assert rows(tmp_path, "recordings") == []
    record = json.loads(Path(result["record"]).read_text())
    assert record["pending"] == {late: {"recordings": "there is no recording yet"}}

    mocker.patch.object(SystemClock, "now", return_value=datetime.now(UTC) + timedelta(days=2))
    vidinfra.shared.clock.advance(2 * 86400)
    context["ti"].run_id = "scheduled__later"
    result = export(start=soon + timedelta(days=1), end=soon + timedelta(days=2))
    assert (result["sessions"], result["pending"]) == (1, {})
    assert [row["session_id"] for row in rows(tmp_path, "recordings")] == [late]
    assert len(rows(tmp_path, "sessions")) == 1


def test_connections_of_two_organizations_share_a_folder(
    export, vidinfra: Any, connect, context, tmp_path: Path, mocker: Any
) -> None:
    """The same host shows each key its own sessions: what one does not know is not deleted."""
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    others = Sandbox(seed=7, clock=vidinfra.shared.clock)
    held = {"started_at": DAY + timedelta(hours=8), "ended_at": DAY + timedelta(hours=9)}
    with SandboxServer(others):
        connect("others", **others.vidinfra.connection())
        ids = {"vidinfra_default": vidinfra.create(**held)[0], "others": others.vidinfra.create(**held)[0]}
        for night, window in enumerate(({}, LATER, LATER)):
            now.return_value += timedelta(days=night)
            if night == 2:
                vidinfra.delete(ids["vidinfra_default"])
            for conn_id in ids:
                context["ti"].run_id = f"{conn_id}, night {night}"
                result = export(conn_id=conn_id, datasets="sessions", **window)
                assert result["deleted"] == (1 if (night, conn_id) == (2, "vidinfra_default") else 0)
    found = {(row["session_id"], row["version"], row["deleted"]) for row in rows(tmp_path, "sessions")}
    assert found == {(ids["vidinfra_default"], 1, False), (ids["vidinfra_default"], 2, True), (ids["others"], 1, False)}


def test_two_connections_of_one_account_export_each_session_once(
    export, two_days, vidinfra: Any, connect, context, tmp_path: Path, mocker: Any
) -> None:
    """As after a new key got a connection of its own, while DAGs still use the old one."""
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    shared = {"session_url": "https://live.example.com/sessions/{session_id}"}  # it is in the rows
    connect("new_key", **vidinfra.connection() | {"extra": shared})
    for number, conn_id in enumerate(("vidinfra_default", "new_key", "vidinfra_default")):
        context["ti"].run_id = f"run {number}"
        assert export(conn_id=conn_id)["sessions"] == (2, 0, 0)[number]
    now.return_value += timedelta(days=1)
    vidinfra.all_sessions[two_days[0]].title = "Renamed"
    context["ti"].run_id = "later"
    assert export(conn_id="new_key")["sessions"] == 1  # a revision of what the other connection wrote
    assert [row["version"] for row in rows(tmp_path, "sessions") if row["session_id"] == two_days[0]] == [2, 1]
    latest = {row["session_id"]: row["title"] for row in rows(tmp_path, "latest/sessions")}
    assert (len(rows(tmp_path, "latest/sessions")), latest[two_days[0]]) == (2, "Renamed")


@pytest.mark.parametrize("filters", [{"title": "noon"}, {"title": "noon", "redact": {"title": "drop"}}], ids=str)
def test_a_filtered_export_reports_what_was_deleted_of_its_own(
    export, two_days, vidinfra: Any, context, tmp_path: Path, mocker: Any, filters: dict[str, Any]
) -> None:
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    context["ti"].run_id = "of all, without noon"
    export(datasets="sessions", end=DAY + timedelta(hours=10), start=DAY)
    context["ti"].run_id = "of some"
    export(datasets="sessions", **filters)
    vidinfra.delete(two_days[0])
    vidinfra.delete(two_days[1])
    now.return_value += timedelta(days=2)
    for run, deleted in (("of some, later", 1), ("of some, again", 0)):
        context["ti"].run_id = run
        assert export(datasets="sessions", **LATER, **filters)["deleted"] == deleted
    context["ti"].run_id = "of all, later"
    assert export(datasets="sessions", **LATER)["deleted"] == 1
    found = sorted(
        (two_days.index(row["session_id"]), row["version"], row["deleted"]) for row in rows(tmp_path, "sessions")
    )
    assert found == [(0, 1, False), (0, 2, True), (1, 1, False), (1, 2, True)]


def test_what_never_comes_is_given_up_and_logged(export, vidinfra: Any, two_days, caplog) -> None:
    vidinfra.script(two_days[0], artifacts_after={"attendance": 30, "recording": None})
    result = export(give_up_after="P1D")
    assert (result["pending"], result["absent"]) == ({}, {"recordings": 1})
    assert "recordings: 1 session absent" in caplog.text
    record = json.loads(Path(result["record"]).read_text())
    assert "not available 1 day after the end" in record["absent"][two_days[0]]["recordings"]


def test_it_writes_to_s3(export, two_days, bucket: Any) -> None:
    result = export(path=f"s3://{bucket.name}/exports", object_storage_conn_id="s3_here", format="csv")
    keys = bucket.held()
    assert {key.split("/")[1] for key in keys} == {*ALL_OF_VIDINFRA, "latest", "_runs", "_ledger"}
    assert result["datasets"]["sessions"]["paths"] == [
        f"s3://{bucket.name}/{key}" for key in keys if "exports/sessions/" in key
    ]
    first = {key: bucket.read(key) for key in keys if not is_different_each_time(key)}
    export(path=f"s3://s3_here@{bucket.name}/exports", format="csv")
    assert {key: bucket.read(key) for key in bucket.held() if not is_different_each_time(key)} == first


@pytest.mark.parametrize("fields", [{"title": "noon"}, {"title": "NOON", "room_id": "of the sandbox"}])
def test_sessions_are_narrowed_down(export, two_days, vidinfra: Any, tmp_path: Path, fields: dict[str, str]) -> None:
    fields = {name: vidinfra.room_id if name == "room_id" else value for name, value in fields.items()}
    export(datasets=["sessions"], **fields)
    assert [row["title"] for row in rows(tmp_path, "sessions")] == ["Noon"]


def test_an_empty_window_is_logged_and_recorded(export, vidinfra, tmp_path: Path, caplog) -> None:
    result = export()
    assert result["sessions"] == 0
    assert all(sums == {"rows": 0, "bytes": 0, "files": 0, "paths": []} for sums in result["datasets"].values())
    assert [key.split("/")[1] for key in tree(tmp_path)] == ["_runs"]
    assert "No session ended in this window" in caplog.text


def test_a_live_session_is_not_exported(export, vidinfra: Any, tmp_path: Path) -> None:
    [live] = vidinfra.create("Now", started_at=DAY + timedelta(hours=14))
    assert vidinfra.session(live)["state"] == SessionState.LIVE
    assert export()["sessions"] == 0


def test_a_window_that_is_not_over_is_warned_of(export, caplog) -> None:
    export(start="2026-03-02T00:00:00Z", end="2999-01-01T00:00:00Z")
    assert "ends in the future" in caplog.text


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"datasets": ["session"]}, InputError, "'session' is unknown; expected one of sessions"),
        ({"datasets": "sessions,chat"}, InputError, "'chat'"),
        ({"datasets": []}, InputError, "the list is empty"),
        ({"format": "xlsx"}, InputError, "jsonl, csv, parquet"),
        ({"path": "relative/folder"}, InputError, "absolute"),
        ({"path": ""}, InputError, "path"),
        ({"start": "2026-03-02T00:00:00Z"}, InputError, "end is missing"),
        ({"start": "2026-03-02", "end": "2026-03-03"}, InputError, "no time zone"),
        ({"concurrency": 100}, InputError, "from 1 to 32"),
        ({"case": "Smith v. Jones"}, InputError, "case"),
        ({"datasets": ["transcript_segments"]}, UnsupportedError, "download the recording"),
        ({"datasets": ["sessions", "takeaways"]}, UnsupportedError, "takeaways"),
    ],
)
def test_bad_input_is_refused_before_any_request(
    export, sandbox: Sandbox, tmp_path: Path, fields: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        export(**fields)
    assert requests_of(sandbox) == []
    assert tree(tmp_path) == {}


def test_a_run_without_an_interval_is_refused_with_both_remedies(export, context, sandbox: Sandbox) -> None:
    context["data_interval_start"] = context["data_interval_end"]
    with pytest.raises(InputError, match=r"start and end.*CronDataIntervalTimetable"):
        export()
    assert requests_of(sandbox) == []


def test_a_missing_right_is_an_error_and_no_empty_success(export, two_days, vidinfra: Any, connect, tmp_path) -> None:
    connect("vidinfra_default", conn_type="vidinfra", host=vidinfra.base_url, password=vidinfra.viewer_api_key)
    with pytest.raises(PermissionDeniedError):
        export()
    assert {key.split("/")[1] for key in tree(tmp_path)} <= {"_ledger", "_runs"}


def test_a_platform_that_fails_in_the_middle_leaves_whole_files_and_a_retry_completes(
    export, two_days, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("status", status=400, body={"message": "no"}, times=1, skip=1, route="list_session_recordings")
    with pytest.raises(Exception, match="list_session_recordings"):
        export()
    for path in tree(tmp_path):
        assert not path.endswith(".part")
    result = export()
    assert result["sessions"] == 2
    of_runs = [key for key in tree(tmp_path) if "_ledger" not in key and "/latest/" not in key]
    assert {Path(key).stem for key in of_runs} == {Path(result["record"]).stem}


def test_a_lasting_failure_names_the_session(export, two_days, sandbox: Sandbox, mocker: Any) -> None:
    from airflow_provider_sessions.client.retry import RetryPolicy

    mocker.patch.object(RetryPolicy, "wait_before_retry", return_value=None)
    sandbox.faults.add("status", status=503, times=None, route="list_attendance")
    with pytest.raises(ServerError) as failure:
        export(datasets=["attendance"])
    assert failure.value.__notes__ == [f"while exporting session {two_days[0]}"]


def test_template_fields_are_those_a_user_may_template() -> None:
    assert set(SessionsToObjectStorageOperator.template_fields) == {
        "conn_id",
        "path",
        "datasets",
        "session_id",
        "discovery",
        "day_zone",
        "format",
        "keep_original",
        "partition_length",
        "start",
        "end",
        "room_id",
        "case",
        "title",
        "object_storage_conn_id",
        "give_up_after",
        "on_absent",
        "redact",
        "redact_conn_id",
    }


def test_values_come_as_templates_render_them(export, two_days, tmp_path: Path) -> None:
    result = export(
        datasets='["sessions", "attendance"]', title="None", room_id="", case="None", start="None", end="", format="csv"
    )
    assert list(result["datasets"]) == ["sessions", "attendance"]
    assert result["sessions"] == 2


def test_a_mapped_task_has_files_of_its_own(export, two_days, context, tmp_path: Path) -> None:
    for map_index, title in enumerate(("Morning", "Noon")):
        context["ti"] = SimpleNamespace(**{**vars(context["ti"]), "map_index": map_index})
        export(datasets=["sessions"], title=title)
    assert len(list((tmp_path / "out/sessions").rglob("*.jsonl"))) == 2
