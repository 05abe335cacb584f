"""Airflow's object storage as a :class:`~airflow_provider_sessions.export.store.Store`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.spec import AbstractBufferedFile  # type: ignore[import-untyped]

from airflow_provider_sessions.errors import ExportError, InputError
from airflow_provider_sessions.export.layout import checked_key
from airflow_provider_sessions.export.store import LocalStore, Store, Writable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PART_BYTES = 8 * 1024 * 1024
"""What is held in memory of a file that is being uploaded; S3 takes 10,000 parts, so files of up to 80 GiB."""

_WITH_EXCLUSIVE_CREATE = ("s3", "s3a", "memory")
"""Protocols whose file system is known to refuse to create a file that is there ("xb")."""


_LOCAL = ("", "file", "local")
"""Protocols of the worker's own file system."""
_WITH_BUCKETS = ("s3", "s3a", "gs", "gcs")
"""Protocols whose addresses begin with a bucket; without one, the first folder would be taken for it."""


Folder = str | Path | ObjectStoragePath
"""What users give as a folder. A path of Airflow's bears its connection in its text."""


def store_for(path: Folder, conn_id: str | None = None) -> Store:
    """The store at an address. It connects here, on the caller's thread: other threads may not ask Airflow.

    :param path: a folder: ``s3://bucket/folder``, ``s3://conn_id@bucket/folder``, ``file:///folder``, ``/folder``,
        or a path object that stands for one.
    :param conn_id: Airflow connection to use for it; goes before one that the address names.
    :raises InputError: it is no such address.
    """
    text = check_folder(path)
    parts = urlsplit(text)
    if parts.scheme in _LOCAL:
        return LocalStore(_local_folder(text))
    try:
        root = ObjectStoragePath(text, conn_id=conn_id) if conn_id else ObjectStoragePath(text)
        file_system = root.fs
    except ValueError as unusable:
        raise InputError(f"path: {text!r} cannot be used: {unusable}") from unusable
    without_conn_id = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return ObjectStore(file_system, str(root.path), without_conn_id)


def check_folder(path: object) -> str:
    """Return the address of a folder, as far as can be told without connecting.

    :raises InputError: it is no address that :func:`store_for` takes.
    """
    text = str(path).strip() if isinstance(path, Folder) else ""
    if not text:
        raise InputError(f"path: {path!r} is not a folder; give for example 's3://bucket/folder' or '/data/folder'")
    parts = urlsplit(text)
    if ":" in parts.netloc.rpartition("@")[0]:
        raise InputError("path: holds a user name and password; name a connection: 's3://conn_id@bucket/folder'")
    if parts.scheme in _LOCAL and not _local_folder(text).is_absolute():
        raise InputError(f"path: {text!r} depends on the worker's working directory; give an absolute path")
    if parts.scheme in _WITH_BUCKETS and not parts.netloc.rpartition("@")[2]:
        raise InputError(f"path: {text!r} names no bucket; give for example 's3://bucket/folder'")
    return text


def _local_folder(text: str) -> Path:
    """Not the parsed path: a "#" or "?" belongs to a folder's name."""
    return Path(text.partition(":")[2].removeprefix("//") if urlsplit(text).scheme else text)


class ObjectStore:
    """A folder of an object store, over its fsspec file system.

    Nothing is renamed: a file is written under its final name, where it appears when it is closed. One that fails is
    discarded instead of being closed, because closing would publish what there is of it.

    :param file_system: the fsspec file system.
    :param folder: the folder's path in it.
    :param address: the folder's address, for people and other tasks.
    """

    at_once = 8  # a store answers slowly, but many at once

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        self._fs = file_system
        self._folder = folder.rstrip("/")
        self._address = address.rstrip("/")
        self.exclusive = urlsplit(address).scheme in _WITH_EXCLUSIVE_CREATE

    def location(self, key: str) -> str:
        """The address of a file, without a connection id."""
        return f"{self._address}/{checked_key(key)}"

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write a file, replacing one of that name."""
        upload = _Upload(self._fs, self._path(key))
        try:
            yield upload
        except BaseException:
            upload.discard()
            raise
        upload.publish()

    def create(self, key: str, data: bytes) -> bool:
        """Write a small file whole, unless there is one of that name.

        :raises ExportError: this kind of store is not known to refuse that.
        """
        if not self.exclusive:
            raise ExportError(f"{self._address}: this kind of store cannot create a file only if it is not there")
        try:
            with self._fs.open(self._path(key), "xb") as file:
                file.write(data)
        except FileExistsError:
            return False
        return True

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""
        try:
            data: bytes = self._fs.cat_file(self._path(key))
        except FileNotFoundError:
            return None
        return data

    def list(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder, sorted."""
        self._fs.invalidate_cache()  # what other workers wrote counts as well
        found: list[str] = self._fs.find(self._path(folder))
        start = len(self._folder.lstrip("/")) + 1
        return iter(sorted(path.lstrip("/")[start:] for path in found))

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens where there is none."""
        if self.exists(key):
            self._fs.rm_file(self._path(key))

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        self._fs.invalidate_cache()
        return bool(self._fs.isfile(self._path(key)))

    def _path(self, key: str) -> str:
        return f"{self._folder}/{checked_key(key)}"


class _Upload:
    """A file on its way into an object store. Beginning anew discards what was sent so far.

    :param fs: the file system.
    :param path: the file's place in it.
    """

    def __init__(self, fs: Any, path: str) -> None:
        self._fs = fs
        self._path = path
        self._file = self._opened()

    def write(self, data: ReadableBuffer, /) -> object:
        """Send the next bytes."""
        return self._file.write(data)

    def seek(self, position: int, /) -> object:
        """Go back to the beginning: :meth:`truncate` follows."""
        if position:
            raise ValueError("an upload can only begin anew")
        return position

    def truncate(self) -> object:
        """Begin anew."""
        self.discard()
        self._file = self._opened()
        return 0

    def publish(self) -> None:
        """Let the file appear; if that fails, discard it."""
        try:
            self._file.close()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Drop the file.

        A buffered upload is marked as closed without being closed, which would publish it. Where a file system writes
        straight away, there is nothing but to remove the file.
        """
        if isinstance(self._file, AbstractBufferedFile):
            try:
                self._file.discard()
            finally:
                self._file.closed = True
        else:
            self._file.close()
            self._fs.rm_file(self._path)

    def _opened(self) -> Any:
        try:
            return self._fs.open(self._path, "wb", block_size=_PART_BYTES)
        except FileNotFoundError:  # a file system with real folders, such as SFTP
            self._fs.makedirs(self._path.rpartition("/")[0], exist_ok=True)
            return self._fs.open(self._path, "wb", block_size=_PART_BYTES)
