"""``airflow sessions ledger``, on what the export operators wrote into a folder and a database."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_sessions.__main__ import main
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from tests.connected import RecordingTaskInstance

HOUR = timedelta(hours=1)
Ledger = Callable[..., tuple[int, Any]]


@pytest.fixture(params=["files", "tables"])
def export(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of an export operator, for files or for tables."""
    if request.param == "files":
        return {"path": str(tmp_path / "files")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    return {"sql_conn_id": "warehouse"}


@pytest.fixture
def ledger(export: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Ledger:
    """Run a command on the export's ledger; returns its exit status and its rows."""
    [(name, value)] = export.items()

    def run(command: str, *arguments: str) -> tuple[int, Any]:
        target = ["--conn-id", "vidinfra_default", f"--{name.replace('_', '-')}", value]
        status = 0
        capsys.readouterr()  # what the export has logged
        try:
            main(["ledger", command, *target, *arguments, "--output", "json"])
        except SystemExit as ended:
            status = int(str(ended.code))
        return status, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def night(export: dict[str, Any], sandbox: Sandbox, vidinfra: Any) -> list[str]:
    """Export two sessions that have ended, of which one has no recording yet; their ids, that one first."""
    now = datetime.now(UTC)
    sandbox.clock.advance((now - sandbox.clock.now()).total_seconds())
    ended = (now - 3 * HOUR, now - HOUR)
    [late] = vidinfra.create("Late", ended_between=ended, script={"artifacts_after": {"recording": 30 * 86400}})
    [whole] = vidinfra.create("Whole", ended_between=ended)
    arguments = {"task_id": "export", "conn_id": "vidinfra_default", "start": now - 4 * HOUR, "end": now, **export}
    kind = SessionsToSqlOperator if "sql_conn_id" in export else SessionsToObjectStorageOperator
    kind(**arguments, datasets=["sessions", "recordings"]).execute({"ti": RecordingTaskInstance()})
    return [late, whole]


def test_what_is_pending_is_listed_with_its_reason(ledger: Ledger, night: list[str]) -> None:
    status, rows = ledger("pending")
    assert status == 0
    [row] = rows
    assert (row["session_id"], row["dataset"], row["attempts"]) == (night[0], "recordings", 1)
    assert row["reason"]
    assert row["next_check"] > row["since"]


def test_a_session_that_is_forgotten_is_exported_again_by_the_next_run_whatever_its_window(
    ledger: Ledger, night: list[str], export: dict[str, Any]
) -> None:
    listed = [
        {"session_id": night[1], "dataset": "recordings", "status": "exported", "version": 1},
        {"session_id": night[1], "dataset": "sessions", "status": "exported", "version": 1},
    ]
    assert ledger("forget", night[1]) == (0, listed)
    assert [row["session_id"] for row in ledger("pending")[1]] == [night[0]], "without --yes, nothing is changed"

    assert ledger("forget", night[1], "--yes") == (0, listed)
    assert [row["reason"] for row in ledger("pending")[1] if row["session_id"] == night[1]] == [
        "forgotten on request"
    ] * 2
    now = datetime.now(UTC)
    arguments = {"task_id": "export", "conn_id": "vidinfra_default", "start": now - HOUR / 4, "end": now, **export}
    kind = SessionsToSqlOperator if "sql_conn_id" in export else SessionsToObjectStorageOperator
    written = kind(**arguments, datasets=["sessions", "recordings"]).execute({"ti": RecordingTaskInstance("next")})
    assert written["sessions"] == 1
    assert ledger("forget", night[1])[1] == [{**row, "version": 2} for row in listed]


def test_sessions_that_the_ledger_does_not_contain_are_an_error_and_nothing_is_forgotten(
    ledger: Ledger, night: list[str], export: dict[str, Any]
) -> None:
    [(name, value)] = export.items()
    target = ["--conn-id", "vidinfra_default", f"--{name.replace('_', '-')}", value]
    with pytest.raises(SystemExit, match=r"not in the ledger of .*: no-such-session; nothing was changed"):
        main(["ledger", "forget", *target, "--yes", night[1], "no-such-session"])
    assert [row["session_id"] for row in ledger("pending")[1]] == [night[0]]


def test_a_title_that_was_changed_behind_the_export_is_found_and_repaired(
    ledger: Ledger, night: list[str], vidinfra: Any
) -> None:
    assert ledger("verify", "--redact", "none") == (0, [])
    vidinfra.all_sessions[night[1]].title = "Renamed"

    status, [found] = ledger("verify", "--redact", "none")
    assert (status, found["session_id"], found["dataset"]) == (1, night[1], "sessions")

    status, rows = ledger("repair", "--redact", "none")
    assert (status, {row["dataset"]: row["rows"] for row in rows}["sessions"]) == (0, 1)
    assert ledger("verify", "--redact", "none") == (0, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --path, for files, or --sql-conn-id, for tables"),
        (["--path", "/data", "--sql-conn-id", "warehouse"], "give either --path"),
        (["--path", "relative"], "depends on the worker's working directory"),
    ],
)
def test_a_target_that_is_not_clear_ends_the_command(vidinfra: Any, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        main(["ledger", "pending", "--conn-id", "vidinfra_default", *arguments])


def test_a_repair_does_not_guess_what_the_export_redacts(vidinfra: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ledger", "repair", "--conn-id", "vidinfra_default", "--path", "/data"])
    assert "--redact" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["pending"], ["verify", "--redact", "none"]], ids=lambda words: words[0])
def test_a_place_where_nothing_was_exported_is_an_error(
    night: list[str], export: dict[str, Any], command: list[str]
) -> None:
    if "path" in export:
        places = [["--path", export["path"], "--format", "csv"], ["--path", f"{export['path']}/elsewhere"]]
        message = "it is empty: check --path and --format"
    else:
        places = [["--sql-conn-id", "warehouse", "--table-prefix", "other_"]]
        message = "it is empty: check --sql-conn-id, --schema and --table-prefix"
    for place in places:
        with pytest.raises(SystemExit, match=message):
            main(["ledger", *command, "--conn-id", "vidinfra_default", *place])


def test_a_command_that_finds_nothing_says_what_it_looked_at(
    night: list[str], export: dict[str, Any], vidinfra: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    [(name, value)] = export.items()
    target = ["--conn-id", "vidinfra_default", f"--{name.replace('_', '-')}", value]
    main(["ledger", "forget", *target, night[1]])
    assert "Nothing was changed" in capsys.readouterr().err
    main(["ledger", "verify", *target, "--redact", "none"])
    assert "2 sessions of the ledger compared: no difference" in capsys.readouterr().err


@pytest.mark.parametrize("export", ["files"], indirect=True)
def test_repaired_files_have_the_days_of_the_exports_zone(
    ledger: Ledger, night: list[str], vidinfra: Any, tmp_path: Path
) -> None:
    vidinfra.all_sessions[night[1]].title = "Renamed"
    [before] = [row for rows in _read_files(tmp_path / "files/sessions").values() for row in rows if "Whole" in row]
    ended = datetime.fromisoformat(json.loads(before)["ended_at"])
    zone = "Pacific/Kiritimati" if ended.hour >= 10 else "Etc/GMT+12"  # where that is another day than in UTC

    ledger("repair", "--redact", "none", "--day-zone", zone)
    [day] = [key.parent.name for key, rows in _read_files(tmp_path / "files/sessions").items() if "Renamed" in rows[0]]
    assert day == f"dt={ended.astimezone(ZoneInfo(zone)).date()}" != f"dt={ended.date()}"


@pytest.mark.parametrize("export", ["files"], indirect=True)
def test_latest_files_are_built_again_from_those_that_are_left(
    night: list[str], ledger: Ledger, tmp_path: Path
) -> None:
    latest = _read_files(tmp_path / "files/latest/sessions")
    shutil.rmtree(tmp_path / "files/latest")
    assert ledger("rebuild-latest") == (0, [{"days": len(latest)}])
    assert _read_files(tmp_path / "files/latest/sessions") == latest
    for path in (tmp_path / "files/sessions").glob("*/*.jsonl"):
        path.unlink()
    ledger("rebuild-latest")
    assert not _read_files(tmp_path / "files/latest/sessions")


def _read_files(folder: Path) -> dict[Path, list[str]]:
    """Return the lines of all files of a dataset: there is one for each day on which a session ended."""
    return {path: path.read_text().splitlines() for path in folder.glob("*/*.jsonl")}


def test_only_files_have_latest_files(vidinfra: Any, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["ledger", "rebuild-latest", "--conn-id", "vidinfra_default"]
    with pytest.raises(SystemExit, match="give --path"):
        main(command)
    with pytest.raises(SystemExit):
        main([*command, "--sql-conn-id", "warehouse"])
    assert "unrecognized arguments: --sql-conn-id warehouse" in capsys.readouterr().err
