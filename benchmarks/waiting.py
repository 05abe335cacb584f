"""What waiting costs: many waiters of ours, and as many of Airflow's deferrable HttpSensor, on the same server.

    uv pip install --group bench
    python benchmarks/waiting.py             about five minutes
    python benchmarks/waiting.py --quick     a minute: one platform, and fewer waiters

Real triggers run, as a triggerer runs them: all in one event loop. Each measurement has a process of its own, and the
platform's sandbox another, on loopback. Waiters wait for sessions that are about to start, the time in which all of
them poll every POLL_INTERVAL; then one session is started.

HttpSensor can only wait for a 404 to go away, not for a state; so it waits for something that is not there.

Exits with 1 if one of our own bounds is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import math
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from benchmarks._measuring import Bounds, Meter, connection, prepare_airflow, started

POLL_INTERVAL = 2.0
WATCHED = 4.0
"""Seconds for which requests are counted."""
STORM = 4.0
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


# --- the platform, in a process of its own ----------------------------------------------------------------------------


def serve(port: Any, name: str) -> None:
    """Serve a sandbox and do what the other side of the port asks."""
    from airflow_provider_sessions.sandbox import Sandbox, SandboxServer

    with SandboxServer(Sandbox(seed=7)) as server:
        platform = server.sandbox.platform(name)
        platform.remove_rate_limit()
        port.send(platform.connection())
        while True:
            question, given = port.recv()
            port.send(_ANSWERS[question](server.sandbox, platform, given))


def _make(sandbox: Any, platform: Any, count: int) -> list[str]:
    soon = sandbox.clock.now() + timedelta(seconds=POLL_INTERVAL)
    made: list[str] = platform.create(count=count, scheduled_start=soon)
    return made


def _start(sandbox: Any, platform: Any, session_id: str) -> float:
    platform.start(session_id)
    return time.time()


def _break(sandbox: Any, platform: Any, fault: dict[str, Any]) -> None:
    sandbox.faults.add("status", times=None, **fault)


def _clear(sandbox: Any, platform: Any, given: None) -> None:
    sandbox.log.clear()


def _arrivals(sandbox: Any, platform: Any, given: None) -> list[float]:
    return [entry.wall for entry in sandbox.log.entries()]


_ANSWERS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "make": _make,
    "start": _start,
    "break": _break,
    "clear": _clear,
    "arrivals": _arrivals,
}


class Platform:
    """The other end of :func:`serve`.

    :param port: leads there.
    """

    def __init__(self, name: str, port: Any) -> None:
        self.name = name
        self._port = port
        self.connection: dict[str, Any] = port.recv()

    def request(self, question: str, given: Any = None) -> Any:
        """Have something done, and get the answer."""
        self._port.send((question, given))
        return self._port.recv()


@contextmanager
def platform_of(name: str) -> Iterator[Platform]:
    """A fresh sandbox, for as long as a ``with`` block lasts."""
    with started(serve, name) as (port, _):
        yield Platform(name, port)


# --- the waiters, each kind in a process of its own -------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """Who waits for what.

    :param connection: as ``AIRFLOW_CONN_...`` takes it.
    :param sessions: ids; as many waiters as there are.
    """

    platform: str
    connection: dict[str, Any]
    sessions: tuple[str, ...]


def connect(scene: Scene, home: str) -> None:
    """Make the connections known, and let nobody write a log: that would be measured, too."""
    prepare_airflow(home)
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    extra = dict(scene.connection.get("extra") or {}) | {"rate_limit": "100000/s"}
    connection(CONN_ID, **(scene.connection | {"extra": extra}))
    connection("benchmark_http", conn_type="http", host=scene.connection["host"])


def our_triggers(scene: Scene) -> list[Any]:
    """Waiters of ours."""
    from airflow_provider_sessions.platforms.registry import adapter_class
    from airflow_provider_sessions.triggers.sessions import SessionStateTrigger

    adapter_class(scene.platform)  # the module is loaded before memory is measured, as it is in the others
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
        for session_id in scene.sessions
    ]


def http_triggers(scene: Scene) -> list[Any]:
    """Airflow's, waiting for something that is not there."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return [
        HttpSensorTrigger(endpoint="/nothing-here", http_conn_id="benchmark_http", poke_interval=POLL_INTERVAL)
        for _ in scene.sessions
    ]


