"""Object stores in which a file appears when its upload ends: S3, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from http import HTTPStatus
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fsspec.asyn import AsyncFileSystem  # type: ignore[import-untyped]

from airflow_provider_sessions.errors import ExportError, SessionsError
from airflow_provider_sessions.export.layout import check_key
from airflow_provider_sessions.export.store import Writable
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


log = get_logger(__name__)

_PART_BYTES: Final = 8 * 1024 * 1024
"""Size of an upload's buffer. S3 allows 10,000 parts, so files of up to 80 GiB."""
_TRIALS: Final = 3
"""The first trial opens the connections, so that the requests of the others are concurrent."""
_CONFLICTS: Final = 5
_PAUSE: Final = 0.1


class ObjectStore:
    """A folder of an object store, over its fsspec file system.

    A file is written under its final name, and appears when it is closed. A file that fails is discarded and not
    closed, because closing would publish an incomplete file.

    :param file_system: the fsspec file system.
    :param folder: the folder's path in the file system.
    :param address: the folder's address, for people and other tasks.
    """

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        self._fs = file_system
        self._folder = folder.rstrip("/")
        self._address = address.rstrip("/")
        # Requests are slow, but can be parallel. Clients that are not asynchronous allow one thread at a time.
        self.max_parallel = 8 if isinstance(file_system, AsyncFileSystem) else 1
        self._read_options: dict[str, Any] = {}

    @cached_property
    def creates_exclusively(self) -> bool:
        """Whether exactly one of two concurrent creates of a key succeeds; found out once, by a trial.

        In a store that ignores the condition, or checks before it writes, both succeed; some reject requests with a
        condition. If the store cannot be written at all, that error is raised.
        """
        creates_exclusively = self._supports_conditions and all(self._try_exclusive_create() for _ in range(_TRIALS))
        if not creates_exclusively:
            log.info("%s: this store cannot create files exclusively", self._address)
        return creates_exclusively

    def location(self, key: str) -> str:
        """Return the address of a file, without a connection id."""
        return f"{self._address}/{check_key(key)}"

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write or replace a file."""
        upload = self._start_upload(key)
        try:
            yield upload
        except BaseException:
            upload.discard()
            raise
        upload.publish()

    def create(self, key: str, data: bytes) -> bool:
        """Create a small file; return False if it exists.

        :raises ExportError: this store does not support it.
        """
        if not self.creates_exclusively:
            raise ExportError(f"{self._address}: this store cannot create files exclusively (no conditional writes)")
        with translate_store_errors(self.location(key)):
            return self._create(self._path(key), data)

    def read(self, key: str) -> bytes | None:
        """Return the content of a small file; None if it does not exist."""
        with translate_store_errors(self.location(key)):
            try:
                data: bytes = self._fs.cat_file(self._path(key), **self._read_options)
            except FileNotFoundError:
                return None
        return data

    def download(self, key: str, path: Path) -> bool:
        """Copy a file of any size to a new one of this machine; return False if it does not exist."""
        with translate_store_errors(self.location(key)):
            try:
                self._fs.get_file(self._path(key), str(path))
            except FileNotFoundError:
                path.unlink(missing_ok=True)
                return False
        return True

    def list(self, folder: str) -> Iterator[str]:
        """Return the sorted keys of all files below a folder, without folder markers of consoles and Spark."""
        self._fs.invalidate_cache()  # other workers write, too
        root = self._path(folder)
        with translate_store_errors(self.location(folder)):
            found: Any = self._find(root)
        if not isinstance(found, dict):  # adlfs returns a list if the path is a file
            return iter(())
        start = len(self._folder.strip("/")) + 1
        files = (path.lstrip("/") for path, info in found.items() if _is_file(path, info))
        return iter(sorted(path[start:] for path in files if path != root.lstrip("/")))

    def delete(self, key: str) -> None:
        """Delete a file, if it exists."""
        path = self._path(key)
        with translate_store_errors(self.location(key)):
            try:
                self._fs.rm_file(path)
            except FileNotFoundError:
                pass
            except Exception:
                self._fs.invalidate_cache()
                if self._fs.exists(path):  # some clients raise another error for a file that does not exist
                    raise

    def _find(self, root: str) -> Any:
        return self._fs.find(root, detail=True)

    def _path(self, key: str) -> str:
        return f"{self._folder}/{check_key(key)}"

    def _start_upload(self, key: str) -> Upload:
        return Upload(self._fs, self._path(key), self.location(key))

    # -- exclusive create --------------------------------------------------------------------------------------------

    @property
    def _supports_conditions(self) -> bool:
        """Whether the client sends conditions to the server."""
        return True

    def _create(self, path: str, data: bytes) -> bool:
        """Create a file on the condition that it does not exist.

        After a conflict, which the store reports for concurrent requests, the request is retried.
        """
        for attempt in range(_CONFLICTS):
            try:
                self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except Exception as error:
                status = find_http_status(error)
                if status == HTTPStatus.PRECONDITION_FAILED:  # s3fs recognizes it by a text that not all stores send
                    return False
                if status != HTTPStatus.CONFLICT or attempt == _CONFLICTS - 1:
                    raise
                time.sleep(_PAUSE * 2**attempt)
            else:
                return True
        raise AssertionError

    def _try_exclusive_create(self) -> bool:
        key = f"_ledger/trial/creates/{secrets.token_hex(8)}"
        start = threading.Barrier(2)

        def create(data: bytes) -> bool:
            start.wait()
            return self._create(self._path(key), data)

        try:
            with ThreadPoolExecutor(2) as pool:
                made = sum(pool.map(create, [b"1", b"2"]))
            # If a response was lost, the client has retried, and found the file that it had created itself.
            return made == 1 or (made == 0 and self.read(key) is not None)
        except Exception as error:
            if not is_refusal(error):
                raise
            with self.write(key) as file:  # raises unless the condition was the reason
                file.write(b"0")
            log.info("%s: the store rejects conditions: %s", self._address, error)
            return False
        finally:
            self.delete(key)


class S3Store(ObjectStore):
    """A folder of S3, over s3fs. Its defaults send up to three requests for a read or a list, this one."""

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        super().__init__(file_system, folder, address)
        if "max_concurrency" in signature(file_system._cat_file).parameters:  # it would request the size first
            self._read_options = {"max_concurrency": 1}

    def _find(self, root: str) -> Any:
        """Find with a prefix. Without one, s3fs requests next whether an empty folder is a file."""
        parent, _, name = root.rpartition("/")
        return self._fs.find(parent, prefix=f"{name}/", detail=True)


class Upload:
    """A file that is being uploaded; a small one with a single request. Restarting it discards what was sent.

    :param fs: the file system.
    :param path: the file's path in the file system.
    :param address: the file's address, for errors.
    """

    def __init__(self, fs: Any, path: str, address: str) -> None:
        self._fs = fs
        self._path = path
        self._address = address
        self._buffer = bytearray()
        self._file: Any = None

    def write(self, data: ReadableBuffer, /) -> object:
        """Write the next bytes."""
        self._buffer += data
        if len(self._buffer) >= _PART_BYTES:
            self._send()
        return memoryview(data).nbytes

    def seek(self, position: int, /) -> object:
        """Go back to the beginning; :meth:`truncate` must follow."""
        if position:
            raise ValueError("an upload can only be restarted")
        return position

    def truncate(self) -> object:
        """Restart the upload."""
        self.discard()
        return 0

    def publish(self) -> None:
        """Finish the upload, so that the file appears; discard it if that fails."""
        try:
            with translate_store_errors(self._address):
                if self._file is None:
                    self._fs.pipe_file(self._path, bytes(self._buffer))
                else:
                    self._send()
                    self._file.close()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Discard the file. It is only marked as closed, because closing it would publish it."""
        self._buffer.clear()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.discard()
            finally:
                file.closed = True

    def _send(self) -> None:
        with translate_store_errors(self._address):
            self._file = self._file or self._open_file()
            self._file.write(bytes(self._buffer))
        self._buffer.clear()

    def _open_file(self) -> Any:
        return self._fs.open(self._path, "wb", block_size=_PART_BYTES)


