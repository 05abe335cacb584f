"""A worker that is killed while it creates a session: real processes, SIGKILL, and the retry. One session is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from packaging.version import Version
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.hooks.base import hook_for
from airflow_provider_sessions.operators import _create
from airflow_provider_sessions.platforms.registry import adapter_class
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.conftest import AIRFLOW
from tests.connected import Connect
from tests.forks import make_process
from tests.unit.operators.attempts import Attempt, FileStore, Place, create_and_write_id, prepare

SEARCHES = ("list_session_requests", "list_room_sessions", "list_sessions")


@pytest.fixture(params=["prevail", "vidinfra", "sessions_us"])
def place(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, request.param, connect)


@pytest.fixture
def vidinfra(sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, "vidinfra", connect)


Start = Callable[..., ForkServerProcess]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that creates the session and writes its id into a file."""
    started: list[ForkServerProcess] = []

    def start(attempt: Attempt, outputs: Path, gate: Path | None = None, **settings: str) -> ForkServerProcess:
        connections = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_")} | settings
        process = make_process(create_and_write_id, attempt, outputs, connections, gate)
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def kill_at(sandbox: Sandbox, process: list[ForkServerProcess], routes: tuple[str, ...], number: int = 1) -> None:
    """Kill the process just before the platform carries out its request to one of these routes."""
    seen = 0

    def listener(entry: LogEntry) -> None:
        nonlocal seen
        seen += entry.route in routes
        if entry.route in routes and seen == number:
            process[0].kill()

    sandbox.on_request(listener)


@pytest.mark.parametrize(
    ("routes", "number", "left"),
    [(SEARCHES, 1, 0), (("create_session",), 1, 1), ((*SEARCHES, "create_session"), 3, 1)],
    ids=["before it is sent", "before it is answered", "after it is answered"],
)
def test_a_worker_is_killed_and_the_retry_leaves_one_session(
    place: Place,
    sandbox: Sandbox,
    start: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    routes: tuple[str, ...],
    number: int,
    left: int,
) -> None:
    theirs = place.theirs()
    monkeypatch.setattr(_create, "_LATE_REQUEST_SECONDS", 0.0)
    store = FileStore(tmp_path / "store") if Version("3.3") <= AIRFLOW else None
    first = Attempt(place.conn_id, place.fields, store=store)
    process: list[ForkServerProcess] = []
    kill_at(sandbox, process, routes, number)
    sandbox.latency = 0.05  # so that the process is known before its requests are carried out
    process.append(start(first, tmp_path / "session_id"))
    process[0].join(30)

    assert process[0].exitcode == -signal.SIGKILL
    assert not (tmp_path / "session_id").exists()
    assert len(place.alive()) == 1 + left
    made = replace(first, try_number=2).make()
    assert place.alive() == sorted([theirs, made])
    assert replace(first, try_number=3).make() == made


@pytest.mark.needs_airflow("3.3")
def test_a_worker_is_killed_before_it_stores_the_sessions_id(
    place: Place, sandbox: Sandbox, start: Start, tmp_path: Path
) -> None:
    theirs = place.theirs()
    holding = FileStore(tmp_path / "store", hold=True)
    first = Attempt(place.conn_id, place.fields, store=holding)
    process = start(first, tmp_path / "session_id")
    until(holding.holding.exists)
    process.kill()
    process.join()

    made = replace(first, try_number=2, store=FileStore(tmp_path / "store")).make()
    assert place.alive() == sorted([theirs, made])
    assert sandbox.log.count(route="create_session") == 1


def test_a_request_that_is_carried_out_after_its_sender_died_is_waited_for(
    vidinfra: Place, sandbox: Sandbox, start: Start, tmp_path: Path
) -> None:
    sandbox.faults.add("delay", route="create_session", seconds=1.0)
    process = start(Attempt(vidinfra.conn_id, vidinfra.fields), tmp_path / "session_id")
    until(lambda: sandbox.log.count(route="create_session") == 1)
    process.kill()
    process.join()

    assert vidinfra.alive() == []
    made = Attempt(vidinfra.conn_id, vidinfra.fields, try_number=2).make()
    assert vidinfra.alive() == [made]
    assert sandbox.log.count(route="create_session") == 1


