"""Write what a version of this package stores, for the tests beside this file. It runs with that version, not today's::

    git worktree add old f11c62e                          # the version; its names are those that are imported here
    old/scripts/environment.sh old/.venv old/constraints/airflow-3.3.txt test
    old/.venv/bin/python tests/upgrade/write_with.py tests/upgrade/stored

PostgreSQL has to answer at 127.0.0.1, and ``pg_dump`` be there. Time stands still but for the steps taken here, so that
a second run writes the same. What the platforms hold follows from the sandbox's seed: the tests make the same again,
in the same order, with today's sandbox.
"""

# ruff: noqa: E402, PERF401, ASYNC110 - the environment comes first, and events are looked at while they come

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HOME = tempfile.mkdtemp(prefix="written-")
os.environ |= {"AIRFLOW_HOME": HOME, "AIRFLOW_PROVIDER_SESSIONS_RATE_DIR": f"{HOME}/rates", "PYTHONTZPATH": ""}

import sqlalchemy as sa
import structlog
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk.execution_time.task_runner import _defer_task

from airflow_provider_sessions.client.budget import Lane
from airflow_provider_sessions.client.rate_book import Book
from airflow_provider_sessions.client.rate_limit import RateLimit
from airflow_provider_sessions.clock import SystemClock
from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.platforms.account import Account
from airflow_provider_sessions.platforms.base import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxClock, SandboxServer
from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
from airflow_provider_sessions.transfers.sessions_to_object_storage import SessionsToObjectStorageOperator
from airflow_provider_sessions.transfers.sessions_to_sql import SessionsToSqlOperator
from airflow_provider_sessions.triggers.sessions import SessionEventTrigger
from airflow_provider_sessions.waiting import reporter

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
PLATFORMS = ("prevail", "vidinfra", "sessions_us")
PORT = 18471
"""Where the platforms are served: links in rows begin with it."""
SCHEMA = "written"
PG_DUMP = ("pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments")
POSTGRES = "postgresql+psycopg2://postgres@127.0.0.1:5432/test"


class Time:
    """A clock that stands still, or goes on from where it stood."""

    def __init__(self) -> None:
        self.at = FIRST
        self._since: float | None = None

    def now(self) -> datetime:
        gone = 0.0 if self._since is None else asyncio.get_running_loop().time() - self._since
        return self.at + timedelta(seconds=gone)

    async def sleep(self, seconds: float) -> None:
        if self._since is None:
            self.at += timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0 if self._since is None else seconds)

    def run(self) -> None:
        self._since = asyncio.get_running_loop().time()


class TaskInstance:
    """As much of a task instance as an operator talks to."""

    def __init__(self, task_id: str, run_id: str) -> None:
        self.dag_id, self.task_id, self.run_id, self.map_index, self.try_number = "a_dag", task_id, run_id, -1, 1
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = value


class Store(dict[str, Any]):
    """A task's state store."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


@contextmanager
def world() -> Iterator[tuple[Time, Sandbox]]:
    """Platforms in a time of their own, behind their default connections."""
    shutil.rmtree(f"{HOME}/rates", ignore_errors=True)
    time = Time()
    SystemClock.now = lambda _: time.now()  # type: ignore[method-assign]
    SystemClock.sleep = lambda _, seconds: time.sleep(seconds)  # type: ignore[method-assign]
    sandbox = Sandbox(clock=SandboxClock(follow=time))
    with SandboxServer(sandbox, port=PORT):
        for name in PLATFORMS:
            sandbox.platform(name).unlimit_rate()
            connect(name, sandbox.platform(name).connection(), rate_limit="1000/s")
        yield time, sandbox


def connect(name: str, fields: dict[str, Any] | None = None, **extra: Any) -> None:
    """Make the platform's default connection, or change its extra."""
    variable = f"AIRFLOW_CONN_{name.upper()}_DEFAULT"
    fields = json.loads(os.environ[variable]) if fields is None else fields
    os.environ[variable] = json.dumps(fields | {"extra": {**fields.get("extra", {}), **extra}})


# --- exports ----------------------------------------------------------------------------------------------------------


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
    midnight = FIRST + night * DAY
    return {
        "ti": SimpleNamespace(
            dag_id="nightly", run_id=f"scheduled__{midnight.isoformat()}", task_id="export", map_index=-1
        ),
        "data_interval_start": midnight - DAY,
        "data_interval_end": midnight,
    }


