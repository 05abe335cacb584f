"""Which rate limiter keeps many workers inside one account's limit, and how much of the limit each of them uses.

Several processes send 200 requests to a platform that takes 10 in any 3 seconds. A judge in a process of its own writes
down when each request arrives and refuses (429, with ``Retry-After``) what is too much in a strict sliding window. The
ideal is 57 seconds: 10 at once, and 10 more at the end of each of 19 windows. Everybody uses the same HTTP library on
the same server, has it imported, starts at the same moment, and does what a 429 says.

    uv pip install --group bench
    python benchmarks/rate_limit.py --processes 8              # all of them: about ten minutes
    python benchmarks/rate_limit.py --only ours-file ours-redis
    python benchmarks/rate_limit.py --lanes                    # 60 s of polling and export together
    python benchmarks/rate_limit.py --tasks                    # 60 s of two workers whose tasks are processes

prints the table, and exits with 1 if one of ours was refused anything or took over 1.02 times the ideal. Redis is
expected at 127.0.0.1:6379. Clocks are set apart by giving processes a ``time.time`` and a ``Clock`` that are wrong.
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

from airflow_provider_sessions.client.answers import Dialect
from airflow_provider_sessions.client.call import Call, Endpoints, call
from airflow_provider_sessions.client.client import Client, ClientConfig
from airflow_provider_sessions.client.retry import RetryPolicy
from airflow_provider_sessions.rate_limit.file_store import FileStore
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.limiter import WindowLimiter
from airflow_provider_sessions.rate_limit.redis_store import RedisAddress, RedisStore

LIMIT, WINDOW, REQUESTS = 10, 3.0, 200
IDEAL = (math.ceil(REQUESTS / LIMIT) - 1) * WINDOW
GOAL = 1.02
LONGEST = 150.0
SKEW = 0.4
REDIS = ("127.0.0.1", 6379)
SPAWN = multiprocessing.get_context("spawn")

# The judge


class Judge:
    """Counts arrivals in a strict sliding window.

    :param limit: requests that it grants in any ``window`` seconds.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self.arrivals: list[tuple[float, str, bool]] = []
        self.granted: list[float] = []

    def judge(self, traffic_class: str) -> float | None:
        """None where the request that arrives now is granted, else seconds until one would be."""
        now = time.monotonic()
        oldest = self.granted[-self._limit] if len(self.granted) >= self._limit else -math.inf
        granted = now - oldest >= self._window
        self.arrivals.append((now, traffic_class, granted))
        if granted:
            self.granted.append(now)
            return None
        return oldest + self._window - now


