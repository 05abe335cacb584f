"""Servers of files, in which a file is seen while it is written: SFTP, and what else can rename.

A file is written under a temporary name beside its own, and then renamed over it in one step.
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
    """A folder of a server whose files are renamed when they are whole.

    It cannot create exclusively: looking first and renaming then are two steps.

    :raises ExportError: the server does not rename, or does it by copying.
    """

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        super().__init__(file_system, folder, address)
        self._ready: set[str] = set()
        self._renames = False
        """Whether that was tried."""
        if type(file_system).mv is AbstractFileSystem.mv and not hasattr(file_system, "_mv"):
            raise self._refuse()

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
        """Rename an open file over another one, once: what is written afterwards is in it, unless it was copied."""
        if self._renames:
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
                    self._fs.exists(new)  # raises if it is the connection that is broken
                    raise self._refuse() from error
                file.write(b"2")
            self._renames = self._fs.cat_file(new) == b"12" and not self._fs.exists(old)
        finally:
            for path in (old, new):
                with suppress(Exception):
                    self._fs.rm_file(path)
        if not self._renames:
            raise self._refuse()

    def _prepare_folder(self, folder: str) -> None:
        """Make a folder, and remove what killed writers left in it: once, because it may hold thousands of files."""
        if folder in self._ready:
            return
        try:
            self._fs.makedirs(folder, exist_ok=True)
        except Exception:
            if not self._fs.isdir(folder):  # another writer was quicker
                raise
        now = time.time()
        for info in self._fs.ls(folder, detail=True):
            name, changed = info["name"].rpartition("/")[2], info.get("mtime")
            if (
                changed is not None
                and re.fullmatch(TEMPORARY_PATTERN, name)
                and now - _count_seconds(changed) > STALE_AFTER_SECONDS
            ):
                with suppress(FileNotFoundError):  # another writer was quicker
                    self._fs.rm_file(f"{folder}/{name}")
        self._ready.add(folder)

    def _refuse(self) -> ExportError:
        return ExportError(
            f"{self._address}: files would be seen there before they are whole: this store neither lets a file appear "
            "in one step nor renames one over another in one step. Write to S3, to Google's or Azure's storage, to a "
            "local disk, or over SFTP to a server that knows posix-rename@openssh.com, as OpenSSH does"
        )


class SshStore(RenamingStore):
    """A folder of an SSH server, over SFTP by sshfs."""

    @property
    def _supports_conditions(self) -> bool:
        """SFTP's own rename refuses a name that is taken. sshfs has the one that replaces it, its channels both."""
        return hasattr(self._fs, "_pool")

    def _create(self, path: str, data: bytes) -> bool:
        """Create a file whole. Opened with "xb" it would be seen empty, and stay so where its writer is killed."""
        folder, _, name = path.rpartition("/")
        self._prepare_folder(folder)
        temporary = f"{folder}/{temporary_name(name)}"
        try:
            self._fs.pipe_file(temporary, data)
            sync(self._fs.loop, self._rename_unless_taken, temporary, path)
        except Exception:
            if not self._fs.exists(path):
                raise
            return False
        finally:
            with suppress(Exception):
                self._fs.rm_file(temporary)
        return True

    async def _rename_unless_taken(self, old: str, new: str) -> None:
        async with self._fs._pool.get() as channel:
            await channel.rename(old, new)


class _RenamedUpload(Upload):
    """A file that is written under a temporary name.

    :param temporary: the temporary path.
    """

    def __init__(self, fs: Any, path: str, address: str, temporary: str) -> None:
        super().__init__(fs, path, address)
        self._temporary = temporary

    def publish(self) -> None:
        """Rename the file, now that it is whole; if that fails, discard it."""
        try:
            with translate_store_errors(self._address):
                self._send()
                self._file.close()
                self._fs.mv(self._temporary, self._path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the temporary file. Over a connection that broke that fails; a later writer does it."""
        self._held.clear()
        file, self._file = self._file, None
        if file is not None:
            with suppress(Exception):
                file.close()
            with suppress(Exception):
                self._fs.rm_file(self._temporary)

    def _open_file(self) -> Any:
        """The temporary file. sshfs would take a block size for that of its packets, which servers limit."""
        return self._fs.open(self._temporary, "wb")


def _count_seconds(changed: Any) -> float:
    return float(changed.timestamp() if hasattr(changed, "timestamp") else changed)
