"""What waiting costs: many waiters of ours, and as many of Airflow's deferrable HttpSensor, on the same server.

    uv pip install --group bench
    python benchmarks/waiting.py             about ten minutes
    python benchmarks/waiting.py --quick     a minute: one platform, and fewer waiters
    python benchmarks/waiting.py --crowds    only crowds (below), and the size of stored arguments

    git worktree add /tmp/earlier f11c62e
    python benchmarks/waiting.py --crowds --earlier /tmp/earlier      the same of that version, side by side

Real triggers run, as a triggerer runs them: all in one event loop. Each measurement has a process of its own, and the
platform's sandbox another, on loopback. Waiters wait for sessions that are about to start, the time in which all of
them poll every POLL_INTERVAL; then one session is started.

Crowds are 10,000 waiters on one connection and 1,000 on 100 connections. They are started as a triggerer starts them,
one in each iteration of the event loop. The lag is how much later than requested the loop resumes a task: on the clock,
and in CPU time of the loop's thread, which other processes do not lengthen. The bounds are of the CPU time. Results are
medians of several fresh processes, in turn with those of the earlier version.

Stored arguments are the bytes in the column ``kwargs`` of Airflow's table ``trigger``, as Airflow 3.3 writes it: JSON
for deferred tasks, encrypted for asset watchers.

HttpSensor can only wait for a 404 to go away, not for a state; so it waits for something that is not there.

Exits with 1 if one of our own bounds is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import logging
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import structlog
from cryptography.fernet import Fernet

from benchmarks._measuring import Bounds, Meter, connection, in_child, prepare_airflow, started

POLL_INTERVAL = 2.0
WATCHED = 4.0
"""Seconds for which requests are counted."""
REFUSED = 4.0
"""The same for a server that refuses all requests."""
PAGE = {"prevail": 100, "vidinfra": 100, "sessions_us": 20}
"""Sessions on a page of the platform's list."""
FAULTS: dict[str, dict[str, Any]] = {
    "401": {"status": 401},
    "429, Retry-After: 4": {"status": 429, "headers": {"Retry-After": "4"}},
    "429": {"status": 429},
    "503": {"status": 503},
}
CONN_ID = "benchmark"
LAG_P99_MS, LAG_MAX_MS, MEMORY_MIB = 10.0, 100.0, 12.0
CROWD, CROWD_CONNECTIONS = 10_000, 100
CROWD_LAG_MS, CONNECTION_MIB, STORED_BYTES = 50.0, 0.5, 350
CROWD_SECONDS = 20.0
"""Seconds in which the connections poll before their memory is measured."""


# --- the platform, in its own process ----------------------------------------------------------------------------


def serve(port: Any, name: str) -> None:
    """Serve a sandbox and execute the commands that arrive at the port."""
    from airflow_provider_sessions.sandbox import Sandbox, SandboxServer

    with SandboxServer(Sandbox(seed=7)) as server:
        platform = server.sandbox.platform(name)
        platform.remove_rate_limit()
        port.send(platform.connection())
        while True:
            command, argument = port.recv()
            port.send(_COMMANDS[command](server.sandbox, platform, argument))


def _create(sandbox: Any, platform: Any, count: int) -> list[str]:
    soon = sandbox.clock.now() + timedelta(seconds=POLL_INTERVAL)
    session_ids: list[str] = platform.create(count=count, scheduled_start=soon)
    return session_ids


def _start(sandbox: Any, platform: Any, session_id: str) -> float:
    platform.start(session_id)
    return time.time()


def _create_keys(sandbox: Any, platform: Any, count: int) -> list[str]:
    return [platform.create_key() for _ in range(count)]


def _add_fault(sandbox: Any, platform: Any, fault: dict[str, Any]) -> None:
    sandbox.faults.add("status", times=None, **fault)


def _clear_log(sandbox: Any, platform: Any, argument: None) -> None:
    sandbox.log.clear()


def _get_arrivals(sandbox: Any, platform: Any, argument: None) -> list[float]:
    return [entry.wall for entry in sandbox.log.entries()]


_COMMANDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "create": _create,
    "create_keys": _create_keys,
    "start": _start,
    "add_fault": _add_fault,
    "clear_log": _clear_log,
    "get_arrivals": _get_arrivals,
}