def idle_triggers(scene: Scene) -> list[Any]:
    """As many triggers of Airflow that only sleep: what is measured is compared with them."""
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    class Idle(BaseTrigger):
        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "", {}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            await asyncio.sleep(3600)
            yield TriggerEvent(None)

    return [Idle() for _ in scene.sessions]  # type: ignore[no-untyped-call]  # Airflow's own


_KINDS = {"ours": our_triggers, "HttpSensor": http_triggers, "idle": idle_triggers}


def wait(meter: Meter, port: Any, kind: str, scene: Scene) -> None:
    """Run the waiters until the other side says that it is enough."""
    with tempfile.TemporaryDirectory() as home:
        connect(scene, home)
        _KINDS[kind](replace(scene, sessions=scene.sessions[:1]))  # what it needs is imported now
        gc.collect()
        with meter:
            asyncio.run(_wait(meter, port, _KINDS[kind](scene)))


async def _wait(meter: Meter, port: Any, triggers: list[Any]) -> None:
    fired: list[float] = []
    waiters = [asyncio.ensure_future(_event_of(trigger, fired)) for trigger in triggers]
    lags: list[float] = []
    told = asyncio.to_thread(port.recv)
    sampler = asyncio.ensure_future(_sample(lags))
    port.send("waiting")
    await told
    lags.clear()
    await asyncio.to_thread(port.recv)
    sampler.cancel()
    meter.told = {"fired": fired, "lags": lags}
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, sampler, return_exceptions=True)


async def _event_of(trigger: Any, fired: list[float]) -> None:
    async for _ in trigger.run():
        fired.append(time.time())
        return