async def preside(port: Any, limit: int, window: float) -> None:
    """Serve ``/take/<lane>`` and ``/arrivals``."""
    judge = Judge(limit, window)

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                status, headers, body = "200 OK", "", json.dumps({"taken": True})
                if path == "/arrivals":
                    body = json.dumps(judge.arrivals)
                elif path.startswith("/take/") and (wait := judge.judge(path.rpartition("/")[2])) is not None:
                    status, headers = "429 Too Many Requests", f"Retry-After: {math.ceil(wait)}\r\n"
                answer = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}"
                writer.write(f"{answer}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    port.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


def judge_process(port: Any, limit: int, window: float) -> None:
    asyncio.run(preside(port, limit, window))


# Those who are judged: each sends one request after another until all are sent


class SkewedClock:
    """A machine's clock that is wrong."""

    def __init__(self, skew: float) -> None:
        self._skew = timedelta(seconds=skew)

    def now(self) -> datetime:
        """The wrong time."""
        return datetime.now(UTC) + self._skew

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""
        await asyncio.sleep(max(0.0, seconds))


api = Endpoints("benchmark")


@api("GET", "/take/{traffic_class}", documented=True)
def take(traffic_class: str) -> Call[dict[str, Any]]:
    """Take one of the platform's slots."""
    return call(dict[str, Any])


@api("GET", "/hello", documented=True)
def hello() -> Call[dict[str, Any]]:
    """Say hello, which is not counted."""
    return call(dict[str, Any])


async def warm_up(url: str) -> None:
    """Import what a first request imports."""
    async with Client(ClientConfig(base_url=url), dialect=Dialect("benchmark")) as unlimited:
        await unlimited.send(hello())


@contextlib.asynccontextmanager
async def our_client(
    url: str,
    place: str,
    skew: float,
    traffic_class: TrafficClass = TrafficClass.CALL,
    limit: int = LIMIT,
    window: float = WINDOW,
) -> AsyncIterator[Client]:
    rate = RateLimit(limit, window)
    shelf = RedisStore(RedisAddress(*REDIS), place, rate) if "/" not in place else FileStore(Path(place), rate)
    config = ClientConfig(base_url=url, retry=RetryPolicy(attempts=50, max_wait=LONGEST))
    clock = SkewedClock(skew)
    limiter = WindowLimiter(shelf, rate)
    async with Client(
        config, dialect=Dialect("benchmark"), limiter=limiter, traffic_class=traffic_class, clock=clock
    ) as client:
        yield client


def ours(url: str, place: str, skew: float, start: Barrier, more: Callable[[], bool]) -> None:
    async def run() -> None:
        await warm_up(url)
        async with our_client(url, place, skew) as client:
            start.wait()
            while more():
                await client.send(take("call"))

    asyncio.run(run())


def theirs(acquire: Callable[[], Any], url: str, start: Barrier, more: Callable[[], bool]) -> None:
    with httpx.Client() as client:
        client.get(f"{url}/hello")
        start.wait()
        while more():
            acquire()
            while (answer := client.get(f"{url}/take/call")).status_code == 429:
                time.sleep(float(answer.headers["Retry-After"]))
                acquire()


def nothing(url: str, place: str, skew: float, start: Barrier, more: Callable[[], bool]) -> None:
    theirs(lambda: None, url, start, more)


def pyrate(url: str, place: str, skew: float, start: Barrier, more: Callable[[], bool]) -> None:
    library = importlib.import_module("pyrate_limiter")
    rates = [library.Rate(LIMIT, int(WINDOW * 1000))]
    if "/" in place:
        bucket = library.SQLiteBucket.init_from_file(rates, db_path=place, use_file_lock=True)
    else:
        redis = importlib.import_module("redis").Redis(*REDIS)
        bucket = library.RedisBucket.init(rates, redis, place)
    limiter = library.Limiter(bucket)
    theirs(lambda: limiter.try_acquire("account"), url, start, more)


def limits(url: str, place: str, skew: float, start: Barrier, more: Callable[[], bool]) -> None:
    library = importlib.import_module("limits")
    storage = importlib.import_module("limits.storage").RedisStorage(f"redis://{REDIS[0]}:{REDIS[1]}")
    limiter = importlib.import_module("limits.strategies").MovingWindowRateLimiter(storage)
    item = library.RateLimitItemPerSecond(LIMIT, int(WINDOW))

    def acquire() -> None:
        while not limiter.hit(item, place):
            time.sleep(max(0.01, limiter.get_window_stats(item, place).reset_time - time.time()))

    theirs(acquire, url, start, more)


CONTESTANTS: dict[str, tuple[str, Callable[..., None], bool, float]] = {
    "ours-file": ("this package, file", ours, True, 0),
    "ours-redis": ("this package, Redis", ours, False, 0),
    "ours-redis-skew": ("this package, Redis, clocks apart", ours, False, SKEW),
    "none": ("no limiter", nothing, True, 0),
    "pyrate-sqlite": ("pyrate-limiter, SQLite + file lock", pyrate, True, 0),
    "pyrate-redis": ("pyrate-limiter, Redis", pyrate, False, 0),
    "pyrate-redis-skew": ("pyrate-limiter, Redis, clocks apart", pyrate, False, SKEW),
    "limits-redis": ("limits, moving window, Redis", limits, False, 0),
    "limits-redis-skew": ("limits, moving window, Redis, clocks apart", limits, False, SKEW),
}
"""Name on the command line: name in the table, what it does, whether it keeps a file, seconds between the clocks."""


def worker(name: str, number: int, url: str, place: str, start: Barrier, sent: Any) -> None:
    """One process of a contestant."""
    _, work, _, apart = CONTESTANTS[name]
    skew = apart / 2 * (1 if number % 2 else -1)
    right = time.time
    time.time = lambda: right() + skew  # before anybody's library is imported
    ends = time.monotonic() + LONGEST

    def more() -> bool:
        with sent.get_lock():
            sent.value += 1
            return bool(sent.value <= REQUESTS and time.monotonic() < ends)

    work(url, place, skew, start, more)


# Measuring


@contextlib.contextmanager
def court(limit: int = LIMIT, window: float = WINDOW) -> Any:
    """A judge in a process of its own; gives its address."""
    ours_end, theirs_end = SPAWN.Pipe()
    process = SPAWN.Process(target=judge_process, args=(theirs_end, limit, window), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours_end.recv()}"
    finally:
        process.kill()
        process.join()


def arrivals_at(url: str) -> list[tuple[float, str, bool]]:
    with urllib.request.urlopen(f"{url}/arrivals", timeout=10) as answer:
        arrivals: list[tuple[float, str, bool]] = [tuple(arrival) for arrival in json.load(answer)]
    return arrivals


def worst_window(times: list[float]) -> int:
    return max(sum(begin <= other < begin + WINDOW for other in times) for begin in times)


def measure(name: str, processes: int) -> bool:
    """Let one contestant run and print its line; whether it reached the goal."""
    title, _, in_file, _ = CONTESTANTS[name]
    with tempfile.TemporaryDirectory() as folder, court() as url:
        Path(folder).chmod(0o700)
        place = f"{folder}/account" if in_file else f"benchmark-{secrets.token_hex(6)}"
        start, sent = SPAWN.Barrier(processes), SPAWN.Value("i", 0)
        load = os.getloadavg()[0]
        workers = [
            SPAWN.Process(target=worker, args=(name, number, url, place, start, sent)) for number in range(processes)
        ]
        for process in workers:
            process.start()
        for process in workers:
            process.join()
        arrivals = arrivals_at(url)
    granted = [moment for moment, _, was_granted in arrivals if was_granted]
    took, refused = granted[-1] - granted[0], len(arrivals) - len(granted)
    worst = worst_window([moment for moment, _, _ in arrivals])
    print(
        f"{title:<44} {len(granted):>7} {refused:>8} {worst:>13} {took:>9.2f} {took / IDEAL:>8.3f} "
        f"{load:>5.1f} to {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return refused == 0 and len(granted) == REQUESTS and took <= GOAL * IDEAL


def compare(names: list[str], processes: int) -> bool:
    print(f"{processes} processes, {REQUESTS} requests, {LIMIT} in any {WINDOW:g} s; ideal {IDEAL:g} s")
    print(f"{'':<44} {'granted':>7} {'refused':>8} {'worst window':>13} {'seconds':>9} {'x ideal':>8} {'load':>10}")
    results = {name: measure(name, processes) for name in names}
    return all(reached for name, reached in results.items() if name.startswith("ours"))


# Polling and export together

STEP = 6.0
POLLING = (18.0, 36.0)
POLL_EVERY = 2.0


def exporter(url: str, place: str, seconds: float, start: Barrier) -> None:
    """Send calls without a pause."""

    async def run() -> None:
        await warm_up(url)
        async with our_client(url, place, 0) as client:
            start.wait()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await client.send(take("call"))

    asyncio.run(run())


async def poll(url: str, place: str, start: Barrier) -> list[tuple[float, float]]:
    """Poll for a while; when each poll began, and how long it took."""
    looks = []
    await warm_up(url)
    async with our_client(url, place, 0, TrafficClass.POLL) as client:
        await asyncio.to_thread(start.wait)
        began = time.monotonic()
        await asyncio.sleep(POLLING[0])
        while (asked := time.monotonic()) - began < POLLING[1]:
            await client.send(take("poll"))
            looks.append((asked, time.monotonic() - asked))
            await asyncio.sleep(max(0.0, POLL_EVERY - looks[-1][1]))
    return looks


def lanes(processes: int, seconds: float = 60.0) -> bool:
    """Print who gets how many slots while polling pauses, goes on and pauses again."""
    with tempfile.TemporaryDirectory() as folder, court() as url:
        Path(folder).chmod(0o700)
        place = f"{folder}/account"
        start = SPAWN.Barrier(processes + 1)
        exporters = [SPAWN.Process(target=exporter, args=(url, place, seconds, start)) for _ in range(processes)]
        for process in exporters:
            process.start()
        looks = asyncio.run(poll(url, place, start))
        for process in exporters:
            process.join()
        arrivals = arrivals_at(url)
    began = arrivals[0][0]
    print(f"{processes} exporting processes without a pause; polling every {POLL_EVERY:g} s from {POLLING[0]:g} to")
    print(f"{POLLING[1]:g} s; {LIMIT} in any {WINDOW:g} s, of which {LIMIT // 5} are polling's")
    print(f"{'seconds':>10} {'calls':>6} {'polls':>6} {'refused':>8} {'longest poll (s)':>17}")
    for step in range(int(seconds / STEP)):
        low, high = began + step * STEP, began + (step + 1) * STEP
        here = [(traffic_class, granted) for moment, traffic_class, granted in arrivals if low <= moment < high]
        took = [wait for asked, wait in looks if low <= asked < high]
        print(
            f"{low - began:>4.0f} to {high - began:>2.0f} {here.count(('call', True)):>6} "
            f"{here.count(('poll', True)):>6} {sum(not granted for _, granted in here):>8} "
            f"{f'{max(took):.2f}' if took else '':>17}"
        )
    return all(granted for _, _, granted in arrivals)


# Tasks that are processes, as in a Celery worker: each connects anew

TASKS_LIMIT, TASKS_WINDOW = 3, 1.0
TASKS_AT_ONCE = 4


def task(url: str, place: str, requests: int) -> None:
    """One task: a client of its own, a few requests."""

    async def run() -> None:
        async with our_client(url, place, 0, limit=TASKS_LIMIT, window=TASKS_WINDOW) as client:
            for _ in range(requests):
                await client.send(take("call"))

    asyncio.run(run())


def task_worker(url: str, place: str, ends: float) -> None:
    """Start tasks as long as there is time, a few at once."""
    fork = multiprocessing.get_context("fork")
    running: list[Any] = []
    for number in range(1_000_000):
        while len(running := [process for process in running if process.is_alive()]) >= TASKS_AT_ONCE:
            time.sleep(0.005)
        if time.monotonic() > ends:
            break
        running.append(fork.Process(target=task, args=(url, place, 1 + 2 * (number % 2))))
        running[-1].start()
    for process in running:
        process.join()


def tasks(seconds: float = 60.0) -> bool:
    """Print how close to each other requests of two workers' tasks arrived; whether all kept their distance."""
    place = f"benchmark-{secrets.token_hex(6)}"
    with court(TASKS_LIMIT, TASKS_WINDOW) as url:
        ends = time.monotonic() + seconds
        workers = [SPAWN.Process(target=task_worker, args=(url, place, ends)) for _ in range(2)]
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
    print(f"{too_close} windows with one too many")
    return not too_close


def main() -> int:
    """Measure and report; the process's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--lanes", action="store_true", help="60 s of polling and export together instead")
    parser.add_argument("--tasks", action="store_true", help="60 s of two workers whose tasks are processes instead")
    given = parser.parse_args()
    if given.tasks:
        return 0 if tasks() else 1
    reached = lanes(given.processes) if given.lanes else compare(given.only, given.processes)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