class Platform:
    """The sandbox's platform, as used by the other processes.

    :param port: the port of :func:`serve`.
    """

    def __init__(self, name: str, port: Any) -> None:
        self.name = name
        self._port = port
        self.connection: dict[str, Any] = port.recv()

    def request(self, command: str, argument: Any = None) -> Any:
        """Send a command, and return its result."""
        self._port.send((command, argument))
        return self._port.recv()


@contextmanager
def start_platform(name: str) -> Iterator[Platform]:
    """A new sandbox for the time of a ``with`` block."""
    with started(serve, name) as (port, _):
        yield Platform(name, port)


# --- the waiters, each kind in its own process -------------------------------------------------------------------


@dataclass(frozen=True)
class Waits:
    """The sessions to wait for.

    :param connection: the fields of the Airflow connection.
    :param sessions: session ids, one per waiter.
    """

    platform: str
    connection: dict[str, Any]
    sessions: tuple[str, ...]


def prepare_process(waits: Waits, home: str) -> None:
    """Set the connections, and disable logs, which would be measured, too."""
    prepare_airflow(home)
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    extra = dict(waits.connection.get("extra") or {}) | {"rate_limit": "100000/s"}
    connection(CONN_ID, **(waits.connection | {"extra": extra}))
    connection("benchmark_http", conn_type="http", host=waits.connection["host"])


def make_our_triggers(waits: Waits) -> list[Any]:
    """Return triggers of this provider."""
    from airflow_provider_sessions.platforms.registry import adapter_class
    from airflow_provider_sessions.triggers.sessions import SessionStateTrigger

    adapter_class(waits.platform)  # imported before memory is measured, as by the others
    return [
        SessionStateTrigger(
            conn_id=CONN_ID,
            session_id=session_id,
            state="live",
            poll_interval=POLL_INTERVAL,
            deadline=time.time() + 3600,
            max_consecutive_failures=10**6,
            last_seen={"session_id": session_id},
        )
        for session_id in waits.sessions
    ]


def make_http_triggers(waits: Waits) -> list[Any]:
    """Return triggers of Airflow's HttpSensor, which wait for a page that does not exist."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return [
        HttpSensorTrigger(endpoint="/nothing-here", http_conn_id="benchmark_http", poke_interval=POLL_INTERVAL)
        for _ in waits.sessions
    ]


def make_idle_triggers(waits: Waits) -> list[Any]:
    """Return triggers that only sleep, as the baseline of the memory."""
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Idle(BaseTrigger):
        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            await asyncio.sleep(3600)
            yield TriggerEvent(None)

    return [Idle() for _ in waits.sessions]  # type: ignore[no-untyped-call]  # Airflow's own


_KINDS = {"ours": make_our_triggers, "HttpSensor": make_http_triggers, "idle": make_idle_triggers}


def wait(meter: Meter, port: Any, kind: str, waits: Waits) -> None:
    """Run the waiters until the second message arrives at the port."""
    with tempfile.TemporaryDirectory() as home:
        prepare_process(waits, home)
        _KINDS[kind](replace(waits, sessions=waits.sessions[:1]))  # import what it needs
        gc.collect()
        with meter:
            asyncio.run(_wait(meter, port, _KINDS[kind](waits)))


async def _wait(meter: Meter, port: Any, triggers: list[Any]) -> None:
    fired: list[float] = []
    waiters = [asyncio.ensure_future(_wait_for_event(trigger, fired)) for trigger in triggers]
    lags: list[float] = []
    count_message = asyncio.to_thread(port.recv)
    sampler = asyncio.ensure_future(_measure_lag(lags))
    port.send("waiting")
    await count_message
    lags.clear()
    await asyncio.to_thread(port.recv)
    sampler.cancel()
    meter.results = {"fired": fired, "lags": lags}
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, sampler, return_exceptions=True)


async def _wait_for_event(trigger: Any, fired: list[float]) -> None:
    async for _ in trigger.run():
        fired.append(time.time())
        return


async def _measure_lag(lags: list[float]) -> None:
    """Measure how much later than requested the event loop resumes, in milliseconds."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(1000 * (time.perf_counter() - began - 0.005))


def _run(port: Any, kind: str, waits: Waits) -> None:
    meter = Meter()
    wait(meter, port, kind, waits)
    port.send(meter)


# --- crowds, each in its own process -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Crowd:
    """Waiters on several connections.

    :param path: the folder of the version to measure; None for this one.
    :param connections: the fields of the Airflow connections.
    :param sessions: session ids, one per waiter; the waiters use the connections in turn.
    """

    path: str | None
    platform: str
    connections: tuple[dict[str, Any], ...]
    sessions: tuple[str, ...]


