"""A create that is carried out long after its sender gave up results in one session, whatever the retries do."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from redis import Redis
from redis.exceptions import RedisError

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.errors import BrokenConnectionError, SessionsError
from airflow_provider_sessions.operators import _create, _deferring_operator, sessions
from airflow_provider_sessions.operators.sessions import CreateSessionOperator
from airflow_provider_sessions.sandbox import Sandbox, SandboxServer
from airflow_provider_sessions.sandbox.request_log import LogEntry
from tests.connected import Connect, RecordingTaskInstance
from tests.forks import make_process
from tests.unit.operators.attempts import RUN_AFTER, START, TITLE, Attempt, Place, create_and_write_id, prepare

pytestmark = pytest.mark.spared("3.2")

CREATES = ("create_session", "create_session_request")


@dataclass
class Proxy:
    """A proxy before a platform: it drops the connection of a create, and forwards the request later.

    :param place: the platform.
    :param seconds: seconds after which it forwards a create; None for never.
    """

    place: Place
    sandbox: Sandbox
    clock: VirtualClock
    seconds: float | None
    held: list[tuple[float, LogEntry]] = field(default_factory=list)
    received: int = 0
    forwarded: int = 0

    def __post_init__(self) -> None:
        for route in CREATES:
            self.sandbox.faults.add("reset", route=route)
        self.sandbox.on_request(self._hold)
        self.clock.sleep = self._sleep  # type: ignore[method-assign]

    @property
    def sent(self) -> int:
        """How many creates were sent, without those that the proxy forwarded."""
        return sum(self.sandbox.log.count(route=route) for route in CREATES) - self.forwarded

    async def _sleep(self, seconds: float) -> None:
        self.let_pass(seconds)

    def _hold(self, entry: LogEntry) -> None:
        if entry.route in CREATES and not self.received and self.seconds is not None:
            self.received += 1
            self.held.append((self.clock.now().timestamp() + self.seconds, entry))

    def let_pass(self, seconds: float) -> None:
        """Let time pass, and forward the requests that are due."""
        self.clock.jump(seconds)
        self.sandbox.clock.advance(seconds)
        for at, entry in list(self.held):
            if at <= self.clock.now().timestamp():
                self.held.remove((at, entry))
                self.forward(entry)

    def forward(self, entry: LogEntry) -> None:
        """Forward a create unchanged."""
        self.forwarded += 1
        platform = self.place.platform
        claims = {"exp": int(self.sandbox.clock.now().timestamp()) + 60, "slug": getattr(platform, "company_id", "")}
        headers = (
            {"Authorization": f"Bearer {jwt.encode(claims, platform.api_key)}"}
            if self.place.name == "prevail"
            else {"X-API-Key": platform.api_key}
        )
        httpx.request(entry.method, f"{self.sandbox.url}{entry.path}", json=entry.body, headers=headers)


class Task:
    """A task that creates a session, as Airflow runs it: tries, deferrals, retries."""

    def __init__(self, place: Place, proxy: Proxy, *, drops_arguments: bool = False, **fields: Any) -> None:
        self.place = place
        self.proxy = proxy
        self.drops_arguments = drops_arguments
        self.fields = {"conn_id": place.conn_id, "title": TITLE, "start": START, **place.fields, **fields}
        self.deferrals = 0

    def attempt(self, try_number: int) -> str:
        """Run one try to its end; return the session's id."""
        ti = RecordingTaskInstance(try_number=try_number)
        context: Any = {"ti": ti, "dag_run": SimpleNamespace(run_after=RUN_AFTER)}
        method, resume_arguments = "execute", {}
        while True:
            operator = CreateSessionOperator(task_id="create", **self.fields)
            try:
                return str(getattr(operator, method)(context, **resume_arguments)["session_id"])
            except TaskDeferred as deferred:
                self.deferrals += 1
                trigger: Any = deferred.trigger
                self.proxy.let_pass((trigger.moment - self.proxy.clock.now()).total_seconds())
                method, resume_arguments = deferred.method_name, dict(deferred.kwargs or {})
                if self.drops_arguments:  # dag.test passes nothing but the event
                    resume_arguments = {}

    def run(self, *, retry_delay: float, tries: int = 4, first: int = 1) -> str:
        """Run tries until one succeeds."""
        for number in range(first, first + tries):
            try:
                return self.attempt(number)
            except SessionsError as failure:
                last: Exception = failure
            self.proxy.let_pass(retry_delay)
        raise last


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    made = VirtualClock()
    monkeypatch.setattr(sessions, "SYSTEM_CLOCK", made, raising=False)
    monkeypatch.setattr(_deferring_operator, "SYSTEM_CLOCK", made)
    monkeypatch.setattr(_create, "_RECHECK_SECONDS", 0.0, raising=False)
    return made


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "host"))


