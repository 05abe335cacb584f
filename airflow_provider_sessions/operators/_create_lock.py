"""One attempt at a create at a time: whoever comes second finds what the first one made.

Two attempts of one task at once are rare: a worker that Airflow took for dead goes on, say. Marks make them agree on
one session wherever they run (see :mod:`airflow_provider_sessions.operators._create`), but for that one of them takes
back what it made, and Prevail's requests cannot be taken back. So attempts also keep out of each other's way before
they look: by a lock on a file of the host, which the kernel takes from a process that dies; or in Redis, for all hosts,
if that is where the connection's rate limit lies. Where the lock cannot be had, a warning is logged and marks decide.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_sessions.rate_limit.file_store import check_private_folder, shared_folder
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from redis.lock import Lock

log = get_logger(__name__)

_PATIENCE = 180.0
"""Seconds to wait for the other attempt: longer than a create takes."""
_LEASE = 120.0
"""Seconds after which a lock in Redis is free again, if who has it died."""
_NAP = 0.05


class _CannotLock(Exception):
    """The lock cannot be had. It never leaves this module."""


@contextmanager
def create_lock(key: str, store: RedisAddress | None) -> Iterator[None]:
    """Keep other attempts at the same create waiting meanwhile, as far as that is possible.

    :param key: the key of the create.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    """
    lock = None
    try:
        lock = _lock_file(key) if store is None else _lock_in_redis(key, store)
    except _CannotLock as failure:
        log.warning("Other attempts at this create cannot be kept waiting (%s); whoever is late takes it back", failure)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


class _FileLock:
    """A locked file that is gone when it is let go."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    def release(self) -> None:
        """Remove the file, then let go of it: who waits for it sees that it is no longer the one that others open."""
        with suppress(OSError):  # somebody cleaned up
            self._path.unlink()
        os.close(self._file)


def _lock_file(key: str) -> _FileLock:
    path = shared_folder() / f"create-{key}.lock"
    ends = time.monotonic() + _PATIENCE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private_folder(path.parent)
        while (file := _try(path)) is None:
            if time.monotonic() > ends:
                raise _CannotLock(f"one has had {path} for {_PATIENCE:.0f} s")
            time.sleep(_NAP)
    except OSError as failure:
        raise _CannotLock(f"{path}: {failure.strerror or failure}") from failure
    return _FileLock(path, file)


def _try(path: Path) -> int | None:
    """The open and locked file; None where somebody else has it, or had it a moment ago."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return file
    except BlockingIOError:
        pass  # its turn
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


class _RedisLock:
    """A lock in Redis, which may have run out meanwhile."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def release(self) -> None:
        """Let go of it."""
        from redis.exceptions import RedisError

        try:
            self._lock.release()
        except RedisError as failure:
            log.warning("The lock on this create was lost before its end: %s", failure)
        self._lock.redis.close()


def _lock_in_redis(key: str, store: RedisAddress) -> _RedisLock:
    from redis.exceptions import RedisError

    name = f"airflow-provider-sessions:create:{key}"
    lock = store.client().lock(name, timeout=_LEASE, sleep=_NAP, blocking_timeout=_PATIENCE)
    try:
        if not lock.acquire():
            raise _CannotLock(f"one has had {name} for {_PATIENCE:.0f} s")
    except (RedisError, OSError) as failure:
        raise _CannotLock(f"Redis: {type(failure).__name__}: {failure}") from failure
    return _RedisLock(lock)