def wait_in_crowd(port: Any, crowd: Crowd) -> None:
    """Run a crowd: measure its lags until all events have come, or its memory if it has many connections."""
    if crowd.path:
        sys.path.insert(0, crowd.path)
    with tempfile.TemporaryDirectory() as home:
        prepare_process(Waits(crowd.platform, crowd.connections[0], ()), home)
        for number, fields in enumerate(crowd.connections):
            connection(
                f"crowd_{number}", **(fields | {"extra": (fields.get("extra") or {}) | {"rate_limit": "9999/s"}})
            )
        from airflow_provider_sessions.triggers.sessions import SessionStateTrigger

        importlib.import_module(f"airflow_provider_sessions.platforms.{crowd.platform}.adapter")
        importlib.import_module("airflow_provider_sessions.client.client")
        triggers = [
            SessionStateTrigger(
                conn_id=f"crowd_{number % len(crowd.connections)}",
                session_id=session_id,
                state="live",
                poll_interval=POLL_INTERVAL if len(crowd.connections) == 1 else CROWD_SECONDS / 3,
                deadline=time.time() + 3600,
                last_seen={"session_id": session_id},
            )
            for number, session_id in enumerate(crowd.sessions)
        ]
        gc.collect()
        meter = Meter()
        with meter:
            asyncio.run(_wait_in_crowd(port, triggers, meter))
        port.send(meter)


async def _wait_in_crowd(port: Any, triggers: list[Any], meter: Meter) -> None:
    fired: list[float] = []
    lags: list[tuple[float, float]] = []
    sampler = asyncio.ensure_future(_measure_lag_and_cpu(lags))
    waiters = []
    for trigger in triggers:
        waiters.append(asyncio.ensure_future(_wait_for_event(trigger, fired)))
        await asyncio.sleep(0)  # as Airflow's triggerer does
    await asyncio.sleep(POLL_INTERVAL)  # the first poll
    subscribing = [max(values) for values in zip(*lags, strict=True)]
    lags.clear()
    port.send("waiting")
    await asyncio.to_thread(port.recv)
    deadline = time.monotonic() + 60
    while not port.poll() and len(fired) < len(triggers) and time.monotonic() < deadline:  # noqa: ASYNC110 - a pipe
        await asyncio.sleep(0.05)
    meter.results = {
        "subscribing": subscribing,
        "handing_out": [max(values) for values in zip(*lags, strict=True)],
        "fired": len(fired),
    }
    for waiter in (*waiters, sampler):
        waiter.cancel()
    await asyncio.gather(*waiters, sampler, return_exceptions=True)


async def _measure_lag_and_cpu(lags: list[tuple[float, float]]) -> None:
    """Measure how much later than requested the loop resumes, and its thread's CPU time meanwhile, in milliseconds."""
    while True:
        began, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.005)
        lag = 1000 * (time.perf_counter() - began - 0.005)
        lags.append((lag, max(0.0, 1000 * (time.thread_time() - cpu - 0.005))))


def measure_crowd(path: str | None) -> Meter:
    """Let a crowd wait for one session on one connection, and start it."""
    with start_platform("vidinfra") as platform:
        [session_id] = platform.request("create", 1)
        crowd = Crowd(path, "vidinfra", (platform.connection,), (session_id,) * CROWD)
        with started(wait_in_crowd, crowd) as (port, process):
            _receive(port, process)
            platform.request("start", session_id)
            port.send("started")
            meter: Meter = _receive(port, process)
    return meter


def measure_connections(path: str | None) -> float:
    """Let ten waiters on each of many connections wait for ten sessions; return MiB of memory for each connection.

    The connections have different keys of one user, so that each sees ten sessions.
    """
    with start_platform("sessions_us") as platform:
        ten: list[str] = platform.request("create", 10)
        sessions = tuple(session_id for session_id in ten for _ in range(CROWD_CONNECTIONS))
        keys = platform.request("create_keys", CROWD_CONNECTIONS)
        connections = tuple(platform.connection | {"password": key} for key in keys)
        with started(wait_in_crowd, Crowd(path, "sessions_us", connections, sessions)) as (port, process):
            _receive(port, process)
            time.sleep(CROWD_SECONDS)
            port.send("enough")
            port.send("enough")
            meter: Meter = _receive(port, process)
    return meter.grown_mib / CROWD_CONNECTIONS


