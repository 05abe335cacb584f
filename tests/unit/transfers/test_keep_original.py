"""Transcripts as the platform gave them, written by both operators against the sandbox over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_sessions.__main__ import main
from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.errors import InputError, UnsupportedError
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.operators.artifacts import FetchTranscriptOperator
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.connected import Connect, requests_of

DAY = datetime(2026, 3, 2, tzinfo=UTC)
LATER = {"start": DAY + timedelta(days=50), "end": DAY + timedelta(days=51)}
"""In which nothing ended."""


@pytest.fixture
def meetings(connect: Connect, sandbox_server: SandboxServer) -> Any:
    """Sessions' sandbox behind the connection ``sessions_us_here``."""
    platform = sandbox_server.sandbox.sessions_us
    platform.set_rate_limit(1000, 1)
    connect("sessions_us_here", **platform.connection() | {"extra": {"rate_limit": "1000/s"}})
    return platform


@pytest.fixture
def export(tmp_path: Path, context: dict[str, Any], meetings: Any) -> Callable[..., dict[str, Any]]:
    def export(run: str = "night 1", **fields: Any) -> dict[str, Any]:
        context["ti"].run_id = run
        given = {"conn_id": "sessions_us_here", "path": str(tmp_path), "keep_original": True, **fields}
        return SessionsToObjectStorageOperator(task_id="export", **given).execute(context)

    return export


def hold(platform: Any, hour: int = 8) -> str:
    """Hold a session of an hour."""
    start = DAY + timedelta(hours=hour)
    [session_id] = platform.create(f"Hour {hour}", started_at=start, ended_at=start + timedelta(hours=1), attendees=3)
    return str(session_id)


def request(meetings: Any, session_id: str) -> bytes:
    """The transcript as the platform gives it, by a request of the test's own."""
    url = f"{meetings.base_url}/sessions/{session_id}/transcripts"
    return httpx.get(url, headers={"x-api-key": meetings.api_key}).content


def originals(folder: Path) -> dict[str, bytes]:
    """The files of transcripts as received, by their paths below the run's folder."""
    files = (path for path in folder.glob("transcript_originals/*/*/**/*") if path.is_file())
    return {path.relative_to(path.parents[1]).as_posix(): path.read_bytes() for path in files}


def test_an_export_writes_what_was_received_byte_for_byte(export, meetings: Any, tmp_path: Path) -> None:
    first, second = hold(meetings, 6), hold(meetings, 8)

    result = export()

    assert originals(tmp_path) == {f"{one}/v1.json": request(meetings, one) for one in (first, second)}
    assert result["datasets"]["transcript_segments"]["originals"] == 2
    record = json.loads(Path(result["record"]).read_text())
    for one in record["originals"]:
        assert hashlib.sha256((tmp_path / one["key"]).read_bytes()).hexdigest() == one["sha256"]
        assert (one["version"], one["media_type"]) == (1, "application/json")
    [segments] = tmp_path.glob("transcript_segments/*/*")
    [folder] = tmp_path.glob("transcript_originals/*/*")
    assert (folder.parent.name, folder.name) == (segments.parent.name, segments.stem)


def test_object_stores_get_them_too(export, meetings: Any, bucket: Any) -> None:
    held = [hold(meetings, hour) for hour in (6, 8, 10)]

    export(path=f"s3://{bucket.name}/exports", object_storage_conn_id="s3_here")

    keys = {key.split("/")[-2]: key for key in bucket.held() if "transcript_originals" in key}
    assert {name: bucket.read(key) for name, key in keys.items()} == {one: request(meetings, one) for one in held}


def test_a_revision_is_a_file_of_its_own(export, meetings: Any, tmp_path: Path, mocker: Any) -> None:
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    revised, unchanged = hold(meetings, 6), hold(meetings, 8)
    export()
    before = originals(tmp_path)
    meetings.revise(revised, "transcript")
    now.return_value += timedelta(days=2)

    result = export("night 3", **LATER)

    added = {f"{revised}/v2.json": request(meetings, revised)}
    assert originals(tmp_path) == before | added
    assert added[f"{revised}/v2.json"] != before[f"{revised}/v1.json"]
    assert f"{unchanged}/v1.json" in before
    assert result["datasets"]["transcript_segments"]["originals"] == 1


def test_a_rerun_replaces_its_own_files_and_leaves_no_other(export, meetings: Any, tmp_path: Path) -> None:
    hold(meetings)
    export()
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "_ledger" not in path.parts}
    export()
    assert {path: path.read_bytes() for path in first} == first
    export(keep_original=False)
    assert originals(tmp_path) == {}


def test_what_a_killed_try_left_is_deleted_if_it_no_longer_counts(
    export, meetings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted, kept = hold(meetings, 6), hold(meetings, 8)
    create = LocalStore.write

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "write", lambda store, key: KilledAtEnd(create(store, key), key))
        with pytest.raises(KeyboardInterrupt):
            export()
    assert set(originals(tmp_path)) == {f"{deleted}/v1.json", f"{kept}/v1.json"}
    assert not list(tmp_path.glob("transcript_segments/*/*"))
    meetings.delete(deleted)

    export()

    assert originals(tmp_path) == {f"{kept}/v1.json": request(meetings, kept)}


class KilledAtEnd:
    """The file of a writer that is killed when it is about to publish rows of transcripts."""

    def __init__(self, file: Any, key: str) -> None:
        self._file, self._is_hit = file, key.startswith("transcript_segments/")

    def __enter__(self) -> Any:
        return self._file.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> Any:
        if self._is_hit and kind is None:
            kind, error = KeyboardInterrupt, KeyboardInterrupt()
            self._file.__exit__(kind, error, None)
            raise error
        return self._file.__exit__(kind, error, trace)


