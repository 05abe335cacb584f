"""Attempts at one create: task instances as operators see them, a state store, and platforms."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.rate_limit.file_store import shared_folder
from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import Connect, RecordingTaskInstance

TITLE = "Town hall"
START = datetime(2030, 3, 5, 9, 0, tzinfo=UTC)
"""In the future by the sandbox's clock and by the real one."""
RUN_AFTER = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)


class FileStore:
    """A task's state store, in a file: what one process keeps, the next one finds.

    :param path: the file.
    :param hold: whether to wait for ever before anything is stored; a file beside it appears then.
    """

    def __init__(self, path: Path, *, hold: bool = False) -> None:
        self.path = path
        self.holding = path.with_suffix(".holding")
        self._hold = hold

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.path.read_text()).get(key, default) if self.path.exists() else default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        from airflow.sdk import NEVER_EXPIRE

        assert retention is NEVER_EXPIRE, "sessions are planned more than the usual 30 days ahead"
        if self._hold:
            self.holding.touch()
            time.sleep(60)
        self.path.write_text(json.dumps({key: value}))


@dataclass(frozen=True)
class Place:
    """A platform of the sandbox behind a connection, and the fields that its sessions need."""

    platform: Any
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.platform.name)

    @property
    def conn_id(self) -> str:
        return f"{self.name}_default"

    def connection(self) -> dict[str, Any]:
        """The fields of the connection; no limit of requests, because these tests run in real time."""
        return {**self.platform.connection(), "extra": {"rate_limit": "1000/s"}}

    def alive(self) -> list[str]:
        """Return the ids of the sessions that are neither canceled nor deleted."""
        held = self.platform.sessions()
        return sorted(one["id"] for one in held if one["state"] != "canceled" and one["deleted_at"] is None)

    def theirs(self) -> str:
        """Create a session with the same title and times by hand, and return its id."""
        options: dict[str, Any] = {
            "prevail": {
                "case": "24-cv-1138",
                "time_zone": "Eastern Time (US & Canada)",
                "estimated_duration": 1,
                "remote_session_id": "by-hand",
            },
            "vidinfra": {},
            "sessions_us": {"planned_end": START.replace(hour=10)},
        }[self.name]
        (session_id,) = self.platform.create(TITLE, scheduled_start=START, **options)
        return str(session_id)


def places(sandbox: Sandbox) -> dict[str, Place]:
    """All platforms."""
    vidinfra = sandbox.vidinfra
    hour = {"duration": 3600, "time_zone": "America/New_York"}
    return {
        "prevail": Place(sandbox.prevail, {**hour, "options": {"case": "24-cv-1138"}}),
        "vidinfra": Place(vidinfra, {"options": {"room_id": vidinfra.room_id, "preset_id": vidinfra.preset_id}}),
        "sessions_us": Place(sandbox.sessions_us, hour),
    }


@dataclass
class Attempt:
    """One try of a task that creates a session.

    :param conn_id: the connection.
    :param fields: arguments of the operator.
    :param store: what an earlier try left in the task's state store; before Airflow 3.3 there is none.
    :param remembers: whether this host remembers beyond a clear what earlier tries made. Else it is as new.
    """

    conn_id: str
    fields: dict[str, Any]
    run_id: str = "manual__1"
    map_index: int = -1
    try_number: int = 1
    store: FileStore | None = None
    remembers: bool = False

    def make(self) -> str:
        """Create the session, or find it; return its id."""
        ti = RecordingTaskInstance(self.run_id, self.map_index, self.try_number)
        given = {"conn_id": self.conn_id, "title": TITLE, "start": START, **self.fields}
        operator = CreateSessionOperator(task_id="create", **given)
        context = {"ti": ti, "task": operator, "dag_run": SimpleNamespace(run_after=RUN_AFTER)}
        if self.store is not None:
            context["task_state_store"] = self.store
        if not self.remembers:
            for path in shared_folder().glob("made-*"):
                path.unlink(missing_ok=True)
        result = operator.execute(context)
        return str(result["session_id"])


def prepare(sandbox: Sandbox, name: str, connect: Connect) -> Place:
    """One platform, behind a connection."""
    place = places(sandbox)[name]
    connect(place.conn_id, **place.connection())
    if name == "sessions_us":
        sandbox.sessions_us.remove_rate_limit()
    return place


def create_and_write_id(attempt: Attempt, path: Path, environment: dict[str, str], gate: Path | None = None) -> None:
    """Create the session in a process of its own, and write its id into a file.

    :param environment: holds the connection; a process made by a fork server inherits the server's.
    :param gate: a file to wait for; one beside ``path`` appears when the process waits.
    """
    os.environ.update(environment)
    path.with_suffix(".ready").touch()
    while gate is not None and not gate.exists():
        time.sleep(0.005)
    path.write_text(attempt.make())
