"""Compare rate limiters: whether they keep many workers within an account's limit, and how much of it they use.

Several processes send 200 requests to a platform that allows 10 in any 3 seconds. The platform, a process of its own,
records when each request arrives and refuses (429, with ``Retry-After``) what exceeds a strict sliding window. The
minimum is 57 seconds: 10 requests at once, and 10 more at the end of each of 19 windows. All workers use the same HTTP
library on the same server, import it before they start, start at the same time, and wait as a 429 says.

    uv pip install --group bench
    python benchmarks/rate_limit.py --processes 8              # all of them: about ten minutes
    python benchmarks/rate_limit.py --only ours-file ours-redis
    python benchmarks/rate_limit.py --traffic-classes          # 60 s of polling and export together
    python benchmarks/rate_limit.py --tasks                    # 60 s of two workers whose tasks are processes

prints the table, and exits with 1 if a request of this package was refused, or if it took over 1.02 times the minimum.
Redis is expected at 127.0.0.1:6379. Clocks differ because processes get a wrong ``time.time`` and a wrong ``Clock``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import math
import multiprocessing
import os
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import httpx

from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.responses import Dialect
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.rate_limit.file_store import FileLimiter
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import WindowLimiter
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisStore

LIMIT, WINDOW, REQUESTS = 10, 3.0, 200
IDEAL = (math.ceil(REQUESTS / LIMIT) - 1) * WINDOW
GOAL = 1.02
MAX_SECONDS = 150.0
SKEW = 0.4
REDIS = ("127.0.0.1", 6379)
SPAWN = multiprocessing.get_context("spawn")

# The platform


class SlidingWindow:
    """Counts arrivals in a strict sliding window.

    :param limit: requests that it accepts in any ``window`` seconds.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self.arrivals: list[tuple[float, str, bool]] = []
        self.accepted: list[float] = []

    def admit(self, traffic_class: str) -> float | None:
        """Accept the request that arrives now and return None, or return the seconds until one would be accepted."""
        now = time.monotonic()
        oldest = self.accepted[-self._limit] if len(self.accepted) >= self._limit else -math.inf
        accepted = now - oldest >= self._window
        self.arrivals.append((now, traffic_class, accepted))
        if accepted:
            self.accepted.append(now)
            return None
        return oldest + self._window - now


