"""The commands of ``airflow sessions``, against the sandbox over HTTP and Airflow's own database."""

from __future__ import annotations

import importlib.resources
import json
import subprocess
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.jobs.job import Job
from airflow.utils.session import create_session
from fsspec.implementations.local import LocalFileSystem

from airflow_provider_sessions.__main__ import main
from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import Connect

Airflow = Callable[..., Any]
NOW = datetime.now(UTC)


@pytest.fixture
def airflow(capsys: pytest.CaptureFixture[str]) -> Airflow:
    """Run a command, and return its rows: ``airflow("list", "--conn-id", "vidinfra_default")``."""

    def run(*arguments: str) -> Any:
        main([*arguments, "--output", "json"])
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture(autouse=True)
def right_time(sandbox: Sandbox) -> None:
    """Let the platforms date their responses by the machine's clock."""
    sandbox.clock.advance((datetime.now(UTC) - sandbox.clock.now()).total_seconds())


@pytest.fixture
def triggerer(metadata_database: None) -> Iterator[Job]:
    """The record of a triggerer that has just sent a heartbeat."""
    with create_session() as session:
        job = Job()
        job.job_type, job.state, job.latest_heartbeat = "TriggererJob", "running", datetime.now(UTC)
        session.add(job)
    yield job
    with create_session() as session:
        session.delete(session.merge(job))


def test_sessions_of_a_window_are_listed(airflow: Airflow, vidinfra: Any) -> None:
    [soon] = vidinfra.create("Soon", scheduled_start=NOW + timedelta(hours=2))
    vidinfra.create("Next week", scheduled_start=NOW + timedelta(days=7))
    window = ("--start", NOW.isoformat(), "--end", (NOW + timedelta(days=1)).isoformat())

    [row] = airflow("list", "--conn-id", "vidinfra_default", *window)

    assert (row["session_id"], row["title"], row["state"]) == (soon, "Soon", "scheduled")
    assert len(airflow("list", "--conn-id", "vidinfra_default", "--title", "week")) == 1
    assert len(airflow("list", "--conn-id", "vidinfra_default", "--limit", "1")) == 1


def test_a_title_that_looks_like_markup_is_printed_as_it_is(capsys: pytest.CaptureFixture[str], vidinfra: Any) -> None:
    vidinfra.create("[red]Results[/red] [/b]\x1b[2J")
    main(["list", "--conn-id", "vidinfra_default"])
    printed = capsys.readouterr().out
    assert "[red]Results[/red] [/b]" in printed
    assert "\x1b[2J" not in printed