def test_sessions_that_were_exported_without_are_written_once_they_are_forgotten(
    export, meetings: Any, tmp_path: Path, mocker: Any
) -> None:
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    session_id = hold(meetings)
    export(keep_original=False)
    now.return_value += timedelta(days=30)
    assert export("night 31", **LATER)["sessions"] == 0
    assert originals(tmp_path) == {}

    main(["ledger", "forget", "--conn-id", "sessions_us_here", "--path", str(tmp_path), "--yes", session_id])
    export("night 32", **LATER)

    assert originals(tmp_path) == {f"{session_id}/v2.json": request(meetings, session_id)}


def test_a_repair_keeps_them_too(export, meetings: Any, tmp_path: Path, mocker: Any) -> None:
    now = mocker.patch.object(SystemClock, "now", return_value=DAY + timedelta(days=1))
    session_id = hold(meetings)
    export()
    now.return_value += timedelta(days=30)  # after which nothing is checked again
    meetings.revise(session_id, "transcript")
    target = ["--conn-id", "sessions_us_here", "--path", str(tmp_path), "--datasets", "transcript_segments"]

    with pytest.raises(SystemExit, match="cannot be redacted"):
        main(["ledger", "repair", *target, "--redact", '{"name": "drop"}', "--keep-original"])
    main(["ledger", "repair", *target, "--redact", "none", "--keep-original"])

    assert originals(tmp_path)[f"{session_id}/v2.json"] == request(meetings, session_id)


@pytest.mark.parametrize(
    ("fields", "error", "reason"),
    [
        ({"redact": {"text": "drop"}}, InputError, "cannot be redacted"),
        ({"redact": {"email": "hash"}, "redact_conn_id": "pepper"}, InputError, "cannot be redacted"),
        ({"datasets": "sessions,takeaways"}, InputError, "must name transcript_segments"),
        ({"conn_id": "vidinfra_default"}, UnsupportedError, "vidinfra does not support 'transcripts'"),
        ({"keep_original": "perhaps"}, InputError, "keep_original"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_any_request(
    export,
    vidinfra: Any,
    connect: Connect,
    sandbox: Sandbox,
    fields: dict[str, Any],
    error: type[Exception],
    reason: str,
) -> None:
    connect("pepper", conn_type="generic", password="a key that nobody knows")
    with pytest.raises(error, match=reason):
        export(**fields)
    assert requests_of(sandbox) == []


def test_keeping_everything_is_no_redaction(export, meetings: Any, tmp_path: Path) -> None:
    hold(meetings)
    export(redact={"text": "keep"})
    assert len(originals(tmp_path)) == 1


def fetch(
    tmp_path: Path, context: dict[str, Any], conn_id: str, session_id: str, **fields: Any
) -> list[dict[str, Any]]:
    given = {"conn_id": conn_id, "session_id": session_id, "path": str(tmp_path), "keep_original": True, **fields}
    return FetchTranscriptOperator(task_id="fetch", **given).execute(context)


@pytest.fixture
def fetch_context(context: dict[str, Any], mocker: Any) -> dict[str, Any]:
    context["ti"].xcom_push = mocker.Mock()
    return context


def test_one_transcript_is_fetched_as_received(meetings: Any, fetch_context, tmp_path: Path) -> None:
    session_id = hold(meetings)

    vtt, original = fetch(tmp_path, fetch_context, "sessions_us_here", session_id)

    content = request(meetings, session_id)
    assert Path(original["path"]) == tmp_path / session_id / "transcript.original.json"
    assert Path(original["path"]).read_bytes() == content
    assert original["sha256"] == hashlib.sha256(content).hexdigest()
    assert (original["format"], original["bytes"], original["media_type"]) == (
        "original",
        len(content),
        "application/json",
    )
    assert vtt["format"] == "vtt"


def test_translations_come_in_the_file_of_their_transcript(meetings: Any, fetch_context, tmp_path: Path) -> None:
    """A language may be called like the file of the original; its own file then has a number."""
    session_id = hold(meetings)
    [held] = [one for one in meetings.oracle() if one["id"] == session_id]
    [line, *_] = held["content"]["transcript"]
    line["content"].append({"text": "Guten Morgen", "language": "original"})
    meetings.attach_transcript(session_id, [line])

    written = fetch(tmp_path, fetch_context, "sessions_us_here", session_id, formats="json")

    names = {Path(one["path"]).name: one["format"] for one in written}
    assert names == {
        "transcript.json": "json",
        "transcript.original.json": "original",
        "transcript.original.2.json": "json",
    }
    assert (tmp_path / session_id / "transcript.original.json").read_bytes() == request(meetings, session_id)


def test_prevails_transcript_is_kept_with_all_of_its_fields(
    connect: Connect, sandbox_server: SandboxServer, fetch_context, tmp_path: Path
) -> None:
    prevail = sandbox_server.sandbox.prevail
    connect("prevail_here", **prevail.connection())
    session_id = hold(prevail)

    _, original = fetch(tmp_path, fetch_context, "prevail_here", session_id)

    [transcript] = json.loads(Path(original["path"]).read_bytes())["transcripts"]
    assert {"id", "type", "status"} <= transcript.keys()  # which the other formats do not have
    assert len(transcript["segments"]) == original["segments"]


def test_a_platform_without_transcripts_refuses(vidinfra: Any, fetch_context, sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="vidinfra"):
        fetch(tmp_path, fetch_context, "vidinfra_default", "any")
    assert requests_of(sandbox) == []