async def serve(port: Any, limit: int, window: float) -> None:
    """Serve ``/take/<traffic class>`` and ``/arrivals``."""
    window_state = SlidingWindow(limit, window)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                status, headers, body = "200 OK", "", json.dumps({"taken": True})
                if path == "/arrivals":
                    body = json.dumps(window_state.arrivals)
                elif path.startswith("/take/") and (wait := window_state.admit(path.rpartition("/")[2])) is not None:
                    status, headers = "429 Too Many Requests", f"Retry-After: {math.ceil(wait)}\r\n"
                response = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
                writer.write(f"{response}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def run_platform(port: Any, limit: int, window: float) -> None:
    asyncio.run(serve(port, limit, window))


# The workers: each sends one request after the other until all are sent


class SkewedClock:
    """A clock that is wrong."""

    def __init__(self, skew: float) -> None:
        self._skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        """Return the wrong time."""
        return datetime.now(UTC) + self._skew

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        await asyncio.sleep(max(0.0, seconds))


api = Endpoints("benchmark")


@api("GET", "/take/{traffic_class}", documented=True)
def take(traffic_class: str) -> Call[dict[str, Any]]:
    """Send a request that the platform counts."""
    return call(dict[str, Any])


@api("GET", "/hello", documented=True)
def hello() -> Call[dict[str, Any]]:
    """Send a request that the platform does not count."""
    return call(dict[str, Any])


async def warm_up(url: str) -> None:
    """Send a request, so that all imports are done."""
    async with Client(ClientConfig(base_url=url), dialect=Dialect("benchmark")) as unlimited:
        await unlimited.send(hello())


@contextlib.asynccontextmanager
async def make_client(
    url: str,
    store_name: str,
    skew: float,
    traffic_class: TrafficClass = TrafficClass.CALL,
    limit: int = LIMIT,
    window: float = WINDOW,
) -> AsyncIterator[Client]:
    rate = RateLimit(limit, window)
    limiter = (
        WindowLimiter(RedisStore(RedisAddress(*REDIS), store_name, rate), rate)
        if "/" not in store_name
        else FileLimiter(Path(store_name), rate)
    )
    config = ClientConfig(base_url=url, retry=RetryPolicy(attempts=50, max_wait=MAX_SECONDS))
    clock = SkewedClock(skew)
    async with Client(
        config, dialect=Dialect("benchmark"), limiter=limiter, traffic_class=traffic_class, clock=clock
    ) as client:
        yield client


def send_with_this_package(
    url: str, store_name: str, skew: float, start: Barrier, has_more: Callable[[], bool]
) -> None:
    async def run() -> None:
        await warm_up(url)
        async with make_client(url, store_name, skew) as client:
            start.wait()
            while has_more():
                await client.send(take("call"))

    asyncio.run(run())


def send_with(acquire: Callable[[], Any], url: str, start: Barrier, has_more: Callable[[], bool]) -> None:
    with httpx.Client() as client:
        client.get(f"{url}/hello")
        start.wait()
        while has_more():
            acquire()
            while (response := client.get(f"{url}/take/call")).status_code == 429:
                time.sleep(float(response.headers["Retry-After"]))
                acquire()


def send_without_limiter(url: str, store_name: str, skew: float, start: Barrier, has_more: Callable[[], bool]) -> None:
    send_with(lambda: None, url, start, has_more)


def send_with_pyrate(url: str, store_name: str, skew: float, start: Barrier, has_more: Callable[[], bool]) -> None:
    library = importlib.import_module("pyrate_limiter")
    rates = [library.Rate(LIMIT, int(WINDOW * 1000))]
    if "/" in store_name:
        bucket = library.SQLiteBucket.init_from_file(rates, db_path=store_name, use_file_lock=True)
    else:
        redis = importlib.import_module("redis").Redis(*REDIS)
        bucket = library.RedisBucket.init(rates, redis, store_name)
    limiter = library.Limiter(bucket)
    send_with(lambda: limiter.try_acquire("account"), url, start, has_more)


def send_with_limits(url: str, store_name: str, skew: float, start: Barrier, has_more: Callable[[], bool]) -> None:
    library = importlib.import_module("limits")
    storage = importlib.import_module("limits.storage").RedisStorage(f"redis://{REDIS[0]}:{REDIS[1]}")
    limiter = importlib.import_module("limits.strategies").MovingWindowRateLimiter(storage)
    item = library.RateLimitItemPerSecond(LIMIT, int(WINDOW))

    def acquire() -> None:
        while not limiter.hit(item, store_name):
            time.sleep(max(0.01, limiter.get_window_stats(item, store_name).reset_time - time.time()))

    send_with(acquire, url, start, has_more)


LIMITERS: dict[str, tuple[str, Callable[..., None], bool, float]] = {
    "ours-file": ("this package, file", send_with_this_package, True, 0),
    "ours-redis": ("this package, Redis", send_with_this_package, False, 0),
    "ours-redis-skew": ("this package, Redis, clocks apart", send_with_this_package, False, SKEW),
    "none": ("no limiter", send_without_limiter, True, 0),
    "pyrate-sqlite": ("pyrate-limiter, SQLite + file lock", send_with_pyrate, True, 0),
    "pyrate-redis": ("pyrate-limiter, Redis", send_with_pyrate, False, 0),
    "pyrate-redis-skew": ("pyrate-limiter, Redis, clocks apart", send_with_pyrate, False, SKEW),
    "limits-redis": ("limits, moving window, Redis", send_with_limits, False, 0),
    "limits-redis-skew": ("limits, moving window, Redis, clocks apart", send_with_limits, False, SKEW),
}
"""Name on the command line: name in the table, function, whether it uses a file, seconds between the clocks."""


def worker(name: str, number: int, url: str, store_name: str, start: Barrier, sent: Any) -> None:
    """Run one process of a limiter."""
    _, work, _, clock_difference = LIMITERS[name]
    skew = clock_difference / 2 * (1 if number % 2 else -1)
    right = time.time
    time.time = lambda: right() + skew  # before any library is imported
    ends = time.monotonic() + MAX_SECONDS

    def has_more() -> bool:
        with sent.get_lock():
            sent.value += 1
            return bool(sent.value <= REQUESTS and time.monotonic() < ends)

    work(url, store_name, skew, start, has_more)


# Measuring


@contextlib.contextmanager
def start_platform(limit: int = LIMIT, window: float = WINDOW) -> Any:
    """Start the platform in a process of its own; yield its URL."""
    receiver, sender = SPAWN.Pipe()
    process = SPAWN.Process(target=run_platform, args=(sender, limit, window), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receiver.recv()}"
    finally:
        process.kill()
        process.join()


def arrivals_at(url: str) -> list[tuple[float, str, bool]]:
    with urllib.request.urlopen(f"{url}/arrivals", timeout=10) as response:
        arrivals: list[tuple[float, str, bool]] = [tuple(arrival) for arrival in json.load(response)]
    return arrivals


def count_busiest_window(times: list[float]) -> int:
    return max(sum(begin <= other < begin + WINDOW for other in times) for begin in times)


def measure(name: str, processes: int) -> bool:
    """Measure one limiter and print its line; return whether it reached the goal."""
    title, _, in_file, _ = LIMITERS[name]
    with tempfile.TemporaryDirectory() as folder, start_platform() as url:
        Path(folder).chmod(0o700)
        store_name = f"{folder}/account" if in_file else f"benchmark-{secrets.token_hex(6)}"
        start, sent = SPAWN.Barrier(processes), SPAWN.Value("i", 0)
        load = os.getloadavg()[0]
        workers = [
            SPAWN.Process(target=worker, args=(name, number, url, store_name, start, sent))
            for number in range(processes)
        ]
        for process in workers:
            process.start()
        for process in workers:
            process.join()
        arrivals = arrivals_at(url)
    accepted = [moment for moment, _, was_accepted in arrivals if was_accepted]
    took, refused = accepted[-1] - accepted[0], len(arrivals) - len(accepted)
    busiest = count_busiest_window([moment for moment, _, _ in arrivals])
    print(
        f"{title:<44} {len(accepted):>8} {refused:>8} {busiest:>13} {took:>9.2f} {took / IDEAL:>8.3f} "
        f"{load:>5.1f} to {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return refused == 0 and len(accepted) == REQUESTS and took <= GOAL * IDEAL


def compare(names: list[str], processes: int) -> bool:
    print(f"{processes} processes, {REQUESTS} requests, {LIMIT} in any {WINDOW:g} s; minimum {IDEAL:g} s")
    print(f"{'':<44} {'accepted':>8} {'refused':>8} {'busiest window':>13} {'seconds':>9} {'x min.':>8} {'load':>10}")
    results = {name: measure(name, processes) for name in names}
    return all(has_reached_goal for name, has_reached_goal in results.items() if name.startswith("ours"))


# Polling and export together

STEP = 6.0
POLLING = (18.0, 36.0)
POLL_EVERY = 2.0


def run_exporter(url: str, store_name: str, seconds: float, start: Barrier) -> None:
    """Send calls without a pause."""

    async def run() -> None:
        await warm_up(url)
        async with make_client(url, store_name, 0) as client:
            start.wait()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await client.send(take("call"))

    asyncio.run(run())


async def poll(url: str, store_name: str, start: Barrier) -> list[tuple[float, float]]:
    """Poll for a while; return when each poll began, and how long it took."""
    polls = []
    await warm_up(url)
    async with make_client(url, store_name, 0, TrafficClass.POLL) as client:
        await asyncio.to_thread(start.wait)
        began = time.monotonic()
        await asyncio.sleep(POLLING[0])
        while (started := time.monotonic()) - began < POLLING[1]:
            await client.send(take("poll"))
            polls.append((started, time.monotonic() - started))
            await asyncio.sleep(max(0.0, POLL_EVERY - polls[-1][1]))
    return polls


def measure_traffic_classes(processes: int, seconds: float = 60.0) -> bool:
    """Print how many requests each traffic class sends while polling pauses, runs and pauses again."""
    with tempfile.TemporaryDirectory() as folder, start_platform() as url:
        Path(folder).chmod(0o700)
        store_name = f"{folder}/account"
        start = SPAWN.Barrier(processes + 1)
        exporters = [
            SPAWN.Process(target=run_exporter, args=(url, store_name, seconds, start)) for _ in range(processes)
        ]
        for process in exporters:
            process.start()
        polls = asyncio.run(poll(url, store_name, start))
        for process in exporters:
            process.join()
        arrivals = arrivals_at(url)
    began = arrivals[0][0]
    print(f"{processes} exporting processes without a pause; polling every {POLL_EVERY:g} s from {POLLING[0]:g} to")
    print(f"{POLLING[1]:g} s; {LIMIT} in any {WINDOW:g} s, of which {LIMIT // 5} are for polling")
    print(f"{'seconds':>10} {'calls':>6} {'polls':>6} {'refused':>8} {'longest poll (s)':>17}")
    for step in range(int(seconds / STEP)):
        low, high = began + step * STEP, began + (step + 1) * STEP
        here = [(traffic_class, accepted) for moment, traffic_class, accepted in arrivals if low <= moment < high]
        took = [wait for started, wait in polls if low <= started < high]
        print(
            f"{low - began:>4.0f} to {high - began:>2.0f} {here.count(('call', True)):>6} "
            f"{here.count(('poll', True)):>6} {sum(not accepted for _, accepted in here):>8} "
            f"{f'{max(took):.2f}' if took else '':>17}"
        )
    return all(accepted for _, _, accepted in arrivals)


# Tasks that are processes, as in a Celery worker: each opens its own connection

TASKS_LIMIT, TASKS_WINDOW = 3, 1.0
CONCURRENT_TASKS = 4


def task(url: str, store_name: str, requests: int) -> None:
    """Run one task: a client of its own, a few requests."""

    async def run() -> None:
        async with make_client(url, store_name, 0, limit=TASKS_LIMIT, window=TASKS_WINDOW) as client:
            for _ in range(requests):
                await client.send(take("call"))

    asyncio.run(run())


def run_tasks(url: str, store_name: str, ends: float) -> None:
    """Start tasks until the deadline, a few at a time."""
    fork = multiprocessing.get_context("fork")
    running: list[Any] = []
    for number in range(1_000_000):
        while len(running := [process for process in running if process.is_alive()]) >= CONCURRENT_TASKS:
            time.sleep(0.005)
        if time.monotonic() > ends:
            break
        running.append(fork.Process(target=task, args=(url, store_name, 1 + 2 * (number % 2))))
        running[-1].start()
    for process in running:
        process.join()


def measure_tasks(seconds: float = 60.0) -> bool:
    """Print how close together the requests of two workers' tasks arrived; return whether all kept to the limit."""
    store_name = f"benchmark-{secrets.token_hex(6)}"
    with start_platform(TASKS_LIMIT, TASKS_WINDOW) as url:
        ends = time.monotonic() + seconds
        workers = [SPAWN.Process(target=run_tasks, args=(url, store_name, ends)) for _ in range(2)]
        for process in workers:
            process.start()
        for process in workers:
            process.join()
        times = sorted(moment for moment, _, _ in arrivals_at(url))
    spans = sorted(after - before for before, after in zip(times, times[TASKS_LIMIT:], strict=False))
    too_close = sum(span < TASKS_WINDOW for span in spans)
    print(f"2 workers, each task a process, {TASKS_LIMIT} in any {TASKS_WINDOW:g} s through Redis")
    print(f"{len(times)} requests in {times[-1] - times[0]:.1f} s; load {os.getloadavg()[0]:.1f}")
    print(f"shortest times for {TASKS_LIMIT + 1} to arrive: {', '.join(f'{span:.3f}' for span in spans[:5])} s")
    print(f"{too_close} windows above the limit")
    return not too_close


def main() -> int:
    """Measure, print the results and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=LIMITERS, default=list(LIMITERS), metavar="NAME")
    parser.add_argument("--traffic-classes", action="store_true", help="60 s of polling and export together instead")
    parser.add_argument("--tasks", action="store_true", help="60 s of two workers whose tasks are processes instead")
    given = parser.parse_args()
    if given.tasks:
        return 0 if measure_tasks() else 1
    has_reached_goal = (
        measure_traffic_classes(given.processes) if given.traffic_classes else compare(given.only, given.processes)
    )
    return 0 if has_reached_goal else 1


if __name__ == "__main__":
    sys.exit(main())
