"""Draw rate_limit.png: how processes share the rate limit of an account, by the provider's own limiter.

    python docs/figures/rate_limit.py

It needs the dependency group "bench", and takes half a minute. Two processes that make eight calls a second where they
may, as exports do, and one that polls twice a second, as a triggerer does, share a file.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import tempfile
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import matplotlib as mpl

from airflow_provider_sessions.clock import SYSTEM_CLOCK
from airflow_provider_sessions.rate_limit.limit import RateLimit, TrafficClass
from airflow_provider_sessions.rate_limit.stores import get_account_limiter

mpl.use("Agg")
from matplotlib import pyplot as plt

FIGURE = Path(__file__).with_suffix(".png")
LIMIT = RateLimit(20, 5)
SECONDS = 20.0
ROWS = {
    "triggerer: polls": (TrafficClass.POLL, 0.0, SECONDS, 0.5),
    "worker 2: an export": (TrafficClass.CALL, 6.0, SECONDS, 0.12),
    "worker 1: an export": (TrafficClass.CALL, 0.0, 14.0, 0.12),
}
"""Name of a process, and: its class of traffic, when it begins and ends, and its pause between two requests."""


def run_process(name: str, started: Barrier, results: Queue[tuple[str, list[float]]]) -> None:
    """Send requests for a time once all processes have started, and put when they were sent."""
    started.wait()
    results.put((name, asyncio.run(send_requests(*ROWS[name], time.time()))))


async def send_requests(
    traffic_class: TrafficClass, begin: float, end: float, pause: float, origin: float
) -> list[float]:
    """Return when the requests of a process were sent, in seconds from an origin."""
    limiter = get_account_limiter("figure", LIMIT, SYSTEM_CLOCK, None)
    sent: list[float] = []
    await asyncio.sleep(max(0.0, origin + begin - time.time()))
    while True:
        wait = await limiter.reserve(traffic_class, max_wait=math.inf)
        await asyncio.sleep(wait or 0)
        while (wait := await limiter.admit()) > 0:  # noqa: ASYNC110 - other processes hold it up
            await asyncio.sleep(wait)
        if time.time() - origin > end:
            return sent
        sent.append(time.time() - origin)
        await asyncio.sleep(pause)


def measure() -> dict[str, list[float]]:
    """Return when each process sent its requests."""
    context = multiprocessing.get_context("spawn")
    results: Queue[tuple[str, list[float]]] = context.Queue()
    started = context.Barrier(len(ROWS))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"] = folder
        processes = [context.Process(target=run_process, args=(name, started, results)) for name in ROWS]
        for process in processes:
            process.start()
        sent = dict(results.get(timeout=SECONDS + 120) for _ in processes)
        for process in processes:
            process.join()
    return sent


def count_in_window(sent: list[float], at: float) -> int:
    """Return how many requests were sent in the window that ends at a time."""
    return sum(at - LIMIT.seconds < one <= at for one in sent)


def draw(sent: dict[str, list[float]]) -> None:
    """Draw the requests of each process, and how many there were in each window."""
    figure, (rows, total) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    for row, name in enumerate(ROWS):
        rows.plot(sent[name], [row] * len(sent[name]), "|", markersize=22, color=f"C{row}")
    rows.set_yticks(range(len(ROWS)), [f"{name} ({len(sent[name])})" for name in ROWS])
    rows.set_ylim(-0.6, len(ROWS) - 0.4)
    rows.set_title("requests of three processes on one account")
    every = sorted(time for times in sent.values() for time in times)
    moments = [step / 20 for step in range(int(20 * SECONDS))]
    total.step(moments, [count_in_window(every, moment) for moment in moments], where="post", color="black")
    total.axhline(LIMIT.requests, color="tab:red", linestyle="--")
    total.text(SECONDS, LIMIT.requests + 0.4, f"the account's limit: {LIMIT}", ha="right", color="tab:red")
    total.set_ylim(0, LIMIT.requests * 1.2)
    total.set_ylabel(f"requests in {LIMIT.seconds:.0f} s")
    total.set_xlabel("seconds")
    figure.savefig(FIGURE, dpi=150)
    busiest = max(count_in_window(every, time) for time in every)
    print(f"{len(every)} requests, at most {busiest} in any {LIMIT.seconds:.0f} s; drawn: {FIGURE}")


if __name__ == "__main__":
    draw(measure())
