"""What importing the operators adds to importing Airflow's SDK, beside Airflow's own provider for HTTP.

A DAG file is imported again and again by Airflow's DAG processor, so what it imports is paid for all day. Both are
imported in turn, each time in a fresh process, after the SDK was imported; the medians are compared. CPU time is what
counts: it does not grow because something else runs on the machine. The SDK's objects are taken from the garbage
collector before, which would otherwise go through them in whichever import comes next.

The commands of ``airflow sessions`` are imported with every ``airflow`` command, beside the SDK and Airflow's own
commands; what they add is compared with the import of the SDK.

    python benchmarks/import_time.py

prints the numbers, and exits with 1 if the operators take more than their share of the HTTP provider's time, or the
commands more than theirs of the SDK's. What must not be imported is tested in ``tests/unit/test_package.py``. It needs
``apache-airflow-providers-http``.
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
MOST_OF_COMMANDS = 0.01
"""CPU time that the commands may take, by that of the SDK."""
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
COMMANDS_PROGRAM = """
import gc, json, time
began = time.process_time()
import airflow.sdk
sdk = time.process_time() - began
import airflow.cli.cli_config
gc.collect()
gc.freeze()
began = time.process_time()
from airflow_provider_sessions.cli.definition import get_sessions_commands
get_sessions_commands()
print(json.dumps([(time.process_time() - began) * 1000, sdk * 1000]))
"""


def measure_commands() -> tuple[float, float]:
    """Define the commands in a fresh process; CPU time in ms, and that of importing the SDK."""
    done = subprocess.run([sys.executable, "-c", COMMANDS_PROGRAM], capture_output=True, text=True, check=True)
    milliseconds, sdk = json.loads(done.stdout)
    return milliseconds, sdk


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
    commands, sdk = (
        statistics.median(times) for times in zip(*(measure_commands() for _ in range(ROUNDS)), strict=True)
    )
    share = commands / sdk
    print(f"Commands: {commands:.1f} ms; {share:.4f} of the SDK's {sdk:.0f} ms, at most {MOST_OF_COMMANDS}")
    return 1 if ours / peer > MOST or share > MOST_OF_COMMANDS else 0


if __name__ == "__main__":
    sys.exit(main())