def another_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "another host"))


@pytest.fixture(params=["vidinfra", "sessions_us", "prevail", "prevail by request", "prevail with a slug"])
def place(request: pytest.FixtureRequest, sandbox_server: SandboxServer, connect: Connect) -> Place:
    name, _, flow = request.param.partition(" ")
    made = prepare(sandbox_server.sandbox, name, connect)
    if flow == "by request":
        made.fields["options"]["flow"] = "request"
    elif flow:
        made.fields["options"]["remote_session_id"] = "town-hall"
    return made


@pytest.fixture
def vidinfra(sandbox_server: SandboxServer, connect: Connect) -> Place:
    return prepare(sandbox_server.sandbox, "vidinfra", connect)


@pytest.fixture
def by_request(sandbox_server: SandboxServer, connect: Connect) -> Place:
    made = prepare(sandbox_server.sandbox, "prevail", connect)
    made.fields["options"]["flow"] = "request"
    return made


@pytest.mark.parametrize(("late", "retry_delay"), [(6, 0), (60, 0), (30, 5), (60, 59), (6, 300)])
def test_a_create_that_is_carried_out_late_results_in_one_session(
    place: Place, sandbox: Sandbox, clock: VirtualClock, late: float, retry_delay: float
) -> None:
    proxy = Proxy(place, sandbox, clock, late)
    made = Task(place, proxy).run(retry_delay=retry_delay)
    proxy.let_pass(120)

    assert place.alive() == [made]
    assert Task(place, proxy).run(retry_delay=0, first=5) == made


@pytest.mark.parametrize("retry_delay", [0, 300])
def test_a_create_that_is_never_carried_out_is_sent_again(
    place: Place, sandbox: Sandbox, clock: VirtualClock, retry_delay: float
) -> None:
    proxy = Proxy(place, sandbox, clock, None)
    began = clock.now()
    made = Task(place, proxy).run(retry_delay=retry_delay)

    assert place.alive() == [made]
    assert proxy.sent == 2
    assert (clock.now() - began).total_seconds() <= max(retry_delay, 66)


@pytest.mark.parametrize("drops_arguments", [False, True], ids=["Airflow", "dag.test"])
def test_the_task_is_deferred_while_it_waits(
    vidinfra: Place, sandbox: Sandbox, clock: VirtualClock, caplog: pytest.LogCaptureFixture, drops_arguments: bool
) -> None:
    caplog.set_level(logging.INFO)
    proxy = Proxy(vidinfra, sandbox, clock, 40)
    task = Task(vidinfra, proxy, drops_arguments=drops_arguments)
    made = task.run(retry_delay=0)

    assert vidinfra.alive() == [made]
    assert task.deferrals == 1
    assert "vidinfra may still carry out the request for 'Town hall': a retry searches for the session" in caplog.text
    assert "and sends nothing before 15:01:05 UTC" in caplog.text
    assert "Deferred for 65 s, until 2026-03-02 15:01:05 UTC: vidinfra may still carry out an earlier" in caplog.text


def test_without_deferral_the_worker_waits(vidinfra: Place, sandbox: Sandbox, clock: VirtualClock) -> None:
    proxy = Proxy(vidinfra, sandbox, clock, None)
    began = clock.now()
    task = Task(vidinfra, proxy, deferrable=False)
    made = task.run(retry_delay=0)

    assert vidinfra.alive() == [made]
    assert task.deferrals == 0
    assert (clock.now() - began).total_seconds() >= 60


