"""What importing the operators adds to importing Airflow's SDK, beside Airflow's own provider for HTTP.

A DAG file is imported again and again by Airflow's DAG processor, so what it imports is paid for all day. Both are
imported in turn, each time in a fresh process, after the SDK was imported; the medians are compared. CPU time is what
counts: it does not grow because something else runs on the machine. The SDK's objects are taken from the garbage
collector before, which would otherwise go through them in whichever import comes next.

    python benchmarks/import_time.py

prints the numbers, and exits with 1 if the operators take more than their share of the HTTP provider's time. What they
must not import is tested in ``tests/unit/test_package.py``. It needs ``apache-airflow-providers-http``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

OURS = "airflow_provider_sessions.operators.sessions"
PEER = "airflow.providers.http.operators.http"
MOST = 0.6
"""CPU time that importing ours may take, by that of the peer."""
ROUNDS = 9

PROGRAM = """
import gc, importlib, json, sys, time
import airflow.sdk
gc.collect()
gc.freeze()
before, began = set(sys.modules), time.process_time()
importlib.import_module(sys.argv[1])
print(json.dumps([(time.process_time() - began) * 1000, len(set(sys.modules) - before)]))
"""


def measure(module: str) -> tuple[float, int]:
    """Import a module in a fresh process; CPU time in ms, and how many modules came with it."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=True)
    milliseconds, modules = json.loads(done.stdout)
    return milliseconds, modules


def main() -> int:
    """Measure and report; the process's exit status."""
    taken: dict[str, list[float]] = {OURS: [], PEER: []}
    for _ in range(ROUNDS):
        for module, times in taken.items():
            milliseconds, modules = measure(module)
            times.append(milliseconds)
            print(f"import {module:45} {milliseconds:6.0f} ms of CPU time, {modules} modules")
    ours, peer = statistics.median(taken[OURS]), statistics.median(taken[PEER])
    print(f"Medians of {ROUNDS}: {ours:.0f} and {peer:.0f} ms; {ours / peer:.2f} of the peer's, at most {MOST}")
    return 1 if ours / peer > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
