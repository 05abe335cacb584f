"""The book of an account in a locked file: exact for all processes of one user on one host.

A file is opened, locked, read, written and closed for each question, which takes some 0.03 ms: nothing is kept that a
fork could share, and a process that dies lets go of its lock. A page that is torn, cut off or empty counts as a window
that was just used up. Time is the host's monotonic clock, which is the same for all its processes and never jumps.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import secrets
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from airflow_provider_sessions.rate_limit.fallback import StoreError
from airflow_provider_sessions.rate_limit.limit import RateLimit
from airflow_provider_sessions.rate_limit.state import Book

T = TypeVar("T")

FOLDER_VARIABLE = "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"
_PATIENCE = 2.0
"""Seconds to try for the lock, which is held for well under a millisecond: whoever has it for longer is frozen."""
_NAP = 0.002


def rate_folder() -> Path:
    """Where this user's books lie on this host."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"airflow-provider-sessions-{os.getuid()}"


def check_folder(folder: Path) -> None:
    """Refuse a folder that somebody else made in a temporary directory that is everybody's.

    :raises PermissionError: it is not this user's, or open to others.
    """
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    if not ours:
        raise PermissionError(0, "the folder has to be one of this user, and closed to others (mode 0700)")


def host_time() -> float:
    """Seconds of a clock that all processes of this host share; it goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC)


class FileShelf:
    """A book in a file.

    :param path: the file; its folder is made where there is none, for this user alone.
    :param limit: requests a window.
    :param now: the time in seconds, the same for all who use the file.
    """

    def __init__(self, path: Path, limit: RateLimit, *, now: Callable[[], float] = host_time) -> None:
        self._path = path
        self._limit = limit
        self._now = now
        self._last: tuple[bytes, Book] | None = None
        """What was written last, as it was read: the only one who asks finds its own page again."""

    async def look(self, work: Callable[[Book], T]) -> T:
        """Open the book at the present and look something up."""
        return await self._open(work, keep=False)

    async def write(self, work: Callable[[Book], T]) -> T:
        """Open the book at the present and change something; nobody else has it meanwhile."""
        return await self._open(work, keep=True)

    async def _open(self, work: Callable[[Book], T], *, keep: bool) -> T:
        """Try for the lock, with naps in between that hold up nobody in this event loop.

        :raises StoreError: the lock is not to be had, or the file cannot be used.
        """
        ends, folder = time.monotonic() + _PATIENCE, self._path.parent  # the file's name tells the account
        while True:
            try:
                return self._attempt(work, keep=keep)
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise StoreError(f"a file in {folder} has been locked for {_PATIENCE:.0f} s") from None
            except OSError as failure:
                raise StoreError(f"{folder}: {failure.strerror or type(failure).__name__}") from failure
            await asyncio.sleep(random.uniform(0, _NAP))  # noqa: S311 - spreads those who try

    def _attempt(self, work: Callable[[Book], T], *, keep: bool) -> T:
        file = self._file()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found = os.fstat(file)
            if not found.st_nlink:
                raise BlockingIOError  # somebody cleans up: this file is no longer the one that others open
            book = self._read(os.pread(file, found.st_size, 0))
            known = book is not None
            book = book or Book(self._limit)
            book.turn_to(self._now())
            if not known:
                book.use_up()
            result = work(book)
            if keep or not known:
                page = book.to_page()
                _write(file, page, found.st_size)
                self._last = page, book
            return result
        finally:
            os.close(file)

    def _read(self, page: bytes) -> Book | None:
        """The book on a page. It is ours to change: where that is not written, the page is read again next time."""
        last, self._last = self._last, None
        return last[1] if last is not None and last[0] == page else Book.from_page(page, self._limit)

    def _file(self) -> int:
        try:
            check_folder(self._path.parent)
            return os.open(self._path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            self._make()
            raise BlockingIOError from None

    def _make(self) -> None:
        """Put an empty book in place, whole: nobody ever sees a new file without its page."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_folder(self._path.parent)
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            book = Book(self._limit)
            book.turn_to(self._now())
            _write(file, book.to_page(), 0)
            os.link(draft, self._path)
        except FileExistsError:
            pass  # somebody was quicker
        finally:
            os.close(file)
            draft.unlink()


def _write(file: int, page: bytes, size: int) -> None:
    """Write a page with one call, which no signal cuts short; what an earlier, longer page leaves behind is cut off.

    :param size: of the file until now.
    """
    if os.pwrite(file, page, 0) != len(page):
        raise OSError(0, "no room to write")
    if size > len(page):
        os.ftruncate(file, len(page))
