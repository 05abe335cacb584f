"""One writer at a time, where a store cannot create a file only if there is none.

It is Lamport's bakery (Communications of the ACM 17, 1974), which needs nothing but files that are seen as soon as they
are written: who comes announces itself, takes a number above all that it sees, and then waits until nobody is taking a
number any more. The lowest number writes; all others are turned away and may be retried. So of several that begin in
the same instant one passes. Below the ledger's ``lock/`` lie:

- ``taking~{token}.json``: somebody is taking a number.
- ``{number}~{token}.json``: the number of a try. It counts until its time is over.
- ``needed.json``: this place was once found to need the lock. From then on everybody takes it, because a single trial
  of a store that looks before it writes may be passed by luck.
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
"""How long taking a number may last: who needs longer is dead."""
_PAUSE: Final = 0.1
_PAUSES: Final = 300


class Lock(BaseModel):
    """Who alone may write."""

    token: str
    until: datetime


class LedgerLock:
    """The lock of a ledger, for one try of a run.

    :param store: where the ledger lies.
    :param base: the ledger's folder.
    :param token: like no other try's.
    """

    def __init__(self, store: Store, base: str, token: str, clock: Clock) -> None:
        self._store = store
        self._folder = f"{base}/lock"
        self._before = f"{base}/lock.json"
        """What earlier versions of this package take."""
        self._token = token
        self._clock = clock
        self._number: str | None = None

    def is_needed(self) -> bool:
        """Whether one try at a time may write here."""
        return not self._store.creates_exclusively or any(self._store.list(self._folder))

    def take(self, until: datetime, own: Collection[str]) -> None:
        """Take the lock.

        :param until: when it is over, unless it is prolonged.
        :param own: earlier tries of the same run, whose place this one takes.
        :raises ExportError: somebody else has it.
        """
        self._refuse_if_held(self._before, own)
        self._write(f"{self._folder}/needed.json", Lock(token=self._token, until=until))
        taking = f"{self._folder}/taking~{self._token}.json"
        self._write(taking, Lock(token=self._token, until=self._clock.now() + _TAKING))
        highest = max((_number_of(key) for key in self._numbers()), default=0)
        self._number = f"{self._folder}/{highest + 1:06d}~{self._token}.json"
        self.prolong(until)
        self._store.delete(taking)
        try:
            self._wait_for_those_who_are_taking_one()
            for key in self._numbers():
                if key < self._number:
                    self._refuse_if_held(key, own)
        except BaseException:
            self.leave()
            raise

    def prolong(self, until: datetime) -> None:
        """Keep the lock, if it was taken, for longer."""
        if self._number is not None:
            self._write(self._number, Lock(token=self._token, until=until))

    def leave(self) -> None:
        """Give the lock back, if it was taken."""
        if self._number is not None:
            self._store.delete(self._number)
            self._number = None

    def _wait_for_those_who_are_taking_one(self) -> None:
        for _ in range(_PAUSES):
            taking = [key for key in self._store.list(self._folder) if key.startswith(f"{self._folder}/taking~")]
            if not [key for key in taking if self._held(key)]:
                return
            time.sleep(_PAUSE)
        raise ExportError(
            f"{self._store.location(self._folder)}: another export is about to begin here, and does not go on; if it "
            f"died, it counts no more after {_TAKING.total_seconds() / 60:.0f} minutes: retry later"
        )

    def _numbers(self) -> list[str]:
        return [key for key in self._store.list(self._folder) if key.rpartition("/")[2][:1].isdigit()]

    def _refuse_if_held(self, key: str, own: Collection[str]) -> None:
        held = self._held(key)
        if held is not None and held.token not in own:
            raise ExportError(
                f"{self._store.location(key)}: another export is writing here, until {held.until.isoformat()} at the "
                "latest, and this store takes one at a time: it does not create a file only if there is none; retry "
                "later, or let runs follow each other (max_active_runs=1, one DAG a folder)"
            )
        if held is not None:
            self._store.delete(key)

    def _held(self, key: str) -> Lock | None:
        """What is said at a key, if it still counts. What is over is removed."""
        data = self._store.read(key)
        if data is None:
            return None
        try:
            lock = Lock.model_validate_json(data)
        except ValidationError:
            raise ExportError(
                f"{self._store.location(key)} is no lock of an export: it was damaged, or written by a later version "
                "of this package; remove it if nobody is writing here"
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