def measure_stored_bytes(meter: Meter, path: str | None, connections: dict[str, dict[str, Any]]) -> None:
    """Store the trigger of each kind of wait in a database as Airflow does, and measure its arguments there."""
    if path:
        sys.path.insert(0, path)
    with tempfile.TemporaryDirectory() as home:
        prepare_airflow(home)
        logging.disable(logging.CRITICAL)
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        os.environ["AIRFLOW__CORE__FERNET_KEY"] = Fernet.generate_key().decode()
        from airflow.models.trigger import Trigger
        from airflow.sdk.execution_time.task_runner import _defer_task
        from sqlalchemy import create_engine, func, select
        from sqlalchemy.orm import Session
        from structlog import get_logger

        engine = create_engine("sqlite://")
        table: Any = Trigger.__table__
        table.create(engine)
        with Session(engine) as database:
            for what, deferred in _make_deferrals(connections):
                if isinstance(deferred, BaseException):
                    task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r")
                    message: Any = _defer_task(deferred, task_instance, get_logger())[0]  # type: ignore[arg-type]
                    row = Trigger(classpath=message.classpath, kwargs={})
                    row.encrypted_kwargs = json.dumps(message.model_dump(mode="json")["trigger_kwargs"])
                else:
                    row = Trigger(*deferred.serialize())
                database.add(row)
                database.flush()
                length = select(func.length(table.c.kwargs)).where(table.c.id == row.id)
                meter.results[what] = database.scalar(length)


