"""Exports in processes of their own, which can be killed and stopped: the operators' whole ``execute``.

:class:`Exporter` is the test's side. Its server (``python -m tests.oracle.exporter``) imports Airflow once and forks
for each export; the fork gets its virtual time, its connections and, perhaps, the number of the touch of what it writes
into at which it dies (SIGKILL) or is stopped (SIGSTOP) by its own hand.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from tests.oracle.clock import SharedClock
from tests.storage.folders import attach_stores

ROOT = Path(__file__).parents[2]
_WHAT_EXPORTS_NEED = (
    "airflow.providers.amazon.aws.fs.s3",
    "airflow.providers.duckdb.hooks.duckdb",
    "airflow.providers.postgres.hooks.postgres",
    "airflow_provider_sessions.platforms.prevail.adapter",
    "airflow_provider_sessions.platforms.sessions_us.adapter",
    "airflow_provider_sessions.platforms.vidinfra.adapter",
    "airflow_provider_sessions.export.sql.target",
    "airflow_provider_sessions.transfers.sessions_to_object_storage",
    "airflow_provider_sessions.transfers.sessions_to_sql",
    "duckdb_engine",
    "psycopg2",
    "pymysql",
    "s3fs",
)
_WHAT_SOME_NEED = (
    "MySQLdb",
    "adlfs",
    "airflow.providers.mysql.hooks.mysql",
    "airflow.providers.sftp.fs.sftp",
    "azure.storage.blob.aio",
    "gcsfs.extended_gcsfs",
    "sshfs",
)
"""Imported where they are installed."""
_HANGS_AFTER_SECONDS = 240


@dataclass(frozen=True)
class Job:
    """One try of a run.

    :param clock: the file of the shared clock.
    :param operator: its class, as ``module:name``.
    :param arguments: for the operator.
    :param environment: variables, such as connections.
    :param touched: what happens at touch number ``touch`` of what is written into.
    """

    clock: str
    operator: str
    arguments: dict[str, Any]
    environment: dict[str, str]
    dag_id: str
    run_id: str
    start: str
    end: str
    touch: int | None = None
    touched: Literal["dies", "stops"] = "dies"


@dataclass(frozen=True)
class Ended:
    """What became of a process.

    :param how: ``done``, ``failed`` (an error ended it), ``killed``, ``stopped`` or ``hung``.
    :param result: what the operator returned.
    :param error: the error that ended it; if it hung, the stacks of its threads.
    """

    how: Literal["done", "failed", "killed", "stopped", "hung"]
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""


class Exporter:
    """Starts exports and waits for them.

    :param folder: for results and what the processes print.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / "exporter.log").open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.oracle.exporter", str(folder)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self, job: Job) -> int:
        """Begin an export; its process."""
        return int(self._send_command({"start": asdict(job)}))

    def wait(self, pid: int) -> Ended:
        """Wait until a process is over or stopped. That one hangs fails the test: a retry would hide it."""
        ended = Ended(**self._send_command({"wait": pid}))
        assert ended.how != "hung", f"an export did not end within {_HANGS_AFTER_SECONDS} s:\n{ended.error}"
        return ended

    def run(self, job: Job) -> Ended:
        """One export, to its end."""
        return self.wait(self.start(job))

    def log(self) -> str:
        """What the exports had to say."""
        return (self._folder / "exporter.log").read_text(errors="replace")

    def _send_command(self, command: dict[str, Any]) -> Any:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(command) + "\n")
        self._server.stdin.flush()
        reply = self._server.stdout.readline()
        assert reply, f"the exporter has ended:\n{self.log()[-4000:]}"
        return json.loads(reply)

    def close(self) -> None:
        """Stop the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)


# -- the server --------------------------------------------------------------------------------------------------------


def _serve(folder: Path) -> None:
    """Run commands from standard input until it ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an export prints is no reply
    _import_what_exports_need()
    results: dict[int, Path] = {}
    for number, line in enumerate(sys.stdin):
        command = json.loads(line)
        if "start" in command:
            result = folder / f"result-{number}.json"
            pid = os.fork()
            if pid == 0:
                _be_an_export(Job(**command["start"]), result)
            results[pid] = result
            reply: Any = pid
        else:
            reply = asdict(_wait(command["wait"], results))
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def _import_what_exports_need() -> None:
    for name in _WHAT_EXPORTS_NEED:
        importlib.import_module(name)
    for name in _WHAT_SOME_NEED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    alone = [thread.name for thread in threading.enumerate()]
    assert len(alone) == 1, f"a fork copies one thread only, but there are {alone}"


