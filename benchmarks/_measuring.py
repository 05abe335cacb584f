"""Shared by the benchmarks: measurements in a new process, an Airflow in it, and a table of targets and results."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Meter:
    """Measures a ``with`` block of a process that does nothing else.

    Memory is that in Linux's ```/proc/self/status```: before the block, when everything is imported, and its peak.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    base_bytes: int = 0
    peak_bytes: int = 0
    results: dict[str, Any] = field(default_factory=dict)
    """Further results of the work."""

    @property
    def grown_mib(self) -> float:
        """The growth of memory."""
        return (self.peak_bytes - self.base_bytes) / MIB

    def __enter__(self) -> Meter:
        self.base_bytes = read_memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        self.cpu_seconds, self.seconds = -_cpu(), -time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter()
        self.cpu_seconds += _cpu()
        self.peak_bytes = read_memory("VmHWM")


def in_child(work: Callable[..., object], *arguments: Any) -> Meter:
    """Run ``work(meter, *arguments)`` in a new process.

    :returns: the meter after the work.
    :raises RuntimeError: the work failed; its traceback is on the terminal.
    """
    with started(_metered, work, arguments) as (port, process):
        try:
            meter: Meter = port.recv()
        except EOFError:
            process.join()
            raise RuntimeError(f"{work.__name__} failed with status {process.exitcode}") from None
    return meter


@contextmanager
def started(work: Callable[..., object], *arguments: Any) -> Any:
    """Run ``work(port, *arguments)`` in a new process for the time of a ``with`` block.

    Yields the other end of the port, and the process.
    """
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, process
    finally:
        process.kill()
        process.join()


def _metered(port: Any, work: Callable[..., object], arguments: Iterable[Any]) -> None:
    meter = Meter()
    work(meter, *arguments)
    port.send(meter)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def read_memory(name: str) -> int:
    """Return a value of ``/proc/self/status`` in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system does not report {name}; the benchmarks need Linux")


def prepare_airflow(home: str) -> None:
    """Import Airflow with a temporary home, and allow operators to run without a task."""
    os.environ["AIRFLOW_HOME"] = f"{home}/airflow"
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.environ["AIRFLOW_PROVIDER_SESSIONS_RATE_DIR"] = f"{home}/rates"
    logging.disable(logging.INFO)
    from airflow.sdk.bases.operator import ExecutorSafeguard

    ExecutorSafeguard.test_mode = True  # it would warn


def connection(name: str, **fields: Any) -> None:
    """Set an Airflow connection."""
    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps(fields)


class Bounds:
    """Compares results with their targets and prints them line by line."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"\n{'':<72} {'target':>12} {'measured':>12}")

    def at_most(self, what: str, limit: float, measured: float, form: str = ".2f") -> None:
        """Check that a result is not larger than its limit."""
        self._line(what, "<=", limit, measured, form, reached=measured <= limit)

    def at_least(self, what: str, limit: float, measured: float, form: str = ".2f") -> None:
        """Check that a result is not smaller than its limit."""
        self._line(what, ">=", limit, measured, form, reached=measured >= limit)

    def _line(self, what: str, sign: str, limit: float, measured: float, form: str, *, reached: bool) -> None:
        target, found = f"{sign} {limit:{form}}", f"{measured:{form}}"
        print(f"{what:<72} {target:>12} {found:>12}{'' if reached else '   MISSED'}", flush=True)
        if not reached:
            self.missed.append(what)

    @property
    def status(self) -> int:
        """The exit status."""
        return 1 if self.missed else 0