async def _sample(lags: list[float]) -> None:
    """How much later than asked for the loop comes back, in milliseconds."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(0.005)
        lags.append(1000 * (time.perf_counter() - asked - 0.005))


def _run(port: Any, kind: str, scene: Scene) -> None:
    meter = Meter()
    wait(meter, port, kind, scene)
    port.send(meter)


# --- what is measured -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """What one measurement found.

    :param arrivals: of requests while they were counted, in seconds since 1970.
    :param seconds: for how long that was.
    :param delays: seconds from a change to the event of each who waited for it.
    :param lags: of the event loop, in milliseconds.
    :param grown_mib: of memory.
    """

    arrivals: list[float]
    seconds: float
    delays: list[float]
    lags: list[float]
    grown_mib: float

    @property
    def a_minute(self) -> float:
        """Requests a minute."""
        return 60 * len(self.arrivals) / self.seconds

    @property
    def lag_p99(self) -> float:
        """Of a hundred times the loop came back, the second latest."""
        return statistics.quantiles(self.lags, n=100)[98] if len(self.lags) > 1 else self.lag_max

    @property
    def lag_max(self) -> float:
        """The latest; infinite where the loop did not come back at all."""
        return max(self.lags, default=math.inf)

    @property
    def at_once(self) -> int:
        """The most requests within a poll interval, but for a twentieth of it."""
        span = 0.95 * POLL_INTERVAL
        return max((sum(first <= at < first + span for at in self.arrivals) for first in self.arrivals), default=0)


def measure(
    kind: str, platform: Platform, sessions: tuple[str, ...], *, settle: float, watch: float, change: bool
) -> Finding:
    """Let waiters wait for a while, count, and start the last session in the end.

    :param settle: seconds for the first poll, which are not counted.
    :param watch: seconds that are.
    """
    with started(_run, kind, Scene(platform.name, platform.connection, sessions)) as (port, process):
        _receive(port, process)
        time.sleep(settle)
        platform.request("clear")
        port.send("count")
        time.sleep(watch)
        arrivals = platform.request("arrivals")
        changed = platform.request("start", sessions[-1]) if change else 0.0
        if change:
            time.sleep(POLL_INTERVAL + 1)
        port.send("enough")
        meter: Meter = _receive(port, process)
    delays = [at - changed for at in meter.told["fired"]] if change else []
    return Finding(arrivals, watch, delays, meter.told["lags"], meter.grown_mib)


def _receive(port: Any, process: Any) -> Any:
    try:
        return port.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a measurement ended with status {process.exitcode}") from None


def print_line(what: str, kind: str, found: Finding, idle_mib: float) -> None:
    """One line of the table."""
    delay = f"{max(found.delays):.2f}" if found.delays else "-"
    print(
        f"{what:<36} {kind:<11} {found.a_minute:>9.0f} {found.lag_p99:>9.1f} {found.lag_max:>9.1f} "
        f"{found.grown_mib - idle_mib:>9.1f} {delay:>9}",
        flush=True,
    )


def crowds(platforms: list[str], sizes: list[int]) -> Iterator[Callable[[Bounds], None]]:
    """Measure crowds of waiters and print a table; gives what is to be checked."""
    print(f"A poll every {POLL_INTERVAL:g} s; memory is over as many triggers that only sleep\n")
    header = ("requests", "lag p99", "lag max", "memory", "delay")
    units = ("a minute", "ms", "ms", "MiB", "s")
    for words in (header, units):
        print(f"{'':<48} " + " ".join(f"{word:>9}" for word in words))
    idle_mib: dict[int, float] = {}
    for name in platforms:
        for size in sizes:
            with platform_of(name) as platform:
                one = tuple(platform.request("make", 1)) * size
                if size not in idle_mib:
                    idle_mib[size] = measure("idle", platform, one, settle=0, watch=1, change=False).grown_mib
                for which in ("the same", "different") if size > 1 else ("one session",):
                    sessions = tuple(platform.request("make", size)) if which == "different" else one
                    found = measure("ours", platform, sessions, settle=3, watch=WATCHED, change=True)
                    what = f"{name}, {size} for {which}"
                    print_line(what, "ours", found, idle_mib[size])
                    yield _bounds_of(what, name, len(set(sessions)), found, idle_mib[size])
                found = measure("HttpSensor", platform, one, settle=1, watch=WATCHED, change=False)
                print_line(f"{name}, {size}", "HttpSensor", found, idle_mib[size])


def _bounds_of(what: str, name: str, sessions: int, found: Finding, idle: float) -> Callable[[Bounds], None]:
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


def refusals(platforms: list[str]) -> Iterator[Callable[[Bounds], None]]:
    """Measure what a server that refuses everything has to bear; gives what is to be checked."""
    counted = f"requests in {STORM:g} s"
    print(f"\n{'A server that answers':<48} {counted:>19} {'most an interval':>19}")
    for answer, fault in FAULTS.items():
        for name in platforms if answer == "401" else platforms[:1]:  # how they log in differs
            with platform_of(name) as platform:
                made = tuple(platform.request("make", 3))
                platform.request("break", fault)
                for kind in ("ours", "HttpSensor") if name == platforms[0] else ("ours",):
                    found = measure(kind, platform, made[:1], settle=0, watch=STORM, change=False)
                    what = f"{answer} ({name})"
                    print(f"{what:<36} {kind:<11} {len(found.arrivals):>19} {found.at_once:>19}", flush=True)
                    if kind == "ours":
                        yield _refused(what, found)


def _refused(what: str, found: Finding) -> Callable[[Bounds], None]:
    def check(bounds: Bounds) -> None:
        bounds.at_most(f"{what}: requests within one poll interval", 1, found.at_once, ".0f")

    return check


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one platform, and 100 waiters")
    parser.add_argument("--platforms", nargs="+", choices=PAGE, default=list(PAGE), metavar="NAME")
    given = parser.parse_args()
    platforms, sizes = (["vidinfra"], [100]) if given.quick else (given.platforms, [1, 100, 1000])
    checks = [*crowds(platforms, sizes), *refusals(platforms)]
    bounds = Bounds()
    for check in checks:
        check(bounds)
    return bounds.status


if __name__ == "__main__":
    sys.exit(main())