Together = Callable[..., tuple[str, ...]]


@pytest.fixture
def together(start: Start, tmp_path: Path) -> Together:
    """Let two workers create the session at the same time, each with a folder for locks; return the ids."""

    def together(attempt: Attempt, folders: tuple[str, str]) -> tuple[str, ...]:
        outputs, gate = [tmp_path / "first", tmp_path / "second"], tmp_path / "gate"
        processes = [
            start(attempt, path, gate, AIRFLOW_PROVIDER_SESSIONS_RATE_DIR=str(tmp_path / folder))
            for path, folder in zip(outputs, folders, strict=True)
        ]
        until(lambda: all(path.with_suffix(".ready").exists() for path in outputs))
        gate.touch()
        for process in processes:
            process.join(30)
        assert [process.exitcode for process in processes] == [0, 0]
        return tuple(path.read_text() for path in outputs)

    return together


ONE_HOST, TWO_HOSTS = ("host", "host"), ("one host", "another host")


@pytest.mark.parametrize(("hosts", "sent"), [(ONE_HOST, 1), (TWO_HOSTS, 2)])
def test_two_concurrent_workers_leave_one_session(
    place: Place, sandbox: Sandbox, together: Together, hosts: tuple[str, str], sent: int
) -> None:
    theirs = place.theirs()
    sandbox.latency = 0.5
    if hosts == TWO_HOSTS:  # both have searched before one creates a session, though one may begin seconds later
        sandbox.faults.add("delay", route="create_session", times=2, seconds=3)
    (made,) = set(together(Attempt(place.conn_id, place.fields), hosts))

    assert sandbox.log.count(route="create_session") == sent
    assert place.alive() == sorted([theirs, made])


@pytest.fixture
def requests(sandbox_server: SandboxServer, connect: Connect) -> Place:
    """Prevail, whose staff receive requests for sessions: such a request cannot be canceled."""
    place = prepare(sandbox_server.sandbox, "prevail", connect)
    place.fields["options"]["flow"] = "request"
    return place


def test_two_concurrent_workers_on_one_host_leave_one_request(
    requests: Place, sandbox: Sandbox, together: Together
) -> None:
    sandbox.latency = 0.3
    (made,) = set(together(Attempt(requests.conn_id, requests.fields), ONE_HOST))

    assert sandbox.log.count(route="create_session_request") == 1
    assert len(requests.alive()) == 1
    assert made.startswith("request")


def test_two_concurrent_workers_with_a_shared_store_leave_one_request(
    requests: Place, sandbox: Sandbox, together: Together, connect: Connect, redis: Redis
) -> None:
    connect("redis_default", conn_type="redis", host="127.0.0.1", port=6379)
    extra = {"rate_limit": "1000/s", "rate_store_conn_id": "redis_default"}
    connect(requests.conn_id, **{**requests.connection(), "extra": extra})
    sandbox.latency = 0.3
    (made,) = set(together(Attempt(requests.conn_id, requests.fields), TWO_HOSTS))

    assert sandbox.log.count(route="create_session_request") == 1
    assert made.startswith("request")
    account = hook_for(requests.conn_id).account
    assert redis.delete(f"airflow-provider-sessions:rate:{adapter_class(account.conn_type).fingerprint(account)}") == 1


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A real Redis."""
    with Redis("127.0.0.1", socket_connect_timeout=1) as server:
        try:
            server.ping()
        except RedisError:
            pytest.skip("no Redis answers at 127.0.0.1:6379")
        yield server


def test_a_worker_that_dies_delays_no_other(
    requests: Place, sandbox: Sandbox, start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process: list[ForkServerProcess] = []
    kill_at(sandbox, process, ("create_session_request",))
    sandbox.latency = 0.05
    attempt = Attempt(requests.conn_id, requests.fields)
    process.append(start(attempt, tmp_path / "session_id"))
    process[0].join(30)
    assert process[0].exitcode == -signal.SIGKILL

    began = time.monotonic()
    replace(attempt, try_number=2).make()
    assert time.monotonic() - began < 10
    assert len(requests.alive()) == 1
    assert sandbox.log.count(route="create_session_request") == 1