def write_exports(folder: Path) -> None:
    files_in = Path(HOME) / "files"
    server = sa.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    url = server.url
    os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(
        {"conn_type": "postgres", "host": url.host, "port": url.port, "login": url.username, "schema": url.database}
    )
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    results: dict[str, Any] = {}
    with world() as (time, sandbox):
        for night in (1, 2):
            time.at = FIRST + night * DAY + HOUR / 2
            for name in PLATFORMS:
                hold(sandbox, name, night)
                given = {"task_id": "export", "conn_id": f"{name}_default"}
                files = SessionsToObjectStorageOperator(path=str(files_in / name), **given)
                result = json.dumps(files.execute(run_of(night)))
                results[f"{name}, files"] = json.loads(result.replace(str(files_in / name), "FOLDER"))
                tables = SessionsToSqlOperator(sql_conn_id="warehouse", schema=SCHEMA, **given)
                results[f"{name}, tables"] = tables.execute(run_of(night))
    write(folder / "export_results.json", results)
    for name in PLATFORMS:
        files = sorted(path for path in (files_in / name).rglob("*") if path.is_file())
        texts = {str(path.relative_to(files_in / name)): path.read_text() for path in files}
        write(folder / f"files_of_{name}.json", texts)
    dumped = subprocess.run(
        [*PG_DUMP, "--schema", SCHEMA, "--dbname", url.set(drivername="postgresql").render_as_string()],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [line for line in dumped.splitlines() if not re.match(r"--|SET |SELECT pg_catalog|\\", line)]
    (folder / "tables.sql").write_text("\n".join(lines) + "\n")
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")


# --- deferrals --------------------------------------------------------------------------------------------------------


def deferral(work: Callable[[dict[str, Any]], Any], task_id: str) -> dict[str, Any]:
    """What Airflow stores of a task that is deferred: trigger and next method, as its own serialization writes them."""
    ti = TaskInstance(task_id, "manual__1")
    try:
        work({"ti": ti, "dag_run": SimpleNamespace(run_after=FIRST)})
    except TaskDeferred as deferred:
        message, _ = _defer_task(deferred, SimpleNamespace(**vars(ti), task=None), structlog.get_logger())
        return {"deferred": json.loads(message.model_dump_json()), "xcoms": ti.xcoms}
    raise AssertionError(f"{task_id} was not deferred")


def write_deferrals(folder: Path) -> None:
    found: dict[str, Any] = {}
    with world() as (time, sandbox):
        time.at = FIRST + 12 * HOUR
        vidinfra = sandbox.vidinfra
        [launch] = vidinfra.create("Launch", scheduled_start=time.at + HOUR)
        [over] = vidinfra.create(
            "Over", started_at=time.at - HOUR, ended_at=time.at, script={"artifacts_after": 1800}, attendees=2
        )
        given = {"conn_id": "vidinfra_default", "poll_interval": 30}
        state = SessionStateSensor(task_id="state", session_id=launch, state="ended", cancel_on_kill=True, **given)
        found["state sensor"] = deferral(state.execute, "state")
        artifact = ArtifactSensor(task_id="artifact", session_id=over, artifact="recording", **given)
        found["artifact sensor"] = deferral(artifact.execute, "artifact")

        town_hall = CreateSessionOperator(task_id="create", **create_arguments(sandbox, "vidinfra"))
        connect("vidinfra", rate_limit="10/minute")
        use_up("vidinfra_default")
        found["create that waits for its slot"] = deferral(town_hall.execute, "create")
        connect("vidinfra", rate_limit="1000/s")
        shutil.rmtree(f"{HOME}/rates")
        busy = {"status": 503, "headers": {"Retry-After": "120"}, "carried_out": True}
        sandbox.faults.add("status", route="create_session", **busy)
        found["create that was not answered"] = deferral(town_hall.execute, "create")
        [entry] = sandbox.log.entries(route="create_session")
        found["create that was not answered"]["sent"] = entry.body
    write(folder / "deferrals.json", found)


def use_up(conn_id: str) -> None:
    hook = hook_for(conn_id)
    budget = adapter_class(hook.conn_type).budget(hook.account)

    async def use_up() -> None:
        while await budget.reserve(Lane.CALL, max_wait=0) is not None:
            await budget.leave()

    asyncio.run(use_up())


# --- creates ----------------------------------------------------------------------------------------------------------


def create_arguments(sandbox: Sandbox, name: str) -> dict[str, Any]:
    options = {
        "prevail": {"case": "24-cv-1138"},
        "vidinfra": {"room_id": sandbox.vidinfra.room_id, "preset_id": sandbox.vidinfra.preset_id},
        "sessions_us": {},
    }[name]
    return {
        "conn_id": f"{name}_default",
        "title": "Town hall",
        "start": FIRST + 2 * DAY + 9 * HOUR,
        "description": None if name == "prevail" else "All are welcome.",
        "options": options,
        **({} if name == "vidinfra" else {"duration": 3600, "time_zone": "America/New_York"}),
    }


def write_creates(folder: Path) -> None:
    found: dict[str, Any] = {}
    with world() as (time, sandbox):
        time.at = FIRST + 12 * HOUR
        for name in PLATFORMS:
            ti, store = TaskInstance("create", "manual__1"), Store()
            context = {"ti": ti, "dag_run": SimpleNamespace(run_after=FIRST), "task_state_store": store}
            result = CreateSessionOperator(task_id="create", **create_arguments(sandbox, name)).execute(context)
            [sent] = [entry.body for entry in sandbox.log.entries(platform=name, method="POST") if entry.body]
            found[name] = {"result": result, "xcoms": ti.xcoms, "store": store, "sent": sent}
    write(folder / "creates.json", found)


# --- a watcher --------------------------------------------------------------------------------------------------------


class Accessor(dict[str, Any]):
    """An asset's state store."""

    async def aget(self, key: str, default: Any = None) -> Any:
        return self.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


def write_watcher(folder: Path) -> None:
    reporter.HANDING_OVER = 0.0
    with world() as (time, sandbox):
        time.at = FIRST + 12 * HOUR
        vidinfra = sandbox.vidinfra
        over, live, _ = (key for title in ("Over", "Live", "To come") for key in vidinfra.create(title))
        vidinfra.start(over)
        vidinfra.end(over)
        vidinfra.start(live)
        events = ["live", "ended", "recording_ready"]
        trigger = SessionEventTrigger(conn_id="vidinfra_default", events=events, poll_interval=1)
        store = trigger.asset_state_store = Accessor()  # type: ignore[attr-defined]

        async def watch_until_kept() -> list[str]:
            time.run()
            fired: list[str] = []

            async def go_on() -> None:
                async for event in trigger.run():
                    fired.append(event.payload["key"])

            task = asyncio.create_task(go_on())
            while not any(key.endswith(".head") for key in store) or len(fired) < 2:
                await asyncio.sleep(0.05)
            await asyncio.sleep(3)
            task.cancel()
            return fired

        fired = asyncio.run(watch_until_kept())
    path, arguments = trigger.serialize()
    write(folder / "watcher.json", {"trigger": [path, arguments], "fired": fired, "store": store})


# --- rates ------------------------------------------------------------------------------------------------------------


ACCOUNTS = {
    "with a key": Account("a", "vidinfra", "https://live.example.com/api", password="a key of an account"),
    "with a log-in": Account("b", "prevail", "https://live.example.com/api", login="acme", password="a key"),
}


def write_rates(path: Path) -> None:
    """Pages at second 1000 of an account that allows 10 requests a minute: eight of nine calls used up, then a 429."""
    book = Book(RateLimit(10, 60))
    book.turn_to(1000.0)
    for _ in range(8):
        book.reserve(Lane.CALL, 0)
        book.leave()
    page = book.to_page()
    book.close_for(300)
    names = {name: account.fingerprint(account.base_url(None)) for name, account in ACCOUNTS.items()}
    pages = {"used": b64encode(page).decode(), "closed": b64encode(book.to_page()).decode()}
    write(path, {"names": names, "pages": pages})


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    into = Path(sys.argv[1]).resolve()
    into.mkdir(exist_ok=True)
    write_exports(into)
    write_deferrals(into)
    write_creates(into)
    write_watcher(into)
    write_rates(into / "rates.json")
    shutil.rmtree(HOME)
