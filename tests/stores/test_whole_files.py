"""A file is seen when it is whole, and never before, in stores and on servers that are the real ones."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.media import write_transcripts
from airflow_provider_sessions.model import Transcript, TranscriptSegment
from airflow_provider_sessions.operators.artifacts import DownloadRecordingsOperator
from airflow_provider_sessions.transfers._open_store import open_store
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from tests.storage.folders import SftpFolder
from tests.storage.ssh import SshServer, ssh_serving
from tests.unit.export.stand_in import session

MIB = 1024 * 1024
KINDS = ["s3", "azure", "google", "sftp"]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def hidden_in(folder: SftpFolder) -> list[Path]:
    return [path for path in Path(folder.path.removeprefix("sftp://")).rglob(".*") if path.is_file()]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 10, 300_000, 20 * MIB + 1])
def test_a_file_of_any_size_is_written_whole_in_one_write(store_in, kind: str, size: int) -> None:
    store, folder = store_in(kind)
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with store.write("a/b.bin") as file:
        file.write(data)
        assert folder.everything() == {}
    assert folder.everything() == {"a/b.bin": data}
    assert list(store.list("a")) == ["a/b.bin"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_try_that_fails_leaves_the_file_of_the_first(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    for size in (10, 9 * MIB):
        with store.write("a.bin") as file:
            file.write(b"good")
        with pytest.raises(ValueError, match="broke off"), store.write("a.bin") as file:
            file.write(b"x" * size)
            raise ValueError("broke off")
        assert folder.everything() == {"a.bin": b"good"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_can_be_started_again_while_it_is_written(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    with store.write("a.bin") as file:
        file.write(b"x" * 9 * MIB)
        file.seek(0)
        file.truncate()
        file.write(b"second")
    assert folder.everything() == {"a.bin": b"second"}


WRITER = """
import sys
from airflow_provider_sessions.transfers._open_store import open_store
from tests.storage.folders import attach_stores
attach_stores()
store = open_store(sys.argv[1], sys.argv[2])
with store.write("a.bin") as file:
    file.write(b"x" * 12 * 1024 * 1024)
    print("half", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.nightly] if kind in ("azure", "google") else []) for kind in KINDS]
)
def test_a_killed_writer_leaves_nothing_under_the_final_name(store_in, kind: str) -> None:
    store, folder = store_in(kind)
    with store.write("a.bin") as file:
        file.write(b"good")
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), folder.path, folder.conn_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert writer.stdout is not None
    while "half" not in writer.stdout.readline():
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert folder.everything() == {"a.bin": b"good"}


def test_what_killed_writers_left_on_a_server_is_removed_a_day_later(store_in) -> None:
    store, folder = store_in("sftp")
    with store.write("a.bin") as file:
        file.write(b"x" * 9 * MIB)
        [left] = hidden_in(folder)
        left_over = left.rename(left.with_name(".a.bin.0123456789ab.part"))
        file.seek(0)
        file.truncate()
    (left_over.parent / ".profile").write_text("not ours")
    for age, names in ((3600, {left_over.name, ".profile"}), (25 * 3600, {".profile"})):
        for path in hidden_in(folder):
            os.utime(path, (time.time() - age,) * 2)
        again = open_store(folder.path, folder.conn_id)
        with again.write("b.bin") as file:
            file.write(b"1")
        assert set(folder.everything()) == {"a.bin", "b.bin"}
        assert {path.name for path in hidden_in(folder)} == names


def test_a_connection_that_breaks_leaves_the_file_of_before(folder_in, ssh_server: SshServer) -> None:
    from sshfs import SSHFileSystem

    folder = folder_in("sftp")
    store = open_store(folder.path, folder.conn_id)
    with store.write("a.bin") as file:
        file.write(b"good")
    with pytest.raises((ExportError, OSError)), store.write("a.bin") as file:
        file.write(b"x" * 9 * MIB)
        ssh_server.end_sessions()
        file.write(b"x" * 9 * MIB)
    SSHFileSystem.clear_instance_cache()
    assert folder.everything() == {"a.bin": b"good"}