def test_a_session_is_shown_with_the_status_of_its_artifacts(airflow: Airflow, vidinfra: Any) -> None:
    [session_id] = vidinfra.create("Board meeting", ended_between=(NOW - timedelta(hours=3), NOW - timedelta(hours=1)))
    [row] = airflow("show", session_id, "--conn-id", "vidinfra_default")
    assert (row["title"], row["state"], row["transcript"]) == ("Board meeting", "ended", "not supported")
    assert row["attendance"].startswith("ready (")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--conn-id", "nobody"], "The conn_id `nobody` isn't defined"),
        (
            ["list", "--conn-id", "vidinfra_default", "--start", "2026-01-01"],
            "--start and --end must be given together",
        ),
        (["list", "--conn-id", "vidinfra_default", "--limit", "0"], "--limit: 0 must be at least 1"),
        (["list", "--conn-id", "vidinfra_default", "--start", "soon", "--end", "later"], "start"),
    ],
)
def test_a_command_that_cannot_be_run_ends_with_a_sentence(vidinfra: Any, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        main(arguments)


def test_the_doctor_finds_nothing_in_a_good_set_up(
    airflow: Airflow, vidinfra: Any, triggerer: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", f"sqlite:///{tmp_path}/warehouse.db")
    rows = airflow(
        "doctor", "--conn-id", "vidinfra_default", "--path", f"{tmp_path}/files", "--sql-conn-id", "warehouse"
    )
    assert {row["check"] for row in rows if row["status"] == "ok"} >= {
        "triggerer",
        "connection vidinfra_default",
        "clock of vidinfra_default",
        "rate limit of vidinfra_default",
        f"{tmp_path}/files",
        "database warehouse",
    }
    assert list((tmp_path / "files").rglob("*.*")) == [], "what was tried is gone"


def wrong_key(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> list[str]:
    connect("broken", conn_type="vidinfra", host=sandbox.vidinfra.base_url, password="not-the-key")
    return ["--conn-id", "broken"]


def unreachable_host(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> list[str]:
    connect("broken", conn_type="vidinfra", host="http://127.0.0.1:1", password=sandbox.vidinfra.api_key)
    return ["--conn-id", "broken"]


def wrong_clock(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> list[str]:
    sandbox.clock.advance(600)
    return ["--conn-id", "vidinfra_default"]


def redis_that_is_down(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> list[str]:
    connect("rates", conn_type="redis", host="127.0.0.1", port=1)
    limited = {"rate_limit": "10/minute", "rate_store_conn_id": "rates"}
    vidinfra = sandbox.vidinfra
    connect("broken", conn_type="vidinfra", host=vidinfra.base_url, password=vidinfra.api_key, extra=limited)
    return ["--conn-id", "broken"]


def folder_that_is_a_file(sandbox: Sandbox, connect: Connect, tmp_path: Path) -> list[str]:
    (tmp_path / "file").touch()
    return ["--path", f"{tmp_path}/file"]


@pytest.mark.parametrize(
    ("break_it", "check", "message"),
    [
        (wrong_key, "connection broken", "vidinfra responded with 401"),
        (unreachable_host, "connection broken", "127.0.0.1"),
        (wrong_clock, "clock of vidinfra_default", "s behind the platform's: set it, with NTP"),
        (redis_that_is_down, "rate limit of broken", "the store of the rate limit is unavailable"),
        (folder_that_is_a_file, "{tmp_path}/file", "NotADirectoryError"),
    ],
)
def test_the_doctor_names_what_is_broken(
    capsys: pytest.CaptureFixture[str],
    sandbox: Sandbox,
    vidinfra: Any,
    connect: Connect,
    triggerer: Job,
    tmp_path: Path,
    break_it: Callable[[Sandbox, Connect, Path], list[str]],
    check: str,
    message: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *break_it(sandbox, connect, tmp_path), "--output", "json"])
    printed = capsys.readouterr().out
    failed = {row["check"]: row["message"] for row in json.loads(printed) if row["status"] == "failed"}
    assert ended.value.code == 1
    assert message in failed[check.format(tmp_path=tmp_path)]
    assert sandbox.vidinfra.api_key not in printed


def test_the_doctor_warns_of_old_zone_data_and_of_a_folder_without_exclusive_create(
    airflow: Airflow, triggerer: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.io import attach, store

    zones = tmp_path / "zoneinfo"
    (zones / "America").mkdir(parents=True)
    packaged = importlib.resources.files("tzdata") / "zoneinfo" / "EST"
    (zones / "America/New_York").write_bytes(packaged.read_bytes())
    (zones / "tzdata.zi").write_text("# version 2020a\n")
    monkeypatch.setattr(store, "_STORE_CACHE", {})
    attach("sftp", "renames", fs=LocalFileSystem())
    zoneinfo.reset_tzpath(to=(str(zones),))
    try:
        rows = airflow("doctor", "--path", f"sftp://{tmp_path}/out", "--object-storage-conn-id", "renames")
    finally:
        zoneinfo.reset_tzpath(to=())
    warnings = {row["check"]: row["message"] for row in rows if row["status"] == "warning"}
    assert warnings.keys() == {"time zones", f"sftp://{tmp_path}/out"}
    assert "2020a" in warnings["time zones"]
    assert "one export at a time may write here" in warnings[f"sftp://{tmp_path}/out"]


def test_the_doctor_misses_a_triggerer_that_is_dead(
    capsys: pytest.CaptureFixture[str], vidinfra: Any, triggerer: Job
) -> None:
    with create_session() as session:
        session.merge(triggerer).latest_heartbeat = NOW - timedelta(hours=1)
    with pytest.raises(SystemExit):
        main(["doctor", "--output", "json"])
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["check"] == "triggerer"]
    assert row["status"] == "failed"
    assert "deferred tasks wait forever; start `airflow triggerer`" in row["message"]


@pytest.mark.needs_airflow("3.2")
def test_airflow_lists_the_commands_among_its_own() -> None:
    from airflow.cli.cli_parser import get_parser

    assert "doctor" in get_parser().parse_args(["sessions", "doctor"]).func.__name__


def test_the_definition_of_the_commands_imports_nothing_else_of_ours() -> None:
    code = (
        "import json, sys, airflow_provider_sessions.cli.definition as d; d.get_sessions_commands();"
        "print(json.dumps([n for n in sys.modules if n.startswith('airflow_provider_sessions')]))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    imported = {name.removeprefix("airflow_provider_sessions") for name in json.loads(printed.splitlines()[-1])}
    assert imported - {".get_provider_info"} == {"", ".cli", ".cli.definition"}  # Airflow may import that one
