"""Object stores, in which a file appears when its upload ends: S3, Google's, Azure's."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from http import HTTPStatus
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
"""What is held in memory of a file that is being uploaded; S3 takes 10,000 parts, so files of up to 80 GiB."""
_TRIALS: Final = 3
"""The first opens the connections, so that the creates of the others meet."""
_CONFLICTS: Final = 5
_PAUSE: Final = 0.1


class ObjectStore:
    """A folder of an object store, over its fsspec file system.

    Nothing is renamed: a file is written under its final name, where it appears when it is closed. One that fails is
    discarded instead of being closed, because closing would publish what there is of it.

    :param file_system: the fsspec file system.
    :param folder: the folder's path in it.
    :param address: the folder's address, for people and other tasks.
    """

    def __init__(self, file_system: Any, folder: str, address: str) -> None:
        self._fs = file_system
        self._folder = folder.rstrip("/")
        self._address = address.rstrip("/")
        # A store answers slowly, but many at once. Clients that are not asynchronous take one thread at a time.
        self.max_parallel = 8 if isinstance(file_system, AsyncFileSystem) else 1

    @cached_property
    def creates_exclusively(self) -> bool:
        """Whether of two creates of one key that begin together exactly one succeeds. It is tried, once.

        A store that passes over the condition, or looks before it writes, lets both succeed, and some refuse requests
        that have one. A store that cannot be written at all is no answer: that error is raised.
        """
        creates_exclusively = self._supports_conditions and all(self._try_exclusive_create() for _ in range(_TRIALS))
        if not creates_exclusively:
            log.info("%s: this store cannot create a file only if there is none", self._address)
        return creates_exclusively

    def location(self, key: str) -> str:
        """The address of a file, without a connection id."""
        return f"{self._address}/{check_key(key)}"

    @contextmanager
    def write(self, key: str) -> Iterator[Writable]:
        """Write a file, replacing one of that name."""
        upload = self._start_upload(key)
        try:
            yield upload
        except BaseException:
            upload.discard()
            raise
        upload.publish()

    def create(self, key: str, data: bytes) -> bool:
        """Write a small file whole, unless there is one of that name.

        :raises ExportError: this store cannot promise that.
        """
        if not self.creates_exclusively:
            raise ExportError(
                f"{self._address}: this store cannot create a file only if there is none (no conditional writes)"
            )
        with translate_store_errors(self.location(key)):
            return self._create(self._path(key), data)

    def read(self, key: str) -> bytes | None:
        """A small file; None where there is none."""
        with translate_store_errors(self.location(key)):
            try:
                data: bytes = self._fs.cat_file(self._path(key))
            except FileNotFoundError:
                return None
        return data

    def list(self, folder: str) -> Iterator[str]:
        """The keys of all files below a folder, sorted. What consoles and Spark put there to show a folder is none."""
        self._fs.invalidate_cache()  # what other workers wrote counts as well
        place = self._path(folder)
        with translate_store_errors(self.location(folder)):
            found: Any = self._fs.find(place, detail=True)
        if not isinstance(found, dict):  # adlfs names what is there instead of a folder
            return iter(())
        start = len(self._folder.strip("/")) + 1
        files = (path.lstrip("/") for path, info in found.items() if _is_file(path, info))
        return iter(sorted(path[start:] for path in files if path != place.lstrip("/")))

    def delete(self, key: str) -> None:
        """Remove a file; nothing happens where there is none."""
        if self.exists(key):
            with translate_store_errors(self.location(key)), suppress(FileNotFoundError):  # another worker was quicker
                self._fs.rm_file(self._path(key))

    def exists(self, key: str) -> bool:
        """Whether there is a file."""
        self._fs.invalidate_cache()
        with translate_store_errors(self.location(key)):
            return bool(self._fs.isfile(self._path(key)))

    def _path(self, key: str) -> str:
        return f"{self._folder}/{check_key(key)}"

    def _start_upload(self, key: str) -> Upload:
        return Upload(self._fs, self._path(key), self.location(key))

    # -- exclusive create --------------------------------------------------------------------------------------------

    @property
    def _supports_conditions(self) -> bool:
        """Whether the client sends the condition to the server."""
        return True

    def _create(self, path: str, data: bytes) -> bool:
        """Create a file on the condition that there is none.

        A conflict is no answer: the store saw two such requests at once, and wants one of them again.
        """
        for attempt in range(_CONFLICTS):
            try:
                self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except Exception as error:
                status = find_http_status(error)
                if status == HTTPStatus.PRECONDITION_FAILED:  # s3fs knows it by a word that only some stores say
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
            # Where an answer was lost, the client asked again and was told that there is such a file: its own.
            return made == 1 or (made == 0 and self.exists(key))
        except Exception as error:
            if not is_refusal(error):
                raise
            with self.write(key) as file:  # raises if it is not the condition that is refused
                file.write(b"0")
            log.info("%s: conditions are refused: %s", self._address, error)
            return False
        finally:
            self.delete(key)


class Upload:
    """A file on its way into an object store. Beginning anew discards what was sent so far.

    What is small is sent whole, by one request.

    :param fs: the file system.
    :param path: the file's place in it.
    :param address: the same, for people.
    """

    def __init__(self, fs: Any, path: str, address: str) -> None:
        self._fs = fs
        self._path = path
        self._address = address
        self._held = bytearray()
        self._file: Any = None

    def write(self, data: ReadableBuffer, /) -> object:
        """Take the next bytes."""
        self._held += data
        if len(self._held) >= _PART_BYTES:
            self._send()
        return memoryview(data).nbytes

    def seek(self, position: int, /) -> object:
        """Go back to the beginning: :meth:`truncate` follows."""
        if position:
            raise ValueError("an upload can only begin anew")
        return position

    def truncate(self) -> object:
        """Begin anew."""
        self.discard()
        return 0

    def publish(self) -> None:
        """Let the file appear; if that fails, discard it."""
        try:
            with translate_store_errors(self._address):
                if self._file is None:
                    self._fs.pipe_file(self._path, bytes(self._held))
                else:
                    self._send()
                    self._file.close()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Drop the file. It is marked as closed without being closed, which would publish it."""
        self._held.clear()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.discard()
            finally:
                file.closed = True

    def _send(self) -> None:
        with translate_store_errors(self._address):
            self._file = self._file or self._open_file()
            self._file.write(bytes(self._held))
        self._held.clear()

    def _open_file(self) -> Any:
        return self._fs.open(self._path, "wb", block_size=_PART_BYTES)


