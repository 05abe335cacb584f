"""Stores of files: the few operations that an export needs of a folder or a bucket.

A file appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import check_key, safe_name

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

A = TypeVar("A")
B = TypeVar("B")

STALE_AFTER_SECONDS = 24 * 3600.0
"""Age at which a temporary file was left by a killed writer."""
TEMPORARY_PATTERN = r"\..*\.[0-9a-f]{12}\.part"
"""The names of temporary files, which a dot hides."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems without hard links: SMB shares, and most that mount a bucket as a folder."""


def temporary_name(name: str) -> str:
    """Return a unique name for a file while it is written."""
    return f".{safe_name(name, 100)}.{secrets.token_hex(6)}.part"


class Writable(Protocol):
    """A file that is being written. ``seek(0)`` and ``truncate()`` restart it; no other seek is possible."""

    def write(self, data: ReadableBuffer, /) -> object:
        """Write the next bytes."""

    def seek(self, position: int, /) -> object:
        """Go back to the beginning; the only position is 0."""

    def truncate(self) -> object:
        """Drop what was written."""


class Store(Protocol):
    """A place for files. Keys are relative, with slashes; a key that could leave the store raises ``InputError``."""

    @property
    def creates_exclusively(self) -> bool:
        """Whether :meth:`create` is supported. A store that has to find out by a trial makes one.

        :raises Exception: the store cannot be written; whatever its client raises.
        """

    @property
    def max_parallel(self) -> int:
        """How many small files to read or write in parallel."""

    def location(self, key: str) -> str:
        """Return the full address of a file, for people and other tasks."""

    def write(self, key: str) -> AbstractContextManager[Writable]:
        """Write or replace a file. It appears when the block ends, unless it ends with an error."""

    def create(self, key: str, data: bytes) -> bool:
        """Create a small file; return False, and change nothing, if it exists.

        If several callers do this at once, one gets True.

        :raises ExportError: this store does not support it.
        """

    def read(self, key: str) -> bytes | None:
        """Return the content of a small file; None if it does not exist."""

    def download(self, key: str, path: Path) -> bool:
        """Copy a file of any size to a new one of this machine; return False if it does not exist."""

    def list(self, folder: str) -> Iterator[str]:
        """Return the sorted keys of all files below a folder."""

    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""


def run_parallel(store: Store, do: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Call a function for each item, so many in parallel as a store allows, and return the results."""
    listed = list(items)
    if len(listed) < 2 or store.max_parallel == 1:
        return [do(item) for item in listed]
    with ThreadPoolExecutor(store.max_parallel) as pool:
        return list(pool.map(do, listed))


class LocalStore:
    """A folder of this machine. A file is written under a temporary name in its folder, and then renamed.

    :param root: the folder; it is created when the first file is written.
    """

    creates_exclusively = True
    max_parallel = 1  # threads would only slow down such fast operations

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prepared: set[Path] = set()

    def location(self, key: str) -> str:
        """Return the path of a file."""
        return str(self._path(key))

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write or replace a file."""
        path = self._path(key)
        with self._temporary(path) as temporary:
            with temporary.open("xb") as file:
                yield file
            temporary.replace(path)

    def create(self, key: str, data: bytes) -> bool:
        """Create a small file; return False if it exists."""
        path = self._path(key)
        with self._temporary(path) as temporary:
            temporary.write_bytes(data)
            try:
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
            except OSError as refused:
                if refused.errno not in _NO_LINKS:
                    raise
                raise ExportError(
                    f"{path.parent}: this file system has no hard links, which exports need; write to a local disk or "
                    "NFS, or to an object store by its own address, such as 's3://bucket/folder'"
                ) from refused
        return True

    def read(self, key: str) -> bytes | None:
        """Return the content of a small file; None if it does not exist."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def download(self, key: str, path: Path) -> bool:
        """Copy a file to a new one outside the store; return False if it does not exist."""
        try:
            shutil.copyfile(self._path(key), path)
        except FileNotFoundError:
            return False
        return True

    def list(self, folder: str) -> Iterator[str]:
        """Return the sorted keys of all files below a folder, without temporary files."""
        files = (path for path in self._path(folder).rglob("*") if path.is_file() and not path.name.startswith("."))
        return iter(sorted(path.relative_to(self._root).as_posix() for path in files))

    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        """Return a temporary path beside ``path``, and delete it at the end of the block."""
        self._prepare_folder(path.parent)
        temporary = path.parent / temporary_name(path.name)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _prepare_folder(self, folder: Path) -> None:
        """Create a folder, and delete what killed writers left in it: once, since it may contain thousands of files."""
        if folder in self._prepared:
            return
        try:
            folder.mkdir()
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            _delete_stale_files(folder)
        self._prepared.add(folder)


def _delete_stale_files(folder: Path) -> None:
    for old in folder.glob(".*.part"):
        with contextlib.suppress(FileNotFoundError):  # another writer deleted it
            if re.fullmatch(TEMPORARY_PATTERN, old.name) and time.time() - old.stat().st_mtime > STALE_AFTER_SECONDS:
                old.unlink()


class GuardedStore:
    """A store that calls a function right before a file is published or deleted.

    :param check: raises if that is not allowed any more.
    """

    def __init__(self, store: Store, check: Callable[[], None]) -> None:
        self._store = store
        self._check = check

    @property
    def creates_exclusively(self) -> bool:
        """Whether :meth:`create` is supported."""
        return self._store.creates_exclusively

    @property
    def max_parallel(self) -> int:
        """How many small files to read or write in parallel."""
        return self._store.max_parallel

    def location(self, key: str) -> str:
        """Return the full address of a file."""
        return self._store.location(key)

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write or replace a file. It does not appear if the check raises when it is complete."""
        with self._store.write(key) as file:
            yield file
            self._check()

    def create(self, key: str, data: bytes) -> bool:
        """Create a small file; return False if it exists."""
        self._check()
        return self._store.create(key, data)

    def read(self, key: str) -> bytes | None:
        """Return the content of a small file; None if it does not exist."""
        return self._store.read(key)

    def download(self, key: str, path: Path) -> bool:
        """Copy a file of any size to a new one of this machine; return False if it does not exist."""
        return self._store.download(key, path)

    def list(self, folder: str) -> Iterator[str]:
        """Return the sorted keys of all files below a folder."""
        return self._store.list(folder)

    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        self._check()
        self._store.delete(key)


class HashingWriter(io.RawIOBase):
    """Writes to a file, and counts and hashes the bytes. Writes after it was closed are ignored.

    :param target: the file, which is not closed.
    """

    def __init__(self, target: Writable) -> None:
        super().__init__()
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes."""
        view = memoryview(data)
        if self.closed:
            return view.nbytes
        self._target.write(view)
        self._hash.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self.size

    @property
    def sha256(self) -> str:
        """The checksum of all bytes written."""
        return self._hash.hexdigest()