def _make_deferrals(connections: dict[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield what each kind of wait defers its task with, and the trigger of a watcher."""
    from airflow.sdk.exceptions import TaskDeferred

    from airflow_provider_sessions.sensors.sessions import ArtifactSensor, SessionStateSensor
    from airflow_provider_sessions.triggers.sessions import SessionEventTrigger

    class TaskInstance:
        try_number, map_index = 1, -1

        def xcom_push(self, key: str, value: Any) -> None:
            pass

    for name, fields in connections.items():
        connection(f"{name}_default", **fields["connection"])
        waits = {"conn_id": f"{name}_default", "session_id": fields["session_id"], "poll_interval": 30}
        artifact = "transcript" if name == "sessions_us" else "recording"
        for sensor in (
            SessionStateSensor(task_id="state", state="ended", cancel_on_kill=True, **waits),
            ArtifactSensor(task_id="artifact", artifact=artifact, **waits),
        ):
            try:
                sensor.execute({"ti": TaskInstance()})  # type: ignore[typeddict-item]
            except TaskDeferred as deferred:
                yield f"{name}: {sensor.task_id}", deferred
    events = ["scheduled", "live", "ended", "canceled", "recording_ready"]
    yield "events", SessionEventTrigger(conn_id="vidinfra_default", events=events, poll_interval=30, title="Webinar")
    try:
        from airflow_provider_sessions.triggers.videos import VideoTrigger
    except ImportError:  # an earlier version
        return
    ids = {"library_id": str(uuid4()), "video_id": str(uuid4())}
    video = VideoTrigger(
        conn_id="vidinfra_default", poll_interval=30.0, deadline=time.time(), not_before=time.time(), **ids
    )
    yield "video", TaskDeferred(trigger=video, method_name="execute_in_slot")


def measure_crowds(earlier: str | None, repeats: int) -> Iterator[Callable[[Bounds], None]]:
    """Measure crowds and stored arguments, side by side with an earlier version; yield the checks of the results."""
    versions = {"this": None} | ({"earlier": earlier} if earlier else {})
    runs: dict[str, list[Meter]] = {version: [] for version in versions}
    memory: dict[str, list[float]] = {version: [] for version in versions}
    for _ in range(repeats):
        for version, path in versions.items():
            runs[version].append(measure_crowd(path))
            memory[version].append(measure_connections(path))
    stored = {version: _measure_stored(path) for version, path in versions.items()}
    print(f"\nMedians of {repeats}\n\n{'':<58} " + " ".join(f"{version:>12}" for version in versions))
    found: dict[str, dict[str, float]] = {}
    for phase in ("subscribing", "handing_out"):
        for number, kind in enumerate(("clock", "CPU")):
            found[f"{CROWD} waiters, {phase.replace('_', ' ')}: lag max (ms, {kind})"] = {
                version: statistics.median(run.results[phase][number] for run in runs[version]) for version in versions
            }
    found[f"{CROWD_CONNECTIONS} connections: memory of each (MiB)"] = {
        version: statistics.median(memory[version]) for version in versions
    }
    for what in stored["this"]:
        found[f"stored arguments, {what} (bytes)"] = {
            version: stored[version].get(what, math.nan) for version in versions
        }
    for what, values in found.items():
        print(f"{what:<58} " + " ".join(f"{values[version]:>12.2f}" for version in versions))

    def check(bounds: Bounds) -> None:
        for what, values in found.items():
            limit = CROWD_LAG_MS if "CPU" in what else CONNECTION_MIB if "MiB" in what else STORED_BYTES
            if "clock" not in what:
                bounds.at_most(what, limit, values["this"])
        bounds.at_least("events", CROWD, min(run.results["fired"] for run in runs["this"]), ".0f")

    yield check


def _measure_stored(path: str | None) -> dict[str, float]:
    with ExitStack() as stack:
        connections = {}
        for name in PAGE:
            platform = stack.enter_context(start_platform(name))
            [session_id] = platform.request("create", 1)
            connections[name] = {"connection": platform.connection, "session_id": session_id}
        return in_child(measure_stored_bytes, path, connections).results


# --- measurements -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measurement:
    """The results of one measurement.

    :param arrivals: when counted requests arrived, in seconds since 1970.
    :param seconds: how long requests were counted.
    :param delays: seconds from the change of a session to the event of each trigger that waited for it.
    :param lags: lags of the event loop, in milliseconds.
    :param grown_mib: growth of memory.
    """

    arrivals: list[float]
    seconds: float
    delays: list[float]
    lags: list[float]
    grown_mib: float

    @property
    def per_minute(self) -> float:
        """Requests per minute."""
        return 60 * len(self.arrivals) / self.seconds

    @property
    def lag_p99(self) -> float:
        """The 99th percentile of the lags."""
        return statistics.quantiles(self.lags, n=100)[98] if len(self.lags) > 1 else self.lag_max

    @property
    def lag_max(self) -> float:
        """The largest lag; infinite if the loop was never resumed."""
        return max(self.lags, default=math.inf)

    @property
    def most_per_interval(self) -> int:
        """The most requests within 95 % of a poll interval."""
        span = 0.95 * POLL_INTERVAL
        return max((sum(first <= at < first + span for at in self.arrivals) for first in self.arrivals), default=0)


def measure(
    kind: str, platform: Platform, sessions: tuple[str, ...], *, settle: float, watch: float, change: bool
) -> Measurement:
    """Run waiters, count requests, and start the last session at the end.

    :param settle: seconds for the first poll, which is not counted.
    :param watch: seconds for which requests are counted.
    :param change: whether to start the session.
    """
    with started(_run, kind, Waits(platform.name, platform.connection, sessions)) as (port, process):
        _receive(port, process)
        time.sleep(settle)
        platform.request("clear_log")
        port.send("count")
        time.sleep(watch)
        arrivals = platform.request("get_arrivals")
        changed = platform.request("start", sessions[-1]) if change else 0.0
        if change:
            time.sleep(POLL_INTERVAL + 1)
        port.send("enough")
        meter: Meter = _receive(port, process)
    delays = [at - changed for at in meter.results["fired"]] if change else []
    return Measurement(arrivals, watch, delays, meter.results["lags"], meter.grown_mib)


def _receive(port: Any, process: Any) -> Any:
    try:
        return port.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a measurement ended with status {process.exitcode}") from None


def print_line(what: str, kind: str, found: Measurement, idle_mib: float) -> None:
    """Print one line of the table."""
    delay = f"{max(found.delays):.2f}" if found.delays else "-"
    print(
        f"{what:<36} {kind:<11} {found.per_minute:>9.0f} {found.lag_p99:>9.1f} {found.lag_max:>9.1f} "
        f"{found.grown_mib - idle_mib:>9.1f} {delay:>9}",
        flush=True,
    )


def measure_sizes(platforms: list[str], sizes: list[int]) -> Iterator[Callable[[Bounds], None]]:
    """Measure different numbers of waiters and print a table; yield the checks of the results."""
    print(f"A poll every {POLL_INTERVAL:g} s; memory is compared with triggers that only sleep\n")
    header = ("requests", "lag p99", "lag max", "memory", "delay")
    units = ("/minute", "ms", "ms", "MiB", "s")
    for words in (header, units):
        print(f"{'':<48} " + " ".join(f"{word:>9}" for word in words))
    idle_mib: dict[int, float] = {}
    for name in platforms:
        for size in sizes:
            with start_platform(name) as platform:
                one = tuple(platform.request("create", 1)) * size
                if size not in idle_mib:
                    idle_mib[size] = measure("idle", platform, one, settle=0, watch=1, change=False).grown_mib
                for which in ("the same", "different") if size > 1 else ("one session",):
                    sessions = tuple(platform.request("create", size)) if which == "different" else one
                    found = measure("ours", platform, sessions, settle=3, watch=WATCHED, change=True)
                    what = f"{name}, {size} for {which}"
                    print_line(what, "ours", found, idle_mib[size])
                    yield _make_check(what, name, len(set(sessions)), found, idle_mib[size])
                found = measure("HttpSensor", platform, one, settle=1, watch=WATCHED, change=False)
                print_line(f"{name}, {size}", "HttpSensor", found, idle_mib[size])


def _make_check(what: str, name: str, sessions: int, found: Measurement, idle: float) -> Callable[[Bounds], None]:
    per_poll = min(sessions, -(-sessions // PAGE[name]))
    polls = WATCHED / POLL_INTERVAL

    def check(bounds: Bounds) -> None:
        bounds.at_most(f"{what}: requests in {WATCHED:g} s", per_poll * (polls + 1), len(found.arrivals), ".0f")
        bounds.at_most(f"{what}: lag p99 (ms)", LAG_P99_MS, found.lag_p99, ".1f")
        bounds.at_most(f"{what}: lag max (ms)", LAG_MAX_MS, found.lag_max, ".1f")
        bounds.at_most(f"{what}: memory (MiB)", MEMORY_MIB, found.grown_mib - idle, ".1f")
        bounds.at_least(f"{what}: events", 1, len(found.delays), ".0f")
        bounds.at_most(f"{what}: latest event (s)", POLL_INTERVAL + 1, max(found.delays, default=99.0))

    return check


def measure_refusals(platforms: list[str]) -> Iterator[Callable[[Bounds], None]]:
    """Measure the requests to a server that refuses all of them; yield the checks of the results."""
    counted = f"requests in {REFUSED:g} s"
    print(f"\n{'A server that responds':<48} {counted:>19} {'most per interval':>19}")
    for response, fault in FAULTS.items():
        for name in platforms if response == "401" else platforms[:1]:  # their authentication differs
            with start_platform(name) as platform:
                session_ids = tuple(platform.request("create", 3))
                platform.request("add_fault", fault)
                for kind in ("ours", "HttpSensor") if name == platforms[0] else ("ours",):
                    found = measure(kind, platform, session_ids[:1], settle=0, watch=REFUSED, change=False)
                    what = f"{response} ({name})"
                    print(f"{what:<36} {kind:<11} {len(found.arrivals):>19} {found.most_per_interval:>19}", flush=True)
                    if kind == "ours":
                        yield _make_refusal_check(what, found)


def _make_refusal_check(what: str, found: Measurement) -> Callable[[Bounds], None]:
    def check(bounds: Bounds) -> None:
        bounds.at_most(f"{what}: requests within one poll interval", 1, found.most_per_interval, ".0f")

    return check


def main() -> int:
    """Measure, print the results, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one platform, and 100 waiters")
    parser.add_argument("--platforms", nargs="+", choices=PAGE, default=list(PAGE), metavar="NAME")
    parser.add_argument("--crowds", action="store_true", help="only crowds and stored arguments")
    parser.add_argument("--earlier", metavar="FOLDER", help="a checkout of an earlier version to compare crowds with")
    parser.add_argument("--repeats", type=int, default=5, help="how often crowds are measured")
    given = parser.parse_args()
    platforms, sizes = (["vidinfra"], [100]) if given.quick else (given.platforms, [1, 100, 1000])
    checks: list[Callable[[Bounds], None]] = []
    if not given.crowds:
        checks += [*measure_sizes(platforms, sizes), *measure_refusals(platforms)]
    if not given.quick:
        checks += measure_crowds(given.earlier, given.repeats)
    bounds = Bounds()
    for check in checks:
        check(bounds)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