def _is_file(path: str, info: Mapping[str, Any]) -> bool:
    """Whether what was listed is a file, and no marker of a folder and nothing hidden.

    adlfs drops the slash at the end of a marker's name, but notes of each file that it writes that it is no folder.
    """
    if info["type"] == "directory" or path.endswith("/") or path.rpartition("/")[2].startswith("."):
        return False
    noted_by_adlfs = (info["metadata"] or {}).get("is_directory") == "false" if "metadata" in info else True
    return bool(info["size"]) or noted_by_adlfs


_REMEDIES = {
    HTTPStatus.NOT_IMPLEMENTED: "this store does not know a part of the protocol that is needed; update it, or write "
    "into another one",
    HTTPStatus.CONFLICT: "the store saw another request for the same file in the same moment; a retry goes on from "
    "here. If it says so again, nobody else writing, let runs follow each other (max_active_runs=1)",
}
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_REFUSALS = ("ParamValidationError", "SFTPFailure", "SFTPOpUnsupported", "SFTPPermissionDenied")
"""Of botocore and asyncssh, which need not be installed."""
_OTHERWISE = "the store did not do it; a retry goes on from here"


def find_http_status(error: BaseException | None) -> int | None:
    """The HTTP status that an error of a store's client tells of, or one that it came from."""
    while error is not None:
        response = getattr(error, "response", None)  # botocore's is a mapping
        told = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
        for status in (told, getattr(error, "status_code", None), getattr(error, "code", None)):
            if str(status).isdecimal() and 400 <= int(str(status)) < 600:
                return int(str(status))
        error = error.__cause__
    return None


def is_refusal(error: Exception) -> bool:
    """Whether a request was understood and refused, or cannot be made at all, so that it is no use to repeat it."""
    status = find_http_status(error)
    if status is not None:
        return status == HTTPStatus.NOT_IMPLEMENTED or (status < 500 and status not in _PASSING)
    return isinstance(error, TypeError | NotImplementedError) or type(error).__name__ in _REFUSALS


@contextmanager
def translate_store_errors(address: str) -> Iterator[None]:
    """Turn what only a store's client can raise into an :class:`ExportError` that says what to do."""
    try:
        yield
    except SessionsError:
        raise
    except Exception as error:
        status = find_http_status(error)
        if isinstance(error, OSError) and status not in _REMEDIES:
            raise
        remedy = _REMEDIES.get(HTTPStatus(status), _OTHERWISE) if status in _REMEDIES else _OTHERWISE
        first_line = (str(error).splitlines() or [""])[0][:300]
        raise ExportError(f"{address}: {remedy} ({type(error).__name__}: {first_line})") from error