def _is_file(path: str, info: Mapping[str, Any]) -> bool:
    """Return whether a listed object is a file, and neither a folder marker nor hidden.

    adlfs removes the slash at the end of a marker's name, but marks each file that it writes as no directory.
    """
    if info["type"] == "directory" or path.endswith("/") or path.rpartition("/")[2].startswith("."):
        return False
    is_marked_as_file = (info["metadata"] or {}).get("is_directory") == "false" if "metadata" in info else True
    return bool(info["size"]) or is_marked_as_file


_REMEDIES = {
    HTTPStatus.NOT_IMPLEMENTED: "this store lacks a required part of the protocol; update it, or write to another one",
    HTTPStatus.CONFLICT: "the store received another request for the same file at the same time; a retry continues "
    "from here. If it fails again although nobody else writes, run exports one after the other (max_active_runs=1)",
}
_TRANSIENT = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_REFUSALS = ("ParamValidationError", "SFTPFailure", "SFTPOpUnsupported", "SFTPPermissionDenied")
"""Exceptions of botocore and asyncssh, which need not be installed."""
_DEFAULT_REMEDY = "the request failed; a retry continues from here"


def find_http_status(error: BaseException | None) -> int | None:
    """Return the HTTP status of an error of a store's client, or of one of its causes."""
    while error is not None:
        response = getattr(error, "response", None)  # botocore's is a mapping
        code = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        for status in (code, getattr(error, "status_code", None), getattr(error, "code", None)):
            if str(status).isdecimal() and 400 <= int(str(status)) < 600:
                return int(str(status))
        error = error.__cause__
    return None


def is_refusal(error: Exception) -> bool:
    """Return whether a request was rejected, or cannot be sent at all, so that a retry is useless."""
    status = find_http_status(error)
    if status is not None:
        return status == HTTPStatus.NOT_IMPLEMENTED or (status < 500 and status not in _TRANSIENT)
    return isinstance(error, TypeError | NotImplementedError) or type(error).__name__ in _REFUSALS


@contextmanager
def translate_store_errors(address: str) -> Iterator[None]:
    """Raise errors of a store's client as an :class:`ExportError` with a remedy. Other ``OSError`` are not changed."""
    try:
        yield
    except SessionsError:
        raise
    except Exception as error:
        status = find_http_status(error)
        if isinstance(error, OSError) and status not in _REMEDIES:
            raise
        remedy = _REMEDIES.get(HTTPStatus(status), _DEFAULT_REMEDY) if status in _REMEDIES else _DEFAULT_REMEDY
        first_line = (str(error).splitlines() or [""])[0][:300]
        raise ExportError(f"{address}: {remedy} ({type(error).__name__}: {first_line})") from error