def _wait(pid: int, results: dict[int, Path]) -> Ended:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return Ended("stopped")
    if os.WIFSIGNALED(status):
        return Ended("killed")
    if not results[pid].exists():
        return Ended("hung", error=_stacks_beside(results[pid]).read_text())
    return Ended(**json.loads(results[pid].read_text()))


def _stacks_beside(result: Path) -> Path:
    return result.with_suffix(".stacks")


def _be_an_export(job: Job, result: Path) -> None:
    # Left open, since it is written to when this process hangs.
    faulthandler.dump_traceback_later(
        _HANGS_AFTER_SECONDS,
        exit=True,
        file=_stacks_beside(result).open("w"),
    )
    try:
        ended = Ended("done", result=_export(job))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test reports it
        traceback.print_exc()
        ended = Ended("failed", error=f"{type(error).__name__}: {error}")
    result.write_text(json.dumps(asdict(ended)))
    sys.stderr.flush()
    os._exit(0)


def _export(job: Job) -> dict[str, Any]:
    os.environ.update(job.environment)
    clock = _live_in_virtual_time(Path(job.clock))
    attach_stores()
    if job.touch is not None:
        _count_touches(job.touch, signal.SIGKILL if job.touched == "dies" else signal.SIGSTOP, clock)
    module, _, name = job.operator.partition(":")
    operator = getattr(sys.modules[module], name)(task_id="export", **job.arguments)
    result: dict[str, Any] = operator.execute(
        {
            "ti": SimpleNamespace(dag_id=job.dag_id, run_id=job.run_id, task_id="export", map_index=-1),
            "data_interval_start": datetime.fromisoformat(job.start),
            "data_interval_end": datetime.fromisoformat(job.end),
        }
    )
    return result


def _live_in_virtual_time(file: Path) -> SharedClock:
    """Share the test's clock, and return it. Without a rate limit: its slots are for requests that take time."""
    from airflow_provider_sessions.clock import SystemClock
    from airflow_provider_sessions.platforms.sessions_us.adapter import SessionsUsAdapter

    SessionsUsAdapter.default_rate_limit = None

    clock = SharedClock(file)
    SystemClock.now = lambda _: clock.now()  # type: ignore[method-assign]
    SystemClock.sleep = lambda _, seconds: clock.sleep(seconds)  # type: ignore[method-assign]
    return clock


def _count_touches(last: int, happens: signal.Signals, clock: SharedClock) -> None:
    """Let a signal hit this process at a touch of what is written into."""
    numbers = itertools.count(1)

    def touch() -> None:
        if next(numbers) == last:
            with clock.lock:  # which all wait for, so nobody stops while another thread holds it
                os.kill(os.getpid(), happens)

    from airflow_provider_sessions.export.store import LocalStore
    from airflow_provider_sessions.transfers._object_store import ObjectStore

    for store in (LocalStore, ObjectStore):
        for name in ("create", "read", "list", "delete"):
            setattr(store, name, _touching(getattr(store, name), touch))
        store.write = _touching_twice(store.write, touch)  # type: ignore[method-assign]
    _count_touches_of_databases(touch, within=happens is signal.SIGKILL)


def _count_touches_of_databases(touch: Callable[[], None], *, within: bool) -> None:
    """Touch before each transaction.

    :param within: also before each statement and commit. Who only stops must not do so there: others would wait for
        its locks until it goes on.
    """
    import sqlalchemy as sa

    from airflow_provider_sessions.export.sql.database import Database

    Database.transaction = _touching(Database.transaction, touch)  # type: ignore[method-assign]
    if within:
        for moment in ("before_cursor_execute", "commit"):
            sa.event.listen(sa.Engine, moment, lambda *_: touch())


def _touching(method: Callable[..., Any], touch: Callable[[], None]) -> Callable[..., Any]:
    def touching(*arguments: Any, **named: Any) -> Any:
        touch()
        return method(*arguments, **named)

    return touching


def _touching_twice(write: Callable[..., Any], touch: Callable[[], None]) -> Callable[..., Any]:
    """Before a file is begun, and before it appears."""

    @contextlib.contextmanager
    def writing(*arguments: Any) -> Iterator[Any]:
        touch()
        with write(*arguments) as file:
            yield file
            touch()

    return writing


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
