"""Where files are kept: the few things that an export asks of a folder, a bucket or anything like them.

A file appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.layout import check_key, safe_name

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STALE_AFTER_SECONDS = 24 * 3600.0
"""After so long nobody is writing a temporary file any more."""
TEMPORARY_PATTERN = r"\..*\.[0-9a-f]{12}\.part"
"""What temporary files are called: a dot hides them."""

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""How file systems refuse hard links that have none: those of SMB shares, and most that show a bucket as a folder."""


def temporary_name(name: str) -> str:
    """What a file is called beside its own name while it is written; like no other writer's."""
    return f".{safe_name(name, 100)}.{secrets.token_hex(6)}.part"


class Writable(Protocol):
    """A file that is being written. It begins anew with ``seek(0)`` and ``truncate()``; no other seek is possible."""

    def write(self, data: ReadableBuffer, /) -> object:
        """Take the next bytes."""

    def seek(self, position: int, /) -> object:
        """Go back to the beginning."""

    def truncate(self) -> object:
        """Drop what follows the position."""


class Store(Protocol):
    """A place for files. Keys are relative and use slashes; one that could leave the place is an ``InputError``."""

    @property
    def creates_exclusively(self) -> bool:
        """Whether :meth:`create` can promise what it says. Where only a trial tells, this is one.

        :raises Exception: the place cannot be written; whatever its client raises.
        """

    @property
    def max_parallel(self) -> int:
        """How many small files are best read or written side by side."""

    def location(self, key: str) -> str:
        """The full address of a file, for people and other tasks."""

    def write(self, key: str) -> AbstractContextManager[Writable]:
        """Write a file, replacing one of that name. It appears when the block ends, unless that is by an error."""

    def create(self, key: str, data: bytes) -> bool:
        """Write a small file whole, unless there is one of that name: then nothing changes and False is returned.

        Of several who do this at once, one gets True.

        :raises ExportError: this place cannot promise that.
        """

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""

    def list(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder, sorted."""

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens where there is none."""

    def exists(self, key: str) -> bool:
        """Whether there is a file."""


class LocalStore:
    """A folder of this machine.

    A file is written under a temporary name in its folder and then put in its place in one step.

    :param root: the folder; it is made when something is written.
    """

    creates_exclusively = True
    max_parallel = 1  # each takes no time; threads would only get into each other's way

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ready: set[Path] = set()

    def location(self, key: str) -> str:
        """The path of a file."""
        return str(self._path(key))

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write a file, replacing one of that name."""
        path = self._path(key)
        with self._temporary(path) as temporary:
            with temporary.open("xb") as file:
                yield file
            temporary.replace(path)

    def create(self, key: str, data: bytes) -> bool:
        """Write a small file whole, unless there is one of that name."""
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
                    f"{path.parent}: this file system has no hard links, which an export cannot do without; write to "
                    "a local disk or NFS, or to an object store by its own address, such as 's3://bucket/folder'"
                ) from refused
        return True

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def list(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder, sorted; temporary ones are none."""
        files = (path for path in self._path(folder).rglob("*") if path.is_file() and not path.name.startswith("."))
        return iter(sorted(path.relative_to(self._root).as_posix() for path in files))

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens where there is none."""
        self._path(key).unlink(missing_ok=True)

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return self._path(key).is_file()

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        """A name beside ``path`` for a while. A dot hides it."""
        self._prepare_folder(path.parent)
        temporary = path.parent / temporary_name(path.name)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _prepare_folder(self, folder: Path) -> None:
        """Make a folder, and remove what killed writers left in it: once, because it may hold thousands of files."""
        if folder in self._ready:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(".*.part"):
            with contextlib.suppress(FileNotFoundError):  # another writer was quicker
                if (
                    re.fullmatch(TEMPORARY_PATTERN, old.name)
                    and time.time() - old.stat().st_mtime > STALE_AFTER_SECONDS
                ):
                    old.unlink()
        self._ready.add(folder)


class GuardedStore:
    """A store in which nothing appears and nothing goes before a last question, asked in that moment.

    :param store: the store.
    :param allowed: raises where that must not happen any more.
    """

    def __init__(self, store: Store, allowed: Callable[[], None]) -> None:
        self._store = store
        self._allowed = allowed

    @property
    def creates_exclusively(self) -> bool:
        """Whether :meth:`create` can promise what it says."""
        return self._store.creates_exclusively

    @property
    def max_parallel(self) -> int:
        """How many small files are best read or written side by side."""
        return self._store.max_parallel

    def location(self, key: str) -> str:
        """The full address of a file."""
        return self._store.location(key)

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write a file. It does not appear if that is not allowed once it is whole."""
        with self._store.write(key) as file:
            yield file
            self._allowed()

    def create(self, key: str, data: bytes) -> bool:
        """Write a small file whole, unless there is one of that name."""
        self._allowed()
        return self._store.create(key, data)

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""
        return self._store.read(key)

    def list(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder, sorted."""
        return self._store.list(folder)

    def delete(self, key: str) -> None:
        """Remove a file. Where there is none nothing is asked."""
        if self._store.exists(key):
            self._allowed()
            self._store.delete(key)

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        return self._store.exists(key)


class HashingWriter(io.RawIOBase):
    """Passes bytes on to a file, and counts and hashes them on the way. What comes after it was closed goes nowhere.

    :param target: the file. It is left open.
    """

    def __init__(self, target: Writable) -> None:
        super().__init__()
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass bytes on."""
        view = memoryview(data)
        if self.closed:
            return view.nbytes
        self._target.write(view)
        self._hash.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size

    @property
    def sha256(self) -> str:
        """The checksum of all bytes so far."""
        return self._hash.hexdigest()
