"""A lock that lets one run at a time write to a store that cannot create a file exclusively.

It is Lamport's bakery algorithm (Communications of the ACM 17, 1974), which needs only that files are visible as soon
as they are written: each try announces itself, takes a number above all that it sees, and waits until no other try is
taking a number. The lowest number writes; all others fail and may be retried. Below the ledger's ``lock/`` are:

- ``taking~{token}.json``: a try is taking a number.
- ``{number}~{token}.json``: the number of a try, valid until it expires.
- ``needed.json``: the lock was needed here once. From then on everybody takes it, because a store that checks before it
  writes may pass a single trial by chance.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ValidationError

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.errors import ExportError
from airflow_provider_sessions.export.store import Store

_TAKING: Final = timedelta(minutes=2)
"""How long taking a number may last; a try that needs longer was killed."""
_PAUSE: Final = 0.1
_PAUSES: Final = 300


class Lock(BaseModel):
    """The try that holds the lock, and until when."""

    token: str
    until: datetime


class LedgerLock:
    """The lock of a ledger, for one try of a run.

    :param base: the ledger's folder.
    :param token: unique to the try.
    """

    def __init__(self, store: Store, base: str, token: str, clock: Clock) -> None:
        self._store = store
        self._folder = f"{base}/lock"
        self._before = f"{base}/lock.json"
        """The lock of earlier versions of this package."""
        self._token = token
        self._clock = clock
        self._number: str | None = None

    def is_needed(self) -> bool:
        """Return whether only one try at a time may write."""
        return not self._store.creates_exclusively or any(self._store.list(self._folder))

    def acquire(self, until: datetime, own: Collection[str]) -> None:
        """Acquire the lock.

        :param until: when it expires, unless it is extended.
        :param own: tokens of earlier tries of the same run, whose lock is replaced.
        :raises ExportError: another try holds it.
        """
        self._refuse_if_held(self._before, own)
        self._write(f"{self._folder}/needed.json", Lock(token=self._token, until=until))
        taking = f"{self._folder}/taking~{self._token}.json"
        self._write(taking, Lock(token=self._token, until=self._clock.now() + _TAKING))
        highest = max((_number_of(key) for key in self._numbers()), default=0)
        self._number = f"{self._folder}/{highest + 1:06d}~{self._token}.json"
        self.extend(until)
        self._store.delete(taking)
        try:
            self._wait_for_takers()
            for key in self._numbers():
                if key < self._number:
                    self._refuse_if_held(key, own)
        except BaseException:
            self.release()
            raise

    def extend(self, until: datetime) -> None:
        """Extend the lock, if it is held."""
        if self._number is not None:
            self._write(self._number, Lock(token=self._token, until=until))

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._number is not None:
            self._store.delete(self._number)
            self._number = None

    def _wait_for_takers(self) -> None:
        for _ in range(_PAUSES):
            taking = [key for key in self._store.list(self._folder) if key.startswith(f"{self._folder}/taking~")]
            if not [key for key in taking if self._held(key)]:
                return
            time.sleep(_PAUSE)
        raise ExportError(
            f"{self._store.location(self._folder)}: another export is starting here and does not finish that; if it "
            f"was killed, it is ignored after {_TAKING.total_seconds() / 60:.0f} minutes: retry later"
        )

    def _numbers(self) -> list[str]:
        return [key for key in self._store.list(self._folder) if key.rpartition("/")[2][:1].isdigit()]

    def _refuse_if_held(self, key: str, own: Collection[str]) -> None:
        held = self._held(key)
        if held is not None and held.token not in own:
            raise ExportError(
                f"{self._store.location(key)}: another export is writing here, until {held.until.isoformat()} at the "
                "latest, and this store allows one at a time, because it cannot create files exclusively; retry later, "
                "or run exports one after the other (max_active_runs=1, one DAG per folder)"
            )
        if held is not None:
            self._store.delete(key)

    def _held(self, key: str) -> Lock | None:
        """Return the lock at a key, unless it has expired; then it is deleted."""
        data = self._store.read(key)
        if data is None:
            return None
        try:
            lock = Lock.model_validate_json(data)
        except ValidationError:
            raise ExportError(
                f"{self._store.location(key)} is no lock of an export: it is damaged, or was written by a later "
                "version of this package; delete it if no export is writing here"
            ) from None
        if self._clock.now() < lock.until:
            return lock
        self._store.delete(key)
        return None

    def _write(self, key: str, lock: Lock) -> None:
        with self._store.write(key) as file:
            file.write(lock.model_dump_json().encode())


def _number_of(key: str) -> int:
    return int(key.rpartition("/")[2].partition("~")[0])
