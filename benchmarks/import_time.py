"""What importing the operators adds to importing Airflow's SDK.

A DAG file is imported again and again by Airflow's DAG processor, so what it imports is paid for all day. Every
measurement is taken in a fresh process, after the SDK was imported; the median of several is held against a budget.
CPU time is what counts: it does not grow because something else runs on the machine.

    python benchmarks/import_time.py

prints the numbers, and exits with 1 if the operators are over the budget or load what only tasks need.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

MODULE = "airflow_provider_sessions.operators.sessions"
BUDGET_MS = 150.0
ROUNDS = 9

LATE = ("jwt", "pyarrow", "redis", "airflow_provider_sessions.platforms.vidinfra", "airflow_provider_sessions.sandbox")
"""What is to be loaded when first used: signing, formats, platforms."""

PROGRAM = f"""
import json, sys, time
begun = time.process_time()
import airflow.sdk
cpu, clock, before = time.process_time(), time.perf_counter(), set(sys.modules)
import {MODULE}
added = set(sys.modules) - before
print(json.dumps({{
    "sdk": (cpu - begun) * 1000,
    "ours": (time.process_time() - cpu) * 1000,
    "ours on the clock": (time.perf_counter() - clock) * 1000,
    "modules": len(added),
    "early": sorted(added.intersection({LATE!r})),
}}))
"""


def measure() -> dict[str, Any]:
    """Import everything in a fresh process."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def main() -> int:
    """Measure and report; the process's exit status."""
    rounds = [measure() for _ in range(ROUNDS)]
    sdk, ours, clock, modules = (
        statistics.median(one[name] for one in rounds) for name in ("sdk", "ours", "ours on the clock", "modules")
    )
    print(f"import airflow.sdk   {sdk:6.0f} ms of CPU time")
    print(f"import {MODULE}   +{ours:.0f} ms ({clock:.0f} ms on the clock, {modules:.0f} modules)")
    print(f"Median of {ROUNDS} fresh processes. Budget: +{BUDGET_MS:.0f} ms.")
    early = rounds[0]["early"]
    if early:
        print(f"Loaded although nothing needs it yet: {', '.join(early)}")
    return 1 if early or ours > BUDGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())
