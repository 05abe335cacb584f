"""What stood around the version that wrote ``stored/``: its time, and the platforms with what they held then."""

from __future__ import annotations

import asyncio
import fcntl
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

from airflow_provider_sessions.sandbox import Sandbox
from tests.connected import RecordingTaskInstance

STORED = Path(__file__).parent / "stored"
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
NOON = FIRST + timedelta(hours=12)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PLATFORMS = ("prevail", "vidinfra", "sessions_us")
PORT = 18471
"""Links in rows begin with it, so that it belongs to their checksums."""


def stored(name: str) -> Any:
    """What the older version wrote."""
    return json.loads((STORED / f"{name}.json").read_text())


class Time:
    """A clock that stands still, but for those who sleep: they move it on. Or it runs, fast."""

    def __init__(self) -> None:
        self.at = FIRST
        self._speed = 0.0
        self._began = 0.0

    def run(self, speed: float) -> None:
        """From now on let so many seconds pass in one."""
        self._speed, self._began = speed, monotonic()

    def now(self) -> datetime:
        passed = (monotonic() - self._began) * self._speed if self._speed else 0.0
        return self.at + timedelta(seconds=passed)

    async def sleep(self, seconds: float) -> None:
        if self._speed:
            await asyncio.sleep(max(0.0, seconds) / self._speed)
        else:
            self.at += timedelta(seconds=max(0.0, seconds))
            await asyncio.sleep(0)


@contextmanager
def own_port() -> Iterator[int]:
    """The port on which the platforms are served: who tests beside us waits for it."""
    with (Path(tempfile.gettempdir()) / f"airflow-provider-sessions-tests-{PORT}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield PORT


def hold(sandbox: Sandbox, name: str, night: int) -> None:
    """What was held on the day before a night: the first has one session, the second two. One is ready a day later."""
    ended = FIRST + night * DAY - 12 * HOUR
    more: dict[str, Any] = {"prevail": {"case": "24-cv-1", "time_zone": "UTC"}}.get(name, {})
    platform = sandbox.platform(name)

    def make(title: str, ended: datetime, ready_after: float, **fields: Any) -> None:
        times = {"started_at": ended - timedelta(minutes=2), "ended_at": ended, "created_at": FIRST - 3 * DAY}
        platform.create(title, attendees=2, script={"artifacts_after": ready_after}, **times, **more, **fields)

    if night == 1:
        make("Old", ended, 0)
        return
    make("Early", ended, 0, **({"remote_session_id": "smith-v-jones-1767225600"} if name == "prevail" else {}))
    make("Late", ended + HOUR, 30 * 3600)


def run_of(night: int) -> dict[str, Any]:
    """The context of a nightly run."""
    midnight = FIRST + night * DAY
    return {
        "ti": SimpleNamespace(
            dag_id="nightly", run_id=f"scheduled__{midnight.isoformat()}", task_id="export", map_index=-1
        ),
        "data_interval_start": midnight - DAY,
        "data_interval_end": midnight,
    }


def task(task_id: str, *, try_number: int = 1, store: Any = None) -> dict[str, Any]:
    """The context of a task of the one run that there was."""
    ti = RecordingTaskInstance(run_id="manual__1", try_number=try_number)
    ti.task_id = task_id
    context: dict[str, Any] = {"ti": ti, "dag_run": SimpleNamespace(run_after=FIRST)}
    return context if store is None else context | {"task_state_store": store}
