"""File servers, on which a file is visible while it is written: SFTP, and others that can rename files.

A file is written under a temporary name in the same folder, and then renamed, replacing the old file in one step.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Any

from fsspec.asyn import sync  # type: ignore[import-untyped]
from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.store import STALE_AFTER_SECONDS, TEMPORARY_PATTERN, temporary_name
from airflow_provider_sessions.transfers._object_store import ObjectStore, Upload, translate_store_errors


class RenamingStore(ObjectStore):
    """A folder of a server whose files are renamed when they are complete.

    It cannot create exclusively, because checking and renaming are two steps.

    :raises ExportError: the server cannot rename files, or copies them instead.
    """

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        super().__init__(file_system, folder, address)
        self._prepared: set[str] = set()
        self._can_rename = False
        """Whether renaming was tried successfully."""
        if type(file_system).mv is AbstractFileSystem.mv and not hasattr(file_system, "_mv"):
            raise self._make_error()

    @property
    def _supports_conditions(self) -> bool:
        return False

    def _start_upload(self, key: str) -> Upload:
        with translate_store_errors(self.location(key)):
            self._check_rename()
            path = self._path(key)
            folder, _, name = path.rpartition("/")
            self._prepare_folder(folder)
            return _RenamedUpload(self._fs, path, self.location(key), f"{folder}/{temporary_name(name)}")

    def _check_rename(self) -> None:
        """Try once to rename an open file over another one. What is written afterwards is lost if it was copied."""
        if self._can_rename:
            return
        self._prepare_folder(self._folder)
        old, new = (f"{self._folder}/{temporary_name('trial')}" for _ in range(2))
        try:
            with self._fs.open(new, "wb") as file:
                file.write(b"0")
            with self._fs.open(old, "wb") as file:
                file.write(b"1")
                try:
                    self._fs.mv(old, new)
                except Exception as error:
                    self._fs.exists(new)  # raises if the connection is broken
                    raise self._make_error() from error
                file.write(b"2")
            self._can_rename = self._fs.cat_file(new) == b"12" and not self._fs.exists(old)
        finally:
            for path in (old, new):
                with suppress(Exception):
                    self._fs.rm_file(path)
        if not self._can_rename:
            raise self._make_error()

    def _prepare_folder(self, folder: str) -> None:
        """Create a folder, and delete what killed writers left in it: once, since it may contain thousands of files."""
        if folder in self._prepared:
            return
        try:
            self._fs.makedirs(folder, exist_ok=True)
        except Exception:
            if not self._fs.isdir(folder):  # else another writer created it
                raise
        now = time.time()
        for info in self._fs.ls(folder, detail=True):
            name, changed = info["name"].rpartition("/")[2], info.get("mtime")
            if (
                changed is not None
                and re.fullmatch(TEMPORARY_PATTERN, name)
                and now - _count_seconds(changed) > STALE_AFTER_SECONDS
            ):
                with suppress(FileNotFoundError):  # another writer deleted it
                    self._fs.rm_file(f"{folder}/{name}")
        self._prepared.add(folder)

    def _make_error(self) -> ExportError:
        return ExportError(
            f"{self._address}: incomplete files would be visible, because this store can neither publish nor replace a "
            "file in one step. Write to S3, Google Cloud Storage, Azure Blob Storage, a local disk, or over SFTP to a "
            "server that supports posix-rename@openssh.com, such as OpenSSH"
        )


class SshStore(RenamingStore):
    """A folder of an SSH server, over SFTP by sshfs."""

    @property
    def _supports_conditions(self) -> bool:
        """Whether SFTP's own rename can be used, which fails if the name exists; sshfs itself replaces the file."""
        return hasattr(self._fs, "_pool")

    def _create(self, path: str, data: bytes) -> bool:
        """Create a complete file. The mode "xb" would leave an empty one if the writer is killed."""
        folder, _, name = path.rpartition("/")
        self._prepare_folder(folder)
        temporary = f"{folder}/{temporary_name(name)}"
        try:
            self._fs.pipe_file(temporary, data)
            sync(self._fs.loop, self._rename_unless_exists, temporary, path)
        except Exception:
            if not self._fs.exists(path):
                raise
            return False
        finally:
            with suppress(Exception):
                self._fs.rm_file(temporary)
        return True

    async def _rename_unless_exists(self, old: str, new: str) -> None:
        async with self._fs._pool.get() as channel:
            await channel.rename(old, new)


class _RenamedUpload(Upload):
    """A file that is written to a temporary path."""

    def __init__(self, fs: Any, path: str, address: str, temporary: str) -> None:
        super().__init__(fs, path, address)
        self._temporary = temporary

    def publish(self) -> None:
        """Finish and rename the file; discard it if that fails."""
        try:
            with translate_store_errors(self._address):
                self._send()
                self._file.close()
                self._fs.mv(self._temporary, self._path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Delete the temporary file. If the connection is broken, a later writer does so."""
        self._buffer.clear()
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):
                file.close()
            with suppress(Exception):
                self._fs.rm_file(self._temporary)

    def _open_file(self) -> Any:
        """Open the temporary file. sshfs would use a block size as the size of packets, which servers limit."""
        return self._fs.open(self._temporary, "wb")


def _count_seconds(changed: Any) -> float:
    return float(changed.timestamp() if hasattr(changed, "timestamp") else changed)
