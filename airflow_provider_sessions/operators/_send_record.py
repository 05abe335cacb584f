"""Record which create requests the tries of a task have sent, on every Airflow version.

A request without a response may be carried out long after its sender gave up, for example when it waited in a proxy. So
a create is not sent again within :data:`LATE_REQUEST_SECONDS`, and each try must know what earlier ones sent. A worker
may be killed at any time, and Airflow stores state for a task only from 3.3 on. So the record is written where the lock
of the create is: see :mod:`airflow_provider_sessions.operators._create_lock` and
:mod:`airflow_provider_sessions.operators._record_stores`. A deferral carries it, too.

A record lists the known tries and the open sends: those that were sent and neither answered nor found. If there is no
record, or it lacks an earlier try (which ran on another host), that try counts as having sent something just before
this one began.

A record also holds how far a try got that recreates a session: which sessions it canceled, and in a deferral which
session it created. So the try does not recreate its own session when it resumes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_sessions.clock import Clock
from airflow_provider_sessions.operators._record_stores import RecordKind, get_record_store
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress

LATE_REQUEST_SECONDS = 65.0
"""Seconds after which a request is not carried out any more: a minute, and a margin for slow lists."""
_KIND = RecordKind("create", "sent", "Cannot record what this create sends (%s): a retry waits a minute")
"""It is kept for a day. By then, every request has been carried out or never will be."""


class SendRecord:
    """The requests that the tries of one create have sent. The caller holds the lock of the create.

    :param key: the key of the create.
    :param place: identifies the platform: its connection type and base URL.
    :param store: the Redis that all workers share; None for a file, which the processes of this host share.
    :param try_number: which try of the task this is; 1 for the first.
    :param clock: the time.
    :param carried: the record that a deferral carried, from :meth:`as_json`.
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
        self._store = get_record_store(_KIND, key, place, store)
        self._try = str(try_number)
        self._earlier = {str(number) for number in range(1, try_number)}
        self._clock = clock
        now = self._now()
        stored, from_deferral = _parse(self._store.read()), _parse(json.dumps(carried) if carried else None)
        self.created: str | None = from_deferral["created"]
        self._tries: dict[str, float] = from_deferral["tries"] | stored["tries"]
        self._canceled: dict[str, list[str]] = from_deferral["canceled"] | stored["canceled"]
        # A deferral may end on a host whose record is of an earlier try, so neither record need have all sends.
        self._sends: dict[str, float | None] = {}
        for send_id, gave_up in (*from_deferral["sends"].items(), *stored["sends"].items()):
            # The sender of a request without an outcome has died, or it would hold the lock: it gave up by now.
            self._sends[send_id] = max(self._sends.get(send_id) or 0.0, now if gave_up is None else gave_up)
        self._tries.setdefault(self._try, now)
        self._write()

    @property
    def open_sends(self) -> frozenset[str]:
        """The ids of the sends that may have been carried out, or may still be."""
        return frozenset(self._sends)

    def pending_until(self, latest: float = LATE_REQUEST_SECONDS) -> float:
        """Return until when an earlier request may be carried out, in seconds since 1970.

        :param latest: seconds for which a request may be carried out after its sender gave up.
        """
        gave_up = [at for at in self._sends.values() if at is not None]
        if self._earlier - self._tries.keys():
            gave_up.append(self._tries[self._try])
        return max(gave_up, default=-latest) + latest

    def has_pending_send(self, latest: float = LATE_REQUEST_SECONDS) -> bool:
        """Whether an earlier request may still be carried out."""
        return self.pending_until(latest) > self._now()

    def record_send(self, send_id: str) -> None:
        """Record that a request is about to be sent.

        :param send_id: identifies the request in the record.
        """
        self._sends[send_id] = None
        self._write()

    def record_give_up(self, send_id: str) -> None:
        """Record that a request was sent and got no response."""
        self._sends[send_id] = self._now()
        self._write()

    def record_outcome(self, send_id: str) -> None:
        """Record that it is known whether a request was carried out."""
        if send_id in self._sends:
            del self._sends[send_id]
            self._write()

    @property
    def canceled(self) -> frozenset[str] | None:
        """The ids of the sessions that this try canceled to recreate them; None if it has not done so yet."""
        session_ids = self._canceled.get(self._try)
        return None if session_ids is None else frozenset(session_ids)

    def record_canceled(self, session_ids: Iterable[str]) -> None:
        """Record that this try has canceled all sessions that it recreates; there may have been none."""
        self._canceled[self._try] = list(session_ids)
        self._write()

    def close(self, session_id: str | None = None) -> None:
        """Remove the record, because the session was created.

        :param session_id: its id, which a later deferral of this try carries.
        """
        self.created = session_id
        self._store.write(None)

    def as_json(self) -> dict[str, Any]:
        """Return the record for a deferral."""
        return {
            "tries": dict(self._tries),
            "sends": dict(self._sends),
            "canceled": dict(self._canceled),
            "created": self.created,
        }

    def _write(self) -> None:
        self._store.write(json.dumps(self.as_json()))

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _parse(text: str | None) -> dict[str, Any]:
    """Parse a record; return an empty one if there is none, or it is invalid."""
    try:
        found = json.loads(text or "{}")
        created = found.get("created")
        return {
            "tries": {str(number): float(at) for number, at in found.get("tries", {}).items()},
            "sends": {
                str(send_id): None if at is None else float(at) for send_id, at in found.get("sends", {}).items()
            },
            "canceled": {
                str(number): [str(session_id) for session_id in session_ids]
                for number, session_ids in found.get("canceled", {}).items()
            },
            "created": None if created is None else str(created),
        }
    except (ValueError, TypeError, AttributeError):
        return {"tries": {}, "sends": {}, "canceled": {}, "created": None}


def format_clock_time(at: float) -> str:
    """Return a time in seconds since 1970 as a log shows it."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
