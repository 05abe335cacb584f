"""Store records of a create, beyond each try and each clear of its task, on every Airflow version.

A record is in Redis, for all workers, if the connection's rate limit is; otherwise in a file on the host.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_sessions.rate_limit.file_store import check_private_folder, shared_folder
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress
from airflow_provider_sessions.safe_text import get_logger

if TYPE_CHECKING:
    from redis import Redis

log = get_logger(__name__)

_MIN_KEEP_SECONDS = 86400
"""Seconds for which every record is kept, at least."""


class RecordKind(NamedTuple):
    """A kind of record.

    :param file_prefix: how the names of its files begin.
    :param redis_prefix: how its keys in Redis begin, after the provider's own prefix.
    :param warning: the warning to log if a record cannot be read or written; its argument is the reason.
    """

    file_prefix: str
    redis_prefix: str
    warning: str


class RecordStore:
    """The store of one record. No method raises: on errors there is no record, and a warning is logged."""

    def read(self) -> str | None:
        """Return the record; None if there is none, or it cannot be read."""
        raise NotImplementedError

    def write(self, text: str | None, keep_until: float | None = None) -> None:
        """Write the record, or remove it. If writing fails, the older record is removed, too.

        :param text: the record; None removes it.
        :param keep_until: until when to keep it at least, in seconds since 1970; None for a day.
        """
        raise NotImplementedError


def get_record_store(kind: RecordKind, key: str, place: tuple[str, str], redis: RedisAddress | None) -> RecordStore:
    """Return the store of one create's record.

    :param kind: the kind of the record.
    :param key: the key of the create.
    :param place: identifies the platform: its connection type and base URL.
    :param redis: the Redis that all workers share; None for a file, which the processes of this host share.
    """
    name = hashlib.sha256(" ".join((key, *place)).encode()).hexdigest()[:24]
    return _FileStore(kind, name) if redis is None else _RedisStore(kind, name, redis)


class _FileStore(RecordStore):
    def __init__(self, kind: RecordKind, name: str) -> None:
        self._kind = kind
        self._path = shared_folder() / f"{kind.file_prefix}-{name}.json"

    def read(self) -> str | None:
        try:
            check_private_folder(self._path.parent)
            return self._path.read_text()
        except (OSError, UnicodeDecodeError):
            return None

    def write(self, text: str | None, keep_until: float | None = None) -> None:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        try:
            if text is not None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                check_private_folder(self._path.parent)
                if not self._path.exists():
                    self._remove_old()
                file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(file, "w") as output:
                    output.write(text)
                if keep_until is not None:
                    os.utime(draft, (keep_until, keep_until))
                draft.replace(self._path)
                return
        except OSError as error:
            log.warning(self._kind.warning, error)
        for path in (draft, self._path):
            with suppress(OSError):
                path.unlink()

    def _remove_old(self) -> None:
        """Remove expired records. The modification time of a file is when it was written, or until when to keep it."""
        for path in self._path.parent.glob(f"{self._kind.file_prefix}-*.json*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _MIN_KEEP_SECONDS:
                    path.unlink()


class _RedisStore(RecordStore):
    def __init__(self, kind: RecordKind, name: str, redis: RedisAddress) -> None:
        self._kind = kind
        self._name = f"airflow-provider-sessions:{kind.redis_prefix}:{name}"
        self._redis = redis

    def read(self) -> str | None:
        found = self._run(lambda redis: redis.get(self._name))
        return found.decode(errors="replace") if isinstance(found, bytes) else found

    def write(self, text: str | None, keep_until: float | None = None) -> None:
        seconds = _MIN_KEEP_SECONDS if keep_until is None else max(_MIN_KEEP_SECONDS, int(keep_until - time.time()))
        if text is None or not self._run(lambda redis: redis.set(self._name, text, ex=seconds)):
            self._run(lambda redis: redis.delete(self._name))

    def _run(self, command: Callable[[Redis], Any]) -> Any:
        from redis.exceptions import RedisError

        client = self._redis.client()
        try:
            return command(client)
        except (RedisError, OSError) as error:
            log.warning(self._kind.warning, f"Redis: {error}")
            return None
        finally:
            client.close()
