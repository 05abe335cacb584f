"""Let one try of a create run at a time, so that the second one finds what the first one created.

Two tries of one task rarely run at once: for example when Airflow took a worker for dead that goes on. Markers make
them agree on one session wherever they run (see :mod:`airflow_provider_sessions.operators._create`), but one of them
then has to cancel its session, and Prevail's requests cannot be canceled. So tries also exclude each other before
they search: with a lock on a file of the host, which the kernel releases when its process dies; or in Redis, for all
hosts, if that is where the connection's rate limit is. If the lock is unavailable, a warning is logged and the markers
decide.
"""

from __future__ import annotations

import fcntl
import os
import threading
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

_LOCK_TIMEOUT = 180.0
"""Seconds to wait for the other try: longer than a create takes."""
_LEASE_SECONDS = 30.0
"""Seconds after which a lock in Redis expires if its owner has died. A living owner renews it three times as often."""
_RETRY_SECONDS = 0.05


class _LockError(Exception):
    """The lock is unavailable. It is handled in this module."""


@contextmanager
def create_lock(key: str, store: RedisAddress | None) -> Iterator[None]:
    """Make other tries of the same create wait, if the lock is available.

    :param key: the key of the create.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    """
    lock = None
    try:
        lock = _lock_file(key) if store is None else _lock_in_redis(key, store)
    except _LockError as error:
        log.warning(
            "No lock on this create (%s): a try on another worker may run at the same time; "
            "if both create a session, the later one is canceled",
            error,
        )
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


class _FileLock:
    """A locked file. Releasing the lock removes it."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    def release(self) -> None:
        """Remove the file, then unlock it: a process that waits for it sees that others open a new one."""
        with suppress(OSError):  # it was deleted already
            self._path.unlink()
        os.close(self._file)


def _lock_file(key: str) -> _FileLock:
    path = shared_folder() / f"create-{key}.lock"
    ends = time.monotonic() + _LOCK_TIMEOUT
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private_folder(path.parent)
        while (file := _try_lock(path)) is None:
            if time.monotonic() > ends:
                raise _LockError(f"another try has held {path} for {_LOCK_TIMEOUT:.0f} s")
            time.sleep(_RETRY_SECONDS)
    except OSError as error:
        raise _LockError(f"{path}: {error.strerror or error}") from error
    return _FileLock(path, file)


def _try_lock(path: Path) -> int | None:
    """Return the open, locked file; None if another process holds the lock, or held it a moment ago."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return file
    except BlockingIOError:
        pass  # another process holds the lock
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


class _RedisLock:
    """A lock in Redis, renewed until it is released. It may expire if Redis or this process does not respond."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._released = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name="renew-create-lock", daemon=True)
        self._renewing.start()

    def _renew(self) -> None:
        from redis.exceptions import RedisError

        while not self._released.wait(_LEASE_SECONDS / 3):
            with suppress(RedisError):  # a lock that is lost is reported when it is released
                self._lock.reacquire()

    def release(self) -> None:
        """Release the lock."""
        from redis.exceptions import RedisError

        self._released.set()
        self._renewing.join()
        try:
            self._lock.release()
        except RedisError as error:
            log.warning("The lock on this create was lost before the create was done: %s", error)
        self._lock.redis.close()


def _lock_in_redis(key: str, store: RedisAddress) -> _RedisLock:
    from redis.exceptions import RedisError

    name = f"airflow-provider-sessions:create:{key}"
    lock = store.client().lock(
        name, timeout=_LEASE_SECONDS, sleep=_RETRY_SECONDS, blocking_timeout=_LOCK_TIMEOUT, thread_local=False
    )
    try:
        if not lock.acquire():
            raise _LockError(f"another try has held {name} for {_LOCK_TIMEOUT:.0f} s")
    except (RedisError, OSError) as error:
        raise _LockError(f"Redis: {type(error).__name__}: {error}") from error
    return _RedisLock(lock)
