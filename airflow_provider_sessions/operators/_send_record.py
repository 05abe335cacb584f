"""Record which create requests the tries of a task have sent, on every Airflow version.

A request without a response may be carried out long after its sender gave up, for example when it waited in a proxy. So
a create is not sent again within :data:`LATE_REQUEST_SECONDS`, and each try must know what earlier ones sent. A worker
may be killed at any time, and Airflow stores state for a task only from 3.3 on. So the record is written where the lock
of the create is: see :mod:`airflow_provider_sessions.operators._create_lock` and
:mod:`airflow_provider_sessions.operators._record_stores`. A deferral carries it, too.

A record lists the known tries and the open sends: those that were sent and neither answered nor found. If there is no
record, or it lacks an earlier try (which ran on another host), that try counts as having sent something just before
this one began.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.operators._record_stores import RecordKind, record_store
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

LATE_REQUEST_SECONDS = 65.0
"""Seconds after which a request that was given up is not carried out any more; a minute, and some for slow lists."""
_SENT = RecordKind("create", "sent", "It cannot be remembered what this create sends (%s): a retry waits a minute")
"""Kept for a day. Later, whatever was sent has been carried out or never will be."""


class SendRecord:
    """What is known of the sends of one create. Its owner holds the lock of the create.

    :param key: the key of the create.
    :param place: what tells the platform from others: its connection type and base URL.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    :param try_number: which try of the task this is; 1 for the first.
    :param clock: time.
    :param carried: what a deferral brought along, as :meth:`as_json` gave it.
    """

    def __init__(
        self,
        key: str,
        place: tuple[str, str],
        store: RedisAddress | None,
        try_number: int,
        clock: Clock,
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        self._store = record_store(_SENT, key, place, store)
        self._try = str(try_number)
        self._earlier = {str(number) for number in range(1, try_number)}
        self._clock = clock
        now = self._now()
        page, brought = self._store.read(), _read(json.dumps(carried) if carried else None)
        kept = brought if page is None else _read(page)
        self._tries: dict[str, float] = brought["tries"] | kept["tries"]
        # Whoever sent what is still under way is gone, or it would hold the lock: it gave up by now.
        self._sends: dict[str, float | None] = {
            attempt: now if gave_up is None else gave_up for attempt, gave_up in kept["sends"].items()
        }
        self._tries.setdefault(self._try, now)
        self._write()

    @property
    def open_sends(self) -> frozenset[str]:
        """The attempts of which nobody knows whether they were carried out, or will be."""
        return frozenset(self._sends)

    def quiet_until(self, latest: float = LATE_REQUEST_SECONDS) -> float:
        """Until when what was sent before may be carried out, in seconds since 1970.

        :param latest: seconds for which a request may be carried out after its sender gave up.
        """
        gave_up = [at for at in self._sends.values() if at is not None]
        if self._earlier - self._tries.keys():
            gave_up.append(self._tries[self._try])
        return max(gave_up, default=-latest) + latest

    def is_quiet(self, latest: float = LATE_REQUEST_SECONDS) -> bool:
        """Whether nothing that was sent before is carried out any more."""
        return self.quiet_until(latest) <= self._now()

    def record_send(self, attempt: str) -> None:
        """Note that an attempt is about to be sent."""
        self._sends[attempt] = None
        self._write()

    def record_give_up(self, attempt: str) -> None:
        """Note that an attempt was sent and not answered."""
        self._sends[attempt] = self._now()
        self._write()

    def settle(self, attempt: str) -> None:
        """Note that it is known what became of an attempt."""
        if attempt in self._sends:
            del self._sends[attempt]
            self._write()

    def close(self) -> None:
        """Forget everything: the session is made."""
        self._store.write(None)

    def as_json(self) -> dict[str, Any]:
        """The record, for a deferral to carry along."""
        return {"tries": dict(self._tries), "sends": dict(self._sends)}

    def _write(self) -> None:
        self._store.write(json.dumps(self.as_json()))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _read(text: str | None) -> dict[str, Any]:
    """A record, or an empty one where there is none, or none of ours."""
    try:
        found = json.loads(text or "{}")
        return {
            "tries": {str(number): float(at) for number, at in found.get("tries", {}).items()},
            "sends": {str(one): None if at is None else float(at) for one, at in found.get("sends", {}).items()},
        }
    except (ValueError, TypeError, AttributeError):
        return {"tries": {}, "sends": {}}


def format_clock_time(at: float) -> str:
    """An instant in seconds since 1970 as a log shows it."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