def test_recordings_are_written_over_sftp(folder_in, vidinfra: Any, context, connect) -> None:
    folder = folder_in("sftp")
    [key] = vidinfra.create("Noon", started_at=NOON, ended_at=NOON + timedelta(hours=1), recording_bytes=3_000_000)
    written = DownloadRecordingsOperator(
        task_id="download",
        conn_id="vidinfra_default",
        session_id=key,
        path=folder.path,
        object_storage_conn_id=folder.conn_id,
    ).execute(context)
    files = folder.everything()
    assert {hashlib.sha256(data).hexdigest() for data in files.values()} == {one["sha256"] for one in written}
    assert [len(data) for data in files.values()] == [3_000_000]
    assert hidden_in(folder) == []


def test_transcripts_are_written_over_sftp(store_in) -> None:
    store, folder = store_in("sftp")
    segments = tuple(TranscriptSegment(start=place, end=place + 1, text="word " * 100) for place in range(3000))
    written = write_transcripts(store, session(), [Transcript(session_id="s1", segments=segments)], ["vtt", "json"])
    assert [one["bytes"] for one in written] == [len(data) for _, data in sorted(folder.everything().items())][::-1]
    assert hidden_in(folder) == []


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_exports_are_written_over_sftp(folder_in, vidinfra: Any, context, form: str) -> None:
    folder = folder_in("sftp")
    vidinfra.create("Noon", started_at=NOON, ended_at=NOON + timedelta(hours=1), attendees=3000)
    written = SessionsToObjectStorageOperator(
        task_id="export",
        conn_id="vidinfra_default",
        path=folder.path,
        object_storage_conn_id=folder.conn_id,
        format=form,
        start="2026-03-02T00:00:00Z",
        end="2026-03-03T00:00:00Z",
    ).execute(context)
    files = {key: len(data) for key, data in folder.everything().items() if key.startswith("attendance/")}
    assert list(files.values()) == [written["datasets"]["attendance"]["bytes"]]
    assert written["datasets"]["attendance"]["rows"] > 3000
    assert hidden_in(folder) == []


def test_a_server_that_renames_by_copying_is_refused(reach, tmp_path: Path) -> None:
    with ssh_serving(tmp_path, "-P posix-rename") as server:
        folder = reach(SftpFolder(server))
        store = open_store(folder.path, folder.conn_id)
        with (
            pytest.raises(ExportError, match=r"incomplete files would be visible.*posix-rename@openssh.com"),
            store.write("a.bin") as file,
        ):
            file.write(b"1")
        assert folder.everything() == {}
        assert hidden_in(folder) == []


class Copying(LocalFileSystem):
    """Files are seen while they are written, and "renamed" by copying."""

    protocol = "copying"

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        self.cp_file(path1, path2)
        self.rm_file(path1)


@pytest.mark.parametrize("client", [MemoryFileSystem, Copying])
def test_a_store_that_can_do_neither_is_refused(reach, tmp_path: Path, client: Any) -> None:
    from airflow.sdk.io import attach

    attach("sftp", "other_here", fs=client())
    with (
        pytest.raises(ExportError, match=r"nor replace a file in one step. Write to S3"),
        open_store(f"sftp://{tmp_path}/out", "other_here").write("a.bin") as file,
    ):
        file.write(b"1")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_store_that_renames_is_accepted(reach, tmp_path: Path) -> None:
    from airflow.sdk.io import attach

    attach("sftp", "other_here", fs=LocalFileSystem())
    store = open_store(f"sftp://{tmp_path}/out", "other_here")
    with store.write("a/b.bin") as file:
        file.write(b"1" * 9 * MIB)
        assert [path.name for path in tmp_path.rglob("*.bin")] == []
    assert (tmp_path / "out/a/b.bin").read_bytes() == b"1" * 9 * MIB
    assert not store.creates_exclusively


def test_files_over_paramiko(ssh_server: SshServer, reach) -> None:
    from airflow.sdk.io import attach
    from fsspec.implementations.sftp import SFTPFileSystem

    fields = ssh_server.connection
    attach(
        "sftp",
        "paramiko_here",
        fs=SFTPFileSystem("127.0.0.1", port=fields["port"], username=fields["login"], key_filename=str(ssh_server.key)),
    )
    folder = SftpFolder(ssh_server)
    store = open_store(folder.path, "paramiko_here")
    with store.write("a/b.bin") as file:
        file.write(b"1" * 9 * MIB)
        assert folder.everything() == {}
    assert folder.everything() == {"a/b.bin": b"1" * 9 * MIB}
    assert not store.creates_exclusively