@pytest.mark.parametrize("late", [6, 50])
def test_a_try_on_another_host_waits_as_well(
    place: Place, sandbox: Sandbox, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, late: float
) -> None:
    proxy = Proxy(place, sandbox, clock, late)
    with pytest.raises(BrokenConnectionError):
        Task(place, proxy).attempt(1)
    another_host(monkeypatch, tmp_path)
    made = Task(place, proxy).run(retry_delay=0, first=2)
    proxy.let_pass(120)

    assert place.alive() == [made]


def test_a_deferral_carries_the_record_of_sends_to_another_host(
    vidinfra: Place, sandbox: Sandbox, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = Proxy(vidinfra, sandbox, clock, None)
    task = Task(vidinfra, proxy)
    with pytest.raises(BrokenConnectionError):
        task.attempt(1)
    let_pass = proxy.let_pass

    def move_and_let_pass(seconds: float) -> None:
        another_host(monkeypatch, tmp_path)
        let_pass(seconds)

    monkeypatch.setattr(proxy, "let_pass", move_and_let_pass)
    task.attempt(2)

    assert task.deferrals == 1, "the other host knows when the first try gave up"
    assert len(vidinfra.alive()) == 1


def test_a_record_on_a_host_hides_no_send_that_a_deferral_carries_to_it(
    vidinfra: Place, sandbox: Sandbox, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = Proxy(vidinfra, sandbox, clock, None)
    with pytest.raises(BrokenConnectionError):
        Task(vidinfra, proxy).attempt(1)
    proxy.let_pass(600)
    another_host(monkeypatch, tmp_path)
    sandbox.faults.add("status", status=504, route="create_session", headers={"Retry-After": "20"})
    proxy.seconds = 60
    let_pass = proxy.let_pass

    def let_pass_and_resume(seconds: float) -> None:
        if proxy.received:
            monkeypatch.setenv("AIRFLOW_PROVIDER_SESSIONS_RATE_DIR", str(tmp_path / "host"))
        for page in tmp_path.glob("*/*.rate"):
            page.unlink()
        let_pass(seconds)

    monkeypatch.setattr(proxy, "let_pass", let_pass_and_resume)
    made = Task(vidinfra, proxy).attempt(2)
    let_pass(120)

    assert vidinfra.alive() == [made]
    assert proxy.sent == 2, "one in each try"


def test_a_try_that_sent_nothing_is_not_waited_for(place: Place, sandbox: Sandbox, clock: VirtualClock) -> None:
    proxy = Proxy(place, sandbox, clock, None)
    sandbox.faults.clear()
    sandbox.faults.add("status", status=403, platform=place.name)
    task = Task(place, proxy)
    with pytest.raises(SessionsError):
        task.attempt(1)
    task.attempt(2)

    assert len(place.alive()) == 1
    assert task.deferrals == 0


@pytest.mark.parametrize("status", [502, 503, 504, 524, 408])
def test_a_gateway_timeout_is_no_response_of_the_platform(
    vidinfra: Place, sandbox: Sandbox, clock: VirtualClock, status: int
) -> None:
    proxy = Proxy(vidinfra, sandbox, clock, 20)
    sandbox.faults.clear()
    sandbox.faults.add("status", status=status, route="create_session")
    made = Task(vidinfra, proxy).run(retry_delay=0)
    proxy.let_pass(120)

    assert vidinfra.alive() == [made]


@pytest.mark.parametrize("name", ["vidinfra", "sessions_us"])
def test_an_attempt_cancels_its_late_session_if_another_was_faster(
    sandbox_server: SandboxServer,
    connect: Connect,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
) -> None:
    sandbox = sandbox_server.sandbox
    place = prepare(sandbox, name, connect)
    first = Attempt(place.conn_id, place.fields).make()
    another_host(monkeypatch, tmp_path)
    route = "list_room_sessions" if name == "vidinfra" else "list_sessions"
    hidden = (
        {"data.sessions.*.title": "Another", "data.sessions.*.description": ""}
        if name == "vidinfra"
        else {"*.name": "Another", "*.description": ""}
    )
    sandbox.faults.add("edit", route=route, changes=hidden)  # as if it had been created right after the first search
    sandbox.clock.advance(1)
    proxy = Proxy(place, sandbox, clock, 30)
    task = Task(place, proxy)

    assert task.attempt(1) == first
    proxy.let_pass(120)
    assert place.alive() == [first]
    assert proxy.forwarded == 1


def test_a_request_is_not_sent_again_for_a_minute(
    by_request: Place, sandbox: Sandbox, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each one is an e-mail to Prevail's staff, and cannot be canceled."""
    proxy = Proxy(by_request, sandbox, clock, 59)
    with pytest.raises(BrokenConnectionError):
        Task(by_request, proxy).attempt(1)
    made = Task(by_request, proxy).attempt(2)

    assert by_request.alive() == [made]
    assert proxy.sent == 1
    assert "Without a retry, search for it on the platform before you clear the task" in caplog.text


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A real Redis."""
    with Redis("127.0.0.1", socket_connect_timeout=1) as server:
        try:
            server.ping()
        except RedisError:
            pytest.skip("no Redis answers at 127.0.0.1:6379")
        yield server
        for kind in ("sent", "made"):
            for key in server.scan_iter(f"airflow-provider-sessions:{kind}:*"):
                server.delete(key)


def test_redis_shares_the_record_of_sends_with_all_hosts(
    vidinfra: Place,
    sandbox: Sandbox,
    clock: VirtualClock,
    connect: Connect,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    connect("redis_default", conn_type="redis", host="127.0.0.1", port=6379)
    extra = {"rate_limit": "1000/s", "rate_store_conn_id": "redis_default"}
    connect(vidinfra.conn_id, **{**vidinfra.connection(), "extra": extra})
    proxy = Proxy(vidinfra, sandbox, clock, None)
    with pytest.raises(BrokenConnectionError):
        Task(vidinfra, proxy).attempt(1)
    another_host(monkeypatch, tmp_path)
    proxy.let_pass(66)
    task = Task(vidinfra, proxy)
    task.attempt(2)

    assert task.deferrals == 0, "this host knows that the minute is over"
    assert len(vidinfra.alive()) == 1
    assert not list(redis.scan_iter("airflow-provider-sessions:sent:*")), "a created session needs no record"


def test_a_killed_worker_may_have_sent_something(
    vidinfra: Place, sandbox: Sandbox, clock: VirtualClock, tmp_path: Path
) -> None:
    proxy = Proxy(vidinfra, sandbox, clock, 30)
    environment = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW_")}
    attempt = Attempt(vidinfra.conn_id, vidinfra.fields)
    process = make_process(create_and_write_id, attempt, tmp_path / "session_id", environment)

    def kill(entry: LogEntry) -> None:
        if entry.route in CREATES and not proxy.forwarded:
            process.kill()

    sandbox.latency = 0.05  # so that the process is known before its requests are carried out
    sandbox.on_request(kill)
    process.start()
    process.join(30)
    assert proxy.held
    sandbox.listeners.remove(kill)
    made = Task(vidinfra, proxy).run(retry_delay=0, first=2)
    proxy.let_pass(120)

    assert vidinfra.alive() == [made]
    assert proxy.sent == 1
    assert not list((tmp_path / "host").glob("create-*")), "a created session needs no record"


def test_the_sandbox_carries_a_create_out_late(vidinfra: Place, sandbox: Sandbox, clock: VirtualClock) -> None:
    sandbox.faults.add("late", route="create_session", seconds=6)
    proxy = Proxy(vidinfra, sandbox, clock, None)
    task = Task(vidinfra, proxy)
    with pytest.raises(BrokenConnectionError):
        task.attempt(1)
    assert vidinfra.alive() == []
    sandbox.faults.clear()
    made = task.attempt(2)

    assert vidinfra.alive() == [made]
    assert proxy.sent == 1
