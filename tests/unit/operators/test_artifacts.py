"""Operators that download recordings and transcripts, against the sandbox over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_sessions.client import download as download_module
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.errors import (
    ExportError,
    IncompleteDownloadError,
    InputError,
    NotFoundError,
    SessionsError,
    UnsupportedError,
)
from airflow_provider_sessions.export.media import download_recordings, recording_key, write_transcripts
from airflow_provider_sessions.export.store import LocalStore
from airflow_provider_sessions.model import Recording, RecordingStatus, Transcript, TranscriptSegment
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator, FetchTranscriptOperator
from airflow_provider_sessions.platforms.vidinfra.adapter import VidInfraAdapter
from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import requests_of
from tests.unit.export.stand_in import StandIn, session

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def webinar(vidinfra: Any) -> str:
    [session_id] = vidinfra.create("Noon", started_at=NOON, ended_at=NOON + timedelta(hours=1), recording_bytes=300_000)
    return session_id


@pytest.fixture
def download(tmp_path: Path, context: dict[str, Any], vidinfra: Any) -> Callable[..., list[dict[str, Any]]]:
    def download(**fields: Any) -> list[dict[str, Any]]:
        given = {"conn_id": "vidinfra_default", "path": str(tmp_path / "media"), **fields}
        return DownloadRecordingsOperator(task_id="download", **given).execute(context)

    return download


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_it_downloads_the_recordings_that_are_ready(download, webinar: str, tmp_path: Path) -> None:
    [result] = download(session_id=webinar)
    [file] = files(tmp_path)
    data = file.read_bytes()
    assert file == tmp_path / "media" / webinar / f"{result['recording_id']}.mp4"
    assert result["path"] == str(file)
    assert (result["bytes"], result["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert result["media_type"] == "video/mp4"
    assert data[4:8] == b"ftyp"


def test_a_repeated_task_replaces_its_file(download, webinar: str, tmp_path: Path) -> None:
    first = download(session_id=webinar)
    files(tmp_path)[0].write_bytes(b"damaged")
    assert download(session_id=webinar) == first
    [file] = files(tmp_path)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == first[0]["sha256"]


def test_it_pushes_the_links_of_the_session(download, webinar: str, context: dict[str, Any]) -> None:
    download(session_id=webinar)
    assert context["ti"].xcoms["session_url"] == f"https://live.example.com/sessions/{webinar}"


def test_a_broken_download_resumes_and_is_complete(download, webinar, sandbox: Sandbox, mocker) -> None:
    mocker.patch.object(RetryPolicy, "wait_before_retry", return_value=0.0)
    sandbox.faults.add("truncate", after_bytes=100_000, times=2, route="get_recording_file")
    [result] = download(session_id=webinar)
    data = Path(result["path"]).read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (result["bytes"], result["sha256"])
    assert requests_of(sandbox).count("get_recording_file") == 3


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "truncate", "after_bytes": 1000},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 403},
        {"kind": "shorten", "after_bytes": 1000},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_failed_download_leaves_no_file(
    download, webinar: str, sandbox: Sandbox, tmp_path: Path, mocker: Any, fault: dict[str, Any]
) -> None:
    mocker.patch.object(RetryPolicy, "wait_before_retry", return_value=None)
    sandbox.faults.add(**fault, times=None, route="get_recording_file")
    with pytest.raises(SessionsError) as failure:
        download(session_id=webinar)
    assert files(tmp_path) == []
    assert any(webinar in note for note in failure.value.__notes__)
    assert "signature" not in str(failure.value)


def test_a_failed_repetition_keeps_the_existing_file(download, webinar, sandbox, tmp_path, mocker) -> None:
    [result] = download(session_id=webinar)
    before = files(tmp_path)[0].read_bytes()
    mocker.patch.object(RetryPolicy, "wait_before_retry", return_value=None)
    sandbox.faults.add("truncate", after_bytes=1000, times=None, route="get_recording_file")
    with pytest.raises(SessionsError):
        download(session_id=webinar)
    assert [path.read_bytes() for path in files(tmp_path)] == [before]
    assert result["bytes"] == len(before)


@pytest.mark.parametrize("recording", ["failed", "none"])
def test_without_a_ready_recording_it_fails_unless_allowed(
    download, vidinfra: Any, recording: str, caplog: pytest.LogCaptureFixture
) -> None:
    [session_id] = vidinfra.create(started_at=NOON, ended_at=NOON + timedelta(hours=1), script={"recording": recording})
    with pytest.raises(ExportError, match=r"no recording that is ready.*ArtifactSensor.*allow_none"):
        download(session_id=session_id)
    with caplog.at_level("INFO"):
        assert download(session_id=session_id, allow_none="True") == []
    assert f"Session {session_id} has no recording that is ready: nothing was downloaded" in caplog.messages


def test_an_unknown_session_is_not_found(download, vidinfra: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        download(session_id="00000000-0000-4000-8000-000000000000")
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"session_id": ""}, "session_id"),
        ({"session_id": None}, "session_id"),
        ({"session_id": "a", "path": "relative"}, "absolute"),
        ({"session_id": "a", "allow_none": "perhaps"}, "allow_none"),
        ({"session_id": "a", "concurrency": 0}, "concurrency"),
    ],
)
def test_bad_input_is_refused_before_any_request(download, sandbox: Sandbox, fields: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        download(**fields)
    assert requests_of(sandbox) == []


def test_several_files_are_downloaded_concurrently_up_to_the_limit(tmp_path: Path, mocker: Any) -> None:
    running, most = 0, 0

    class Slow:
        def __init__(self, client, address, target, **_: Any) -> None:
            self._target = target

        async def run(self) -> download_module.DownloadResult:
            nonlocal running, most
            running += 1
            most = max(most, running)
            for _ in range(5):
                await asyncio.sleep(0)
            running -= 1
            self._target.write(b"x")
            return download_module.DownloadResult(1, hashlib.sha256(b"x").hexdigest(), "video/webm")

    mocker.patch.object(download_module, "Download", Slow)
    recordings = [
        Recording(recording_id=f"r{number}", session_id="s1", status=RecordingStatus.READY) for number in range(9)
    ]

    async def run() -> list[dict[str, Any]]:
        return await download_recordings(StandIn.of(), LocalStore(tmp_path), recordings, 3)

    results = asyncio.run(run())
    assert [one["recording_id"] for one in results] == [f"r{number}" for number in range(9)]
    assert most == 3


def test_a_wrong_checksum_leaves_no_file(tmp_path: Path, mocker: Any) -> None:
    class Whole:
        def __init__(self, client, address, target, **_: Any) -> None:
            self._target = target

        async def run(self) -> download_module.DownloadResult:
            self._target.write(b"x")
            return download_module.DownloadResult(1, hashlib.sha256(b"x").hexdigest(), "video/webm")

    mocker.patch.object(download_module, "Download", Whole)
    wrong = Recording(recording_id="r", session_id="s", status=RecordingStatus.READY, sha256="0" * 64)

    async def run() -> Any:
        return await download_recordings(StandIn.of(), LocalStore(tmp_path), [wrong], 1)

    with pytest.raises(IncompleteDownloadError, match="checksum"):
        asyncio.run(run())
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("recording_id", "name", "media_type", "key"),
    [
        ("r1", "Town hall", "video/mp4", "s1/r1.mp4"),
        ("r1", "Town hall.webm", None, "s1/r1.webm"),
        ("r1", "audio.m4a", "audio/mp4; codecs=aac", "s1/r1.m4a"),
        ("r1", "x.sh", None, "s1/r1.bin"),
        ("r1", "x.sh", "application/x-sh", "s1/r1.bin"),
    ],
)
def test_files_are_named_after_the_recording(recording_id: str, name: str, media_type: str | None, key: str) -> None:
    given = Recording(
        recording_id=recording_id, session_id="s1", name=name, media_type=media_type, status=RecordingStatus.READY
    )
    assert recording_key(given) == key


def test_no_id_of_a_platform_chooses_a_path() -> None:
    evil = Recording(
        recording_id="../../etc/passwd", session_id="/root/..", name="../x.mp4", status=RecordingStatus.READY
    )
    folder, slash, name = recording_key(evil).partition("/")
    assert slash
    assert "/" not in name
    assert ".." not in (folder, name)


def test_a_platform_without_transcripts_is_an_error_before_any_request(context, vidinfra, sandbox, tmp_path) -> None:
    operator = FetchTranscriptOperator(
        task_id="fetch", conn_id="vidinfra_default", session_id="a", path=str(tmp_path / "out")
    )
    with pytest.raises(UnsupportedError, match="download the recording"):
        operator.execute(context)
    assert requests_of(sandbox) == []
    assert files(tmp_path) == []


@pytest.mark.parametrize("fields", [{"formats": "docx"}, {"formats": []}, {"session_id": ""}])
def test_invalid_arguments_of_a_transcript_are_refused(context, vidinfra, sandbox, fields: dict[str, Any]) -> None:
    given = {"conn_id": "vidinfra_default", "session_id": "a", "path": "/nowhere", **fields}
    with pytest.raises(InputError):
        FetchTranscriptOperator(task_id="fetch", **given).execute(context)
    assert requests_of(sandbox) == []


def transcript(language: str | None = None, *, translated: bool = False) -> Transcript:
    segment = TranscriptSegment(start=0, end=1, speaker_name="Anna", text="Hi")
    return Transcript(session_id="s1", language=language, is_translation=translated, segments=(segment,) * 5000)


def test_a_transcript_and_its_translations_are_written_in_every_format(tmp_path: Path) -> None:
    given = [transcript("de", translated=True), transcript("en"), transcript("de", translated=True)]
    results = write_transcripts(LocalStore(tmp_path), session(), given, ("vtt", "json"))
    assert [path.relative_to(tmp_path / "s1").as_posix() for path in files(tmp_path)] == [
        "transcript.de.2.json",
        "transcript.de.2.vtt",
        "transcript.de.json",
        "transcript.de.vtt",
        "transcript.json",
        "transcript.vtt",
    ]
    for result in results:
        data = Path(result["path"]).read_bytes()
        assert (result["bytes"], result["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert result["segments"] == 5000


def test_no_language_of_a_platform_chooses_a_path(tmp_path: Path) -> None:
    write_transcripts(LocalStore(tmp_path), session("../x"), [transcript("../../y", translated=True)], ("txt",))
    [file] = files(tmp_path)
    assert file.parent.parent == tmp_path


@pytest.mark.parametrize("given", [[], [Transcript(session_id="s1")]])
def test_no_transcript_yet_is_an_error_that_says_how_to_wait(tmp_path: Path, given: list[Transcript]) -> None:
    with pytest.raises(ExportError, match="ArtifactSensor"):
        write_transcripts(LocalStore(tmp_path), session(), given, ("vtt",))
    assert files(tmp_path) == []


def test_no_presigned_address_is_logged(download, webinar: str, mocker: Any, caplog: Any) -> None:
    requests = mocker.spy(VidInfraAdapter, "recording_request")
    with caplog.at_level(logging.DEBUG):
        download(session_id=webinar)
    token = requests.spy_return[0].partition("token=")[2]
    assert len(token) > 12
    assert "GET http" in caplog.text
    assert token not in caplog.text
